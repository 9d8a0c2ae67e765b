//! Starting, resuming and forking a run, with its device, directory, progress, metrics, checkpoints and summary.

use crate::device::gpu::Gpu;
use crate::program::lanes::Mapping;
use crate::program::plan::Plan;
use crate::program::profile::{PROFILES, Profile};
use crate::run::appear::refuse_existing;
use crate::run::checkpoints::{self, Which, Writer};
use crate::run::device::DeviceSummary;
use crate::run::directory::Directory;
use crate::run::display::{Display, Observers, State};
use crate::run::manifest::{Manifest, Origin, Rollback};
use crate::run::rows::{JsonLines, Recorded, Sink};
use crate::run::summary::{self, Memory, Summary, is_solved};
#[cfg(feature = "tensorboard")]
use crate::run::tensorboard::TensorBoard;
use crate::run::tunings;
use crate::spec::config::{Config, Key, OnDivergence, PerAgent, Setting};
use crate::spec::environment::Environment;
use crate::spec::metrics::Row;
use crate::spec::records::Agent;
use crate::spec::tuning::{AUTO, NONE};
use crate::support::error::{Error, Result};
use crate::support::fault::{self, Divergence};
use crate::support::statistics::mean;
use crate::support::text::plural;
use crate::train::checkpoint::Checkpoint;
use crate::train::trainer::{Saving, Trainer, Update};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A finished run.
pub struct Run {
    /// Its directory.
    pub directory: PathBuf,
    /// Its summary.
    pub summary: Summary,
    /// [`Error::Diverged`] when a quantity was not finite.
    pub failure: Option<Error>,
}

/// Trains `config` and leaves a directory that holds all of the run (see [`Directory`]): `out`, or a new one below `runs`. Signals are the caller's: a
/// [`Display`] whose [`Display::is_ended`] answers for them ends the run early, with everything saved.
///
/// # Errors
/// Those of [`Plan::new`], [`Gpu::open`], [`Trainer::new`] and [`Trainer::run`], except that a run that diverges is a [`Run`]; [`Error::Config`]
/// when the directory already holds a run; [`Error::File`] when it cannot be written.
pub fn train(config: &Config, out: Option<&Path>, observers: Observers) -> Result<Run> {
    if let Some(path) = out {
        refuse_existing(path)?;
    }
    let environment = Environment::named(&config.env)?;
    environment.check_reads(config)?;
    Prepared::new(config, environment, observers)?.begin(None, out)
}

