// The squared norm of agent s's gradient: its parts, added in the same order in every lane.

fn squared_norm(s: u32, lane: u32) -> f32 {
    var squares = 0.0;
    for (var i = 0u; i < NORM_PARTS; i++) {
        squares += norms[s * NORM_PARTS + i];
    }
    return squares;
}
