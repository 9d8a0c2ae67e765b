// PPO's losses and their gradient over one minibatch (Schulman et al. 2017, eq. 7 and 9), for the actor (network 0) and the critic (network 1):
//   policy loss = -mean min(ratio A, clip(ratio, 1 - eps, 1 + eps) A),  A normalised within the minibatch (unless normalize_advantages is off);
//   value loss = 1/2 mean max((V - target)^2, (V_old + clip(V - V_old, -eps, eps) - target)^2);
//   loss = policy loss + c_v value loss - c_e mean entropy.
// index = gradient step * PASSES + pass. Row r of `partials` sums the tiles r, r + R, r + 2R, ...: TILES_PER_PASS tiles per pass.
// One workgroup: one row of tiles of one network. Each of the first TILE lanes has one sample of each tile; in the networks, a lane is a sample or units.
// Reads agents, params, observations, actions, samples, moments. Writes partials and, where layers are wide, tape. Twin: src/reference/gradient.rs.

//! import dispatch
//! import grid
//! import agent
//! import add_tile
//! import tile

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> agents: array<Agent>;                 // [s]
@group(0) @binding(2) var<storage, read> params: array<vec4<f32>>;             // [s][P/4]
@group(0) @binding(3) var<storage, read> observations: array<u32>;             // [s][T+1+F][n][O]
@group(0) @binding(4) var<storage, read> actions: array<u32>;                  // [s][t][n][W]
@group(0) @binding(5) var<storage, read> samples: array<Sample>;               // [s][t][n]
@group(0) @binding(6) var<storage, read> moments: array<vec2<f32>>;            // [s][e][k]
@group(0) @binding(7) var<storage, read_write> partials: array<Partial>;       // [s][r][G']

@compute @workgroup_size(LANES)
fn gradient(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let network = place.network;
    let row = place.group;
    let gradient_step = dispatch.index / PASSES;
    let pass_ = dispatch.index % PASSES;
    let agent = agents[s];
    let moment = moments[s * EPOCHS * MINIBATCHES + gradient_step];

    let block = s * PARAMETERS + network * BLOCK;
    let columns = (s * GRADIENT_ROWS + row) * PARTIAL_COLUMNS;
    let accumulate = pass_ > 0u;
    network_begin(block, lane);
    gradient_begin(columns + network * PARTIAL_BLOCK, accumulate, lane);
    var losses = vec4(0.0);
    // Software drivers do not remove a loop of one round.
    if (TILES_PER_PASS == 1u) {
        losses = add_tile(pass_ * GRADIENT_ROWS + row, s, network, gradient_step, agent, moment, accumulate, lane);
    } else {
        for (var i = 0u; i < TILES_PER_PASS; i++) {
            losses += add_tile((pass_ * TILES_PER_PASS + i) * GRADIENT_ROWS + row, s, network, gradient_step, agent, moment, accumulate, lane);
        }
    }
    gradient_end(columns + network * PARTIAL_BLOCK, accumulate, lane);
    add_losses(columns + 2u * PARTIAL_BLOCK + network * 4u, losses, accumulate, lane);
}

// ---- dispatch

// The part of a kernel's work that a dispatch does.

struct Dispatch {
    index: u32,
}

// ---- grid

// The position of a workgroup in its kernel's grid. A dispatch may be cut into parts of GRAIN workgroups (src/device/pace.rs); the host passes the number of
// the first part.

//! import part

struct Place {
    s: u32,        // agent
    network: u32,  // 0 if the grid has no axis for networks
    group: u32,
}

fn place_of(workgroup: vec3<u32>) -> Place {
    let i = part.first * GRAIN + workgroup.x;
    // Software drivers load an agent's numbers once, rather than for each lane, if their address is a constant.
    let s = select(i / (GROUPS * GRID_NETWORKS), 0u, ONE_AGENT);
    return Place(s, i / GROUPS % GRID_NETWORKS, i % GROUPS);
}

// ---- agent

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

// ---- add_tile

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

// ---- tile

// Written for this plan's layers by src/wgsl/network/samples.rs: a lane takes a sample through the network.

var<workgroup> scratch: array<vec4<f32>, SCRATCH>;  // weights, or activations and slopes

