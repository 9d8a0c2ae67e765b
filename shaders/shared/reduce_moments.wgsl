// Merges the moments of all lanes of a workgroup in a fixed tree. LANES is a power of two.

var<workgroup> moments_scratch: array<MomentsOf, LANES>;

// The moments of all lanes' values, in every lane. Uniform control flow only.
fn reduce_moments(mine: MomentsOf, lane: u32) -> MomentsOf {
    workgroupBarrier();
    moments_scratch[lane] = mine;
    workgroupBarrier();
    for (var stride = LANES / 2u; stride > 0u; stride /= 2u) {
        if (lane < stride) {
            moments_scratch[lane] = moments_merge(moments_scratch[lane], moments_scratch[lane + stride]);
        }
        workgroupBarrier();
    }
    return moments_scratch[0];
}
