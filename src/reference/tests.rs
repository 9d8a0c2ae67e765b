//! The reference against itself: whole updates, and the gradient against differences of the loss.

use crate::program::buffers::BUFFERS;
use crate::program::plan::Plan;
use crate::program::profile::Profile;
use crate::program::schedule::{self, Step};
use crate::reference::layouts::RunningMoments;
use crate::reference::memory::{Cell, Memory};
use crate::reference::real::Real;
use crate::reference::tracked::Tracked;
use crate::reference::walk::run;
use crate::reference::{dense, fault, layouts, loss};
use crate::spec::config::{Activation, Config, PerAgent, TimeLimit};
use crate::spec::network::CRITIC;
use crate::spec::records::{Losses, MetricsRow, Sample, Transition, word};
use crate::train::agents::{INITIAL_NORMALIZER, agent_rows};

fn config() -> Config {
    Config { envs: 3, steps: 35, agents: 2, minibatches: 5, epochs: 2, hidden: vec![7, 6], ..Config::default() }
}

fn plan(config: &Config) -> Plan {
    // Several rows and several passes, the last of them ragged.
    let profile = Profile { lanes: 8, gradient_rows: 2, steps_per_dispatch: 5, ..Profile::named("gpu").unwrap() };
    Plan::new(config, profile).unwrap()
}

/// Memory as it is before the first update; buffers that are not uploaded are poisoned with NaN.
fn memory<R: Real>(plan: &Plan) -> Memory<R> {
    let mut words: std::collections::BTreeMap<_, _> = BUFFERS.iter().map(|buffer| (buffer.name, vec![f32::NAN.to_bits(); buffer.words(plan)])).collect();
    words.insert("agents", bytemuck::pod_collect_to_vec(&agent_rows(plan)));
    let parameters = |s| plan.network.initial_parameters(plan.seed(s)).into_iter().map(f32::to_bits);
    words.insert("params", (0..plan.agents).flat_map(parameters).collect());
    for name in ["first_moments", "second_moments"] {
        words.get_mut(name).unwrap().fill(0);
    }
    words.get_mut("faults").unwrap().fill(fault::NONE);
    let normalizers = vec![INITIAL_NORMALIZER; if plan.config.normalize_values { plan.agents } else { 0 }];
    words.insert("value_normalizers", bytemuck::pod_collect_to_vec(&normalizers));
    Memory::from_words(words)
}

fn walk<R: Real>(plan: &Plan, memory: &mut Memory<R>, steps: &[Step]) {
    steps.iter().for_each(|&Step::Dispatch(dispatch)| run(plan, dispatch, memory).unwrap());
}

#[test]
fn an_update_writes_finite_values_to_everything_that_is_read() {
    for time_limit in [TimeLimit::Bootstrap, TimeLimit::Terminal] {
        let plan = plan(&Config { time_limit, ..config() });
        let (program, mut memory) = (schedule::training(&plan), memory::<f64>(&plan));
        walk(&plan, &mut memory, &program.once);
        for update in 0..3 {
            walk(&plan, &mut memory, &program.update);
            for s in 0..plan.agents {
                assert_eq!(memory.buffer("metrics").u(word!(MetricsRow[s].update)), update + 1);
                assert_eq!(memory.buffer("metrics").u(word!(MetricsRow[s].fault)), fault::NONE);
                assert!(memory.buffer("metrics").f(word!(MetricsRow[s].mean_return)) >= 8.0, "a pole needs about ten steps to fall");
            }
        }
        for name in ["params", "first_moments", "second_moments", "samples", "moments", "gradients", "losses", "transitions", "env_lanes"] {
            let unfinished = |cell: &&Cell<f64>| matches!(cell, Cell::Real(real) if !real.is_finite());
            assert_eq!(memory.buffer(name).cells().iter().filter(unfinished).count(), 0, "{name}");
        }
        let untouched = |cell: &&Cell<f64>| matches!(cell, Cell::Untouched(_));
        for name in ["samples", "actions", "transitions", "moments", "partials", "gradients", "norms", "losses", "metrics", "values", "params"] {
            assert_eq!(memory.buffer(name).cells().iter().filter(untouched).count(), 0, "{name}");
        }
    }
}

#[test]
fn first_minibatch_has_ratio_one() {
    let plan = plan(&config());
    let (program, mut memory) = (schedule::training(&plan), memory::<f64>(&plan));
    walk(&plan, &mut memory, &program.once);
    walk(&plan, &mut memory, &program.update);
    for s in 0..plan.agents {
        let losses = memory.buffer("losses").reals(s * plan.gradient_steps() * Losses::WORDS..s * plan.gradient_steps() * Losses::WORDS + 6);
        assert!(losses[word!(Losses.approx_kl)].abs() < 1e-15 && losses[word!(Losses.clip_fraction)] == 0.0, "{losses:?}");
    }
}

