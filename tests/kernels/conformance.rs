//! The outside world: trajectories from Gymnasium; policies from distrax; losses, gradients, clipping and Adam steps from JAX and optax; advantages from their definition.
//! `tests/conformance/` holds the data and the program that made it.
//!
//! The outside figures are f64. What an f32 kernel may differ from them by is derived, not chosen: the reference runs on the same inputs in numbers that carry
//! a bound on the rounding of f32 programs. `F64` is what two f64 programs of different operation order may differ by.

use crate::environment::step;
use crate::harness::{Words, download, gpu, plan, profile, upload, without_guard};
use ppo_gpu::device::engine::{Engine, EngineOptions};
use ppo_gpu::program::kernel;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::schedule::{self, Dispatch, Step};
use ppo_gpu::reference::environments::twin::twin;
use ppo_gpu::reference::memory::{Cell, Memory};
use ppo_gpu::reference::policy::{Action, Policy};
use ppo_gpu::reference::tracked::{Tracked, U};
use ppo_gpu::reference::{self, Site};
use ppo_gpu::spec::environment::Actions;
use ppo_gpu::spec::network::{ACTOR, CRITIC, NETWORKS};
use ppo_gpu::spec::random::Stream;
use ppo_gpu::spec::records::{Agent, Losses, Transition, word};
use ppo_gpu::train::agents::agent_rows;
use serde_json::Value;

/// Relative difference of two f64 computations of a few thousand operations: 2^-53 times the operations, times the condition of a normalised sum, stays below.
const F64: f64 = 1e-9;

fn read(name: &str) -> Value {
    let path = format!("{}/tests/conformance/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap()
}

/// All numbers (and truth values, as 0 and 1) of a nested list, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        Value::Bool(truth) => vec![f64::from(u8::from(*truth))],
        other => vec![other.as_f64().unwrap_or_else(|| panic!("{other} is not a number"))],
    }
}

fn bits(value: &Value) -> Vec<u32> {
    numbers(value).into_iter().map(|number| (number as f32).to_bits()).collect()
}

fn at<'a>(value: &'a Value, key: &str) -> &'a Value {
    value.get(key).unwrap_or_else(|| panic!("the data has no `{key}`"))
}

