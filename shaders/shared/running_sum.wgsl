// A running sum in two floats, value + error, accurate to about 48 bits. In one float, a sum of ones would stop growing at 2^24. Each addition keeps the
// rounding error (TwoSum: Knuth, The Art of Computer Programming 2, section 4.2.2). `value` is the sum rounded to one float.

struct RunningSum {
    value: f32,
    error: f32,
}

// `i` is any number that is never 0xFFFFFFFF.
fn running_sum_plus(sum: RunningSum, x: f32, i: u32) -> RunningSum {
    let total = opaque_float(sum.value + x, i);
    let added = opaque_float(total - sum.value, i);
    let kept = opaque_float(total - added, i);
    let lost = opaque_float(sum.value - kept, i) + opaque_float(x - added, i);
    let error = opaque_float(sum.error + lost, i);
    let value = opaque_float(total + error, i);
    return RunningSum(value, error - opaque_float(value - total, i));
}

// `x`, hidden from compilers: those that treat floats as real numbers would conclude that every error is 0.
fn opaque_float(x: f32, i: u32) -> f32 {
    return select(x, 0.0, i == 0xFFFFFFFFu);
}
