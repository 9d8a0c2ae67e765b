//! The second part of a step where the rollout is split: a_t ~ π(·|o_t), with the policy frozen.

use crate::program::plan::Plan;
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::memory::Memory;
use crate::reference::policy::{Action, Policy};
use crate::reference::real::Real;
use crate::reference::{dense, fault, layouts};
use crate::spec::network::ACTOR;
use crate::spec::random::{self, Stream};
use crate::spec::records::{Agent, Transition, joined, word};

/// Step `index` of the rollout. Writes `actions`, `transitions` (`log_prob`) and `faults`.
///
/// # Errors
/// When an action depends on rounding.
pub fn act<R: Real>(plan: &Plan, index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let t = index as usize;
    for s in 0..plan.agents {
        let (agent, params) = (layouts::agent(memory, s), actor(plan, memory, s));
        for n in 0..plan.envs {
            let site = Site { kernel: "act", agent: s, index: t * plan.envs + n };
            choose(plan, memory, site, [s, t, n], &agent, &params, &[])?;
        }
    }
    Ok(())
}

/// The parameters of agent `s`.
pub(super) fn actor<R: Real>(plan: &Plan, memory: &Memory<R>, s: usize) -> Vec<R> {
    let parameters = plan.network.padded_parameters();
    memory.buffer("params").reals(s * parameters..(s + 1) * parameters)
}

/// Chooses and stores an action for the observation in row `t`.
pub(super) fn choose<R: Real>(
    plan: &Plan,
    memory: &mut Memory<R>,
    site: Site,
    [s, t, n]: [usize; 3],
    agent: &Agent,
    params: &[R],
    legal: &[bool],
) -> Result<Action<R>, Ambiguous> {
    let observation = layouts::stored_observation(plan, memory, layouts::observation(plan, s, t, n));
    let policy = Policy::new(&plan.environment.actions, &dense::forward(&plan.network, ACTOR, params, observation).head, legal);
    let action: Action<R> = if plan.deterministic {
        policy.mode(site)?
    } else {
        policy.sample(&mut Stream::new(joined(agent.seed), random::ACTION, layouts::time(plan, agent, t), n as u32), site)?
    };
    let log_prob = policy.log_prob(&action);
    let b = layouts::step(plan, s, t, n);
    action.write(plan, legal, memory, b);
    memory.buffer_mut("transitions").write(word!(Transition[b].log_prob), log_prob);
    for value in [policy.entropy(), log_prob] {
        fault::check(memory, site, value, fault::POLICY_OUTPUT, "whether the policy is finite")?;
    }
    Ok(action)
}
