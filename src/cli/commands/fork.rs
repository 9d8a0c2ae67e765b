//! `ppo-gpu fork`.

use crate::cli::arguments::{SavedRun, agent};
use crate::cli::call::{Call, Flags, Perform};
use crate::cli::commands::train::conclude;
use crate::cli::shared::every_key;
use crate::run::session;
use crate::support::error::Result;

/// Start a new run from the agents of another run, with other settings.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Fork {
    #[command(flatten)]
    saved: SavedRun,
    /// Start all agents from this one.
    #[arg(long, value_parser = agent, allow_negative_numbers = true)]
    agent: Option<usize>,
}

const EXAMPLES: &str = "\
Examples:
  ppo-gpu fork runs/a --lr 1e-4 --seed 7                   the same task, other settings
  ppo-gpu fork runs/a --from best --agent 3 --agents 16    sixteen agents that start from agent 3";

impl Perform for Fork {
    fn takes(_: Option<&str>) -> Flags {
        [every_key(), vec!["set", "out", "json", "quiet", "tui"]].concat()
    }

    fn perform(self, call: &Call) -> Result<u8> {
        let (shared, saved) = (&call.shared, &self.saved);
        let run = session::fork(&saved.run, saved.from, self.agent, &shared.written()?, shared.out.as_deref(), shared.observers())?;
        conclude(run, shared.json)
    }
}
