//! Where the fields of stored structures lie, in words. The structures are those of `shaders/shared/*.wgsl` and `shaders/report.wgsl`.

use crate::program::plan::{OBSERVATION_CLIP, Plan};
use crate::reference::memory::{Cells, Memory};
use crate::reference::real::Real;
use crate::spec::random::{self, Stream};
use crate::spec::records::{AGENT_WORDS, NORMALIZER_WORDS, agent, normalizer};

/// A row of `agents`.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // the fields are documented in agent.wgsl
pub struct Agent<R> {
    pub seed: u64,
    pub lr: R,
    pub gamma: R,
    pub gae_lambda: R,
    pub clip: R,
    pub entropy_coef: R,
    pub value_coef: R,
    pub max_grad_norm: R,
    pub target_return: R,
    pub target_kl: R,
    pub update: u32,
    pub sequence: u32,
    pub episodes: u64,
    pub recent: u32,
    pub stopped: u32,
    pub gradient_steps: u32,
    pub fault: u32,
}

impl<R: Real> Agent<R> {
    /// The row of agent `s`.
    pub fn read(memory: &Memory<R>, s: usize) -> Self {
        let agents = memory.buffer("agents");
        let (f, u) = (|field: usize| agents.f(s * AGENT_WORDS + field), |field: usize| agents.u(s * AGENT_WORDS + field));
        let two_words = |field: usize| u64::from(u(field)) | u64::from(u(field + 1)) << 32;
        Agent {
            seed: two_words(agent::SEED),
            lr: f(agent::LR),
            gamma: f(agent::GAMMA),
            gae_lambda: f(agent::GAE_LAMBDA),
            clip: f(agent::CLIP),
            entropy_coef: f(agent::ENTROPY_COEF),
            value_coef: f(agent::VALUE_COEF),
            max_grad_norm: f(agent::MAX_GRAD_NORM),
            target_return: f(agent::TARGET_RETURN),
            target_kl: f(agent::TARGET_KL),
            update: u(agent::UPDATE),
            sequence: u(agent::SEQUENCE),
            episodes: two_words(agent::EPISODES),
            recent: u(agent::RECENT),
            stopped: u(agent::STOPPED),
            gradient_steps: u(agent::GRADIENT_STEPS),
            fault: u(agent::FAULT),
        }
    }

    /// The step of the whole run that step `t` of the current rollout is.
    pub fn time(&self, plan: &Plan, t: usize) -> u32 {
        self.sequence.wrapping_mul(plan.steps as u32).wrapping_add(t as u32)
    }

    /// `value`, annealed linearly if so configured: constant within an update, above 0 in the last one.
    fn annealed(&self, plan: &Plan, value: R, anneals: bool) -> R {
        if !anneals {
            return value;
        }
        let (update, updates) = (f64::from(self.update), f64::from(plan.updates));
        value
            * if plan.updates > 1 << 24 { R::from_f64(updates - update) / R::from_f64(updates) } else { R::one() - R::from_f64(update) / R::from_f64(updates) }
    }

    /// The learning rate of the current update.
    pub fn learning_rate(&self, plan: &Plan) -> R {
        self.annealed(plan, self.lr, plan.config.anneal_lr)
    }

    /// ε of the current update.
    pub fn clip_range(&self, plan: &Plan) -> R {
        self.annealed(plan, self.clip, plan.config.anneal_clip)
    }

    /// c_e of the current update.
    pub fn entropy_weight(&self, plan: &Plan) -> R {
        self.annealed(plan, self.entropy_coef, plan.config.anneal_entropy)
    }

    /// Samples of the minibatch that gradient step `step` learns from: each epoch cuts a fresh permutation of the B samples into K parts.
    pub fn minibatch<'a>(&self, plan: &'a Plan, step: usize) -> impl Fn(usize) -> usize + use<'a, R> {
        let (epoch, part) = (step / plan.minibatches, step % plan.minibatches);
        let epoch_of_run = self.sequence.wrapping_mul(plan.epochs as u32).wrapping_add(epoch as u32);
        let key = Stream::key(self.seed, random::PERMUTE, epoch_of_run);
        move |i| random::permute((part * plan.minibatch + i) as u32, plan.batch as u32, key) as usize
    }
}

