// Adds all lanes' losses to four floats of partials, from float `row` on.
fn add_losses(row: u32, value: vec4<f32>, accumulate: bool, lane: u32) {
    let sum = select(vec4(0.0), partials[row / 4u], accumulate) + of_all(value);
    if (lane == 0u) {
        partials[row / 4u] = whole(sum, lane);
    }
}
