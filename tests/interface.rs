//! What lies between an environment and its policy: how actions reach it.

mod common;

use common::{gpu, profile};
use ppo_gpu::program::plan::Plan;
use ppo_gpu::reference::dense;
use ppo_gpu::spec::config::Config;
use ppo_gpu::spec::environment::Environment;
use ppo_gpu::spec::network::ACTOR;
use ppo_gpu::spec::records::{Transition, word};
use ppo_gpu::train::trainer::Trainer;
use std::ops::ControlFlow;

/// The configuration of `key=value` pairs.
fn config(assignments: &str) -> Config {
    let pairs = assignments.split_whitespace().map(|pair| pair.split_once('=').unwrap());
    Config::from_layers(pairs.map(|(key, value)| Config::assignment(key, value).unwrap())).unwrap()
}

/// A trainer that has made all updates of `config` on `environment`.
fn trained(config: &Config, environment: &Environment, name: &str) -> Trainer {
    let plan = Plan::with_environment(config, environment.clone(), profile(name)).unwrap();
    let mut trainer = Trainer::new(gpu().clone(), plan).unwrap_or_else(|error| panic!("{error}\n{}", error.help()));
    trainer.run(&mut |_| ControlFlow::Continue(())).unwrap();
    trainer
}

/// Contents of a buffer as floats.
fn floats(trainer: &Trainer, name: &str) -> Vec<f32> {
    trainer.engine().read(name).unwrap().into_iter().map(f32::from_bits).collect()
}

/// An environment that pays the first number of its action and observes both; the bounds are not symmetric.
const GIVEN: &str = "
//! import rng
const OBSERVATION: u32 = 2u;
const ACTION_LOW = array(-3.0f, 2.0f);
const ACTION_HIGH = array(5.0f, 2.5f);
const TIME_LIMIT: u32 = 100u;
struct EnvState { x: f32, y: f32 }
fn env_reset(rng: ptr<function, Rng>) -> EnvState { return EnvState(0.0, 0.0); }
fn env_step(state: ptr<function, EnvState>, action: array<f32, 2>, rng: ptr<function, Rng>) -> Outcome {
    *state = EnvState(action[0], action[1]);
    return Outcome(action[0], false);
}
fn env_observe(state: EnvState) -> array<f32, OBSERVATION> { return array(state.x, state.y); }
";

/// The environment gets the action between its bounds; what is stored, and what log-probabilities are of, is the value that was sampled.
#[test]
fn actions_are_clipped_or_scaled_on_the_way_to_the_environment() {
    let (low, high) = ([-3.0, 2.0], [5.0, 2.5]);
    let environment = Environment::parse("given", GIVEN).unwrap();
    for (actions, name) in ["clip", "scale"].into_iter().flat_map(|actions| ["software", "gpu"].map(|name| (actions, name))) {
        // Nothing is learned: deviations stay 1, so that many values lie beyond -1 and 1, and beyond the bounds.
        let config = config(&format!("envs=64 steps=9 minibatches=1 epochs=1 hidden=4 total_steps=576 lr=0 actions={actions}"));
        let trainer = trained(&config, &environment, name);
        let plan = trainer.plan();
        let [sampled, observed, steps] = ["actions", "observations", "transitions"].map(|name| floats(&trainer, name));
        let params: Vec<f64> = trainer.parameters().unwrap().into_iter().map(f64::from).collect();
        let mut beyond = 0;
        for b in 0..plan.batch {
            let seen = |row: usize| &observed[2 * row..2 * row + 2];
            let means = dense::forward(&plan.network, ACTOR, &params, seen(b).iter().map(|&x| f64::from(x)).collect()).head;
            let mut log_prob = -std::f64::consts::TAU.ln();
            for d in 0..2 {
                let x = f64::from(sampled[2 * b + d]);
                beyond += usize::from(x.abs() > 1.0);
                log_prob -= 0.5 * (x - means[d]).powi(2);
                let expected = if actions == "scale" { low[d] + (x.clamp(-1.0, 1.0) + 1.0) / 2.0 * (high[d] - low[d]) } else { x }.clamp(low[d], high[d]);
                let taken = f64::from(seen(b + plan.envs)[d]);
                // Four roundings of numbers up to 8, of at most 2^-24 of them each; bounds, and what is only clipped, are exact.
                let off = if x.abs() >= 1.0 || actions == "clip" { 0.0 } else { 4.0 * 8.0 * 2f64.powi(-24) };
                assert!((taken - expected).abs() <= off, "{actions}, {name}: {x} became {taken} instead of {expected}");
            }
            // Means and squares of up to 25: a dozen roundings of 2^-24 of it each, and means off by 1e-6, of which 2 * 5 times are in the squares.
            let stored = f64::from(steps[word!(Transition[b].log_prob)]);
            assert!((stored - log_prob).abs() < 12.0 * 25.0 * 2f64.powi(-24) + 1e-5, "{actions}, {name}: {stored} instead of {log_prob}");
            assert_eq!(steps[word!(Transition[b].reward)], seen(b + plan.envs)[0], "{actions}, {name}");
        }
        assert!(beyond > plan.batch / 4 && beyond < 2 * plan.batch, "{actions}, {name}");
    }
}

#[test]
fn choices_cannot_be_scaled() {
    let error = Plan::new(&config("env=CartPole-v1 actions=scale"), profile("auto")).unwrap_err();
    assert_eq!(error.to_string(), "actions: the actions of CartPole-v1 are choices, which have no bounds to be scaled to");
    assert!(error.help().contains("\"clip\""), "{}", error.help());
}
