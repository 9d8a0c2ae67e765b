//! Arguments shared by several commands.

use crate::cli::shared::Shared;
use crate::device::gpu::Gpu;
use crate::play::player::{Player, PlayerOptions};
use crate::run::checkpoints::Which;
use crate::run::session::Saved;
use crate::spec::environment::Environment;
use crate::support::error::{Error, Result};
use crate::train::checkpoint::Checkpoint;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// A checkpoint of a run.
#[derive(Debug, clap::Args)]
pub(super) struct SavedRun {
    /// The directory of a run.
    pub(super) run: PathBuf,
    /// Which checkpoint: latest, best (by mean return), or the number of an update.
    #[arg(long, value_name = "WHICH", default_value = "latest")]
    pub(super) from: Which,
}

/// A checkpoint of a run. If later ones are missing, a note on stderr says so, unless `quiet`.
pub(super) fn checkpoint(saved: &Saved, from: Which, quiet: bool) -> Result<Checkpoint> {
    let checkpoint = saved.checkpoint(from)?;
    if let Some(note) = saved.missing_later(from, &checkpoint).filter(|_| !quiet) {
        // Nothing more can be reported if stderr is closed.
        let _ = writeln!(std::io::stderr(), "{note}");
    }
    Ok(checkpoint)
}

/// The run and the agent that play.
#[derive(Debug, clap::Args)]
pub(super) struct Playing {
    /// The directory of a run; without one, agents that have learned nothing play what --env says.
    run: Option<PathBuf>,
    /// Which checkpoint: latest, best (by mean return), or the number of an update.
    #[arg(long, value_name = "WHICH", default_value = "latest")]
    pub(super) from: Which,
    #[arg(long, help = "Agent that plays [default: 0]")]
    agent: Option<usize>,
    /// Take the most probable action instead of a random one.
    #[arg(long)]
    deterministic: bool,
    /// Forget what was learned.
    #[arg(long)]
    untrained: bool,
}

impl Playing {
    /// The agent that plays.
    pub(super) fn agent(&self) -> usize {
        self.agent.unwrap_or(0)
    }

    /// One environment in which the agent plays; its run, what it has learned, and how many agents there are.
    pub(super) fn player(&self, shared: &Shared) -> Result<(Player, Option<Saved>, Option<Checkpoint>, usize)> {
        let saved = self.run.as_deref().map(Saved::open).transpose()?;
        let (config, environment) = match &saved {
            Some(saved) => (saved.changed_for_playing(&shared.written()?)?, saved.environment.clone()),
            None => {
                let config = shared.config()?;
                let environment = Environment::named(&config.env)?;
                (config, environment)
            }
        };
        let agents = config.agents as usize;
        if self.agent() >= agents {
            return Err(Error::no_agent(self.agent(), agents));
        }
        let checkpoint = saved.as_ref().filter(|_| !self.untrained).map(|saved| checkpoint(saved, self.from, shared.quiet)).transpose()?;
        let gpu = Gpu::open(&config.backend, &config.adapter)?;
        let options = PlayerOptions { agents: vec![self.agent()], envs: 1, steps: 1, seed: config.seed, deterministic: self.deterministic };
        Ok((Player::new(&gpu, &config, &environment, checkpoint.as_ref(), &options)?, saved, checkpoint, agents))
    }
}

/// A whole number, which may be written as 1e6.
pub(super) fn count(text: &str) -> std::result::Result<u32, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_string())?;
    let most = f64::from(u32::MAX);
    match number {
        _ if number.is_nan() => Err("not a number".into()),
        _ if number.fract() == 0.0 && (0.0..=most).contains(&number) => Ok(number as u32),
        _ => Err(format!("nearest that works: {}", number.round().clamp(1.0, most))),
    }
}

/// A time to spend, in seconds.
pub(super) fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
