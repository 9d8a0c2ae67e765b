// Observations in `observations`: normalised, or as bits.

//! import observation_place
//! import seen_component

// Word `w` of an observation of bits.
fn observation_word(observation: ptr<function, Observation>, w: u32) -> u32 {
    var word = 0u;
    for (var k = 0u; k < min(32u, OBSERVATION - 32u * w); k++) {
        word |= select(0u, 1u, component_of(observation, 32u * w + k) != 0.0) << k;
    }
    return word;
}

// Lanes that follow the same environment share the words.
fn store_observation(s: u32, row: u32, n: u32, lane: u32, observation: ptr<function, Observation>) {
    let base = observation_place(s, row, n);
    if (PACKED_OBSERVATIONS) {
        for (var w = select(0u, lane / SAMPLES, FOLLOWERS); w < OBSERVATION_WORDS; w += select(1u, LANES / SAMPLES, FOLLOWERS)) {
            observations[base + w] = observation_word(observation, w);
        }
        return;
    }
    for (var k = 0u; k < OBSERVATION; k++) {
        observations[base + k] = stored(seen_component(s, observation, k));
    }
}
