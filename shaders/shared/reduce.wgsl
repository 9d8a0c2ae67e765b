// Sums over the lanes of a workgroup in a fixed order, so that they repeat bit for bit: sixteen lanes' values by one lane, then those sums by all.
// Two rounds rather than a tree's eight: each costs software drivers a pass over all lanes. LANES is a multiple of 16.

const REDUCE_RUN: u32 = 16u;

var<workgroup> reduce_scratch: array<vec4<f32>, LANES>;
var<workgroup> reduce_sums: array<vec4<f32>, LANES / REDUCE_RUN>;

// The sum of all lanes' `value`, in every lane. Uniform control flow only.
fn reduce_sum(value: vec4<f32>, lane: u32) -> vec4<f32> {
    reduce_scratch[lane] = value;
    workgroupBarrier();
    if (lane < LANES / REDUCE_RUN) {
        var sum = reduce_scratch[lane * REDUCE_RUN];
        for (var i = 1u; i < REDUCE_RUN; i++) {
            sum += reduce_scratch[lane * REDUCE_RUN + i];
        }
        reduce_sums[lane] = sum;
    }
    workgroupBarrier();
    var total = reduce_sums[0];
    for (var i = 1u; i < LANES / REDUCE_RUN; i++) {
        total += reduce_sums[i];
    }
    return total;
}

// The same for one float.
fn reduce_float(value: f32, lane: u32) -> f32 {
    return reduce_sum(vec4(value, 0.0, 0.0, 0.0), lane).x;
}