// The lane's sample: its observation, then the outputs of each hidden layer, padded with zeros.
var<private> h0: array<vec4<f32>, 1>;  // 4 numbers
var<private> h1: array<vec4<f32>, 1>;  // 3 numbers
var<private> h2: array<vec4<f32>, 1>;  // 2 numbers
var<private> h3: array<vec4<f32>, HEAD>;  // the head's outputs

// Copies `count` vectors of params, from vector `offset` on, to scratch. Uniform control flow only.
fn stage(offset: u32, count: u32, lane: u32) {
    workgroupBarrier();
    for (var i = lane; i < count; i += LANES) {
        scratch[i] = params[offset + i];
    }
    workgroupBarrier();
}

// tanh. The built-in one costs two exponentials, and is NaN for large arguments on some drivers; this one never overflows.
fn activation(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-2.0 * abs(x));
    return sign(x) * ((1.0 - e) / (1.0 + e));
}

// d activation / d x, from the activation's value h.
fn activation_slope(h: vec4<f32>) -> vec4<f32> {
    return 1.0 - h * h;
}

//! import observation

// Copies the observation of the lane's sample, which begins at word `base` of `observations`, to h0.
fn network_fetch(base: u32, lane: u32) {
    for (var k = 0u; k < OBSERVATION; k++) {
        h0[k / 4u][k % 4u] = stored_component(base, k);
    }
}

// h1[3] from h0[4]; the weights begin at vector `base` + 0 of params.
fn forward_0(base: u32, lane: u32) {
    stage(base + 0u, 5u, lane);
    h1[0] = scratch[0];
    for (var m = 0u; m < 1u; m++) {
        let x4 = h0[0u + m];
        let row = 1u + m * 4u;
        h1[0] += x4.x * scratch[row + 0u + 0u];
        h1[0] += x4.y * scratch[row + 1u + 0u];
        h1[0] += x4.z * scratch[row + 2u + 0u];
        h1[0] += x4.w * scratch[row + 3u + 0u];
    }
    h1[0] = activation(h1[0]);
}

// h2[2] from h1[3]; the weights begin at vector `base` + 5 of params.
fn forward_1(base: u32, lane: u32) {
    stage(base + 5u, 4u, lane);
    h2[0] = scratch[0];
    h2[0] += h1[0].x * scratch[1u + 0u];
    h2[0] += h1[0].y * scratch[2u + 0u];
    h2[0] += h1[0].z * scratch[3u + 0u];
    h2[0] = activation(h2[0]);
}

// h3[2] from h2[2]; the weights begin at vector `base` + 9 of params.
fn forward_2(base: u32, lane: u32) {
    stage(base + 9u, 3u, lane);
    h3[0] = scratch[0];
    h3[0] += h2[0].x * scratch[1u + 0u];
    h3[0] += h2[0].y * scratch[2u + 0u];
}

// Weights are fetched by each layer.
fn network_begin(base: u32, lane: u32) {
}

// The head's outputs for the observation in h0; keeps the hidden activations.
fn network_forward(base: u32, lane: u32) -> array<vec4<f32>, HEAD> {
    forward_0(base / 4u, lane);
    forward_1(base / 4u, lane);
    forward_2(base / 4u, lane);
    return h3;
}

//! import whole

alias Partial = f32;

// Stores a partial sum, or adds it to the earlier passes' sum.
fn add_partial(index: u32, value: f32, accumulate: bool, lane: u32) {
    if (PASSES > 1u) {
        partials[index] = whole(vec4(select(0.0, partials[index], accumulate) + value), lane).x;
    } else {
        partials[index] = whole(vec4(value), lane).x;
    }
}

// The sum over the samples of a tile, added in lane order, in the first four lanes. Uniform control flow only.
fn tile_sum(value: vec4<f32>, lane: u32) -> vec4<f32> {
    workgroupBarrier();
    if (!SPARE_LANES || lane < TILE) {
        scratch[lane] = value;
    }
    workgroupBarrier();
    var sum = vec4(0.0);
    if (lane < 4u) {
        for (var i = 0u; i < TILE; i++) {
            sum += scratch[i];
        }
    }
    return sum;
}

// Slopes of the loss at each layer's outputs before activation, for the lane's sample.
var<private> d1: array<vec4<f32>, 1>;  // 3 numbers
var<private> d2: array<vec4<f32>, 1>;  // 2 numbers
var<private> d3: array<vec4<f32>, 1>;  // 2 numbers

