// Adds the rows of partial gradients in fixed order; keeps the mean losses and the squared norm of each part of the gradient.
// index = gradient step. One lane: four columns, R rows. Reads partials. Writes gradients, norms, losses. Twin: src/reference/sum_gradient.rs.

//! import fault
//! import reduce

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> partials: array<vec4<f32>>;                // [s][r][G/4]
@group(0) @binding(2) var<storage, read_write> gradients: array<vec4<f32>>;         // [s][G/4]
@group(0) @binding(3) var<storage, read_write> norms: array<f32>;                   // [s][parts]
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;                  // [s][e][k][6]
@group(0) @binding(5) var<storage, read_write> faults: array<atomic<u32>>;          // [s]

@compute @workgroup_size(LANES)
fn sum_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let s = group.y;
    let part = group.x + group.z * FOLD;
    let column = part * LANES + lane;
    let columns = GRADIENT_COLUMNS / 4u;
    var sum = vec4(0.0);
    if (column < columns) {
        for (var row = 0u; row < GRADIENT_ROWS; row++) {
            sum += partials[(s * GRADIENT_ROWS + row) * columns + column];
        }
        gradients[s * columns + column] = sum;
    }
    let loss = (s * EPOCHS * MINIBATCHES + dispatch.index) * LOSSES;
    if (column == PARAMETERS / 4u) {
        let mean = sum / f32(MINIBATCH);
        losses[loss] = mean.x;       // policy loss
        losses[loss + 1u] = mean.y;  // entropy
        losses[loss + 2u] = mean.z;  // approximate KL
        losses[loss + 3u] = mean.w;  // clip fraction
        // The ratio of the probabilities may overflow the estimate of the KL divergence; that alone is no fault.
        if (!is_finite(mean.x)) {
            atomicMin(&faults[s], FAULT_POLICY_LOSS);
        }
        if (!is_finite(mean.y)) {
            atomicMin(&faults[s], FAULT_ENTROPY);
        }
    }
    if (column == PARAMETERS / 4u + 1u) {
        losses[loss + 4u] = sum.x / f32(MINIBATCH);  // value loss
        if (!is_finite(sum.x)) {
            atomicMin(&faults[s], FAULT_VALUE_LOSS);
        }
    }
    let squares = reduce_sum(select(vec4(0.0), sum * sum, column < PARAMETERS / 4u), lane);
    if (lane == 0u) {
        norms[s * NORM_PARTS + part] = squares.x + squares.y + squares.z + squares.w;
    }
}
