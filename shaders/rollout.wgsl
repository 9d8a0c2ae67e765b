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

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> agents: array<Agent>;                     // [s]
@group(0) @binding(2) var<storage, read> params: array<vec4<f32>>;                 // [s][P/4]
@group(0) @binding(3) var<storage, read_write> env_lanes: array<EnvLane>;          // [s][n]
@group(0) @binding(4) var<storage, read_write> observations: array<u32>;           // [s][T+1+F][n][O]
@group(0) @binding(5) var<storage, read_write> actions: array<u32>;                // [s][t][n][W]
@group(0) @binding(6) var<storage, read_write> transitions: array<Transition>;     // [s][t][n]
@group(0) @binding(7) var<storage, read> normalizers: array<Normalizer>;           // [s][O+1]
@group(0) @binding(8) var<storage, read_write> faults: array<atomic<u32>>;         // [s]

var<private> lane_fault: u32;  // the first fault of the lane's environment

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
    var state = env_lanes[e].state;
    var episode = env_lanes[e].episode;
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
        env_lanes[e] = EnvLane(state, episode);
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
    var action_rng = rng_stream(agent.seed, ACTION_DOMAIN, time, n);
    let legal = legal_actions(state);
    let policy_ = policy(head, legal);
    let action = act(policy_, legal, &action_rng);
    let log_prob = policy_log_prob(policy_, action);

    // Step.
    var step_rng = rng_stream(agent.seed, STEP_DOMAIN, time, n);
    let outcome = env_step(state, action_taken(action), &step_rng);
    (*episode).sum = running_sum_plus((*episode).sum, outcome.reward);
    (*episode).steps += 1u;
    let terminated = outcome.terminated;
    let truncated = !terminated && (*episode).steps >= EPISODE_LIMIT;

    // Store.
    if (stored) {
        let b = (s * STEPS + t) * ENVS + n;
        let ending = select(0u, TERMINATED, terminated) | select(0u, TRUNCATED, truncated);
        store_action(b * ACTION_WORDS, action, legal);
        transitions[b] = Transition(log_prob, outcome.reward, ending, (*episode).sum.value, (*episode).steps);
    }
    note_fault(select(NO_FAULT, FAULT_POLICY_OUTPUT, !is_finite(policy_.entropy) || !is_finite(log_prob)));
    // Finite rewards may still add up to a return that is not finite.
    note_fault(select(NO_FAULT, FAULT_REWARD, !is_finite(outcome.reward) || !is_finite((*episode).sum.value)));
    let choice = choice_without_legal(legal);
    note_fault(select(FAULT_NO_LEGAL_ACTION + choice, NO_FAULT, choice == EVERY_CHOICE));

    // Start a new episode. The last observations of a truncated one and of the rollout are stored by the same instructions, which may be many.
    var row = STEPS + 1u + t / EPISODE_LIMIT;
    var wanted = truncated && FINAL_ROWS > 0u;
    loop {
        if (observes && wanted) {
            var observation = observation_of(state);
            store_observation(s, row, n, lane, &observation);
        }
        if (row == STEPS) {
            break;
        }
        if (terminated || truncated) {
            *state = begin_episode(agent, time + 1u, n);
            *episode = NEW_EPISODE;
        }
        row = STEPS;
        wanted = t + 1u == STEPS;
    }
}

fn note_fault(fault: u32) {
    lane_fault = min(lane_fault, fault);
}

// A sample of the policy; or the most probable action, if the plan is deterministic.
fn act(policy: Policy, legal: Legal, rng: ptr<function, Rng>) -> Action {
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

// Component k of the observation, normalised by the moments of earlier rollouts, and not clipped yet.
fn seen_component(s: u32, observation: ptr<function, Observation>, k: u32) -> f32 {
    let x = component_of(observation, k);
    if (NORMALIZE_OBSERVATIONS) {
        let normalizer = normalizers[s * (OBSERVATION + 1u) + k];
        return (x - normalizer.mean.value) * normalizer.scale;
    }
    return x;
}

fn observation_place(s: u32, row: u32, n: u32) -> u32 {
    return ((s * VALUE_ROWS + row) * ENVS + n) * OBSERVATION_WORDS;
}

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
        let x = seen_component(s, observation, k);
        observations[base + k] = bitcast<u32>(x);
        note_fault(select(FAULT_OBSERVATION, NO_FAULT, is_finite(x)));
    }
}