// Gradient of the weights [4][3] and biases between h0 and d1: a lane sums the weights out of an input.
fn weight_gradient_0(row: u32, accumulate: bool, lane: u32) {
    {
        let unit = min(0u + lane, 3u);
        var sums: array<vec4<f32>, 1>;
        var bias = 0.0;
        // A row of scratch is a sample: its h0, then its d1.
        workgroupBarrier();
        let place = lane % 64u * 2u;
        scratch[place + 0] = h0[0];
        scratch[place + 1u + 0] = d1[0];
        workgroupBarrier();
        {
            var x: array<vec4<f32>, 16>;  // the unit's value in each sample
            for (var i = 0u; i < 64u; i++) {
                x[i / 4u][i % 4u] = scratch[i * 2u + 0u + unit / 4u][unit % 4u];
            }
            for (var m = 0u; m < 16u; m++) {
                let x4 = x[0u + m];
                let row = 0u + m * 8u;
                sums[0] += x4.x * scratch[row + 0u + 1u];
                sums[0] += x4.y * scratch[row + 2u + 1u];
                sums[0] += x4.z * scratch[row + 4u + 1u];
                sums[0] += x4.w * scratch[row + 6u + 1u];
            }
            for (var i = 0u; i < 64u; i++) {
                bias += scratch[i * 2u + 1u + min(lane, 3u) / 4u][min(lane, 3u) % 4u];
            }
        }
        // The input's weight to each output; then the biases.
        if (0u + lane < 4u) {
            let first = row + 0u + (unit + 1u) * 4u;
            add_partial(first + 0u, sums[0].x, accumulate, lane);
            add_partial(first + 1u, sums[0].y, accumulate, lane);
            add_partial(first + 2u, sums[0].z, accumulate, lane);
            add_partial(first + 3u, sums[0].w, accumulate, lane);
        }
        if (lane < 4u) {
            add_partial(row + 0u + lane, bias, accumulate, lane);
        }
    }
}

// Gradient of the weights [3][2] and biases between h1 and d2: a lane sums the weights out of an input.
fn weight_gradient_1(row: u32, accumulate: bool, lane: u32) {
    {
        let unit = min(0u + lane, 3u);
        var sums: array<vec4<f32>, 1>;
        var bias = 0.0;
        // A row of scratch is a sample: its h1, then its d2.
        workgroupBarrier();
        let place = lane % 64u * 2u;
        scratch[place + 0] = h1[0];
        scratch[place + 1u + 0] = d2[0];
        workgroupBarrier();
        {
            var x: array<vec4<f32>, 16>;  // the unit's value in each sample
            for (var i = 0u; i < 64u; i++) {
                x[i / 4u][i % 4u] = scratch[i * 2u + 0u + unit / 4u][unit % 4u];
            }
            for (var m = 0u; m < 16u; m++) {
                let x4 = x[0u + m];
                let row = 0u + m * 8u;
                sums[0] += x4.x * scratch[row + 0u + 1u];
                sums[0] += x4.y * scratch[row + 2u + 1u];
                sums[0] += x4.z * scratch[row + 4u + 1u];
                sums[0] += x4.w * scratch[row + 6u + 1u];
            }
            for (var i = 0u; i < 64u; i++) {
                bias += scratch[i * 2u + 1u + min(lane, 3u) / 4u][min(lane, 3u) % 4u];
            }
        }
        // The input's weight to each output; then the biases.
        if (0u + lane < 3u) {
            let first = row + 20u + (unit + 1u) * 4u;
            add_partial(first + 0u, sums[0].x, accumulate, lane);
            add_partial(first + 1u, sums[0].y, accumulate, lane);
            add_partial(first + 2u, sums[0].z, accumulate, lane);
            add_partial(first + 3u, sums[0].w, accumulate, lane);
        }
        if (lane < 4u) {
            add_partial(row + 20u + lane, bias, accumulate, lane);
        }
    }
}

// d1[3] from d2[2].
fn backward_1(base: u32, lane: u32) {
    stage(base + 6u, 3u, lane);
    for (var m = 0u; m < 3u; m++) {
        var sum = d2[0] * scratch[m * 1u];
        for (var k = 1u; k < 1u; k++) {
            sum += d2[k] * scratch[m * 1u + k];
        }
        d1[(0u + m) / 4u][m % 4u] = (sum.x + sum.y) + (sum.z + sum.w);
    }
    d1[0] *= activation_slope(h1[0]);
}

