//! import observation

// Copies the observation of the lane's sample, which begins at word `base` of `observations`, to the tile.
fn network_fetch(base: u32, lane: u32) {
    for (var k = 0u; k < OBSERVATION; k++) {
        h0[4u * ROW * k + lane] = stored_component(base, k);
    }
}
