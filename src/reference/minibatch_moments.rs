//! Mean and population standard deviation of the advantages of every minibatch of every epoch of the update.

use crate::program::plan::{Plan, REDUCE_LANES};
use crate::reference::decision::Ambiguous;
use crate::reference::layouts;
use crate::reference::memory::Memory;
use crate::reference::real::{MergeOrder, Moments, Real};
use crate::spec::records::{Sample, word};
use std::ops::Range;

/// Writes `moments`.
///
/// # Errors
/// None: nothing is decided.
pub fn minibatch_moments<R: Real>(plan: &Plan, _index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    for s in 0..plan.agents {
        let agent = layouts::agent(memory, s);
        for step in 0..plan.gradient_steps() {
            let sample_of = layouts::minibatch(plan, &agent, step);
            let groups: Vec<Moments<R>> = if plan.moment_parts > 1 {
                let stored = memory.buffer("moment_parts");
                let first = (s * plan.gradient_steps() + step) * plan.moment_parts;
                let of = |(part, range): (usize, Range<usize>)| {
                    let place = 2 * (first + part);
                    Moments { count: range.len(), mean: stored.f(place), m2: stored.f(place + 1) }
                };
                parts(plan).enumerate().map(of).collect()
            } else {
                advantages(plan, memory, s, &sample_of, 0..plan.minibatch)
            };
            let all = R::moments(&groups, lanes(groups.len()));
            let deviation = (all.m2 / R::from_f64(all.count as f64)).sqrt();
            memory.buffer_mut("moments").write_all((s * plan.gradient_steps() + step) * 2, [all.mean, deviation]);
        }
    }
    Ok(())
}

/// The advantages of the samples `range` of a minibatch of agent `s`, whose sample `i` is `sample_of(i)` of the rollout.
pub fn advantages<R: Real>(plan: &Plan, memory: &Memory<R>, s: usize, sample_of: &impl Fn(usize) -> usize, range: Range<usize>) -> Vec<Moments<R>> {
    let samples = memory.buffer("samples");
    range.map(|i| Moments::of(samples.f(word!(Sample[s * plan.batch + sample_of(i)].advantage)))).collect()
}

/// The samples of each part of a minibatch.
pub fn parts(plan: &Plan) -> impl Iterator<Item = Range<usize>> {
    let (length, minibatch) = (plan.minibatch.div_ceil(plan.moment_parts), plan.minibatch);
    (0..plan.moment_parts).map(move |part| minibatch.min(part * length)..minibatch.min((part + 1) * length))
}

/// How one workgroup merges `groups`.
pub fn lanes(groups: usize) -> MergeOrder {
    MergeOrder { chain: groups.div_ceil(REDUCE_LANES as usize), depth: REDUCE_LANES.ilog2() as usize }
}
