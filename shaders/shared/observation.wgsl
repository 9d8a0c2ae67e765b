// Loads the observation that starts at `base` in `observations`, padded with zeros to whole vectors; clipped where observations are
// normalised, which are stored as they are.

//! import network_input

fn load_observation(base: u32) -> array<vec4<f32>, INPUT> {
    var packed: array<vec4<f32>, INPUT>;
    for (var k = 0u; k < OBSERVATION; k++) {
        packed[k / 4u][k % 4u] = network_input(observations[base + k]);
    }
    return packed;
}
