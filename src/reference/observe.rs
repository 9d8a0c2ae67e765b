//! The first part of a step where the rollout is split: observations of all environments.

use crate::program::plan::Plan;
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::fault;
use crate::reference::layouts::{self, RunningMoments};
use crate::reference::memory::Memory;
use crate::reference::real::Real;
use crate::reference::reset::EnvLane;
use crate::spec::records::{Transition, word};

/// Index 2t + 1: the observations of row t. Index 2t: the last ones of episodes that step t - 1 truncated. Writes `observations` and `faults`.
///
/// # Errors
/// When rounding decides whether an observation is finite.
pub fn observe<R: Real>(plan: &Plan, index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let t = index as usize / 2;
    for s in 0..plan.agents {
        for n in 0..plan.envs {
            let site = Site { kernel: "observe", agent: s, index: t * plan.envs + n };
            let env = EnvLane::read(plan, memory, s, n);
            if index % 2 == 1 {
                store(plan, memory, site, [s, t, n], &env)?;
            } else {
                let ending = memory.buffer("transitions").u(word!(Transition[layouts::step(plan, s, t - 1, n)].ending));
                store_last(plan, memory, site, [s, t - 1, n], ending, &env)?;
            }
        }
    }
    Ok(())
}

/// Stores an observation in a row, normalised by the moments of earlier rollouts, and not clipped yet.
pub(super) fn store<R: Real>(plan: &Plan, memory: &mut Memory<R>, site: Site, [s, row, n]: [usize; 3], env: &EnvLane<R>) -> Result<(), Ambiguous> {
    let normalized = |(k, x): (usize, R)| {
        if !plan.config.normalize_observations {
            return x;
        }
        let normalizer = RunningMoments::read(plan, memory, s, k);
        (x - normalizer.mean.value) * normalizer.scale
    };
    let observation: Vec<R> = env.state.observe().into_iter().enumerate().map(normalized).collect();
    // Filled up to whole vectors, where those are stored.
    let filled_up = observation.iter().copied().chain(std::iter::repeat(R::from_f64(0.0))).take(plan.observation_words().max(observation.len()));
    memory.buffer_mut("observations").write_all(layouts::observation(plan, s, row, n), filled_up);
    observation.into_iter().try_for_each(|x| fault::check(memory, site, x, fault::OBSERVATION, "whether the observation is finite").map(|_| ()))
}

/// Stores the last observation of an episode that step `t` truncated.
pub(super) fn store_last<R: Real>(
    plan: &Plan,
    memory: &mut Memory<R>,
    site: Site,
    [s, t, n]: [usize; 3],
    ending: u32,
    env: &EnvLane<R>,
) -> Result<(), Ambiguous> {
    if ending != Transition::TRUNCATED || plan.final_rows == 0 {
        return Ok(());
    }
    store(plan, memory, site, [s, layouts::final_row(plan, t), n], env)
}
