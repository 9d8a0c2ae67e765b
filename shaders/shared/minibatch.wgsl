// Minibatches: each epoch cuts a fresh permutation of the agent's BATCH samples into MINIBATCHES parts. Whatever learns draws its samples here.
// Twin: src/reference/layouts.rs, minibatch.

//! import permute

struct Minibatch {
    first: u32,      // its first place in the permutation
    key: vec2<u32>,  // of the epoch's permutation
}

// The minibatch of a gradient step.
fn minibatch(agent: Agent, gradient_step: u32) -> Minibatch {
    let epoch = agent.sequence * EPOCHS + gradient_step / MINIBATCHES;
    return Minibatch((gradient_step % MINIBATCHES) * MINIBATCH, threefry2x32(agent.seed, vec2(PERMUTE_DOMAIN, epoch)));
}

// The place of its sample `i` among those of the agent.
fn minibatch_sample(minibatch: Minibatch, i: u32) -> u32 {
    return permute(minibatch.first + i, minibatch.key);
}
