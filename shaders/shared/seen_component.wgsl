// Components of an observation as the networks see them.

//! import lane_fault

// Component k of the observation, normalised by the moments of earlier rollouts, and not clipped yet.
fn seen_component(s: u32, observation: ptr<function, Observation>, k: u32) -> f32 {
    return seen(s, component_of(observation, k), k);
}

// The same, of its value x.
fn seen(s: u32, x: f32, k: u32) -> f32 {
    if (NORMALIZE_OBSERVATIONS) {
        let normalizer = normalizers[s * (OBSERVATION + 1u) + k];
        return (x - normalizer.mean.value) * normalizer.scale;
    }
    return x;
}

// A component as it is stored.
fn stored(x: f32) -> u32 {
    note_fault(select(FAULT_OBSERVATION, NO_FAULT, is_finite(x)));
    return bitcast<u32>(x);
}
