// The rollout without its network: STEPS_PER_DISPATCH steps of every environment with actions of an untrained policy, and automatic reset.
// Stores no transitions.
// Random numbers are keyed by the length of the running episode, so that the kernel can be repeated without an index.
// One lane: one environment. Reads agents. Writes env_lanes, faults.

//! import grid
//! import rng
//! import agent
//! import fault
//! import environment
//! import env_lane
//! import policy

@group(0) @binding(0) var<storage, read> agents: array<Agent>;                // [s]
@group(0) @binding(1) var<storage, read_write> env_lanes: array<LaneWords>;   // [s][n]
@group(0) @binding(2) var<storage, read_write> faults: array<atomic<u32>>;    // [s]

@compute @workgroup_size(LANES)
fn step_environments(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let n = place.group * LANES + lane;
    if (n >= ENVS) {
        return;
    }
    let agent = agents[s];
    let seed = agent.seed;
    let at_first = lane_of(env_lanes[s * ENVS + n]);
    var state = at_first.state;
    var episode = at_first.episode;
    vary_parameters(agent, 0u, n);
    for (var i = 0u; i < STEPS_PER_DISPATCH; i++) {
        let time = episode.steps;
        var action_rng = rng_stream(seed, ACTION_DOMAIN, time, n);
        let legal = legal_actions(&state);
        let action = policy_sample(policy(array<vec4<f32>, HEAD>(), legal), legal, &action_rng);
        var step_rng = rng_stream(seed, STEP_DOMAIN, time, n);
        let outcome = env_step(&state, action_taken(action), &step_rng);
        episode.sum = running_sum_plus(episode.sum, outcome.reward);
        episode.steps += 1u;
        if (outcome.terminated || episode.steps >= EPISODE_LIMIT) {
            state = begin_episode(agent, time, n);
            episode = NEW_EPISODE;
        }
    }
    env_lanes[s * ENVS + n] = words_of(EnvLane(state, episode));
    atomicMin(&faults[s], environment_fault(agent.canary_rounds));
}
