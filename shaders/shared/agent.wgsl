// An agent's row of hyper-parameters, written once by the host, and its counters, advanced by the kernel `report`.

struct Agent {
    seed: vec2<u32>,     // low and high word, like every pair of words here
    world: vec2<u32>,    // seed of environment parameters that outlast an episode; the agent's own, even when it plays with other seeds
    lr: f32,
    gamma: f32,
    gae_lambda: f32,
    clip: f32,
    entropy_coef: f32,
    value_coef: f32,
    max_grad_norm: f32,
    target_return: f32,  // stop learning at this mean return; the largest f32 when there is no target
    target_kl: f32,      // make no more gradient steps in an update once the approximate KL divergence is 1.5 times this; the largest f32 for no such limit
    canary_rounds: u32,  // CANARY_ROUNDS; see canary.wgsl
    update: u32,         // updates learned from
    sequence: u32,       // updates executed, including those after the agent stopped
    episodes: vec2<u32>, // episodes finished since the start
    recent: u32,         // entries of `recent` that are filled, at most WINDOW
    stopped: u32,        // 1 once the target was reached or a fault was found
    gradient_steps: u32, // gradient steps made in earlier updates; stays at the largest u32
    fault: u32,          // code of the fault that stopped it, NO_FAULT for none; later faults of its environments do not change it
}

// Progress of the run, in steps of one environment.
fn time_of(agent: Agent, t: u32) -> u32 {
    return agent.sequence * STEPS + t;
}

// The factor of linear annealing: constant within an update; in the last one 1 / UPDATES, not 0.
fn remaining(agent: Agent) -> f32 {
    // Beyond 2^24 updates the quotient rounds to 1 before the last update.
    if (UPDATES > 16777216u) {
        return f32(UPDATES - agent.update) / f32(UPDATES);
    }
    return 1.0 - f32(agent.update) / f32(UPDATES);
}

fn learning_rate(agent: Agent) -> f32 {
    return agent.lr * select(1.0, remaining(agent), ANNEAL_LR);
}

fn clip_range(agent: Agent) -> f32 {
    return agent.clip * select(1.0, remaining(agent), ANNEAL_CLIP);
}

fn entropy_weight(agent: Agent) -> f32 {
    return agent.entropy_coef * select(1.0, remaining(agent), ANNEAL_ENTROPY);
}
