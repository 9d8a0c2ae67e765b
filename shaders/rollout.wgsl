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
