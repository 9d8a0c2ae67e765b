// What one environment's rollout contributes to the metrics.

struct EnvStatistics {
    episodes: u32,        // finished in this rollout
    target_mean: f32,
    target_m2: f32,       // sum of squared deviations from the mean, over the T steps
    advantage_mean: f32,
    advantage_m2: f32,
}
