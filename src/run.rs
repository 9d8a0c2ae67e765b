//! A training run as a person starts it: device, directory, progress, metrics, summary.

mod directory;
mod summary;

pub use directory::Directory;
pub use summary::{AgentSummary, DeviceSummary, Divergence, Summary, driver};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::metrics::{JsonLines, Row};
use crate::plan::{Plan, WINDOW};
use crate::progress::{Progress, State};
use crate::trainer::Trainer;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What a run is told besides its configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Directory of the run; a new one below `runs` when absent.
    pub out: Option<PathBuf>,
    /// No progress, no notes.
    pub quiet: bool,
}

/// A run that is over.
pub struct Run {
    /// Where its files are.
    pub directory: PathBuf,
    /// What came of it.
    pub summary: Summary,
    /// [`Error::Diverged`] when a quantity was not finite.
    pub failure: Option<Error>,
}

/// Trains `config` and leaves a directory with `config.toml`, `metrics.jsonl` and `summary.json`. Ctrl-C ends it early, with everything saved.
///
/// # Errors
/// Those of [`Plan::new`], [`Gpu::open`], [`Trainer::new`] and [`Trainer::run`], except that a run that diverges is a [`Run`]; [`Error::Config`]
/// when the directory already holds a run; [`Error::File`] when it cannot be written.
pub fn train(config: &Config, options: &Options) -> Result<Run> {
    let began = Instant::now();
    if let Some(path) = &options.out {
        directory::refuse_existing(path)?;
    }
    let gpu = Gpu::open(&config.backend, &config.adapter)?;
    let plan = Plan::new(config, gpu.profile(&config.profile))?;
    let progress = Progress::new(&plan, options.quiet);
    if gpu.is_software() {
        progress
            .note(&format!("note: {} computes on the CPU: a GPU is many times faster. `ppo-gpu devices` lists the adapters of this machine.", gpu.info.name));
    }
    let device = DeviceSummary::new(&gpu);
    let mut trainer = Trainer::new(gpu, plan)?;
    let startup_seconds = began.elapsed().as_secs_f64();

    let directory = Directory::create(trainer.plan(), options.out.as_deref())?;
    let mut recorder = Recorder::new(trainer.plan(), directory.metrics()?, progress);
    watch_for_interrupts();
    let began = Instant::now();
    let outcome = trainer.run(&mut |rows| recorder.observe(rows));
    let seconds = began.elapsed().as_secs_f64();
    // Rows of a run that failed are kept, whatever it failed of.
    let agents = recorder.finish()?;
    let failure = match outcome {
        Err(error @ Error::Diverged { .. }) => Some(error),
        other => other.map(|()| None)?,
    };

    let times = summary::Times { startup_seconds, seconds };
    let interrupted = INTERRUPTED.load(Ordering::Relaxed);
    let summary = Summary::new(trainer.plan(), device, &agents, &trainer.parameters()?, times, interrupted, failure.as_ref());
    directory.write_summary(&summary)?;
    Ok(Run { directory: directory.path().into(), summary, failure })
}

/// Set by the first Ctrl-C (or request of the system to end).
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From here on the first Ctrl-C ends training after the updates in flight, and the second ends the process at once.
fn watch_for_interrupts() {
    // Fails when it was called before, which is as good, or when the system has no such signals.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(crate::error::exit::INTERRUPTED));
        }
    });
}

/// What is remembered of an agent while it trains.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    /// Its last row.
    pub last: Option<Row>,
    /// Environment steps and seconds at the first update after which it was solved.
    pub solved_at: Option<(u64, f64)>,
}

/// Whether the row's mean return is that of a full window and as high as `solved_return`.
fn is_solved(row: &Row, solved_return: Option<f32>) -> bool {
    row.window >= WINDOW && row.mean_return.zip(solved_return).is_some_and(|(value, solved)| value >= solved)
}

/// Takes rows as they come: keeps them, shows them, remembers what the summary needs.
struct Recorder {
    agents: Vec<Memory>,
    solved_return: Option<f32>,
    lines: JsonLines,
    progress: Progress,
    /// The first failure to keep a row; it ends the run.
    failure: Option<Error>,
    said_that_it_stops: bool,
}

