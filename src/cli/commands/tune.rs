//! `ppo-gpu tune`.

use crate::bench::tune::{self, TuneOptions};
use crate::cli::arguments::seconds;
use crate::cli::call::{Call, Flags, Perform, print};
use crate::cli::shared::every_key;
use crate::support::error::{Result, exit};
use std::time::Duration;

/// Find the fastest sizes of kernels for this device and these flags of a run, and remember them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Tune {
    /// Time to spend on each figure.
    #[arg(long, value_name = "SECONDS", default_value = "0.1", value_parser = seconds, allow_negative_numbers = true)]
    seconds: Duration,
}

const EXAMPLES: &str = "\
Examples:
  ppo-gpu tune --envs 4096             measure, compare with the reference, remember
  ppo-gpu --envs 4096                  trains with the sizes that were found
  ppo-gpu --envs 4096 --tuning none    trains without them: the bits of a device that was not tuned";

impl Perform for Tune {
    fn takes(_: Option<&str>) -> Flags {
        let keys = every_key().into_iter().filter(|&key| key != "tuning").collect();
        [keys, vec!["config", "set", "json", "quiet"]].concat()
    }

    fn perform(self, call: &Call) -> Result<u8> {
        let options = TuneOptions { budget: self.seconds, quiet: call.shared.quiet };
        let tuned = tune::run(&call.shared.config()?, &options)?;
        print(&if call.shared.json { tuned.to_json() + "\n" } else { tuned.to_text() }).map(|()| exit::DONE)
    }
}
