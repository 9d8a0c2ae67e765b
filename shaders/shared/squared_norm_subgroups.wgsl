// The squared norm of agent s's gradient: its parts, added in the same order in every subgroup. Replaces `squared_norm` if subgroups have SUBGROUP lanes each.

// Uniform control flow only.
fn squared_norm(s: u32, lane: u32) -> f32 {
    var squares = 0.0;
    for (var i = 0u; i < NORM_PARTS; i += SUBGROUP) {
        let own = i + lane % SUBGROUP;
        squares += subgroupAdd(select(0.0, norms[s * NORM_PARTS + min(own, NORM_PARTS - 1u)], own < NORM_PARTS));
    }
    return squares;
}
