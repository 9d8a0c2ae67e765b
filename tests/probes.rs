//! Probe environments: each isolates one part of the algorithm, and has a best return and values that are known. Trained for a stated number of updates
//! every seed must reach them; with the part that the probe isolates broken, none may.
//!
//! What is asked of a run: the mean return of its last 100 episodes, and the critic's value of every observation of its last rollout.

mod common;

use ppo_gpu::device::engine::{EngineOptions, Rewrite};
use ppo_gpu::program::plan::Plan;
use ppo_gpu::spec::config::Config;
use ppo_gpu::train::trainer::Trainer;
use std::ops::{ControlFlow, RangeInclusive};

/// 32 environments, 16 steps: 512 samples an update, 16 gradient steps of 128 samples each.
const COMMON: &str = "envs=32 steps=16 minibatches=4 epochs=4 hidden=16 agents=3 lr=1e-2 entropy_coef=0";

struct Probe {
    env: &'static str,
    keys: &'static str,
    updates: usize,
    /// Where the mean return of the last 100 episodes must lie.
    mean_return: RangeInclusive<f32>,
    /// V* of an observation, if it is known of this one.
    value: fn(&[f32]) -> Option<f32>,
    /// What values may be off by. They follow targets at a learning rate that ends near 0, so what is left is the spread of the targets' means over a few
    /// hundred samples, and what the policy still loses by exploring.
    off: f32,
}

/// What is left of a run: for each agent its mean return, and all observations of its last rollout with their values.
type Seen = Vec<(f32, Vec<(Vec<f32>, f32)>)>;

impl Probe {
    fn train(&self, more: &str, rewrite: Option<Rewrite>) -> Seen {
        let pairs = format!("env={} {COMMON} total_steps={} {} {more}", self.env, self.updates * 512, self.keys);
        let pairs = pairs.split_whitespace().map(|pair| pair.split_once('=').unwrap()).map(|(key, value)| Config::assignment(key, value).unwrap());
        // Later ones replace earlier ones.
        let config = Config::from_layers(pairs).unwrap();
        let plan = Plan::new(&config, common::profile("auto")).unwrap();
        let mut trainer = Trainer::with_options(common::gpu().clone(), plan, &EngineOptions { rewrite, ..EngineOptions::default() }).unwrap();
        let mut last = Vec::new();
        trainer
            .run(&mut |rows| {
                last = rows.to_vec();
                ControlFlow::Continue(())
            })
            .unwrap();
        let (plan, engine) = (trainer.plan(), trainer.engine());
        let [observations, values] = ["observations", "values"].map(|name| engine.read(name).unwrap().into_iter().map(f32::from_bits).collect::<Vec<f32>>());
        let size = plan.environment.observation;
        let agent = |s: usize| {
            let rows = (0..plan.steps * plan.envs).map(|b| s * plan.value_rows() * plan.envs + b);
            let seen = rows.map(|i| (observations[i * size..][..size].to_vec(), values[i])).collect();
            (last[s].mean_return.unwrap(), seen)
        };
        (0..plan.agents).map(agent).collect()
    }

    /// For each agent what it did not reach, if anything.
    fn missed(&self, seen: &Seen) -> Vec<Option<String>> {
        let missed = |(mean_return, values): &(f32, Vec<(Vec<f32>, f32)>)| {
            if !self.mean_return.contains(mean_return) {
                return Some(format!("a mean return of {mean_return}"));
            }
            let known = values.iter().filter_map(|(observation, value)| (self.value)(observation).map(|known| (observation, *value, known)));
            let mut count = 0;
            for (observation, value, known) in known {
                count += 1;
                let off = (value - known).abs();
                if off.is_nan() || off > self.off {
                    return Some(format!("V({observation:?}) = {value}, {known} is right"));
                }
            }
            assert!(count > 0, "{}: no observation whose value is known", self.env);
            None
        };
        seen.iter().map(missed).collect()
    }

    /// The probe is passed; with `keys`, or `from` replaced by `to` in the kernels (all where it occurs), by no seed.
    fn isolates(&self, broken: Broken) {
        let healthy = self.missed(&self.train("", None));
        assert!(healthy.iter().all(Option::is_none), "{}: {healthy:?}", self.env);
        let seen = match broken {
            Broken::Key(keys) => self.train(keys, None),
            Broken::Text(from, to) => {
                let found = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
                let seen_by_kernel = found.clone();
                let rewrite = move |_: &str, source: String| {
                    seen_by_kernel.fetch_or(source.contains(from), std::sync::atomic::Ordering::Relaxed);
                    source.replace(from, to)
                };
                let seen = self.train("", Some(Box::new(rewrite)));
                assert!(found.load(std::sync::atomic::Ordering::Relaxed), "no kernel contains `{from}`");
                seen
            }
        };
        let missed = self.missed(&seen);
        println!("{}: broken, it ends with {missed:?}", self.env);
        assert!(missed.iter().all(Option::is_some), "{}: passed although {broken:?}: {missed:?}", self.env);
    }
}

