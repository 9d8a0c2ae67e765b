// Projects the logarithms of the standard deviations of actions onto their bounds after a step of Adam:
//   log std = clamp(log std, log_std_min, log_std_max).
// They are biases of the actor's head, the outputs from HEAD_WEIGHTED on. The parameters themselves are within the bounds, so rollouts, evaluation and exports
// need not know these; and the gradient at a bound is that of the loss, so that no parameter stays there once the loss draws it back.
// index = gradient step, which makes no difference. One workgroup: one agent. Reads bounds. Writes params. Twin: src/reference/bound_deviations.rs.

//! import grid
//! import bounds

@group(0) @binding(0) var<storage, read> bounds: array<Bounds>;        // [s]
@group(0) @binding(1) var<storage, read_write> params: array<f32>;     // [s][P]

@compute @workgroup_size(LANES)
fn bound_deviations(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let s = place_of(workgroup).s;
    let bound = bounds[s];
    for (var k = HEAD_WEIGHTED + lane; k < LOGITS; k += LANES) {
        let p = s * PARAMETERS + HEAD_FIRST + k;
        params[p] = clamp(params[p], bound.log_std_min, bound.log_std_max);
    }
}
