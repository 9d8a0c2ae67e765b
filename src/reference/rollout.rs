//! Acts with the policy frozen: o_t = observe(state), a_t ~ π(·|o_t), state, r_t = step(state, a_t), and a new episode if this one ended.

use crate::program::plan::Plan;
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::layouts::{self, RunningMoments};
use crate::reference::memory::Memory;
use crate::reference::policy::{Action, Policy};
use crate::reference::real::Real;
use crate::reference::reset::EnvLane;
use crate::reference::{dense, fault};
use crate::spec::network::ACTOR;
use crate::spec::random::{self, Stream};
use crate::spec::records::{Agent, Transition, joined, word};

/// Steps `index`·`steps_per_dispatch` and following of the rollout. Writes `env_lanes`, `observations`, `actions`, `transitions` and `faults`.
///
/// # Errors
/// When an action or the end of an episode depends on rounding.
pub fn rollout<R: Real>(plan: &Plan, index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let parameters = plan.network.padded_parameters();
    let first = index as usize * plan.steps_per_dispatch;
    for s in 0..plan.agents {
        let agent = layouts::agent(memory, s);
        let params = memory.buffer("params").reals(s * parameters..(s + 1) * parameters);
        for n in 0..plan.envs {
            let mut env = EnvLane::read(plan, memory, s, n);
            for t in first..first + plan.steps_per_dispatch {
                advance(plan, &agent, &params, [s, t, n], &mut env, memory)?;
            }
            env.write(plan, memory, s, n);
        }
    }
    Ok(())
}

/// The observation, normalised by the moments of earlier rollouts, and not clipped yet.
fn observe<R: Real>(plan: &Plan, memory: &Memory<R>, s: usize, env: &EnvLane<R>) -> Vec<R> {
    let normalized = |(k, x): (usize, R)| {
        if !plan.config.normalize_observations {
            return x;
        }
        let normalizer = RunningMoments::read(plan, memory, s, k);
        (x - normalizer.mean.value) * normalizer.scale
    };
    env.state.observe().into_iter().enumerate().map(normalized).collect()
}

/// Step `t` of environment `n` of agent `s`.
fn advance<R: Real>(plan: &Plan, agent: &Agent, params: &[R], [s, t, n]: [usize; 3], env: &mut EnvLane<R>, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let site = Site { kernel: "rollout", agent: s, index: t * plan.envs + n };
    let (time, seed) = (layouts::time(plan, agent, t), joined(agent.seed));

    let observation = observe(plan, memory, s, env);
    let legal = env.state.legal();
    let actions = &plan.environment.actions;
    let policy = Policy::new(actions, &dense::forward(&plan.network, ACTOR, params, layouts::network_input(plan, observation.clone())).head, &legal);
    let action: Action<R> =
        if plan.deterministic { policy.mode(site)? } else { policy.sample(&mut Stream::new(seed, random::ACTION, time, n as u32), site)? };
    let log_prob = policy.log_prob(&action);
    let outcome = env.state.step(&action.taken(plan), &mut Stream::new(seed, random::STEP, time, n as u32), site)?;
    env.episode_return = env.episode_return.plus(outcome.reward);
    env.episode_length += 1;
    // A step that terminates at the time limit counts as terminated: there is nothing to bootstrap from.
    let truncated = !outcome.terminated && env.episode_length >= plan.episode_limit;

    let b = layouts::step(plan, s, t, n);
    memory.buffer_mut("observations").write_all(layouts::observation(plan, s, t, n), observation.clone());
    action.write(plan, &legal, memory, b);
    let transitions = memory.buffer_mut("transitions");
    let terminated_flag = if outcome.terminated { Transition::TERMINATED } else { 0 };
    let truncated_flag = if truncated { Transition::TRUNCATED } else { 0 };
    transitions.write(word!(Transition[b].log_prob), log_prob);
    transitions.write(word!(Transition[b].reward), outcome.reward);
    transitions.write_word(word!(Transition[b].ending), terminated_flag | truncated_flag);
    transitions.write(word!(Transition[b].episode_return), env.episode_return.value);
    transitions.write_word(word!(Transition[b].episode_length), env.episode_length);
    observed(memory, site, observation)?;
    if truncated && plan.final_rows > 0 {
        let base = layouts::observation(plan, s, layouts::final_row(plan, t), n);
        let last = observe(plan, memory, s, env);
        memory.buffer_mut("observations").write_all(base, last.clone());
        observed(memory, site, last)?;
    }
    for value in [policy.entropy(), log_prob] {
        fault::check(memory, site, value, fault::POLICY_OUTPUT, "whether the policy is finite")?;
    }
    for value in [outcome.reward, env.episode_return.value] {
        fault::check(memory, site, value, fault::REWARD, "whether the reward, and the return with it, is finite")?;
    }

    if outcome.terminated || truncated {
        *env = EnvLane::begin(plan, seed, time.wrapping_add(1), n);
    }
    if t + 1 == plan.steps {
        let next = observe(plan, memory, s, env);
        memory.buffer_mut("observations").write_all(layouts::observation(plan, s, plan.steps, n), next.clone());
        observed(memory, site, next)?;
    }
    Ok(())
}

fn observed<R: Real>(memory: &mut Memory<R>, site: Site, observation: Vec<R>) -> Result<(), Ambiguous> {
    observation.into_iter().try_for_each(|x| fault::check(memory, site, x, fault::OBSERVATION, "whether the observation is finite").map(|_| ()))
}
