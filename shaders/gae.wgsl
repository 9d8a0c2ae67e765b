// Advantages and targets, backwards through time (Schulman et al. 2016, eq. 16):
//   delta_t = r_t + gamma (1 - ended_t) V_{t+1} - V_t;  A_t = delta_t + gamma lambda (1 - ended_t) A_{t+1};  target_t = A_t + V_t.
// The reward of a truncated step gains gamma V(last observation) unless time limits count as termination (Pardo et al. 2018).
// If rewards are normalised, each is divided by the running deviation of R_t = gamma R_{t-1} + r_t, R being 0 before an episode (Engstrom et al. 2020);
// `update_normalizers` reads the moments of R over this rollout.
// If values are normalised, V = mean + deviation * output of the critic. Samples have the output, and as their target (A + V - mean) / deviation, which is
// output + A / deviation. `rescale_values` reads the moments of A + V over this rollout.
// One lane: one environment, T steps. Reads agents, transitions, values, normalizers, value_normalizers. Writes samples, env_statistics, faults.
// Twin: src/reference/gae.rs.

//! import grid
//! import agent
//! import rng
//! import fault
//! import transition
//! import sample
//! import moments_of
//! import env_statistics
//! import normalizer

@group(0) @binding(0) var<storage, read> agents: array<Agent>;                           // [s]
@group(0) @binding(1) var<storage, read> transitions: array<Transition>;                 // [s][t][n]
@group(0) @binding(2) var<storage, read> values: array<f32>;                             // [s][T+1+F][n]
@group(0) @binding(3) var<storage, read_write> samples: array<Sample>;                   // [s][t][n]
@group(0) @binding(4) var<storage, read_write> env_statistics: array<EnvStatistics>;     // [s][n]
@group(0) @binding(5) var<storage, read> normalizers: array<Normalizer>;                 // [s][O+1]
@group(0) @binding(6) var<storage, read_write> faults: array<atomic<u32>>;               // [s]
@group(0) @binding(7) var<storage, read> value_normalizers: array<Normalizer>;           // [s]

// Steps that a lane reads at once: the loads of one do not depend on the step before it, but a loop of single steps would wait for each of them.
const AHEAD: u32 = 8u;

var<private> value_normalizer: Normalizer;  // if values are normalised

// What a lane carries from a step to the one before it.
struct Carried {
    value: f32,      // V_{t+1}
    advantage: f32,  // A_{t+1}
    episodes: u32,
    targets: MomentsOf,
    advantages: MomentsOf,
}

@compute @workgroup_size(LANES)
fn gae(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let n = place.group * LANES + lane;
    if (n >= ENVS) {
        return;
    }
    let gamma = agents[s].gamma;
    let decay = gamma * agents[s].gae_lambda;
    var discounted = RunningSum(0.0, 0.0);
    var returns = MomentsOf(0.0, 0.0, 0.0);
    var reward_scale = 1.0;
    if (NORMALIZE_REWARDS) {
        reward_scale = normalizers[s * (OBSERVATION + 1u) + OBSERVATION].scale;
        discounted = env_statistics[s * ENVS + n].discounted;
        for (var first = 0u; first < STEPS; first += AHEAD) {
            var seen: array<Transition, AHEAD>;
            for (var k = 0u; k < AHEAD; k++) {
                seen[k] = transitions[(s * STEPS + min(first + k, STEPS - 1u)) * ENVS + n];
            }
            for (var k = 0u; k < AHEAD; k++) {
                if (first + k < STEPS) {
                    discounted = running_sum_plus(RunningSum(gamma * discounted.value, gamma * discounted.error), seen[k].reward);
                    returns = moments_push(returns, discounted.value);
                    if ((seen[k].ending & ENDED) != 0u) {
                        discounted = RunningSum(0.0, 0.0);
                    }
                }
            }
        }
    }
    if (NORMALIZE_VALUES) {
        value_normalizer = value_normalizers[s];
    }
    let value_base = s * VALUE_ROWS * ENVS + n;
    var carried = Carried(value_of(values[value_base + STEPS * ENVS]), 0.0, 0u, MomentsOf(0.0, 0.0, 0.0), MomentsOf(0.0, 0.0, 0.0));
    for (var end = STEPS; end > 0u; end -= min(end, AHEAD)) {
        var seen: array<Transition, AHEAD>;  // steps end - 1, end - 2 and so on
        var output: array<f32, AHEAD>;
        for (var k = 0u; k < AHEAD; k++) {
            let t = end - min(end, k + 1u);
            seen[k] = transitions[(s * STEPS + t) * ENVS + n];
            output[k] = values[value_base + t * ENVS];
        }
        for (var k = 0u; k < AHEAD; k++) {
            if (k < end) {
                step_back(s, n, end - 1u - k, seen[k], output[k], gamma, decay, reward_scale, &carried);
            }
        }
    }
    let targets = carried.targets;
    let advantages = carried.advantages;
    env_statistics[s * ENVS + n] =
        EnvStatistics(carried.episodes, targets.mean, targets.m2, advantages.mean, advantages.m2, discounted, returns.mean, returns.m2);
}

fn step_back(
    s: u32, n: u32, t: u32, transition: Transition, output: f32, gamma: f32, decay: f32, reward_scale: f32, carried: ptr<function, Carried>
) {
    var reward = transition.reward;
    if (NORMALIZE_REWARDS) {
        reward *= reward_scale;
    }
    if (FINAL_ROWS > 0u && (transition.ending & TRUNCATED) != 0u) {
        reward += gamma * value_of(values[(s * VALUE_ROWS + STEPS + 1u + t / EPISODE_LIMIT) * ENVS + n]);
    }
    let value = value_of(output);
    let ended = (transition.ending & ENDED) != 0u;
    let delta = reward + gamma * select((*carried).value, 0.0, ended) - value;
    let advantage = delta + decay * select((*carried).advantage, 0.0, ended);
    var value_target = advantage + value;
    if (NORMALIZE_VALUES) {
        value_target = output + advantage * value_normalizer.scale;
    }
    samples[(s * STEPS + t) * ENVS + n] = Sample(advantage, value_target, output, transition.log_prob);
    if (!is_finite(value)) {
        atomicMin(&faults[s], FAULT_VALUE);
    }
    if (!is_finite(advantage)) {
        atomicMin(&faults[s], FAULT_ADVANTAGE);
    }
    *carried = Carried(
        value, advantage, (*carried).episodes + select(0u, 1u, ended), moments_push((*carried).targets, advantage + value),
        moments_push((*carried).advantages, advantage)
    );
}

// The value that an output of the critic stands for.
fn value_of(output: f32) -> f32 {
    if (NORMALIZE_VALUES) {
        return value_normalizer.mean.value + output / value_normalizer.scale;
    }
    return output;
}