/// How a part of the algorithm is broken.
#[derive(Debug, Clone, Copy)]
enum Broken {
    Key(&'static str),
    Text(&'static str, &'static str),
}

/// The policy's slope with the wrong sign. Pulls are paid with a deviation of 0.5, so means of 100 are off by 0.05: four of these are admitted.
#[test]
fn bandit_tests_the_policy() {
    let probe = Probe { env: "Probe/Bandit", keys: "", updates: 40, mean_return: 0.7..=1.1, value: |_| Some(0.9), off: 0.1 };
    probe.isolates(Broken::Text("select(0.0, -unclipped, unclipped <= clipped)", "select(0.0, unclipped, unclipped <= clipped)"));
}

/// The critic does not learn.
#[test]
fn value_is_about_the_critic() {
    let probe = Probe { env: "Probe/Value", keys: "", updates: 40, mean_return: -1.0..=1.0, value: |o| Some(o[0]), off: 0.1 };
    probe.isolates(Broken::Text("agent.value_coef * slope", "0.0 * slope"));
}

/// Gradients are taken at the observation of another sample.
#[test]
fn choice_tests_the_observation() {
    let probe = Probe { env: "Probe/Choice", keys: "", updates: 60, mean_return: 0.97..=1.0, value: |_| Some(1.0), off: 0.1 };
    probe.isolates(Broken::Text(
        "network_fetch((s * VALUE_ROWS * ENVS + b) * OBSERVATION_WORDS, lane)",
        "network_fetch(s * VALUE_ROWS * ENVS * OBSERVATION_WORDS, lane)",
    ));
}

/// One-step differences instead of advantages that reach back.
#[test]
fn delay_tests_credit_over_time() {
    // The elapsed part of the delay of 8 steps: V* = 0.99 ^ (8 - elapsed).
    let value = |o: &[f32]| Some(0.99f32.powf(8.0 * (1.0 - o[0])));
    let probe = Probe { env: "Probe/Delay", keys: "", updates: 80, mean_return: 0.95..=1.0, value, off: 0.1 };
    probe.isolates(Broken::Key("gae_lambda=0"));
}

/// The time limit as an end.
#[test]
fn time_limit_tests_truncation() {
    let probe = Probe { env: "Probe/TimeLimit", keys: "gamma=0.9", updates: 80, mean_return: 5.0..=5.0, value: |_| Some(10.0), off: 0.5 };
    probe.isolates(Broken::Key("time_limit=terminal"));
}

/// The policy acts as if every action were legal.
#[test]
fn masked_is_about_masks() {
    let value = |o: &[f32]| Some(if o[0] == 1.0 { 0.5 } else { 1.0 });
    // Situations are drawn: 1/2 or 1 with a mean of 7/8 and a deviation of 0.22, so four deviations of a mean of 100 are 0.09.
    let probe = Probe { env: "Probe/Masked", keys: "", updates: 60, mean_return: 0.78..=0.97, value, off: 0.1 };
    probe.isolates(Broken::Text("let legal = legal_actions(state);", "var legal = legal_actions(state); legal.bits[0] = 31u;"));
}

/// The mean's slope with the wrong sign.
#[test]
fn target_tests_the_normal_distribution() {
    let probe = Probe { env: "Probe/Target", keys: "", updates: 80, mean_return: -0.02..=0.0, value: |_| Some(0.0), off: 0.1 };
    probe.isolates(Broken::Text("log_prob_slope * z * inverse", "-log_prob_slope * z * inverse"));
}

/// Without the observation before.
#[test]
fn memory_is_about_the_history_of_observations() {
    // At the first step both observations are the signal; at the second the older one is.
    let value = |o: &[f32]| (o.len() == 2).then(|| if o[1] == 0.0 { 1.0 } else { 0.99 });
    let probe = Probe { env: "Probe/Memory", keys: "observation_history=2", updates: 80, mean_return: 0.95..=1.0, value, off: 0.1 };
    probe.isolates(Broken::Key("observation_history=1"));
}
