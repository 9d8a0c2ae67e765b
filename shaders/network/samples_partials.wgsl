//! import whole

alias Partial = f32;

// Stores a partial sum, or adds it to the earlier passes' sum.
fn add_partial(index: u32, value: f32, accumulate: bool, lane: u32) {
    if (PASSES > 1u) {
        partials[index] = whole(vec4(select(0.0, partials[index], accumulate) + value), lane).x;
    } else {
        partials[index] = whole(vec4(value), lane).x;
    }
}

// The sum over the samples of a tile, added in lane order, in the first four lanes. Uniform control flow only.
fn tile_sum(value: vec4<f32>, lane: u32) -> vec4<f32> {
    workgroupBarrier();
    if (!SPARE_LANES || lane < TILE) {
        scratch[lane] = value;
    }
    workgroupBarrier();
    var sum = vec4(0.0);
    if (lane < 4u) {
        for (var i = 0u; i < TILE; i++) {
            sum += scratch[i];
        }
    }
    return sum;
}