/// Resumes the run in a directory from one of its checkpoints. The result is bit-identical to an uninterrupted run. `changes` may hold
/// resumable keys ([`Key::resumable`]); another `total_steps` changes annealed quantities from here on.
///
/// # Errors
/// Those of [`train`] and [`Saved::open`]; [`Error::Config`] for other keys, and when the run has already made more updates than requested;
/// [`Error::Checkpoint`] when the checkpoint cannot be used.
pub fn resume(path: &Path, which: Which, changes: &toml::Table, observers: Observers) -> Result<Run> {
    // Locked before it is read, so that no other process can be writing it.
    let mut directory = Directory::open(path)?;
    directory.lock()?;
    let mut saved = Saved::of(directory)?;
    if let Some(key) = changes.keys().find(|key| Key::named(key).is_none_or(|key| !key.resumable)) {
        let help = format!("a resumed run keeps its own; to start a new run from here: ppo-gpu fork {} --set {key}=...", path.display());
        return Err(Error::config(key, "a resumed run cannot change this", help));
    }
    let mut config = saved.changed(changes)?;
    if config.tuning == AUTO && !changes.contains_key("tuning") {
        // A run of an earlier version, which began with the program's own sizes.
        config.tuning = NONE.into();
    }
    // Refuse what can be refused before opening a device, and before changing any file. A run that was interrupted before its first checkpoint
    // starts again.
    let begins_again = which == Which::Latest && checkpoints::list(&saved.directory.checkpoints())?.is_empty();
    if begins_again && saved.directory.is_complete() {
        let problem = "the run is complete, but its checkpoints are missing".to_string();
        let help = format!("put them back; to train it anew in another directory: ppo-gpu --config {}", path.join("config.toml").display());
        return Err(Error::Checkpoint { path: saved.directory.checkpoints(), problem, help });
    }
    let checkpoint = if begins_again { None } else { Some(saved.checkpoint(which)?) };
    if let Some(checkpoint) = &checkpoint {
        let (plan, path) = (Plan::with_environment(&config, saved.environment.clone(), PROFILES[0])?, saved.directory.checkpoints());
        checkpoint.must_be_of(&plan).map_err(|problem| Error::Checkpoint { path, problem, help: "put back the run's own checkpoints".into() })?;
        if checkpoint.updates > plan.updates {
            let problem = format!("the run has made {} steps already", u64::from(checkpoint.updates) * plan.env_steps_per_update());
            return Err(Error::config("total_steps", problem, "give more, or an earlier checkpoint by --from"));
        }
    }
    let note = checkpoint.as_ref().and_then(|checkpoint| saved.missing_later(which, checkpoint));
    let recorded = Recorded::read(&saved.directory.metrics())?;
    let mut prepared = Prepared::new(&config, saved.environment, observers)?;
    if let Some(checkpoint) = &checkpoint {
        if let Some(note) = note {
            prepared.observers.display.note(&note);
        }
        prepared.trainer.restore(checkpoint);
        // A checkpoint from before a rollback has a larger learning rate.
        set_rates(&mut prepared.trainer, &config.lr, &saved.manifest.rollbacks, checkpoint.updates)?;
        let updates = checkpoint.updates;
        if checkpoint.agents().iter().all(Agent::has_stopped) {
            prepared
                .observers
                .display
                .note("note: every agent has stopped: nothing is left to train. `ppo-gpu fork` starts a new run from what they have learned.");
        }
        if updates == prepared.trainer.plan().updates {
            prepared.observers.display.note("note: the run has made all its steps: nothing is left to train. `--total-steps` makes it longer.");
        }
        // A row for each update up to the one in which the agent stopped.
        let wanted: u64 = checkpoint.agents().iter().map(|agent| u64::from(agent.update)).sum();
        let found = recorded.rows().filter(|row| row.update <= updates).count() as u64;
        if found < wanted {
            let missing = wanted - found;
            prepared
                .observers
                .display
                .note(&format!("note: metrics.jsonl lacks {missing} of the {wanted} rows up to update {updates}: curves will have gaps."));
        }
    }
    let updates = prepared.trainer.updates();
    // Later checkpoints belong to the part of the run that is being replaced.
    let digests = saved.manifest.digests(&saved.config);
    checkpoints::forget_after(&saved.directory.checkpoints(), updates, prepared.trainer.plan(), &digests)?;
    saved.manifest.add_session(prepared.trainer.plan(), &prepared.device, updates);
    saved.directory.write_run(&mut saved.manifest, &config)?;
    prepared.finish(saved.directory, saved.manifest, recorded)
}

