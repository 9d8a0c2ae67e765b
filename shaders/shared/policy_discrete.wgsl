// The policy of environments with one discrete action: a categorical distribution over LOGITS actions. Twin: src/reference/policy.rs.

//! import categorical

alias Action = u32;

fn policy(head: array<vec4<f32>, HEAD>, legal: Legal) -> Policy {
    var result: Policy;
    add_categorical(&result, head, legal, 0u, LOGITS);
    return result;
}

fn policy_sample(policy: Policy, legal: Legal, rng: ptr<function, Rng>) -> Action {
    return sample_categorical(policy, legal, 0u, LOGITS, rng_uniform(rng));
}

fn policy_mode(policy: Policy, legal: Legal) -> Action {
    return most_probable(policy, legal, 0u, LOGITS);
}

fn policy_log_prob(policy: Policy, action: Action) -> f32 {
    var p = policy;
    return p.log_probs[action];
}

// d(log_prob_slope * log pi(action) + entropy_slope * H)/d head.
fn policy_slope(policy: Policy, action: Action, log_prob_slope: f32, entropy_slope: f32) -> array<vec4<f32>, HEAD> {
    var p = policy;
    var slope: array<vec4<f32>, HEAD>;
    for (var k = 0u; k < LOGITS; k++) {
        slope[k / 4u][k % 4u] = categorical_slope(p.log_probs[k], p.entropy, k == action, log_prob_slope, entropy_slope);
    }
    return slope;
}

// What enters the environment.
fn action_taken(action: Action) -> Action {
    return action;
}

// A word of the action as it is stored.
fn action_word(action: Action, i: u32) -> u32 {
    return action;
}

fn action_from(words: array<u32, ACTION_WORDS>) -> Action {
    return words[0];
}
