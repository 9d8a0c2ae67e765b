fn activation(x: vec4<f32>) -> vec4<f32> {
    return max(x, vec4(0.0));
}

// d activation / d x, from the activation's value h.
fn activation_slope(h: vec4<f32>) -> vec4<f32> {
    return select(vec4(0.0), vec4(1.0), h > vec4(0.0));
}