// Gradient of the weights [2][2] and biases between h2 and d3: a lane sums the weights into an output.
fn weight_gradient_2(row: u32, accumulate: bool, lane: u32) {
    {
        let unit = min(0u + lane, 3u);
        var sums: array<vec4<f32>, 1>;
        var bias = 0.0;
        // A row of scratch is a sample: its h2, then its d3.
        workgroupBarrier();
        let place = lane % 64u * 2u;
        scratch[place + 0] = h2[0];
        scratch[place + 1u + 0] = d3[0];
        workgroupBarrier();
        {
            var x: array<vec4<f32>, 16>;  // the unit's value in each sample
            for (var i = 0u; i < 64u; i++) {
                x[i / 4u][i % 4u] = scratch[i * 2u + 1u + unit / 4u][unit % 4u];
            }
            for (var m = 0u; m < 16u; m++) {
                let x4 = x[0u + m];
                let row = 0u + m * 8u;
                sums[0] += x4.x * scratch[row + 0u + 0u];
                sums[0] += x4.y * scratch[row + 2u + 0u];
                sums[0] += x4.z * scratch[row + 4u + 0u];
                sums[0] += x4.w * scratch[row + 6u + 0u];
            }
            for (var i = 0u; i < 64u; i++) {
                bias += x[i / 4u][i % 4u];
            }
        }
        // The output's bias and its weight from each input.
        if (0u + lane < 4u) {
            add_partial(row + 36u + unit, bias, accumulate, lane);
            add_partial(row + 40u + unit, sums[0].x, accumulate, lane);
            add_partial(row + 44u + unit, sums[0].y, accumulate, lane);
        }
    }
}

// d2[2] from d3[2].
fn backward_2(base: u32, lane: u32) {
    stage(base + 10u, 2u, lane);
    for (var m = 0u; m < 2u; m++) {
        var sum = d3[0] * scratch[m * 1u];
        for (var k = 1u; k < 1u; k++) {
            sum += d3[k] * scratch[m * 1u + k];
        }
        d2[(0u + m) / 4u][m % 4u] = (sum.x + sum.y) + (sum.z + sum.w);
    }
    d2[0] *= activation_slope(h2[0]);
}

// Sums are kept in partials.
fn gradient_begin(row: u32, accumulate: bool, lane: u32) {
}

// Adds the tile's gradient to partials, from the loss's slope at the head.
fn network_backward(base: u32, row: u32, accumulate: bool, lane: u32, slope: array<vec4<f32>, HEAD>) {
    d3 = slope;
    weight_gradient_2(row, accumulate, lane);
    backward_2(base / 4u, lane);
    weight_gradient_1(row, accumulate, lane);
    backward_1(base / 4u, lane);
    weight_gradient_0(row, accumulate, lane);
}

// The sums are in partials already.
fn gradient_end(row: u32, accumulate: bool, lane: u32) {
}

// Adds all lanes' losses to four floats of partials, from float `row` on.
fn add_losses(row: u32, value: vec4<f32>, accumulate: bool, lane: u32) {
    let sums = tile_sum(value, lane);
    if (lane < 4u) {
        add_partial(row + lane, sums[lane], accumulate, lane);
    }
}

// ---- part

// What tells the parts of a dispatch apart; see grid.wgsl.

struct Part {
    first: u32,
}

@group(1) @binding(0) var<uniform> part: Part;

// 0, which compilers do not know: a dispatch has few parts, but their number comes from memory.
fn hidden_zero() -> u32 {
    return part.first >> 31u;
}

// ---- rng

// Random numbers: Threefry-2x32 with 20 rounds (Salmon et al. 2011), a keyed bijection of 64 bits. Twin: src/spec/random.rs.
// A stream is keyed by (seed, domain, time, lane), so that random numbers do not depend on how the work is split.

//! import trigonometry

const RESET_DOMAIN: u32 = 1u;    // time: step of the run; lane: environment
const ACTION_DOMAIN: u32 = 2u;   // the same
const STEP_DOMAIN: u32 = 3u;     // the same
const PERMUTE_DOMAIN: u32 = 4u;  // time: epoch of the run
const PARAMETER_DOMAIN: u32 = 5u;  // time, lane: of the episode, environment or agent; draw: the parameter's index

