// The policy of environments with one discrete action: a categorical distribution over LOGITS actions. Twin: src/reference/policy.rs.

//! import categorical
//! import head_slopes

struct Action {
    choice: u32,
}

fn policy(head: array<vec4<f32>, HEAD>, legal: Legal) -> Policy {
    var log_probs: array<f32, LOGITS>;
    let entropy = add_categorical(&log_probs, 0.0, head, legal, 0u, LOGITS);
    return Policy(log_probs, entropy);
}

fn policy_sample(policy: Policy, legal: Legal, rng: ptr<function, Rng>) -> Action {
    return Action(sample_categorical(policy, legal, 0u, LOGITS, rng_uniform(rng)));
}

fn policy_mode(policy: Policy, legal: Legal) -> Action {
    return Action(most_probable(policy, legal, 0u, LOGITS));
}

fn policy_log_prob(policy: Policy, action: Action) -> f32 {
    var p = policy;
    return p.log_probs[action.choice];
}

// d(log_prob_slope * log pi(action) + entropy_slope * H)/d head.
fn policy_slope(policy: Policy, action: Action, log_prob_slope: f32, entropy_slope: f32) -> array<vec4<f32>, HEAD> {
    var p = policy;
    var slopes: array<f32, 4u * HEAD>;
    for (var k = 0u; k < LOGITS; k++) {
        slopes[k] = categorical_slope(p.log_probs[k], p.entropy, k == action.choice, log_prob_slope, entropy_slope);
    }
    return head_slopes_of(slopes);
}

// The first choice without a legal action.
fn choice_without_legal(legal: Legal) -> u32 {
    if (MASK_WORDS == 0u) {
        return EVERY_CHOICE;
    }
    return select(0u, EVERY_CHOICE, some_legal(legal, 0u, LOGITS));
}

// The action passed to the environment.
fn action_taken(action: Action) -> u32 {
    return action.choice;
}

// A word of the stored action.
fn action_word(action: Action, i: u32) -> u32 {
    return action.choice;
}

fn action_from(words: array<u32, ACTION_WORDS>) -> Action {
    return Action(words[0]);
}
