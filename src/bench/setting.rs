//! What is measured: a run without an end.

use crate::device::gpu::Gpu;
use crate::program::plan::Plan;
use crate::run::tunings;
use crate::spec::config::Config;
use crate::spec::environment::Environment;
use crate::support::error::{Error, Result};
use std::io::Write;

/// More updates than are ever measured.
pub(super) const ENDLESS: u64 = 1_000_000;

/// Says what `command` is measuring.
pub(super) fn note(quiet: bool, command: &str, what: &str) {
    if !quiet {
        // When stderr is closed there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{command}: {what}");
    }
}

/// Refuses to measure in a debug build.
pub(super) fn refuse_debug(command: &str) -> Result<()> {
    if cfg!(debug_assertions) {
        let help = format!("build with --release: `cargo run --release -- {command}`");
        return Err(Error::config(command, "this is a debug build, whose times mean nothing", help));
    }
    Ok(())
}

/// The plan of `config` without a target, for `most` updates, or as many as can be counted.
pub(super) fn runnable(config: &Config, gpu: &Gpu, most: u64) -> Result<Plan> {
    let counted_in_update = u64::from(config.steps).max(u64::from(config.epochs) * u64::from(config.minibatches));
    let updates = (u64::from(u32::MAX) / counted_in_update).min(most);
    let batch = u64::from(config.envs) * u64::from(config.steps);
    let config = Config { target_return: None, total_steps: updates * batch, ..config.clone() };
    tunings::settled(&config, Environment::named(&config.env)?, gpu).map(|(plan, _)| plan)
}
