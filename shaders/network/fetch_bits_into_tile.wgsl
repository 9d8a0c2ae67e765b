//! import observation

// Copies the observation of the lane's sample, which begins at word `base` of `observations`, to the tile, and notes the components that are 1 in it.
fn network_fetch(base: u32, lane: u32) {
    for (var w = 0u; w < OBSERVATION_WORDS; w++) {
        // Rows that were never written may hold anything; there is no component behind the last one.
        let left = OBSERVATION - 32u * w;
        let word = observations[base + w] & select(0xffffffffu, (1u << (left % 32u)) - 1u, left < 32u);
        bits[w * SAMPLES + lane] = word;
        atomicOr(&some[w], word);
    }
}
