// The state of one environment between dispatches.

//! import running_sum

struct EnvLane {
    state: EnvState,
    episode_return: RunningSum,  // of the running episode
    episode_length: u32,  // of the running episode
}

// A new episode; its random numbers are keyed by the upcoming step.
fn begin_episode(agent: Agent, time: u32, n: u32) -> EnvLane {
    vary_parameters(agent, time, n);
    var rng = rng_stream(agent.seed, RESET_DOMAIN, time, n);
    return EnvLane(env_reset(&rng), RunningSum(0.0, 0.0), 0u);
}
