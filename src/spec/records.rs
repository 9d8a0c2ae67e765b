//! Records that are stored on the device: where their fields lie, in words. The structures are those of `shaders/shared/*.wgsl` and `shaders/report.wgsl`.

/// Words of `Agent` (shaders/shared/agent.wgsl); a test compares it with the WGSL.
pub const AGENT_WORDS: usize = 22;
/// Words of `MetricsRow` (shaders/report.wgsl); a test compares it with the WGSL.
pub const METRICS_WORDS: usize = 20;

/// Words of `Normalizer` (shaders/shared/normalizer.wgsl).
pub const NORMALIZER_WORDS: usize = 7;
/// Words of `Transition` (shaders/shared/transition.wgsl).
pub const TRANSITION_WORDS: usize = 5;
/// Words of `EnvStatistics` (shaders/shared/env_statistics.wgsl).
pub const ENV_STATISTICS_WORDS: usize = 9;

/// `Agent`.
pub mod agent {
    #![allow(missing_docs)] // the fields are documented in agent.wgsl
    pub const SEED: usize = 0;
    pub const WORLD: usize = 2;
    pub const LR: usize = 4;
    pub const GAMMA: usize = 5;
    pub const GAE_LAMBDA: usize = 6;
    pub const CLIP: usize = 7;
    pub const ENTROPY_COEF: usize = 8;
    pub const VALUE_COEF: usize = 9;
    pub const MAX_GRAD_NORM: usize = 10;
    pub const TARGET_RETURN: usize = 11;
    pub const TARGET_KL: usize = 12;
    pub const CANARY_ROUNDS: usize = 13;
    pub const UPDATE: usize = 14;
    pub const SEQUENCE: usize = 15;
    pub const EPISODES: usize = 16;
    pub const RECENT: usize = 18;
    pub const STOPPED: usize = 19;
    pub const GRADIENT_STEPS: usize = 20;
    pub const FAULT: usize = 21;
}

/// `Transition`.
pub mod transition {
    #![allow(missing_docs)] // the fields are documented in transition.wgsl
    pub const WORDS: usize = crate::spec::records::TRANSITION_WORDS;
    pub const LOG_PROB: usize = 0;
    pub const REWARD: usize = 1;
    pub const ENDING: usize = 2;
    pub const EPISODE_RETURN: usize = 3;
    pub const EPISODE_LENGTH: usize = 4;

    pub const TERMINATED: u32 = 1;
    pub const TRUNCATED: u32 = 2;
    pub const ENDED: u32 = TERMINATED | TRUNCATED;
}

/// `Normalizer`: the first words of the running sums, and the scale.
pub mod normalizer {
    #![allow(missing_docs)] // the fields are documented in normalizer.wgsl
    pub const COUNT: usize = 0;
    pub const MEAN: usize = 2;
    pub const VARIANCE: usize = 4;
    pub const SCALE: usize = 6;
}

/// `Sample`.
pub mod sample {
    #![allow(missing_docs)] // the fields are documented in sample.wgsl
    pub const WORDS: usize = 4;
    pub const ADVANTAGE: usize = 0;
    pub const VALUE_TARGET: usize = 1;
    pub const VALUE: usize = 2;
    pub const LOG_PROB: usize = 3;
}

/// `EnvStatistics`.
pub mod env_statistics {
    #![allow(missing_docs)] // the fields are documented in env_statistics.wgsl
    pub const WORDS: usize = crate::spec::records::ENV_STATISTICS_WORDS;
    pub const EPISODES: usize = 0;
    pub const TARGET_MEAN: usize = 1;
    pub const TARGET_M2: usize = 2;
    pub const ADVANTAGE_MEAN: usize = 3;
    pub const ADVANTAGE_M2: usize = 4;
    pub const DISCOUNTED: usize = 5;
    pub const RETURN_MEAN: usize = 7;
    pub const RETURN_M2: usize = 8;
}

/// The values that `losses` keeps of a gradient step. The first four are also the order of the actor's loss sums in `partials` and `gradients`.
pub mod loss {
    #![allow(missing_docs)] // named as in the buffer table
    pub const POLICY: usize = 0;
    pub const ENTROPY: usize = 1;
    pub const APPROX_KL: usize = 2;
    pub const CLIP_FRACTION: usize = 3;
    pub const VALUE: usize = 4;
    pub const GRAD_NORM: usize = 5;
    pub const SKIPPED: usize = 6;
}

/// `MetricsRow`.
pub mod metrics {
    #![allow(missing_docs)] // the fields are documented in report.wgsl
    pub const TOTAL_EPISODES: usize = 0;
    pub const SEQUENCE: usize = 2;
    pub const UPDATE: usize = 3;
    pub const EPISODES: usize = 4;
    pub const WINDOW: usize = 5;
    pub const FAULT: usize = 6;
    pub const STOPPED: usize = 7;
    pub const MEAN_RETURN: usize = 8;
    pub const MEAN_LENGTH: usize = 9;
    pub const POLICY_LOSS: usize = 10;
    pub const VALUE_LOSS: usize = 11;
    pub const ENTROPY: usize = 12;
    pub const APPROX_KL: usize = 13;
    pub const CLIP_FRACTION: usize = 14;
    pub const EXPLAINED_VARIANCE: usize = 15;
    pub const GRAD_NORM: usize = 16;
    pub const LEARNING_RATE: usize = 17;
    pub const GRADIENT_STEPS: usize = 18;
    pub const PADDING: usize = 19;
}
