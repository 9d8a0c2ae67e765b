// The squared norm of agent s's gradient: its parts, added in the same order in every workgroup, whose lanes share them. Replaces `squared_norm` if there are many.

//! import reduce

// Uniform control flow only.
fn squared_norm(s: u32, lane: u32) -> f32 {
    var squares = 0.0;
    for (var i = lane; i < NORM_PARTS; i += LANES) {
        squares += norms[s * NORM_PARTS + i];
    }
    return reduce_float(squares, lane);
}
