//! The summary of a run: `summary.json`, `--json`, and lines of text.

use crate::program::plan::{Plan, WINDOW};
use crate::run::device::DeviceSummary;
use crate::run::manifest::Rollback;
use crate::spec::config::Config;
use crate::spec::environment::Environment;
use crate::spec::metrics::Row;
use crate::support::fault::Divergence;
use crate::support::files::{hexadecimal, sha256};
use crate::support::statistics::mean;
use crate::support::text::{grouped, quantity};
use sha2::{Digest, Sha256};
use std::path::Path;

/// How long a run took, in seconds of wall clock.
pub(super) struct Times {
    /// From the start of the program to the first update.
    pub startup_seconds: f64,
    /// From the first update to the last row.
    pub seconds: f64,
}

/// The results of one agent.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AgentSummary {
    /// Agent, counted from 0.
    pub agent: u32,
    /// Its seed.
    pub seed: u64,
    /// Whether its last 100 finished episodes have a mean return that counts as solved.
    pub solved: bool,
    /// Its environment steps at the first update after which that was so.
    pub solved_at_env_steps: Option<u64>,
    /// Seconds of training at that update.
    pub solved_at_seconds: Option<f64>,
    /// Whether it stopped because it reached `target_return`.
    pub reached_target: bool,
    /// Where it diverged, after which it stayed at its last finite parameters; absent if it did not.
    pub diverged: Option<Divergence>,
    /// Environment steps that it learned from.
    pub env_steps: u64,
    /// Mean return of its last finished episodes, at most 100; absent when none finished.
    pub mean_return: Option<f32>,
    /// Episodes in this mean.
    pub window: u32,
    /// Episodes that finished.
    pub episodes: u64,
    /// SHA-256 of its parameters; see [`Summary::params_sha256`].
    pub params_sha256: String,
}

/// Data kept for an agent while it trains.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    /// Its last row.
    pub last: Option<Row>,
    /// Environment steps and seconds at the first update after which it was solved.
    pub solved_at: Option<(u64, f64)>,
}

/// Whether the row's mean return is that of a full window and as high as `solved_return`.
pub(super) fn is_solved(row: &Row, solved_return: Option<f32>) -> bool {
    row.window >= WINDOW && row.mean_return.zip(solved_return).is_some_and(|(value, solved)| value >= solved)
}

/// Most diverged agents that are listed one by one.
const MOST_DIVERGED: usize = 8;

/// The results of a run. Its JSON is `summary.json` and the output of `--json`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Whether every agent's last 100 finished episodes have a mean return that counts as solved.
    pub solved: bool,
    /// Mean return from which the environment counts as solved, if it declares one.
    pub solved_return: Option<f32>,
    /// Environment steps of the agent that learned longest.
    pub env_steps: u64,
    /// Seconds of training, without start-up.
    pub seconds: f64,
    /// Seconds from the start of the program to the first update.
    pub startup_seconds: f64,
    /// Environment steps per second of training, all agents together.
    pub sps: f64,
    /// Mean over agents of their mean return.
    pub mean_return: Option<f32>,
    /// Episodes that finished, all agents together.
    pub episodes: u64,
    /// SHA-256 of all parameters: little-endian f32, without padding, agent after agent, actor then critic, biases then weights of each layer.
    pub params_sha256: String,
    /// Each agent.
    pub agents: Vec<AgentSummary>,
    /// The device.
    #[serde(flatten)]
    pub device: DeviceSummary,
    /// How kernels were compiled.
    pub profile: &'static str,
    /// Version of this program.
    pub version: &'static str,
    /// Whether it was stopped by Ctrl-C.
    pub interrupted: bool,
    /// The first agent that diverged, if any did; [`AgentSummary::diverged`] has all of them. The other agents continued to learn.
    pub diverged: Option<Divergence>,
    /// Its rollbacks after agents diverged.
    pub rollbacks: Vec<Rollback>,
    /// The effective configuration.
    pub config: Config,
}

