//! import observation

// Copies the observation of the lane's sample, which begins at word `base` of `observations`, to h0.
fn network_fetch(base: u32, lane: u32) {
    for (var k = 0u; k < OBSERVATION; k++) {
        h0[k / 4u][k % 4u] = stored_component(base, k);
    }
}
