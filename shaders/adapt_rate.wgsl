// Adapts an agent's learning rate to the KL divergence before a step of Adam, as rsl_rl does (Schwarke et al. 2025):
//   lr /= 1.5 where KL > 2 desired_kl;  lr *= 1.5 where 0 < KL < desired_kl / 2;  never beyond lr_min and lr_max.
// KL is the minibatch's estimate of KL(policy of the rollout || present policy), which `sum_gradient` left in `losses` (Schulman, "Approximating KL divergence",
// k3). It is 0 before the update's first step, and says nothing. An estimate that is not a number counts as too large. Steps that target_kl skips are not
// looked at, nor those of an agent that has stopped or has a fault.
// index = gradient step of the update. One workgroup, of which one lane works: one agent. Reads bounds, losses, faults. Writes agents (the learning rate).
// Twin: src/reference/adapt_rate.rs.

//! import dispatch
//! import grid
//! import agent
//! import bounds
//! import fault

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read_write> agents: array<Agent>;    // [s]
@group(0) @binding(2) var<storage, read> bounds: array<Bounds>;         // [s]
@group(0) @binding(3) var<storage, read> losses: array<f32>;            // [s][e][k][8]
@group(0) @binding(4) var<storage, read> faults: array<u32>;            // [s]

const APPROX_KL: u32 = 2u;
const SKIPPED: u32 = 6u;
const FACTOR: f32 = 1.5;
// A product with this is rounded to nearest on every device, a quotient is not.
const INVERSE: f32 = 1.0 / FACTOR;

@compute @workgroup_size(LANES)
fn adapt_rate(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let s = place_of(workgroup).s;
    if (lane > 0u) {
        return;
    }
    let of_step = (s * EPOCHS * MINIBATCHES + dispatch.index) * LOSSES;
    var skipped = false;
    if (TARGET_KL) {
        skipped = dispatch.index > 0u && losses[of_step - LOSSES + SKIPPED] != 0.0;
    }
    if (skipped || agents[s].stopped != 0u || faults[s] <= FAULT_GRADIENT) {
        return;
    }
    let kl = losses[of_step + APPROX_KL];
    let bound = bounds[s];
    let lr = agents[s].lr;
    // A rate that starts beyond the bounds is not moved further away from them, nor back to them at once.
    if (!(kl <= 2.0 * bound.desired_kl)) {
        agents[s].lr = min(lr, max(lr * INVERSE, bound.lr_min));
    } else if (kl > 0.0 && kl < 0.5 * bound.desired_kl) {
        agents[s].lr = max(lr, min(lr * FACTOR, bound.lr_max));
    }
}