/// Starts a new run from the agents of the run at `path`: their parameters, Adam's moments and normalisers. Everything else starts
/// anew. With `agent`, all agents start from that one. Sizes of kernels stay if the plan of the new run is one that they were chosen for.
///
/// # Errors
/// Those of [`train`] and [`Saved::open`]; [`Error::Config`] when the networks or the number of agents differ; [`Error::Checkpoint`] when the checkpoint
/// cannot be used.
pub fn fork(path: &Path, which: Which, agent: Option<usize>, changes: &toml::Table, out: Option<&Path>, observers: Observers) -> Result<Run> {
    if let Some(path) = out {
        refuse_existing(path)?;
    }
    let saved = Saved::open(path)?;
    let mut config = saved.changed(changes)?;
    let environment = if changes.contains_key("env") { Environment::named(&config.env)? } else { saved.environment.clone() };
    // Refuse what can be refused before opening a device. Nothing that is compared depends on the profile.
    let parent = Plan::with_environment(&saved.config, saved.environment.clone(), PROFILES[0])?;
    let child = Plan::with_environment(&config, environment.clone(), PROFILES[0])?;
    fits(&parent, &child, agent)?;
    environment.check_reads(&config)?;
    let checkpoint = saved.checkpoint(which)?;
    // Sizes were chosen, by whomever, for the parent's plan.
    let replaced = !changes.contains_key("tuning") && !tunings::hold_for_both(&parent, &child);
    if replaced {
        config.tuning = AUTO.into();
    }
    let mut prepared = Prepared::new(&config, environment, observers)?;
    if replaced && ![AUTO, NONE].contains(&saved.config.tuning.as_str()) {
        let sizes = &saved.config.tuning;
        prepared.observers.display.note(&format!(
            "note: the run's sizes of kernels ({sizes}) were for other sizes of a run: this one takes those of a new run (--tuning {sizes} keeps them)."
        ));
    }
    if let Some(note) = saved.missing_later(which, &checkpoint) {
        prepared.observers.display.note(&note);
    }
    if config.env_parameters.values().any(Setting::outlasts_episodes) && (agent.is_some() || config.seed != saved.config.seed) {
        prepared
            .observers
            .display
            .note("note: environment parameters that differ between agents or environments are drawn anew, by the seeds of the new run's agents.");
    }
    prepared.trainer.adopt(&checkpoint, agent);
    prepared.begin(Some(Origin { run: path.display().to_string(), updates: checkpoint.updates, agent }), out)
}

/// Checks that agents of `child` can start from agents of `parent`.
fn fits(parent: &Plan, child: &Plan, agent: Option<usize>) -> Result<()> {
    let of = |plan: &Plan| {
        let Plan { config, environment, .. } = plan;
        [
            ("hidden", format!("{:?}", config.hidden)),
            ("activation", format!("{:?}", config.activation).to_lowercase()),
            ("observation_history", config.observation_history.to_string()),
            ("the observation", plural(environment.observation, "component", "components")),
            ("the privileged part of the observation", plural(environment.privileged, "component", "components")),
            ("the action", environment.actions.describe()),
            ("actions", format!("{:?}", config.actions).to_lowercase()),
            ("normalize_observations", config.normalize_observations.to_string()),
            ("normalize_rewards", config.normalize_rewards.to_string()),
            ("normalize_values", config.normalize_values.to_string()),
        ]
    };
    for ((key, new), (_, old)) in of(child).into_iter().zip(of(parent)) {
        if new != old {
            return Err(Error::config("fork", format!("the networks cannot go on: {key} was {old}, and is {new} in the new run"), format!("keep {key}")));
        }
    }
    match agent {
        Some(agent) if agent >= parent.agents => Err(Error::no_agent(agent, parent.agents)),
        None if parent.agents != child.agents => {
            let problem = format!("the run has {} agents, and the new one {}", parent.agents, child.agents);
            Err(Error::config("agents", problem, "keep their number, or start all from one of them: --agent 0"))
        }
        _ => Ok(()),
    }
}

/// Width of a hidden layer, and number of layers, from which Mesa's software driver needs more than a quarter of a minute to compile the kernels.
const SLOW_TO_COMPILE: (u32, usize) = (512, 3);

/// Why a software driver is given kernels that are made for GPUs.
fn made_for_gpus(plan: &Plan) -> &'static str {
    if plan.profile.name == "software" {
        "the kernels for software drivers want Vulkan, and hidden layers of up to 128,128"
    } else if Profile::named(&plan.config.profile).is_some() {
        "these kernels are made for GPUs; `--profile auto` selects those for the device"
    } else {
        "the kernels for software drivers are made for Mesa's llvmpipe; this driver gets those for GPUs"
    }
}

/// Bytes of an environment's code from which software drivers compile its kernels for a quarter of a minute or more.
const LONG_CODE: usize = 400_000;

/// The note, for software drivers, that an environment's code is long.
pub fn slow_environment(environment: &Environment) -> Option<String> {
    let slow = environment.source.len() > LONG_CODE;
    slow.then(|| {
        "note: software drivers compile so long a robot's kernels for a quarter of a minute or more. Later starts find them in the driver's cache.".into()
    })
}

/// A trainer that has not started yet, with its device and display.
struct Prepared {
    trainer: Trainer,
    device: DeviceSummary,
    observers: Observers,
    /// When the work on it began.
    began: Instant,
}

