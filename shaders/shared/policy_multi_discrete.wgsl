// The policy of environments with several discrete actions at once: independent categorical distributions, number d over the ACTION_COUNTS[d] logits from
// ACTION_FIRST[d] on. Log-probability and entropy are sums. Twin: src/reference/policy.rs.

//! import categorical
//! import head_slopes

struct Action {
    choices: array<u32, ACTION_DIMS>,
}

fn policy(head: array<vec4<f32>, HEAD>, legal: Legal) -> Policy {
    var firsts = ACTION_FIRSTS;
    var counts = ACTION_SIZES;
    var log_probs: array<f32, LOGITS>;
    var entropy = 0.0;
    for (var d = 0u; d < ACTION_DIMS; d++) {
        entropy = add_categorical(&log_probs, entropy, head, legal, firsts[d], counts[d]);
    }
    return Policy(log_probs, entropy);
}

fn policy_sample(policy: Policy, legal: Legal, rng: ptr<function, Rng>) -> Action {
    var firsts = ACTION_FIRSTS;
    var counts = ACTION_SIZES;
    var choices: array<u32, ACTION_DIMS>;
    for (var d = 0u; d < ACTION_DIMS; d++) {
        choices[d] = sample_categorical(policy, legal, firsts[d], counts[d], rng_uniform(rng));
    }
    return Action(choices);
}

fn policy_mode(policy: Policy, legal: Legal) -> Action {
    var firsts = ACTION_FIRSTS;
    var counts = ACTION_SIZES;
    var choices: array<u32, ACTION_DIMS>;
    for (var d = 0u; d < ACTION_DIMS; d++) {
        choices[d] = most_probable(policy, legal, firsts[d], counts[d]);
    }
    return Action(choices);
}

fn policy_log_prob(policy: Policy, action: Action) -> f32 {
    var firsts = ACTION_FIRSTS;
    var p = policy;
    var a = action;
    var sum = 0.0;
    for (var d = 0u; d < ACTION_DIMS; d++) {
        sum += p.log_probs[firsts[d] + a.choices[d]];
    }
    return sum;
}

// d(log_prob_slope * log pi(action) + entropy_slope * H)/d head.
fn policy_slope(policy: Policy, action: Action, log_prob_slope: f32, entropy_slope: f32) -> array<vec4<f32>, HEAD> {
    var firsts = ACTION_FIRSTS;
    var counts = ACTION_SIZES;
    var p = policy;
    var a = action;
    var slopes: array<f32, 4u * HEAD>;
    for (var d = 0u; d < ACTION_DIMS; d++) {
        var entropy = 0.0;
        for (var i = 0u; i < counts[d]; i++) {
            let log_prob = p.log_probs[firsts[d] + i];
            entropy -= exp(log_prob) * log_prob;
        }
        for (var i = 0u; i < counts[d]; i++) {
            let k = firsts[d] + i;
            slopes[k] = categorical_slope(p.log_probs[k], entropy, i == a.choices[d], log_prob_slope, entropy_slope);
        }
    }
    return head_slopes_of(slopes);
}

// The first choice without a legal action.
fn choice_without_legal(legal: Legal) -> u32 {
    if (MASK_WORDS == 0u) {
        return EVERY_CHOICE;
    }
    var firsts = ACTION_FIRSTS;
    var counts = ACTION_SIZES;
    var found = EVERY_CHOICE;
    for (var d = 0u; d < ACTION_DIMS; d++) {
        found = min(found, select(d, EVERY_CHOICE, some_legal(legal, firsts[d], counts[d])));
    }
    return found;
}

// The action passed to the environment.
fn action_taken(action: Action) -> array<u32, ACTION_DIMS> {
    return action.choices;
}

// A word of the stored action.
fn action_word(action: Action, i: u32) -> u32 {
    var a = action;
    return a.choices[i];
}

fn action_from(words: array<u32, ACTION_WORDS>) -> Action {
    var w = words;
    var choices: array<u32, ACTION_DIMS>;
    for (var d = 0u; d < ACTION_DIMS; d++) {
        choices[d] = w[d];
    }
    return Action(choices);
}