const RNG_TAU: f32 = 6.2831853072;  // 2 pi

struct Rng {
    key: vec2<u32>,
    lane: u32,
    draw: u32,  // random numbers taken so far
}

fn threefry_round(x: vec2<u32>, rotation: u32) -> vec2<u32> {
    let sum = x.x + x.y;
    return vec2(sum, ((x.y << rotation) | (x.y >> (32u - rotation))) ^ sum);
}

fn threefry_even_rounds(x: vec2<u32>) -> vec2<u32> {
    return threefry_round(threefry_round(threefry_round(threefry_round(x, 13u), 15u), 26u), 6u);
}

fn threefry_odd_rounds(x: vec2<u32>) -> vec2<u32> {
    return threefry_round(threefry_round(threefry_round(threefry_round(x, 17u), 29u), 16u), 24u);
}

fn threefry2x32(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
    let third = 0x1BD11BDAu ^ key.x ^ key.y;
    var x = counter + key;
    x = threefry_even_rounds(x) + vec2(key.y, third + 1u);
    x = threefry_odd_rounds(x) + vec2(third, key.x + 2u);
    x = threefry_even_rounds(x) + vec2(key.x, key.y + 3u);
    x = threefry_odd_rounds(x) + vec2(key.y, third + 4u);
    return threefry_even_rounds(x) + vec2(third, key.x + 5u);
}

fn rng_stream(seed: vec2<u32>, domain: u32, time: u32, lane: u32) -> Rng {
    return Rng(threefry2x32(seed, vec2(domain, time)), lane, 0u);
}

// 64 random bits; most callers use only the first word.
fn rng_words(rng: ptr<function, Rng>) -> vec2<u32> {
    let words = threefry2x32((*rng).key, vec2((*rng).lane, (*rng).draw));
    (*rng).draw += 1u;
    return words;
}

fn rng_bits(rng: ptr<function, Rng>) -> u32 {
    return rng_words(rng).x;
}

// Uniform in [0, 1), a multiple of 2^-24.
fn rng_uniform(rng: ptr<function, Rng>) -> f32 {
    return f32(rng_bits(rng) >> 8u) * (1.0 / 16777216.0);
}

// Uniform between two bounds.
fn rng_between(rng: ptr<function, Rng>, low: f32, high: f32) -> f32 {
    return low + (high - low) * rng_uniform(rng);
}

// Uniform over 0 .. count - 1: the highest word of the product of `count` and 64 random bits (Lemire 2019). Probabilities are off by less than count / 2^64
// of themselves.
fn rng_below(rng: ptr<function, Rng>, count: u32) -> u32 {
    let bits = rng_words(rng);
    let fraction = bits.x * count;
    // The carry from the low word.
    return rng_high_word(bits.x, count) + select(0u, 1u, fraction + rng_high_word(bits.y, count) < fraction);
}

// The high word of a product.
fn rng_high_word(a: u32, b: u32) -> u32 {
    let low = (a & 0xFFFFu) * (b & 0xFFFFu);
    let first = (a >> 16u) * (b & 0xFFFFu) + (low >> 16u);
    let second = (a & 0xFFFFu) * (b >> 16u) + (first & 0xFFFFu);
    return (a >> 16u) * (b >> 16u) + (first >> 16u) + (second >> 16u);
}

// Standard normal (Box and Muller 1958).
fn rng_normal(rng: ptr<function, Rng>) -> f32 {
    let radius = sqrt(-2.0 * log(1.0 - rng_uniform(rng)));
    return -radius * precise_cos(RNG_TAU * (rng_uniform(rng) - 0.5));
}

// ---- minibatch

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

// ---- sample

// The data of one environment step that a gradient step reads.

struct Sample {
    advantage: f32,
    value_target: f32,  // advantage + value
    value: f32,     // under the critic of the rollout
    log_prob: f32,  // under the policy of the rollout
}

// ---- policy

// The policy of environments with one discrete action: a categorical distribution over LOGITS actions. Twin: src/reference/policy.rs.

//! import categorical
//! import head_slopes

struct Action {
    choice: u32,
}