impl Prepared {
    fn new(config: &Config, environment: Environment, mut observers: Observers) -> Result<Prepared> {
        let began = Instant::now();
        let gpu = Gpu::open(&config.backend, &config.adapter)?;
        let (plan, about_sizes) = tunings::settled(config, environment, &gpu)?;
        let display = &mut observers.display;
        display.prepare(&plan);
        if let Some(about) = about_sizes {
            display.note(&format!("note: {about}."));
        }
        if gpu.is_software() {
            let name = &gpu.info.name;
            display.note(&format!("note: {name} computes on the CPU: a GPU is many times faster. `ppo-gpu devices` lists the adapters of this machine."));
            if plan.mapping != Mapping::Units {
                display.note(&format!("note: this will be slow: {}.", made_for_gpus(&plan)));
            }
            if let Some(text) = slow_environment(&plan.environment) {
                display.note(&text);
            }
            let (wide, deep) = SLOW_TO_COMPILE;
            if plan.config.hidden.len() >= deep || plan.config.hidden.iter().any(|&width| width >= wide) {
                display.note(
                    "note: for hidden layers this wide or this many, software drivers compile kernels for a quarter of a minute or more before the first row.",
                );
            }
        }
        if plan.config.normalize_advantages && !plan.normalizes_advantages() {
            display.note("note: minibatches of one sample: advantages are not normalised, since each would become 0. Fewer minibatches are the usual choice.");
        }
        let device = DeviceSummary::new(&gpu);
        let trainer = Trainer::new(gpu, plan)?;
        display.begin(trainer.plan(), &device, trainer.shares())?;
        Ok(Prepared { trainer, device, observers, began })
    }

    /// Makes a new directory and trains in it.
    fn begin(self, origin: Option<Origin>, out: Option<&Path>) -> Result<Run> {
        let manifest = Manifest::new(self.trainer.plan(), &self.device, origin);
        let directory = Directory::create(self.trainer.plan(), &manifest, out)?;
        self.finish(directory, manifest, Recorded::default())
    }

    /// Trains to the end, or until it is interrupted. `recorded`: the rows that are already in the files.
    fn finish(self, directory: Directory, mut manifest: Manifest, mut recorded: Recorded) -> Result<Run> {
        let Prepared { mut trainer, device, observers, began } = self;
        let startup_seconds = began.elapsed().as_secs_f64();
        let mut recorder = Recorder::new(trainer.plan(), observers);
        let (goes_back, most) = (trainer.plan().config.on_divergence == OnDivergence::Rollback, trainer.plan().config.rollbacks as usize);
        // The state to roll back to if the run diverges before its first checkpoint.
        let beginning = if goes_back { Some(trainer.checkpoint()?) } else { None };
        let failure = loop {
            let left = goes_back && manifest.rollbacks.len() < most;
            trainer.stop_at_divergence(left);
            match (attempt(&mut trainer, &directory, &manifest, &mut recorder, recorded)?, &beginning) {
                (Some(error @ Error::Diverged { .. }), Some(beginning)) if left && !recorder.ended => {
                    if !go_back(&mut trainer, &directory, &mut manifest, &mut recorder, beginning)? {
                        break Some(error);
                    }
                    recorded = Recorded::read(&directory.metrics())?;
                }
                (failure, _) => break failure,
            }
        };
        let interrupted = recorder.ended;
        let agents = recorder.finish();
        let times = summary::Times { startup_seconds, seconds: trainer.seconds() };
        let summary = Summary::new(trainer.plan(), device, &agents, &trainer.parameters()?, times, interrupted, manifest.rollbacks);
        directory.write_summary(&summary)?;
        Ok(Run { directory: directory.path().into(), summary, failure })
    }
}

