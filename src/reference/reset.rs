//! Starts an episode in every environment.

use crate::program::plan::Plan;
use crate::reference::decision::Ambiguous;
use crate::reference::environments::history::History;
use crate::reference::environments::state::State;
use crate::reference::environments::twin::{Twin, twin};
use crate::reference::layouts::{self, RunningSum};
use crate::reference::memory::Memory;
use crate::reference::real::Real;
use crate::spec::random::{self, Stream};
use crate::spec::records::{Episode, joined, word};

/// The state of an environment between dispatches.
pub struct EnvLane<R> {
    /// The environment's own state.
    pub state: Box<dyn State<R>>,
    /// Return of the running episode so far.
    pub episode_return: RunningSum<R>,
    /// Steps of the running episode so far.
    pub episode_length: u32,
}

fn twin_of<R: Real>(plan: &Plan) -> Twin<R> {
    twin(&plan.environment.name).unwrap_or_else(|| panic!("the reference does not know {}", plan.environment.name))
}

impl<R: Real> EnvLane<R> {
    /// A new episode in environment `n`. Its random numbers are keyed by the step of the run at which it begins.
    ///
    /// # Panics
    /// When the reference does not know the environment.
    pub fn begin(plan: &Plan, seed: u64, time: u32, n: usize) -> Self {
        let state = (twin_of(plan).reset)(&mut Stream::new(seed, random::RESET, time, n as u32));
        let state = if plan.environment.history > 1 { Box::new(History::begin(&plan.environment, state)) } else { state };
        EnvLane { state, episode_return: RunningSum::zero(), episode_length: 0 }
    }

    /// Environment `n` of agent `s`.
    ///
    /// # Panics
    /// When the reference does not know the environment.
    pub fn read(plan: &Plan, memory: &Memory<R>, s: usize, n: usize) -> Self {
        let (lanes, first) = (memory.buffer("env_lanes"), (s * plan.envs + n) * plan.environment.lane_words());
        let episode = first + plan.environment.state_words();
        let own = episode - plan.environment.history_words();
        let state = (twin_of(plan).from_words)(&lanes.reals(first..own));
        let state = if plan.environment.history > 1 { Box::new(History::read(&plan.environment, state, &lanes.reals(own..episode))) } else { state };
        EnvLane { state, episode_return: RunningSum::read(lanes, episode + word!(Episode.sum)), episode_length: lanes.u(episode + word!(Episode.steps)) }
    }

    /// Stores environment `n` of agent `s`.
    pub fn write(&self, plan: &Plan, memory: &mut Memory<R>, s: usize, n: usize) {
        let (lanes, first) = (memory.buffer_mut("env_lanes"), (s * plan.envs + n) * plan.environment.lane_words());
        let episode = first + plan.environment.state_words();
        lanes.write_all(first, self.state.to_words());
        self.episode_return.write(lanes, episode + word!(Episode.sum));
        lanes.write_word(episode + word!(Episode.steps), self.episode_length);
        (episode + Episode::WORDS..first + plan.environment.lane_words()).for_each(|padding| lanes.write_word(padding, 0));
    }
}

/// Writes `env_lanes`. Resets within a rollout count steps of the run from 1, so that 0 is free for the first episode.
///
/// # Errors
/// None: nothing is decided.
pub fn reset<R: Real>(plan: &Plan, _index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    for s in 0..plan.agents {
        let seed = joined(layouts::agent(memory, s).seed);
        for n in 0..plan.envs {
            EnvLane::begin(plan, seed, 0, n).write(plan, memory, s, n);
        }
    }
    Ok(())
}
