//! `ppo-gpu eval`: the returns of a saved policy.

use crate::device::gpu::Gpu;
use crate::play::player::{self, Played, Player};
use crate::spec::config::Config;
use crate::spec::environment::Environment;
use crate::spec::records::Transition;
use crate::support::error::{Error, Result};
use crate::support::fault::{Divergence, Fault};
use crate::support::statistics::quantile;
use crate::support::text::{grouped, quantity};
use crate::train::checkpoint::Checkpoint;
use std::io::Write;
use std::time::Duration;

/// Environments in parallel, all agents together.
const MOST_ENVS: usize = 4096;
/// Steps between two checks for finished episodes.
const STEPS: u32 = 64;
/// Half-width of the 95 % confidence interval, in standard errors; the mean of many episodes is nearly normal.
const NORMAL_95: f64 = 1.959_964;

/// What to evaluate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalOptions {
    /// Episodes of each agent.
    pub episodes: u32,
    /// Whether agents take the most probable action instead of a random one.
    pub deterministic: bool,
    /// The one agent to evaluate; all when absent.
    pub agent: Option<usize>,
    /// Steps after which an episode is abandoned.
    pub most_steps: u32,
    /// No progress.
    pub quiet: bool,
}

/// Distribution of the returns, or lengths, of some episodes.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Distribution {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// 95 % confidence interval of the mean (mean ± 1.96 standard errors); none of a single value.
    pub confidence: Option<[f64; 2]>,
    /// Minimum.
    pub min: f64,
    /// Quantiles at 5 %, 25 %, 50 %, 75 % and 95 % (linear between neighbours).
    pub quantiles: [f64; 5],
    /// Maximum.
    pub max: f64,
}

impl Distribution {
    /// The fractions of [`Distribution::quantiles`].
    pub const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

    /// The distribution of `values`, of which there is at least one.
    fn of(mut values: Vec<f64>) -> Distribution {
        values.sort_by(f64::total_cmp);
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0)).sqrt();
        let error = NORMAL_95 * deviation / count.sqrt();
        Distribution {
            mean,
            deviation,
            confidence: (values.len() > 1).then_some([mean - error, mean + error]),
            min: values[0],
            quantiles: Self::QUANTILES.map(|fraction| quantile(&values, fraction)),
            max: values[values.len() - 1],
        }
    }
}

/// The results of one agent.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AgentEvaluation {
    /// Agent, counted from 0.
    pub agent: usize,
    /// Episodes that ended.
    pub episodes: usize,
    /// Where it diverged in training, after which it stopped learning; absent if it did not.
    pub diverged: Option<Divergence>,
    /// The fault that ended its play; absent if there was none.
    pub fault: Option<Fault>,
    /// What the fault is, as a clause.
    pub what: Option<String>,
    /// Episodes that were abandoned; no other number includes them.
    pub unfinished: usize,
    /// Episodes that the time limit ended.
    pub truncated: usize,
    /// Undiscounted returns; absent when no episode ended, or a fault ended its play.
    pub returns: Option<Distribution>,
    /// Lengths in steps.
    pub lengths: Option<Distribution>,
}

/// The results of a saved policy.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Evaluation {
    /// The environment.
    pub env: String,
    /// Updates that had been made.
    pub updates: u32,
    /// Whether agents took the most probable action.
    pub deterministic: bool,
    /// Seed of the episodes.
    pub seed: u64,
    /// Mean over agents of their mean returns, without those whose play a fault ended; absent when no episode ended.
    pub mean_return: Option<f64>,
    /// Steps after which an episode was abandoned.
    pub most_steps: u32,
    /// Each agent.
    pub agents: Vec<AgentEvaluation>,
    /// Environment steps per second, all agents together.
    pub sps: f64,
}

