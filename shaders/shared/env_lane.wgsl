// The state of one environment between dispatches.

//! import running_sum
//! import lane_words

struct EnvLane {
    state: EnvState,
    episode: Episode,
}

// A running episode.
struct Episode {
    sum: RunningSum,  // of its rewards
    steps: u32,
}

const NEW_EPISODE = Episode(RunningSum(0.0, 0.0), 0u);

// The state of a new episode; its random numbers are keyed by the upcoming step.
fn begin_episode(agent: Agent, time: u32, n: u32) -> EnvState {
    vary_parameters(agent, time, n);
    var rng = rng_stream(agent.seed, RESET_DOMAIN, time, n);
    return env_reset(&rng);
}
