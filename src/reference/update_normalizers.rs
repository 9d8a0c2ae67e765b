//! Merges the rollout's observations and discounted returns into the running moments that normalise the next rollout (Chan, Golub and LeVeque 1979).

use crate::program::plan::{NORMALIZER_EPSILON, Plan};
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::fault;
use crate::reference::layouts::{self, RunningMoments, RunningSum};
use crate::reference::memory::Memory;
use crate::reference::minibatch_moments::lanes;
use crate::reference::real::{MergeOrder, Moments, Real};
use crate::spec::records::{EnvStatistics, word};

/// Writes `normalizers` and `faults`, unless the agent has stopped or has a fault.
///
/// # Errors
/// When rounding could decide either way whether moments are finite, or which of two ways they are merged in.
pub fn update_normalizers<R: Real>(plan: &Plan, _index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let (size, parts, length) = (plan.environment.observation, plan.observation_parts, plan.batch.div_ceil(plan.observation_parts));
    let learns = |s: usize| layouts::agent(memory, s).stopped == 0 && memory.buffer("faults").u(s) > fault::PARAMETER.code();
    for s in (0..plan.agents).filter(|&s| learns(s)).collect::<Vec<_>>() {
        if plan.config.normalize_observations {
            for k in 0..size {
                let of = |part: usize| {
                    let [mean, m2] = [0, 1].map(|i| memory.buffer("observation_parts").f(((s * parts + part) * size + k) * 2 + i));
                    Moments { count: length.min(plan.batch - part * length), mean, m2 }
                };
                let all = R::moments(&(0..parts).map(of).collect::<Vec<_>>(), MergeOrder { chain: parts, depth: 0 });
                let old = RunningMoments::read(plan, memory, s, k);
                // Observations are stored as (o - mean) * scale.
                let rise = all.mean / old.scale - old.mean.error;
                let variance = all.m2 / R::from_f64(all.count as f64) / (old.scale * old.scale);
                let site = Site { kernel: "update_normalizers", agent: s, index: k };
                merge(plan, memory, site, Added { count: all.count, rise, variance }, fault::OBSERVATION_MOMENTS)?;
            }
        }
        if plan.config.normalize_rewards {
            let of = |n: usize| {
                let (statistics, i) = (memory.buffer("env_statistics"), s * plan.envs + n);
                let [mean, m2] = [word!(EnvStatistics[i].return_mean), word!(EnvStatistics[i].return_m2)].map(|word| statistics.f(word));
                Moments { count: plan.steps, mean, m2 }
            };
            let returns = R::moments(&(0..plan.envs).map(of).collect::<Vec<_>>(), lanes(plan.envs));
            let old = RunningMoments::read(plan, memory, s, size);
            let rise = returns.mean - old.mean.value - old.mean.error;
            let site = Site { kernel: "update_normalizers", agent: s, index: size };
            merge(plan, memory, site, Added { count: returns.count, rise, variance: returns.m2 / R::from_f64(returns.count as f64) }, fault::RETURN_MOMENTS)?;
        }
    }
    Ok(())
}

/// Moments that are to be merged into running ones.
pub struct Added<R> {
    /// Number of values.
    pub count: usize,
    /// Their mean less the running one.
    pub rise: R,
    /// Their variance.
    pub variance: R,
}

/// Merges the site's moments, unless they would not be finite.
fn merge<R: Real>(plan: &Plan, memory: &mut Memory<R>, site: Site, added: Added<R>, fault: fault::Fault) -> Result<(), Ambiguous> {
    let after = merged(RunningMoments::read(plan, memory, site.agent, site.index), added, site)?;
    if are_finite(memory, site, &after, fault)? {
        after.write(plan, memory, site.agent, site.index);
    }
    Ok(())
}

/// Whether moments are finite; notes `fault` for the site's agent where they are not.
///
/// # Errors
/// When rounding could decide it either way.
pub fn are_finite<R: Real>(memory: &mut Memory<R>, site: Site, moments: &RunningMoments<R>, fault: fault::Fault) -> Result<bool, Ambiguous> {
    let mean = fault::check(memory, site, moments.mean.value, fault, "whether the mean is finite")?;
    Ok(fault::check(memory, site, moments.variance.value, fault, "whether the variance is finite")? && mean)
}

/// mean = mean_a + w·d, variance = (1 − w)·variance_a + w·variance_b + w·(1 − w)·d², where d = mean_b − mean_a and w = n_b/(n_a + n_b).
///
/// # Errors
/// When rounding could decide either way how variances are merged.
pub fn merged<R: Real>(old: RunningMoments<R>, added: Added<R>, site: Site) -> Result<RunningMoments<R>, Ambiguous> {
    let count = R::from_f64(added.count as f64);
    let all = old.count.plus(count);
    let (share, kept) = (count / all.value, old.count.value / all.value);
    let spread = share * kept * added.rise * added.rise;
    // Two forms of the same number, which differ in how rounding enters.
    let variance = if site.decide(R::from_f64(0.75).less(share), "which values outweigh the others")? {
        RunningSum { value: kept * old.variance.value + share * added.variance + spread, error: R::zero() }
    } else {
        old.variance.plus(share * (added.variance - old.variance.value) + spread)
    };
    Ok(RunningMoments {
        count: all,
        mean: old.mean.plus(share * added.rise),
        variance,
        scale: R::one() / (variance.value + R::from_f32(NORMALIZER_EPSILON)).sqrt(),
    })
}
