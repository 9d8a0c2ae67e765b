//! import observation

// Copies the observation of the lane's sample, which begins at word `base` of `observations`, to the tile, and notes the components that are 1 in it.
fn network_fetch(base: u32, lane: u32) {
    for (var w = 0u; w < OBSERVATION_WORDS; w++) {
        let word = observations[base + w];
        bits[w * SAMPLES + lane] = word;
        atomicOr(&some[w], word);
    }
}
