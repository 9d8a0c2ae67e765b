// Sums over the lanes of a workgroup: first within each subgroup, by the driver in its own fixed order, then over the subgroups. Replaces `reduce` if
// subgroups have SUBGROUP lanes each.

var<workgroup> reduce_sums: array<vec4<f32>, LANES / SUBGROUP>;

// The sum of all lanes' `value`, in every lane. Uniform control flow only.
fn reduce_sum(value: vec4<f32>, lane: u32) -> vec4<f32> {
    let sum = subgroupAdd(value);
    workgroupBarrier();
    if (lane % SUBGROUP == 0u) {
        reduce_sums[lane / SUBGROUP] = sum;
    }
    workgroupBarrier();
    var total = reduce_sums[0];
    for (var i = 1u; i < LANES / SUBGROUP; i++) {
        total += reduce_sums[i];
    }
    return total;
}

// The same for one float.
fn reduce_float(value: f32, lane: u32) -> f32 {
    let sum = subgroupAdd(value);
    workgroupBarrier();
    if (lane % SUBGROUP == 0u) {
        reduce_sums[lane / SUBGROUP].x = sum;
    }
    workgroupBarrier();
    var total = reduce_sums[0].x;
    for (var i = 1u; i < LANES / SUBGROUP; i++) {
        total += reduce_sums[i].x;
    }
    return total;
}
