// The squared norm of agent s's gradient: its parts, added in the same order in every workgroup.

//! import reduce

// Beyond this, the lanes of a workgroup share the parts.
const MOST_PARTS_OF_A_LANE: u32 = 128u;

// Uniform control flow only.
fn squared_norm(s: u32, lane: u32) -> f32 {
    var squares = 0.0;
    if (NORM_PARTS > MOST_PARTS_OF_A_LANE) {
        for (var i = lane; i < NORM_PARTS; i += LANES) {
            squares += norms[s * NORM_PARTS + i];
        }
        return reduce_float(squares, lane);
    }
    for (var i = 0u; i < NORM_PARTS; i++) {
        squares += norms[s * NORM_PARTS + i];
    }
    return squares;
}
