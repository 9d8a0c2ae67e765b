// Running moments for normalisation: of a component of the observation, or of the discounted return.

//! import running_sum

struct Normalizer {
    count: RunningSum,     // number of values so far; small at first, so that the first rollout outweighs the initial mean 0 and variance 1
    mean: RunningSum,
    variance: RunningSum,
    scale: f32,     // 1 / sqrt(variance + NORMALIZER_EPSILON)
}