impl Evaluation {
    /// One JSON object, on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers, texts and lists are representable in JSON")
    }

    /// As text.
    pub fn to_text(&self) -> String {
        let how = if self.deterministic { "the most probable actions" } else { "sampled actions" };
        let mut text = format!("{} after {} updates, {how}\n\n", self.env, grouped(self.updates.into()));
        text += "agent  episodes      mean  95 % confidence       deviation      min       5 %      25 %      50 %      75 %      95 %      max    length\n";
        for agent in &self.agents {
            text += &format!("{:>5}  {:>8}", agent.agent, agent.episodes);
            match (&agent.returns, &agent.lengths) {
                (Some(returns), Some(lengths)) => {
                    let confidence = returns.confidence.map_or("-".into(), |[low, high]| format!("{} to {}", quantity(low), quantity(high)));
                    let [mean, deviation, min, max] = [returns.mean, returns.deviation, returns.min, returns.max].map(quantity);
                    text += &format!("  {mean:>8}  {confidence:<20}  {deviation:>9} {min:>8}");
                    returns.quantiles.iter().for_each(|value| text += &format!("  {:>8}", quantity(*value)));
                    text += &format!(" {max:>8}  {:>8}", quantity(lengths.mean));
                }
                _ => text += &agent.what.as_ref().map_or("  no episode ended".into(), |what| format!("  stopped playing: {what}")),
            }
            if agent.unfinished > 0 {
                text += &format!("  ({} given up)", agent.unfinished);
            }
            if let Some(Divergence { update, fault, .. }) = &agent.diverged {
                text += &format!("  ({} in update {update})", fault.end());
            }
            text += "\n";
        }
        if let Some(mean) = self.mean_return.filter(|_| self.agents.len() > 1) {
            let (counted, all) = (self.agents.iter().filter(|agent| agent.returns.is_some()).count(), self.agents.len());
            let of = if counted < all { format!("  (of {counted} of {all} agents)") } else { String::new() };
            text += &format!(" mean            {:>8}{of}\n", quantity(mean));
        }
        let unfinished: usize = self.agents.iter().map(|agent| agent.unfinished).sum();
        if unfinished > 0 {
            let (count, steps) = (grouped(unfinished as u64), grouped(self.most_steps.into()));
            text += &format!(
                "\nnote: {count} episodes were longer than {steps} steps and are left out, so that the figures are those of the shorter ones (--most-steps)\n"
            );
        }
        text + &format!("\n{} environment steps per second\n", grouped(self.sps as u64))
    }

    /// [`Error::Played`] if agents had to stop playing.
    pub fn failure(&self) -> Option<Error> {
        let mut failed = self.agents.iter().filter_map(|agent| Some((agent.agent, agent.fault?, agent.what.clone()?)));
        let (agent, fault, what) = failed.next()?;
        Some(Error::Played { agent, fault, what, agents: 1 + failed.count() })
    }
}

/// Plays [`EvalOptions::episodes`] episodes with each agent of `checkpoint`, one of a run of `config` on `environment`. Every environment contributes the same
/// number of episodes (up to a remainder), its first ones: otherwise short episodes would count too often. An agent with a fault stops playing, and the others
/// continue ([`Evaluation::failure`]).
///
/// # Errors
/// [`Error::Config`] when there is no such agent; those of [`Player::new`]; [`Error::Environment`] when the driver ended a loop early; [`Error::Device`] when
/// the device failed.
pub fn evaluate(gpu: &Gpu, config: &Config, environment: &Environment, checkpoint: &Checkpoint, options: &EvalOptions) -> Result<Evaluation> {
    let agents: Vec<usize> = match options.agent {
        Some(agent) if agent >= config.agents as usize => return Err(Error::no_agent(agent, config.agents as usize)),
        Some(agent) => vec![agent],
        None => (0..config.agents as usize).collect(),
    };
    let episodes = options.episodes as usize;
    if episodes == 0 {
        return Err(Error::config("--episodes", "0 episodes tell nothing", "nearest that works: 1"));
    }
    if options.most_steps == 0 {
        return Err(Error::config("--most-steps", "no episode ends within 0 steps", "nearest that works: 1"));
    }
    let each = episodes.div_ceil((MOST_ENVS / agents.len()).max(1).min(episodes));
    let envs = episodes.div_ceil(each);
    let play = player::PlayerOptions { agents: agents.clone(), envs: envs as u32, steps: STEPS, seed: config.seed, deterministic: options.deterministic };
    let mut player = Player::new(gpu, config, environment, Some(checkpoint), &play)?;

    let mut tallies: Vec<Tally> = agents.iter().map(|_| Tally::new(envs, each, episodes)).collect();
    let (began, mut told, mut steps) = (gpu.now(), gpu.now(), 0);
    while tallies.iter().any(|tally| !tally.is_done()) {
        let Played { transitions, faults } = player.advance_all()?;
        steps += transitions.len();
        for ((tally, transitions), fault) in tallies.iter_mut().zip(transitions.chunks_exact(transitions.len() / agents.len())).zip(faults) {
            match fault {
                // What an agent does after its last episode is of no interest.
                _ if tally.is_done() => {}
                None => tally.take(transitions, options.most_steps),
                Some(_) => tally.fault = fault,
            }
        }
        if !options.quiet && gpu.since(told) > PERIOD {
            told = gpu.now();
            let done: usize = tallies.iter().map(|tally| tally.returns.len()).sum();
            // Nothing more can be reported if stderr is closed.
            let _ = writeln!(std::io::stderr(), "{} of {} episodes have ended", grouped(done as u64), grouped((episodes * agents.len()) as u64));
        }
    }
    let sps = (steps as f64 / gpu.since(began).as_secs_f64()).round();
    let diverged = checkpoint.divergences(player.plan());
    let of = |agent: usize| diverged.iter().find(|divergence| divergence.agent as usize == agent).cloned();
    let agents: Vec<AgentEvaluation> = agents.into_iter().zip(tallies).map(|(agent, tally)| tally.evaluation(agent, of(agent), environment)).collect();
    let means: Vec<f64> = agents.iter().filter_map(|agent| Some(agent.returns.as_ref()?.mean)).collect();
    Ok(Evaluation {
        env: environment.name.clone(),
        updates: checkpoint.updates,
        deterministic: options.deterministic,
        seed: config.seed,
        most_steps: options.most_steps,
        mean_return: (!means.is_empty()).then(|| means.iter().sum::<f64>() / means.len() as f64),
        agents,
        sps,
    })
}

