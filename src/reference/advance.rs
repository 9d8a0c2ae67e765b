//! The last part of a step where the rollout is split: state, r_t = step(state, a_t).

use crate::program::plan::Plan;
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::memory::Memory;
use crate::reference::policy::Action;
use crate::reference::real::Real;
use crate::reference::reset::EnvLane;
use crate::reference::{fault, layouts};
use crate::spec::random::{self, Stream};
use crate::spec::records::{Agent, Transition, joined, word};

/// Step `index` of the rollout. Writes `env_lanes`, `transitions` (all but `log_prob`) and `faults`.
///
/// # Errors
/// When the end of an episode depends on rounding.
pub fn advance<R: Real>(plan: &Plan, index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let t = index as usize;
    for s in 0..plan.agents {
        let agent = layouts::agent(memory, s);
        for n in 0..plan.envs {
            let site = Site { kernel: "advance", agent: s, index: t * plan.envs + n };
            let mut env = EnvLane::read(plan, memory, s, n);
            let (action, _) = Action::read(plan, memory, layouts::step(plan, s, t, n));
            step(plan, memory, site, [s, t, n], &agent, &action, &mut env)?;
            env.write(plan, memory, s, n);
        }
    }
    Ok(())
}

/// Steps an environment, and stores what came of it. Returns how the step ended: the bits of [`Transition::ending`].
pub(super) fn step<R: Real>(
    plan: &Plan,
    memory: &mut Memory<R>,
    site: Site,
    [s, t, n]: [usize; 3],
    agent: &Agent,
    action: &Action<R>,
    env: &mut EnvLane<R>,
) -> Result<u32, Ambiguous> {
    let mut random = Stream::new(joined(agent.seed), random::STEP, layouts::time(plan, agent, t), n as u32);
    let outcome = env.state.step(&action.taken(plan), &mut random, site)?;
    env.episode_return = env.episode_return.plus(outcome.reward);
    env.episode_length += 1;
    // A step that terminates at the time limit counts as terminated: there is nothing to bootstrap from.
    let truncated = !outcome.terminated && env.episode_length >= plan.episode_limit;
    let terminated_flag = if outcome.terminated { Transition::TERMINATED } else { 0 };
    let truncated_flag = if truncated { Transition::TRUNCATED } else { 0 };
    let ending = terminated_flag | truncated_flag;
    let b = layouts::step(plan, s, t, n);
    let transitions = memory.buffer_mut("transitions");
    transitions.write(word!(Transition[b].reward), outcome.reward);
    transitions.write_word(word!(Transition[b].ending), ending);
    transitions.write(word!(Transition[b].episode_return), env.episode_return.value);
    transitions.write_word(word!(Transition[b].episode_length), env.episode_length);
    for value in [outcome.reward, env.episode_return.value] {
        fault::check(memory, site, value, fault::REWARD, "whether the reward, and the return with it, is finite")?;
    }
    Ok(ending)
}
