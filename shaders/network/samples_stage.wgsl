// Copies `count` vectors of params, from vector `offset` on, to scratch. Uniform control flow only.
fn stage(offset: u32, count: u32, lane: u32) {
    workgroupBarrier();
    for (var i = lane; i < count; i += LANES) {
        scratch[i] = params[offset + i];
    }
    workgroupBarrier();
}
