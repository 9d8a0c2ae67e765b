// Acts: for STEPS_PER_DISPATCH steps from t = index * STEPS_PER_DISPATCH, with the policy frozen,
//   o_t = observe(state);  a_t ~ pi(.|o_t), legal ones only;  state, r_t = step(state, a_t);  a new episode if this one ended.
// A truncated episode's last observation goes to row T + 1 + t / EPISODE_LIMIT, whose value `gae` adds to the reward.
// One of the first SAMPLES lanes: one environment, which other lanes follow where they share its observation (FOLLOWERS). Work: one actor forward and one
// environment step for each of them and step.
// Reads agents, params, normalizers. Writes env_lanes, observations, actions, transitions, faults. Twin: src/reference/rollout.rs.

//! import dispatch
//! import grid
//! import rng
//! import agent
//! import fault
//! import transition
//! import environment
//! import env_lane
//! import policy
//! import rollout_network
//! import normalizer
//! import lane_fault
//! import choose
//! import count_step
//! import store_observation

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> agents: array<Agent>;                     // [s]
@group(0) @binding(2) var<storage, read> params: array<vec4<f32>>;                 // [s][P/4]
@group(0) @binding(3) var<storage, read_write> env_lanes: array<LaneWords>;        // [s][n]
@group(0) @binding(4) var<storage, read_write> observations: array<u32>;           // [s][T+1+F][n][O]
@group(0) @binding(5) var<storage, read_write> actions: array<u32>;                // [s][t][n][W]
@group(0) @binding(6) var<storage, read_write> transitions: array<Transition>;     // [s][t][n]
@group(0) @binding(7) var<storage, read> normalizers: array<Normalizer>;           // [s][O+1]
@group(0) @binding(8) var<storage, read_write> faults: array<atomic<u32>>;         // [s]

@compute @workgroup_size(LANES)
fn rollout(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    // Spare lanes follow an environment of their own workgroup, and compute what its own lane does; or they stand by the last one: others' are being written.
    let n = place.group * SAMPLES + select(select(lane, min(lane, SAMPLES - 1u), SPARE_LANES), lane % SAMPLES, FOLLOWERS);
    // Lanes past the last environment repeat it, since they must reach the barriers of the forward pass; they store nothing.
    let stored = n < ENVS && (!SPARE_LANES || lane < SAMPLES);
    let e = s * ENVS + min(n, ENVS - 1u);
    let agent = agents[s];
    // By itself, so that functions get pointers to it: it may be long.
    let at_first = lane_of(env_lanes[e]);
    var state = at_first.state;
    var episode = at_first.episode;
    lane_fault = NO_FAULT;
    vary_parameters(agent, time_of(agent, dispatch.index * STEPS_PER_DISPATCH) - episode.steps, n);
    network_begin(s * PARAMETERS, lane);
    if (STEPS_PER_DISPATCH == 1u) {
        // Outside all control flow, where software drivers read shared values only once. They do not remove a loop of one round.
        advance(s, n, dispatch.index, agent, stored, lane, &state, &episode);
    } else {
        for (var i = 0u; i < STEPS_PER_DISPATCH; i++) {
            advance(s, n, dispatch.index * STEPS_PER_DISPATCH + i, agent, stored, lane, &state, &episode);
        }
    }
    note_fault(environment_fault(agent.canary_rounds));
    if (!LANES_IN_STEP) {
        // Other lanes have read the same environment's state.
        storageBarrier();
    }
    if (stored) {
        env_lanes[e] = words_of(EnvLane(state, episode));
        atomicMin(&faults[s], lane_fault);
    }
}

fn advance(s: u32, n: u32, t: u32, agent: Agent, stored: bool, lane: u32, state: ptr<function, EnvState>, episode: ptr<function, Episode>) {
    // Act.
    if (!SPARE_LANES || FOLLOWERS || lane < SAMPLES) {
        var observation = observation_of(state);
        if (stored && !FOLLOWERS) {
            store_observation(s, t, n, lane, &observation);
        }
        network_take(s, &observation, observation_place(s, t, min(n, ENVS - 1u)), n < ENVS, lane);
    }
    let head = network_forward(s * PARAMETERS, lane);
    if (!SPARE_LANES || FOLLOWERS || stored) {
        act_and_step(s, n, t, agent, stored, lane, head, state, episode);
    }
}