fn policy(head: array<vec4<f32>, HEAD>, legal: Legal) -> Policy {
    var log_probs: array<f32, LOGITS>;
    let entropy = add_categorical(&log_probs, 0.0, head, legal, 0u, LOGITS);
    return Policy(log_probs, entropy);
}

fn policy_sample(policy: Policy, legal: Legal, rng: ptr<function, Rng>) -> Action {
    return Action(sample_categorical(policy, legal, 0u, LOGITS, rng_uniform(rng)));
}

fn policy_mode(policy: Policy, legal: Legal) -> Action {
    return Action(most_probable(policy, legal, 0u, LOGITS));
}

fn policy_log_prob(policy: Policy, action: Action) -> f32 {
    var p = policy;
    return p.log_probs[action.choice];
}

// d(log_prob_slope * log pi(action) + entropy_slope * H)/d head.
fn policy_slope(policy: Policy, action: Action, log_prob_slope: f32, entropy_slope: f32) -> array<vec4<f32>, HEAD> {
    var p = policy;
    var slopes: array<f32, 4u * HEAD>;
    for (var k = 0u; k < LOGITS; k++) {
        slopes[k] = categorical_slope(p.log_probs[k], p.entropy, k == action.choice, log_prob_slope, entropy_slope);
    }
    return head_slopes_of(slopes);
}

// The first choice without a legal action.
fn choice_without_legal(legal: Legal) -> u32 {
    if (MASK_WORDS == 0u) {
        return EVERY_CHOICE;
    }
    return select(0u, EVERY_CHOICE, some_legal(legal, 0u, LOGITS));
}

// The action passed to the environment.
fn action_taken(action: Action) -> u32 {
    return action.choice;
}

// A word of the stored action.
fn action_word(action: Action, i: u32) -> u32 {
    return action.choice;
}

fn action_from(words: array<u32, ACTION_WORDS>) -> Action {
    return Action(words[0]);
}

// ---- observation

// Component k, as input of the networks, of the observation at `base` in `observations`: stored as a bit if all components are 0 or 1, else as a float.

//! import network_input

fn stored_component(base: u32, k: u32) -> f32 {
    if (PACKED_OBSERVATIONS) {
        return f32((observations[base + k / 32u] >> (k % 32u)) & 1u);
    }
    return network_input(bitcast<f32>(observations[base + k]));
}

// ---- whole

// The value itself, hidden from compilers. LLVM, which software drivers use, splits a store lane by lane, and if nothing else uses the value, it
// recomputes the whole expression for each lane: `evaluate` would take three times as long.

fn whole(value: vec4<f32>, lane: u32) -> vec4<f32> {
    return select(value, vec4(0.0), lane == 0xffffffffu);
}

// ---- trigonometry

// Sine and cosine within 2^-21 for arguments up to 6,000 on every device. WGSL promises 2^-11 for its own `sin` and `cos`, up to pi, and some devices need it.

//! import opaque

fn precise_sin(x: f32) -> f32 {
    return sine_of_quarters(x, 0);
}

fn precise_cos(x: f32) -> f32 {
    return sine_of_quarters(x, 1);
}

// sin(x + quarters * pi/2). x = k pi/2 + r; pi/2 is the sum of three numbers whose first two are so short that their products with k are exact up to k = 4,096
// (Cody and Waite 1980, chapter 8). Sine and cosine of r, from -pi/4 to pi/4, are polynomials: their largest errors, 2^-27.9 of the sine itself and 2^-33.1, are
// as small as they can be with coefficients in f32.
fn sine_of_quarters(x: f32, quarters: i32) -> f32 {
    let k = round(x * 0.636619772);
    // Compilers may reorder sums; not this one.
    let near = opaque_float(x - k * 1.5703125);
    let r = (near - k * 0.000483870506) + k * 0.0000000437113883;
    let z = r * r;
    let sine = r + r * z * (-0.166666552 + z * (0.00833218824 + z * -0.000195180954));
    let cosine = (1.0 - 0.5 * z) + z * z * (0.0416666456 + z * (-0.00138873013 + z * 0.0000244306611));
    let quarter = i32(k) + quarters;
    let value = select(sine, cosine, (quarter & 1) == 1);
    return select(value, -value, (quarter & 2) == 2);
}

// ---- permute

// A permutation of the BATCH samples, named by a key, evaluated one index at a time: a Feistel network over the next power of two,
// applied again until the result is inside (cycle walking, Black and Rogaway 2002). Twin: src/spec/random.rs, permute.