impl Summary {
    pub(super) fn new(
        plan: &Plan,
        device: DeviceSummary,
        memories: &[Memory],
        parameters: &[f32],
        times: Times,
        interrupted: bool,
        rollbacks: Vec<Rollback>,
    ) -> Summary {
        let solved_return = plan.environment.solved_return;
        let rounded = |seconds: f64| (seconds * 1e3).round() / 1e3;
        let mut all = Sha256::new();
        let rows = parameters.chunks_exact(plan.network.padded_parameters());
        let agents: Vec<AgentSummary> = memories
            .iter()
            .zip(rows)
            .zip(0..)
            .map(|((memory, padded), agent)| {
                let bytes = parameter_bytes(plan, padded);
                all.update(&bytes);
                let last = memory.last.as_ref();
                AgentSummary {
                    agent,
                    seed: plan.seed(agent as usize),
                    solved: last.is_some_and(|row| is_solved(row, solved_return)),
                    solved_at_env_steps: memory.solved_at.map(|(steps, _)| steps),
                    solved_at_seconds: memory.solved_at.map(|(_, seconds)| rounded(seconds)),
                    reached_target: last.is_some_and(|row| row.stops && row.fault.is_none()),
                    diverged: last.and_then(|row| row.divergence(&plan.environment)),
                    env_steps: last.map_or(0, |row| row.env_steps),
                    mean_return: last.and_then(|row| row.mean_return),
                    window: last.map_or(0, |row| row.window),
                    episodes: last.map_or(0, |row| row.total_episodes),
                    params_sha256: sha256(&bytes),
                }
            })
            .collect();
        let all_steps: u64 = agents.iter().map(|agent| agent.env_steps).sum();
        Summary {
            solved: agents.iter().all(|agent| agent.solved),
            solved_return,
            env_steps: agents.iter().map(|agent| agent.env_steps).max().unwrap_or(0),
            seconds: rounded(times.seconds),
            startup_seconds: rounded(times.startup_seconds),
            sps: (all_steps as f64 / times.seconds.max(1e-9)).round(),
            mean_return: mean(agents.iter().filter_map(|agent| agent.mean_return)),
            episodes: agents.iter().map(|agent| agent.episodes).sum(),
            params_sha256: hexadecimal(&all.finalize()),
            agents,
            device,
            profile: plan.profile.name,
            version: env!("CARGO_PKG_VERSION"),
            interrupted,
            diverged: divergences(memories, &plan.environment).into_iter().next(),
            rollbacks,
            config: plan.config.clone(),
        }
    }

