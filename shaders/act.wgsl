// The second part of step t = index, where the environment's code is long: a_t ~ pi(.|o_t), with the policy frozen.
// One of the first SAMPLES lanes: one environment. Work: one actor forward for each. Reads agents, params, observations. Writes actions, transitions
// (log_prob), faults. Twin: src/reference/act.rs.

//! import dispatch
//! import grid
//! import rng
//! import agent
//! import fault
//! import transition
//! import legal
//! import lane_fault
//! import choose
//! import acting_network
//! import observation_place

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> agents: array<Agent>;                     // [s]
@group(0) @binding(2) var<storage, read> params: array<vec4<f32>>;                 // [s][P/4]
@group(0) @binding(3) var<storage, read> observations: array<u32>;                 // [s][T+1+F][n][O]
@group(0) @binding(4) var<storage, read_write> actions: array<u32>;                // [s][t][n][W]
@group(0) @binding(5) var<storage, read_write> transitions: array<Transition>;     // [s][t][n]
@group(0) @binding(6) var<storage, read_write> faults: array<atomic<u32>>;         // [s]

@compute @workgroup_size(LANES)
fn act(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let n = place.group * SAMPLES + select(lane, min(lane, SAMPLES - 1u), SPARE_LANES);
    let t = dispatch.index;
    let agent = agents[s];
    lane_fault = NO_FAULT;
    network_begin(s * PARAMETERS, lane);
    // Lanes past the last environment repeat it, since they must reach the barriers of the forward pass; they store nothing.
    if (!SPARE_LANES || lane < SAMPLES) {
        network_fetch(observation_place(s, t, min(n, ENVS - 1u)), lane);
    }
    let head = network_forward(s * PARAMETERS, lane);
    if (n < ENVS && (!SPARE_LANES || lane < SAMPLES)) {
        // Environments with masks have `rollout`.
        var legal: Legal;
        let choice = choose(agent, time_of(agent, t), n, head, legal);
        let b = (s * STEPS + t) * ENVS + n;
        store_action(b * ACTION_WORDS, choice.action, legal);
        transitions[b].log_prob = choice.log_prob;
        atomicMin(&faults[s], lane_fault);
    }
}
