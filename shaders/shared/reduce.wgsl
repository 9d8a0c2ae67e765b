// Sums over the lanes of a workgroup in a fixed tree, so that they repeat bit for bit. LANES is a power of two.

var<workgroup> reduce_scratch: array<vec4<f32>, LANES>;

// The sum of all lanes' `value`, in every lane. Uniform control flow only.
fn reduce_sum(value: vec4<f32>, lane: u32) -> vec4<f32> {
    workgroupBarrier();
    reduce_scratch[lane] = value;
    workgroupBarrier();
    for (var stride = LANES / 2u; stride > 0u; stride /= 2u) {
        if (lane < stride) {
            reduce_scratch[lane] += reduce_scratch[lane + stride];
        }
        workgroupBarrier();
    }
    return reduce_scratch[0];
}
