//! Records on the device. Each is declared once, here, as the host reads and writes it; the WGSL structure of the same name is in `shaders/`, and a test
//! compares the two. [`word!`](crate::word) gives the place of a field in a buffer of records.

use crate::support::fault;
pub use crate::word;
use bytemuck::{Pod, Zeroable};
use std::mem::offset_of;

/// A type shared by WGSL and the host, made of 32-bit words.
#[derive(Debug)]
pub struct Type {
    /// Its name in WGSL.
    pub name: &'static str,
    /// Size in words.
    pub words: usize,
    /// Whether every word is a float.
    pub is_real: bool,
    /// The fields of a record, in order.
    pub fields: &'static [Field],
}

/// A field of a record.
#[derive(Debug)]
pub struct Field {
    /// Name, the same in WGSL.
    pub name: &'static str,
    /// Offset from the start of the record, in words.
    pub word: usize,
    /// Type.
    pub kind: &'static Type,
}

/// A host type with a counterpart in WGSL.
pub trait Stored: Pod {
    /// The counterpart.
    const TYPE: Type;
}

macro_rules! plain {
    ($($host:ty, $name:literal, $is_real:literal;)*) => {
        $(impl Stored for $host {
            const TYPE: Type = Type { name: $name, words: size_of::<$host>() / 4, is_real: $is_real, fields: &[] };
        })*
    };
}

plain! {
    f32, "f32", true;
    u32, "u32", false;
    [f32; 2], "vec2<f32>", true;
    [u32; 2], "vec2<u32>", false;
}

