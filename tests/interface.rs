//! What lies between an environment and its networks: how actions reach it, what each network sees of it, and how much of its past.

mod common;

use common::{gpu, profile};
use ppo_gpu::play::export::policy::Policy;
use ppo_gpu::program::kernel;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::reference::dense;
use ppo_gpu::spec::config::Config;
use ppo_gpu::spec::environment::Environment;
use ppo_gpu::spec::metrics::Row;
use ppo_gpu::spec::network::{ACTOR, CRITIC};
use ppo_gpu::spec::records::{Transition, word};
use ppo_gpu::train::trainer::{Saving, Trainer, Update};
use ppo_gpu::wgsl::{compose::compose, reflect};
use ppo_gpu::{Player, PlayerOptions};
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

/// An environment of this many components, of which the last are privileged; `observed` is how they are observed.
fn counting(observation: usize, privileged: usize, observed: &str) -> Environment {
    let declared = if privileged > 0 { format!("const PRIVILEGED_OBSERVATION: u32 = {privileged}u;") } else { String::new() };
    let source = format!(
        "//! import rng
const OBSERVATION: u32 = {observation}u;
{declared}
const ACTIONS: u32 = 3u;
const TIME_LIMIT: u32 = 5u;
struct EnvState {{ seed: u32, t: u32 }}
fn env_reset(rng: ptr<function, Rng>) -> EnvState {{ return EnvState(rng_bits(rng), 0u); }}
fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {{
    (*state).t += 1u;
    return Outcome(f32((action + (*state).seed) % 3u), false);
}}
fn counting_bit(seed: u32, k: u32) -> bool {{ return (((seed * 2654435761u + k * 40503u) >> 13u) & 1u) == 1u; }}
{observed}
"
    );
    Environment::parse("counting", &source).unwrap_or_else(|error| panic!("{error}\n{}", error.help()))
}

/// As numbers.
const NUMBERS: &str = "fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    var o: array<f32, OBSERVATION>;
    for (var k = 0u; k < OBSERVATION; k++) { o[k] = select(-0.5, 0.5, counting_bit(state.seed + state.t, k)); }
    return o;
}";

/// As bits.
const BITS: &str = "fn env_component(state: ptr<function, EnvState>, k: u32) -> bool { return counting_bit((*state).seed + (*state).t, k); }";

/// Whatever the layout of the networks: the policy's weights from privileged components are 0 and stay 0, so that no value of these changes what it does; the
/// value network learns from them, and the policy from all others.
#[test]
fn a_policy_learns_nothing_from_privileged_components() {
    for (observation, privileged, observed, keys, name) in [
        (5, 2, NUMBERS, "hidden=6,5 envs=8", "software"),
        (5, 2, NUMBERS, "hidden=6,5 envs=200 minibatches=1", "software"),
        (7, 3, NUMBERS, "hidden=6,5 envs=30 normalize_observations=true", "gpu"),
        (7, 3, NUMBERS, "hidden=140,150 envs=8", "gpu"),
        (131, 70, NUMBERS, "hidden=9 envs=8", "software"),
        (70, 33, BITS, "hidden=9,4 envs=8", "software"),
        (70, 33, BITS, "hidden=9,4 envs=8", "gpu"),
        (160, 33, BITS, "hidden=9,4 envs=8", "software"),
    ] {
        let what = format!("{observation} components, {privileged} privileged, {keys}, {name}");
        let config = config(&format!("minibatches=2 epochs=2 steps=16 agents=2 total_steps=1024 lr=1e-2 {keys}"));
        let environment = counting(observation, privileged, observed);
        let trainer = trained(&config, &environment, name);
        let (plan, network) = (trainer.plan(), &trainer.plan().network);
        assert_eq!((network.seen, network.layers[0].inputs), (observation - privileged, observation));
        for kept in ["params", "first_moments", "second_moments"] {
            let values = floats(&trainer, kept);
            for s in 0..plan.agents {
                let first = network.layers[0];
                let before = network.initial_parameters(plan.seed(s));
                let row = |which: usize, m: usize| {
                    let place = which * network.block() + first.weight(m, 0);
                    (&values[s * network.padded_parameters() + place..][..first.outputs], &before[place..][..first.outputs])
                };
                for m in 0..observation {
                    let ((actor, of_actor), (critic, of_critic)) = (row(ACTOR, m), row(CRITIC, m));
                    let unseen = m >= observation - privileged;
                    assert!(!unseen || actor.iter().all(|x| x.to_bits() == 0), "{what}: {kept} from component {m} of agent {s}: {actor:?}");
                    assert!(unseen || actor.iter().any(|x| *x != 0.0) && actor != of_actor, "{what}: {kept} from component {m} of agent {s}: {actor:?}");
                    assert!(critic.iter().any(|x| *x != 0.0) && critic != of_critic, "{what}: {kept} from component {m} of agent {s}: {critic:?}");
                }
            }
        }
    }
}

