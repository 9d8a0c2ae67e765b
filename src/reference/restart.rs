//! Between two steps where the rollout is split: new episodes.

use crate::program::plan::Plan;
use crate::reference::decision::Ambiguous;
use crate::reference::layouts;
use crate::reference::memory::Memory;
use crate::reference::real::Real;
use crate::reference::reset::EnvLane;
use crate::spec::records::{Transition, joined, word};

/// Begins the episodes that follow those which step `index` - 1 ended. Writes `env_lanes`.
///
/// # Errors
/// None: nothing is decided.
pub fn restart<R: Real>(plan: &Plan, index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let t = index as usize;
    for s in 0..plan.agents {
        let agent = layouts::agent(memory, s);
        for n in 0..plan.envs {
            if memory.buffer("transitions").u(word!(Transition[layouts::step(plan, s, t - 1, n)].ending)) != 0 {
                EnvLane::begin(plan, joined(agent.seed), layouts::time(plan, &agent, t), n).write(plan, memory, s, n);
            }
        }
    }
    Ok(())
}
