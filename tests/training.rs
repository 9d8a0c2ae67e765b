//! Full runs: bit-identical results for every split of the work, traffic between host and device, faults, and learning.

mod common;

use common::{profile, skip};
use ppo_gpu::device::clock::Clock;
use ppo_gpu::device::engine::EngineOptions;
use ppo_gpu::device::gpu::{Gpu, available_memory};
use ppo_gpu::program::buffers::BUFFERS;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::spec::config::Config;
use ppo_gpu::spec::environment::Environment;
use ppo_gpu::spec::metrics::Row;
use ppo_gpu::spec::records::{MetricsRow, Normalizer};
use ppo_gpu::support::fault::Divergence;
use ppo_gpu::train::trainer::{Saving, Trainer};
use ppo_gpu::{Error, Player, PlayerOptions, Result};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

fn gpu() -> Gpu {
    common::gpu().clone()
}

/// A configuration from `key=value` pairs on top of the defaults, or of `file`.
fn config(file: Option<&str>, assignments: &str) -> Config {
    let file = file.map(|name| std::fs::read_to_string(format!("{}/configs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap());
    let layers = file.iter().map(|text| Config::layer("file", text).unwrap()).collect::<Vec<_>>();
    let pairs = assignments.split_whitespace().map(|pair| pair.split_once('=').unwrap()).map(|(key, value)| Config::assignment(key, value).unwrap());
    Config::from_layers(layers.into_iter().chain(pairs)).unwrap()
}

fn trainer_of(config: &Config, name: &str) -> Trainer {
    let gpu = gpu();
    let plan = Plan::new(config, profile(name)).unwrap();
    Trainer::with_options(gpu, plan, &EngineOptions::default()).unwrap()
}

fn train(trainer: &mut Trainer) -> Result<Vec<Row>> {
    let mut all = Vec::new();
    trainer.run(&mut |rows| {
        all.extend(rows.iter().cloned());
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

/// Parameters (as bits) and the device's metrics of a run.
type Outcome = (Vec<u32>, Vec<[u32; 4]>);

/// The result of a small run, made for this call.
fn outcome(assignments: &str) -> Outcome {
    let mut trainer = trainer_of(&config(None, assignments), "auto");
    let rows = train(&mut trainer).unwrap();
    let bits = trainer.parameters().unwrap().iter().map(|value| value.to_bits()).collect();
    (bits, rows.iter().map(|row| [row.update, row.total_episodes as u32, row.policy_loss.to_bits(), row.grad_norm.to_bits()]).collect())
}

/// [`outcome`] of a run that is made once for all tests that compare others with it.
fn known_outcome(assignments: &str) -> Outcome {
    type Known = Mutex<HashMap<String, Arc<OnceLock<Outcome>>>>;
    static KNOWN: OnceLock<Known> = OnceLock::new();
    let place = KNOWN.get_or_init(Known::default).lock().unwrap().entry(assignments.into()).or_default().clone();
    place.get_or_init(|| outcome(assignments)).clone()
}

const SMALL: &str = "envs=12 steps=16 minibatches=3 epochs=2 hidden=8 total_steps=1920 lr=3e-3";

/// More environments, whose minibatches take more than one row of partial gradients, and kernels of their own to learn from.
const LARGER: &str = "envs=120 steps=16 minibatches=3 epochs=2 hidden=8 total_steps=9600 lr=3e-3";

/// One environment for each kind of action: one choice, several, masked ones, continuous.
const KINDS: [&str; 4] = ["CartPole-v1", "Probe/Choice", "Probe/Masked", "Probe/Target"];

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_others() {
    for (env, size) in KINDS.into_iter().flat_map(|env| [(env, SMALL), (env, LARGER)]) {
        let first = known_outcome(&format!("{size} env={env}"));
        assert_eq!(first, outcome(&format!("{size} env={env}")), "{env}");
        assert_ne!(first, outcome(&format!("{size} env={env} seed=1")), "{env}");
    }
}

/// The number of gradient steps in one dispatch does not matter.
#[test]
fn gradient_steps_of_a_dispatch_do_not_change_results() {
    for (env, keys) in KINDS.into_iter().flat_map(|env| [(env, ""), (env, "target_kl=0.0005 agents=2 lr=1e-2")]) {
        let plan = Plan::new(&config(None, &format!("{SMALL} env={env} {keys}")), profile("auto")).unwrap();
        let all = plan.learn_steps;
        if all == 0 {
            skip("each gradient step is a dispatch of its own under this profile");
            continue;
        }
        // All three for one kind of action. The others differ from it within a step only.
        let counts = match (env == KINDS[0], keys.is_empty()) {
            (true, _) => vec![all, all.min(2), all.min(1)],
            (false, true) => vec![all, all.min(1)],
            (false, false) => vec![all, all.min(2)],
        };
        let mut outcomes = counts.into_iter().map(|learn_steps| {
            let mut trainer = Trainer::with_options(gpu(), Plan { learn_steps, ..plan.clone() }, &EngineOptions::default()).unwrap();
            let rows = train(&mut trainer).unwrap();
            let bits: Vec<u32> = trainer.parameters().unwrap().iter().map(|value| value.to_bits()).collect();
            let same = |row: &Row| Row { seconds: 0.0, sps: 0.0, ..row.clone() };
            (learn_steps, bits, rows.iter().map(same).collect::<Vec<_>>())
        });
        let (_, bits, rows) = outcomes.next().unwrap();
        if profile("auto").tiles_learned > 0 && plan.lanes_are_units() {
            assert_eq!(all, 6, "all steps of an update are made at once");
        }
        assert!(keys.is_empty() || rows.iter().any(|row| row.gradient_steps < 6), "{env}: target_kl ends updates early");
        for (learn_steps, other_bits, other_rows) in outcomes {
            assert_eq!((&other_bits, &other_rows), (&bits, &rows), "{env} {keys}: {learn_steps} steps in a dispatch");
        }
    }
}

/// Every buffer but those of [`ppo_gpu::program::buffers::KEPT`] is full of NaN when a run continues from a checkpoint; the result is bit-identical.
#[test]
fn an_update_reads_only_checkpointed_buffers_of_earlier_ones() {
    for env in KINDS {
        for keys in [
            "",
            "agents=2 normalize_observations=true normalize_rewards=true target_kl=0.01 anneal_clip=true",
            "agents=2 normalize_values=true desired_kl=0.001,0.1 log_std_max=-0.01",
        ] {
            let config = config(None, &format!("{SMALL} env={env} {keys}"));
            let (mut rows, mut checkpoints) = (Vec::new(), Vec::new());
            let mut whole = trainer_of(&config, "auto");
            whole
                .run_saving(Saving::Updates(4), &mut |update| {
                    rows.extend(update.rows);
                    checkpoints.extend(update.checkpoint);
                    Ok(ControlFlow::Continue(()))
                })
                .unwrap();
            assert_eq!(checkpoints.iter().map(|checkpoint| checkpoint.updates).collect::<Vec<_>>(), [4, 8]);
            assert_eq!(whole.checkpoint().unwrap().parameters(), whole.parameters().unwrap());
            let mut part = trainer_of(&config, "auto");
            for buffer in BUFFERS {
                part.engine().write(buffer.name, &vec![0x7fc0_dead; buffer.words(part.plan())]);
            }
            part.restore(&checkpoints[0]);
            let rest = train(&mut part).unwrap();
            // Times differ.
            let same = |row: &Row| Row { seconds: 0.0, sps: 0.0, ..row.clone() };
            let expected: Vec<Row> = rows[4 * config.agents as usize..].iter().map(same).collect();
            assert_eq!(rest.iter().map(same).collect::<Vec<_>>(), expected, "{env} {keys}");
            assert_eq!(part.parameters().unwrap(), whole.parameters().unwrap(), "{env} {keys}");
        }
    }
}

/// An environment that shows its parameters.
const PARAMETERS: &str = "
//! import rng
const OBSERVATION: u32 = 3u;
const ACTIONS: u32 = 2u;
const TIME_LIMIT: u32 = 3u;
struct EnvParameters { drawn: f32, whole: u32, fixed: f32 }
const DEFAULT_PARAMETERS = EnvParameters(0.5, 7u, 0.25);
struct EnvState { t: u32 }
fn env_reset(rng: ptr<function, Rng>) -> EnvState { return EnvState(0u); }
fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome { return Outcome(0.0, false); }
fn env_observe(state: EnvState) -> array<f32, OBSERVATION> { return array(parameters.drawn, f32(parameters.whole), parameters.fixed); }
";

/// Observations of the last rollout of `updates` updates with [`PARAMETERS`], as [agent][step][environment].
fn shown(updates: usize, [drawn, whole, fixed]: [&str; 3], more: &str) -> Vec<Vec<Vec<[f32; 3]>>> {
    let mut config = config(None, &format!("envs=5 steps=7 minibatches=1 epochs=1 hidden=4 total_steps={} {more}", updates * 35));
    for (name, setting) in [("drawn", drawn), ("whole", whole), ("fixed", fixed)] {
        let layer = Config::assignment(&format!("env_parameters.{name}"), setting).unwrap();
        config.env_parameters.extend(Config::from_layers([layer]).unwrap().env_parameters);
    }
    let gpu = gpu();
    let environment = Environment::parse("parameters", PARAMETERS).unwrap();
    let plan = Plan::with_environment(&config, environment, profile("auto")).unwrap();
    let mut trainer = Trainer::new(gpu, plan).unwrap();
    train(&mut trainer).unwrap();
    let plan = trainer.plan();
    let words: Vec<f32> = trainer.engine().read("observations").unwrap().into_iter().map(f32::from_bits).collect();
    let at = |s: usize, t: usize, n: usize| [0, 1, 2].map(|k| words[((s * plan.value_rows() + t) * plan.envs + n) * 3 + k]);
    (0..plan.agents).map(|s| (0..plan.steps).map(|t| (0..plan.envs).map(|n| at(s, t, n)).collect()).collect()).collect()
}

/// Steps t and the agent's next ones that belong to the same episode, three steps long, in the rollout after `updates` - 1 others of seven steps.
fn episode(updates: usize, t: usize) -> usize {
    ((updates - 1) * 7 + t) / 3
}

fn all_differ(values: impl Iterator<Item = f32>) -> bool {
    let mut bits: Vec<u32> = values.map(f32::to_bits).collect();
    let count = bits.len();
    bits.sort_unstable();
    bits.dedup();
    bits.len() == count
}

#[test]
fn parameters_vary_by_episode_environment_and_agent_and_not_otherwise() {
    let updates = 2;
    let per = |who: &str| format!("{{low = 3, high = 60000, per = \"{who}\"}}");
    let (environment, agent) = (per("environment"), per("agent"));
    let settings = ["[0.0, 1.0]", environment.as_str(), agent.as_str()];
    let all = shown(updates, settings, "agents=3");
    for (s, agent) in all.iter().enumerate() {
        for (t, step) in agent.iter().enumerate() {
            for (n, &[drawn, whole, fixed]) in step.iter().enumerate() {
                assert!((0.0..1.0).contains(&drawn) && (3.0..=60000.0).contains(&whole) && whole.fract() == 0.0 && (3.0..=60000.0).contains(&fixed));
                if t > 0 {
                    let same_episode = episode(updates, t) == episode(updates, t - 1);
                    assert_eq!(drawn == agent[t - 1][n][0], same_episode, "agent {s}, step {t}, environment {n}");
                }
                assert_eq!([whole, fixed], [agent[0][n][1], agent[0][0][2]], "agent {s}, step {t}, environment {n}");
            }
        }
        assert!(all_differ(agent[0].iter().map(|values| values[0])) && all_differ(agent[0].iter().map(|values| values[1])), "agent {s}");
        // The same beside others as alone.
        assert_eq!(*agent, shown(updates, settings, &format!("seed={s}"))[0], "agent {s}");
    }
    assert!(all_differ(all.iter().map(|agent| agent[0][0][2])), "agents");
    // Environments keep theirs from one update to the next; what is not varied is what was asked for.
    let later = shown(updates + 1, settings, "agents=3");
    assert!(all.iter().zip(&later).all(|(now, then)| (0..5).all(|n| now[0][n][1..] == then[0][n][1..])));
    assert_eq!(shown(1, ["0.75", "9", "[0.5, 0.5]"], "")[0][3][1], [0.75, 9.0, 0.5]);
}

#[test]
fn submissions_do_not_change_results() {
    for (env, size) in KINDS.into_iter().flat_map(|env| [(env, SMALL), (env, LARGER)]) {
        let whole = known_outcome(&format!("{size} env={env}"));
        for dispatches in [1, 2, 7, 1000] {
            let split = outcome(&format!("{size} env={env} dispatches_per_submit={dispatches}"));
            assert_eq!(whole, split, "{env}: {dispatches} dispatches in a submission");
        }
    }
}

#[test]
fn agents_compute_the_same_as_alone() {
    for (env, size) in KINDS.into_iter().flat_map(|env| [(env, SMALL), (env, LARGER)]) {
        // What kinds of action differ in is at a stride in every buffer, which two agents show; three do where all of an agent is.
        let agents = if env == KINDS[0] { 3 } else { 2 };
        let own = [["3e-3", "0.2"], ["1e-3", "0.1"], ["2e-2", "0.3"]];
        let each_of = |key: usize| own[..agents].iter().map(|own| own[key]).collect::<Vec<_>>().join(",");
        let (together, rows) = outcome(&format!("{size} env={env} agents={agents} seed=5 lr={} clip={}", each_of(0), each_of(1)));
        let each = together.len() / agents;
        for (s, [lr, clip]) in own[..agents].iter().enumerate() {
            let (alone, rows_alone) = outcome(&format!("{size} env={env} seed={} lr={lr} clip={clip}", 5 + s));
            assert_eq!(together[s * each..][..each], alone, "{env}: agent {s}");
            assert_eq!(rows.iter().skip(s).step_by(agents).copied().collect::<Vec<_>>(), rows_alone, "{env}: metrics of agent {s}");
        }
    }
}

#[test]
fn an_agent_that_reaches_its_target_keeps_the_parameters_it_reached_it_with() {
    // Every agent reaches a mean return of 30 at a time of its own.
    let learning = "envs=64 steps=16 minibatches=2 epochs=4 hidden=16 total_steps=200000 lr=1e-2 value_clip=false max_grad_norm=10 target_return=30";
    let mut trainer = trainer_of(&config(None, &format!("{learning} agents=3")), "auto");
    let rows = train(&mut trainer).unwrap();
    let params = trainer.parameters().unwrap();
    let each = params.len() / 3;
    let stopped: Vec<u32> = (0..3).map(|s| rows.iter().find(|row| row.agent == s && row.stops).expect("every agent stops").update).collect();
    assert!(stopped.iter().any(|&update| update != stopped[0]), "agents stop at different times: {stopped:?}");
    for s in 0..3 {
        let mut alone = trainer_of(&config(None, &format!("{learning} seed={s}")), "auto");
        let rows = train(&mut alone).unwrap();
        assert_eq!(rows.last().unwrap().update, stopped[s]);
        assert!(rows.last().unwrap().mean_return.unwrap() >= 30.0);
        assert_eq!(params[s * each..][..each], alone.parameters().unwrap(), "agent {s}");
    }
}

/// A clock that stands still, and one that is an hour later whenever it is looked at.
fn still() -> f64 {
    0.0
}

fn hours() -> f64 {
    static HOURS: AtomicU32 = AtomicU32::new(0);
    3600.0 * f64::from(HOURS.fetch_add(1, Ordering::Relaxed))
}

/// How many updates are queued when the last agent stops depends on the clock, and on whether dispatches are timed; the checkpoint does not.
#[test]
fn the_last_checkpoint_is_of_the_update_in_which_the_last_agent_stopped() {
    let learning = "envs=64 steps=16 minibatches=2 epochs=4 hidden=16 total_steps=200000 lr=1e-2 value_clip=false max_grad_norm=10 target_return=30 agents=2";
    let mut parameters = Vec::new();
    for (clock, dispatches) in [(still as Clock, 1000), (hours, 1000), (hours, 0)] {
        let config = config(None, &format!("{learning} dispatches_per_submit={dispatches}"));
        let mut trainer = trainer_at(clock, &config);
        let rows = train(&mut trainer).unwrap();
        let last = rows.iter().filter(|row| row.stops).map(|row| row.update).max().expect("every agent stops");
        assert!(last < trainer.plan().updates, "they stop before the end");
        let checkpoint = trainer.checkpoint().unwrap();
        assert_eq!((trainer.updates(), checkpoint.updates), (last, last));
        assert_eq!(rows.iter().map(|row| row.update).max(), Some(last));
        assert!(checkpoint.agents().iter().all(|agent| agent.sequence == last && agent.has_stopped()));
        // Nothing is left to train, for a trainer that continues from it either.
        let mut other = trainer_at(clock, &config);
        other.restore(&checkpoint);
        assert_eq!((train(&mut trainer).unwrap(), train(&mut other).unwrap()), (vec![], vec![]));
        parameters.push(trainer.parameters().unwrap());
    }
    assert!(parameters.iter().all(|other| *other == parameters[0]));
}

fn trainer_at(clock: Clock, config: &Config) -> Trainer {
    let mut gpu = gpu();
    gpu.clock = clock;
    let plan = Plan::new(config, profile("auto")).unwrap();
    pollster::block_on(Trainer::prepare(gpu, plan, &EngineOptions::default())).unwrap()
}

/// The time is that of the clock that the device was opened with, and results do not depend on it.
#[test]
fn training_uses_the_given_clock() {
    let config = config(None, SMALL);
    let expected = outcome(SMALL).0;
    for clock in [still as Clock, hours] {
        let gpu = pollster::block_on(Gpu::open_async(&common::backend(), "", clock)).unwrap();
        let plan = Plan::new(&config, profile("auto")).unwrap();
        let mut trainer = Trainer::with_options(gpu, plan, &EngineOptions::default()).unwrap();
        let (mut seconds, mut checkpoints) = (Vec::new(), 0);
        trainer
            .run_saving(Saving::Period(Duration::from_secs(60)), &mut |update| {
                seconds.extend(update.rows.iter().map(|row| row.seconds));
                checkpoints += usize::from(update.checkpoint.is_some());
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        if clock() == 0.0 {
            assert!(seconds.iter().all(|&seconds| seconds == 0.0) && checkpoints == 0, "{seconds:?}, {checkpoints} checkpoints");
        } else {
            assert!(seconds.iter().all(|&seconds| seconds >= 3600.0 && seconds % 3600.0 == 0.0) && seconds.is_sorted(), "{seconds:?}");
            assert!(checkpoints > 5, "{checkpoints} checkpoints");
        }
        assert_eq!(trainer.parameters().unwrap().iter().map(|value| value.to_bits()).collect::<Vec<_>>(), expected);
    }
}

/// One update after the other: the same rows and bits as a run, a pause that loses nothing, and checkpoints of their own updates.
#[test]
fn single_updates_are_the_same_as_in_a_run() {
    let config = config(None, &format!("{SMALL} dispatches_per_submit=1000"));
    let same = |row: &Row| Row { seconds: 0.0, sps: 0.0, ..row.clone() };
    let mut whole = trainer_of(&config, "auto");
    let expected: Vec<Row> = train(&mut whole).unwrap().iter().map(same).collect();
    let mut trainer = trainer_of(&config, "auto");
    trainer.set_saving(Saving::Updates(4));
    let (mut rows, mut saved, mut pauses) = (Vec::new(), Vec::new(), 0);
    while trainer.updates() < trainer.plan().updates {
        let mut in_pause = 0;
        while let Some(update) = pollster::block_on(trainer.next()).unwrap() {
            rows.extend(update.rows.iter().map(same));
            in_pause += usize::from(in_pause > 0);
            if let Some(checkpoint) = update.checkpoint {
                assert_eq!(checkpoint.updates, rows.len() as u32);
                saved.push(checkpoint.updates);
            }
            if rows.len() % 7 == 0 {
                trainer.pause();
                in_pause = 1;
            }
        }
        assert_eq!(rows.len(), trainer.updates() as usize, "a pause ends when all updates in flight were returned");
        pauses += usize::from(in_pause > 1);
    }
    assert!(pauses > 0, "no update was in flight when a pause began");
    assert_eq!((rows, saved), (expected, vec![4, 8]));
    assert_eq!(trainer.parameters().unwrap(), whole.parameters().unwrap());
    assert!(pollster::block_on(trainer.next()).unwrap().is_none(), "the steps are used up");
}

/// A player reads its data together with the submission that makes the steps.
#[test]
fn a_player_reads_its_steps_once() {
    let config = config(None, SMALL);
    let options = PlayerOptions { agents: vec![0], envs: 5, steps: 3, seed: 1, deterministic: false };
    let mut player = Player::new(&gpu(), &config, &Environment::named("CartPole-v1").unwrap(), None, &options).unwrap();
    let before = player.engine().traffic();
    let transitions = player.advance().unwrap();
    assert_eq!(player.engine().traffic().reads - before.reads, 1);
    let words = player.engine().read("transitions").unwrap();
    assert_eq!(bytemuck::cast_slice::<_, u32>(&transitions), &words[..transitions.len() * 5]);
    assert!(transitions.len() == 15 && transitions.iter().all(|transition| transition.reward == 1.0));
}

/// While training the host writes nothing and reads metric rows only.
#[test]
fn fifty_updates_transfer_only_metric_rows() {
    for agents in [1, 3] {
        let config = config(None, &format!("envs=8 steps=16 minibatches=2 epochs=2 hidden=8 agents={agents} total_steps={}", 8 * 16 * 50));
        let mut trainer = trainer_of(&config, "auto");
        let before = trainer.engine().traffic();
        let rows = train(&mut trainer).unwrap();
        let after = trainer.engine().traffic();
        assert_eq!(rows.len(), 50 * agents);
        assert_eq!(after.writes - before.writes, 0, "writes");
        assert_eq!(after.reads - before.reads, 50, "reads");
        assert_eq!(after.bytes_read - before.bytes_read, (50 * agents * size_of::<MetricsRow>()) as u64, "bytes");
    }
}

/// On the first minibatch of the first epoch the policy is still the one that acted: the ratio is exactly 1.
#[test]
fn the_first_minibatch_has_ratio_one_exactly() {
    let shapes = [("20,5", "relu", "software"), ("7,5", "tanh", "gpu")];
    // Layers as wide as people's take long to compile, and are the same whatever is chosen by what comes of them.
    let wide = (KINDS[0], ("40,20", "tanh", "software"));
    for (env, (hidden, activation, profile)) in
        KINDS.into_iter().flat_map(|env| shapes.map(|shape| (env, shape))).chain([wide, ("Probe/Target", ("20,5", "tanh", "software"))])
    {
        let config =
            config(None, &format!("env={env} envs=70 steps=8 minibatches=1 epochs=1 hidden={hidden} activation={activation} total_steps=2800 lr=1e-2"));
        for row in train(&mut trainer_of(&config, profile)).unwrap() {
            assert_eq!((row.approx_kl, row.clip_fraction), (0.0, 0.0), "{env}, update {}, hidden {hidden}, profile {profile}", row.update);
        }
    }
}

/// Spoils one word before training; returns the quantity that is named, and whether the parameters stayed as they were (but for the spoilt word).
fn spoil(buffer: &str, word: usize, value: f32) -> (String, bool) {
    let config = config(None, "envs=12 steps=16 minibatches=3 epochs=2 hidden=8 total_steps=1920");
    let mut trainer = trainer_of(&config, "auto");
    let mut words = trainer.engine().read(buffer).unwrap();
    words[word] = value.to_bits();
    trainer.engine().write(buffer, &words);
    let before = trainer.engine().read("params").unwrap();
    let quantity = match train(&mut trainer) {
        Err(Error::Diverged { first: Divergence { fault, update: 1, agent: 0, .. }, agents: 1 }) => fault.to_string(),
        other => panic!("{buffer}[{word}] = {value}: training ended with {:?}", other.map(|rows| rows.len())),
    };
    (quantity, trainer.engine().read("params").unwrap() == before)
}

#[test]
fn a_quantity_that_is_not_finite_stops_training_and_is_named() {
    // The policy head's first bias lies behind the first layer's 5 rows of 8 columns.
    let policy_bias = 5 * 8;
    for (buffer, word, value, quantity) in
        [("env_lanes", 2, f32::NAN, "observation"), ("env_lanes", 0, f32::INFINITY, "observation"), ("params", policy_bias, f32::NAN, "policy output")]
    {
        let (named, kept) = spoil(buffer, word, value);
        assert!(named.contains(quantity), "{buffer}[{word}] = {value} is named {named}");
        assert!(kept, "{buffer}[{word}] = {value}: parameters changed");
    }
    let critic_bias = 5 * 8 + 9 * 4 + 5 * 8;
    assert_eq!(spoil("params", critic_bias, f32::NAN).0, "value");
    // A moment that is not a number spoils its own parameter only; that is held back, and named.
    let (named, _) = spoil("first_moments", 9, f32::NAN);
    assert!(named.contains("parameter"), "{named}");
}

#[test]
fn a_limit_that_is_too_small_is_an_error_that_names_the_buffer() {
    let mut gpu = gpu();
    gpu.limits.max_storage_buffer_binding_size = 1 << 16;
    let plan = Plan::new(&config(None, "envs=512 steps=64 minibatches=4"), profile("auto")).unwrap();
    let Err(error) = Trainer::new(gpu, plan) else { panic!("a plan beyond the limits was accepted") };
    assert!(matches!(&error, Error::Limit { .. }) && error.to_string().contains("buffer `"), "{error}");
    assert_eq!(error.exit_code(), 2);
}

/// Mesa's software driver silently ends loops after 65,535 rounds; plans that need more are refused there.
#[test]
fn plans_with_loops_too_long_for_software_drivers_are_refused() {
    for (assignments, key) in [("envs=8 steps=16 hidden=2048,2048", "hidden"), ("envs=65536 steps=32 minibatches=2", "minibatches")] {
        let plan = Plan::new(&config(None, assignments), profile("auto")).unwrap();
        let error = plan.check_software_loops().unwrap_err();
        assert!(error.to_string().starts_with(key) && error.exit_code() == 2, "{error}");
    }
    assert!(Plan::new(&config(None, "envs=65536 steps=16 minibatches=4"), profile("auto")).unwrap().check_software_loops().is_ok());
}

#[test]
fn too_little_memory_is_an_error_that_says_what_to_lower() {
    let of = |envs: u32| Plan::new(&config(None, &format!("envs={envs} steps=64 minibatches=4")), profile("auto")).unwrap();
    let plan = of(512);
    assert!(plan.check_memory(plan.device_bytes(), "a device").is_ok());
    let half = plan.device_bytes() / 2;
    let error = plan.check_memory(half, "a device").unwrap_err();
    // The largest that fits, among halves of halves.
    let fitting = [256, 128, 64, 32].into_iter().find(|&envs| of(envs).device_bytes() <= half).unwrap();
    assert!(error.to_string().contains("memory") && error.help().contains(&format!("envs: {fitting} fits")), "{error}: {}", error.help());
    assert!(available_memory(&gpu().info).is_none_or(|bytes| bytes > 1 << 20));
}

#[test]
fn a_destroyed_device_is_an_error() {
    let gpu = Gpu::open("auto", "").unwrap();
    let plan = Plan::new(&config(None, SMALL), profile("auto")).unwrap();
    let mut trainer = Trainer::new(gpu.clone(), plan).unwrap();
    gpu.device.destroy();
    let error = train(&mut trainer).expect_err("a destroyed device cannot train");
    assert!(matches!(error, Error::Device { .. }), "{error}");
}

/// Kernels that end at once stand for a driver that reports work as done and has not begun it.
#[test]
fn a_device_that_executes_nothing_is_an_error() {
    let idle = || {
        let rewrite = |name: &str, source: String| {
            let start = source.find(&format!("fn {name}(")).unwrap();
            let body = start + source[start..].find(") {\n").unwrap() + 4;
            format!("{}    if (DOES_NOTHING) {{ return; }}\n{}\nconst DOES_NOTHING = true;\n", &source[..body], &source[body..])
        };
        EngineOptions { rewrite: Some(Box::new(rewrite)), ..EngineOptions::default() }
    };
    let plan = Plan::new(&config(None, SMALL), profile("auto")).unwrap();
    let mut trainer = Trainer::with_options(gpu(), plan, &idle()).unwrap();
    let error = train(&mut trainer).expect_err("nothing was trained");
    assert!(error.exit_code() == 1 && error.to_string().contains("while it ran update 1: it executed nothing"), "{error}");
}

/// A small network, so that it takes a second; .ci/run trains that of configs/cartpole.toml itself.
#[test]
fn cartpole_is_learned() {
    let config = config(Some("cartpole.toml"), "envs=64 steps=64 epochs=8 hidden=16,16 total_steps=800000 seed=3 target_return=475");
    let plan = Plan::new(&config, profile("auto")).unwrap();
    // By the kernel that makes gradient steps at once where there is one, and by those that make one each.
    for learn_steps in if plan.learn_steps > 0 { vec![plan.learn_steps, 0] } else { vec![0] } {
        let mut trainer = Trainer::with_options(gpu(), Plan { learn_steps, ..plan.clone() }, &EngineOptions::default()).unwrap();
        let rows = train(&mut trainer).unwrap();
        let last = rows.last().unwrap();
        let env_steps = u64::from(last.update) * u64::from(config.envs) * u64::from(config.steps);
        assert!(last.mean_return.unwrap() >= 475.0 && last.window == 100, "mean return {:?} after {env_steps} steps", last.mean_return);
        assert!(env_steps <= 800_000);
    }
}

// ---- agents that are kept within bounds

/// Trains, and returns for each update the logarithms of each agent's standard deviations.
fn log_stds(trainer: &mut Trainer) -> Vec<Vec<Vec<f32>>> {
    let plan = trainer.plan().clone();
    let head = plan.network.layers[plan.network.layers.len() - 1];
    let of = |params: &[f32]| (plan.network.weighted..plan.environment.actions.outputs()).map(|k| params[head.bias(k)]).collect();
    let of_agents = |params: Vec<f32>| params.chunks(plan.network.padded_parameters()).map(of).collect();
    let mut all = vec![of_agents(trainer.parameters().unwrap())];
    trainer
        .run_saving(Saving::Updates(1), &mut |update| {
            all.extend(update.checkpoint.map(|checkpoint| of_agents(checkpoint.parameters())));
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    all
}

/// An entropy bonus draws the deviations of Probe/Target up, and its reward draws them down. Whichever does, each agent's stay within its own bounds from
/// the beginning, reach the one they are drawn to, and leave it when they are drawn back.
#[test]
fn deviations_stay_within_their_bounds_and_are_not_stuck_there() {
    let keys = "env=Probe/Target envs=64 steps=16 minibatches=4 epochs=4 hidden=8 lr=1e-2 anneal_lr=false agents=2 total_steps=40960";
    let bounds = "log_std_min=-0.5,-0.25 log_std_max=-0.125,0.25";
    let (low, high) = ([-0.5, -0.25], [-0.125, 0.25]);
    let check = |all: &[Vec<Vec<f32>>], reached: [f32; 2]| {
        for (s, reached) in reached.into_iter().enumerate() {
            assert!(all.iter().flat_map(|agents| &agents[s]).all(|value| (low[s]..=high[s]).contains(value)), "agent {s}: {all:?}");
            // A bound is a float, and projected to it exactly; which dimensions are there after the last step is chance.
            assert!((0..2).all(|d| all.iter().any(|agents| agents[s][d] == reached)), "agent {s} does not reach {reached}: {all:?}");
        }
    };
    let mut wide = trainer_of(&config(None, &format!("{keys} {bounds} entropy_coef=1")), "auto");
    let all = log_stds(&mut wide);
    // It begins at 0, which is above one agent's largest.
    assert_eq!(all[0], [[-0.125; 2], [0.0; 2]]);
    check(&all, high);
    let mut narrow = trainer_of(&config(None, &format!("{keys} {bounds} entropy_coef=0")), "auto");
    narrow.adopt(&wide.checkpoint().unwrap(), None);
    check(&log_stds(&mut narrow), low);
    // What is adopted is brought within the bounds at once.
    let mut other = trainer_of(&config(None, &format!("{keys} log_std_min=0.5 entropy_coef=0 total_steps=1024")), "auto");
    other.adopt(&narrow.checkpoint().unwrap(), Some(0));
    assert!(log_stds(&mut other).iter().flatten().flatten().all(|&value| value == 0.5));
    // Without bounds they go further, or this would show nothing.
    let free = log_stds(&mut trainer_of(&config(None, &format!("{keys} entropy_coef=1 total_steps=20480")), "auto"));
    assert!(free.last().unwrap().iter().flatten().all(|&value| value > 0.25), "{free:?}");
    let free = log_stds(&mut trainer_of(&config(None, &format!("{keys} entropy_coef=0")), "auto"));
    assert!(free.last().unwrap().iter().flatten().all(|&value| value < -0.5), "{free:?}");
}

/// Every divergence is above the desired one of the first agent, and below that of the second: their rates change by 1.5 in each gradient step but an update's
/// first, up to their bounds. The third one's follows its own divergence, the same beside others as alone.
#[test]
fn learning_rates_follow_the_divergence() {
    let keys = format!("{SMALL} env=Probe/Target anneal_lr=false total_steps=1536");
    let together = format!("{keys} agents=3 desired_kl=1e-9,1e9,0.01 lr_min=1e-4 lr_max=2e-2");
    let mut trainer = trainer_of(&config(None, &together), "auto");
    let rows = train(&mut trainer).unwrap();
    let rates = |s: u32| rows.iter().filter(|row| row.agent == s).map(|row| row.learning_rate).collect::<Vec<f32>>();
    let chain = |factor: f32| (0..5).fold(3e-3f32, |rate, _| (rate * factor).clamp(1e-4, 2e-2));
    // A device's product of two floats is rounded to nearest, and so is this.
    assert_eq!((rates(0)[0], rates(1)[0]), (chain(1.0 / 1.5), chain(1.5)));
    assert_eq!((rates(0)[2..].to_vec(), rates(1)[2..].to_vec()), (vec![1e-4; 6], vec![2e-2; 6]));
    assert!(rates(2).iter().any(|&rate| rate != 3e-3) && rates(2) != rates(0) && rates(2) != rates(1), "{:?}", rates(2));
    assert!(rows.iter().all(|row| row.gradient_steps == 6));
    let (alone, rows_alone) = outcome(&format!("{keys} seed=2 desired_kl=0.01 lr_min=1e-4 lr_max=2e-2"));
    let parameters = trainer.parameters().unwrap();
    assert_eq!(parameters[2 * alone.len()..].iter().map(|value| value.to_bits()).collect::<Vec<_>>(), alone);
    assert_eq!(rows_alone.len(), 8);
    // The rate is part of the state.
    let saved: Vec<f32> = trainer.checkpoint().unwrap().agents().iter().map(|agent| agent.lr).collect();
    assert_eq!(saved, [0, 1, 2].map(|s| *rates(s).last().unwrap()));
    // Annealing multiplies it: in the last of 8 updates by 1/8.
    let annealed = train(&mut trainer_of(&config(None, &format!("{together} anneal_lr=true")), "auto")).unwrap();
    assert_eq!(annealed.iter().filter(|row| row.agent == 1).map(|row| row.learning_rate).next_back(), Some(2e-2 * 0.125));
}

/// One step that pays 4,000 or 6,000, as observed.
const LARGE: &str = "
//! import rng
const OBSERVATION: u32 = 1u;
const ACTIONS: u32 = 2u;
const TIME_LIMIT: u32 = 1u;
struct EnvState { x: f32 }
fn env_reset(rng: ptr<function, Rng>) -> EnvState { return EnvState(select(-1.0, 1.0, rng_below(rng, 2u) == 1u)); }
fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome { return Outcome(5000.0 + 1000.0 * (*state).x, true); }
fn env_observe(state: EnvState) -> array<f32, OBSERVATION> { return array(state.x); }
";

/// A critic whose outputs have to grow to thousands at a learning rate of 0.01 has not begun to tell two values apart when one that predicts normalised values
/// explains them.
#[test]
fn large_values_are_learned_where_values_are_normalised() {
    for (normalizes, expected) in [(true, 0.95..=1.0), (false, -1.0..=0.5)] {
        let keys = format!("envs=32 steps=16 minibatches=4 epochs=4 hidden=16 agents=2 lr=1e-2 total_steps=10240 normalize_values={normalizes}");
        let plan = Plan::with_environment(&config(None, &keys), Environment::parse("large", LARGE).unwrap(), profile("auto")).unwrap();
        let mut trainer = Trainer::new(gpu(), plan).unwrap();
        let rows = train(&mut trainer).unwrap();
        let last = &rows[rows.len() - 2..];
        assert!(last.iter().all(|row| expected.contains(&row.explained_variance)), "{normalizes}: {:?}", last.iter().map(|row| row.explained_variance));
        if normalizes {
            let words = trainer.checkpoint().unwrap().words("value_normalizers").to_vec();
            let normalizers: Vec<Normalizer> = bytemuck::pod_collect_to_vec(&words);
            for normalizer in normalizers {
                // Of 10,240 values of 5,000 +- 1,000: five standard errors of the mean are 50. The first, of mean 0 and variance 1, counts for 1e-4.
                assert!((normalizer.mean.value - 5000.0).abs() < 50.0, "{normalizer:?}");
                assert!((1.0 / normalizer.scale - 1000.0).abs() < 10.0, "{normalizer:?}");
            }
        }
    }
}