/// The observation that is stored from `base` on, as the networks are given it.
pub fn stored_observation<R: Real>(plan: &Plan, memory: &Memory<R>, base: usize) -> Vec<R> {
    let (observations, size) = (memory.buffer("observations"), plan.environment.observation);
    if plan.packs_observations() {
        return (0..size).map(|k| R::from_f64(f64::from(observations.u(base + k / 32) >> (k % 32) & 1))).collect();
    }
    network_input(plan, observations.reals(base..base + size))
}

/// What the networks are given of an observation as it is stored.
pub fn network_input<R: Real>(plan: &Plan, stored: Vec<R>) -> Vec<R> {
    if !plan.config.normalize_observations {
        return stored;
    }
    let most = R::from_f32(OBSERVATION_CLIP);
    stored.into_iter().map(|x| x.clamp(-most, most)).collect()
}

/// A running sum in two floats (shaders/shared/running_sum.wgsl).
#[derive(Debug, Clone, Copy)]
pub struct RunningSum<R> {
    /// The sum, rounded to one float.
    pub value: R,
    /// What that leaves out.
    pub error: R,
}

impl<R: Real> RunningSum<R> {
    /// 0.
    pub fn zero() -> Self {
        RunningSum { value: R::zero(), error: R::zero() }
    }

    /// The sum of this and `x`.
    pub fn plus(self, x: R) -> Self {
        let (value, error) = (self.value + self.error + x).two_floats();
        RunningSum { value, error }
    }

    /// The one whose first float is at `first`.
    pub fn read(cells: &Cells<R>, first: usize) -> Self {
        RunningSum { value: cells.f(first), error: cells.f(first + 1) }
    }

    /// Stores it where [`RunningSum::read`] finds it.
    pub fn write(self, cells: &mut Cells<R>, first: usize) {
        cells.write_all(first, [self.value, self.error]);
    }
}

/// Running moments of one quantity.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // the fields are documented in normalizer.wgsl
pub struct Normalizer<R> {
    pub count: RunningSum<R>,
    pub mean: RunningSum<R>,
    pub variance: RunningSum<R>,
    pub scale: R,
}

const SUMS: [usize; 3] = [normalizer::COUNT, normalizer::MEAN, normalizer::VARIANCE];

impl<R: Real> Normalizer<R> {
    /// That of component `k` of agent `s`'s observations, or, after the last one, of its discounted returns.
    pub fn read(plan: &Plan, memory: &Memory<R>, s: usize, k: usize) -> Self {
        let base = (s * plan.normalizers() + k) * NORMALIZER_WORDS;
        let normalizers = memory.buffer("normalizers");
        let [count, mean, variance] = SUMS.map(|i| RunningSum::read(normalizers, base + i));
        Normalizer { count, mean, variance, scale: normalizers.f(base + normalizer::SCALE) }
    }

    /// Stores it where [`Normalizer::read`] finds it.
    pub fn write(&self, plan: &Plan, memory: &mut Memory<R>, s: usize, k: usize) {
        let base = (s * plan.normalizers() + k) * NORMALIZER_WORDS;
        let normalizers = memory.buffer_mut("normalizers");
        [self.count, self.mean, self.variance].into_iter().zip(SUMS).for_each(|(sum, i)| sum.write(normalizers, base + i));
        normalizers.write(base + normalizer::SCALE, self.scale);
    }
}

/// Offset in `observations` of the observation in `row` of environment `n`.
pub fn observation(plan: &Plan, s: usize, row: usize, n: usize) -> usize {
    value(plan, s, row, n) * plan.observation_words()
}

/// Offset in `values` of the value in `row` of environment `n`.
pub fn value(plan: &Plan, s: usize, row: usize, n: usize) -> usize {
    (s * plan.value_rows() + row) * plan.envs + n
}

/// The row of `observations` and `values` for the last observation of an episode that is truncated by step `t`.
pub fn final_row(plan: &Plan, t: usize) -> usize {
    plan.steps + 1 + t / plan.episode_limit as usize
}

/// Index of step `t` of environment `n` in arrays `[s][t][n]`.
pub fn step(plan: &Plan, s: usize, t: usize, n: usize) -> usize {
    (s * plan.steps + t) * plan.envs + n
}
