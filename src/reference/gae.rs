//! Generalised advantage estimation (Schulman et al. 2016, equation 16), backwards through time:
//! δ_t = r_t + γ·(1 − ended_t)·V_(t+1) − V_t, Â_t = δ_t + γλ·(1 − ended_t)·Â_(t+1), target_t = Â_t + V_t.
//!
//! Where rewards are normalised, each is divided by the running deviation of R_t = γ·R_(t−1) + r_t, R being 0 before an episode (Engstrom et al. 2020).
//! The reward of a truncated step gains γ·V(last observation), unless time limits count as termination (Pardo et al. 2018).

use crate::program::plan::Plan;
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::fault;
use crate::reference::layouts::{self, Agent, Normalizer, RunningSum};
use crate::reference::memory::Memory;
use crate::reference::real::{MergeOrder, Moments, Real};
use crate::spec::records::{env_statistics, sample, transition};

/// Writes `samples`, `env_statistics` and `faults`.
///
/// # Errors
/// When rounding could decide either way whether a number is finite.
pub fn gae<R: Real>(plan: &Plan, _index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    for s in 0..plan.agents {
        let agent = Agent::read(memory, s);
        for n in 0..plan.envs {
            environment(plan, &agent, s, n, memory)?;
        }
    }
    Ok(())
}

/// The rollout of environment `n` of agent `s`.
fn environment<R: Real>(plan: &Plan, agent: &Agent<R>, s: usize, n: usize, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let value_of = |memory: &Memory<R>, row: usize| memory.buffer("values").f(layouts::value(plan, s, row, n));
    let (mut discounted, mut returns, mut reward_scale) = (RunningSum::zero(), Vec::new(), R::one());
    if plan.config.normalize_rewards {
        reward_scale = Normalizer::read(plan, memory, s, plan.environment.observation).scale;
        discounted = RunningSum::read(memory.buffer("env_statistics"), (s * plan.envs + n) * env_statistics::WORDS + env_statistics::DISCOUNTED);
        for t in 0..plan.steps {
            let (transitions, b) = (memory.buffer("transitions"), layouts::step(plan, s, t, n));
            let kept = RunningSum { value: agent.gamma * discounted.value, error: agent.gamma * discounted.error };
            discounted = kept.plus(transitions.f(b * transition::WORDS + transition::REWARD));
            returns.push(Moments::of(discounted.value));
            if transitions.u(b * transition::WORDS + transition::ENDING) & transition::ENDED != 0 {
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
        let ending = transitions.u(b * transition::WORDS + transition::ENDING);
        let log_prob = transitions.f(b * transition::WORDS + transition::LOG_PROB);
        let mut reward = transitions.f(b * transition::WORDS + transition::REWARD);
        if plan.config.normalize_rewards {
            reward = reward * reward_scale;
        }
        if ending & transition::TRUNCATED != 0 && plan.final_rows > 0 {
            reward = reward + agent.gamma * value_of(memory, layouts::final_row(plan, t));
        }
        if ending & transition::ENDED != 0 {
            episodes += 1;
            next_value = R::zero();
            next_advantage = R::zero();
        }
        let value = value_of(memory, t);
        let delta = reward + agent.gamma * next_value - value;
        let advantage = delta + agent.gamma * agent.gae_lambda * next_advantage;
        let target = advantage + value;

        let samples = memory.buffer_mut("samples");
        samples.write(b * sample::WORDS + sample::ADVANTAGE, advantage);
        samples.write(b * sample::WORDS + sample::VALUE_TARGET, target);
        samples.write(b * sample::WORDS + sample::VALUE, value);
        samples.write(b * sample::WORDS + sample::LOG_PROB, log_prob);
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
    let base = (s * plan.envs + n) * env_statistics::WORDS;
    let statistics = memory.buffer_mut("env_statistics");
    statistics.write_word(base + env_statistics::EPISODES, episodes);
    statistics.write(base + env_statistics::TARGET_MEAN, targets.mean);
    statistics.write(base + env_statistics::TARGET_M2, targets.m2);
    statistics.write(base + env_statistics::ADVANTAGE_MEAN, advantages.mean);
    statistics.write(base + env_statistics::ADVANTAGE_M2, advantages.m2);
    discounted.write(statistics, base + env_statistics::DISCOUNTED);
    statistics.write(base + env_statistics::RETURN_MEAN, returns.mean);
    statistics.write(base + env_statistics::RETURN_M2, returns.m2);
    Ok(())
}