/// What a run of Probe/Privileged comes to: for each agent the mean return, and the mean distance of values from `value` of the coin.
fn bets(environment: &Environment, value: fn(f32) -> f32) -> Vec<(f32, f32)> {
    let config = config("envs=32 steps=16 minibatches=4 epochs=4 hidden=16 agents=3 lr=1e-2 entropy_coef=0 total_steps=30720");
    let plan = Plan::with_environment(&config, environment.clone(), profile("auto")).unwrap();
    let mut trainer = Trainer::new(gpu().clone(), plan).unwrap();
    let mut last = Vec::new();
    let mut keep = |rows: &[Row]| {
        last = rows.to_vec();
        ControlFlow::Continue(())
    };
    trainer.run(&mut keep).unwrap();
    let plan = trainer.plan();
    let (observations, values) = (floats(&trainer, "observations"), floats(&trainer, "values"));
    let rows = plan.value_rows() * plan.envs;
    let off = |s: usize| (s * rows..s * rows + plan.batch).map(|i| (values[i] - value(observations[2 * i + 1])).abs()).sum::<f32>() / plan.batch as f32;
    (0..plan.agents).map(|s| (last[s].mean_return.unwrap(), off(s))).collect()
}

/// A policy that saw the coin would always win; one that does not wins 1/2 in the mean of bets whose deviation is 0.87: four deviations of a mean of 100 are 0.35.
/// The value network sees it, and knows what a bet will pay.
#[test]
fn the_value_sees_a_coin_that_the_policy_bets_on_blindly() {
    let environment = Environment::named("Probe/Privileged").unwrap();
    for (mean_return, off) in bets(&environment, |coin| coin) {
        assert!((0.15..=0.85).contains(&mean_return) && off < 0.1, "a mean return of {mean_return}, values off by {off}");
    }
    // The same task for a policy that sees everything.
    let line = "const PRIVILEGED_OBSERVATION: u32 = 1u;\n";
    assert!(environment.source.contains(line));
    let open = Environment::parse("open", &environment.source.replace(line, "")).unwrap();
    for (mean_return, off) in bets(&open, |_| 1.0) {
        assert!(mean_return > 0.95 && off < 0.1, "a mean return of {mean_return}, values off by {off}");
    }
}

/// An environment that observes which episode this is, by a random number below 2^20, the steps made in it, and, privileged, 7 less these. Some episodes terminate
/// after three steps; the others end after five, by the time limit.
fn telling(as_bits: bool) -> Environment {
    let (observation, privileged, observed) = match as_bits {
        false => (3, 1, "fn env_observe(state: EnvState) -> array<f32, OBSERVATION> { return array(f32(state.id), f32(state.t), 7.0 - f32(state.t)); }"),
        true => (
            26,
            3,
            "fn env_component(state: ptr<function, EnvState>, k: u32) -> bool {
                let shown = (*state).id | ((*state).t << 20u);
                return select((shown >> k) & 1u, ((7u - (*state).t) >> (max(k, 23u) - 23u)) & 1u, k >= 23u) == 1u;
            }",
        ),
    };
    let source = format!(
        "//! import rng
const OBSERVATION: u32 = {observation}u;
const PRIVILEGED_OBSERVATION: u32 = {privileged}u;
const ACTION_COUNTS = array(3u, 2u);
const TIME_LIMIT: u32 = 5u;
struct EnvState {{ id: u32, t: u32 }}
fn env_reset(rng: ptr<function, Rng>) -> EnvState {{ return EnvState(rng_below(rng, 1048576u), 0u); }}
fn env_step(state: ptr<function, EnvState>, action: array<u32, 2>, rng: ptr<function, Rng>) -> Outcome {{
    (*state).t += 1u;
    return Outcome(f32(action[0]), (*state).t == 3u && (*state).id % 4u == 0u);
}}
{observed}
fn env_action_mask(state: ptr<function, EnvState>) -> array<bool, 5> {{ return array(true, (*state).t != 1u, true, true, (*state).id % 2u == 0u); }}
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {{ return vec3(f32(state.t) / 5.0); }}
"
    );
    Environment::parse("telling", &source).unwrap_or_else(|error| panic!("{error}\n{}", error.help()))
}

