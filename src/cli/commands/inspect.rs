//! `ppo-gpu inspect`: a group of commands.

use crate::cli::call::{Call, Flags, Perform, print};
use crate::cli::inspect::topics::{Topic, show};
use crate::cli::shared::every_key;
use crate::support::error::{Result, exit};

/// Show the parts of a run without starting it; takes the flags of a run.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = false)]
pub(in crate::cli) struct Inspect {
    #[command(subcommand)]
    pub(in crate::cli) topic: Topic,
}

impl Perform for Inspect {
    fn takes(_: Option<&str>) -> Flags {
        [every_key(), vec!["config", "set", "quiet"]].concat()
    }

    fn perform(self, call: &Call) -> Result<u8> {
        print(&show(&call.shared.config()?, &self.topic, call.shared.quiet)?).map(|()| exit::DONE)
    }
}
