//! The memory map of the device: one line a buffer.

use crate::program::plan::{LOSSES, Plan, WINDOW};
use crate::spec::records::{AGENT_WORDS, ENV_STATISTICS_WORDS, METRICS_WORDS, NORMALIZER_WORDS, TRANSITION_WORDS};

/// One buffer. Its name is the same in WGSL, here, in the reference and in the documents.
pub struct Buffer {
    /// Name of the variable in WGSL.
    pub name: &'static str,
    /// Shape in the specification's letters; the element is named after the colon.
    pub shape: &'static str,
    /// What an element means.
    pub meaning: &'static str,
    /// 32-bit words.
    pub words: fn(&Plan) -> usize,
}

impl Buffer {
    /// Size in bytes. Buffers that are not used are bound, too, and must hold an element of what kernels declare: [`NORMALIZER_WORDS`] at most.
    pub fn bytes(&self, plan: &Plan) -> u64 {
        ((self.words)(plan).max(NORMALIZER_WORDS.next_multiple_of(4)) * 4) as u64
    }

    /// The buffer called `name`.
    ///
    /// # Panics
    /// When there is none: names come from the kernels, whose bindings are checked against this table when they are compiled.
    pub fn named(name: &str) -> &'static Buffer {
        BUFFERS.iter().find(|buffer| buffer.name == name).unwrap_or_else(|| panic!("no buffer is called {name}"))
    }
}

/// The buffers that an update reads what earlier ones left in: what a run is continued from. All others are written before they are read.
pub const KEPT: &[&str] = &["agents", "faults", "params", "first_moments", "second_moments", "env_lanes", "env_statistics", "normalizers", "recent"];

macro_rules! buffers {
    ($($name:ident $shape:literal $meaning:literal $words:expr;)*) => {
        /// Every buffer on the device.
        pub const BUFFERS: &[Buffer] = &[$(Buffer {
            name: stringify!($name), shape: $shape, meaning: $meaning, words: $words,
        },)*];
    };
}

buffers! {
    agents "[s]: Agent" "hyper-parameters of each agent, and its counters" |plan| plan.agents * AGENT_WORDS;
    faults "[s]: u32" "code of the first thing that went wrong, 0xffffffff while nothing did" |plan| plan.agents;
    params "[s][P]: f32" "parameters, actor then critic, rows padded to 4 columns" |plan| plan.agents * plan.network.padded_parameters();
    first_moments "[s][P]: f32" "Adam's running mean of gradients" |plan| plan.agents * plan.network.padded_parameters();
    second_moments "[s][P]: f32" "Adam's running mean of squared gradients" |plan| plan.agents * plan.network.padded_parameters();
    env_lanes "[s][n]: EnvLane" "state of each environment, and return and length of its running episode" |plan| plan.agents * plan.envs * plan.environment.lane_words;
    observations "[s][T+1+F][n][O]: f32" "observation before each step; row T follows the last step; rows after it hold the last observations of truncated episodes; bits where each component is 0 or 1" |plan| plan.agents * plan.value_rows() * plan.envs * plan.observation_words();
    actions "[s][t][n][W]: u32" "sampled actions, continuous ones as f32, each followed by a bit for each legal action where some are not" |plan| plan.agents * plan.batch * plan.action_words();
    transitions "[s][t][n]: Transition" "log-probability of the action, reward, how the step ended, return and length so far" |plan| plan.agents * plan.batch * TRANSITION_WORDS;
    values "[s][T+1+F][n]: f32" "value of each row of observations" |plan| plan.agents * plan.value_rows() * plan.envs;
    samples "[s][t][n]: Sample" "advantage, target, value and log-probability: what a gradient step reads of a step" |plan| plan.agents * plan.batch * 4;
    env_statistics "[s][n]: EnvStatistics" "episodes finished in the rollout; mean and squared deviations of targets, advantages and, where rewards are normalised, discounted returns" |plan| plan.agents * plan.envs * ENV_STATISTICS_WORDS;
    observation_parts "[s][part][O]: vec2<f32>" "mean and squared deviations of parts of the rollout's observations" |plan| if plan.config.normalize_observations { plan.agents * plan.observation_parts * plan.environment.observation * 2 } else { 0 };
    normalizers "[s][O+1]: Normalizer" "running moments that each component of the observation, and the reward, is normalised by" |plan| plan.agents * plan.normalizers() * NORMALIZER_WORDS;
    moments "[s][e][k]: vec2<f32>" "mean and standard deviation of each minibatch's advantages" |plan| plan.agents * plan.gradient_steps() * 2;
    partials "[s][r][G]: f32" "gradient of each row of tiles, then its loss sums" |plan| if plan.learn_steps == 0 { plan.agents * plan.gradient_rows * plan.gradient_columns() } else { 0 };
    gradients "[s][G]: f32" "gradient of the minibatch, then its loss sums" |plan| if plan.learn_steps == 0 { plan.agents * plan.gradient_columns() } else { 0 };
    norms "[s][parts]: f32" "squared norms of the parts of the gradient" |plan| if plan.learn_steps == 0 { plan.agents * plan.norm_parts } else { 0 };
    losses "[s][e][k][8]: f32" "policy loss, entropy, approximate KL, clip fraction, value loss, gradient norm of each gradient step, and whether target_kl let it be skipped; one to fill up" |plan| plan.agents * plan.gradient_steps() * LOSSES;
    recent "[s][100]: vec2<f32>" "return and length of the last finished episodes, newest first" |plan| plan.agents * WINDOW as usize * 2;
    metrics "[s]: MetricsRow" "what leaves the device after each update" |plan| plan.agents * METRICS_WORDS;
}

impl Plan {
    /// Bytes of all buffers on the device.
    pub fn device_bytes(&self) -> u64 {
        BUFFERS.iter().map(|buffer| buffer.bytes(self)).sum()
    }
}
