//! Generalised advantage estimation (Schulman et al. 2016, equation 16), backwards through time:
//! δ_t = r_t + γ·(1 − ended_t)·V_(t+1) − V_t, Â_t = δ_t + γλ·(1 − ended_t)·Â_(t+1), target_t = Â_t + V_t.
//!
//! Where rewards are normalised, each is divided by the running deviation of R_t = γ·R_(t−1) + r_t, R being 0 before an episode (Engstrom et al. 2020).
//! Where values are normalised, V = μ + σ·output of the critic; samples have the output, and output + Â/σ, which is (Â + V − μ)/σ, as its target.
//! The reward of a truncated step gains γ·V(last observation), unless time limits count as termination (Pardo et al. 2018).

use crate::program::plan::Plan;
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::fault;
use crate::reference::layouts::{self, RunningMoments, RunningSum};
use crate::reference::memory::Memory;
use crate::reference::real::{MergeOrder, Moments, Real};
use crate::spec::records::{Agent, EnvStatistics, Sample, Transition, word};

/// Writes `samples`, `env_statistics` and `faults`.
///
/// # Errors
/// When rounding could decide either way whether a number is finite.
pub fn gae<R: Real>(plan: &Plan, _index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    for s in 0..plan.agents {
        let agent = layouts::agent(memory, s);
        for n in 0..plan.envs {
            environment(plan, &agent, s, n, memory)?;
        }
    }
    Ok(())
}

/// The rollout of environment `n` of agent `s`.
fn environment<R: Real>(plan: &Plan, agent: &Agent, s: usize, n: usize, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let (gamma, i) = (R::from_f32(agent.gamma), s * plan.envs + n);
    let normalizer = plan.config.normalize_values.then(|| RunningMoments::read_from(memory.buffer("value_normalizers"), s));
    let output_of = |memory: &Memory<R>, row: usize| memory.buffer("values").f(layouts::value(plan, s, row, n));
    let value_of = |memory: &Memory<R>, row: usize| {
        let output = output_of(memory, row);
        normalizer.map_or(output, |normalizer| normalizer.mean.value + output / normalizer.scale)
    };
    let (mut discounted, mut returns, mut reward_scale) = (RunningSum::zero(), Vec::new(), R::one());
    if plan.config.normalize_rewards {
        reward_scale = RunningMoments::read(plan, memory, s, plan.environment.observation).scale;
        discounted = RunningSum::read(memory.buffer("env_statistics"), word!(EnvStatistics[i].discounted));
        for t in 0..plan.steps {
            let (transitions, b) = (memory.buffer("transitions"), layouts::step(plan, s, t, n));
            let kept = RunningSum { value: gamma * discounted.value, error: gamma * discounted.error };
            discounted = kept.plus(transitions.f(word!(Transition[b].reward)));
            returns.push(Moments::of(discounted.value));
            if transitions.u(word!(Transition[b].ending)) & Transition::ENDED != 0 {
                discounted = RunningSum::zero();
            }
        }
    }
    let mut next_value = value_of(memory, plan.steps);
    let mut next_advantage = R::zero();
    let mut episodes = 0;
    let (mut targets, mut advantages) = (Vec::new(), Vec::new());
    for t in (0..plan.steps).rev() {
        let b = layouts::step(plan, s, t, n);
        let transitions = memory.buffer("transitions");
        let ending = transitions.u(word!(Transition[b].ending));
        let log_prob = transitions.f(word!(Transition[b].log_prob));
        let mut reward = transitions.f(word!(Transition[b].reward));
        if plan.config.normalize_rewards {
            reward = reward * reward_scale;
        }
        if ending & Transition::TRUNCATED != 0 && plan.final_rows > 0 {
            reward = reward + gamma * value_of(memory, layouts::final_row(plan, t));
        }
        if ending & Transition::ENDED != 0 {
            episodes += 1;
            next_value = R::zero();
            next_advantage = R::zero();
        }
        let value = value_of(memory, t);
        let delta = reward + gamma * next_value - value;
        let advantage = delta + gamma * R::from_f32(agent.gae_lambda) * next_advantage;
        let target = advantage + value;
        let output = output_of(memory, t);
        let value_target = normalizer.map_or(target, |normalizer| output + advantage * normalizer.scale);

        let samples = memory.buffer_mut("samples");
        samples.write(word!(Sample[b].advantage), advantage);
        samples.write(word!(Sample[b].value_target), value_target);
        samples.write(word!(Sample[b].value), output);
        samples.write(word!(Sample[b].log_prob), log_prob);
        let site = Site { kernel: "gae", agent: s, index: t * plan.envs + n };
        fault::check(memory, site, value, fault::VALUE, "whether the value is finite")?;
        fault::check(memory, site, advantage, fault::ADVANTAGE, "whether the advantage is finite")?;

        targets.push(Moments::of(target));
        advantages.push(Moments::of(advantage));
        next_value = value;
        next_advantage = advantage;
    }

    let order = MergeOrder { chain: plan.steps, depth: 0 };
    let (targets, advantages) = (R::moments(&targets, order), R::moments(&advantages, order));
    let returns = if returns.is_empty() { Moments { count: 0, mean: R::zero(), m2: R::zero() } } else { R::moments(&returns, order) };
    let statistics = memory.buffer_mut("env_statistics");
    statistics.write_word(word!(EnvStatistics[i].episodes), episodes);
    statistics.write(word!(EnvStatistics[i].target_mean), targets.mean);
    statistics.write(word!(EnvStatistics[i].target_m2), targets.m2);
    statistics.write(word!(EnvStatistics[i].advantage_mean), advantages.mean);
    statistics.write(word!(EnvStatistics[i].advantage_m2), advantages.m2);
    discounted.write(statistics, word!(EnvStatistics[i].discounted));
    statistics.write(word!(EnvStatistics[i].return_mean), returns.mean);
    statistics.write(word!(EnvStatistics[i].return_m2), returns.m2);
    Ok(())
}
