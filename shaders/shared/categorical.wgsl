// The categorical distribution over ACTIONS logits. Twin: src/reference/categorical.rs.

struct Categorical {
    log_probs: array<f32, ACTIONS>,
    entropy: f32,
}

// Log-softmax, shifted by the largest logit so that no exponential overflows.
fn categorical(logits: array<vec4<f32>, HEAD>) -> Categorical {
    var z = logits;
    var result: Categorical;
    var largest = z[0].x;
    for (var k = 1u; k < ACTIONS; k++) {
        largest = max(largest, z[k / 4u][k % 4u]);
    }
    var total = 0.0;
    for (var k = 0u; k < ACTIONS; k++) {
        total += exp(z[k / 4u][k % 4u] - largest);
    }
    let log_total = log(total) + largest;
    result.entropy = 0.0;
    for (var k = 0u; k < ACTIONS; k++) {
        let log_prob = z[k / 4u][k % 4u] - log_total;
        result.log_probs[k] = log_prob;
        result.entropy -= exp(log_prob) * log_prob;
    }
    return result;
}

// The action whose share of [0, 1) holds `uniform`.
fn categorical_sample(distribution: Categorical, uniform: f32) -> u32 {
    var d = distribution;
    var action = 0u;
    var cumulative = 0.0;
    // The last action takes what rounding leaves over.
    for (var k = 0u; k < ACTIONS - 1u; k++) {
        cumulative += exp(d.log_probs[k]);
        if (uniform >= cumulative) {
            action = k + 1u;
        }
    }
    return action;
}

// d(log_prob_slope * log pi(action) + entropy_slope * H)/d logits:
// d log pi(a)/dz_k = [k = a] - pi_k;  dH/dz_k = -pi_k (log pi_k + H).
fn categorical_slope(distribution: Categorical, action: u32, log_prob_slope: f32, entropy_slope: f32) -> array<vec4<f32>, HEAD> {
    var d = distribution;
    var slope: array<vec4<f32>, HEAD>;
    for (var k = 0u; k < ACTIONS; k++) {
        let p = exp(d.log_probs[k]);
        let chosen = select(0.0, 1.0, k == action);
        slope[k / 4u][k % 4u] = log_prob_slope * (chosen - p) - entropy_slope * p * (d.log_probs[k] + d.entropy);
    }
    return slope;
}
