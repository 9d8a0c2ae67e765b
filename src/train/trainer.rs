//! Drives training: submits updates ahead, reads metric rows late, stops.

use crate::device::engine::{Engine, EngineOptions};
use crate::device::gpu::Gpu;
use crate::device::pace::{Next, Pace, Position};
use crate::device::readback::Readback;
use crate::device::wait::{Mapping, block_on};
use crate::program::buffers::KEPT;
use crate::program::plan::Plan;
use crate::program::schedule;
use crate::spec::config::PerAgent;
use crate::spec::metrics::Row;
use crate::spec::network::NETWORKS;
use crate::spec::records::{Agent, MetricsRow};
use crate::support::error::{DeviceFailure, Error, Result};
use crate::support::fault::{self, Divergence};
use crate::support::statistics::mean;
use crate::train::agents::{self, agent_rows, upload, write_params};
use crate::train::checkpoint::Checkpoint;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Updates that may be queued on the device while the host reads an earlier one's metrics.
const AHEAD: usize = 3;
/// If an update takes longer than this, only one is queued behind the running one, so that Ctrl-C takes effect soon.
const LONG_UPDATE: Duration = Duration::from_millis(100);

/// Each kernel's share of an update's time, as far as known; written by the trainer.
pub type Shares = Arc<Mutex<Vec<(&'static str, f64)>>>;

/// A training run on a device.
pub struct Trainer {
    gpu: Gpu,
    plan: Plan,
    engine: Engine,
    /// Measured dispatch times, which keep submissions short.
    pace: Pace,
    /// The kernels' known shares of an update's time.
    shares: Shares,
    /// Copies of metric rows, used in turn.
    staging: Vec<Readback>,
    /// A copy of the buffers of [`KEPT`], allocated for the first checkpoint.
    snapshot: Option<Readback>,
    /// Updates submitted; once every agent has stopped, the number up to then.
    updates: u32,
    /// Seconds that they took, without those of `stretch`.
    seconds: f64,
    /// Mean over agents of the mean return in the last row.
    mean_return: Option<f32>,
    /// Whether every agent has stopped.
    stopped: bool,
    /// The agents that diverged, in the order in which they did.
    diverged: Vec<Divergence>,
    /// Whether the first agent that diverges ends training.
    stops_at_divergence: bool,
    saving: Saving,
    /// The updates under way, from the first call of [`Trainer::next`] to the one that returns no update.
    stretch: Option<Stretch>,
}

/// When to copy the state of a run for a [`Checkpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saving {
    /// Never.
    Never,
    /// After every N updates.
    Updates(u32),
    /// After the first update submitted at least this long after the previous copy.
    Period(Duration),
}

/// The result of an update.
#[derive(Debug)]
pub struct Update {
    /// A row of metrics for each agent.
    pub rows: Vec<Row>,
    /// The state after it, if [`Trainer::set_saving`] asked for it.
    pub checkpoint: Option<Checkpoint>,
}

/// A series of updates without a break.
struct Stretch {
    /// The updates submitted but not yet read, oldest first.
    in_flight: VecDeque<InFlight>,
    /// The most updates in flight.
    ahead: usize,
    /// Whether to submit no more.
    pauses: bool,
    /// The error to return once the updates in flight are done: an agent diverged, and training stops at divergence.
    failure: Option<Error>,
    /// When it began, when the last row was read, and when the last copy for a checkpoint was submitted.
    began: f64,
    last_row: f64,
    last_saved: f64,
}

impl Stretch {
    fn new(now: f64) -> Stretch {
        Stretch { in_flight: VecDeque::new(), ahead: 1, pauses: false, failure: None, began: now, last_row: now, last_saved: now }
    }
}

/// An update whose metrics have not arrived yet.
struct InFlight {
    sequence: u32,
    submission: wgpu::SubmissionIndex,
    metrics: Mapping,
    /// The copy of the state after it, if there is one.
    snapshot: Option<Mapping>,
}

impl Trainer {
    /// Prepares buffers, kernels, initial parameters and first episodes.
    ///
    /// # Errors
    /// Those of [`Engine::new`].
    pub fn new(gpu: Gpu, plan: Plan) -> Result<Trainer> {
        Self::with_options(gpu, plan, &EngineOptions { cached: true, ..EngineOptions::default() })
    }

