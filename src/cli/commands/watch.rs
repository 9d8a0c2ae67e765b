//! `ppo-gpu watch`.

use crate::cli::arguments::{Playing, whole};
use crate::cli::call::{Call, Flags, Perform};
use crate::cli::watch::{WatchOptions, watch};
use crate::run::checkpoints::Which;
use crate::spec::config::Key;
use crate::support::error::{Result, exit};

/// Show an agent at play in the terminal; if its run is still training, with its latest checkpoint.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Watch {
    #[command(flatten)]
    playing: Playing,
    /// Initial speed, in steps per second.
    #[arg(long, value_name = "N", default_value = "30", value_parser = whole(1, u32::MAX), allow_negative_numbers = true)]
    fps: u32,
    /// End after N steps.
    #[arg(long, value_name = "N", value_parser = whole(1, u32::MAX), allow_negative_numbers = true)]
    most_steps: Option<u32>,
}

const EXAMPLES: &str = "\
Examples:
  ppo-gpu watch runs/a                          what agent 0 has learned, also while it trains
  ppo-gpu watch runs/a --agent 3 --fps 10       another agent, slowly
  ppo-gpu watch --env MinAtar/Breakout-v1       an agent that has learned nothing
Keys: space pauses, s makes one step, + and - change the speed, left and right the agent, q quits.";

impl Perform for Watch {
    fn takes(_: Option<&str>) -> Flags {
        // Without a run it plays the configured environment.
        [Key::names(|key| key.playable), vec!["env", "agents", "hidden", "activation", "config", "set"]].concat()
    }

    fn perform(self, call: &Call) -> Result<u8> {
        let (player, saved, checkpoint, agents) = self.playing.player(&call.shared)?;
        // Newer checkpoints matter only when watching the latest one.
        let mut newer = |updates: u32| match &saved {
            Some(saved) if self.playing.from == Which::Latest => saved.newer(updates),
            _ => Ok(None),
        };
        let options = WatchOptions { agent: self.playing.agent(), fps: self.fps, most_steps: self.most_steps.map(u64::from) };
        watch(player, checkpoint, agents, &mut newer, &options).map(|()| exit::DONE)
    }
}
