// The last part of step t = index, where the environment's code is long: state, r_t = step(state, a_t).
// One lane: one environment. Reads agents, actions. Writes env_lanes, transitions (all but log_prob), faults. Twin: src/reference/advance.rs.

//! import dispatch
//! import grid
//! import rng
//! import agent
//! import fault
//! import transition
//! import environment
//! import env_lane
//! import policy
//! import lane_fault
//! import count_step

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> agents: array<Agent>;                     // [s]
@group(0) @binding(2) var<storage, read_write> env_lanes: array<LaneWords>;        // [s][n]
@group(0) @binding(3) var<storage, read> actions: array<u32>;                      // [s][t][n][W]
@group(0) @binding(4) var<storage, read_write> transitions: array<Transition>;     // [s][t][n]
@group(0) @binding(5) var<storage, read_write> faults: array<atomic<u32>>;         // [s]

@compute @workgroup_size(LANES)
fn advance(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let n = place.group * LANES + lane;
    if (n >= ENVS) {
        return;
    }
    let e = s * ENVS + n;
    let t = dispatch.index;
    let b = (s * STEPS + t) * ENVS + n;
    let agent = agents[s];
    let time = time_of(agent, t);
    let before = lane_of(env_lanes[e]);
    var state = before.state;
    var episode = before.episode;
    lane_fault = NO_FAULT;
    vary_parameters(agent, time - episode.steps, n);
    var words: array<u32, ACTION_WORDS>;
    for (var i = 0u; i < ACTION_WORDS; i++) {
        words[i] = actions[b * ACTION_WORDS + i];
    }
    var step_rng = rng_stream(agent.seed, STEP_DOMAIN, time, n);
    let outcome = env_step(&state, action_taken(action_from(words)), &step_rng);
    let ending = count_step(&episode, outcome);
    env_lanes[e] = words_of(EnvLane(state, episode));
    transitions[b].reward = outcome.reward;
    transitions[b].ending = ending;
    transitions[b].episode_return = episode.sum.value;
    transitions[b].episode_length = episode.steps;
    note_fault(environment_fault(agent.canary_rounds));
    atomicMin(&faults[s], lane_fault);
}
