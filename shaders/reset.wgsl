// Starts an episode in every environment.
// One lane: one environment. Writes env_lanes, faults. Twin: src/reference/reset.rs.

//! import grid
//! import rng
//! import agent
//! import fault
//! import environment
//! import env_lane

@group(0) @binding(0) var<storage, read> agents: array<Agent>;           // [s]
@group(0) @binding(1) var<storage, read_write> env_lanes: array<LaneWords>;  // [s][n]
@group(0) @binding(2) var<storage, read_write> faults: array<atomic<u32>>; // [s]

@compute @workgroup_size(LANES)
fn reset(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let n = place.group * LANES + lane;
    if (n < ENVS) {
        // Resets within a rollout use the step, counted from 1, for their random numbers, so step 0 is free for the first reset.
        env_lanes[s * ENVS + n] = words_of(EnvLane(begin_episode(agents[s], 0u, n), NEW_EPISODE));
        atomicMin(&faults[s], environment_fault(agents[s].canary_rounds));
    }
}
