//! Drives training: submits updates ahead, reads metric rows late, stops.

use crate::device::engine::{self, Engine, EngineOptions};
use crate::device::gpu::Gpu;
use crate::device::pace::{Next, Pace, Position};
use crate::environments::contract;
use crate::program::buffers::{Buffer, KEPT};
use crate::program::plan::Plan;
use crate::program::schedule::{self, Step};
use crate::spec::config::PerAgent;
use crate::spec::metrics::{RawRow, Row};
use crate::spec::network::NETWORKS;
use crate::spec::records::AGENT_WORDS;
use crate::support::error::{DeviceFailure, Error, Result};
use crate::support::fault::{self, Divergence};
use crate::support::statistics::mean;
use crate::train::agents::{AgentRow, agent_rows, upload};
use crate::train::checkpoint::Checkpoint;
use bytemuck::Zeroable;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Updates that may be queued on the device while the host reads an earlier one's metrics.
const AHEAD: usize = 3;
/// Above this time for an update only one is queued behind the one that runs, so that Ctrl-C is answered soon.
const LONG_UPDATE: Duration = Duration::from_millis(100);

/// Each kernel's share of an update's time, as far as it is known; written by the trainer.
pub type Shares = Arc<Mutex<Vec<(&'static str, f64)>>>;

/// A training run on a device.
pub struct Trainer {
    gpu: Gpu,
    plan: Plan,
    engine: Engine,
    update: Vec<Step>,
    /// How long dispatches take, so that no submission takes too long.
    pace: Pace,
    /// What is known of the kernels' shares in that.
    shares: Shares,
    /// Buffers that metric rows are copied to, used in turn.
    staging: Vec<wgpu::Buffer>,
    /// What the buffers of [`KEPT`] are copied to, one after the other, from the first such copy on.
    snapshot: Option<wgpu::Buffer>,
    /// Updates submitted.
    updates: u32,
    /// Seconds that they took, those of the call of [`Trainer::run`] that goes on left out.
    seconds: f64,
    /// Mean over agents of the mean return in the last row.
    mean_return: Option<f32>,
    /// Whether every agent has stopped.
    stopped: bool,
    /// The agents that went wrong, in the order in which they did.
    diverged: Vec<Divergence>,
    /// Whether the first agent that goes wrong ends [`Trainer::run`].
    stops_at_divergence: bool,
}

/// When the state of a run is wanted for a [`Checkpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saving {
    /// Never.
    Never,
    /// After every so many updates.
    Updates(u32),
    /// After the first update that is submitted this long after the last time.
    Period(Duration),
}

/// The answer to a request to map a buffer.
type Mapped = std::sync::mpsc::Receiver<std::result::Result<(), wgpu::BufferAsyncError>>;

/// An update whose metrics are on their way.
struct InFlight {
    sequence: u32,
    slot: usize,
    submission: wgpu::SubmissionIndex,
    mapped: Mapped,
    /// Where the state after it was copied, too.
    snapshot: Option<Mapped>,
}

impl Trainer {
    /// Makes everything ready: buffers, kernels, initial parameters, first episodes.
    ///
    /// # Errors
    /// Those of [`Engine::new`].
    pub fn new(gpu: Gpu, plan: Plan) -> Result<Trainer> {
        Self::with_options(gpu, plan, &EngineOptions { cached: true, ..EngineOptions::default() })
    }

    /// [`Trainer::new`] with an engine of other options, for tests.
    ///
    /// # Errors
    /// Those of [`Engine::new`].
    pub fn with_options(gpu: Gpu, plan: Plan, options: &EngineOptions) -> Result<Trainer> {
        let program = schedule::training(&plan);
        let engine = Engine::new(&gpu, &plan, program, options).map_err(|error| contract::with_parameters(&plan, error))?;
        upload(&engine, &plan, &agent_rows(&plan));
        engine.run(&engine.program().once)?;
        let size = engine.buffer("metrics").size();
        let staging = (0..AHEAD)
            .map(|_| engine::create_buffer(&gpu, "metrics readback", size, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST))
            .collect::<Result<_>>()?;
        let update = engine.program().update.clone();
        let pace = Pace::new(plan.config.dispatches_per_submit as usize, engine.program());
        Ok(Trainer {
            gpu,
            plan,
            engine,
            update,
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
        })
    }