/// Compares every recorded step of a classic control environment, each from the recorded state. `angle`: this variable counts modulo 2 pi. `own`: what the
/// recording software's own rounding amounts to, relative to numbers of order 1.
fn follows_gymnasium(env: &str, file: &str, angle: Option<usize>, own: f64) {
    let data = read(file);
    let mut lanes: Vec<Vec<f64>> = Vec::new();
    let (mut after, mut observed, mut actions, mut rewards, mut terminated, mut truncated) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), 0, 0);
    let mut ends = Vec::new();
    let plan = plan(&format!("env={env}"), profile("software"));
    let continuous = matches!(plan.environment.actions, Actions::Continuous { .. });
    for episode in at(&data, "episodes").as_array().unwrap() {
        let states: Vec<Vec<f64>> = numbers(at(episode, "states")).chunks(plan.environment.state_words()).map(<[f64]>::to_vec).collect();
        let flags = numbers(at(episode, "terminated"));
        assert_eq!(states.len(), flags.len() + 1);
        lanes.extend_from_slice(&states[..flags.len()]);
        after.extend_from_slice(&states[1..]);
        if let Some(observations) = episode.get("observations") {
            observed.extend(numbers(observations).chunks(plan.environment.observation).skip(1).map(<[f64]>::to_vec));
        }
        actions.extend(numbers(at(episode, "actions")));
        rewards.extend(numbers(at(episode, "rewards")));
        // Gymnasium truncates at the limit that the WGSL declares, and nowhere else.
        let cut = numbers(at(episode, "truncated"));
        assert!(cut.iter().enumerate().all(|(t, &flag)| (flag == 1.0) == (t + 1 == plan.environment.time_limit as usize)), "{env}: truncation elsewhere");
        terminated += flags.iter().filter(|&&flag| flag == 1.0).count();
        truncated += cut.iter().filter(|&&flag| flag == 1.0).count();
        ends.extend(flags.iter().map(|&flag| flag == 1.0));
    }
    assert!(truncated > 0 && (terminated > 0 || env == "Pendulum-v1"));
    let turned = |k: usize, x: f64| if Some(k) == angle { x - std::f64::consts::TAU * (x / std::f64::consts::TAU).round() } else { x };
    for lane in &mut lanes {
        lane.iter_mut().enumerate().for_each(|(k, x)| *x = turned(k, *x));
    }
    let single: Vec<Vec<f32>> = lanes.iter().map(|state| state.iter().map(|&x| x as f32).collect()).collect();
    let words: Vec<u32> = actions.iter().map(|&action| if continuous { (action as f32).to_bits() } else { action as u32 }).collect();
    let (mut widest, mut farthest) = (0f64, 0f64);
    for (i, stepped) in step(env, &single, &words).iter().enumerate() {
        // The state reaches the device rounded to f32.
        let rounded: Vec<Tracked> = lanes[i].iter().map(|&x| Tracked { value: x, error: U * x.abs() }).collect();
        let mut state = (twin::<Tracked>(env).unwrap().from_words)(&rounded);
        let action = if continuous { Action::Values(vec![Tracked { value: actions[i], error: 0.0 }]) } else { Action::Choices(vec![words[i]]) };
        let site = Site { kernel: "rollout", agent: 0, index: i };
        let outcome = state.step(&action.taken(&plan), &mut Stream::new(0, 0, 0, 0), site).unwrap();
        let mut close = |what: &str, k: usize, bound: Tracked, device: f32, outside: f64, slack: f64| {
            let difference = |x: f64| turned(if what == "variable" { k } else { usize::MAX }, x - outside).abs();
            assert!(difference(bound.value) <= slack, "{env}, step {i}, {what} {k}: the reference has {} and Gymnasium {outside}", bound.value);
            let off = difference(f64::from(device));
            assert!(off <= bound.error + slack, "{env}, step {i}, {what} {k}: {device} instead of {outside} +- {:e}", bound.error);
            (widest, farthest) = (widest.max(bound.error), farthest.max(off));
        };
        for (k, bound) in state.to_words().into_iter().enumerate() {
            close("variable", k, bound, stepped.state[k], after[i][k], own.max(F64));
        }
        if !observed.is_empty() {
            for (k, bound) in state.observe().into_iter().enumerate() {
                // Gymnasium hands observations out rounded to f32.
                close("observation", k, bound, stepped.observation[k], observed[i][k], own.max(F64) + U * observed[i][k].abs());
            }
        }
        close("reward", 0, outcome.reward, stepped.reward, rewards[i], own.max(F64) * rewards[i].abs().max(1.0));
        assert_eq!((stepped.terminated, outcome.terminated), (ends[i], ends[i]), "{env}, step {i}");
    }
    println!(
        "{env}: {} steps compared, {terminated} terminations, {truncated} time limits; off by {farthest:.1e} at most, where {widest:.1e} is admitted",
        words.len()
    );
}

#[test]
fn cartpole_follows_gymnasium_step_by_step() {
    follows_gymnasium("CartPole-v1", "cartpole_v1.json", None, 0.0);
}

#[test]
fn acrobot_follows_gymnasium_step_by_step() {
    follows_gymnasium("Acrobot-v1", "acrobot_v1.json", None, 0.0);
}

#[test]
fn mountain_car_follows_gymnasium_step_by_step() {
    follows_gymnasium("MountainCar-v0", "mountain_car_v0.json", None, 0.0);
}

#[test]
fn continuous_mountain_car_follows_gymnasium_step_by_step() {
    // Gymnasium itself computes it in f32: some four roundings of numbers below 2.
    follows_gymnasium("MountainCarContinuous-v0", "mountain_car_continuous_v0.json", None, 8.0 * U);
}

