// Copies `observation` to the tile.
fn network_take(s: u32, observation: ptr<function, Observation>, base: u32, stored: bool, lane: u32) {
    for (var k = 0u; k < OBSERVATION; k++) {
        h0[4u * ROW * k + lane] = network_input(seen_component(s, observation, k));
    }
}