fn act_and_step(
    s: u32, n: u32, t: u32, agent: Agent, stored: bool, lane: u32, head: array<vec4<f32>, HEAD>, state: ptr<function, EnvState>,
    episode: ptr<function, Episode>
) {
    let observes = stored || (FOLLOWERS && n < ENVS);  // has a part in storing observations
    let time = time_of(agent, t);
    let b = (s * STEPS + t) * ENVS + n;
    let legal = legal_actions(state);
    let choice = choose(agent, time, n, head, legal);
    var step_rng = rng_stream(agent.seed, STEP_DOMAIN, time, n);
    let outcome = env_step(state, action_taken(choice.action), &step_rng);
    let ending = count_step(episode, outcome);
    if (stored) {
        store_action(b * ACTION_WORDS, choice.action, legal);
        transitions[b] = Transition(choice.log_prob, outcome.reward, ending, (*episode).sum.value, (*episode).steps);
    }

    // Start a new episode. The last observations of a truncated one and of the rollout are stored by the same instructions, which may be many.
    var row = STEPS + 1u + t / EPISODE_LIMIT;
    var wanted = ending == TRUNCATED && FINAL_ROWS > 0u;
    loop {
        if (observes && wanted) {
            var observation = observation_of(state);
            store_observation(s, row, n, lane, &observation);
        }
        if (row == STEPS) {
            break;
        }
        if (ending != 0u) {
            *state = begin_episode(agent, time + 1u, n);
            *episode = NEW_EPISODE;
        }
        row = STEPS;
        wanted = t + 1u == STEPS;
    }
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

// ---- fault

// Fault codes, most of them for quantities that are not finite, in the order of the pipeline: the smallest code of an agent is its first fault.
// The low bits hold a detail, such as the number of a choice. Names: src/support/fault.rs.

const FAULT_LOOP: u32 = 0x10000u;            // a driver ended a loop early
const FAULT_DATA: u32 = 0x18000u;            // an index of data was out of range; plus the number of the array
const FAULT_OBSERVATION: u32 = 0x20000u;
const FAULT_NO_LEGAL_ACTION: u32 = 0x30000u; // plus the number of the choice
const FAULT_POLICY_OUTPUT: u32 = 0x40000u;
const FAULT_REWARD: u32 = 0x50000u;
const FAULT_VALUE: u32 = 0x60000u;
const FAULT_ADVANTAGE: u32 = 0x70000u;
const FAULT_POLICY_LOSS: u32 = 0x80000u;
const FAULT_ENTROPY: u32 = 0x90000u;
const FAULT_VALUE_LOSS: u32 = 0xA0000u;
const FAULT_GRADIENT: u32 = 0xB0000u;
const FAULT_PARAMETER: u32 = 0xC0000u;
const FAULT_OBSERVATION_MOMENTS: u32 = 0xD0000u;
const FAULT_RETURN_MOMENTS: u32 = 0xE0000u;
const NO_FAULT: u32 = 0xFFFFFFFFu;

// Tests bits, since comparisons of NaN are not reliable across drivers.
fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7F800000u) != 0x7F800000u;
}

// ---- transition

// The results of a step, without observation and action.

struct Transition {
    log_prob: f32,        // log-probability of the sampled action
    reward: f32,
    ending: u32,          // bit 0: terminated; bit 1: truncated
    episode_return: f32,  // sum of the episode's rewards so far
    episode_length: u32,  // steps of the episode so far
}

const TERMINATED: u32 = 1u;
const TRUNCATED: u32 = 2u;
const ENDED: u32 = 3u;

// ---- environment

// CartPole-v1: balance a pole on a cart by pushing it left (0) or right (1).
// Dynamics: Barto, Sutton and Anderson (1983) with Gymnasium's constants, integrator (explicit Euler) and limits.

//! import rng

const OBSERVATION: u32 = 4u;
const ACTIONS: u32 = 2u;
const TIME_LIMIT: u32 = 500u;
const SOLVED_RETURN: f32 = 475.0;

struct EnvParameters {
    gravity: f32,           // m/s^2
    cart_mass: f32,         // kg
    pole_mass: f32,         // kg
    pole_half_length: f32,  // m, from the hinge to the centre of mass
    force: f32,             // N, of one push
    time_step: f32,         // s
    position_limit: f32,    // m, to either side
    angle_limit: f32,       // rad, to either side: 12 degrees
    reset_range: f32,       // every state variable begins within +- this
}

