//! `ppo-gpu eval`.

use crate::cli::arguments::{SavedRun, agent, checkpoint, whole};
use crate::cli::call::{Call, Flags, Perform, print};
use crate::device::gpu::Gpu;
use crate::play::eval::{EvalOptions, evaluate};
use crate::run::session::Saved;
use crate::spec::config::Key;
use crate::support::error::{Result, exit};

/// Play episodes with the policy of a run, and report its returns.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Eval {
    #[command(flatten)]
    saved: SavedRun,
    /// Evaluate this one only.
    #[arg(long, value_parser = agent, allow_negative_numbers = true)]
    agent: Option<usize>,
    /// Episodes of each agent.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = whole(1, u32::MAX), allow_negative_numbers = true)]
    episodes: u32,
    /// Give up an episode after N steps.
    #[arg(long, value_name = "N", default_value = "100000", value_parser = whole(1, u32::MAX), allow_negative_numbers = true)]
    most_steps: u32,
    /// Take the most probable action instead of a random one.
    #[arg(long)]
    deterministic: bool,
}

const EXAMPLES: &str = "\
Examples:
  ppo-gpu eval runs/a                                      every agent, as it played in training
  ppo-gpu eval runs/a --deterministic --from best --json   for a table of results
  ppo-gpu eval runs/a --set env_parameters.gravity=3.7     on another planet";

impl Perform for Eval {
    fn takes(_: Option<&str>) -> Flags {
        [Key::names(|key| key.playable), vec!["set", "json", "quiet"]].concat()
    }

    fn perform(self, call: &Call) -> Result<u8> {
        let saved = Saved::open(&self.saved.run)?;
        let config = saved.changed_for_playing(&call.shared.written()?)?;
        let Eval { agent, episodes, most_steps, deterministic, .. } = self;
        let options = EvalOptions { episodes, deterministic, agent, most_steps, quiet: call.shared.quiet };
        let checkpoint = checkpoint(&saved, self.saved.from, call.shared.quiet)?;
        let gpu = Gpu::open(&config.backend, &config.adapter)?;
        let evaluation = evaluate(&gpu, &config, &saved.environment, &checkpoint, &options)?;
        print(&if call.shared.json { evaluation.to_json() + "\n" } else { evaluation.to_text() })?;
        // The results of the other agents are printed even if one had to stop.
        evaluation.failure().map_or(Ok(exit::DONE), Err)
    }
}
