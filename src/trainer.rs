//! Drives training: submits updates ahead, reads metric rows late, stops.

use crate::error::{DeviceFailure, Error, Result};
use crate::gpu::Gpu;
use crate::gpu::engine::{self, Engine, Options};
use crate::metrics::{RawRow, Row};
use crate::network::NETWORKS;
use crate::pace::{Next, Pace, Position};
use crate::plan::{NORMALIZER_COUNT, Plan};
use crate::ppo::{self, Dispatch};
use crate::random::seed_words;
use bytemuck::Zeroable;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Updates that may be queued on the device while the host reads an earlier one's metrics.
const AHEAD: usize = 3;
/// Above this time for an update only one is queued behind the one that runs, so that Ctrl-C is answered soon.
const LONG_UPDATE: Duration = Duration::from_millis(100);

/// A row of `agents` as the kernels read it (shaders/shared/agent.wgsl).
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct AgentRow {
    /// Low and high word.
    pub seed: [u32; 2],
    /// Adam's learning rate before annealing.
    pub lr: f32,
    /// Discount.
    pub gamma: f32,
    /// λ of GAE.
    pub gae_lambda: f32,
    /// ε of the clipped objective.
    pub clip: f32,
    /// c_e.
    pub entropy_coef: f32,
    /// c_v.
    pub value_coef: f32,
    /// Largest global norm of the gradient.
    pub max_grad_norm: f32,
    /// Mean return at which the agent stops learning; `f32::MAX` for none.
    pub target_return: f32,
    /// Approximate KL divergence that an update may not exceed by half; `f32::MAX` for no limit.
    pub target_kl: f32,
    /// Counters, all 0 at the start: update, sequence, episodes, recent, stopped, gradient steps, padding.
    pub counters: [u32; 7],
}

/// The initial rows of `agents`.
pub fn agent_rows(plan: &Plan) -> Vec<AgentRow> {
    let config = &plan.config;
    (0..plan.agents)
        .map(|s| AgentRow {
            seed: seed_words(plan.seed(s)),
            lr: config.lr.of(s) as f32,
            gamma: config.gamma.of(s) as f32,
            gae_lambda: config.gae_lambda.of(s) as f32,
            clip: config.clip.of(s) as f32,
            entropy_coef: config.entropy_coef.of(s) as f32,
            value_coef: config.value_coef.of(s) as f32,
            max_grad_norm: config.max_grad_norm.of(s) as f32,
            target_return: config.target_return.map_or(f32::MAX, |target| target as f32),
            target_kl: config.target_kl.as_ref().map_or(f32::MAX, |target| target.of(s) as f32),
            counters: [0; 7],
        })
        .collect()
}

/// Writes what a run starts from: the given agents, no faults, initial parameters.
pub(crate) fn upload(engine: &Engine, plan: &Plan, agents: &[AgentRow]) {
    engine.write("agents", bytemuck::cast_slice(agents));
    engine.write("faults", &vec![u32::MAX; plan.agents]);
    let params: Vec<f32> = (0..plan.agents).flat_map(|s| plan.network.initial_parameters(plan.seed(s))).collect();
    engine.write("params", bytemuck::cast_slice(&params));
    engine.write("normalizers", bytemuck::cast_slice(&vec![INITIAL_NORMALIZER; plan.agents * plan.normalizers()]));
}

/// Count, mean, variance and scale before anything was seen.
pub const INITIAL_NORMALIZER: [f32; 4] = [NORMALIZER_COUNT, 0.0, 1.0, 1.0];

/// A training run on a device.
pub struct Trainer {
    gpu: Gpu,
    plan: Plan,
    engine: Engine,
    update: Vec<Dispatch>,
    /// How long dispatches take, so that no submission takes too long.
    pace: Pace,
    /// Buffers that metric rows are copied to, used in turn.
    staging: Vec<wgpu::Buffer>,
}

/// An update whose metrics are on their way.
struct InFlight {
    sequence: u32,
    slot: usize,
    submission: wgpu::SubmissionIndex,
    mapped: std::sync::mpsc::Receiver<std::result::Result<(), wgpu::BufferAsyncError>>,
}

impl Trainer {
    /// Makes everything ready: buffers, kernels, initial parameters, first episodes.
    ///
    /// # Errors
    /// Those of [`Engine::new`].
    pub fn new(gpu: Gpu, plan: Plan) -> Result<Trainer> {
        Self::with_options(gpu, plan, &Options { cached: true, ..Options::default() })
    }

    /// [`Trainer::new`] with an engine of other options, for tests.
    ///
    /// # Errors
    /// Those of [`Engine::new`].
    pub fn with_options(gpu: Gpu, plan: Plan, options: &Options) -> Result<Trainer> {
        let engine = Engine::new(&gpu, &plan, options)?;
        upload(&engine, &plan, &agent_rows(&plan));
        engine.run(&ppo::start())?;
        let size = engine.buffer("metrics").size();
        let staging = (0..AHEAD)
            .map(|_| engine::create_buffer(&gpu, "metrics readback", size, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST))
            .collect::<Result<_>>()?;
        let update = ppo::update(&plan);
        let pace = Pace::new(plan.config.dispatches_per_submit as usize, &plan);
        Ok(Trainer { gpu, plan, engine, update, pace, staging })
    }

