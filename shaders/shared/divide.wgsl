// Division and remainder for the code of an environment, which writes `a / b` and `a % b`. Drivers may compute anything where they know a divisor to be 0, and
// software drivers do, silently. Here they know neither operand, so that the result is what IEEE 754 says, an infinity or NaN, and is found.

//! import opaque

fn opaque_2(x: vec2<f32>) -> vec2<f32> {
    return bitcast<vec2<f32>>(bitcast<vec2<u32>>(x) ^ vec2(hidden_zero()));
}

fn opaque_3(x: vec3<f32>) -> vec3<f32> {
    return bitcast<vec3<f32>>(bitcast<vec3<u32>>(x) ^ vec3(hidden_zero()));
}

fn opaque_4(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) ^ vec4(hidden_zero()));
}

fn divide_1(a: f32, b: f32) -> f32 {
    return opaque_float(a) / opaque_float(b);
}

fn divide_2(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    return opaque_2(a) / opaque_2(b);
}

fn divide_3(a: vec3<f32>, b: vec3<f32>) -> vec3<f32> {
    return opaque_3(a) / opaque_3(b);
}

fn divide_4(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return opaque_4(a) / opaque_4(b);
}

fn remainder_1(a: f32, b: f32) -> f32 {
    return opaque_float(a) % opaque_float(b);
}

fn remainder_2(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    return opaque_2(a) % opaque_2(b);
}

fn remainder_3(a: vec3<f32>, b: vec3<f32>) -> vec3<f32> {
    return opaque_3(a) % opaque_3(b);
}

fn remainder_4(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return opaque_4(a) % opaque_4(b);
}
