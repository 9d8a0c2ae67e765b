//! `ppo-gpu bench`.

use crate::bench::report::{self, BenchOptions};
use crate::bench::sweep::Sweep;
use crate::cli::arguments::seconds;
use crate::cli::call::{Call, Flags, Perform, print};
use crate::cli::shared::every_key;
use crate::support::error::{Result, exit};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::time::Duration;

/// Time kernels, start-up and whole updates against the device's own peaks; takes the flags of a run.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Bench {
    /// Vary one of these, and print a table.
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(Sweep::NAMES).map(|name| Sweep::named(&name).expect("a known name")))]
    sweep: Option<Sweep>,
    /// Time to spend on each figure.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds, allow_negative_numbers = true)]
    seconds: Duration,
}

const EXAMPLES: &str = "\
Examples:
  ppo-gpu bench --envs 4096 --steps 128         each kernel against the device's own peaks
  ppo-gpu bench --sweep envs --seconds 0.5      speed and memory over the number of environments";

impl Perform for Bench {
    fn takes(_: Option<&str>) -> Flags {
        [every_key(), vec!["config", "set", "json", "quiet"]].concat()
    }

    fn perform(self, call: &Call) -> Result<u8> {
        let options = BenchOptions { sweep: self.sweep, budget: self.seconds, quiet: call.shared.quiet };
        let report = report::run(&call.shared.config()?, &options)?;
        print(&if call.shared.json { report.to_json() + "\n" } else { report.to_text() }).map(|()| exit::DONE)
    }
}
