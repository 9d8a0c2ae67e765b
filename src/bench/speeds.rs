//! Environment steps a second: of the environment alone, with the policy acting, and of training.

use crate::bench::stopwatch::Stopwatch;
use crate::device::engine::EngineOptions;
use crate::device::gpu::Gpu;
use crate::program::kernel::{self, Kernel};
use crate::program::plan::Plan;
use crate::program::schedule::{self, Dispatch, Program, Step};
use crate::support::error::Result;
use crate::train::trainer::Trainer;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Updates in which drivers compile and dispatches are timed one by one.
const COLD: u32 = 4;
/// Updates that are measured at least, unless they take [`LONGEST`] times the budget.
const UPDATES: u32 = 3;
/// Most time to spend on training, in budgets.
const LONGEST: u32 = 5;

/// Environment steps a second, of all agents together.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Speeds {
    /// Random actions, no networks, nothing kept.
    pub environment: f64,
    /// Actions of the policy, everything kept that an update needs: the rollout.
    pub inference: f64,
    /// Whole updates, as a run makes them, metrics included.
    pub training: f64,
    /// Seconds of one of those updates.
    pub update_seconds: f64,
    /// Submissions of such an update.
    pub submissions: usize,
    /// Seconds of the longest one.
    pub longest_submission: f64,
}

/// Measures the three speeds of `plan` on a trainer of its own.
///
/// # Errors
/// Those of [`Trainer::new`] and [`Trainer::run`].
pub(super) fn measure(gpu: &Gpu, stopwatch: &Stopwatch, plan: &Plan) -> Result<Speeds> {
    let mut trainer = Trainer::new(gpu.clone(), plan.clone())?;
    let engine = trainer.engine();
    let steps = (plan.agents * plan.envs * plan.steps_per_dispatch) as f64;

    let mut program = Program::new(Vec::new());
    let (name, source) = ("step_environments", include_str!("../../shaders/bench/step_environments.wgsl"));
    program.then(Kernel { name, summary: "steps environments with random actions", source, ..kernel::reset(plan) }, 0);
    let stepping = engine.beside(program, &EngineOptions::default())?;
    let environment = steps / stopwatch.seconds(&|pass, _| stepping.encode(pass, Dispatch { kernel: name, index: 0 }))?;

    let rollout = schedule::playing(plan).update;
    let parts: Vec<&[Step]> = rollout.chunks_exact((rollout.len() * plan.steps_per_dispatch / plan.steps).max(1)).collect();
    let inference = steps / stopwatch.seconds(&|pass, r| parts[r % parts.len()].iter().for_each(|&Step::Dispatch(dispatch)| engine.encode(pass, dispatch)))?;

    let update_seconds = update_seconds(&mut trainer, stopwatch.budget())?;
    let times = trainer.time_submissions()?;
    let longest_submission = times.iter().max().map_or(0.0, Duration::as_secs_f64);
    let training = (plan.agents * plan.batch) as f64 / update_seconds;
    Ok(Speeds { environment, inference, training, update_seconds, submissions: times.len(), longest_submission })
}

/// Mean seconds from row to row of metrics, after the first [`COLD`] updates.
pub(super) fn update_seconds(trainer: &mut Trainer, budget: Duration) -> Result<f64> {
    let mut warm: Option<Instant> = None;
    let (mut updates, mut seconds, mut cold) = (0, 0.0, 0);
    let mut first_row = None;
    let most_cold = COLD.min(trainer.plan().updates.saturating_sub(1));
    trainer.run(&mut |_| {
        let Some(began) = warm else {
            cold += 1;
            // Long updates are less disturbed, and dear.
            if cold >= most_cold || first_row.get_or_insert_with(Instant::now).elapsed() >= LONGEST * budget {
                warm = Some(Instant::now());
            }
            return ControlFlow::Continue(());
        };
        let elapsed = began.elapsed();
        // Rows of updates that were in flight when enough was known are not counted.
        if seconds == 0.0 || elapsed < budget || (updates < UPDATES && elapsed < LONGEST * budget) {
            updates += 1;
            seconds = elapsed.as_secs_f64();
        }
        let enough = elapsed >= LONGEST * budget || (elapsed >= budget && updates >= UPDATES);
        if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(seconds / f64::from(updates))
}