    /// Trains until every agent has stopped, the steps are used up, or `observe` breaks off. `observe` gets one row for each agent after every
    /// update, in order, while the device works on later ones; after it breaks off, it still gets those of the updates in flight.
    ///
    /// # Errors
    /// [`Error::Diverged`] when a quantity is not finite, after its row was observed; [`Error::Device`] when the device failed.
    pub fn run(&mut self, observe: &mut dyn FnMut(&[Row]) -> ControlFlow<()>) -> Result<()> {
        let start = Instant::now();
        let mut in_flight: VecDeque<InFlight> = VecDeque::new();
        let mut next = 0;
        let mut stopping = false;
        let mut last_row = start;
        let mut ahead = 1;
        loop {
            while !stopping && next < self.plan.updates && in_flight.len() < ahead {
                in_flight.push_back(self.submit_update(next)?);
                next += 1;
            }
            let Some(oldest) = in_flight.pop_front() else { return Ok(()) };
            let rows = self.read_rows(oldest, start)?;
            // While dispatches are timed, submitting an update waits for it, and the row before it would come late.
            ahead = if !self.pace.is_known(&self.update) {
                1
            } else if last_row.elapsed() > LONG_UPDATE {
                2
            } else {
                AHEAD
            };
            last_row = Instant::now();
            if rows.iter().all(|row| row.was_stopped) {
                // Updates that were queued before the host knew. They changed nothing.
                stopping = true;
                continue;
            }
            stopping |= observe(&rows).is_break();
            if let Some(row) = rows.iter().find(|row| row.fault.is_some() && !row.was_stopped) {
                return Err(Error::Diverged { agent: row.agent, seed: row.seed, update: row.update, quantity: row.fault.unwrap_or_default().into() });
            }
        }
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

    fn submit_update(&mut self, sequence: u32) -> Result<InFlight> {
        let mut position = Position::default();
        let mut pieces = Vec::new();
        while let Some(next) = self.pace.next(&self.update, &mut position) {
            // The last ones wait for the copy of the metrics.
            let earlier = std::mem::take(&mut pieces);
            if !earlier.is_empty() {
                self.engine.submit(&earlier, |_| ());
            }
            match next {
                Next::Together(together) => pieces = together,
                Next::Timed(piece) => {
                    // What was submitted before would be timed as well.
                    self.gpu.wait(None, || format!("ran update {}", sequence + 1))?;
                    let start = Instant::now();
                    self.engine.run_pieces(std::slice::from_ref(&piece))?;
                    self.pace.take(&piece, start.elapsed());
                }
            }
        }
        let slot = sequence as usize % self.staging.len();
        let (sender, mapped) = std::sync::mpsc::channel();
        let metrics = self.engine.buffer("metrics");
        let submission = self.engine.submit(&pieces, |encoder| {
            encoder.copy_buffer_to_buffer(metrics, 0, &self.staging[slot], 0, metrics.size());
            encoder.map_buffer_on_submit(&self.staging[slot], wgpu::MapMode::Read, .., move |result| {
                // The receiver is gone only when the run has already failed.
                let _ = sender.send(result);
            });
        });
        Ok(InFlight { sequence, slot, submission, mapped })
    }

    fn read_rows(&self, update: InFlight, start: Instant) -> Result<Vec<Row>> {
        let activity = || format!("ran update {}", update.sequence + 1);
        self.gpu.wait(Some(update.submission), activity)?;
        let mapped = update.mapped.recv().map_err(|error| engine::map_error(activity(), error))?;
        mapped.map_err(|error| engine::map_error(activity(), error))?;
        let staging = &self.staging[update.slot];
        let mut raw = vec![RawRow::zeroed(); self.plan.agents];
        {
            let view = staging.get_mapped_range(..).map_err(|error| engine::map_error(activity(), error))?;
            let words = bytemuck::cast_slice_mut::<RawRow, u8>(&mut raw);
            words.copy_from_slice(&view[..words.len()]);
        }
        staging.unmap();
        self.engine.count_read((raw.len() * size_of::<RawRow>()) as u64);
        if let Some(row) = raw.iter().find(|row| row.sequence != update.sequence) {
            // Some systems report work as done that was cut off.
            let message = format!("the device returned the metrics of update {} instead", row.sequence + 1);
            return Err(Error::Device { activity: activity(), message, kind: DeviceFailure::Lost });
        }
        let seconds = start.elapsed().as_secs_f64();
        let env_steps = (u64::from(update.sequence) + 1) * (self.plan.batch * self.plan.agents) as u64;
        let sps = env_steps as f64 / seconds.max(1e-9);
        Ok(raw.iter().zip(0..).map(|(raw, agent)| Row::from_raw(raw, agent, &self.plan, seconds, sps)).collect())
    }

    /// Parameters of all agents, in the padded layout of [`crate::network`]: `[s][P]`.
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed.
    pub fn parameters(&self) -> Result<Vec<f32>> {
        let words = self.engine.read("params")?;
        let count = self.plan.agents * NETWORKS * self.plan.network.block();
        Ok(words[..count].iter().map(|&word| f32::from_bits(word)).collect())
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
