//! Offsets of the fields of stored structures, and hyper-parameters as annealed in the current update.

use crate::program::plan::{OBSERVATION_CLIP, Plan};
use crate::reference::memory::{Cells, Memory};
use crate::reference::real::Real;
use crate::spec::network::NETWORKS;
use crate::spec::random::{self, Stream};
use crate::spec::records::{Agent, Normalizer, joined, word};

/// The record of agent `s`.
pub fn agent<R: Real>(memory: &Memory<R>, s: usize) -> Agent {
    let agents = memory.buffer("agents");
    let words: Vec<u32> = (s * Agent::WORDS..(s + 1) * Agent::WORDS).map(|i| agents.u(i)).collect();
    bytemuck::pod_read_unaligned(bytemuck::cast_slice(&words))
}

/// The step since the start of the run, of step `t` of the current rollout.
pub fn time(plan: &Plan, agent: &Agent, t: usize) -> u32 {
    agent.sequence.wrapping_mul(plan.steps as u32).wrapping_add(t as u32)
}

/// `value`, annealed linearly if so configured: constant within an update, above 0 in the last one.
fn annealed<R: Real>(plan: &Plan, agent: &Agent, value: f32, anneals: bool) -> R {
    let value = R::from_f32(value);
    if !anneals {
        return value;
    }
    let (update, updates) = (f64::from(agent.update), f64::from(plan.updates));
    value * if plan.updates > 1 << 24 { R::from_f64(updates - update) / R::from_f64(updates) } else { R::one() - R::from_f64(update) / R::from_f64(updates) }
}

/// The learning rate of the current update.
pub fn learning_rate<R: Real>(plan: &Plan, agent: &Agent) -> R {
    annealed(plan, agent, agent.lr, plan.config.anneal_lr)
}

/// ε of the current update.
pub fn clip_range<R: Real>(plan: &Plan, agent: &Agent) -> R {
    annealed(plan, agent, agent.clip, plan.config.anneal_clip)
}

/// c_e of the current update.
pub fn entropy_weight<R: Real>(plan: &Plan, agent: &Agent) -> R {
    annealed(plan, agent, agent.entropy_coef, plan.config.anneal_entropy)
}

/// Samples of the minibatch that gradient step `step` learns from: each epoch cuts a fresh permutation of the B samples into K parts.
pub fn minibatch<'a>(plan: &'a Plan, agent: &Agent, step: usize) -> impl Fn(usize) -> usize + use<'a> {
    let (epoch, part) = (step / plan.minibatches, step % plan.minibatches);
    let epoch_of_run = agent.sequence.wrapping_mul(plan.epochs as u32).wrapping_add(epoch as u32);
    let key = Stream::key(joined(agent.seed), random::PERMUTE, epoch_of_run);
    move |i| random::permute((part * plan.minibatch + i) as u32, plan.batch as u32, key) as usize
}

/// The networks' input for the observation stored at `base`.
pub fn stored_observation<R: Real>(plan: &Plan, memory: &Memory<R>, base: usize) -> Vec<R> {
    let (observations, size) = (memory.buffer("observations"), plan.environment.observation);
    if plan.packs_observations() {
        return (0..size).map(|k| R::from_f64(f64::from(observations.u(base + k / 32) >> (k % 32) & 1))).collect();
    }
    network_input(plan, observations.reals(base..base + size))
}

/// The networks' input for a stored observation.
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
    /// The rounding error of that sum.
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

    /// Reads the sum whose first float is at `first`.
    pub fn read(cells: &Cells<R>, first: usize) -> Self {
        RunningSum { value: cells.f(first), error: cells.f(first + 1) }
    }

    /// Stores it where [`RunningSum::read`] finds it.
    pub fn write(self, cells: &mut Cells<R>, first: usize) {
        cells.write_all(first, [self.value, self.error]);
    }
}

/// Running moments of one quantity, a [`Normalizer`] in real numbers.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // as those of the record
pub struct RunningMoments<R> {
    pub count: RunningSum<R>,
    pub mean: RunningSum<R>,
    pub variance: RunningSum<R>,
    pub scale: R,
}

impl<R: Real> RunningMoments<R> {
    /// Those of component `k` of agent `s`'s observations, or, after the last one, of its discounted returns.
    pub fn read(plan: &Plan, memory: &Memory<R>, s: usize, k: usize) -> Self {
        Self::read_from(memory.buffer("normalizers"), s * plan.normalizers() + k)
    }

    /// Those of element `i` of some normalisers.
    pub fn read_from(normalizers: &Cells<R>, i: usize) -> Self {
        RunningMoments {
            count: RunningSum::read(normalizers, word!(Normalizer[i].count)),
            mean: RunningSum::read(normalizers, word!(Normalizer[i].mean)),
            variance: RunningSum::read(normalizers, word!(Normalizer[i].variance)),
            scale: normalizers.f(word!(Normalizer[i].scale)),
        }
    }

    /// Stores them where [`RunningMoments::read`] finds them.
    pub fn write(&self, plan: &Plan, memory: &mut Memory<R>, s: usize, k: usize) {
        self.write_to(memory.buffer_mut("normalizers"), s * plan.normalizers() + k);
    }

    /// Stores them where [`RunningMoments::read_from`] finds them.
    pub fn write_to(&self, normalizers: &mut Cells<R>, i: usize) {
        self.count.write(normalizers, word!(Normalizer[i].count));
        self.mean.write(normalizers, word!(Normalizer[i].mean));
        self.variance.write(normalizers, word!(Normalizer[i].variance));
        normalizers.write(word!(Normalizer[i].scale), self.scale);
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

/// Index in `tape` of sample `i` of a pass in row `unit` of its tile.
pub fn tape(plan: &Plan, s: usize, network: usize, unit: usize, i: usize) -> usize {
    let i = (s * NETWORKS + network) * plan.tape_samples() + i;
    (i / plan.tile * plan.tape.units + unit) * plan.tile + i % plan.tile
}

/// The inputs of layer `l` as the tape has them: 0 behind activations that do not fill the last vector.
pub fn tape_inputs<R: Real>(plan: &Plan, l: usize, inputs: &[R]) -> impl Iterator<Item = R> {
    let filling = if plan.tape.activations && l > 0 { inputs.len().next_multiple_of(4) - inputs.len() } else { 0 };
    inputs.iter().copied().chain(std::iter::repeat_n(R::zero(), filling))
}

/// Index of step `t` of environment `n` in arrays `[s][t][n]`.
pub fn step(plan: &Plan, s: usize, t: usize, n: usize) -> usize {
    (s * plan.steps + t) * plan.envs + n
}
