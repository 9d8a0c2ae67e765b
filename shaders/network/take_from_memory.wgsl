// Records that `observation` was stored from word `base` of `observations` on, where the first layer reads it.
fn network_take(s: u32, observation: ptr<function, Observation>, base: u32, stored: bool, lane: u32) {
    network_fetch(base, lane);
}
