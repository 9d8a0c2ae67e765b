// Sine and cosine within 2^-21 for arguments up to 6,000 on every device. WGSL promises 2^-11 for its own `sin` and `cos`, up to pi, and some devices need it.

//! import opaque

fn precise_sin(x: f32) -> f32 {
    return sine_of_quarters(x, 0);
}

fn precise_cos(x: f32) -> f32 {
    return sine_of_quarters(x, 1);
}

// sin(x + quarters * pi/2). x = k pi/2 + r; pi/2 is the sum of three numbers whose first two are so short that their products with k are exact up to k = 4,096
// (Cody and Waite 1980, chapter 8). Sine and cosine of r, from -pi/4 to pi/4, are polynomials: their largest errors, 2^-27.9 of the sine itself and 2^-33.1, are
// as small as they can be with coefficients in f32.
fn sine_of_quarters(x: f32, quarters: i32) -> f32 {
    let k = round(x * 0.636619772);
    // Compilers may reorder sums; not this one.
    let near = opaque_float(x - k * 1.5703125);
    let r = (near - k * 0.000483870506) + k * 0.0000000437113883;
    let z = r * r;
    let sine = r + r * z * (-0.166666552 + z * (0.00833218824 + z * -0.000195180954));
    let cosine = (1.0 - 0.5 * z) + z * z * (0.0416666456 + z * (-0.00138873013 + z * 0.0000244306611));
    let quarter = i32(k) + quarters;
    let value = select(sine, cosine, (quarter & 1) == 1);
    return select(value, -value, (quarter & 2) == 2);
}