    /// Trains until every agent has stopped, the steps are used up, or `observe` breaks off. `observe` gets one row for each agent after every
    /// update, in order, while the device works on later ones; after it breaks off, it still gets those of the updates in flight. Called again, it goes on.
    ///
    /// # Errors
    /// [`Error::Diverged`] when something went wrong with every agent, after the rows that say so were observed (one alone is frozen at its last finite
    /// parameters, and the others continue), or, after
    /// [`Trainer::stop_at_divergence`], with any; [`Error::Environment`] when the driver ends its loops early;
    /// [`Error::Device`] when the device failed.
    pub fn run(&mut self, observe: &mut dyn FnMut(&[Row]) -> ControlFlow<()>) -> Result<()> {
        self.run_saving(observe, Saving::Never, &mut |_| Ok(()))
    }

    /// [`Trainer::run`], with the state handed to `save` now and then, after `observe` got the rows of that update. Training does not wait for it: the
    /// device copies its buffers, and the host reads the copy.
    ///
    /// # Errors
    /// Those of [`Trainer::run`], and the first one of `save`, which ends training.
    pub fn run_saving(
        &mut self,
        observe: &mut dyn FnMut(&[Row]) -> ControlFlow<()>,
        saving: Saving,
        save: &mut dyn FnMut(Checkpoint) -> Result<()>,
    ) -> Result<()> {
        let start = Instant::now();
        let outcome = self.run_from(start, observe, saving, save);
        self.seconds += start.elapsed().as_secs_f64();
        outcome
    }

    fn run_from(
        &mut self,
        start: Instant,
        observe: &mut dyn FnMut(&[Row]) -> ControlFlow<()>,
        saving: Saving,
        save: &mut dyn FnMut(Checkpoint) -> Result<()>,
    ) -> Result<()> {
        let mut in_flight: VecDeque<InFlight> = VecDeque::new();
        let mut breaks_off = false;
        let (mut last_row, mut last_saved) = (start, start);
        let mut ahead = 1;
        loop {
            while !breaks_off && !self.stopped && self.updates < self.plan.updates && in_flight.len() < ahead {
                let saves = match saving {
                    Saving::Never => false,
                    Saving::Updates(count) => (self.updates + 1).is_multiple_of(count),
                    Saving::Period(period) => last_saved.elapsed() >= period,
                };
                if saves {
                    // There is one buffer for copies.
                    if in_flight.iter().any(|update| update.snapshot.is_some()) {
                        break;
                    }
                    last_saved = Instant::now();
                }
                in_flight.push_back(self.submit_update(saves)?);
            }
            let Some(oldest) = in_flight.pop_front() else { return self.conclusion() };
            let seconds = || self.seconds + start.elapsed().as_secs_f64();
            let rows = self.read_rows(&oldest, seconds())?;
            // While dispatches are timed, submitting an update waits for it, and the row before it would come late.
            ahead = if !self.pace.is_known(&self.update) {
                1
            } else if last_row.elapsed() > LONG_UPDATE {
                2
            } else {
                AHEAD
            };
            last_row = Instant::now();
            let snapshot = oldest.snapshot.as_ref().map(|mapped| self.read_snapshot(mapped, seconds())).transpose()?;
            if rows.iter().all(|row| row.was_stopped) {
                // Updates that were queued before the host knew. They changed nothing.
                self.stopped = true;
                continue;
            }
            self.mean_return = mean(rows.iter().filter_map(|row| row.mean_return.filter(|value| value.is_finite())));
            breaks_off |= observe(&rows).is_break();
            let diverged: Vec<Divergence> = rows.iter().filter(|row| !row.was_stopped).filter_map(Row::divergence).collect();
            // Whatever is computed with half of a loop is wrong, for every agent.
            let cut_off = diverged.iter().any(|divergence| divergence.fault.kind() == fault::LOOP);
            breaks_off |= cut_off;
            if self.stops_at_divergence && !diverged.is_empty() && !cut_off {
                // Whatever is still on its way is of no use, but its buffers are.
                for update in in_flight.drain(..) {
                    self.read_rows(&update, seconds())?;
                    update.snapshot.as_ref().map(|mapped| self.read_snapshot(mapped, seconds())).transpose()?;
                }
                let agents = diverged.len();
                return Err(Error::Diverged { first: diverged[0], agents });
            }
            self.diverged.extend(diverged);
            if let Some((words, seconds)) = snapshot {
                save(Checkpoint::new(&self.plan, words, seconds, self.mean_return))?;
            }
        }
    }

    /// Whether the first agent that goes wrong ends [`Trainer::run`] with [`Error::Diverged`], so that the caller may [`Trainer::restore`] an earlier state.
    /// Otherwise, as at first, it is frozen, and the others learn on.
    pub fn stop_at_divergence(&mut self, stops: bool) {
        self.stops_at_divergence = stops;
    }