/// Trains from the trainer's present state until the run is finished, interrupted, or diverges; returns the divergence.
fn attempt(trainer: &mut Trainer, directory: &Directory, manifest: &Manifest, recorder: &mut Recorder, recorded: Recorded) -> Result<Option<Error>> {
    let plan = trainer.plan().clone();
    let (lines, rows) = JsonLines::go_on(&directory.metrics(), recorded, trainer.updates())?;
    #[cfg(feature = "tensorboard")]
    let board = TensorBoard::go_on(&directory.tensorboard(), plan.agents, manifest.started(), &rows)?;
    let mut writer = Writer::new(&directory.checkpoints(), &plan, &manifest.digests(&plan.config), lines.file()?)?;
    let files: Vec<Box<dyn Sink>> = vec![
        Box::new(lines),
        #[cfg(feature = "tensorboard")]
        Box::new(board),
    ];
    recorder.begin(files, &rows);
    let saving = match plan.config.checkpoint_every {
        0 => Saving::Period(CHECKPOINT_PERIOD),
        updates => Saving::Updates(updates),
    };
    // The state that a rollback went back to is saved already, with the learning rates of before.
    let mut saved = manifest.rollbacks.iter().map(|rollback| rollback.to_update).find(|&updates| updates > 0 && updates == trainer.updates());
    let outcome = trainer.run_saving(saving, &mut |Update { rows, checkpoint }| {
        let flow = recorder.observe(&rows);
        if let Some(checkpoint) = checkpoint {
            // A checkpoint is never ahead of the metrics.
            recorder.flush()?;
            saved = Some(checkpoint.updates);
            writer.write(checkpoint)?;
        }
        Ok(flow)
    });
    // Rows of a run that failed are kept, after any kind of failure.
    recorder.end()?;
    let failure = match outcome {
        Err(error @ (Error::Diverged { .. } | Error::Environment { .. })) => Some(error),
        other => other.map(|()| None)?,
    };
    // Also after divergence, since the last parameters are finite; but not before a rollback, when some rows have not been read yet.
    let goes_back = matches!(failure, Some(Error::Diverged { .. })) && trainer.stops_at_divergence();
    if saved != Some(trainer.updates()) && !goes_back {
        writer.write(trainer.checkpoint()?)?;
    }
    writer.finish()?;
    Ok(failure)
}

/// Brings a run that diverged back to its last checkpoint, or to its beginning, with half of the learning rate for the agents that diverged. False if they
/// had already diverged there, so that there is no state to return to.
fn go_back(trainer: &mut Trainer, directory: &Directory, manifest: &mut Manifest, recorder: &mut Recorder, beginning: &Checkpoint) -> Result<bool> {
    let config = trainer.plan().config.clone();
    let checkpoints = directory.checkpoints();
    let last = match checkpoints::list(&checkpoints)?.is_empty() {
        true => beginning.clone(),
        false => checkpoints::read(&checkpoints, Which::Latest, trainer.plan(), &manifest.digests(&config))?,
    };
    let diverged: Vec<Divergence> =
        summary::divergences(&recorder.agents, &trainer.plan().environment).into_iter().filter(|divergence| divergence.update > last.updates).collect();
    // A smaller learning rate does not help against a state without a legal action, or an index out of range.
    if diverged.iter().all(|divergence| [fault::NO_LEGAL_ACTION, fault::DATA].contains(&divergence.fault.kind())) {
        return Ok(false);
    }
    let halved = |s: usize| if diverged.iter().any(|divergence| divergence.agent as usize == s) { config.lr.of(s) / 2.0 } else { config.lr.of(s) };
    let lr = if config.agents == 1 { PerAgent::Same(halved(0)) } else { PerAgent::Each((0..config.agents as usize).map(halved).collect()) };
    for Divergence { agent, update, what, .. } in &diverged {
        let (count, rate) = (manifest.rollbacks.len() + 1, lr.of(*agent as usize));
        let rate = if config.desired_kl.is_some() { "half of its learning rate".into() } else { format!("a learning rate of {rate:e}") };
        recorder
            .display
            .note(&format!("agent {agent} diverged in update {update}: {what}. Back to update {} with {rate} ({count} of {})", last.updates, config.rollbacks));
    }
    let all = |lr: &PerAgent| (0..config.agents as usize).map(|s| lr.of(s)).collect();
    manifest.rollbacks.push(Rollback { to_update: last.updates, diverged, lr_before: all(&config.lr), lr: all(&lr) });
    directory.write_run(manifest, &Config { lr: lr.clone(), ..config })?;
    trainer.restore(&last);
    set_rates(trainer, &lr, &manifest.rollbacks, last.updates)?;
    Ok(true)
}