macro_rules! records {
    ($($(#[$about:meta])* $record:ident { $($(#[$meaning:meta])* $field:ident: $kind:ty,)* })*) => {
        $(
            $(#[$about])*
            #[repr(C)]
            #[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
            pub struct $record {
                $($(#[$meaning])* pub $field: $kind,)*
            }

            impl $record {
                /// Size in 32-bit words.
                pub const WORDS: usize = size_of::<$record>() / 4;
            }

            impl Stored for $record {
                const TYPE: Type = Type {
                    name: stringify!($record),
                    words: $record::WORDS,
                    is_real: true $(&& <$kind as Stored>::TYPE.is_real)*,
                    fields: &[$(Field { name: stringify!($field), word: offset_of!($record, $field) / 4, kind: &<$kind as Stored>::TYPE },)*],
                };
            }
        )*

        /// Every record.
        pub const RECORDS: &[Type] = &[$(<$record as Stored>::TYPE,)*];
    };
}

/// The offset of a field, in words: `word!(Transition.reward)` in the record, `word!(Transition[b].reward)` in an array of records. In a field of two
/// words the low one comes first.
#[doc(hidden)]
#[macro_export]
macro_rules! word {
    ($record:ident.$($field:ident).+) => {
        ::std::mem::offset_of!($record, $($field).+) / 4
    };
    ($record:ident[$index:expr].$($field:ident).+) => {
        ($index) * $record::WORDS + ::std::mem::offset_of!($record, $($field).+) / 4
    };
}

records! {
    /// Hyper-parameters of an agent, written once by the host, and its counters, advanced by the kernel `report`. An element of `agents`.
    Agent {
        /// Seed of its random numbers, low and high word.
        seed: [u32; 2],
        /// Seed of the environment parameters that outlast an episode, low and high word. It stays the agent's own when it plays with other seeds.
        world: [u32; 2],
        /// Adam's learning rate before annealing. With `desired_kl`, that of the last gradient step.
        lr: f32,
        /// Discount.
        gamma: f32,
        /// λ of GAE.
        gae_lambda: f32,
        /// ε of the clipped objective, before annealing.
        clip: f32,
        /// c_e, before annealing.
        entropy_coef: f32,
        /// c_v.
        value_coef: f32,
        /// Largest global norm of the gradient.
        max_grad_norm: f32,
        /// Mean return at which the agent stops learning; `f32::MAX` for none.
        target_return: f32,
        /// Target of the approximate KL divergence, in nats: an update stops at 1.5 times this; `f32::MAX` for no limit.
        target_kl: f32,
        /// Rounds of the loop of `shaders/shared/canary.wgsl`.
        canary_rounds: u32,
        /// Updates that the agent learned from.
        update: u32,
        /// Updates executed, including those after the agent stopped.
        sequence: u32,
        /// Episodes finished since the start, low and high word.
        episodes: [u32; 2],
        /// Entries of `recent` that are filled.
        recent: u32,
        /// 1 once the target was reached or something went wrong, else 0.
        stopped: u32,
        /// Gradient steps made in earlier updates; stays at the largest u32.
        gradient_steps: u32,
        /// Code of the fault that stopped it, [`fault::NONE`] if none did.
        fault: u32,
    }

    /// What an agent is kept within while it learns, written once by the host. An element of `bounds`.
    Bounds {
        /// Least logarithm of the standard deviations of actions; the least f32 for no such bound.
        log_std_min: f32,
        /// Largest logarithm of them; the largest f32 for no such bound.
        log_std_max: f32,
        /// Approximate KL divergence, in nats, to which the learning rate adapts; the largest f32 if it does not.
        desired_kl: f32,
        /// Least learning rate that it adapts to.
        lr_min: f32,
        /// Largest learning rate that it adapts to.
        lr_max: f32,
    }

    /// One step of one environment, without its observation and action. An element of `transitions`.
    Transition {
        /// log π of the action, in nats.
        log_prob: f32,
        /// Reward.
        reward: f32,
        /// Bits [`Transition::TERMINATED`] and [`Transition::TRUNCATED`], never both.
        ending: u32,
        /// Sum of the episode's rewards up to this step.
        episode_return: f32,
        /// Steps of the episode up to this one.
        episode_length: u32,
    }

    /// The data of one environment step that a gradient step reads. An element of `samples`.
    Sample {
        /// Advantage, not normalised.
        advantage: f32,
        /// Target of the value: advantage plus value, normalised if values are.
        value_target: f32,
        /// Value under the critic of the rollout, normalised if values are.
        value: f32,
        /// log π of the action under the policy of the rollout, in nats.
        log_prob: f32,
    }

    /// A running sum in two floats.
    RunningSum {
        /// The sum, rounded to one float.
        value: f32,
        /// The rounding error of that sum.
        error: f32,
    }

    /// A running episode. It follows the environment's own state in `env_lanes`.
    Episode {
        /// Sum of its rewards so far.
        sum: RunningSum,
        /// Its steps so far.
        steps: u32,
    }

    /// Statistics of one environment's rollout, for the metrics. An element of `env_statistics`.
    EnvStatistics {
        /// Episodes finished in the rollout.
        episodes: u32,
        /// Mean of the value targets over the rollout's steps.
        target_mean: f32,
        /// Sum of their squared deviations from it.
        target_m2: f32,
        /// Mean of the advantages over the rollout's steps.
        advantage_mean: f32,
        /// Sum of their squared deviations from it.
        advantage_m2: f32,
        /// Discounted sum of the running episode's rewards; like the next two, only if rewards are normalised.
        discounted: RunningSum,
        /// Mean of that sum over the rollout's steps.
        return_mean: f32,
        /// Sum of its squared deviations from it.
        return_m2: f32,
    }

    /// Running moments for normalising a component of the observation, or the reward; or values. An element of `normalizers`, or of `value_normalizers`.
    Normalizer {
        /// Number of values so far; starts at a fraction of one.
        count: RunningSum,
        /// Their mean.
        mean: RunningSum,
        /// Their population variance.
        variance: RunningSum,
        /// 1 / sqrt(variance + ε).
        scale: f32,
    }

    /// Losses of a gradient step, means over its minibatch, as `losses` stores them. WGSL has no structure of this name: it reads two vectors. The actor's
    /// loss sums in `partials` and `gradients` are in the order of the first four.
    Losses {
        /// Clipped surrogate loss.
        policy_loss: f32,
        /// Entropy of the policy, in nats.
        entropy: f32,
        /// Approximate KL divergence from the policy of the rollout, in nats.
        approx_kl: f32,
        /// Share of the samples whose ratio left the clip range.
        clip_fraction: f32,
        /// Half the squared error of the values.
        value_loss: f32,
        /// Global norm of the gradient before clipping.
        grad_norm: f32,
        /// A flag: 1 if the step was skipped because of target_kl, else 0.
        step_skipped: f32,
        /// Padding of the second vector.
        padding: f32,
    }

    /// Metrics of an agent, which the host reads after each update. An element of `metrics`. Losses are means over the update's gradient steps.
    MetricsRow {
        /// Episodes finished since the start, low and high word.
        total_episodes: [u32; 2],
        /// Updates executed before this one; the host checks that none is missing.
        sequence: u32,
        /// Updates learned from, this one included.
        update: u32,
        /// Episodes finished in this rollout.
        episodes: u32,
        /// Episodes in the two means.
        window: u32,
        /// Code of the first fault, [`fault::NONE`] if there was none.
        fault: u32,
        /// Bit 0: the agent had stopped before this update; bit 1: it stops with this one.
        stopped: u32,
        /// Mean return of the last finished episodes.
        mean_return: f32,
        /// Mean length of the same episodes, in steps.
        mean_length: f32,
        /// Clipped surrogate loss.
        policy_loss: f32,
        /// Half the squared error of the values.
        value_loss: f32,
        /// Entropy of the policy, in nats.
        entropy: f32,
        /// Approximate KL divergence, in nats.
        approx_kl: f32,
        /// Share of the samples whose ratio left the clip range.
        clip_fraction: f32,
        /// 1 - Var(target - value) / Var(target).
        explained_variance: f32,
        /// Global norm of the gradient before clipping.
        grad_norm: f32,
        /// Adam's learning rate in this update.
        learning_rate: f32,
        /// Gradient steps made in this update.
        gradient_steps: u32,
        /// 0.
        padding: u32,
    }
}

impl Agent {
    /// Counts an update from which it learned nothing. Random numbers repeat after 2^32 steps.
    pub(crate) fn count_update(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// Seed of the environment parameters that outlast an episode.
    pub fn world(&self) -> u64 {
        joined(self.world)
    }

    /// Whether it has stopped learning.
    pub fn has_stopped(&self) -> bool {
        self.stopped != 0
    }

    /// The same agent before it has learned anything.
    pub(crate) fn without_counters(self) -> Agent {
        Agent { update: 0, sequence: 0, episodes: [0; 2], recent: 0, stopped: 0, gradient_steps: 0, fault: fault::NONE, ..self }
    }

    /// An agent that starts a new run, but continues to count gradient steps: it keeps Adam's moments, which depend on the count.
    pub fn with_gradient_steps_of(self, other: &Agent) -> Agent {
        Agent { gradient_steps: other.gradient_steps, ..self.without_counters() }
    }
}

impl Transition {
    /// Bit of `ending`: the environment ended the episode.
    pub const TERMINATED: u32 = 1;
    /// Bit of `ending`: the time limit ended the episode.
    pub const TRUNCATED: u32 = 2;
    /// The bits of `ending`; one of them is set if the episode ended.
    pub const ENDED: u32 = Transition::TERMINATED | Transition::TRUNCATED;

    /// Whether the environment ended the episode.
    pub fn terminated(&self) -> bool {
        self.ending & Transition::TERMINATED != 0
    }

    /// Whether the time limit did.
    pub fn truncated(&self) -> bool {
        self.ending & Transition::TRUNCATED != 0
    }

    /// Whether the episode ended with this step.
    pub fn ended(&self) -> bool {
        self.ending & Transition::ENDED != 0
    }
}

/// The number with this low and high word.
pub fn joined([low, high]: [u32; 2]) -> u64 {
    u64::from(low) | u64::from(high) << 32
}