    /// [`Trainer::new`] with other engine options, for tests.
    ///
    /// # Errors
    /// Those of [`Engine::new`].
    pub fn with_options(gpu: Gpu, plan: Plan, options: &EngineOptions) -> Result<Trainer> {
        block_on(Self::prepare(gpu, plan, options))
    }

    /// [`Trainer::with_options`] as a future, where nothing may block.
    ///
    /// # Errors
    /// Those of [`Engine::new`].
    pub async fn prepare(gpu: Gpu, plan: Plan, options: &EngineOptions) -> Result<Trainer> {
        let engine = agents::engine(&gpu, &plan, schedule::training(&plan), options)?;
        upload(&engine, &plan, &agent_rows(&plan));
        engine.complete(&engine.pieces(&engine.program().once)).await?;
        let staging = (0..AHEAD).map(|_| Readback::new(&engine, "metrics readback", &["metrics"])).collect::<Result<_>>()?;
        let pace = Pace::new(plan.config.dispatches_per_submit as usize, engine.program());
        Ok(Trainer {
            gpu,
            plan,
            engine,
            pace,
            shares: Shares::default(),
            staging,
            snapshot: None,
            updates: 0,
            seconds: 0.0,
            mean_return: None,
            stopped: false,
            diverged: Vec::new(),
            stops_at_divergence: false,
            saving: Saving::Never,
            stretch: None,
        })
    }

    /// Trains until every agent has stopped, the steps are used up, or `observe` breaks off. `observe` gets one row for each agent after every
    /// update, in order, while the device works on later ones; after it breaks off, it still gets those of the updates in flight. The next call continues.
    ///
    /// # Errors
    /// Those of [`Trainer::next`].
    pub fn run(&mut self, observe: &mut dyn FnMut(&[Row]) -> ControlFlow<()>) -> Result<()> {
        self.run_saving(Saving::Never, &mut |update| Ok(observe(&update.rows)))
    }

    /// [`Trainer::run`] that hands complete updates to `take`; some of them come with the state for a checkpoint. Training does not wait for that: the device
    /// copies its buffers, and the host reads the copy.
    ///
    /// # Errors
    /// Those of [`Trainer::next`], and the first one of `take`, which ends training.
    pub fn run_saving(&mut self, saving: Saving, take: &mut dyn FnMut(Update) -> Result<ControlFlow<()>>) -> Result<()> {
        self.set_saving(saving);
        while let Some(update) = block_on(self.next())? {
            if take(update)?.is_break() {
                self.pause();
            }
        }
        Ok(())
    }

    /// The next update, while the device works on later ones. None when every agent has stopped, the steps are used up, or after [`Trainer::pause`] all
    /// updates in flight were returned; after a pause, the next call continues. Await each future to its end: the trainer cannot continue
    /// after one was dropped.
    ///
    /// # Errors
    /// [`Error::Diverged`] when every agent has diverged, after their rows were returned (a single agent is frozen at its last finite parameters, and the
    /// others continue), or, after [`Trainer::stop_at_divergence`], when any agent has; [`Error::Environment`] when the driver ends its loops
    /// early; [`Error::Device`] when the device failed.
    pub async fn next(&mut self) -> Result<Option<Update>> {
        let mut stretch = self.stretch.take().unwrap_or_else(|| Stretch::new(self.gpu.now()));
        let outcome = self.next_of(&mut stretch).await;
        if matches!(outcome, Ok(Some(_))) {
            self.stretch = Some(stretch);
        } else {
            self.seconds += self.gpu.since(stretch.began).as_secs_f64();
        }
        outcome
    }