    /// Whether the first agent that goes wrong ends [`Trainer::run`].
    pub(crate) fn stops_at_divergence(&self) -> bool {
        self.stops_at_divergence
    }

    /// Gives the agents other learning rates, from the next update on.
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed.
    pub fn set_learning_rates(&mut self, lr: &PerAgent) -> Result<()> {
        let words = self.engine.read("agents")?;
        let mut rows: Vec<AgentRow> = bytemuck::pod_collect_to_vec(&words[..self.plan.agents * AGENT_WORDS]);
        rows.iter_mut().enumerate().for_each(|(s, row)| row.lr = lr.of(s) as f32);
        self.engine.write("agents", bytemuck::cast_slice(&rows));
        self.plan.config.lr = lr.clone();
        Ok(())
    }

    /// What came of updates that are all done.
    fn conclusion(&self) -> Result<()> {
        match self.diverged[..] {
            _ if self.diverged.iter().any(|divergence| divergence.fault.kind() == fault::LOOP) => Err(Error::loops(&self.plan.environment.name)),
            [first, ..] if self.diverged.len() == self.plan.agents => Err(Error::Diverged { first, agents: self.plan.agents }),
            _ => Ok(()),
        }
    }

    /// The state as it is now, between two calls of [`Trainer::run`].
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        let words = KEPT.iter().map(|name| self.engine.read(name)).collect::<Result<_>>()?;
        Ok(Checkpoint::new(&self.plan, words, self.seconds, self.mean_return))
    }

    /// Goes back, or forward, to the state of a checkpoint of a run of the same plan; [`Trainer::run`] then goes on as that run would have, to the same bits.
    pub fn restore(&mut self, checkpoint: &Checkpoint) {
        for name in KEPT {
            self.engine.write(name, checkpoint.words(name));
        }
        self.updates = checkpoint.updates;
        self.seconds = checkpoint.seconds;
        self.mean_return = checkpoint.mean_return;
        self.stopped = checkpoint.agents().iter().all(AgentRow::has_stopped);
        self.diverged = checkpoint.divergences(&self.plan);
    }

    /// Begins with what a checkpoint of networks of the same shape has learned, parameters, Adam's moments and normalisers, and with nothing else of it.
    /// Agent s takes that of agent s, or every agent that of the one given.
    pub fn adopt(&mut self, checkpoint: &Checkpoint, from: Option<usize>) {
        let (agents, sources) = (checkpoint.agents(), (0..self.plan.agents).map(|s| from.unwrap_or(s)).collect::<Vec<_>>());
        for name in ["params", "first_moments", "second_moments", "normalizers"] {
            self.engine.write(name, &checkpoint.words_of(name, &sources));
        }
        let rows: Vec<AgentRow> = agent_rows(&self.plan).into_iter().zip(sources).map(|(row, s)| row.with_gradient_steps_of(&agents[s])).collect();
        self.engine.write("agents", bytemuck::cast_slice(&rows));
    }

    /// Makes one more update, without its metrics; returns how long each of its submissions took, from the call to the device's answer.
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed.
    pub(crate) fn time_submissions(&mut self) -> Result<Vec<Duration>> {
        let (mut position, mut times) = (Position::default(), Vec::new());
        while let Some(next) = self.pace.next(&self.update, &mut position) {
            let start = Instant::now();
            match &next {
                Next::Together(pieces) => self.engine.run_pieces(pieces)?,
                Next::Timed(piece) => self.engine.run_pieces(std::slice::from_ref(piece))?,
            }
            times.push(start.elapsed());
            if let Next::Timed(piece) = &next {
                self.pace.take(piece, start.elapsed());
            }
        }
        Ok(times)
    }

    fn submit_update(&mut self, saves: bool) -> Result<InFlight> {
        let sequence = self.updates;
        let mut position = Position::default();
        let (mut pieces, mut timed) = (Vec::new(), false);
        while let Some(next) = self.pace.next(&self.update, &mut position) {
            // The last ones wait for the copies.
            let earlier = std::mem::take(&mut pieces);
            if !earlier.is_empty() {
                self.engine.submit(&earlier, |_| ());
            }
            match next {
                Next::Together(together) => pieces = together,
                Next::Timed(piece) => {
                    timed = true;
                    // What was submitted before would be timed as well.
                    self.gpu.wait(None, || format!("ran update {}", sequence + 1))?;
                    let start = Instant::now();
                    self.engine.run_pieces(std::slice::from_ref(&piece))?;
                    self.pace.take(&piece, start.elapsed());
                }
            }
        }
        if saves && self.snapshot.is_none() {
            let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
            let size = KEPT.iter().map(|name| Buffer::named(name).bytes(&self.plan)).sum();
            self.snapshot = Some(engine::create_buffer(&self.gpu, "checkpoint readback", size, usage)?);
        }
        if timed {
            *self.shares.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = self.pace.shares(&self.update);
        }
        let slot = sequence as usize % self.staging.len();
        let (metrics, staging) = (self.engine.buffer("metrics"), &self.staging[slot]);
        let (mut mapped, mut snapshot) = (None, None);
        let submission = self.engine.submit(&pieces, |encoder| {
            encoder.copy_buffer_to_buffer(metrics, 0, staging, 0, metrics.size());
            mapped = Some(map_on_submit(encoder, staging));
            if let Some(copy) = self.snapshot.as_ref().filter(|_| saves) {
                let mut offset = 0;
                for name in KEPT {
                    let size = Buffer::named(name).bytes(&self.plan);
                    encoder.copy_buffer_to_buffer(self.engine.buffer(name), 0, copy, offset, size);
                    offset += size;
                }
                snapshot = Some(map_on_submit(encoder, copy));
            }
        });
        self.updates += 1;
        let mapped = mapped.expect("submitting calls the closure");
        Ok(InFlight { sequence, slot, submission, mapped, snapshot })
    }

    fn read_rows(&self, update: &InFlight, seconds: f64) -> Result<Vec<Row>> {
        let activity = || format!("ran update {}", update.sequence + 1);
        self.gpu.wait(Some(update.submission.clone()), activity)?;
        let mut raw = vec![RawRow::zeroed(); self.plan.agents];
        read_mapped(&self.staging[update.slot], &update.mapped, activity, |bytes| {
            let words = bytemuck::cast_slice_mut::<RawRow, u8>(&mut raw);
            words.copy_from_slice(&bytes[..words.len()]);
        })?;
        self.engine.count_read((raw.len() * size_of::<RawRow>()) as u64);
        if let Some(row) = raw.iter().find(|row| row.sequence != update.sequence) {
            // Some systems report work as done that was cut off.
            let message = format!("the device returned the metrics of update {} instead", row.sequence + 1);
            return Err(Error::Device { activity: activity(), message, kind: DeviceFailure::Lost });
        }
        let env_steps = (u64::from(update.sequence) + 1) * (self.plan.batch * self.plan.agents) as u64;
        let sps = env_steps as f64 / seconds.max(1e-9);
        Ok(raw.iter().zip(0..).map(|(raw, agent)| self.plan.row(raw, agent, seconds, sps)).collect())
    }

    /// What was copied of the buffers of [`KEPT`], and the time that it is of.
    fn read_snapshot(&self, mapped: &Mapped, seconds: f64) -> Result<(Vec<Vec<u32>>, f64)> {
        let copy = self.snapshot.as_ref().expect("it was copied to");
        let mut words = Vec::new();
        read_mapped(
            copy,
            mapped,
            || "read the state for a checkpoint".into(),
            |bytes| {
                let mut rest = bytes;
                for name in KEPT {
                    let (part, after) = rest.split_at(Buffer::named(name).bytes(&self.plan) as usize);
                    words.push(bytemuck::pod_collect_to_vec(part));
                    rest = after;
                }
            },
        )?;
        self.engine.count_read(copy.size());
        Ok((words, seconds))
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

    /// What is known of each kernel's share in an update's time, now and later.
    pub fn shares(&self) -> Shares {
        self.shares.clone()
    }

    /// Updates that were made, those before a resumption included.
    pub fn updates(&self) -> u32 {
        self.updates
    }

    /// Seconds that they took.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// What is trained.
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

/// Asks for a buffer to be mapped once the commands before it are done.
fn map_on_submit(encoder: &wgpu::CommandEncoder, buffer: &wgpu::Buffer) -> Mapped {
    let (sender, mapped) = std::sync::mpsc::channel();
    encoder.map_buffer_on_submit(buffer, wgpu::MapMode::Read, .., move |result| {
        // The receiver is gone only when the run has already failed.
        let _ = sender.send(result);
    });
    mapped
}

/// Hands what a mapped buffer holds to `take`, and unmaps it.
fn read_mapped(buffer: &wgpu::Buffer, mapped: &Mapped, activity: impl Fn() -> String, take: impl FnOnce(&[u8])) -> Result<()> {
    let answer = mapped.recv().map_err(|error| engine::map_error(activity(), error))?;
    answer.map_err(|error| engine::map_error(activity(), error))?;
    {
        let view = buffer.get_mapped_range(..).map_err(|error| engine::map_error(activity(), error))?;
        take(&view);
    }
    buffer.unmap();
    Ok(())
}