/// Gives the agents, which are in the state after `updates` updates, the learning rates `lr` of the run's configuration. Rates that adapt to the KL divergence
/// are part of the state: they are halved as often as rollbacks have halved the configuration's since then.
fn set_rates(trainer: &mut Trainer, lr: &PerAgent, rollbacks: &[Rollback], updates: u32) -> Result<()> {
    if !trainer.plan().adapts_rate() || updates == 0 {
        return trainer.set_learning_rates(lr);
    }
    let factors: Vec<f64> = (0..trainer.plan().agents).map(|s| lowered_since(rollbacks, updates, s)).collect();
    trainer.scale_learning_rates(&factors, lr)
}

/// The factor by which rollbacks to the state after `updates` updates, and to later ones, have lowered the learning rate of agent `s`.
fn lowered_since(rollbacks: &[Rollback], updates: u32, s: usize) -> f64 {
    // A rate of 0 stays 0.
    let factor = |rollback: &Rollback| if rollback.lr[s] < rollback.lr_before[s] { rollback.lr[s] / rollback.lr_before[s] } else { 1.0 };
    rollbacks.iter().filter(|rollback| rollback.to_update >= updates).map(factor).product()
}

/// How often a checkpoint is made by default.
const CHECKPOINT_PERIOD: Duration = Duration::from_secs(60);

/// A saved run.
pub struct Saved {
    /// Its directory.
    pub directory: Directory,
    /// Its configuration.
    pub config: Config,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its environment.
    pub environment: Environment,
}

impl Saved {
    /// Reads the directory of a run.
    ///
    /// # Errors
    /// [`Error::Config`] when it holds no run, or one whose files are damaged or were changed; [`Error::Unreadable`] when they cannot be read.
    pub fn open(path: &Path) -> Result<Saved> {
        Saved::of(Directory::open(path)?)
    }

    /// Reads a directory.
    fn of(directory: Directory) -> Result<Saved> {
        let written = Config::from_layers([directory.config_table()?])?;
        let manifest = directory.manifest()?;
        let config = match &manifest.config {
            Some(record) => record.accept(written, directory.path())?,
            // Earlier versions kept only the environment's name.
            None if !written.env.eq_ignore_ascii_case(&manifest.environment.name) => {
                let key = directory.config_path().display().to_string();
                let problem = format!("env is {}, and the run was trained on {}", written.env, manifest.environment.name);
                return Err(Error::config(key, problem, "the file was changed: restore it from a copy"));
            }
            None => written,
        };
        let environment = directory.environment(&manifest)?;
        Ok(Saved { directory, config, manifest, environment })
    }

    /// Its configuration with other values for some keys.
    ///
    /// # Errors
    /// Those of [`Config::from_layers`].
    pub fn changed(&self, changes: &toml::Table) -> Result<Config> {
        let own = toml::Table::try_from(&self.config).expect("every configuration is representable in TOML");
        Config::from_layers([own, changes.clone()])
    }

    /// Its configuration for its agents to play, which may change playable keys ([`Key::playable`]).
    ///
    /// # Errors
    /// [`Error::Config`] for other keys; those of [`Config::from_layers`].
    pub fn changed_for_playing(&self, changes: &toml::Table) -> Result<Config> {
        if let Some(key) = changes.keys().find(|key| Key::named(key).is_none_or(|key| !key.playable)) {
            return Err(Error::config(
                key,
                "this has no effect on agents that do not learn",
                format!("keys that do: {}", Key::names(|key| key.playable).join(", ")),
            ));
        }
        self.changed(changes)
    }

    /// One of its checkpoints.
    ///
    /// # Errors
    /// Those of [`checkpoints::read`].
    pub fn checkpoint(&self, which: Which) -> Result<Checkpoint> {
        // The saved buffers do not depend on the profile.
        let plan = Plan::with_environment(&self.config, self.environment.clone(), PROFILES[0])?;
        checkpoints::read(&self.directory.checkpoints(), which, &plan, &self.manifest.digests(&self.config))
    }

