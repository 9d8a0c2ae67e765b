// Float `index` of params.
fn parameter(index: u32) -> f32 {
    return params[index / 4u][index % 4u];
}
