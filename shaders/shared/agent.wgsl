// An agent's row of hyper-parameters, written once by the host, and its counters, advanced by the kernel `report`.

struct Agent {
    seed: vec2<u32>,
    lr: f32,
    gamma: f32,
    gae_lambda: f32,
    clip: f32,
    entropy_coef: f32,
    value_coef: f32,
    max_grad_norm: f32,
    target_return: f32,  // stop learning at this mean return; the largest f32 when there is no target
    update: u32,         // updates learned from
    sequence: u32,       // updates executed; runs on after the agent has stopped
    episodes: u32,       // episodes finished since the start
    recent: u32,         // entries of `recent` that are filled, at most WINDOW
    stopped: u32,        // 1 once the target was reached or a fault was found
    padding: u32,
}

// How far the run has come, in environment steps of one environment.
fn time_of(agent: Agent, t: u32) -> u32 {
    return agent.sequence * STEPS + t;
}

// The key of the permutation of an epoch.
fn permutation_key(agent: Agent, epoch: u32) -> vec2<u32> {
    return threefry2x32(agent.seed, vec2(PERMUTE_DOMAIN, agent.sequence * EPOCHS + epoch));
}

// Linear annealing, constant within an update; the last update's rate is lr / UPDATES, not 0.
fn learning_rate(agent: Agent) -> f32 {
    return agent.lr * select(1.0, 1.0 - f32(agent.update) / f32(UPDATES), ANNEAL_LR);
}