#[test]
fn advantages_are_sums_of_discounted_errors_and_truncation_is_no_end() {
    for time_limit in [TimeLimit::Bootstrap, TimeLimit::Terminal] {
        let mut plan = plan(&Config { time_limit, ..config() });
        // Short enough that some of the episodes are truncated, also twice in a rollout, and others have ended before.
        plan.episode_limit = 15;
        plan.final_rows = if time_limit == TimeLimit::Bootstrap { plan.steps.div_ceil(15) } else { 0 };
        let (program, mut memory) = (schedule::training(&plan), memory::<f64>(&plan));
        walk(&plan, &mut memory, &program.once);
        walk(&plan, &mut memory, program.update.split(|Step::Dispatch(dispatch)| dispatch.kernel == "minibatch_moments").next().unwrap());
        let mut endings = [0; 4];
        for (s, n) in (0..plan.agents).flat_map(|s| (0..plan.envs).map(move |n| (s, n))) {
            let (gamma, lambda) = (f64::from(0.99f32), f64::from(0.95f32));
            let value = |row: usize| memory.buffer("values").f(layouts::value(&plan, s, row, n));
            let ending = |t: usize| memory.buffer("transitions").u(word!(Transition[layouts::step(&plan, s, t, n)].ending)) & 3;
            // Every reward is 1.
            let error = |t: usize| match ending(t) {
                0 => 1.0 + gamma * value(t + 1) - value(t),
                Transition::TRUNCATED if time_limit == TimeLimit::Bootstrap => 1.0 + gamma * value(plan.steps + 1 + t / 15) - value(t),
                _ => 1.0 - value(t),
            };
            for t in 0..plan.steps {
                endings[ending(t) as usize] += 1;
                let last = (t..plan.steps).find(|&t| ending(t) != 0).unwrap_or(plan.steps - 1);
                let expected: f64 = (t..=last).map(|later| (gamma * lambda).powi((later - t) as i32) * error(later)).sum();
                let sample = |field: usize| memory.buffer("samples").f(layouts::step(&plan, s, t, n) * Sample::WORDS + field);
                assert!((sample(word!(Sample.advantage)) - expected).abs() < 1e-12, "{} instead of {expected}", sample(word!(Sample.advantage)));
                assert!((sample(word!(Sample.value_target)) - expected - value(t)).abs() < 1e-12);
            }
        }
        assert!(endings[..3].iter().all(|&count| count > 1) && endings[3] == 0, "{endings:?} leaves a case out");
    }
}

/// Checks the gradient of gradient step 3 against differences of the loss. The policy and the value have moved far from those of the rollout, so that
/// every case of both clips occurs.
fn check_gradient(config: &Config) {
    let plan = plan(config);
    let (program, mut memory) = (schedule::training(&plan), memory::<f64>(&plan));
    let step = 3;
    walk(&plan, &mut memory, &program.once);
    walk(&plan, &mut memory, program.update.split(|Step::Dispatch(dispatch)| dispatch.kernel == "gradient").next().unwrap());
    for i in 0..plan.agents * plan.batch {
        let (spread, samples) = (i as f64 * 0.618 % 1.0 - 0.5, memory.buffer_mut("samples"));
        for (field, scale) in [(word!(Sample.log_prob), 1.0), (word!(Sample.value), 2.0)] {
            samples.write(i * Sample::WORDS + field, samples.f(i * Sample::WORDS + field) + spread * scale);
        }
        // On either side of the value, and as near to it as the clip range is wide.
        let target = samples.f(word!(Sample[i].value)) + (i as f64 * 0.7549 % 1.0 - 0.5) * 2.0;
        samples.write(word!(Sample[i].value_target), target);
    }
    let of_step = |Step::Dispatch(dispatch): &Step| match dispatch.kernel {
        "gradient" => dispatch.index as usize / plan.passes == step,
        "sum_gradient" => dispatch.index as usize == step,
        _ => false,
    };
    walk(&plan, &mut memory, &program.update.iter().copied().filter(of_step).collect::<Vec<_>>());

    let parameters = plan.network.padded_parameters();
    let mut largest = 0f64;
    for s in 0..plan.agents {
        let first = (s * plan.gradient_steps() + step) * Losses::WORDS;
        let losses = memory.buffer("losses").reals(first..first + Losses::WORDS);
        assert!((0.1..0.9).contains(&losses[word!(Losses.clip_fraction)]), "{losses:?}");
        let coefficients = [PerAgent::Same(1.0), PerAgent::Same(-config.entropy_coef.of(s)), config.value_coef.clone()].map(|c| c.of(s));
        let total = coefficients[0] * losses[0] + coefficients[1] * losses[1] + coefficients[2] * losses[word!(Losses.value_loss)];
        // Hyper-parameters are stored in f32.
        assert!((total - loss::loss(&plan, &memory, step, s)).abs() < 1e-6, "{total}");
        for slot in (0..2).flat_map(|network| plan.network.slots(network)).collect::<Vec<_>>() {
            let kept = memory.buffer("params").f(s * parameters + slot);
            let mut loss_at = |change: f64| {
                memory.buffer_mut("params").write(s * parameters + slot, kept + change);
                loss::loss(&plan, &memory, step, s)
            };
            let difference = (loss_at(1e-6) - loss_at(-1e-6)) / 2e-6;
            loss_at(0.0);
            let slope = memory.buffer("gradients").f(s * plan.gradient_columns() + slot);
            assert!((difference - slope).abs() < 1e-7, "agent {s}, parameter {slot}: {difference} instead of {slope}");
            largest = largest.max(slope.abs());
        }
    }
    assert!(largest > 0.05, "slopes of at most {largest} test nothing");
}

