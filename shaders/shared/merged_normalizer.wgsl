// Running moments with more values merged in (Chan, Golub and LeVeque 1979):
//   n = n_a + n_b;  w = n_b / n;  d = mean_b - mean_a;  mean = mean_a + w d;  variance = (1 - w) variance_a + w variance_b + w (1 - w) d^2.
// Late in a run w is so small that single floats would no longer change, so all three are running sums.

//! import normalizer

// `old` merged with `count` more values, whose mean is `rise` above the old one, with this variance.
fn merged(old: Normalizer, count: f32, rise: f32, variance: f32) -> Normalizer {
    let all = running_sum_plus(old.count, count);
    let share = count / all.value;
    let kept = old.count.value / all.value;
    let spread = share * kept * rise * rise;
    // If the new values outweigh the old ones, the difference of the variances may consist only of rounding errors.
    let replaced = RunningSum(kept * old.variance.value + share * variance + spread, 0.0);
    var after = running_sum_plus(old.variance, share * (variance - old.variance.value) + spread);
    if (share > 0.75) {
        after = replaced;
    }
    return Normalizer(all, running_sum_plus(old.mean, share * rise), after, 1.0 / sqrt(after.value + NORMALIZER_EPSILON));
}