    async fn next_of(&mut self, stretch: &mut Stretch) -> Result<Option<Update>> {
        loop {
            self.submit_ahead(stretch).await?;
            let Some(oldest) = stretch.in_flight.pop_front() else {
                return stretch.failure.take().map_or_else(|| self.conclusion(), Err).map(|()| None);
            };
            let sequence = oldest.sequence;
            let (raw, snapshot) = self.read(oldest).await?;
            let seconds = self.seconds + self.gpu.since(stretch.began).as_secs_f64();
            stretch.ahead = match self.gpu.since(stretch.last_row) {
                // While dispatches are timed, submitting an update waits for it, and the previous row would come late.
                _ if !self.pace.is_known(&self.engine.program().update) => 1,
                time if time > LONG_UPDATE => 2,
                _ => AHEAD,
            };
            stretch.last_row = self.gpu.now();
            // The updates that were queued before the host knew that training ends are not needed, but their buffers are.
            if self.stopped || stretch.failure.is_some() {
                continue;
            }
            let sps = (f64::from(sequence) + 1.0) * (self.plan.batch * self.plan.agents) as f64 / seconds.max(1e-9);
            let rows: Vec<Row> = raw.iter().zip(0..).map(|(raw, agent)| self.plan.row(raw, agent, seconds, sps)).collect();
            if rows.iter().all(|row| row.stops || row.was_stopped) {
                (self.stopped, self.updates) = (true, sequence + 1);
            }
            self.mean_return = mean(rows.iter().filter_map(|row| row.mean_return.filter(|value| value.is_finite())));
            let diverged: Vec<Divergence> = rows.iter().filter(|row| !row.was_stopped).filter_map(|row| row.divergence(&self.plan.environment)).collect();
            // A driver that cuts loops short computes wrong results for every agent.
            let cut_off = diverged.iter().any(|divergence| divergence.fault.kind() == fault::LOOP);
            if self.stops_at_divergence && !diverged.is_empty() && !cut_off {
                (stretch.pauses, stretch.failure) = (true, Some(Error::Diverged { first: diverged[0].clone(), agents: diverged.len() }));
                return Ok(Some(Update { rows, checkpoint: None }));
            }
            stretch.pauses |= cut_off;
            self.diverged.extend(diverged);
            let checkpoint = snapshot.map(|words| Checkpoint::new(&self.plan, sequence + 1, words, seconds, self.mean_return));
            return Ok(Some(Update { rows, checkpoint }));
        }
    }

    /// Pauses: [`Trainer::next`] returns the updates in flight, and then none.
    pub fn pause(&mut self) {
        if let Some(stretch) = &mut self.stretch {
            stretch.pauses = true;
        }
    }

    /// Sets when [`Trainer::next`] returns a checkpoint. [`Trainer::run`] and [`Trainer::run_saving`] call this.
    pub fn set_saving(&mut self, saving: Saving) {
        self.saving = saving;
    }

    /// Sets whether the first agent that diverges ends [`Trainer::run`] with [`Error::Diverged`], so that the caller may [`Trainer::restore`] an earlier
    /// state. By default, the agent is frozen, and the others continue to learn.
    pub fn stop_at_divergence(&mut self, stops: bool) {
        self.stops_at_divergence = stops;
    }

    /// Whether the first agent that diverges ends [`Trainer::run`].
    pub(crate) fn stops_at_divergence(&self) -> bool {
        self.stops_at_divergence
    }

    /// Gives the agents other learning rates, from the next update on.
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed.
    pub fn set_learning_rates(&mut self, lr: &PerAgent) -> Result<()> {
        self.change_rates(|s, _| lr.of(s) as f32)?;
        self.plan.config.lr = lr.clone();
        Ok(())
    }

    /// Multiplies the agents' learning rates by these factors, from the next update on, where `desired_kl` adapts them; `lr` is the configuration's from now on.
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed.
    pub fn scale_learning_rates(&mut self, factors: &[f64], lr: &PerAgent) -> Result<()> {
        self.change_rates(|s, rate| (f64::from(rate) * factors[s]) as f32)?;
        self.plan.config.lr = lr.clone();
        Ok(())
    }

    /// Gives each agent the learning rate that `rate` makes of its number and its present rate.
    fn change_rates(&mut self, rate: impl Fn(usize, f32) -> f32) -> Result<()> {
        let words = self.engine.read("agents")?;
        let mut rows: Vec<Agent> = bytemuck::pod_collect_to_vec(&words[..self.plan.agents * Agent::WORDS]);
        rows.iter_mut().enumerate().for_each(|(s, row)| row.lr = rate(s, row.lr));
        self.engine.write("agents", bytemuck::cast_slice(&rows));
        Ok(())
    }

