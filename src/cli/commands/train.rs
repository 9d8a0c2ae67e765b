//! `ppo-gpu` without a command: trains.

use crate::cli::call::{Call, print};
use crate::run::session::{self, Run};
use crate::support::error::{Result, exit};

/// Trains with the configuration of the flags.
pub(in crate::cli) fn train(call: &Call) -> Result<u8> {
    let shared = &call.shared;
    conclude(session::train(&shared.config()?, shared.out.as_deref(), shared.observers())?, shared.json)
}

/// Prints the summary of a run.
pub(super) fn conclude(run: Run, json: bool) -> Result<u8> {
    print(&if json { run.summary.to_json() + "\n" } else { run.summary.to_text(&run.directory) })?;
    // The summary of a run that diverged is printed like any other.
    run.failure.map_or(Ok(if run.summary.interrupted { exit::INTERRUPTED } else { exit::DONE }), Err)
}