const DEFAULT_PARAMETERS = EnvParameters(9.8, 1.0, 0.1, 0.5, 10.0, 0.02, 2.4, 0.20943951, 0.05);

struct EnvState {
    position: f32,          // m
    velocity: f32,          // m/s
    angle: f32,             // rad, 0 is upright
    angular_velocity: f32,  // rad/s
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    let position = reset_value(rng);
    let velocity = reset_value(rng);
    let angle = reset_value(rng);
    return EnvState(position, velocity, angle, reset_value(rng));
}

fn reset_value(rng: ptr<function, Rng>) -> f32 {
    return (rng_uniform(rng) * 2.0 - 1.0) * parameters.reset_range;
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    let old = *state;
    let total_mass = parameters.cart_mass + parameters.pole_mass;
    let force = select(-parameters.force, parameters.force, action == 1u);
    let sine = precise_sin(old.angle);
    let cosine = precise_cos(old.angle);
    let pull = (force + parameters.pole_mass * parameters.pole_half_length * old.angular_velocity * old.angular_velocity * sine) / total_mass;
    let angular_acceleration = (parameters.gravity * sine - cosine * pull)
        / (parameters.pole_half_length * (4.0 / 3.0 - parameters.pole_mass * cosine * cosine / total_mass));
    let acceleration = pull - parameters.pole_mass * parameters.pole_half_length * angular_acceleration * cosine / total_mass;
    (*state).position = old.position + parameters.time_step * old.velocity;
    (*state).velocity = old.velocity + parameters.time_step * acceleration;
    (*state).angle = old.angle + parameters.time_step * old.angular_velocity;
    (*state).angular_velocity = old.angular_velocity + parameters.time_step * angular_acceleration;
    return Outcome(1.0, abs((*state).position) > parameters.position_limit || abs((*state).angle) > parameters.angle_limit);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    return array(state.position, state.velocity, state.angle, state.angular_velocity);
}

// Track, cart, and the pole at its true angle.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let point = vec2(uv.x * 2.0 - 1.0, 0.5 - uv.y) * vec2(parameters.position_limit, 2.0 * parameters.position_limit) + vec2(0.0, 0.8);
    let soft = 0.012 * parameters.position_limit;
    var colour = mix(vec3(0.30), vec3(0.97), smoothstep(0.0, soft, abs(point.y) - 0.005));
    let cart = vec2(state.position, 0.12);
    let outside = abs(point - cart) - vec2(0.25, 0.12);
    colour = mix(vec3(0.13, 0.13, 0.16), colour, smoothstep(0.0, soft, max(outside.x, outside.y)));
    let hinge = cart + vec2(0.0, 0.12);
    let along = vec2(sin(state.angle), cos(state.angle));
    let from_pole = distance(point, hinge + along * clamp(dot(point - hinge, along), 0.0, 2.0 * parameters.pole_half_length));
    colour = mix(vec3(0.79, 0.60, 0.40), colour, smoothstep(0.045, 0.045 + soft, from_pole));
    return mix(vec3(0.50, 0.52, 0.80), colour, smoothstep(0.03, 0.03 + soft, distance(point, hinge)));
}

// ---- parameters and legal actions

//! import agent
//! import rng
//! import outcome
//! import legal
//! import divide
//! import canary
//! import fault

// The observation of an environment as numbers.
struct Observation {
    components: array<f32, OBSERVATION>,
}

fn component_of(observation: ptr<function, Observation>, k: u32) -> f32 {
    return (*observation).components[k];
}

const parameters = EnvParameters(f32(9.8e0), f32(1e0), f32(1e-1), f32(5e-1), f32(1e1), f32(2e-2), f32(2.4e0), f32(2.0943952e-1), f32(5e-2));

// Parameters of the episode that began at `time` in environment `n`.
fn vary_parameters(agent: Agent, time: u32, n: u32) {
}

fn observation_of(state: ptr<function, EnvState>) -> Observation {
    return Observation(env_observe(*state));
}

fn pixel_of(state: ptr<function, EnvState>, uv: vec2<f32>) -> vec3<f32> {
    return env_pixel(*state, uv);
}

// The actions that are legal in `state`, as bits; no bit is set, and none is read, where all of them always are.
fn legal_actions(state: ptr<function, EnvState>) -> Legal {
    var legal: Legal;
    return legal;
}

// What went wrong in the functions of the environment's file that no result shows. `rounds` is CANARY_ROUNDS, read from memory.
fn environment_fault(rounds: u32) -> u32 {
    return select(FAULT_LOOP, NO_FAULT, loops_run(rounds));
}