const PERMUTATION_ROUNDS: u32 = 8u;

// MurmurHash3's 32-bit finaliser (Appleby).
fn scramble(value: u32) -> u32 {
    var h = value;
    h = (h ^ (h >> 16u)) * 0x85EBCA6Bu;
    h = (h ^ (h >> 13u)) * 0xC2B2AE35u;
    return h ^ (h >> 16u);
}

fn permute(index: u32, key: vec2<u32>) -> u32 {
    let left_mask = (1u << PERMUTATION_LEFT_BITS) - 1u;
    let right_mask = (1u << PERMUTATION_RIGHT_BITS) - 1u;
    var x = index;
    // Ends: the walk follows a cycle of a bijection, and `index` itself, which is inside, lies on it.
    loop {
        var left = x >> PERMUTATION_RIGHT_BITS;
        var right = x & right_mask;
        for (var round = 0u; round < PERMUTATION_ROUNDS; round += 2u) {
            left ^= scramble(right ^ (key.x + round * 0x9E3779B9u)) & left_mask;
            right ^= scramble(left ^ (key.y + (round + 1u) * 0x9E3779B9u)) & right_mask;
        }
        x = (left << PERMUTATION_RIGHT_BITS) | right;
        if (x < BATCH) {
            break;
        }
    }
    return x;
}

// ---- categorical

// Categorical distributions over parts of the actor's outputs, without illegal actions. Twin: src/reference/policy.rs.

//! import legal

struct Policy {
    log_probs: array<f32, LOGITS>,
    entropy: f32,
}

// Replaces the logit of an illegal action: the exponential of any difference to it is exactly 0, and 0 times it is 0.
const ILLEGAL_LOGIT: f32 = -1e30;

fn logit(head: array<vec4<f32>, HEAD>, legal: Legal, k: u32) -> f32 {
    var z = head;
    return select(ILLEGAL_LOGIT, z[k / 4u][k % 4u], is_legal(legal, k));
}

// Writes the log-probabilities of the `count` logits from `first` on: log-softmax, shifted by the largest logit so that no exponential overflows. Returns
// `entropy` less the sum of p log p. Arrays that are written by index are variables by themselves here and in the policies: in a structure, Microsoft's FXC
// unrolls every loop around them.
fn add_categorical(
    log_probs: ptr<function, array<f32, LOGITS>>, entropy: f32, head: array<vec4<f32>, HEAD>, legal: Legal, first: u32, count: u32
) -> f32 {
    var largest = logit(head, legal, first);
    for (var k = 1u; k < count; k++) {
        largest = max(largest, logit(head, legal, first + k));
    }
    var total = 0.0;
    for (var k = 0u; k < count; k++) {
        total += exp(logit(head, legal, first + k) - largest);
    }
    let log_total = log(total) + largest;
    var sum = entropy;
    for (var k = 0u; k < count; k++) {
        let log_prob = logit(head, legal, first + k) - log_total;
        (*log_probs)[first + k] = log_prob;
        sum -= exp(log_prob) * log_prob;
    }
    return sum;
}

// The choice among the same logits, counted from `first`, whose share of [0, 1) contains `uniform`. The last legal one gets the remainder from rounding.
fn sample_categorical(policy: Policy, legal: Legal, first: u32, count: u32, uniform: f32) -> u32 {
    var p = policy;
    var choice = 0u;
    var cumulative = 0.0;
    for (var k = 0u; k < count; k++) {
        if (uniform >= cumulative && is_legal(legal, first + k)) {
            choice = k;
        }
        cumulative += exp(p.log_probs[first + k]);
    }
    return choice;
}

// The most probable choice among the same logits, counted from `first`; the first one on ties.
fn most_probable(policy: Policy, legal: Legal, first: u32, count: u32) -> u32 {
    var p = policy;
    var choice = 0u;
    var found = false;
    for (var k = 0u; k < count; k++) {
        if (is_legal(legal, first + k) && (!found || p.log_probs[first + k] > p.log_probs[first + choice])) {
            choice = k;
            found = true;
        }
    }
    return choice;
}

