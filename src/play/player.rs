//! Playing with trained agents, without learning: for evaluation and for watching.

use crate::device::engine::{Engine, EngineOptions};
use crate::device::gpu::Gpu;
use crate::device::readback::Readback;
use crate::device::wait::block_on;
use crate::program::plan::Plan;
use crate::program::schedule::{self, Piece};
use crate::spec::config::{Config, Setting};
use crate::spec::environment::Environment;
use crate::spec::random::seed_words;
use crate::spec::records::{Agent, Transition};
use crate::support::error::{DeviceFailure, Error, Result};
use crate::support::fault::{self, Fault};
use crate::train::agents::{self, agent_rows, upload};
use crate::train::checkpoint::Checkpoint;

/// How to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayerOptions {
    /// The agents that play; all when empty.
    pub agents: Vec<usize>,
    /// Environments of each.
    pub envs: u32,
    /// Steps of each environment in a call of [`Player::advance`].
    pub steps: u32,
    /// Seed of the episodes. Agents that act alike see the same episodes.
    pub seed: u64,
    /// Whether agents take the most probable action (the mean of continuous ones) instead of a random one.
    pub deterministic: bool,
}

/// Agents that play on a device, each in its own world: parameters of the environment that differ between agents, or between environments, are the same
/// as in its training.
pub struct Player {
    gpu: Gpu,
    plan: Plan,
    engine: Engine,
    rollout: Vec<Piece>,
    /// Copies of `faults` and `transitions`.
    steps: Readback,
    rows: Vec<Agent>,
    /// The indices of the agents in their run.
    agents: Vec<usize>,
}

/// Steps of all agents.
pub(super) struct Played {
    /// `[agent][step][environment]`. Those of an agent with a fault mean nothing.
    pub(super) transitions: Vec<Transition>,
    /// Each agent's first fault since it was loaded.
    pub(super) faults: Vec<Option<Fault>>,
}

impl Player {
    /// Begins an episode in every environment. Agents have the parameters of `checkpoint`, from a run of `config` on `environment`, or without a checkpoint
    /// initial parameters.
    ///
    /// # Errors
    /// Those of [`Plan::with_environment`] and [`Engine::new`].
    pub fn new(gpu: &Gpu, config: &Config, environment: &Environment, checkpoint: Option<&Checkpoint>, options: &PlayerOptions) -> Result<Player> {
        let agents = if options.agents.is_empty() { (0..config.agents as usize).collect() } else { options.agents.clone() };
        let sizes = Config { agents: agents.len() as u32, envs: options.envs, steps: options.steps, minibatches: 1, epochs: 1, ..config.clone() };
        let plan = Plan::with_environment(&sizes, environment.clone(), gpu.profile(&config.profile))?;
        let plan = Plan { deterministic: options.deterministic, ..plan };
        let cached = EngineOptions { cached: true, ..EngineOptions::default() };
        let engine = agents::engine(gpu, &plan, schedule::playing(&plan), &cached)?;
        let world = |agent: usize| seed_words(config.seed.wrapping_add(agent as u64));
        let rows: Vec<Agent> =
            agent_rows(&plan).into_iter().zip(&agents).map(|(row, &agent)| Agent { seed: seed_words(options.seed), world: world(agent), ..row }).collect();
        upload(&engine, &plan, &rows);
        let rollout = engine.pieces(&engine.program().update);
        let steps = Readback::new(&engine, "steps readback", &["faults", "transitions"])?;
        let mut player = Player { gpu: gpu.clone(), plan, engine, rollout, steps, rows, agents };
        if let Some(checkpoint) = checkpoint {
            player.take(checkpoint);
        }
        player.engine.run(&player.engine.program().once)?;
        Ok(player)
    }

    /// Loads agents `agents` of `checkpoint`: parameters, normalisers, worlds. Episodes continue, unless the world changes.
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed.
    pub fn load(&mut self, checkpoint: &Checkpoint, agents: &[usize]) -> Result<()> {
        let varies = self.plan.config.env_parameters.values().any(Setting::outlasts_episodes);
        let moves = varies && self.agents != agents;
        self.agents = agents.to_vec();
        self.take(checkpoint);
        if moves { self.engine.run(&self.engine.program().once) } else { Ok(()) }
    }

    fn take(&mut self, checkpoint: &Checkpoint) {
        for name in ["params", "normalizers"] {
            self.engine.write(name, &checkpoint.words_of(name, &self.agents));
        }
        let learned = checkpoint.agents();
        self.rows.iter_mut().zip(&self.agents).for_each(|(row, &agent)| row.world = learned[agent].world);
        self.engine.write("agents", bytemuck::cast_slice(&self.rows));
        self.engine.write("faults", &vec![fault::NONE; self.rows.len()]);
    }

    /// Makes [`PlayerOptions::steps`] steps in every environment, with a new episode after each one that ends; returns them, `[agent][step][environment]`.
    ///
    /// # Errors
    /// [`Error::Played`] when an agent has a fault; [`Error::Environment`] when the driver ended a loop early; [`Error::Device`] when the device
    /// failed.
    pub fn advance(&mut self) -> Result<Vec<Transition>> {
        block_on(self.next())
    }

    /// [`Player::advance`] as a future, where nothing may block. Await it to its end.
    ///
    /// # Errors
    /// Those of [`Player::advance`].
    pub async fn next(&mut self) -> Result<Vec<Transition>> {
        let played = self.play().await?;
        let mut faults = played.faults.into_iter().zip(&self.agents).filter_map(|(fault, &agent)| Some((agent, fault?)));
        match faults.next() {
            Some((agent, fault)) => Err(Error::Played { agent, fault, what: self.plan.environment.sentence(fault), agents: 1 + faults.count() }),
            None => Ok(played.transitions),
        }
    }

    /// Like [`Player::advance`], but the agents without a fault continue beside those that have one.
    ///
    /// # Errors
    /// [`Error::Environment`] when the driver ended a loop early; [`Error::Device`] when the device failed.
    pub(super) fn advance_all(&mut self) -> Result<Played> {
        block_on(self.play())
    }

    async fn play(&mut self) -> Result<Played> {
        let words = self.steps.after(&self.engine, &self.rollout, || "played".into()).await?;
        let (faults, words) = (&words[0], &words[1]);
        let faults: Vec<Option<Fault>> = faults[..self.plan.agents].iter().map(|&code| Fault::of_code(code)).collect();
        // A driver that cuts loops short computes wrong results for every agent.
        if faults.iter().flatten().any(|fault| fault.kind() == fault::LOOP) {
            return Err(self.plan.environment.error(fault::LOOP));
        }
        let transitions: Vec<Transition> = bytemuck::pod_collect_to_vec(&words[..self.plan.agents * self.plan.batch * Transition::WORDS]);
        // Lengths of episodes include the step itself.
        if transitions.iter().any(|transition| transition.episode_length == 0) {
            let message = "it executed nothing: steps that it was given are empty".into();
            return Err(Error::Device { activity: "played".into(), message, kind: DeviceFailure::Wrong });
        }
        self.rows.iter_mut().for_each(Agent::count_update);
        self.engine.write("agents", bytemuck::cast_slice(&self.rows));
        Ok(Played { transitions, faults })
    }

    /// The plan of agents and environments.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Its buffers.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}