/// Episode and step of an observation, whose privileged part must agree.
fn told(components: &[f32]) -> (u32, u32) {
    let number = |bits: &[f32]| bits.iter().rev().fold(0, |number, &bit| 2 * number + bit as u32);
    let [id, t, left] = match components {
        [id, t, left] => [*id as u32, *t as u32, *left as u32],
        bits => [number(&bits[..20]), number(&bits[20..23]), number(&bits[23..])],
    };
    assert_eq!(t + left, 7);
    (id, t)
}

/// Each observation consists of those of the last steps of its episode, the oldest first, and of the first one in place of what was before it; so does the last one
/// of an episode that its time limit ends, whose value is bootstrapped from. The policy's part of all comes before the privileged part of all.
#[test]
fn an_observation_with_a_history_has_those_of_the_last_steps() {
    for (as_bits, history, name) in [(false, 2, "software"), (false, 4, "gpu"), (true, 3, "software"), (true, 4, "gpu")] {
        let what = format!("bits: {as_bits}, {history} observations, {name}");
        let config = config(&format!("observation_history={history} envs=9 steps=13 minibatches=1 epochs=1 hidden=6 agents=2 total_steps=351"));
        let trainer = trained(&config, &telling(as_bits), name);
        let plan = trainer.plan();
        let environment = &plan.environment;
        let (each, privileged) = (environment.newest(), environment.privileged / history);
        assert_eq!((environment.observation, environment.seen()), (history * each, history * (each - privileged)), "{what}");
        assert_eq!(plan.packs_observations(), as_bits, "{what}");
        let (words, steps) = (trainer.engine().read("observations").unwrap(), trainer.engine().read("transitions").unwrap());
        let stacked = |s: usize, row: usize, n: usize| -> Vec<(u32, u32)> {
            let base = ((s * plan.value_rows() + row) * plan.envs + n) * plan.observation_words();
            let component = |k: usize| if as_bits { (words[base + k / 32] >> (k % 32) & 1) as f32 } else { f32::from_bits(words[base + k]) };
            let (seen, all) = (each - privileged, environment.seen());
            let of = |i: usize| (i * seen..(i + 1) * seen).chain(all + i * privileged..all + (i + 1) * privileged).map(component).collect::<Vec<f32>>();
            (0..history).map(|i| told(&of(i))).collect()
        };
        let mut ids = std::collections::BTreeSet::new();
        let (mut began, mut truncated) = (0, 0);
        for (s, n) in (0..plan.agents).flat_map(|s| (0..plan.envs).map(move |n| (s, n))) {
            for t in 0..plan.steps {
                let b = (s * plan.steps + t) * plan.envs + n;
                let (length, ending) = (steps[word!(Transition[b].episode_length)], steps[word!(Transition[b].ending)]);
                let seen = stacked(s, t, n);
                let id = seen[history - 1].0;
                // Before this step, one less has been made.
                let of = |newest: u32| (0..history as u32).map(|i| (id, (newest + i + 1).saturating_sub(history as u32))).collect::<Vec<_>>();
                assert_eq!(seen, of(length - 1), "{what}: agent {s}, step {t}, environment {n}");
                began += usize::from(length == 1);
                ids.insert(id);
                let next = stacked(s, t + 1, n);
                if ending == 0 {
                    assert_eq!(next, of(length), "{what}: after step {t}");
                } else {
                    assert_eq!(next, vec![(next[0].0, 0); history], "{what}: a new episode after step {t}");
                }
                if ending & Transition::TRUNCATED != 0 {
                    truncated += 1;
                    assert_eq!(stacked(s, plan.steps + 1 + t / 5, n), of(5), "{what}: the last observation before the time limit");
                }
            }
        }
        assert!(began > 20 && truncated > 10 && ids.len() > 20, "{what}: {began}, {truncated}, {ids:?}");
    }
}

