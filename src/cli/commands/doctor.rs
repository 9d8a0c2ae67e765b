//! `ppo-gpu doctor`.

use crate::cli::arguments::seconds;
use crate::cli::call::{Call, Flags, Perform, print};
use crate::cli::doctor::{DoctorOptions, examine};
use crate::support::error::{Result, exit};
use std::time::Duration;

/// Check that this machine can train: every adapter, its kernels, and a short training run.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Doctor {
    /// Time to train for on each adapter.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds, allow_negative_numbers = true)]
    seconds: Duration,
}

const EXAMPLES: &str = "\
Examples:
  ppo-gpu doctor                      every adapter
  ppo-gpu doctor --adapter llvmpipe   one of them
  ppo-gpu doctor --json               for a bug report";

impl Perform for Doctor {
    fn takes(_: Option<&str>) -> Flags {
        vec!["backend", "adapter", "profile", "config", "set", "json", "quiet"]
    }

    fn perform(self, call: &Call) -> Result<u8> {
        let options = DoctorOptions { training: self.seconds, quiet: call.shared.quiet };
        let report = examine(&call.shared.config()?, &options)?;
        print(&if call.shared.json { report.to_json() + "\n" } else { report.to_text() })?;
        Ok(if report.good { exit::DONE } else { exit::FAILED })
    }
}
