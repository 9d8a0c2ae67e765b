// Adds the rows of partial gradients in fixed order; keeps the mean losses and the squared norm of each part of the gradient.
// Weights to outputs that are only biases (logarithms of standard deviations) stay 0, and so do the actor's from privileged components of the observation: their
// gradient is dropped here.
// index = gradient step. One lane: four columns, R / SUM_SLICES rows; the first lanes of a workgroup add the slices. Reads partials, tape_sums. Writes gradients, norms, losses. Twin: src/reference/sum_gradient.rs.

//! import dispatch
//! import grid
//! import fault
//! import reduce
//! import rows

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> partials: array<vec4<f32>>;                // [s][r][G'/4]
@group(0) @binding(2) var<storage, read_write> gradients: array<vec4<f32>>;         // [s][G/4]
@group(0) @binding(3) var<storage, read_write> norms: array<f32>;                   // [s][parts]
@group(0) @binding(4) var<storage, read_write> losses: array<vec4<f32>>;            // [s][e][k][8/4]
@group(0) @binding(5) var<storage, read_write> faults: array<atomic<u32>>;          // [s]
@group(0) @binding(6) var<storage, read> tape_sums: array<vec4<f32>>;               // [s][r'][W'/4]

var<workgroup> slices: array<vec4<f32>, LANES>;

@compute @workgroup_size(LANES)
fn sum_gradient(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let norm_part = place.group;
    let width = LANES / SUM_SLICES;
    let column = norm_part * width + lane % width;
    let columns = GRADIENT_COLUMNS / 4u;
    var sum = vec4(0.0);
    if (column < columns) {
        for (var row = lane / width; row < rows_of(column); row += SUM_SLICES) {
            sum += summand(s, row, column);
        }
    }
    if (SUM_SLICES > 1u) {
        slices[lane] = sum;
        workgroupBarrier();
        for (var slice = 1u; slice < SUM_SLICES; slice++) {
            sum += slices[(slice * width + lane) % LANES];
        }
    }
    let is_first = SUM_SLICES == 1u || lane < width;
    if (column < columns && is_first) {
        sum = without_fixed(sum, column);
        gradients[s * columns + column] = sum;
    }
    // Behind the parameters: policy loss, entropy, approximate KL, clip fraction; value loss. Software drivers loop over every lane for each memory
    // access, even if few lanes are active: hence one access for all losses and one for all faults.
    if (column >= PARAMETERS / 4u && column < columns && is_first) {
        let mean = sum / f32(MINIBATCH);
        let pair = column - PARAMETERS / 4u;
        losses[(s * EPOCHS * MINIBATCHES + dispatch.index) * LOSSES / 4u + pair] = mean;
        // An overflow of the KL estimate, caused by the ratio of the probabilities, is not a fault by itself.
        let first = select(FAULT_VALUE_LOSS, FAULT_POLICY_LOSS, pair == 0u);
        let finite = is_finite(mean.x);
        if (!finite || !is_finite(mean.y)) {
            atomicMin(&faults[s], select(first, FAULT_ENTROPY, finite));
        }
    }
    let norm = reduce_float(select(0.0, dot(sum, sum), column < PARAMETERS / 4u && is_first), lane);
    if (lane == 0u) {
        norms[s * NORM_PARTS + norm_part] = norm;
    }
}

// The gradient in `column` (of four), 0 for weights that are fixed: in rows of the actor's head after the first, its bias, from output HEAD_WEIGHTED on; and in
// the rows of its first layer that begin at floats UNSEEN_FIRST to UNSEEN_END.
fn without_fixed(sum: vec4<f32>, column: u32) -> vec4<f32> {
    if (UNSEEN_FIRST < UNSEEN_END && column >= UNSEEN_FIRST / 4u && column < UNSEEN_END / 4u) {
        return vec4(0.0);
    }
    if (HEAD_WEIGHTED == LOGITS) {
        return sum;
    }
    let first = HEAD_FIRST / 4u + HEAD;
    let k = (column - first) % HEAD * 4u;
    let is_weight = column >= first && column < BLOCK / 4u;
    return select(sum, vec4(0.0), vec4(is_weight) & (vec4(k) + vec4(0u, 1u, 2u, 3u) >= vec4(HEAD_WEIGHTED)));
}