/// The critic's head and the moments change together, and no value with them; samples hold what is normalised by the moments of before.
#[test]
fn new_moments_change_no_value() {
    let plan = plan(&Config { normalize_values: true, ..config() });
    let (program, mut memory) = (schedule::training(&plan), memory::<f64>(&plan));
    walk(&plan, &mut memory, &program.once);
    let value = |memory: &Memory<f64>, s: usize, i: usize| {
        let parameters = plan.network.padded_parameters();
        let params = memory.buffer("params").reals(s * parameters..(s + 1) * parameters);
        let observation = layouts::stored_observation(&plan, memory, layouts::observation(&plan, s, i / plan.envs, i % plan.envs));
        let normalizer = RunningMoments::read_from(memory.buffer("value_normalizers"), s);
        normalizer.mean.value + dense::forward(&plan.network, CRITIC, &params, observation).head[0] / normalizer.scale
    };
    let all = |memory: &Memory<f64>| (0..plan.agents * plan.batch).map(|i| value(memory, i / plan.batch, i % plan.batch)).collect::<Vec<_>>();
    for update in 0..3 {
        let before = (0..plan.agents).map(|s| RunningMoments::read_from(memory.buffer("value_normalizers"), s)).collect::<Vec<_>>();
        let (mut values, mut changed) = (Vec::new(), Vec::new());
        for &Step::Dispatch(dispatch) in &program.update {
            if dispatch.kernel == "rescale_values" {
                values = all(&memory);
            }
            run(&plan, dispatch, &mut memory).unwrap();
            if dispatch.kernel == "rescale_values" {
                changed = all(&memory);
            }
        }
        let largest = values.iter().zip(&changed).map(|(a, b)| (a - b).abs() / (1.0 + a.abs())).fold(0.0, f64::max);
        assert!(largest < 1e-12, "update {update}: a value changed by {largest}");
        for (s, old) in before.iter().enumerate() {
            let new = RunningMoments::read_from(memory.buffer("value_normalizers"), s);
            assert!(new.mean.value != old.mean.value && new.scale != old.scale, "update {update} changes the moments");
            for b in s * plan.batch..(s + 1) * plan.batch {
                let sample = |field: usize| memory.buffer("samples").f(b * Sample::WORDS + field);
                let error = (sample(word!(Sample.value_target)) - sample(word!(Sample.value))) / old.scale - sample(word!(Sample.advantage));
                assert!(error.abs() < 1e-10, "{error}");
            }
        }
    }
    // Every reward is 1, and episodes of poles that nobody balances take about 20 steps.
    let moments = RunningMoments::read_from(memory.buffer("value_normalizers"), 0);
    assert!((2.0..20.0).contains(&moments.mean.value) && (0.05..1.0).contains(&moments.scale), "{moments:?}");
}

#[test]
fn gradient_is_the_derivative_of_the_loss() {
    for activation in [Activation::Tanh, Activation::Relu] {
        for value_clip in [true, false] {
            check_gradient(&Config { steps: 105, activation, value_clip, ..config() });
        }
    }
}

#[test]
fn tracked_agrees_with_f64_and_its_bound_is_of_use() {
    let plan = plan(&Config { seed: 5, ..config() });
    let (program, mut exact) = (schedule::training(&plan), memory::<f64>(&plan));
    walk(&plan, &mut exact, &program.once);
    for Step::Dispatch(dispatch) in program.update {
        let mut tracked = Memory::<Tracked>::from_words(exact.to_words());
        let mut plain = Memory::<f64>::from_words(exact.to_words());
        run(&plan, dispatch, &mut tracked).unwrap();
        run(&plan, dispatch, &mut plain).unwrap();
        for ((name, tracked), (_, plain)) in tracked.buffers().zip(plain.buffers()) {
            for (i, pair) in tracked.iter().zip(plain).enumerate() {
                match pair {
                    (Cell::Untouched(a), Cell::Untouched(b)) | (Cell::Word(a), Cell::Word(b)) => assert_eq!(a, b, "{name}[{i}]"),
                    (Cell::Real(a), Cell::Real(b)) => {
                        let same = (a.value - b).abs() <= 1e-12 * (1.0 + b.abs()) || (a.value.is_nan() && b.is_nan());
                        assert!(same, "{dispatch:?} {name}[{i}]: {a:?} and {b}");
                        // Rows for the last observations of truncated episodes are poisoned until there is one.
                        assert!(b.is_nan() || a.error < 1e-3 * (1.0 + b.abs()), "{dispatch:?} {name}[{i}]: {a:?} says nothing");
                    }
                    other => panic!("{name}[{i}]: {other:?}"),
                }
            }
        }
        exact = plain;
    }
}
