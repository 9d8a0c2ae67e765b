// Mean and squared deviations of a set of values, mergeable in any tree (Welford 1962; Chan, Golub and LeVeque 1979).

struct MomentsOf {
    count: f32,
    mean: f32,
    m2: f32,  // sum of squared deviations from the mean
}

fn moments_push(a: MomentsOf, x: f32) -> MomentsOf {
    let count = a.count + 1.0;
    let delta = x - a.mean;
    let mean = a.mean + delta / count;
    return MomentsOf(count, mean, a.m2 + delta * (x - mean));
}

fn moments_merge(a: MomentsOf, b: MomentsOf) -> MomentsOf {
    let count = a.count + b.count;
    let share = b.count / max(count, 1.0);
    let delta = b.mean - a.mean;
    return MomentsOf(count, a.mean + delta * share, a.m2 + b.m2 + delta * delta * a.count * share);
}
