//! Mean and squared deviations of the advantages of every minibatch, in parts of consecutive samples.

use crate::program::plan::Plan;
use crate::reference::decision::Ambiguous;
use crate::reference::layouts;
use crate::reference::memory::Memory;
use crate::reference::minibatch_moments::{advantages, lanes, parts};
use crate::reference::real::Real;

/// Writes `moment_parts`.
///
/// # Errors
/// None: nothing is decided.
pub fn minibatch_parts<R: Real>(plan: &Plan, _index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    for s in 0..plan.agents {
        let agent = layouts::agent(memory, s);
        for step in 0..plan.gradient_steps() {
            let sample_of = layouts::minibatch(plan, &agent, step);
            for (part, range) in parts(plan).enumerate() {
                let advantages = advantages(plan, memory, s, &sample_of, range);
                let all = R::moments(&advantages, lanes(advantages.len()));
                let place = ((s * plan.gradient_steps() + step) * plan.moment_parts + part) * 2;
                memory.buffer_mut("moment_parts").write_all(place, [all.mean, all.m2]);
            }
        }
    }
    Ok(())
}