#[test]
fn pendulum_follows_gymnasium_step_by_step() {
    // Gymnasium takes actions as f32, and computes in f32 what is made of them: some four roundings of numbers below 2.
    follows_gymnasium("Pendulum-v1", "pendulum_v1.json", Some(0), 8.0 * U);
}

/// Puts a `{"actor": [{"weights", "bias"}...], "critic": ...}` into the padded parameter layout.
fn padded(plan: &Plan, networks: &Value) -> Vec<f64> {
    let mut flat = vec![0.0; plan.network.padded_parameters()];
    for (network, name) in [(ACTOR, "actor"), (CRITIC, "critic")] {
        let base = network * plan.network.block();
        for (l, (layer, data)) in plan.network.layers.iter().zip(at(networks, name).as_array().unwrap()).enumerate() {
            let outputs = plan.network.outputs(network, l);
            for (k, bias) in numbers(at(data, "bias")).into_iter().enumerate() {
                flat[base + layer.bias(k)] = bias;
            }
            for (i, weight) in numbers(at(data, "weights")).into_iter().enumerate() {
                flat[base + layer.weight(i / outputs, i % outputs)] = weight;
            }
        }
    }
    flat
}

/// Compares buffer words with outside figures, within what the reference's bounds leave to rounding.
fn close(what: &str, outside: impl IntoIterator<Item = (usize, f64)>, device: &[u32], bounds: &[Cell<Tracked>]) {
    for (i, figure) in outside {
        let Cell::Real(bound) = bounds[i] else { panic!("{what}[{i}] was not computed") };
        let slack = F64 * (1.0 + figure.abs());
        assert!((bound.value - figure).abs() <= slack, "{what}[{i}]: the reference has {} and the outside {figure}", bound.value);
        let value = f64::from(f32::from_bits(device[i]));
        assert!((value - figure).abs() <= bound.error + slack, "{what}[{i}]: {value} instead of {figure} +- {:e}", bound.error);
    }
}

