//! Arguments shared by several commands.

use crate::cli::shared::Shared;
use crate::device::gpu::Gpu;
use crate::play::player::{Player, PlayerOptions};
use crate::run::checkpoints::Which;
use crate::run::session::Saved;
use crate::spec::environment::Environment;
use crate::support::error::{Error, Result};
use crate::support::text::typed;
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
    #[arg(long, value_name = "WHICH", default_value = "latest", allow_negative_numbers = true)]
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
    #[arg(long, value_name = "WHICH", default_value = "latest", allow_negative_numbers = true)]
    pub(super) from: Which,
    #[arg(long, help = "Agent that plays [default: 0]", value_parser = agent, allow_negative_numbers = true)]
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

/// A parser of whole numbers, which may be written as 1e6.
pub(super) fn whole(least: u32, most: u32) -> impl Fn(&str) -> std::result::Result<u32, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = in_range(text, least.into(), most.into())?;
        if number.fract() == 0.0 { Ok(number as u32) } else { Err(format!("not a whole number; nearest that works: {}", number.round())) }
    }
}

/// The index of an agent. Whether there is one of that index, its run knows.
pub(super) fn agent(text: &str) -> std::result::Result<usize, String> {
    whole(0, u32::MAX)(text).map(|agent| agent as usize).map_err(|_| "agents have whole numbers, the first one 0".into())
}

/// A time to spend on a measurement, in seconds.
pub(super) fn seconds(text: &str) -> std::result::Result<Duration, String> {
    /// An hour: nothing that is measured becomes more precise by more.
    const MOST: f64 = 3600.0;
    in_range(text, 0.0, MOST).map(Duration::from_secs_f64)
}

fn in_range(text: &str, least: f64, most: f64) -> std::result::Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        Ok(number) if !number.is_nan() => {
            let near = number.round().clamp(least, most);
            Err(format!("out of range ({} to {}); nearest that works: {}", typed(least), typed(most), typed(near)))
        }
        _ => Err(format!("not a number; one from {} to {} works", typed(least), typed(most))),
    }
}
