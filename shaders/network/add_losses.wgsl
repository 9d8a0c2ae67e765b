// Adds all lanes' losses to four floats of partials, from float `row` on.
fn add_losses(row: u32, value: vec4<f32>, accumulate: bool, lane: u32) {
    let sums = tile_sum(value, lane);
    if (lane < 4u) {
        add_partial(row + lane, sums[lane], accumulate, lane);
    }
}