#[test]
fn losses_gradients_clipping_and_adam_follow_jax_and_optax() {
    let data = read("ppo.json");
    let cases = at(&data, "cases").as_array().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for case in cases {
        let name = at(case, "name").as_str().unwrap();
        let text = |key: &str| at(case, key).to_string().replace(['"', ' '], "");
        let samples = at(case, "actions").as_array().unwrap().len();
        seen.insert((text("activation"), text("value_clip")));
        // One minibatch, the whole batch, three times. The permutation only changes the order.
        let plan = plan(
            &format!(
                "envs={samples} steps=1 minibatches=1 epochs=3 hidden={} activation={} value_clip={} lr={} anneal_lr=false clip={} entropy_coef={} value_coef={} max_grad_norm={}",
                text("hidden").trim_matches(['[', ']']),
                text("activation"),
                text("value_clip"),
                text("lr"),
                text("clip"),
                text("entropy_coef"),
                text("value_coef"),
                text("max_grad_norm")
            ),
            profile("software"),
        );
        // By kernels of their own, and by `learn`.
        for learn_steps in 0..=plan.learn_steps.min(1) {
            let plan = Plan { learn_steps, ..plan.clone() };
            let [advantages, targets, values, log_probs] = ["advantages", "targets", "old_values", "old_log_probs"].map(|key| bits(at(case, key)));
            let given = Words::from([
                ("agents", bytemuck::cast_slice(&agent_rows(&plan)).to_vec()),
                ("faults", vec![u32::MAX]),
                ("observations", bits(at(case, "observations"))),
                ("actions", numbers(at(case, "actions")).iter().map(|&action| action as u32).collect()),
                ("samples", (0..samples).flat_map(|i| [advantages[i], targets[i], values[i], log_probs[i]]).collect()),
            ]);
            // Of the whole program, only the kernels that make gradient steps are compiled.
            let mut program = schedule::training(&plan);
            program.kernels.retain(|kernel| ["minibatch_moments", "gradient", "sum_gradient", "adam", "learn"].contains(&kernel.name));
            let options = EngineOptions { guard_words: crate::harness::GUARD_WORDS, ..EngineOptions::default() };
            let engine = Engine::new(gpu(), &plan, program, &options).unwrap();
            upload(&engine, &plan, &given);
            // Each step starts from the outside's own state before it: its parameters, and Adam's moments, which follow from its gradients.
            let parameters = plan.network.padded_parameters();
            let mut params = padded(&plan, at(case, "params"));
            let (mut first, mut second) = (vec![0.0; parameters], vec![0.0; parameters]);
            let slots: Vec<usize> = (0..NETWORKS).flat_map(|network| plan.network.slots(network)).collect();
            for (i, step) in at(case, "steps").as_array().unwrap().iter().enumerate() {
                let mut memory = Memory::<Tracked>::from_words(without_guard(download(&engine)));
                for (buffer, state) in [("params", &params), ("first_moments", &first), ("second_moments", &second)] {
                    engine.write(buffer, &state.iter().map(|&x| (x as f32).to_bits()).collect::<Vec<u32>>());
                    // They reach the device rounded to f32.
                    memory.buffer_mut(buffer).write_all(0, state.iter().map(|&x| Tracked { value: x, error: U * x.abs() }));
                }
                let mut run = |kernel: &'static str, index: usize| {
                    let dispatch = Dispatch { kernel, index: index as u32 };
                    engine.run(&[Step::Dispatch(dispatch)]).unwrap();
                    reference::run(&plan, dispatch, &mut memory).unwrap_or_else(|ambiguous| panic!("{name}: {ambiguous}"));
                };
                run("minibatch_moments", 0);
                if learn_steps > 0 {
                    run("learn", i);
                } else {
                    for pass in 0..plan.passes {
                        run("gradient", i * plan.passes + pass);
                    }
                    run("sum_gradient", i);
                    run("adam", i);
                }

                let names = ["policy_loss", "entropy", "approx_kl", "clip_fraction", "value_loss", "grad_norm"];
                let figures = names.iter().enumerate().map(|(k, key)| (i * Losses::WORDS + k, at(step, key).as_f64().unwrap()));
                close(&format!("{name}, step {i}, losses"), figures, &engine.read("losses").unwrap(), memory.buffer("losses").cells());
                let gradient = padded(&plan, at(step, "gradients"));
                let after = padded(&plan, at(step, "params"));
                // `learn` keeps gradients to itself.
                let stored = [("params", &after), ("gradients", &gradient)];
                for (buffer, figures) in &stored[..2 - learn_steps] {
                    let figures = slots.iter().map(|&slot| (slot, figures[slot]));
                    close(&format!("{name}, step {i}, {buffer}"), figures, &engine.read(buffer).unwrap(), memory.buffer(buffer).cells());
                }

                let norm = at(step, "grad_norm").as_f64().unwrap();
                let scale = (at(case, "max_grad_norm").as_f64().unwrap() / norm).min(1.0);
                for p in 0..parameters {
                    let clipped = scale * gradient[p];
                    first[p] = 0.9 * first[p] + 0.1 * clipped;
                    second[p] = 0.999 * second[p] + 0.001 * clipped * clipped;
                }
                params = after;
            }
        }
    }
    assert_eq!(seen.len(), 4, "tanh and relu, with and without value clipping");
    println!("{} cases of three steps compared", cases.len());
}

