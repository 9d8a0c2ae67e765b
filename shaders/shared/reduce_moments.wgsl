// Merges the moments of all lanes of a workgroup, in a fixed order: the mean of their means, then deviations from that (Chan, Golub and LeVeque 1979).

//! import reduce
//! import moments_of

// The moments of all lanes' values, in every lane. Uniform control flow only.
fn reduce_moments(mine: MomentsOf, lane: u32) -> MomentsOf {
    let sums = reduce_sum(vec4(mine.count, mine.count * mine.mean, 0.0, 0.0), lane);
    let mean = sums.y / max(sums.x, 1.0);
    let delta = mine.mean - mean;
    return MomentsOf(sums.x, mean, reduce_float(mine.m2 + mine.count * delta * delta, lane));
}
