// The rollout without its network: STEPS_PER_DISPATCH steps of every environment with random actions, and automatic reset. Keeps no transitions.
// Random numbers are named by the length of the running episode, so that the kernel can be repeated without an index.
// One lane: one environment. Reads agents. Writes env_lanes.

//! import rng
//! import agent
//! import environment
//! import env_lane

@group(0) @binding(0) var<storage, read> agents: array<Agent>;                // [s]
@group(0) @binding(1) var<storage, read_write> env_lanes: array<EnvLane>;     // [s][n]

@compute @workgroup_size(LANES)
fn step_environments(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let s = group.y;
    let n = (group.x + group.z * FOLD) * LANES + lane;
    if (n >= ENVS) {
        return;
    }
    let seed = agents[s].seed;
    var env = env_lanes[s * ENVS + n];
    for (var i = 0u; i < STEPS_PER_DISPATCH; i++) {
        let time = env.episode_length;
        var action_rng = rng_stream(seed, ACTION_DOMAIN, time, n);
        let action = min(u32(rng_uniform(&action_rng) * f32(ACTIONS)), ACTIONS - 1u);
        var step_rng = rng_stream(seed, STEP_DOMAIN, time, n);
        var state = env.state;
        let outcome = env_step(&state, action, &step_rng);
        env.state = state;
        env.episode_return += outcome.reward;
        env.episode_length += 1u;
        if (outcome.terminated || env.episode_length >= TIME_LIMIT) {
            env = begin_episode(seed, time, n);
        }
    }
    env_lanes[s * ENVS + n] = env;
}
