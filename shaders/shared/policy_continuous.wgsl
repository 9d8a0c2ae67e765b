// The policy of environments with continuous actions: a normal distribution with independent dimensions. The head's first ACTION_DIMS outputs are the means;
// the next are the logarithms of the standard deviations, which are only biases and so do not depend on the observation. Actions are stored as sampled, and
// brought within the environment's bounds only when they are passed to it. Twin: src/reference/policy.rs.

//! import legal
//! import head_slopes

struct Action {
    values: array<f32, ACTION_DIMS>,
}

struct Policy {
    mean: array<f32, ACTION_DIMS>,
    log_std: array<f32, ACTION_DIMS>,
    entropy: f32,
}

const HALF_LN_TAU: f32 = 0.9189385332;  // ln(2 pi) / 2

fn policy(head: array<vec4<f32>, HEAD>, legal: Legal) -> Policy {
    var h = head;
    // Variables by themselves: see categorical.wgsl.
    var mean: array<f32, ACTION_DIMS>;
    var log_std: array<f32, ACTION_DIMS>;
    var entropy = 0.0;
    for (var d = 0u; d < ACTION_DIMS; d++) {
        mean[d] = h[d / 4u][d % 4u];
        let k = ACTION_DIMS + d;
        log_std[d] = h[k / 4u][k % 4u];
        entropy += 0.5 + HALF_LN_TAU + log_std[d];
    }
    return Policy(mean, log_std, entropy);
}

fn policy_sample(policy: Policy, legal: Legal, rng: ptr<function, Rng>) -> Action {
    var p = policy;
    var values: array<f32, ACTION_DIMS>;
    for (var d = 0u; d < ACTION_DIMS; d++) {
        let value = p.mean[d] + exp(p.log_std[d]) * rng_normal(rng);
        // A condition opaque to compilers. Otherwise they would cancel the mean in (action - mean), and the log-probability would not be bit-identical to
        // that of `gradient` for the stored action. No environment has this number.
        values[d] = select(value, 0.0, (*rng).lane == 0xFFFFFFFFu);
    }
    return Action(values);
}

fn policy_mode(policy: Policy, legal: Legal) -> Action {
    return Action(policy.mean);
}

fn policy_log_prob(policy: Policy, action: Action) -> f32 {
    var p = policy;
    var a = action;
    var sum = 0.0;
    for (var d = 0u; d < ACTION_DIMS; d++) {
        let z = (a.values[d] - p.mean[d]) * exp(-p.log_std[d]);
        sum -= 0.5 * z * z + p.log_std[d] + HALF_LN_TAU;
    }
    return sum;
}

// d(log_prob_slope * log pi(action) + entropy_slope * H)/d head, z = (a - mean) / std:
// d log pi/d mean = z / std;  d log pi/d log std = z^2 - 1;  dH/d log std = 1.
fn policy_slope(policy: Policy, action: Action, log_prob_slope: f32, entropy_slope: f32) -> array<vec4<f32>, HEAD> {
    var p = policy;
    var a = action;
    var slopes: array<f32, 4u * HEAD>;
    for (var d = 0u; d < ACTION_DIMS; d++) {
        let inverse = exp(-p.log_std[d]);
        let z = (a.values[d] - p.mean[d]) * inverse;
        slopes[d] = log_prob_slope * z * inverse;
        slopes[ACTION_DIMS + d] = log_prob_slope * (z * z - 1.0) + entropy_slope;
    }
    return head_slopes_of(slopes);
}

// Continuous actions are always legal.
fn choice_without_legal(legal: Legal) -> u32 {
    return EVERY_CHOICE;
}

// The action passed to the environment: clipped to its bounds; or, if scaled, clipped to -1 and 1, which become exactly the bounds.
fn action_taken(action: Action) -> array<f32, ACTION_DIMS> {
    var least = ACTION_LEAST;
    var most = ACTION_MOST;
    var taken = action.values;
    for (var d = 0u; d < ACTION_DIMS; d++) {
        if (SCALED_ACTIONS) {
            let half = 0.5 * clamp(taken[d], -1.0, 1.0);
            taken[d] = (0.5 - half) * least[d] + (0.5 + half) * most[d];
        }
        taken[d] = clamp(taken[d], least[d], most[d]);
    }
    return taken;
}

// A word of the stored action.
fn action_word(action: Action, i: u32) -> u32 {
    var a = action;
    return bitcast<u32>(a.values[i]);
}

fn action_from(words: array<u32, ACTION_WORDS>) -> Action {
    var w = words;
    var values: array<f32, ACTION_DIMS>;
    for (var d = 0u; d < ACTION_DIMS; d++) {
        values[d] = bitcast<f32>(w[d]);
    }
    return Action(values);
}
