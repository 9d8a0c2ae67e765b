// Component `i` mod 4.
fn component(x: vec4<f32>, i: u32) -> f32 {
    return select(select(x.x, x.y, i % 4u == 1u), select(x.z, x.w, i % 4u == 3u), i % 4u > 1u);
}
