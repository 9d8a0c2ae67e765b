// Observations in `observations`: normalised, or as bits.

//! import lane_fault
//! import observation_place

// Component k of the observation, normalised by the moments of earlier rollouts, and not clipped yet.
fn seen_component(s: u32, observation: ptr<function, Observation>, k: u32) -> f32 {
    let x = component_of(observation, k);
    if (NORMALIZE_OBSERVATIONS) {
        let normalizer = normalizers[s * (OBSERVATION + 1u) + k];
        return (x - normalizer.mean.value) * normalizer.scale;
    }
    return x;
}

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
        let x = seen_component(s, observation, k);
        observations[base + k] = bitcast<u32>(x);
        note_fault(select(FAULT_OBSERVATION, NO_FAULT, is_finite(x)));
    }
}