#[test]
fn advantages_follow_their_definition() {
    let data = read("ppo.json");
    for case in at(&data, "gae").as_array().unwrap() {
        let steps = at(case, "rewards").as_array().unwrap().len();
        let envs = at(case, "rewards")[0].as_array().unwrap().len();
        for (mode, bootstrap) in [("bootstrap", true), ("terminal", false)] {
            let mut plan = plan(
                &format!("envs={envs} steps={steps} minibatches=1 hidden=1 time_limit={mode} gamma={} gae_lambda={}", at(case, "gamma"), at(case, "lambda")),
                profile("software"),
            );
            // The data truncates anywhere: a row of last observations for every step.
            plan.episode_limit = 1;
            plan.final_rows = if bootstrap { steps } else { 0 };
            let [terminated, truncated] = ["terminated", "truncated"].map(|key| numbers(at(case, key)));
            let rewards = bits(at(case, "rewards"));
            let transitions = (0..steps * envs)
                .flat_map(|b| {
                    // As the rollout marks them: a step that terminates is not truncated.
                    let ending = if terminated[b] == 1.0 { Transition::TERMINATED } else { Transition::TRUNCATED * truncated[b] as u32 };
                    [0, rewards[b], ending, 0, 0]
                })
                .collect();
            let mut values = bits(at(case, "values"));
            if bootstrap {
                values.extend(bits(at(case, "final_values")));
            }
            let rows: Vec<u32> = bytemuck::cast_slice(&agent_rows(&plan)).to_vec();
            assert_eq!(f32::from_bits(rows[word!(Agent.gamma)]), at(case, "gamma").as_f64().unwrap() as f32);
            let given = Words::from([("agents", rows), ("faults", vec![u32::MAX]), ("transitions", transitions), ("values", values)]);
            let options = EngineOptions { guard_words: crate::harness::GUARD_WORDS, ..EngineOptions::default() };
            let engine = Engine::new(gpu(), &plan, schedule::alone(&plan, kernel::gae(&plan), 0), &options).unwrap();
            upload(&engine, &plan, &given);
            let mut memory = Memory::<Tracked>::from_words(without_guard(download(&engine)));
            let dispatch = Dispatch { kernel: "gae", index: 0 };
            engine.run(&[Step::Dispatch(dispatch)]).unwrap();
            reference::run(&plan, dispatch, &mut memory).unwrap();
            let device = engine.read("samples").unwrap();
            for (offset, key) in [(0, "advantages"), (1, "targets")] {
                let figures = numbers(at(case, &format!("{key}_{mode}")));
                close(&format!("{mode} {key}"), figures.iter().enumerate().map(|(b, &x)| (b * 4 + offset, x)), &device, memory.buffer("samples").cells());
            }
        }
    }
}

/// The reference's policies, which kernels are compared with, against distrax: both in f64.
#[test]
fn policies_follow_distrax() {
    let (data, mut kinds) = (read("policies.json"), [0; 3]);
    for (i, case) in data["cases"].as_array().unwrap().iter().enumerate() {
        let (outputs, chosen) = (numbers(&case["outputs"]), numbers(&case["action"]));
        let (actions, action, legal) = match case.get("counts") {
            Some(counts) => {
                let counts: Vec<usize> = numbers(counts).iter().map(|&count| count as usize).collect();
                let legal: Vec<bool> = numbers(&case["legal"]).iter().map(|&legal| legal != 0.0).collect();
                kinds[if legal.is_empty() { 0 } else { 1 }] += 1;
                (Actions::MultiDiscrete(counts), Action::Choices(chosen.iter().map(|&choice| choice as u32).collect()), legal)
            }
            None => {
                kinds[2] += 1;
                let bounds = |bound: f32| vec![bound; outputs.len() / 2];
                (Actions::Continuous { low: bounds(-1.0), high: bounds(1.0) }, Action::Values(chosen), Vec::new())
            }
        };
        let policy = Policy::<f64>::new(&actions, &outputs, &legal);
        let weights = numbers(&case["weights"]);
        let ours = [vec![policy.log_prob(&action), policy.entropy()], policy.slope(&action, weights[0], weights[1])].concat();
        let theirs = [numbers(&case["log_prob"]), numbers(&case["entropy"]), numbers(&case["slope"])].concat();
        assert_eq!(ours.len(), theirs.len(), "case {i}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!((ours - theirs).abs() <= F64 * (1.0 + theirs.abs()), "case {i}: {ours} and {theirs}");
        }
    }
    assert!(kinds.iter().all(|&count| count >= 40), "{kinds:?}");
}
