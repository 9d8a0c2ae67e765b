// Observations, where the environment's code is long (`act` and `advance` follow, `restart` is between). Index 2 t + 1: o_t = observe(state), in row t. Index 2 t,
// before `restart`: the last observation of an episode that step t - 1 truncated, in row T + 1 + (t - 1) / EPISODE_LIMIT.
// One lane: one environment. Reads agents, env_lanes, transitions, normalizers. Writes observations, faults. Twin: src/reference/observe.rs.

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
//! import observation_place
//! import seen_component
//! import store_vectors

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> agents: array<Agent>;                     // [s]
@group(0) @binding(2) var<storage, read> env_lanes: array<LaneWords>;              // [s][n]
@group(0) @binding(3) var<storage, read_write> observations: array<vec4<u32>>;     // [s][T+1+F][n][O/4]
@group(0) @binding(4) var<storage, read> transitions: array<Transition>;           // [s][t][n]
@group(0) @binding(5) var<storage, read> normalizers: array<Normalizer>;           // [s][O+1]
@group(0) @binding(6) var<storage, read_write> faults: array<atomic<u32>>;         // [s]

@compute @workgroup_size(LANES)
fn observe(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let n = place.group * LANES + lane;
    let e = s * ENVS + min(n, ENVS - 1u);
    let t = dispatch.index / 2u;
    let is_row_of_step = dispatch.index % 2u == 1u;
    let before = max(t, 1u) - 1u;
    // No branch on the index alone: Mesa's software driver compiles a kernel again for each value of a uniform that a branch depends on.
    let was_truncated = transitions[(s * STEPS + before) * ENVS + min(n, ENVS - 1u)].ending == TRUNCATED;
    if (n < ENVS && (is_row_of_step || was_truncated)) {
        let agent = agents[s];
        lane_fault = NO_FAULT;
        let env_lane = lane_of(env_lanes[e]);
        vary_parameters(agent, time_of(agent, t) - env_lane.episode.steps, n);
        var state = env_lane.state;
        var observation = observation_of(&state);
        let base = observation_place(s, select(STEPS + 1u + before / EPISODE_LIMIT, t, is_row_of_step), n) / 4u;
        store_vectors(base, &observation);
        for (var w = 0u; w < OBSERVATION_WORDS / 4u; w++) {
            let x = bitcast<vec4<f32>>(observations[base + w]);
            observations[base + w] = vec4(seen_or_0(s, x.x, 4u * w), seen_or_0(s, x.y, 4u * w + 1u), seen_or_0(s, x.z, 4u * w + 2u), seen_or_0(s, x.w, 4u * w + 3u));
        }
        note_fault(environment_fault(agent.canary_rounds));
        atomicMin(&faults[s], lane_fault);
    }
}

// Component k, whose value is x, as it is stored; 0 past the last one.
fn seen_or_0(s: u32, x: f32, k: u32) -> u32 {
    return stored(select(0.0, seen(s, x, min(k, OBSERVATION - 1u)), k < OBSERVATION));
}
