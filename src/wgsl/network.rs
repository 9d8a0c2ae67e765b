//! What the networks' text promises to kernels, whichever of both layouts it is written in.

use crate::program::plan::Plan;
use crate::wgsl::dense::{network_backward, network_forward};
use crate::wgsl::units;

/// The networks' forward pass: `network_begin`, once in a dispatch, then `network_fetch` (or [`take`]) of the observation of the lane's sample, and
/// `network_forward`, from there to the head's outputs. Both for the network whose block begins at float `base` of params, and in uniform control flow only. Lanes past the first `samples`
/// may be left without outputs.
pub fn forward(plan: &Plan, samples: usize) -> String {
    if plan.lanes_are_units { units::forward(plan, samples, false) } else { network_forward(plan) }
}

/// Both passes: beside [`forward`], `gradient_begin`; `network_backward`, which adds a tile's gradient, from the loss's slope at the head, to the
/// network's columns of a row of partials (from float `row` on), which begins anew or where it stands (`accumulate`); `gradient_end`; and `add_losses`,
/// which adds up what lanes report.
pub fn tile(plan: &Plan) -> String {
    let (forward, backward) =
        if plan.lanes_are_units { (units::forward(plan, plan.tile, true), units::backward(plan)) } else { (network_forward(plan), network_backward(plan)) };
    forward + "\n" + &backward
}

/// `network_take`, for an observation that is also at hand.
pub fn take(plan: &Plan) -> &'static str {
    if plan.first_layer_is_loop {
        "fn network_take(s: u32, observation: ptr<function, Observation>, base: u32) {\n    network_fetch(base);\n}\n"
    } else {
        "fn network_take(s: u32, observation: ptr<function, Observation>, base: u32) {\n    for (var k = 0u; k < OBSERVATION; k++) {\n        \
         h0[k / 4u][k % 4u] = network_input(seen_component(s, observation, k));\n    }\n}\n"
    }
}
