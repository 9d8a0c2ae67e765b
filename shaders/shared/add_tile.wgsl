// The gradient of a tile: fetches samples, runs them through a network, computes their losses and runs the slopes of these back.

//! import rng
//! import minibatch
//! import sample
//! import policy

// The data of a sample, without its observation.
struct Drawn {
    sample: Sample,
    action: Action,
    legal: Legal,
    counted: f32,  // 1, or 0 for a repetition past the end of the minibatch
}

var<private> tape_place: u32;  // the tile's place on the tape, where layers are wide

// Adds the gradient of a tile; returns the losses of the lane's sample.
fn add_tile(tile: u32, s: u32, network: u32, gradient_step: u32, agent: Agent, moment: vec2<f32>, accumulate: bool, lane: u32) -> vec4<f32> {
    // Gather.
    tape_place = ((s * 2u + network) * GRADIENT_ROWS + tile % GRADIENT_ROWS) * TILES_PER_PASS + tile / GRADIENT_ROWS % TILES_PER_PASS;
    let drawn = draw(s, tile * TILE + lane, lane, agent, gradient_step);

    // Forward.
    let block = s * PARAMETERS + network * BLOCK;
    let head = network_forward(block, lane);

    // Losses and their slopes at the head of either network.
    var slope: array<vec4<f32>, HEAD>;
    var sums = vec4(0.0);
    if (!SPARE_LANES || lane < TILE) {
        let is_actor = network == 0u;
        let advantage = select(drawn.sample.advantage, (drawn.sample.advantage - moment.x) / (moment.y + 1e-8), NORMALIZE_ADVANTAGES);
        // Software drivers compute both sides of a branch.
        var actor: Loss;
        var critic: Loss;
        if (!SPARE_LANES || is_actor) {
            actor = actor_loss(head, agent, drawn, advantage);
        }
        if (!SPARE_LANES || !is_actor) {
            critic = critic_loss(head, agent, drawn.sample);
        }
        let weight = drawn.counted / f32(MINIBATCH);
        for (var k = 0u; k < HEAD; k++) {
            slope[k] = weight * select(critic.slope[k], actor.slope[k], is_actor);
        }
        sums = drawn.counted * select(critic.sums, actor.sums, is_actor);
    }

    // Backward.
    let row = (s * GRADIENT_ROWS + tile % GRADIENT_ROWS) * PARTIAL_COLUMNS + network * PARTIAL_BLOCK;
    network_backward(block, row, accumulate, lane, slope);
    return sums;
}

// Fetches sample `i` of the minibatch for the lane, and its observation for the network.
// Lanes past the end of the minibatch repeat the last sample with weight 0; lanes past the tile's samples load nothing.
fn draw(s: u32, i: u32, lane: u32, agent: Agent, gradient_step: u32) -> Drawn {
    var drawn: Drawn;
    if (lane < TILE) {
        let b = minibatch_sample(minibatch(agent, gradient_step), min(i, MINIBATCH - 1u));
        network_fetch((s * VALUE_ROWS * ENVS + b) * OBSERVATION_WORDS, lane);
        drawn.sample = samples[s * BATCH + b];
        load_action((s * BATCH + b) * ACTION_WORDS, &drawn);
        drawn.counted = select(0.0, 1.0, i < MINIBATCH);
    }
    return drawn;
}

fn load_action(base: u32, drawn: ptr<function, Drawn>) {
    var words: array<u32, ACTION_WORDS>;
    // Software drivers do not remove a loop of one round.
    if (ACTION_WORDS == 1u) {
        words[0] = actions[base];
    } else {
        for (var i = 0u; i < ACTION_WORDS; i++) {
            words[i] = actions[base + i];
        }
    }
    (*drawn).action = action_from(words);
    var bits: array<u32, max(MASK_WORDS, 1u)>;
    for (var i = 0u; i < MASK_WORDS; i++) {
        bits[i] = words[ACTION_WORDS - MASK_WORDS + i];
    }
    (*drawn).legal = Legal(bits);
}

struct Loss {
    slope: array<vec4<f32>, HEAD>,  // d loss / d head output
    sums: vec4<f32>,                // loss sums to report: policy loss, entropy, approximate KL, clipped; or value loss, 0, 0, 0
}

fn actor_loss(head: array<vec4<f32>, HEAD>, agent: Agent, drawn: Drawn, advantage: f32) -> Loss {
    let policy_ = policy(head, drawn.legal);
    let log_ratio = policy_log_prob(policy_, drawn.action) - drawn.sample.log_prob;
    let ratio = exp(log_ratio);
    let unclipped = ratio * advantage;
    let clip = clip_range(agent);
    let clipped = clamp(ratio, 1.0 - clip, 1.0 + clip) * advantage;
    // min() passes the slope of its smaller side; the clipped side has none outside the range and the same one inside.
    let log_prob_slope = select(0.0, -unclipped, unclipped <= clipped);
    var loss: Loss;
    loss.slope = policy_slope(policy_, drawn.action, log_prob_slope, -entropy_weight(agent));
    // (r - 1) - ln r: unbiased, never negative (Schulman, "Approximating KL divergence", k3).
    loss.sums = vec4(-min(unclipped, clipped), policy_.entropy, (ratio - 1.0) - log_ratio, select(0.0, 1.0, abs(ratio - 1.0) > clip));
    return loss;
}

fn critic_loss(head: array<vec4<f32>, HEAD>, agent: Agent, sample: Sample) -> Loss {
    let value = head[0].x;
    let error = value - sample.value_target;
    var squared = error * error;
    var slope = error;
    if (VALUE_CLIP) {
        let clip = clip_range(agent);
        let change = value - sample.value;
        let clipped_error = sample.value + clamp(change, -clip, clip) - sample.value_target;
        // If the clipped error is larger, the value is outside the range and has no slope; inside the range, both are the same.
        let clipped_is_larger = clipped_error * clipped_error > squared && abs(change) > clip;
        slope = select(slope, 0.0, clipped_is_larger);
        squared = max(squared, clipped_error * clipped_error);
    }
    var loss: Loss;
    loss.slope[0].x = agent.value_coef * slope;
    loss.sums = vec4(0.5 * squared, 0.0, 0.0, 0.0);
    return loss;
}