impl Recorder {
    fn new(plan: &Plan, lines: JsonLines, progress: Progress) -> Recorder {
        let agents = vec![Memory::default(); plan.agents];
        Recorder { agents, solved_return: plan.environment.solved_return, lines, progress, failure: None, said_that_it_stops: false }
    }

    fn observe(&mut self, rows: &[Row]) -> ControlFlow<()> {
        for row in rows.iter().filter(|row| !row.was_stopped) {
            if let Err(error) = self.lines.push(row) {
                self.failure.get_or_insert(error);
            }
            let memory = &mut self.agents[row.agent as usize];
            if memory.solved_at.is_none() && is_solved(row, self.solved_return) {
                memory.solved_at = Some((row.env_steps, row.seconds));
            }
            memory.last = Some(row.clone());
        }
        if let Some(state) = self.state(rows) {
            self.progress.show(&state);
        }
        let interrupted = INTERRUPTED.load(Ordering::Relaxed);
        if interrupted && !std::mem::replace(&mut self.said_that_it_stops, true) {
            self.progress.note("stopping after the updates in flight; Ctrl-C again ends at once, without a summary");
        }
        if interrupted || self.failure.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// How far the run has come; agents that have stopped count with their last mean return.
    fn state(&self, rows: &[Row]) -> Option<State> {
        let row = rows.iter().find(|row| !row.was_stopped)?;
        Some(State {
            updates: row.update,
            env_steps: row.env_steps,
            sps: row.sps,
            mean_return: summary::mean(self.agents.iter().filter_map(|memory| memory.last.as_ref()?.mean_return)),
            seconds: row.seconds,
        })
    }

    /// Writes what is kept back.
    fn finish(mut self) -> Result<Vec<Memory>> {
        self.lines.flush()?;
        match self.failure.take() {
            Some(error) => Err(error),
            None => {
                self.progress.finish();
                Ok(self.agents)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::RawRow;
    use crate::plan::Profile;
    use bytemuck::Zeroable;

    fn plan() -> Plan {
        Plan::new(&Config { agents: 2, ..Config::default() }, Profile::named("gpu").expect("a profile")).expect("the defaults fit together")
    }

    fn row(plan: &Plan, agent: u32, update: u32, mean_return: f32, window: u32, stopped: u32) -> Row {
        Row::from_raw(&RawRow { update, mean_return, window, stopped, fault: u32::MAX, ..RawRow::zeroed() }, agent, plan, f64::from(update), 1.0)
    }

    #[test]
    fn recorder_keeps_rows_until_an_agent_stops_and_remembers_when_it_was_solved() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let plan = plan();
        let directory = Directory::create(&plan, Some(home.path())).expect("a directory");
        let mut recorder = Recorder::new(&plan, directory.metrics().expect("a file"), Progress::new(&plan, true));
        for (update, returns, windows, stopped) in
            [(1, [500.0, 20.0], [99, 100], [0, 0]), (2, [475.0, 30.0], [100, 100], [2, 0]), (3, [1.0, 40.0], [100, 100], [1, 0])]
        {
            let rows = [0, 1].map(|s| row(&plan, s as u32, update, returns[s], windows[s], stopped[s]));
            assert_eq!(recorder.observe(&rows), ControlFlow::Continue(()));
        }
        let state = recorder.state(&[row(&plan, 0, 3, 1.0, 100, 1), row(&plan, 1, 3, 40.0, 100, 0)]).expect("agent 1 still learns");
        assert_eq!((state.updates, state.mean_return), (3, Some((475.0 + 40.0) / 2.0)));
        let agents = recorder.finish().expect("rows are kept");
        assert_eq!(agents[0].solved_at, Some((2 * plan.batch as u64, 2.0)));
        assert_eq!(agents[1].solved_at, None);
        assert_eq!(agents[0].last.as_ref().map(|row| row.update), Some(2));
        let text = std::fs::read_to_string(home.path().join("metrics.jsonl")).expect("metrics.jsonl");
        assert_eq!(text.lines().count(), 5);
    }
}
