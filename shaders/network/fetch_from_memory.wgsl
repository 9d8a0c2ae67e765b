//! import observation

// Records that the observation of the lane's sample begins at word `base` of `observations`, where the first layer reads it.
fn network_fetch(base: u32, lane: u32) {
    observation_at = base;
}