// d(log_prob_slope * log pi(choice) + entropy_slope * H)/d logit k, of a distribution with entropy H:
// d log pi(a)/dz_k = [k = a] - pi_k;  dH/dz_k = -pi_k (log pi_k + H).
fn categorical_slope(log_prob: f32, entropy: f32, chosen: bool, log_prob_slope: f32, entropy_slope: f32) -> f32 {
    let p = exp(log_prob);
    return log_prob_slope * (select(0.0, 1.0, chosen) - p) - entropy_slope * p * (log_prob + entropy);
}

// ---- head_slopes

// The slopes at the head's outputs, four of them in a vector. Numbers beyond the policy's are 0.

fn head_slopes_of(slopes: array<f32, 4u * HEAD>) -> array<vec4<f32>, HEAD> {
    var s = slopes;
    var vectors: array<vec4<f32>, HEAD>;
    for (var k = 0u; k < HEAD; k++) {
        vectors[k] = vec4(s[4u * k], s[4u * k + 1u], s[4u * k + 2u], s[4u * k + 3u]);
    }
    return vectors;
}

// ---- network_input

// The networks' input for a component of an observation.

fn network_input(x: f32) -> f32 {
    return select(x, clamp(x, -OBSERVATION_CLIP, OBSERVATION_CLIP), NORMALIZE_OBSERVATIONS);
}

// ---- opaque

// Hides a number from compilers. Those that treat floats as real numbers would conclude that every rounding error is 0 (NVIDIA's does, and it sees through a
// `select` whose condition it can prove from the range of an index); others compute anything where they know a divisor to be 0.

//! import part

fn opaque_float(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) ^ hidden_zero());
}

// ---- legal

// The legal discrete actions: a bit for each of the LOGITS, stored after the action in `actions`. Without masks (MASK_WORDS = 0) all are legal.

struct Legal {
    bits: array<u32, max(MASK_WORDS, 1u)>,
}

fn is_legal(legal: Legal, k: u32) -> bool {
    if (MASK_WORDS == 0u) {
        return true;
    }
    var l = legal;
    return ((l.bits[k / 32u] >> (k % 32u)) & 1u) != 0u;
}

// Whether one of the `count` actions from `first` on is legal.
fn some_legal(legal: Legal, first: u32, count: u32) -> bool {
    var some = false;
    for (var k = first; k < first + count; k++) {
        some = some || is_legal(legal, k);
    }
    return some;
}

// Returned when every choice has a legal action.
const EVERY_CHOICE: u32 = 0xFFFFFFFFu;

// ---- constants of the plan

const OBSERVATION_WORDS: u32 = 4u;
const PACKED_OBSERVATIONS: bool = false;
const HEAD: u32 = 1u;
const LOGITS: u32 = 2u;
const ACTION_WORDS: u32 = 1u;
const MASK_WORDS: u32 = 0u;
const ONE_AGENT: bool = true;
const ENVS: u32 = 8u;
const STEPS: u32 = 4u;
const BATCH: u32 = 32u;
const MINIBATCHES: u32 = 2u;
const MINIBATCH: u32 = 16u;
const EPOCHS: u32 = 4u;
const UPDATES: u32 = 15625u;
const VALUE_ROWS: u32 = 6u;
const BLOCK: u32 = 48u;
const PARAMETERS: u32 = 96u;
const GRADIENT_ROWS: u32 = 1u;
const PARTIAL_BLOCK: u32 = 48u;
const PARTIAL_COLUMNS: u32 = 104u;
const PASSES: u32 = 1u;
const TILE: u32 = 64u;
const TILES_PER_PASS: u32 = 1u;
const PERMUTATION_LEFT_BITS: u32 = 2u;
const PERMUTATION_RIGHT_BITS: u32 = 3u;
const SPARE_LANES: bool = false;
const SCRATCH: u32 = 2048u;
const NORMALIZE_OBSERVATIONS: bool = false;
const NORMALIZE_ADVANTAGES: bool = true;
const OBSERVATION_CLIP: f32 = 1e1;
const ANNEAL_LR: bool = true;
const ANNEAL_CLIP: bool = false;
const ANNEAL_ENTROPY: bool = false;
const VALUE_CLIP: bool = true;
const LANES: u32 = 64u;
const GROUPS: u32 = 1u;
const GRID_NETWORKS: u32 = 2u;
const GRAIN: u32 = 1u;
const OBSERVATION: u32 = 4u;