    /// The outcome of training once all its updates are done.
    fn conclusion(&self) -> Result<()> {
        match &self.diverged[..] {
            _ if self.diverged.iter().any(|divergence| divergence.fault.kind() == fault::LOOP) => Err(self.plan.environment.error(fault::LOOP)),
            [first, ..] if self.diverged.len() == self.plan.agents => Err(Error::Diverged { first: first.clone(), agents: self.plan.agents }),
            _ => Ok(()),
        }
    }

    /// The present state, between two calls of [`Trainer::run`]. If every agent has stopped, it is the state after the update in which the last one did;
    /// only the environments and their statistics may be a few updates ahead.
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        let words = self.engine.read_all(KEPT)?;
        Ok(Checkpoint::new(&self.plan, self.updates, words, self.seconds, self.mean_return))
    }

    /// Goes back, or forward, to the state of a checkpoint of a run of the same plan; [`Trainer::run`] then continues from it, bit-identical to that run.
    ///
    /// # Panics
    /// While updates are in flight.
    pub fn restore(&mut self, checkpoint: &Checkpoint) {
        assert!(self.stretch.is_none(), "updates are in flight: call `pause`, and `next` until it returns none");
        for name in KEPT {
            self.engine.write(name, checkpoint.words(name));
        }
        self.updates = checkpoint.updates;
        self.seconds = checkpoint.seconds;
        self.mean_return = checkpoint.mean_return;
        self.stopped = checkpoint.agents().iter().all(Agent::has_stopped);
        self.diverged = checkpoint.divergences(&self.plan);
    }

    /// Begins with the parameters, Adam's moments and normalisers of a checkpoint of networks of the same shape, and with nothing else of it.
    /// Agent s takes those of agent s, or every agent those of the given agent.
    pub fn adopt(&mut self, checkpoint: &Checkpoint, from: Option<usize>) {
        let (agents, sources) = (checkpoint.agents(), (0..self.plan.agents).map(|s| from.unwrap_or(s)).collect::<Vec<_>>());
        for name in ["first_moments", "second_moments", "normalizers", "value_normalizers"] {
            self.engine.write(name, &checkpoint.words_of(name, &sources));
        }
        write_params(&self.engine, &self.plan, bytemuck::pod_collect_to_vec(&checkpoint.words_of("params", &sources)));
        let rows: Vec<Agent> = agent_rows(&self.plan).into_iter().zip(sources).map(|(row, s)| row.with_gradient_steps_of(&agents[s])).collect();
        self.engine.write("agents", bytemuck::cast_slice(&rows));
    }

    /// Makes one more update, without its metrics; returns how long each of its submissions took, from the call to the device's answer.
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed.
    pub(crate) fn time_submissions(&mut self) -> Result<Vec<Duration>> {
        let (mut position, mut times) = (Position::default(), Vec::new());
        while let Some(next) = self.pace.next(&self.engine.program().update, &mut position) {
            let pieces = match &next {
                Next::Together(pieces) => pieces,
                Next::Timed(piece) => std::slice::from_ref(piece),
            };
            let start = self.gpu.now();
            self.engine.run_pieces(pieces)?;
            times.push(self.gpu.since(start));
            if let (Next::Timed(piece), Some(time)) = (&next, times.last()) {
                self.pace.take(piece, *time);
            }
        }
        Ok(times)
    }

    /// Submits updates until the most allowed are in flight.
    async fn submit_ahead(&mut self, stretch: &mut Stretch) -> Result<()> {
        while !stretch.pauses && !self.stopped && self.updates < self.plan.updates && stretch.in_flight.len() < stretch.ahead {
            let saves = match self.saving {
                Saving::Never => false,
                Saving::Updates(count) => (self.updates + 1).is_multiple_of(count),
                Saving::Period(period) => self.gpu.since(stretch.last_saved) >= period,
            };
            if saves {
                // There is only one buffer for copies.
                if stretch.in_flight.iter().any(|update| update.snapshot.is_some()) {
                    break;
                }
                stretch.last_saved = self.gpu.now();
            }
            stretch.in_flight.push_back(self.submit_update(saves).await?);
        }
        Ok(())
    }

    async fn submit_update(&mut self, saves: bool) -> Result<InFlight> {
        let sequence = self.updates;
        let mut position = Position::default();
        let (mut pieces, mut timed) = (Vec::new(), false);
        while let Some(next) = self.pace.next(&self.engine.program().update, &mut position) {
            // The last pieces are submitted together with the copies.
            let earlier = std::mem::take(&mut pieces);
            if !earlier.is_empty() {
                self.engine.submit(&earlier, |_| ());
            }
            match next {
                Next::Together(together) => pieces = together,
                Next::Timed(piece) => {
                    timed = true;
                    // Wait for earlier submissions, or they would be timed as well.
                    self.gpu.done(None, || format!("ran update {}", sequence + 1)).await?;
                    let start = self.gpu.now();
                    self.engine.complete(std::slice::from_ref(&piece)).await?;
                    self.pace.take(&piece, self.gpu.since(start));
                }
            }
        }
        if saves && self.snapshot.is_none() {
            self.snapshot = Some(Readback::new(&self.engine, "checkpoint readback", KEPT)?);
        }
        if timed {
            *self.shares.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = self.pace.shares(&self.engine.program().update);
        }
        let (mut metrics, mut snapshot) = (None, None);
        let submission = self.engine.submit(&pieces, |encoder| {
            metrics = Some(self.staging_of(sequence).record(encoder));
            snapshot = self.snapshot.as_ref().filter(|_| saves).map(|copy| copy.record(encoder));
        });
        self.updates += 1;
        let metrics = metrics.expect("submitting calls the closure");
        Ok(InFlight { sequence, submission, metrics, snapshot })
    }

    fn staging_of(&self, sequence: u32) -> &Readback {
        &self.staging[sequence as usize % self.staging.len()]
    }

    /// The metrics of an update, a row for each agent, and the copies of the buffers of [`KEPT`].
    async fn read(&self, update: InFlight) -> Result<(Vec<MetricsRow>, Option<Vec<Vec<u32>>>)> {
        let activity = || format!("ran update {}", update.sequence + 1);
        self.gpu.done(Some(update.submission), activity).await?;
        let words = self.staging_of(update.sequence).read(&self.engine, update.metrics, activity).await?;
        let rows: Vec<MetricsRow> = bytemuck::pod_collect_to_vec(&words[0][..self.plan.agents * MetricsRow::WORDS]);
        if rows.iter().any(|row| row.fault == fault::NEVER_WRITTEN) {
            let message = "it executed nothing: the metrics that it returned are empty".into();
            return Err(Error::Device { activity: activity(), message, kind: DeviceFailure::Wrong });
        }
        if let Some(row) = rows.iter().find(|row| row.sequence != update.sequence) {
            // Some systems report work as done although it was cut off.
            let message = format!("the device returned the metrics of update {} instead", row.sequence + 1);
            return Err(Error::Device { activity: activity(), message, kind: DeviceFailure::Lost });
        }
        let snapshot = match (&self.snapshot, update.snapshot) {
            (Some(copy), Some(mapping)) => Some(copy.read(&self.engine, mapping, || "read the state for a checkpoint".into()).await?),
            _ => None,
        };
        Ok((rows, snapshot))
    }

    /// Parameters of all agents, in the padded layout of [`crate::spec::network`]: `[s][P]`.
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed.
    pub fn parameters(&self) -> Result<Vec<f32>> {
        let words = self.engine.read("params")?;
        let count = self.plan.agents * NETWORKS * self.plan.network.block();
        Ok(words[..count].iter().map(|&word| f32::from_bits(word)).collect())
    }

    /// Each kernel's share of an update's time, as far as known; kept up to date.
    pub fn shares(&self) -> Shares {
        self.shares.clone()
    }

    /// Updates made, including those before the run was resumed.
    pub fn updates(&self) -> u32 {
        self.updates
    }

    /// Seconds that they took.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// The plan of the run.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The device's buffers and kernels.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}
