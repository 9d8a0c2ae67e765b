// One environment as it lives between dispatches.

struct EnvLane {
    state: EnvState,
    episode_return: f32,  // of the running episode
    episode_length: u32,  // of the running episode
}

// A new episode; its random numbers are named by the step that is about to be made.
fn begin_episode(seed: vec2<u32>, time: u32, n: u32) -> EnvLane {
    vary_parameters(seed, time, n);
    var rng = rng_stream(seed, RESET_DOMAIN, time, n);
    return EnvLane(env_reset(&rng), 0.0, 0u);
}