/// How often progress is reported.
const PERIOD: Duration = Duration::from_secs(5);

/// The finished episodes of one agent.
struct Tally {
    /// Episodes still to come from each environment.
    left: Vec<usize>,
    returns: Vec<f64>,
    lengths: Vec<f64>,
    truncated: usize,
    unfinished: usize,
    fault: Option<Fault>,
}

impl Tally {
    fn new(envs: usize, each: usize, episodes: usize) -> Tally {
        // The last environments contribute one fewer if the division leaves a remainder.
        let less = envs * each - episodes;
        let left = (0..envs).map(|n| each - usize::from(n >= envs - less)).collect();
        Tally { left, returns: Vec::new(), lengths: Vec::new(), truncated: 0, unfinished: 0, fault: None }
    }

    fn is_done(&self) -> bool {
        self.fault.is_some() || self.left.iter().all(|&left| left == 0)
    }

    /// Adds transitions, `[step][environment]`.
    fn take(&mut self, transitions: &[Transition], most_steps: u32) {
        for step in transitions.chunks_exact(self.left.len()) {
            for (left, transition) in self.left.iter_mut().zip(step).filter(|(left, _)| **left > 0) {
                if transition.ended() {
                    self.returns.push(f64::from(transition.episode_return));
                    self.lengths.push(f64::from(transition.episode_length));
                    self.truncated += usize::from(transition.truncated());
                    *left -= 1;
                } else if transition.episode_length >= most_steps {
                    // Otherwise it could last forever, and the environment's other episodes would have to wait.
                    self.unfinished += std::mem::take(left);
                }
            }
        }
    }

    fn evaluation(self, agent: usize, diverged: Option<Divergence>, environment: &Environment) -> AgentEvaluation {
        // The episodes that ended before a fault say nothing about those that could not.
        let distribution = |values: Vec<f64>| (!values.is_empty() && self.fault.is_none()).then(|| Distribution::of(values));
        AgentEvaluation {
            agent,
            diverged,
            episodes: self.returns.len(),
            fault: self.fault,
            what: self.fault.map(|fault| environment.sentence(fault)),
            unfinished: self.unfinished,
            truncated: self.truncated,
            returns: distribution(self.returns),
            lengths: distribution(self.lengths),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_is_that_of_its_values() {
        let known = Distribution::of((0..=100).rev().map(f64::from).collect());
        assert_eq!((known.mean, known.min, known.max, known.quantiles), (50.0, 0.0, 100.0, [5.0, 25.0, 50.0, 75.0, 95.0]));
        // The variance of 0, 1 ... n - 1 with n - 1 below is n (n + 1) / 12.
        let deviation = (101.0_f64 * 102.0 / 12.0).sqrt();
        assert!((known.deviation - deviation).abs() < 1e-12);
        let error = 1.959_964 * deviation / 101.0_f64.sqrt();
        let [low, high] = known.confidence.expect("more than one value");
        assert!((low - (50.0 - error)).abs() < 1e-12 && (high - (50.0 + error)).abs() < 1e-12);
        let one = Distribution::of(vec![3.0]);
        assert_eq!((one.mean, one.deviation, one.quantiles, one.confidence), (3.0, 0.0, [3.0; 5], None));
    }

    #[test]
    fn every_environment_contributes_equally_many_episodes_up_to_a_remainder() {
        assert_eq!(Tally::new(4, 3, 10).left, [3, 3, 2, 2]);
        assert_eq!(Tally::new(4, 1, 4).left, [1; 4]);
    }
}
