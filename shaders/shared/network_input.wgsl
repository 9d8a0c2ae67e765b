// The networks' input for a component of an observation.

fn network_input(x: f32) -> f32 {
    return select(x, clamp(x, -OBSERVATION_CLIP, OBSERVATION_CLIP), NORMALIZE_OBSERVATIONS);
}