    /// One JSON object, on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers, texts and lists are representable in JSON")
    }

    /// The summary of a run in `directory` as text.
    pub fn to_text(&self, directory: &Path) -> String {
        let count = |agents: usize| if self.agents.len() == 1 { String::new() } else { format!(" ({agents} of {} agents)", self.agents.len()) };
        let solved = self.agents.iter().filter(|agent| agent.solved).count();
        let reached = self.agents.iter().filter(|agent| agent.solved_at_env_steps.is_some()).count();
        // The last agent to get there.
        let at = self.agents.iter().filter_map(|agent| Some((agent.solved_at_env_steps?, agent.solved_at_seconds?)));
        let at = at.fold((0, 0.0_f64), |most, one| (most.0.max(one.0), most.1.max(one.1)));
        let wanted = self.solved_return.unwrap_or_default();
        let first = format!("a mean return of {wanted} was first reached after {} environment steps and {:.1} s", grouped(at.0), at.1);
        let diverged: Vec<&Divergence> = self.agents.iter().filter_map(|agent| agent.diverged.as_ref()).collect();
        let mut outcome = match (self.solved, reached) {
            _ if diverged.len() == self.agents.len() => String::new(),
            _ if self.solved_return.is_none() => "done\n".into(),
            (true, _) => format!("solved    {first}\n"),
            (false, 0) => format!("not solved: a mean return of {wanted} over 100 episodes was not reached\n"),
            (false, _) => format!("not solved at the end{}; {first}{}\n", count(solved), count(reached)),
        };
        for Divergence { agent, update, fault, what, .. } in diverged.iter().take(MOST_DIVERGED) {
            outcome += &format!("{:<8}  agent {agent} in update {update}: {what}\n", fault.end());
        }
        if diverged.len() > MOST_DIVERGED {
            outcome += &format!("          and {} more agents; summary.json lists them\n", diverged.len() - MOST_DIVERGED);
        }
        if let Some(last) = self.rollbacks.last() {
            let count = grouped(self.rollbacks.len() as u64);
            outcome += &format!("rollbacks {count}, the last one to update {}; learning rates are now lower (run.json has them all)\n", last.to_update);
        }
        outcome.truncate(outcome.trim_end().len());
        // The number for the agent with the fewest; all others have at least as many.
        let episodes = self.agents.iter().filter(|agent| agent.mean_return.is_some()).map(|agent| agent.window).min().unwrap_or(0);
        let window = if episodes == 1 { "episode".into() } else { format!("{episodes} episodes") };
        let mean_return = match self.mean_return {
            Some(value) if self.agents.len() == 1 => format!("{} over the last {window}", quantity(value)),
            Some(value) => {
                let returns = || self.agents.iter().filter_map(|agent| agent.mean_return);
                let (least, most) = (returns().fold(f32::INFINITY, f32::min), returns().fold(f32::NEG_INFINITY, f32::max));
                let [value, least, most] = [value, least, most].map(quantity);
                let (some, all) = (returns().count(), self.agents.len());
                let agents = if some < all { format!("{some} of {all} agents") } else { format!("{all} agents") };
                format!("{value} over the last {window}, mean of {agents} ({least} to {most})")
            }
            None => "no episode finished".into(),
        };
        let ended = match self.config.target_return {
            _ if self.interrupted => " (interrupted)".into(),
            Some(target) if self.agents.iter().all(|agent| agent.reached_target) => format!(" (to the target return of {target})"),
            _ => String::new(),
        };
        let each = if self.agents.len() == 1 { "" } else { " per agent" };
        let lines = [
            outcome,
            format!("return    {mean_return}"),
            format!(
                "trained   {} environment steps{each} in {:.1} s{}, after {:.1} s of start-up",
                grouped(self.env_steps),
                self.seconds,
                ended,
                self.startup_seconds
            ),
            format!("speed     {} environment steps per second", grouped(self.sps as u64)),
            format!("device    {}, {}{}", self.device.device, self.device.backend, if self.device.software { ", software" } else { "" }),
            format!(
                "run       {}{}",
                directory.display(),
                if self.interrupted { format!(" (ppo-gpu resume {} continues it)", directory.display()) } else { String::new() }
            ),
        ];
        lines.join("\n") + "\n"
    }
}

/// The agents that diverged in `environment`, in the order in which they did.
pub(super) fn divergences(memories: &[Memory], environment: &Environment) -> Vec<Divergence> {
    let mut found: Vec<Divergence> = memories.iter().filter_map(|memory| memory.last.as_ref()?.divergence(environment)).collect();
    found.sort_by_key(|divergence| (divergence.update, divergence.agent));
    found
}

