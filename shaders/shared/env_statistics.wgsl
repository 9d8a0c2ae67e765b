// Statistics of one environment's rollout, for the metrics.

//! import running_sum

struct EnvStatistics {
    episodes: u32,        // finished in this rollout
    target_mean: f32,
    target_m2: f32,       // sum of squared deviations from the mean, over the T steps
    advantage_mean: f32,
    advantage_m2: f32,
    discounted: RunningSum,      // discounted sum of the running episode's rewards; like the next two, only if rewards are normalised
    return_mean: f32,     // of that sum over the T steps
    return_m2: f32,
}
