//! The outside world: CartPole trajectories from Gymnasium; losses, gradients, clipping and Adam steps from JAX and optax; advantages from their definition.
//! `tests/conformance/` holds the data and the program that made it.
//!
//! The outside figures are f64. What an f32 kernel may differ from them by is derived, not chosen: the reference runs on the same inputs in numbers that carry
//! a bound on the rounding of f32 programs. `F64` is what two f64 programs of different operation order may differ by.

use crate::environment::step;
use crate::harness::{Words, download, gpu, plan, profile, upload, without_guard};
use ppo_gpu::gpu::engine::{Engine, Options};
use ppo_gpu::kernel::Kernel;
use ppo_gpu::network::{ACTOR, CRITIC, NETWORKS};
use ppo_gpu::plan::Plan;
use ppo_gpu::ppo::Dispatch;
use ppo_gpu::random::Stream;
use ppo_gpu::reference::environments::State;
use ppo_gpu::reference::environments::cartpole::CartPole;
use ppo_gpu::reference::layouts::{agent, transition};
use ppo_gpu::reference::memory::{Cell, Memory};
use ppo_gpu::reference::policy::Action;
use ppo_gpu::reference::tracked::{Tracked, U};
use ppo_gpu::reference::{self, Site};
use ppo_gpu::trainer::agent_rows;
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

#[test]
fn cartpole_follows_gymnasium_step_by_step() {
    let data = read("cartpole_v1.json");
    let episodes = at(&data, "episodes").as_array().unwrap();
    assert!(episodes.len() >= 20);
    let (mut before, mut after, mut actions, mut terminated) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut ends = std::collections::BTreeMap::new();
    for episode in episodes {
        let states: Vec<[f64; 4]> = numbers(at(episode, "states")).chunks(4).map(|state| state.try_into().unwrap()).collect();
        let flags = numbers(at(episode, "terminated"));
        assert_eq!(states.len(), flags.len() + 1);
        assert!(numbers(at(episode, "rewards")).iter().all(|&reward| reward == 1.0));
        before.extend_from_slice(&states[..flags.len()]);
        after.extend_from_slice(&states[1..]);
        actions.extend(numbers(at(episode, "actions")).iter().map(|&action| action as u32));
        // Gymnasium truncates at the limit that the WGSL declares, and nowhere else.
        let truncated = numbers(at(episode, "truncated"));
        assert!(truncated.iter().enumerate().all(|(t, &flag)| (flag == 1.0) == (t + 1 == 500)), "truncation elsewhere than at step 500");
        terminated.extend(flags.iter().map(|&flag| flag == 1.0));
        *ends.entry(at(episode, "end").as_str().unwrap().to_string()).or_insert(0) += 1;
    }
    assert!(["angle", "position", "time limit"].iter().all(|end| ends.contains_key(*end)), "{ends:?}");
    let single: Vec<[f32; 4]> = before.iter().map(|state| state.map(|x| x as f32)).collect();
    for (i, stepped) in step(&single, &actions).iter().enumerate() {
        // The state reaches the device rounded to f32.
        let mut state = CartPole::from_words(&before[i].map(|x| Tracked { value: x, error: U * x.abs() }));
        let outcome =
            state.step(&Action::Choices(vec![actions[i]]), &mut Stream::new(0, 0, 0, 0), Site { kernel: Kernel::Rollout, agent: 0, index: i }).unwrap();
        for (k, bound) in state.observe().into_iter().enumerate() {
            assert!((bound.value - after[i][k]).abs() <= F64, "step {i}, variable {k}: the reference has {} and Gymnasium {}", bound.value, after[i][k]);
            let off = (f64::from(stepped.state[k]) - after[i][k]).abs();
            assert!(off <= bound.error + F64, "step {i}, variable {k}: {} instead of {} +- {:e}", stepped.state[k], after[i][k], bound.error);
        }
        assert_eq!((stepped.terminated, outcome.terminated), (terminated[i], terminated[i]), "step {i}");
        assert_eq!(stepped.reward, 1.0);
    }
    println!("{} steps of {} episodes compared; ends: {ends:?}", actions.len(), episodes.len());
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
        let [advantages, targets, values, log_probs] = ["advantages", "targets", "old_values", "old_log_probs"].map(|key| bits(at(case, key)));
        let given = Words::from([
            ("agents", bytemuck::cast_slice(&agent_rows(&plan)).to_vec()),
            ("faults", vec![u32::MAX]),
            ("observations", bits(at(case, "observations"))),
            ("actions", numbers(at(case, "actions")).iter().map(|&action| action as u32).collect()),
            ("samples", (0..samples).flat_map(|i| [advantages[i], targets[i], values[i], log_probs[i]]).collect()),
        ]);
        let options = Options { guard_words: crate::harness::GUARD_WORDS, ..Options::default() };
        let engine = Engine::new(gpu(), &plan, &options).unwrap();
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
            let mut run = |kernel, index: usize| {
                let dispatch = Dispatch { kernel, index: index as u32 };
                engine.run(&[dispatch]).unwrap();
                reference::run(&plan, dispatch, &mut memory).unwrap_or_else(|ambiguous| panic!("{name}: {ambiguous}"));
            };
            run(Kernel::MinibatchMoments, 0);
            for pass in 0..plan.passes {
                run(Kernel::Gradient, i * plan.passes + pass);
            }
            run(Kernel::SumGradient, i);
            run(Kernel::Adam, i);

            let names = ["policy_loss", "entropy", "approx_kl", "clip_fraction", "value_loss", "grad_norm"];
            let figures = names.iter().enumerate().map(|(k, key)| (i * ppo_gpu::plan::LOSSES + k, at(step, key).as_f64().unwrap()));
            close(&format!("{name}, step {i}, losses"), figures, &engine.read("losses").unwrap(), memory.buffer("losses").cells());
            let gradient = padded(&plan, at(step, "gradients"));
            let after = padded(&plan, at(step, "params"));
            for (buffer, figures) in [("gradients", &gradient), ("params", &after)] {
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
                    let ending = if terminated[b] == 1.0 { transition::TERMINATED } else { transition::TRUNCATED * truncated[b] as u32 };
                    [0, rewards[b], ending, 0]
                })
                .collect();
            let mut values = bits(at(case, "values"));
            if bootstrap {
                values.extend(bits(at(case, "final_values")));
            }
            let rows: Vec<u32> = bytemuck::cast_slice(&agent_rows(&plan)).to_vec();
            assert_eq!(f32::from_bits(rows[agent::GAMMA]), at(case, "gamma").as_f64().unwrap() as f32);
            let given = Words::from([("agents", rows), ("faults", vec![u32::MAX]), ("transitions", transitions), ("values", values)]);
            let options = Options { guard_words: crate::harness::GUARD_WORDS, only: vec![Kernel::Gae], ..Options::default() };
            let engine = Engine::new(gpu(), &plan, &options).unwrap();
            upload(&engine, &plan, &given);
            let mut memory = Memory::<Tracked>::from_words(without_guard(download(&engine)));
            let dispatch = Dispatch { kernel: Kernel::Gae, index: 0 };
            engine.run(&[dispatch]).unwrap();
            reference::run(&plan, dispatch, &mut memory).unwrap();
            let device = engine.read("samples").unwrap();
            for (offset, key) in [(0, "advantages"), (1, "targets")] {
                let figures = numbers(at(case, &format!("{key}_{mode}")));
                close(&format!("{mode} {key}"), figures.iter().enumerate().map(|(b, &x)| (b * 4 + offset, x)), &device, memory.buffer("samples").cells());
            }
        }
    }
}
