// Division and remainder for the code of an environment, which writes `a / b` and `a % b`. Drivers may compute anything where they know a divisor to be 0, and
// software drivers do, silently. Here they know neither operand, so that the result is what IEEE 754 says, an infinity or NaN, and is found.

//! import grid

// What hides divisors: 0, like `hidden_zero`, but not known to be equal to it. Of two zeros behind the same number, NVIDIA's compiler knows that they are
// equal, and their quotient 1.
fn hidden_zero_too() -> u32 {
    return part.first >> 30u;
}

fn hidden_1(x: f32, zero: u32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) ^ zero);
}

fn hidden_2(x: vec2<f32>, zero: u32) -> vec2<f32> {
    return bitcast<vec2<f32>>(bitcast<vec2<u32>>(x) ^ vec2(zero));
}

fn hidden_3(x: vec3<f32>, zero: u32) -> vec3<f32> {
    return bitcast<vec3<f32>>(bitcast<vec3<u32>>(x) ^ vec3(zero));
}

fn hidden_4(x: vec4<f32>, zero: u32) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) ^ vec4(zero));
}

fn divide_1(a: f32, b: f32) -> f32 {
    return hidden_1(a, hidden_zero()) / hidden_1(b, hidden_zero_too());
}

fn divide_2(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    return hidden_2(a, hidden_zero()) / hidden_2(b, hidden_zero_too());
}

fn divide_3(a: vec3<f32>, b: vec3<f32>) -> vec3<f32> {
    return hidden_3(a, hidden_zero()) / hidden_3(b, hidden_zero_too());
}

fn divide_4(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return hidden_4(a, hidden_zero()) / hidden_4(b, hidden_zero_too());
}

fn remainder_1(a: f32, b: f32) -> f32 {
    return hidden_1(a, hidden_zero()) % hidden_1(b, hidden_zero_too());
}

fn remainder_2(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    return hidden_2(a, hidden_zero()) % hidden_2(b, hidden_zero_too());
}

fn remainder_3(a: vec3<f32>, b: vec3<f32>) -> vec3<f32> {
    return hidden_3(a, hidden_zero()) % hidden_3(b, hidden_zero_too());
}

fn remainder_4(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return hidden_4(a, hidden_zero()) % hidden_4(b, hidden_zero_too());
}
