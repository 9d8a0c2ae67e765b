//! `ppo-gpu resume`.

use crate::cli::arguments::SavedRun;
use crate::cli::call::{Call, Flags, Perform};
use crate::cli::commands::train::conclude;
use crate::run::session;
use crate::spec::config::Key;
use crate::support::error::Result;

/// Resume an interrupted run, bit-identical to an uninterrupted one; --total-steps makes it longer.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Resume {
    #[command(flatten)]
    saved: SavedRun,
}

const EXAMPLES: &str = "\
Examples:
  ppo-gpu resume runs/a                         continue from the last checkpoint
  ppo-gpu resume runs/a --total-steps 20e6      train for longer
  ppo-gpu resume runs/a --from 300              continue from the checkpoint after update 300, and remove later ones";

impl Perform for Resume {
    fn takes(_: Option<&str>) -> Flags {
        [Key::names(|key| key.resumable), vec!["set", "json", "quiet", "tui"]].concat()
    }

    fn perform(self, call: &Call) -> Result<u8> {
        let shared = &call.shared;
        conclude(session::resume(&self.saved.run, self.saved.from, &shared.written()?, shared.observers())?, shared.json)
    }
}