/// An agent's parameters without padding, from a row of the padded layout.
fn parameter_bytes(plan: &Plan, padded: &[f32]) -> Vec<u8> {
    (0..crate::spec::network::NETWORKS).flat_map(|network| plan.network.slots(network)).flat_map(|slot| padded[slot].to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::profile::Profile;
    use crate::spec::records::MetricsRow;
    use crate::support::fault;
    use bytemuck::Zeroable;

    fn summary(agents: u32, returns: &[f32], parameters: impl Fn(usize) -> f32, diverged: Option<u32>) -> Summary {
        let config = Config { agents, hidden: vec![3], ..Config::default() };
        let plan = Plan::new(&config, Profile::named("gpu").expect("a profile")).expect("sizes that fit");
        let memories: Vec<Memory> = (0..agents)
            .map(|agent| {
                let fault = if diverged == Some(agent) { fault::GRADIENT.code() } else { fault::NONE };
                let raw =
                    MetricsRow { update: 2 + agent, window: 100, mean_return: returns[agent as usize], total_episodes: [10, 0], fault, ..MetricsRow::zeroed() };
                let row = plan.row(&raw, agent, 1.0, 1.0);
                let solved_at = is_solved(&row, Some(475.0)).then_some((512, 0.5));
                Memory { last: Some(row), solved_at }
            })
            .collect();
        let mut values = vec![f32::NAN; agents as usize * plan.network.padded_parameters()];
        for (s, row) in values.chunks_exact_mut(plan.network.padded_parameters()).enumerate() {
            for slot in (0..2).flat_map(|network| plan.network.slots(network)) {
                row[slot] = parameters(s);
            }
        }
        let device = DeviceSummary { device: "test".into(), backend: "noop".into(), driver: String::new(), software: true };
        Summary::new(&plan, device, &memories, &values, Times { startup_seconds: 1.0, seconds: 2.0 }, false, Vec::new())
    }

    #[test]
    fn summary_fields_are_computed_as_documented() {
        let two = summary(2, &[500.0, 100.0], |s| s as f32, None);
        assert_eq!((two.solved, two.agents[0].solved, two.agents[1].solved), (false, true, false));
        assert_eq!((two.env_steps, two.sps, two.episodes, two.mean_return), (3 * 512, 5.0 * 512.0 / 2.0, 20, Some(300.0)));
        let json: serde_json::Value = serde_json::from_str(&two.to_json()).expect("JSON");
        for name in ["solved", "env_steps", "seconds", "mean_return", "episodes", "params_sha256", "device", "driver", "config"] {
            assert!(!json[name].is_null(), "{name}");
        }
        assert!(json["diverged"].is_null() && json["agents"][0]["diverged"].is_null() && json["agents"][1]["solved_at_env_steps"].is_null());
    }

    #[test]
    fn parameters_are_hashed_without_padding_and_for_each_agent() {
        let two = summary(2, &[0.0, 0.0], |s| s as f32, None);
        let one = summary(1, &[0.0], |_| 1.0, None);
        assert_eq!(two.agents[1].params_sha256, one.params_sha256);
        assert_eq!(one.agents[0].params_sha256, one.params_sha256);
        assert_ne!(two.agents[0].params_sha256, two.agents[1].params_sha256);
        // 4-3-2 and 4-3-1: 23 + 19 parameters; sha256 of 42 times 00 00 80 3f.
        let expected = sha256([0, 0, 0x80, 0x3f].repeat(42));
        assert_eq!(one.params_sha256, expected);
    }

    #[test]
    fn the_text_of_a_summary_reports_the_outcome() {
        let path = Path::new("runs/x");
        assert!(
            summary(1, &[500.0], |_| 0.0, None)
                .to_text(path)
                .starts_with("solved    a mean return of 475 was first reached after 512 environment steps and 0.5 s\n")
        );
        assert!(summary(1, &[50.0], |_| 0.0, None).to_text(path).starts_with("not solved: "));
        assert!(summary(2, &[50.0, 480.0], |_| 0.0, None).to_text(path).starts_with("not solved at the end (1 of 2 agents); "));
        let one = summary(1, &[50.0], |_| 0.0, Some(0)).to_text(path);
        assert!(one.starts_with("diverged  agent 0 in update 2: the first quantity that is not finite is the gradient\n"), "{one}");
        let two = summary(2, &[50.0, 480.0], |_| 0.0, Some(0)).to_text(path);
        assert!(two.starts_with("not solved at the end (1 of 2 agents); ") && two.contains("\ndiverged  agent 0 in update 2: "), "{two}");
    }
}
