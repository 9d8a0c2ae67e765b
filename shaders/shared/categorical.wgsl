// Categorical distributions over parts of the actor's outputs, without illegal actions. Twin: src/reference/policy.rs.

//! import legal

struct Policy {
    log_probs: array<f32, LOGITS>,
    entropy: f32,
}

// Replaces the logit of an illegal action: the exponential of any difference to it is exactly 0, and 0 times it is 0.
const ILLEGAL_LOGIT: f32 = -1e30;

fn logit(head: array<vec4<f32>, HEAD>, legal: Legal, k: u32) -> f32 {
    var z = head;
    return select(ILLEGAL_LOGIT, z[k / 4u][k % 4u], is_legal(legal, k));
}

// Writes the log-probabilities of the `count` logits from `first` on: log-softmax, shifted by the largest logit so that no exponential overflows. Returns
// `entropy` less the sum of p log p. Arrays that are written by index are variables by themselves here and in the policies: in a structure, Microsoft's FXC
// unrolls every loop around them.
fn add_categorical(
    log_probs: ptr<function, array<f32, LOGITS>>, entropy: f32, head: array<vec4<f32>, HEAD>, legal: Legal, first: u32, count: u32
) -> f32 {
    var largest = logit(head, legal, first);
    for (var k = 1u; k < count; k++) {
        largest = max(largest, logit(head, legal, first + k));
    }
    var total = 0.0;
    for (var k = 0u; k < count; k++) {
        total += exp(logit(head, legal, first + k) - largest);
    }
    let log_total = log(total) + largest;
    var sum = entropy;
    for (var k = 0u; k < count; k++) {
        let log_prob = logit(head, legal, first + k) - log_total;
        (*log_probs)[first + k] = log_prob;
        sum -= exp(log_prob) * log_prob;
    }
    return sum;
}

// The choice among the same logits, counted from `first`, whose share of [0, 1) contains `uniform`. The last legal one gets the remainder from rounding.
fn sample_categorical(policy: Policy, legal: Legal, first: u32, count: u32, uniform: f32) -> u32 {
    var p = policy;
    var choice = 0u;
    var cumulative = 0.0;
    for (var k = 0u; k < count; k++) {
        if (uniform >= cumulative && is_legal(legal, first + k)) {
            choice = k;
        }
        cumulative += exp(p.log_probs[first + k]);
    }
    return choice;
}

// The most probable choice among the same logits, counted from `first`; the first one on ties.
fn most_probable(policy: Policy, legal: Legal, first: u32, count: u32) -> u32 {
    var p = policy;
    var choice = 0u;
    var found = false;
    for (var k = 0u; k < count; k++) {
        if (is_legal(legal, first + k) && (!found || p.log_probs[first + k] > p.log_probs[first + choice])) {
            choice = k;
            found = true;
        }
    }
    return choice;
}

// d(log_prob_slope * log pi(choice) + entropy_slope * H)/d logit k, of a distribution with entropy H:
// d log pi(a)/dz_k = [k = a] - pi_k;  dH/dz_k = -pi_k (log pi_k + H).
fn categorical_slope(log_prob: f32, entropy: f32, chosen: bool, log_prob_slope: f32, entropy_slope: f32) -> f32 {
    let p = exp(log_prob);
    return log_prob_slope * (select(0.0, 1.0, chosen) - p) - entropy_slope * p * (log_prob + entropy);
}
