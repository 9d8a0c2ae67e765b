// A running sum in two floats, value + error, accurate to about 48 bits. In one float, a sum of ones would stop growing at 2^24. Each addition keeps the
// rounding error (TwoSum: Knuth, The Art of Computer Programming 2, section 4.2.2). `value` is the sum rounded to one float.

//! import opaque

struct RunningSum {
    value: f32,
    error: f32,
}

fn running_sum_plus(sum: RunningSum, x: f32) -> RunningSum {
    let value = opaque_float(sum.value);
    let addend = opaque_float(x);
    let total = opaque_float(value + addend);
    let added = opaque_float(total - value);
    let kept = opaque_float(total - added);
    let lost = opaque_float(value - kept) + opaque_float(addend - added);
    let error = opaque_float(sum.error + lost);
    let rounded = opaque_float(total + error);
    return RunningSum(rounded, error - opaque_float(rounded - total));
}