/// The host computes the layout of a state with a history; the shader compiler decides.
#[test]
fn a_history_takes_the_words_that_the_shader_compiler_gives_it() {
    let own = ["CartPole-v1", "Pendulum-v1", "2048", "MinAtar/Breakout-v1", "PlanarQuadrotor-v0", "Probe/Choice"].map(|name| Environment::named(name).unwrap());
    let vectors = telling(false)
        .source
        .replace("t: u32 }", "t: u32, wide: vec3<f32>, pairs: array<vec2<f32>, 3> }")
        .replace("1048576u), 0u)", "1048576u), 0u, vec3(0.0), array<vec2<f32>, 3>())");
    let others = [telling(false), telling(true), Environment::parse("vectors", &vectors).unwrap()];
    for environment in own.into_iter().chain(others) {
        for history in 2..7 {
            let config = config(&format!("observation_history={history} envs=4 steps=4 hidden=4 minibatches=1"));
            let plan = Plan::with_environment(&config, environment.clone(), profile("auto")).unwrap();
            for kernel in [kernel::reset(&plan), kernel::rollout(&plan)] {
                let module = reflect::parse(kernel.name, &compose(kernel, &plan).text).unwrap_or_else(|error| panic!("{}: {error:?}", environment.name));
                let words = |name: &str| reflect::structure(&module, name).unwrap().1;
                let expected = (plan.environment.state_words(), plan.environment.lane_words());
                assert_eq!(
                    (words("EnvState"), words("EnvLane").next_multiple_of(4)),
                    expected,
                    "{} with {history} observations in {}",
                    environment.name,
                    kernel.name
                );
            }
        }
    }
}

/// A run with all of it goes on from a checkpoint as if it had not been interrupted, and its agents play.
#[test]
fn a_run_with_a_history_continues_from_a_checkpoint() {
    let config = config("observation_history=3 normalize_observations=true envs=9 steps=13 minibatches=1 epochs=2 hidden=6 total_steps=702");
    let environment = telling(false);
    let new = || Trainer::new(gpu().clone(), Plan::with_environment(&config, environment.clone(), profile("auto")).unwrap()).unwrap();
    let (mut whole, mut part, mut checkpoints) = (new(), new(), Vec::new());
    let mut keep = |update: Update| {
        checkpoints.extend(update.checkpoint);
        Ok(ControlFlow::Continue(()))
    };
    whole.run_saving(Saving::Updates(2), &mut keep).unwrap();
    assert_eq!(checkpoints.iter().map(|checkpoint| checkpoint.updates).collect::<Vec<_>>(), [2, 4, 6]);
    part.restore(&checkpoints[0]);
    part.run(&mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(whole.parameters().unwrap(), part.parameters().unwrap());
    let checkpoint = whole.checkpoint().unwrap();
    let options = PlayerOptions { agents: vec![0], envs: 4, steps: 16, seed: 3, deterministic: true };
    let mut player = Player::new(gpu(), &config, &environment, Some(&checkpoint), &options).unwrap();
    let played = player.advance().unwrap();
    assert!(played.len() == 64 && played.iter().any(|step| step.ended()));
    let policy = Policy::of(&config, &environment, &checkpoint, 0).unwrap();
    // Three times what the policy sees, id and step.
    assert!(policy.to_wgsl().contains("const POLICY_INPUTS: u32 = 6u;") && policy.to_wgsl().contains("the environment's last 3, the oldest first"));
}

#[test]
fn too_long_a_history_is_refused() {
    let error = Plan::new(&config("env=CartPole-v1 observation_history=2000"), profile("auto")).unwrap_err();
    assert_eq!(error.to_string(), "observation_history: 2000 observations of 4 components are 8000 (at most 4096)");
    assert_eq!(error.help(), "nearest that works: 1024");
}