// ---- env_lane

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

// ---- rollout_network

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

// Copies `observation` to h0.
fn network_take(s: u32, observation: ptr<function, Observation>, base: u32, stored: bool, lane: u32) {
    for (var k = 0u; k < OBSERVATION; k++) {
        h0[k / 4u][k % 4u] = network_input(seen_component(s, observation, k));
    }
}

// ---- normalizer

// Running moments for normalisation: of a component of the observation, or of the discounted return.

//! import running_sum

struct Normalizer {
    count: RunningSum,     // number of values so far; small at first, so that the first rollout outweighs the initial mean 0 and variance 1
    mean: RunningSum,
    variance: RunningSum,
    scale: f32,     // 1 / sqrt(variance + NORMALIZER_EPSILON)
}

// ---- lane_fault

// The first thing that went wrong in the lane's environment during this dispatch.

//! import fault

var<private> lane_fault: u32;

fn note_fault(fault: u32) {
    lane_fault = min(lane_fault, fault);
}

// ---- choose

// The choice of an action: a ~ pi(.|o), of the legal ones; or the most probable one, if the plan is deterministic. It is stored in `actions`.

//! import lane_fault
//! import policy

struct Choice {
    action: Action,
    log_prob: f32,
}

fn choose(agent: Agent, time: u32, n: u32, head: array<vec4<f32>, HEAD>, legal: Legal) -> Choice {
    var rng = rng_stream(agent.seed, ACTION_DOMAIN, time, n);
    let policy_ = policy(head, legal);
    let action = action_of(policy_, legal, &rng);
    let log_prob = policy_log_prob(policy_, action);
    note_fault(select(NO_FAULT, FAULT_POLICY_OUTPUT, !is_finite(policy_.entropy) || !is_finite(log_prob)));
    let only = choice_without_legal(legal);
    note_fault(select(FAULT_NO_LEGAL_ACTION + only, NO_FAULT, only == EVERY_CHOICE));
    return Choice(action, log_prob);
}

fn action_of(policy: Policy, legal: Legal, rng: ptr<function, Rng>) -> Action {
    if (DETERMINISTIC) {
        return policy_mode(policy, legal);
    }
    return policy_sample(policy, legal, rng);
}

fn store_action(base: u32, action: Action, legal: Legal) {
    // Software drivers do not remove a loop of one round.
    if (ACTION_WORDS == 1u) {
        actions[base] = action_word(action, 0u);
        return;
    }
    for (var i = 0u; i < ACTION_WORDS - MASK_WORDS; i++) {
        actions[base + i] = action_word(action, i);
    }
    var l = legal;
    for (var i = 0u; i < MASK_WORDS; i++) {
        actions[base + ACTION_WORDS - MASK_WORDS + i] = l.bits[i];
    }
}

// ---- count_step

// The end of an environment's step.

//! import env_lane
//! import lane_fault
//! import outcome
//! import transition

// Counts a step of a running episode. The bits of `Transition.ending`: 0 if the episode goes on.
fn count_step(episode: ptr<function, Episode>, outcome: Outcome) -> u32 {
    (*episode).sum = running_sum_plus((*episode).sum, outcome.reward);
    (*episode).steps += 1u;
    // Finite rewards may still add up to a return that is not finite.
    note_fault(select(NO_FAULT, FAULT_REWARD, !is_finite(outcome.reward) || !is_finite((*episode).sum.value)));
    let truncated = !outcome.terminated && (*episode).steps >= EPISODE_LIMIT;
    return select(0u, TERMINATED, outcome.terminated) | select(0u, TRUNCATED, truncated);
}

// ---- store_observation

// Observations in `observations`: normalised, or as bits.

//! import observation_place
//! import seen_component

// Word `w` of an observation of bits.
fn observation_word(observation: ptr<function, Observation>, w: u32) -> u32 {
    var word = 0u;
    for (var k = 0u; k < min(32u, OBSERVATION - 32u * w); k++) {
        word |= select(0u, 1u, component_of(observation, 32u * w + k) != 0.0) << k;
    }
    return word;
}

