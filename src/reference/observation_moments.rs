//! Mean and squared deviations of each component of the rollout's observations, in parts of consecutive samples.

use crate::program::plan::Plan;
use crate::reference::decision::Ambiguous;
use crate::reference::layouts;
use crate::reference::memory::Memory;
use crate::reference::minibatch_moments::lanes;
use crate::reference::real::{Moments, Real};

/// Writes `observation_parts`.
///
/// # Errors
/// None: nothing is decided.
pub fn observation_moments<R: Real>(plan: &Plan, _index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let (size, length) = (plan.environment.observation, plan.batch.div_ceil(plan.observation_parts));
    for s in 0..plan.agents {
        for part in 0..plan.observation_parts {
            let samples = || part * length..plan.batch.min((part + 1) * length);
            for k in 0..size {
                let observations = memory.buffer("observations");
                let of = |b: usize| Moments::of(observations.f(layouts::observation(plan, s, b / plan.envs, b % plan.envs) + k));
                let values: Vec<Moments<R>> = samples().map(of).collect();
                let all = R::moments(&values, lanes(values.len()));
                memory.buffer_mut("observation_parts").write_all(((s * plan.observation_parts + part) * size + k) * 2, [all.mean, all.m2]);
            }
        }
    }
    Ok(())
}
