//! Acts with the policy frozen: o_t = observe(state), a_t ~ π(·|o_t), state, r_t = step(state, a_t), and a new episode if this one ended.

use crate::program::plan::Plan;
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::memory::Memory;
use crate::reference::real::Real;
use crate::reference::reset::EnvLane;
use crate::reference::{act, advance, layouts, observe};
use crate::spec::records::joined;

/// Steps `index`·`steps_per_dispatch` and following of the rollout. Writes `env_lanes`, `observations`, `actions`, `transitions` and `faults`.
///
/// # Errors
/// When an action or the end of an episode depends on rounding.
pub fn rollout<R: Real>(plan: &Plan, index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let first = index as usize * plan.steps_per_dispatch;
    for s in 0..plan.agents {
        let (agent, params) = (layouts::agent(memory, s), act::actor(plan, memory, s));
        for n in 0..plan.envs {
            let mut env = EnvLane::read(plan, memory, s, n);
            for t in first..first + plan.steps_per_dispatch {
                let site = Site { kernel: "rollout", agent: s, index: t * plan.envs + n };
                observe::store(plan, memory, site, [s, t, n], &env)?;
                let action = act::choose(plan, memory, site, [s, t, n], &agent, &params, &env.state.legal())?;
                let ending = advance::step(plan, memory, site, [s, t, n], &agent, &action, &mut env)?;
                observe::store_last(plan, memory, site, [s, t, n], ending, &env)?;
                if ending != 0 {
                    env = EnvLane::begin(plan, joined(agent.seed), layouts::time(plan, &agent, t + 1), n);
                }
                if t + 1 == plan.steps {
                    observe::store(plan, memory, site, [s, plan.steps, n], &env)?;
                }
            }
            env.write(plan, memory, s, n);
        }
    }
    Ok(())
}