// Lanes that follow the same environment share the words.
fn store_observation(s: u32, row: u32, n: u32, lane: u32, observation: ptr<function, Observation>) {
    let base = observation_place(s, row, n);
    if (PACKED_OBSERVATIONS) {
        for (var w = select(0u, lane / SAMPLES, FOLLOWERS); w < OBSERVATION_WORDS; w += select(1u, LANES / SAMPLES, FOLLOWERS)) {
            observations[base + w] = observation_word(observation, w);
        }
        return;
    }
    for (var k = 0u; k < OBSERVATION; k++) {
        observations[base + k] = stored(seen_component(s, observation, k));
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

// ---- outcome

// The result of an environment's step.

struct Outcome {
    reward: f32,
    terminated: bool,
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

// ---- divide

// Division and remainder for the code of an environment, which writes `a / b` and `a % b`. Drivers may compute anything where they know a divisor to be 0, and
// software drivers do, silently. Here they know neither operand, so that the result is what IEEE 754 says, an infinity or NaN, and is found.

//! import grid

// What hides divisors: 0, like `hidden_zero`, but not known to be equal to it. Of two zeros behind the same number, NVIDIA's compiler knows that they are
// equal, and their quotient 1.
fn hidden_zero_too() -> u32 {
    return part.first >> 30u;
}

fn hidden_1(x: f32, zero: u32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) ^ zero);
}

fn hidden_2(x: vec2<f32>, zero: u32) -> vec2<f32> {
    return bitcast<vec2<f32>>(bitcast<vec2<u32>>(x) ^ vec2(zero));
}

fn hidden_3(x: vec3<f32>, zero: u32) -> vec3<f32> {
    return bitcast<vec3<f32>>(bitcast<vec3<u32>>(x) ^ vec3(zero));
}

fn hidden_4(x: vec4<f32>, zero: u32) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) ^ vec4(zero));
}

fn divide_1(a: f32, b: f32) -> f32 {
    return hidden_1(a, hidden_zero()) / hidden_1(b, hidden_zero_too());
}

fn divide_2(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    return hidden_2(a, hidden_zero()) / hidden_2(b, hidden_zero_too());
}

fn divide_3(a: vec3<f32>, b: vec3<f32>) -> vec3<f32> {
    return hidden_3(a, hidden_zero()) / hidden_3(b, hidden_zero_too());
}

fn divide_4(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return hidden_4(a, hidden_zero()) / hidden_4(b, hidden_zero_too());
}

fn remainder_1(a: f32, b: f32) -> f32 {
    return hidden_1(a, hidden_zero()) % hidden_1(b, hidden_zero_too());
}

fn remainder_2(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    return hidden_2(a, hidden_zero()) % hidden_2(b, hidden_zero_too());
}

fn remainder_3(a: vec3<f32>, b: vec3<f32>) -> vec3<f32> {
    return hidden_3(a, hidden_zero()) % hidden_3(b, hidden_zero_too());
}

fn remainder_4(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return hidden_4(a, hidden_zero()) % hidden_4(b, hidden_zero_too());
}

// ---- canary

// Some drivers silently end loops early: Mesa's software driver after 65,535 rounds of all loops of an invocation together. Kernels that call a
// user's functions end with a loop of CANARY_ROUNDS rounds, which such a driver ends after the first.

// Whether loops still make all of their rounds. `rounds` is CANARY_ROUNDS, read from memory so that no compiler unrolls the loop.
fn loops_run(rounds: u32) -> bool {
    var x = 1u;
    for (var i = 0u; i < rounds; i++) {
        x = x * 5u + 1u;
    }
    return x == 31u;
}

// ---- running_sum

// A running sum in two floats, value + error, accurate to about 48 bits. In one float, a sum of ones would stop growing at 2^24. Each addition keeps the
// rounding error (TwoSum: Knuth, The Art of Computer Programming 2, section 4.2.2). `value` is the sum rounded to one float.

//! import opaque

struct RunningSum {
    value: f32,
    error: f32,
}

fn running_sum_plus(sum: RunningSum, x: f32) -> RunningSum {
    let value = opaque_float(sum.value);
    let addend = opaque_float(x);
    let total = opaque_float(value + addend);
    let added = opaque_float(total - value);
    let kept = opaque_float(total - added);
    let lost = opaque_float(value - kept) + opaque_float(addend - added);
    let error = opaque_float(sum.error + lost);
    let rounded = opaque_float(total + error);
    return RunningSum(rounded, error - opaque_float(rounded - total));
}

// ---- lane_words

// An EnvLane as it lies in memory.
struct LaneWords {
    words: array<vec4<u32>, 2>,
}

