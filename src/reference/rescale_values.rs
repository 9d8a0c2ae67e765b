//! Merges the rollout's value targets into the running moments that values are normalised by, and rescales the critic's last layer so that no value changes with
//! them (PopArt: van Hasselt et al. 2016, proposition 1).

use crate::program::plan::Plan;
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::fault;
use crate::reference::layouts::{self, RunningMoments};
use crate::reference::memory::Memory;
use crate::reference::minibatch_moments::lanes;
use crate::reference::real::{Moments, Real};
use crate::reference::update_normalizers::{Added, are_finite, merged};
use crate::spec::network::CRITIC;
use crate::spec::records::{EnvStatistics, word};

/// Writes `value_normalizers`, `params` (w ← w·σ/σ′ and b ← b·σ/σ′ + (μ − μ′)/σ′, for V = μ + σ·(w·h + b)) and `faults`, unless the agent has stopped or has a
/// fault.
///
/// # Errors
/// When rounding could decide either way whether a number is finite, or how moments are merged.
pub fn rescale_values<R: Real>(plan: &Plan, _index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let learns = |s: usize| layouts::agent(memory, s).stopped == 0 && memory.buffer("faults").u(s) > fault::PARAMETER.code();
    for s in (0..plan.agents).filter(|&s| learns(s)).collect::<Vec<_>>() {
        let of = |n: usize| {
            let (statistics, i) = (memory.buffer("env_statistics"), s * plan.envs + n);
            let [mean, m2] = [word!(EnvStatistics[i].target_mean), word!(EnvStatistics[i].target_m2)].map(|word| statistics.f(word));
            Moments { count: plan.steps, mean, m2 }
        };
        let targets = R::moments(&(0..plan.envs).map(of).collect::<Vec<_>>(), lanes(plan.envs));
        let old = RunningMoments::read_from(memory.buffer("value_normalizers"), s);
        let rise = targets.mean - old.mean.value - old.mean.error;
        let added = Added { count: targets.count, rise, variance: targets.m2 / R::from_f64(targets.count as f64) };
        let site = Site { kernel: "rescale_values", agent: s, index: 0 };
        let after = merged(old, added, site)?;
        if !are_finite(memory, site, &after, fault::RETURN_MOMENTS)? {
            continue;
        }
        after.write_to(memory.buffer_mut("value_normalizers"), s);
        let (ratio, shift) = (after.scale / old.scale, (old.mean.value - after.mean.value) * after.scale);
        let head = plan.network.layers[plan.network.layers.len() - 1];
        for row in 0..head.rows() {
            let p = s * plan.network.padded_parameters() + CRITIC * plan.network.block() + head.offset + row * head.columns();
            let scaled = memory.buffer("params").f(p) * ratio;
            let param = if row == 0 { scaled + shift } else { scaled };
            if fault::check(memory, site, param, fault::RETURN_MOMENTS, "whether the rescaled parameter is finite")? {
                memory.buffer_mut("params").write(p, param);
            }
        }
    }
    Ok(())
}
