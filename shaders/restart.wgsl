// Before step t = index, where the environment's code is long: begins a new episode in each environment where step t - 1 ended one.
// One lane: one environment. Reads agents, transitions. Writes env_lanes, faults. Twin: src/reference/restart.rs.

//! import dispatch
//! import grid
//! import rng
//! import agent
//! import fault
//! import transition
//! import environment
//! import env_lane

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> agents: array<Agent>;                     // [s]
@group(0) @binding(2) var<storage, read_write> env_lanes: array<LaneWords>;        // [s][n]
@group(0) @binding(3) var<storage, read> transitions: array<Transition>;           // [s][t][n]
@group(0) @binding(4) var<storage, read_write> faults: array<atomic<u32>>;         // [s]

@compute @workgroup_size(LANES)
fn restart(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let n = place.group * LANES + lane;
    let t = dispatch.index;
    if (n < ENVS && transitions[(s * STEPS + t - 1u) * ENVS + min(n, ENVS - 1u)].ending != 0u) {
        let agent = agents[s];
        env_lanes[s * ENVS + n] = words_of(EnvLane(begin_episode(agent, time_of(agent, t), n), NEW_EPISODE));
        atomicMin(&faults[s], environment_fault(agent.canary_rounds));
    }
}
