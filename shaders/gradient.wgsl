// PPO's losses and their gradient over one minibatch (Schulman et al. 2017, eq. 7 and 9), for the actor (network 0) and the critic (network 1):
//   policy loss = -mean min(ratio A, clip(ratio, 1 - eps, 1 + eps) A),  A normalised inside the minibatch;
//   value loss = 1/2 mean max((V - target)^2, (V_old + clip(V - V_old, -eps, eps) - target)^2);
//   loss = policy loss + c_v value loss - c_e mean entropy.
// index = gradient step * PASSES + pass. Row r of `partials` sums the tiles r, r + R, r + 2R, ...: one tile a pass.
// One lane: one sample, forward and backward; then, for the products over samples, one unit. One workgroup: one tile of one network.
// Reads agents, params, observations, actions, samples, moments. Writes partials. Twin: src/reference/gradient.rs.

//! import agent
//! import rng
//! import permute
//! import sample
//! import observation
//! import categorical
//! import network
//! import network_backward

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> agents: array<Agent>;                 // [s]
@group(0) @binding(2) var<storage, read> params: array<vec4<f32>>;             // [s][P/4]
@group(0) @binding(3) var<storage, read> observations: array<f32>;             // [s][T+1+F][n][O]
@group(0) @binding(4) var<storage, read> actions: array<u32>;                  // [s][t][n]
@group(0) @binding(5) var<storage, read> samples: array<Sample>;               // [s][t][n]
@group(0) @binding(6) var<storage, read> moments: array<vec2<f32>>;            // [s][e][k]
@group(0) @binding(7) var<storage, read_write> partials: array<f32>;           // [s][r][G]

@compute @workgroup_size(LANES)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let s = group.y / 2u;
    let network = group.y % 2u;
    let row = group.x + group.z * FOLD;
    let gradient_step = dispatch.index / PASSES;
    let pass_ = dispatch.index % PASSES;

    // Gather. Lanes past the end repeat the last sample with weight 0.
    let i = (pass_ * GRADIENT_ROWS + row) * LANES + lane;
    let agent = agents[s];
    let b = permute((gradient_step % MINIBATCHES) * MINIBATCH + min(i, MINIBATCH - 1u), permutation_key(agent, gradient_step / MINIBATCHES));
    let counted = select(0.0, 1.0, i < MINIBATCH);
    let sample = samples[s * BATCH + b];
    let action = actions[s * BATCH + b];
    let moment = moments[s * EPOCHS * MINIBATCHES + gradient_step];
    h0 = load_observation((s * VALUE_ROWS * ENVS + b) * OBSERVATION);

    // Forward.
    let head = network_forward((s * PARAMETERS + network * BLOCK) / 4u, lane);

    // Losses and their slopes at the head, of either network.
    let actor = actor_loss(head, agent, sample, action, (sample.advantage - moment.x) / (moment.y + 1e-8));
    let critic = critic_loss(head, agent, sample);
    let is_actor = network == 0u;
    let weight = counted / f32(MINIBATCH);
    var slope = actor.slope;
    for (var k = 0u; k < HEAD; k++) {
        slope[k] = weight * select(critic.slope[k], slope[k], is_actor);
    }

    // Backward.
    let base = (s * GRADIENT_ROWS + row) * GRADIENT_COLUMNS;
    network_backward((s * PARAMETERS + network * BLOCK) / 4u, base + network * BLOCK, pass_ > 0u, lane, slope);
    let sums = tile_sum(counted * select(critic.sums, actor.sums, is_actor), lane);
    if (lane < 4u) {
        add_partial(base + PARAMETERS + network * 4u + lane, sums[lane], pass_ > 0u);
    }
}

struct Loss {
    slope: array<vec4<f32>, HEAD>,  // d loss / d head output
    sums: vec4<f32>,                // what is reported: policy loss, entropy, approximate KL, clipped; or value loss, 0, 0, 0
}

fn actor_loss(head: array<vec4<f32>, HEAD>, agent: Agent, sample: Sample, action: u32, advantage: f32) -> Loss {
    var policy = categorical(head);
    let log_ratio = policy.log_probs[action] - sample.log_prob;
    let ratio = exp(log_ratio);
    let unclipped = ratio * advantage;
    let clipped = clamp(ratio, 1.0 - agent.clip, 1.0 + agent.clip) * advantage;
    // min() passes the slope of its smaller side; the clipped side has none outside the range and the same one inside.
    let log_prob_slope = select(0.0, -unclipped, unclipped <= clipped);
    var loss: Loss;
    loss.slope = categorical_slope(policy, action, log_prob_slope, -agent.entropy_coef);
    // (r - 1) - ln r: unbiased, never negative (Schulman, "Approximating KL divergence", k3).
    loss.sums = vec4(-min(unclipped, clipped), policy.entropy, (ratio - 1.0) - log_ratio, select(0.0, 1.0, abs(ratio - 1.0) > agent.clip));
    return loss;
}

fn critic_loss(head: array<vec4<f32>, HEAD>, agent: Agent, sample: Sample) -> Loss {
    let value = head[0].x;
    let error = value - sample.value_target;
    var squared = error * error;
    var slope = error;
    if (VALUE_CLIP) {
        let change = value - sample.value;
        let clipped_error = sample.value + clamp(change, -agent.clip, agent.clip) - sample.value_target;
        // Where the clipped error is the larger one the value is outside the range and has no slope; inside they are the same.
        let clipped_is_larger = clipped_error * clipped_error > squared && abs(change) > agent.clip;
        slope = select(slope, 0.0, clipped_is_larger);
        squared = max(squared, clipped_error * clipped_error);
    }
    var loss: Loss;
    loss.slope[0].x = agent.value_coef * slope;
    loss.sums = vec4(0.5 * squared, 0.0, 0.0, 0.0);
    return loss;
}
