// Component k, as input of the networks, of the observation at `base` in `observations`: stored as a bit if all components are 0 or 1, else as a float.

//! import network_input

fn stored_component(base: u32, k: u32) -> f32 {
    if (PACKED_OBSERVATIONS) {
        return f32((observations[base + k / 32u] >> (k % 32u)) & 1u);
    }
    return network_input(bitcast<f32>(observations[base + k]));
}
