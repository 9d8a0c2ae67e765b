// Computes an observation, stores it if it is to be stored, and copies it to the tile. The lanes whose numbers are equal modulo SAMPLES share the words.
fn network_take(s: u32, observation: ptr<function, Observation>, base: u32, stored: bool, lane: u32) {
    for (var w = lane / SAMPLES; w < OBSERVATION_WORDS; w += LANES / SAMPLES) {
        let word = observation_word(observation, w);
        if (stored) {
            observations[base + w] = word;
        }
        bits[w * SAMPLES + lane % SAMPLES] = word;
        atomicOr(&some[w], word);
    }
}
