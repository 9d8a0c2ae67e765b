//! `ppo-gpu bench`: how fast kernels and whole updates are, against the device's own measured peaks.
//!
//! Results are compared with the reference before anything is timed ([`Checked`]). Then: start-up by phase, memory against the plan's prediction, peaks,
//! each kernel of an update, three speeds, and tables over environments, widths and agents where they are asked for.

use crate::bench::kernels::KernelTime;
use crate::bench::model::Model;
use crate::bench::peaks::Peaks;
use crate::bench::setting::{ENDLESS, note, refuse_debug, runnable};
use crate::bench::speeds::Speeds;
use crate::bench::startup::{DeviceMemory, Startup};
use crate::bench::sweep::{Sweep, Swept};
use crate::bench::{kernels, peaks, speeds, startup, sweep};
use crate::check::selftest::Checked;
use crate::device::gpu::check_plan;
use crate::run::device::DeviceSummary;
use crate::spec::config::Config;
use crate::support::error::Result;
use std::time::Duration;

/// What `bench` is told besides the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenchOptions {
    /// Tables to make.
    pub sweep: Option<Sweep>,
    /// Time to spend on each figure.
    pub budget: Duration,
    /// Do not say on stderr what is being measured.
    pub quiet: bool,
}

/// Everything that was measured. Its JSON is the output of `bench --json`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Report {
    /// Version of this program.
    pub version: &'static str,
    /// The device.
    #[serde(flatten)]
    pub device: DeviceSummary,
    /// The profile that kernels were compiled with.
    pub profile: &'static str,
    /// What kernels were timed with: the device's clock or the host's.
    pub clock: &'static str,
    /// The configuration.
    pub config: Config,
    /// What was compared with the reference.
    pub checked: Checked,
    /// The device's measured peaks.
    pub peaks: Peaks,
    /// Each kernel of an update.
    pub kernels: Vec<KernelTime>,
    /// Environment steps a second.
    pub speeds: Speeds,
    /// Seconds of each phase of starting.
    pub startup: Startup,
    /// Device memory.
    pub memory: DeviceMemory,
    /// Tables that were asked for.
    pub sweeps: Vec<Swept>,
}

/// Measures a run of `config`.
///
/// # Errors
/// [`crate::Error::Config`] in a debug build, which times nothing that matters; [`crate::Error::Device`] when a kernel does not agree with the reference;
/// those of starting a run.
pub fn run(config: &Config, options: &BenchOptions) -> Result<Report> {
    refuse_debug("bench")?;
    let say = |what: &str| note(options.quiet, "bench", what);
    let (gpu, adapter) = startup::open(config)?;
    let plan = runnable(config, &gpu, ENDLESS)?;
    check_plan(&plan, &gpu.info, &gpu.limits)?;
    say("results against the reference");
    // Nothing that is wrong is worth timing.
    let checked = crate::check::selftest::check(&gpu, &plan)?;
    say("start-up");
    let (startup, memory, engine) = startup::measure(&gpu, &plan, adapter)?;
    say("the device's peaks");
    let (stopwatch, peaks) = peaks::measure(&gpu, &plan, &engine, options.budget)?;
    say("kernels");
    let model = Model::measured(&gpu.info.name, &peaks);
    let kernels = kernels::measure(&stopwatch, &peaks, &model, &engine, &plan)?;
    // Frees its buffers: the next measurements have their own.
    drop(engine);
    say("environment, rollout and training");
    let speeds = speeds::measure(&gpu, &stopwatch, &plan)?;
    let sweeps = match options.sweep {
        Some(which) => sweep::run(&gpu, &stopwatch, config, which, options.quiet)?,
        None => Vec::new(),
    };
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        device: DeviceSummary::new(&gpu),
        profile: plan.profile.name,
        clock: stopwatch.clock(),
        config: Config { tuning: plan.config.tuning.clone(), ..config.clone() },
        checked,
        peaks,
        kernels,
        speeds,
        startup,
        memory,
        sweeps,
    })
}

impl Report {
    /// One JSON object.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("reports are representable in JSON")
    }
}
