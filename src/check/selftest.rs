//! Comparing a device with the reference, kernel by kernel.

use crate::device::engine::EngineOptions;
use crate::device::gpu::Gpu;
use crate::program::plan::Plan;
use crate::program::schedule::Step;
use crate::reference::compare::{compare, describe};
use crate::reference::decision::Ambiguous;
use crate::reference::memory::Memory;
use crate::reference::tracked::Tracked;
use crate::reference::walk;
use crate::spec::config::Config;
use crate::support::error::{DeviceFailure, Error, Result};
use crate::train::trainer::Trainer;

/// Seeds to try until no decision depends on rounding.
const SEEDS: u64 = 5;
/// Largest product of environment steps in the check and parameters of an agent: the reference is sequential.
const WORK: usize = 2_000_000;

/// The extent of the comparison.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Checked {
    /// Dispatches whose results were compared word by word.
    pub dispatches: usize,
    /// Environments of the small plan.
    pub envs: usize,
    /// Its rollout length.
    pub steps: usize,
    /// Its agents.
    pub agents: usize,
}

/// Runs one update of a plan with few environments and the networks and profile of `plan`, and compares every dispatch with the reference, which starts
/// from the device's own buffers.
///
/// # Errors
/// [`Error::Device`] naming the first kernel that differs; those of [`Trainer::new`].
pub fn check(gpu: &Gpu, plan: &Plan) -> Result<Checked> {
    check_with(gpu, plan, &EngineOptions::default)
}

/// [`check`] with other engine options, for tests.
///
/// # Errors
/// Those of [`check`].
pub fn check_with(gpu: &Gpu, plan: &Plan, options: &dyn Fn() -> EngineOptions) -> Result<Checked> {
    let mut ambiguous = Vec::new();
    for seed in 0..SEEDS {
        let mut small = Plan::new(&small(plan, seed), plan.profile)?;
        // The kernels of the plan itself; one gradient step at a time, since rounding in one is magnified by the next.
        small.learn_steps = if plan.learn_steps > 0 { small.learn_steps.min(1) } else { 0 };
        match lockstep(gpu, &small, options)? {
            Ok(dispatches) => return Ok(Checked { dispatches, envs: small.envs, steps: small.steps, agents: small.agents }),
            Err(reason) => ambiguous.push(reason.to_string()),
        }
    }
    Err(Error::Device { activity: "looked for a seed to compare kernels on".into(), message: ambiguous.join("\n"), kind: DeviceFailure::Validation })
}

/// A small version of the configuration of `plan`. Odd numbers leave tiles and workgroups partly filled.
fn small(plan: &Plan, seed: u64) -> Config {
    let steps = 6;
    let envs = (WORK / plan.network.padded_parameters() / steps).clamp(5, 23) as u32;
    let config = &plan.config;
    Config {
        envs,
        steps: steps as u32,
        agents: config.agents.min(2),
        seed: config.seed.wrapping_add(1000 * seed) & i64::MAX as u64,
        epochs: config.epochs.min(2),
        minibatches: 2,
        total_steps: 1 << 16,
        target_return: None,
        ..config.one_setting()
    }
}

/// The number of dispatches that agree. Steps of environments that the reference does not know are not checked.
fn lockstep(gpu: &Gpu, plan: &Plan, options: &dyn Fn() -> EngineOptions) -> Result<std::result::Result<usize, Ambiguous>> {
    let trainer = Trainer::with_options(gpu.clone(), plan.clone(), &options())?;
    let engine = trainer.engine();
    let mut before = engine.download()?;
    let mut checked = 0;
    for &Step::Dispatch(dispatch) in &engine.program().update {
        if !walk::covers(plan, dispatch.kernel) {
            engine.run(&[Step::Dispatch(dispatch)])?;
            before = engine.download()?;
            continue;
        }
        let mut memory = Memory::<Tracked>::from_words(before);
        if let Err(ambiguous) = walk::run(plan, dispatch, &mut memory) {
            return Ok(Err(ambiguous));
        }
        engine.run(&[Step::Dispatch(dispatch)])?;
        let after = engine.download()?;
        let findings = compare(&memory, &after);
        if !findings.is_empty() {
            let activity = format!("checked kernel `{}` (index {}) against the reference", dispatch.kernel, dispatch.index);
            return Err(Error::Device { activity, message: describe(&findings), kind: DeviceFailure::Wrong });
        }
        before = after;
        checked += 1;
    }
    Ok(Ok(checked))
}