    /// A note on `checkpoint` as the last one, if the run had gone further: the last one of all is then missing.
    pub fn missing_later(&self, which: Which, checkpoint: &Checkpoint) -> Option<String> {
        let batch = u64::from(self.config.envs) * u64::from(self.config.steps);
        let (used, made) = (u64::from(checkpoint.updates), self.directory.completed_env_steps()? / batch);
        if which != Which::Latest || made <= used {
            return None;
        }
        // The summary is that of an earlier session, if a later one has begun to replace the end of the run.
        let recorded = Recorded::read(&self.directory.metrics()).unwrap_or_default();
        let last = recorded.rows().map(|row| u64::from(row.update)).max();
        let note =
            format!("note: summary.json says that this run made {made} updates, but the last checkpoint left is that of update {used}, which is used here.");
        last.is_none_or(|last| last >= made).then_some(note)
    }

    /// Its last checkpoint, if it is after more than `updates` updates.
    ///
    /// # Errors
    /// Those of [`checkpoints::read`].
    pub fn newer(&self, updates: u32) -> Result<Option<Checkpoint>> {
        let all = checkpoints::list(&self.directory.checkpoints())?;
        match all.last() {
            Some((last, _)) if *last > updates => self.checkpoint(Which::Latest).map(Some),
            _ => Ok(None),
        }
    }
}

/// Receives rows: writes them, shows them, and keeps data for the summary.
struct Recorder {
    agents: Vec<Memory>,
    solved_return: Option<f32>,
    sinks: Vec<Box<dyn Sink>>,
    /// The files of the run.
    files: Vec<Box<dyn Sink>>,
    display: Box<dyn Display>,
    /// The first failure to write a row; it ends the run.
    failure: Option<Error>,
    /// Whether a person has asked for an end.
    ended: bool,
}

impl Recorder {
    fn new(plan: &Plan, observers: Observers) -> Recorder {
        let Observers { display, sinks } = observers;
        let agents = vec![Memory::default(); plan.agents];
        Recorder { agents, solved_return: plan.environment.solved_return, sinks, files: Vec::new(), display, failure: None, ended: false }
    }

    /// Starts with `files` that already hold `rows`.
    fn begin(&mut self, files: Vec<Box<dyn Sink>>, rows: &[Row]) {
        self.files = files;
        self.agents.fill(Memory::default());
        rows.iter().for_each(|row| self.remember(row));
    }

    fn remember(&mut self, row: &Row) {
        // A file may hold any values.
        let Some(memory) = self.agents.get_mut(row.agent as usize) else { return };
        if memory.solved_at.is_none() && is_solved(row, self.solved_return) {
            memory.solved_at = Some((row.env_steps, row.seconds));
        }
        memory.last = Some(row.clone());
    }