fn lane_of(stored: LaneWords) -> EnvLane {
    return EnvLane(EnvState(bitcast<f32>(stored.words[0].x), bitcast<f32>(stored.words[0].y), bitcast<f32>(stored.words[0].z), bitcast<f32>(stored.words[0].w)), Episode(RunningSum(bitcast<f32>(stored.words[1].x), bitcast<f32>(stored.words[1].y)), stored.words[1].z));
}

fn words_of(lane: EnvLane) -> LaneWords {
    return LaneWords(array<vec4<u32>, 2>(
        vec4(bitcast<u32>(lane.state.position), bitcast<u32>(lane.state.velocity), bitcast<u32>(lane.state.angle), bitcast<u32>(lane.state.angular_velocity)),
        vec4(bitcast<u32>(lane.episode.sum.value), bitcast<u32>(lane.episode.sum.error), lane.episode.steps, 0u),
    ));
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

// ---- observation

// Component k, as input of the networks, of the observation at `base` in `observations`: stored as a bit if all components are 0 or 1, else as a float.

//! import network_input

fn stored_component(base: u32, k: u32) -> f32 {
    if (PACKED_OBSERVATIONS) {
        return f32((observations[base + k / 32u] >> (k % 32u)) & 1u);
    }
    return network_input(bitcast<f32>(observations[base + k]));
}

// ---- observation_place

// Where the observation of environment n in a row of `observations` begins.

fn observation_place(s: u32, row: u32, n: u32) -> u32 {
    return ((s * VALUE_ROWS + row) * ENVS + n) * OBSERVATION_WORDS;
}

// ---- seen_component

// Components of an observation as the networks see them.

//! import lane_fault

// Component k of the observation, normalised by the moments of earlier rollouts, and not clipped yet.
fn seen_component(s: u32, observation: ptr<function, Observation>, k: u32) -> f32 {
    return seen(s, component_of(observation, k), k);
}

// The same, of its value x.
fn seen(s: u32, x: f32, k: u32) -> f32 {
    if (NORMALIZE_OBSERVATIONS) {
        let normalizer = normalizers[s * (OBSERVATION + 1u) + k];
        return (x - normalizer.mean.value) * normalizer.scale;
    }
    return x;
}

// A component as it is stored.
fn stored(x: f32) -> u32 {
    note_fault(select(FAULT_OBSERVATION, NO_FAULT, is_finite(x)));
    return bitcast<u32>(x);
}

// ---- opaque

// Hides a number from compilers. Those that treat floats as real numbers would conclude that every rounding error is 0 (NVIDIA's does, and it sees through a
// `select` whose condition it can prove from the range of an index); others compute anything where they know a divisor to be 0.

//! import part

fn opaque_float(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) ^ hidden_zero());
}

// ---- network_input

// The networks' input for a component of an observation.

fn network_input(x: f32) -> f32 {
    return select(x, clamp(x, -OBSERVATION_CLIP, OBSERVATION_CLIP), NORMALIZE_OBSERVATIONS);
}

// ---- constants of the plan

const EPISODE_LIMIT: u32 = 500u;
const OBSERVATION_WORDS: u32 = 4u;
const PACKED_OBSERVATIONS: bool = false;
const HEAD: u32 = 1u;
const LOGITS: u32 = 2u;
const ACTION_WORDS: u32 = 1u;
const MASK_WORDS: u32 = 0u;
const ONE_AGENT: bool = true;
const ENVS: u32 = 8u;
const STEPS: u32 = 4u;
const UPDATES: u32 = 15625u;
const FINAL_ROWS: u32 = 1u;
const VALUE_ROWS: u32 = 6u;
const STEPS_PER_DISPATCH: u32 = 4u;
const PARAMETERS: u32 = 96u;
const SPARE_LANES: bool = false;
const FOLLOWERS: bool = false;
const LANES_IN_STEP: bool = false;
const SCRATCH: u32 = 2048u;
const DETERMINISTIC: bool = false;
const NORMALIZE_OBSERVATIONS: bool = false;
const OBSERVATION_CLIP: f32 = 1e1;
const ANNEAL_LR: bool = true;
const ANNEAL_CLIP: bool = false;
const ANNEAL_ENTROPY: bool = false;
const LANES: u32 = 8u;
const SAMPLES: u32 = 8u;
const GROUPS: u32 = 1u;
const GRID_NETWORKS: u32 = 1u;
const GRAIN: u32 = 1u;
