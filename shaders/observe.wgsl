// The first part of step t = index, where the environment's code is long (`act` and `advance` follow): begins a new episode where step t - 1 ended one, and
// stores o_t = observe(state) in row t. A truncated episode's last observation goes to row T + 1 + (t - 1) / EPISODE_LIMIT before that. After the last step,
// index T does the same for row T.
// One lane: one environment. Reads agents, transitions, normalizers. Writes env_lanes, observations, faults. Twin: src/reference/observe.rs.

//! import dispatch
//! import grid
//! import rng
//! import agent
//! import fault
//! import transition
//! import environment
//! import env_lane
//! import normalizer
//! import lane_fault
//! import store_observation

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> agents: array<Agent>;                     // [s]
@group(0) @binding(2) var<storage, read_write> env_lanes: array<EnvLane>;          // [s][n]
@group(0) @binding(3) var<storage, read_write> observations: array<u32>;           // [s][T+1+F][n][O]
@group(0) @binding(4) var<storage, read> transitions: array<Transition>;           // [s][t][n]
@group(0) @binding(5) var<storage, read> normalizers: array<Normalizer>;           // [s][O+1]
@group(0) @binding(6) var<storage, read_write> faults: array<atomic<u32>>;         // [s]

@compute @workgroup_size(LANES)
fn observe(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let n = place.group * LANES + lane;
    if (n >= ENVS) {
        return;
    }
    let e = s * ENVS + n;
    let t = dispatch.index;
    let agent = agents[s];
    let time = time_of(agent, t);
    var state = env_lanes[e].state;
    lane_fault = NO_FAULT;
    vary_parameters(agent, time - env_lanes[e].episode.steps, n);
    // No branch: Mesa's software driver compiles a kernel again for each value of a uniform that one depends on.
    let before = max(t, 1u) - 1u;
    let ending = select(0u, transitions[(s * STEPS + before) * ENVS + n].ending, t > 0u);
    // All observations are stored by the same instructions, which may be many.
    var row = select(t, STEPS + 1u + before / EPISODE_LIMIT, ending == TRUNCATED && FINAL_ROWS > 0u);
    loop {
        if (row == t && ending != 0u) {
            state = begin_episode(agent, time, n);
            env_lanes[e] = EnvLane(state, NEW_EPISODE);
        }
        var observation = observation_of(&state);
        store_observation(s, row, n, lane, &observation);
        if (row == t) {
            break;
        }
        row = t;
    }
    note_fault(environment_fault(agent.canary_rounds));
    atomicMin(&faults[s], lane_fault);
}