    fn observe(&mut self, rows: &[Row]) -> ControlFlow<()> {
        for row in rows.iter().filter(|row| !row.was_stopped) {
            for sink in self.sinks.iter_mut().chain(&mut self.files) {
                if let Err(error) = sink.push(row) {
                    self.failure.get_or_insert(error);
                }
            }
            self.remember(row);
        }
        if let Some(state) = self.state(rows) {
            self.display.show(&state);
        }
        // Looked at here alone: an end that is asked for after the last update interrupts nothing.
        if self.display.is_ended() && !std::mem::replace(&mut self.ended, true) {
            self.display.note("stopping after the updates in flight; Ctrl-C again ends at once, without a summary");
        }
        if self.ended || self.failure.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Progress of the run; agents that have stopped count with their last mean return.
    fn state(&self, rows: &[Row]) -> Option<State> {
        let row = rows.iter().find(|row| !row.was_stopped)?;
        Some(State {
            updates: row.update,
            env_steps: row.env_steps,
            sps: row.sps,
            row: Some(row.clone()),
            mean_return: mean(self.agents.iter().filter_map(|memory| memory.last.as_ref()?.mean_return)),
            seconds: row.seconds,
        })
    }

    /// Writes the buffered rows.
    fn flush(&mut self) -> Result<()> {
        self.sinks.iter_mut().chain(&mut self.files).try_for_each(|sink| sink.flush())
    }

    /// Writes the buffered rows, and closes the files.
    ///
    /// # Errors
    /// The first failure to write a row.
    fn end(&mut self) -> Result<()> {
        let flushed = self.flush();
        self.files.clear();
        flushed?;
        self.failure.take().map_or(Ok(()), Err)
    }

    fn finish(mut self) -> Vec<Memory> {
        self.display.finish();
        self.agents
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::records::MetricsRow;
    use bytemuck::Zeroable;

    fn plan() -> Plan {
        Plan::new(&Config { agents: 2, ..Config::default() }, Profile::named("gpu").expect("a profile")).expect("the defaults fit together")
    }

    #[test]
    fn rates_of_a_state_are_lowered_by_the_rollbacks_to_it_and_to_later_ones() {
        let rollback = |to_update, lr_before: [f64; 2], lr: [f64; 2]| Rollback { to_update, diverged: vec![], lr_before: lr_before.into(), lr: lr.into() };
        let rollbacks = [rollback(4, [0.5, 0.0], [0.25, 0.0]), rollback(6, [0.25, 0.0], [0.125, 0.0]), rollback(6, [0.125, 0.0], [0.125, 0.0])];
        let of = |updates| [0, 1].map(|s| lowered_since(&rollbacks, updates, s));
        assert_eq!([of(7), of(6), of(5), of(4), of(3)], [[1.0; 2], [0.5, 1.0], [0.5, 1.0], [0.25, 1.0], [0.25, 1.0]]);
    }

    fn row(plan: &Plan, agent: u32, update: u32, mean_return: f32, window: u32, stopped: u32) -> Row {
        plan.row(&MetricsRow { update, mean_return, window, stopped, fault: u32::MAX, ..MetricsRow::zeroed() }, agent, f64::from(update), 1.0)
    }

    #[test]
    fn slow_kernels_are_put_down_to_what_was_asked_for() {
        let why = |asked: &str, used: &str, hidden: &[u32]| {
            let config = Config { profile: asked.into(), hidden: hidden.to_vec(), ..Config::default() };
            made_for_gpus(&Plan::new(&config, Profile::named(used).expect("a profile")).expect("a plan"))
        };
        assert!(why("gpu", "gpu", &[64, 64]).contains("--profile auto"));
        assert!(why("auto", "gpu", &[64, 64]).contains("llvmpipe"));
        assert!(why("auto", "software", &[256, 256]).contains("up to 128,128"));
    }

    #[test]
    fn recorder_keeps_rows_until_an_agent_stops_and_remembers_when_it_was_solved() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let plan = plan();
        let lines = JsonLines::create(&home.path().join("metrics.jsonl")).expect("a file");
        let mut recorder = Recorder::new(&plan, Observers { sinks: vec![Box::new(lines)], ..Observers::default() });
        for (update, returns, windows, stopped) in
            [(1, [500.0, 20.0], [99, 100], [0, 0]), (2, [475.0, 30.0], [100, 100], [2, 0]), (3, [1.0, 40.0], [100, 100], [1, 0])]
        {
            let rows = [0, 1].map(|s| row(&plan, s as u32, update, returns[s], windows[s], stopped[s]));
            assert_eq!(recorder.observe(&rows), ControlFlow::Continue(()));
        }
        let state = recorder.state(&[row(&plan, 0, 3, 1.0, 100, 1), row(&plan, 1, 3, 40.0, 100, 0)]).expect("agent 1 still learns");
        assert_eq!((state.updates, state.mean_return), (3, Some((475.0 + 40.0) / 2.0)));
        recorder.end().expect("rows are kept");
        let agents = recorder.finish();
        assert_eq!(agents[0].solved_at, Some((2 * plan.batch as u64, 2.0)));
        assert_eq!(agents[1].solved_at, None);
        assert_eq!(agents[0].last.as_ref().map(|row| row.update), Some(2));
        let text = std::fs::read_to_string(home.path().join("metrics.jsonl")).expect("metrics.jsonl");
        assert_eq!(text.lines().count(), 5);
    }
}
