//! Causes of silently wrong results, each based on a public report about other reinforcement-learning software: loops that a driver ends early,
//! sums that stop growing, counters that wrap, agents whose faults spread to others.
//!
//! Most tests run the binary on a small environment of their own, whose correct values follow from arithmetic. `PPO_GPU_TEST_BACKEND` picks the backend.

mod common;
mod desk;

use common::{gpu, profile};
use desk::{DIVERGED, DONE, Desk, FAILED, Outcome, REFUSED};
use ppo_gpu::device::engine::EngineOptions;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::spec::config::Config;
use ppo_gpu::spec::environment::Environment;
use ppo_gpu::spec::metrics::Row;
use ppo_gpu::spec::records::{Agent, EnvStatistics, Episode, Transition, word};
use ppo_gpu::train::trainer::Trainer;
use serde_json::Value;
use std::ops::ControlFlow;

/// An environment with one observation and two actions, unless `declarations` say otherwise. `{x}` is replaced by the value of `state`.
fn environment(declarations: &str, reset: &str, step: &str, observation: &str) -> String {
    let actions = if declarations.contains("ACTION") { "" } else { "const ACTIONS: u32 = 2u;\n" };
    format!(
        "const OBSERVATION: u32 = 1u;\n{actions}{declarations}\nstruct EnvState {{ n: u32, x: f32 }}\n\
         fn env_reset(rng: ptr<function, Rng>) -> EnvState {{ {reset} }}\n\
         fn env_step(state: ptr<function, EnvState>, action: ACTION, rng: ptr<function, Rng>) -> Outcome {{ (*state).n += 1u; {step} }}\n\
         fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {{ return array<f32, OBSERVATION>({observation}); }}\n"
    )
    .replace("ACTION,", if declarations.contains("ACTION_COUNTS") { "array<u32, 2>," } else { "u32," })
}

/// Rows of a run.
fn rows(desk: &Desk, run: &str) -> Vec<Value> {
    desk.read(&format!("{run}/metrics.jsonl")).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A trainer of `assignments` on the environment of a WGSL text.
fn trainer(source: &str, assignments: &str) -> Trainer {
    let layers: Vec<toml::Table> =
        assignments.split_whitespace().map(|pair| pair.split_once('=').unwrap()).map(|(key, value)| Config::assignment(key, value).unwrap()).collect();
    let plan = Plan::with_environment(&Config::from_layers(layers).unwrap(), Environment::parse("test.wgsl", source).unwrap(), profile("auto")).unwrap();
    Trainer::with_options(gpu().clone(), plan, &EngineOptions::default()).unwrap()
}

fn train(trainer: &mut Trainer) -> Vec<Row> {
    let mut all = Vec::new();
    let keep = &mut |rows: &[Row]| {
        all.extend(rows.iter().cloned());
        ControlFlow::Continue(())
    };
    trainer.run(keep).unwrap();
    all
}

// ---- loops

/// Its reward is the number of rounds of its loops: `step` of them in a step, and `reset` in a reset.
fn loops() -> String {
    environment(
        "const TIME_LIMIT: u32 = 4u;\nstruct EnvParameters { step: u32, reset: u32 }\nconst DEFAULT_PARAMETERS = EnvParameters(1000u, 1u);\n\
         fn made(rounds: u32, start: f32) -> f32 {\n    var x = start;\n    var n = 0u;\n    for (var i = 0u; i < rounds; i++) { x = fract(x * 1.1 + 0.1); n += 1u; }\n    \
         return f32(n) + 0.0 * x;\n}",
        "return EnvState(0u, made(parameters.reset, rng_uniform(rng)));",
        "return Outcome(made(parameters.step, (*state).x), false);",
        "0.001 * state.x",
    ) + "fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> { return vec3(made(parameters.step, uv.x) / f32(parameters.step)); }\n"
}

const LOOPS: &str = "--env loops.wgsl --hidden 4 --envs 4 --steps 32 --minibatches 1 --epochs 1 --total-steps 384 --quiet";

impl Outcome {
    /// A driver that ends loops early is refused by name; any other is right.
    fn is_refused_or(&self, right: impl FnOnce(&Outcome)) {
        if self.code == Some(DONE) { right(self) } else { assert!(self.code == Some(REFUSED) && self.stderr.contains("ended a loop early"), "{self}") }
    }
}

#[test]
fn loops_run_to_their_end_in_dispatches_with_many_steps() {
    let desk = Desk::new();
    desk.write("loops.wgsl", loops());
    // 80,000 rounds in 32 steps: more than Mesa's software driver makes in a dispatch.
    desk.expect(DONE, &format!("{LOOPS} --env-parameters step=2500 --out run"));
    let rows = rows(&desk, "run");
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert_eq!((&row["episodes"], &row["mean_return"]), (&32.into(), &10_000.0.into()), "{row}");
    }
}

#[test]
fn loops_that_a_driver_ends_early_are_refused() {
    let desk = Desk::new();
    desk.write("loops.wgsl", loops());
    for parameters in ["step=70000", "reset=70000,step=1"] {
        let outcome = desk.call(&format!("{LOOPS} --env-parameters {parameters} --out {}", parameters.replace([',', '='], "-")));
        outcome.is_refused_or(|_| assert_eq!(self::rows(&desk, &parameters.replace([',', '='], "-"))[0]["episodes"], 32));
        // Earlier results are kept.
        let summary: Value = serde_json::from_str(&desk.read(&format!("{}/summary.json", parameters.replace([',', '='], "-")))).unwrap();
        assert!(summary["diverged"].is_null() || summary["diverged"]["quantity"] == "loop: the driver ended one early", "{summary}");
    }
    let check = desk.call("env check loops.wgsl --env-parameters step=70000");
    assert!(check.code == Some(DONE) || check.code == Some(REFUSED) && check.stdout.contains(": the driver ended a loop early"), "{check}");
    assert!(desk.expect(DONE, "env check loops.wgsl --env-parameters step=5000").stdout.contains("from 5000 to 5000"));
    desk.call("env show loops.wgsl --env-parameters step=70000 --png picture.png --size 8").is_refused_or(|_| ());
    desk.expect(DONE, "env show loops.wgsl --env-parameters step=7000 --png picture.png --size 8");

    desk.expect(DONE, &format!("{LOOPS} --env-parameters step=10 --out short"));
    desk.call("eval short --episodes 4 --env-parameters step=70000 --json").is_refused_or(|outcome| assert_eq!(outcome.json()["mean_return"], 280_000.0));
}

#[test]
fn a_loop_that_a_driver_cuts_short_is_a_fault() {
    let mut trainer = trainer(&loops(), "envs=4 steps=8 minibatches=1 hidden=4 total_steps=64");
    let mut agents = trainer.engine().read("agents").unwrap();
    agents[word!(Agent.canary_rounds)] -= 1;
    trainer.engine().write("agents", &agents);
    let error = trainer.run(&mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(error.to_string().contains("ended a loop early") && error.exit_code() == 2, "{error}");
}

// ---- worlds

#[test]
fn every_agent_plays_in_the_world_that_it_learned_in() {
    let desk = Desk::new();
    let worlds = environment(
        "const TIME_LIMIT: u32 = 1u;\nstruct EnvParameters { gain: f32 }\nconst DEFAULT_PARAMETERS = EnvParameters(1.0);",
        "return EnvState(0u, 0.0);",
        "return Outcome(parameters.gain, false);",
        "0.01 * parameters.gain",
    );
    desk.write("worlds.wgsl", worlds + "fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> { return vec3(parameters.gain / 100.0); }\n");
    let small = "--agents 4 --seed 10 --envs 4 --steps 8 --minibatches 1 --hidden 4 --total-steps 256 --quiet --json";
    let run = |per: &str, out: &str| {
        let gain = format!("env_parameters.gain={{low=0,high=100,per=\"{per}\"}}");
        desk.expect(DONE, &format!("--env worlds.wgsl {small} --set {gain} --out {out}")).json()
    };
    let trained: Vec<f64> = run("agent", "run")["agents"].as_array().unwrap().iter().map(|agent| agent["mean_return"].as_f64().unwrap()).collect();
    assert!(trained.iter().all(|gain| trained.iter().filter(|other| *other == gain).count() == 1), "{trained:?}");
    for seed in ["", "--seed 77"] {
        let played = desk.expect(DONE, &format!("eval run --episodes 6 --json --quiet {seed}")).json();
        // Training's mean is of 100 times the same float, added up in f32: off by at most 100 * 2^-24 of 100.
        for (agent, gain) in played["agents"].as_array().unwrap().iter().zip(&trained) {
            assert!((agent["returns"]["mean"].as_f64().unwrap() - gain).abs() < 6e-4, "{agent} instead of {gain}");
        }
    }
    for (agent, gain) in trained.iter().enumerate().step_by(2) {
        let out = desk.expect(DONE, &format!("record run --agent {agent} --png-dir frames-{agent} --size 2"));
        assert!(out.stdout.contains(&format!("return {gain:.1}")), "{gain}\n{out}");
        desk.expect(DONE, &format!("export run --agent {agent} --wgsl {agent}.wgsl"));
        let note = desk.read(&format!("{agent}.wgsl")).lines().next().unwrap().to_string();
        let noted: f64 = note.split_once("gain = ").unwrap().1.split_whitespace().next().unwrap().parse().unwrap();
        assert!((noted - gain).abs() < 6e-4, "{note}");
    }
    // Environments keep theirs, too: an evaluation in as many has the training's mean.
    let trained = run("environment", "environments");
    let played = desk.expect(DONE, "eval environments --episodes 4 --json --quiet").json();
    // A mean of up to 100 returns of at most 100, added up in f32: off by 100 additions of 2^-24 of a sum of at most 10^4, over 100, which is 6e-4.
    for (before, after) in trained["agents"].as_array().unwrap().iter().zip(played["agents"].as_array().unwrap()) {
        assert!((before["mean_return"].as_f64().unwrap() - after["returns"]["mean"].as_f64().unwrap()).abs() < 1e-3, "{before} {after}");
    }
}

// ---- agents that diverge

const PENDULUM: &str = "--env Pendulum-v1 --envs 16 --steps 32 --minibatches 4 --hidden 8 --max-grad-norm 1e6 --total-steps 4096 --quiet --json";

#[test]
fn an_agent_that_diverges_is_frozen_and_the_others_continue() {
    let desk = Desk::new();
    let together = desk.expect(DONE, &format!("{PENDULUM} --agents 3 --lr 1e-3,30,3e-4 --out together"));
    let summary = together.json();
    let diverged = &summary["diverged"];
    assert_eq!((&diverged["agent"], &diverged["seed"]), (&1.into(), &1.into()), "{summary}");
    assert_eq!([0, 1, 2].map(|agent| &summary["agents"][agent]["diverged"]), [&Value::Null, diverged, &Value::Null]);
    let alone = desk.expect(DONE, &format!("{PENDULUM} --lr 1e-3 --out alone")).json();
    assert_eq!(summary["agents"][0]["params_sha256"], alone["params_sha256"]);
    let rows = rows(&desk, "together");
    let of = |agent: usize| rows.iter().filter(move |row| row["agent"] == agent).collect::<Vec<_>>();
    let last = *of(1).last().unwrap();
    assert_eq!((of(0).len(), of(2).len(), of(1).len() < 8), (8, 8, true));
    assert_eq!((&last["fault"], &last["update"]), (&diverged["quantity"], &diverged["update"]));

    // The files on disk can be used.
    let played = desk.expect(DONE, "eval together --episodes 4 --json --quiet").json();
    assert!(played["agents"].as_array().unwrap().iter().all(|agent| agent["returns"]["mean"].is_f64()), "{played}");
    desk.expect(DONE, "fork together --total-steps 1024 --lr 1e-4 --out fork --quiet --json");
    desk.expect(DONE, "export together --agent 1 --onnx policy.onnx");
    let longer = desk.expect(DONE, "resume together --total-steps 8192 --quiet --json").json();
    assert_eq!(longer["diverged"], summary["diverged"]);
    assert_eq!(longer["agents"][1]["params_sha256"], summary["agents"][1]["params_sha256"]);
}

#[test]
fn a_run_whose_only_agent_diverges_ends_with_its_last_finite_state() {
    let desk = Desk::new();
    let run = desk.expect(DIVERGED, &format!("{PENDULUM} --lr 30 --out run"));
    run.says(&["agent 0 (seed 0) diverged in update", "--on-divergence rollback"]);
    assert_eq!(run.json()["diverged"]["agent"], 0);
    assert!(desk.expect(DONE, "eval run --episodes 4 --json --quiet").json()["mean_return"].is_f64());
    desk.expect(DONE, "fork run --total-steps 1024 --lr 1e-4 --out fork --quiet --json");
    desk.expect(DONE, "export run --safetensors weights.safetensors");
    // There is no earlier state to go back to.
    desk.expect(DIVERGED, "resume run --on-divergence rollback --quiet --json");
    let manifest: Value = serde_json::from_str(&desk.read("run/run.json")).unwrap();
    assert!(manifest["rollbacks"].is_null(), "{manifest}");
    // Resuming it changes nothing.
    assert_eq!(desk.expect(DIVERGED, "resume run --quiet --json").json()["params_sha256"], run.json()["params_sha256"]);
}

/// The environments of an agent that has reached its target keep running. Faults in them are not a divergence of the agent.
#[test]
fn faults_after_an_agent_has_stopped_are_ignored() {
    let ones = environment("const TIME_LIMIT: u32 = 4u;", "return EnvState(0u, 0.0);", "return Outcome(1.0, false);", "1.0");
    let mut trainer = trainer(&ones, "envs=16 steps=8 minibatches=1 epochs=1 hidden=4 total_steps=2560 target_return=3");
    let rows = train(&mut trainer);
    assert!(rows.last().unwrap().was_stopped || rows.last().unwrap().stops, "{:?}", rows.last());
    trainer.engine().write("faults", &[ppo_gpu::support::fault::OBSERVATION.code()]);
    let checkpoint = trainer.checkpoint().unwrap();
    assert_eq!(checkpoint.divergences(trainer.plan()), []);
    trainer.restore(&checkpoint);
    trainer.run(&mut |_| ControlFlow::Continue(())).unwrap();
}

/// An observation, a reward, or the running moments of either may be what is not finite: the checkpoint of such a run must be one that can be read.
#[test]
fn a_state_that_is_not_finite_never_reaches_a_checkpoint() {
    let desk = Desk::new();
    let broken = |step: &str, observation: &str| environment("const TIME_LIMIT: u32 = 9u;", "return EnvState(0u, 1.0);", step, observation);
    let infinite = "(*state).x = (*state).x * 1e9; ";
    for (name, source, quantity) in [
        ("observation", broken(&format!("{infinite} return Outcome(1.0, false);"), "state.x"), "observation"),
        ("reward", broken(&format!("{infinite} return Outcome((*state).x, false);"), "1.0"), "reward"),
        ("return", broken("return Outcome(1.2e38, false);", "1.0"), "reward"),
        ("moments", broken("return Outcome(1.0, false);", "f32(state.n) * 1e30"), "running moments of the observations"),
    ] {
        desk.write(&format!("{name}.wgsl"), source);
        let arguments =
            "--envs 4 --steps 16 --minibatches 1 --hidden 4 --total-steps 640 --normalize-observations true --normalize-rewards true --quiet --json";
        let run = desk.expect(DIVERGED, &format!("--env {name}.wgsl {arguments} --out {name}")).json();
        assert_eq!(run["diverged"]["quantity"], quantity, "{name}: {run}");
        desk.expect(DONE, &format!("export {name} --onnx {name}.onnx"));
    }
}

// ---- players

#[test]
fn playing_stops_when_a_quantity_is_not_finite() {
    let desk = Desk::new();
    let roots = environment(
        "const TIME_LIMIT: u32 = 20u;\nstruct EnvParameters { a: f32, b: f32 }\nconst DEFAULT_PARAMETERS = EnvParameters(1.0, 1.0);",
        "return EnvState(0u, rng_uniform(rng));",
        "(*state).x = rng_uniform(rng); return Outcome(sqrt(parameters.a), false);",
        "state.x * sqrt(parameters.b)",
    );
    desk.write("roots.wgsl", roots + "fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> { return vec3(state.x); }\n");
    desk.expect(DONE, "--env roots.wgsl --envs 4 --steps 8 --minibatches 1 --hidden 4 --total-steps 64 --out run --quiet");
    for (parameter, quantity) in [("a", "reward"), ("b", "observation")] {
        // A range, so that compilers cannot know the value.
        for command in ["eval run --episodes 4", "record run --gif run.gif --size 8", "eval run --episodes 4 --deterministic"] {
            let outcome = desk.expect(FAILED, &format!("{command} --set env_parameters.{parameter}=[-2,-1]"));
            outcome.says(&[&format!("the first quantity that is not finite is the {quantity}")]);
        }
        let outcome = desk.expect(REFUSED, &format!("eval run --set env_parameters.{parameter}=-1"));
        outcome.says(&["error: roots.wgsl:", &format!("but not with {parameter} = -1")]);
    }
}

#[test]
fn a_choice_without_a_legal_action_is_a_fault_that_names_it() {
    let desk = Desk::new();
    for (mask, choice) in [("false, false, true, true, true", 0), ("true, false, false, false, false", 1)] {
        let source = environment(
            "const TIME_LIMIT: u32 = 10u;\nconst ACTION_COUNTS = array(2u, 3u);",
            "return EnvState(0u, rng_uniform(rng));",
            "return Outcome(1.0, false);",
            "state.x",
        );
        desk.write("masks.wgsl", source + &format!("fn env_action_mask(state: EnvState) -> array<bool, 5> {{ return array<bool, 5>({mask}); }}\n"));
        let check = desk.expect(REFUSED, "env check masks.wgsl");
        assert!(check.stdout.contains(&format!("no action is legal in choice {choice} at step 0")), "{check}");
        let arguments = "--env masks.wgsl --envs 4 --steps 8 --minibatches 1 --hidden 4 --total-steps 64 --quiet --json";
        let run = desk.expect(DIVERGED, &format!("{arguments} --out run-{choice}"));
        run.says(&[&format!("no action is legal in choice {choice}")]);
        assert_eq!(rows(&desk, &format!("run-{choice}"))[0]["fault"], format!("action: none is legal in choice {choice}"));
        desk.expect(FAILED, &format!("eval run-{choice} --episodes 4")).says(&[&format!("no action is legal in choice {choice}")]);
    }
}

#[test]
fn an_observation_that_is_not_finite_is_named_in_every_step() {
    let desk = Desk::new();
    let source = |at: u32, limit: u32| {
        let root = format!("sqrt({at}.0 - f32(state.n) - 1.0)");
        environment(&format!("const TIME_LIMIT: u32 = {limit}u;"), "return EnvState(0u, 0.0);", "return Outcome(1.0, false);", &root)
    };
    // In the middle, only after the rollout's last step, only at the end of a truncated episode.
    for (at, limit) in [(7, 1000), (32, 1000), (20, 20)] {
        desk.write("root.wgsl", source(at, limit));
        let run = desk.expect(DIVERGED, &format!("--env root.wgsl --envs 4 --steps 32 --minibatches 1 --hidden 4 --total-steps 256 --quiet --json --out {at}"));
        assert_eq!(run.json()["diverged"]["quantity"], "observation", "at {at}\n{run}");
        assert!(desk.expect(REFUSED, "env check root.wgsl").stdout.contains("WRONG  root.wgsl:7: "), "at {at}");
    }
}

/// Drivers that know a divisor to be 0 may compute anything, and llvmpipe does: by a constant, by a parameter, by what only they can know.
#[test]
fn divisions_by_zero_are_found_however_well_known_the_zero_is() {
    let desk = Desk::new();
    let parameters = "struct EnvParameters { zero: f32 }\nconst DEFAULT_PARAMETERS = EnvParameters(0.0);\nconst TIME_LIMIT: u32 = 50u;\n\
        fn inner(x: f32, by: f32) -> f32 { return x / by; }";
    for quotient in [
        "let z = 0.0; (*state).x = ((*state).x + 1.0) / z;",
        "var z = 0.0; (*state).x = ((*state).x + 1.0) / z;",
        "let z = (*state).x * 0.0; (*state).x = ((*state).x + 1.0) / z;",
        "let z = (*state).x - (*state).x; (*state).x = ((*state).x + 1.0) / z;",
        "(*state).x = ((*state).x + 1.0) / f32(TIME_LIMIT - 50u);",
        "(*state).x = ((*state).x + 1.0) / parameters.zero;",
        "(*state).x = ((*state).x - (*state).x) / parameters.zero;",
        "(*state).x = inner((*state).x + 1.0, parameters.zero);",
        "(*state).x = ((*state).x + 1.0) % parameters.zero;",
        "(*state).x = (vec3((*state).x) / vec3(1.0, parameters.zero, 1.0)).y;",
    ] {
        let step = format!("{quotient} return Outcome(1.0, false);");
        desk.write("zero.wgsl", environment(parameters, "return EnvState(0u, 0.5);", &step, "state.x"));
        let check = desk.expect(REFUSED, "env check zero.wgsl");
        assert!(check.stdout.contains("WRONG  zero.wgsl:") && check.stdout.contains("observation[0] is "), "{quotient}\n{check}");
    }
    let run = desk.expect(DIVERGED, "--env zero.wgsl --envs 4 --steps 32 --minibatches 1 --hidden 4 --total-steps 256 --quiet --json --out zero");
    assert_eq!(run.json()["diverged"]["quantity"], "observation", "{run}");
    // In a copy of a built-in environment, which knows no ranges.
    desk.write("pole.wgsl", desk.expect(DONE, "env show CartPole-v1 --wgsl").stdout);
    let flags = "--envs 4 --steps 32 --minibatches 1 --hidden 4 --total-steps 256 --quiet --json --out pole --env-parameters pole_half_length=0";
    assert_eq!(desk.expect(DIVERGED, &format!("--env pole.wgsl {flags}")).json()["diverged"]["quantity"], "observation");
}

// ---- one sample

#[test]
fn minibatches_of_one_sample_are_not_normalised() {
    let desk = Desk::new();
    // If normalised, the loss is exactly 0; otherwise it is of the size of the advantages, which are about 1.
    let run = desk.expect(DONE, "--hidden 16 --envs 4 --steps 8 --minibatches 32 --total-steps 96 --out run");
    run.says(&["note: minibatches of one sample: advantages are not normalised"]);
    assert!(rows(&desk, "run").iter().all(|row| row["policy_loss"].as_f64().unwrap().abs() > 1e-3));
    let two = desk.expect(DONE, "--hidden 16 --envs 4 --steps 8 --minibatches 16 --total-steps 96 --out two");
    assert!(!two.stderr.contains("advantages"), "{two}");
}

// ---- sums and counters

#[test]
fn returns_of_long_episodes_are_exact_to_a_float() {
    let tenths = environment("const TIME_LIMIT: u32 = 20000u;", "return EnvState(0u, 0.0);", "return Outcome(0.1, false);", "1.0");
    let mut trainer = trainer(&tenths, "envs=4 steps=2000 minibatches=1 epochs=1 hidden=4 total_steps=80000");
    let row = train(&mut trainer).pop().unwrap();
    let right = 20_000.0 * f64::from(0.1f32);
    assert_eq!((row.episodes, row.mean_return), (4, Some(right as f32)));
}

/// An episode that has collected 2^24 already: in one float, adding 1 would have no effect.
#[test]
fn a_return_grows_beyond_the_integers_of_a_float() {
    let ones = environment("const TIME_LIMIT: u32 = 0xffffffffu;", "return EnvState(0u, 0.0);", "return Outcome(1.0, (*state).n == 9u);", "1.0");
    let mut trainer = trainer(&ones, "envs=4 steps=9 minibatches=1 epochs=1 hidden=4 total_steps=36");
    let (lane, episode) = (trainer.plan().environment.lane_words(), trainer.plan().environment.state_words());
    let mut lanes = trainer.engine().read("env_lanes").unwrap();
    lanes.chunks_exact_mut(lane).take(4).for_each(|lane| lane[episode + word!(Episode.sum)] = 16_777_216f32.to_bits());
    trainer.engine().write("env_lanes", &lanes);
    // Nine more are between two floats; eight would have been one.
    assert_eq!(train(&mut trainer)[0].mean_return, Some((16_777_216.0f64 + 9.0) as f32));
}

/// The same for the discounted sum that rewards are normalised by. With gamma = 1 the sum never decays.
#[test]
fn a_discounted_sum_grows_beyond_the_integers_of_a_float() {
    let ones = environment("const TIME_LIMIT: u32 = 0xffffffffu;", "return EnvState(0u, 0.0);", "return Outcome(1.0, false);", "1.0");
    let mut trainer = trainer(&ones, "envs=4 steps=9 minibatches=1 epochs=1 hidden=4 total_steps=72 gamma=1 normalize_rewards=true");
    let mut statistics = trainer.engine().read("env_statistics").unwrap();
    let sums = |statistics: &[u32]| -> Vec<f64> {
        let sum = |row: &[u32]| [0, 1].map(|i| f64::from(f32::from_bits(row[word!(EnvStatistics.discounted) + i]))).iter().sum();
        statistics.chunks_exact(EnvStatistics::WORDS).take(4).map(sum).collect()
    };
    statistics.chunks_exact_mut(EnvStatistics::WORDS).take(4).for_each(|row| row[word!(EnvStatistics.discounted)] = 16_777_216f32.to_bits());
    trainer.engine().write("env_statistics", &statistics);
    train(&mut trainer);
    // Two updates: the rounding error carries over from one to the next.
    assert_eq!(sums(&trainer.engine().read("env_statistics").unwrap()), [16_777_216.0 + 18.0; 4]);
}

#[test]
fn episodes_and_their_lengths_are_counted_beyond_thirty_two_bits() {
    let short = environment("const TIME_LIMIT: u32 = 0xffffffffu;", "return EnvState(0u, 0.0);", "return Outcome(1.0, (*state).n % 4u == 0u);", "1.0");
    let mut trainer = trainer(&short, "envs=4 steps=8 minibatches=1 epochs=2 hidden=4 total_steps=64 lr=1e-3");
    let (engine, lane, episode) = (trainer.engine(), trainer.plan().environment.lane_words(), trainer.plan().environment.state_words());
    let mut agents = engine.read("agents").unwrap();
    agents[word!(Agent.episodes)] = u32::MAX - 3;
    agents[word!(Agent.gradient_steps)] = u32::MAX - 1;
    engine.write("agents", &agents);
    let mut lanes = engine.read("env_lanes").unwrap();
    lanes.chunks_exact_mut(lane).take(4).for_each(|lane| lane[episode + word!(Episode.steps)] = (1 << 30) - 2);
    engine.write("env_lanes", &lanes);
    let rows = train(&mut trainer);
    // Two episodes of each environment in each update, the first of which had gone on for 2^30 - 2 steps.
    let right = u64::from(u32::MAX) - 3;
    assert_eq!(rows.iter().map(|row| row.total_episodes).collect::<Vec<_>>(), [right + 8, right + 16]);
    let first = (((1u64 << 30) + 2) * 4 + 4 * 4) as f64 / 8.0;
    // Lengths are floats there: half a unit in the last place each, and eight additions of them.
    assert!((f64::from(rows[0].mean_length.unwrap()) / first - 1.0).abs() < 1e-6, "{:?} instead of {first}", rows[0].mean_length);
    assert!(rows.iter().all(|row| row.fault.is_none() && row.grad_norm > 0.0), "{rows:?}");
    let agents = trainer.engine().read("agents").unwrap();
    assert_eq!([agents[word!(Agent.episodes)], agents[word!(Agent.episodes) + 1], agents[word!(Agent.gradient_steps)]], [12, 1, u32::MAX]);
    let transitions = trainer.engine().read("transitions").unwrap();
    let [length, ending] = [word!(Transition[31].episode_length), word!(Transition[31].ending)].map(|word| transitions[word]);
    assert_eq!([length, ending], [4, Transition::TERMINATED]);
}

/// Observations alternate between -2 and 2 about 3: mean 3, variance 4. After 4e8 of them, a single float would take in no more of eight.
#[test]
fn normalisers_still_change_after_hundreds_of_millions_of_samples() {
    let alternating = environment(
        "const TIME_LIMIT: u32 = 1000u;",
        "return EnvState(0u, 0.0);",
        "return Outcome(1.0, false);",
        "3.0 + select(-2.0, 2.0, state.n % 2u == 1u)",
    );
    let mut trainer = trainer(&alternating, "envs=4 steps=2 minibatches=1 epochs=1 hidden=4 total_steps=3200 normalize_observations=true");
    let mut normalizers = trainer.engine().read("normalizers").unwrap();
    let seen: [f32; 7] = [4e8, 0.0, 3.0, 0.0, 4.0, 0.0, 0.5];
    normalizers[..7].copy_from_slice(&seen.map(f32::to_bits));
    trainer.engine().write("normalizers", &normalizers);
    train(&mut trainer);
    let after: Vec<f64> = trainer.engine().read("normalizers").unwrap()[..7].iter().map(|&word| f64::from(f32::from_bits(word))).collect();
    assert_eq!(after[0] + after[1], 4e8 + 3200.0);
    // Observations are normalised with deviation 0.5 to +-1 in f32, so that each mean and variance is off by a few 2^-24, of which four hundred merges pass on
    // 3200 / 4e8: nothing is left at 1e-6.
    assert!((after[2] + after[3] - 3.0).abs() < 1e-6 && (after[4] + after[5] - 4.0).abs() < 1e-6, "{after:?}");
    // Changes are registered: twice as far apart, the variance moves by 12 * 3200 / 4e8, which single floats would lose, eight at a time.
    let wider = environment(
        "const TIME_LIMIT: u32 = 1000u;",
        "return EnvState(0u, 0.0);",
        "return Outcome(1.0, false);",
        "3.0 + select(-4.0, 4.0, state.n % 2u == 1u)",
    );
    let mut trainer = self::trainer(&wider, "envs=4 steps=2 minibatches=1 epochs=1 hidden=4 total_steps=3200 normalize_observations=true");
    trainer.engine().write("normalizers", &normalizers);
    train(&mut trainer);
    let after: Vec<f64> = trainer.engine().read("normalizers").unwrap()[..7].iter().map(|&word| f64::from(f32::from_bits(word))).collect();
    let right = 4.0 + 12.0 * 3200.0 / (4e8 + 3200.0);
    // The increments, of 2.4e-7 each, are good to a few units in the last place of one float.
    assert!((after[4] + after[5] - right).abs() < 1e-3 * (right - 4.0), "{after:?} instead of {right}");
}

#[test]
fn explained_variance_of_constant_targets_is_zero() {
    let desk = Desk::new();
    let one = environment("const TIME_LIMIT: u32 = 100u;", "return EnvState(0u, 0.0);", "return Outcome(1.0, true);", "1.0");
    desk.write("one.wgsl", one);
    // Values of some units around a target of 1, so that advantage + value is rounded.
    let seen = environment("const TIME_LIMIT: u32 = 100u;", "return EnvState(0u, rng_uniform(rng));", "return Outcome(1.0, true);", "50.0 * state.x - 25.0");
    desk.write("seen.wgsl", seen);
    for name in ["one", "seen"] {
        desk.expect(DONE, &format!("--env {name}.wgsl --hidden 4 --envs 16 --steps 32 --minibatches 4 --lr 1e-2 --total-steps 10240 --out {name} --quiet"));
        for row in rows(&desk, name) {
            assert_eq!(row["explained_variance"], 0.0, "{name}: {row}");
        }
    }
    // Targets that vary are explained as usual.
    let varying = environment("const TIME_LIMIT: u32 = 1u;", "return EnvState(0u, rng_uniform(rng));", "return Outcome(1e3 + (*state).x, true);", "state.x");
    desk.write("varying.wgsl", varying);
    desk.expect(DONE, "--env varying.wgsl --hidden 4 --envs 16 --steps 32 --minibatches 4 --total-steps 512 --out varying --quiet");
    assert_ne!(rows(&desk, "varying")[0]["explained_variance"], 0.0);
}

// ---- random numbers, bounds

#[test]
fn random_integers_are_below_any_count() {
    let desk = Desk::new();
    let below = environment(
        "const TIME_LIMIT: u32 = 1u;\nstruct EnvParameters { count: u32 }\nconst DEFAULT_PARAMETERS = EnvParameters(100000u);",
        "return EnvState(rng_below(rng, parameters.count), 0.0);",
        "return Outcome(f32((*state).n - 1u), false);",
        "0.0",
    );
    desk.write("below.wgsl", below);
    desk.expect(DONE, "--env below.wgsl --envs 64 --steps 4 --minibatches 1 --hidden 4 --total-steps 256 --out run --quiet");
    for count in [100_000u32, 3_000_000_000] {
        let played = desk.expect(DONE, &format!("eval run --episodes 40000 --env-parameters count={count} --json --quiet")).json();
        let returns = &played["agents"][0]["returns"];
        // Uniform on [0, count): the mean of 40,000 deviates by count / sqrt(12 * 40,000). Five of these; the stream is fixed.
        let (count, mean) = (f64::from(count), returns["mean"].as_f64().unwrap());
        assert!((mean - (count - 1.0) / 2.0).abs() < 5.0 * count / (12.0 * 40_000f64).sqrt(), "{mean} of {count}");
        assert!(returns["max"].as_f64().unwrap() > 0.999 * count, "{returns}");
    }
}

#[test]
fn env_check_notes_environments_that_are_hard_to_learn() {
    let desk = Desk::new();
    let bounded = |low: &str, high: &str| {
        format!(
            "const OBSERVATION: u32 = 1u;\nconst ACTION_LOW = array({low});\nconst ACTION_HIGH = array({high});\nconst TIME_LIMIT: u32 = 10u;\n\
             struct EnvState {{ x: f32 }}\nfn env_reset(rng: ptr<function, Rng>) -> EnvState {{ return EnvState(rng_uniform(rng)); }}\n\
             fn env_step(state: ptr<function, EnvState>, action: array<f32, 1>, rng: ptr<function, Rng>) -> Outcome {{ return Outcome(action[0], false); }}\n\
             fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {{ return array<f32, OBSERVATION>(state.x); }}\n"
        )
    };
    for (low, high, noted) in [("100.0f", "200.0f", true), ("-1000.0f", "1000.0f", true), ("-1.0f", "1.0f", false), ("-2.0f", "2.0f", false)] {
        desk.write("bounds.wgsl", bounded(low, high));
        let check = desk.expect(DONE, "env check bounds.wgsl");
        let note = format!("note   bounds.wgsl:2: dimension 0 of the action lies between {}", low.trim_end_matches(".0f"));
        assert_eq!(check.stdout.contains(&note), noted, "{check}");
    }
    let constant =
        |observation: &str| environment("const TIME_LIMIT: u32 = 10u;", "return EnvState(0u, rng_uniform(rng));", "return Outcome(1.0, false);", observation);
    for (observation, note) in [("state.x", "the reward never changed"), ("1e-4 * state.x", "hardly changes"), ("1e4 * state.x", "some observations are large")]
    {
        desk.write("notes.wgsl", constant(observation));
        assert!(desk.expect(DONE, "env check notes.wgsl").stdout.contains(note), "{note}");
    }
}

// ---- going back

/// At a learning rate of 30 the first agent diverges within two updates; halved often enough, it does not.
#[test]
fn a_rollback_lowers_learning_rates() {
    rollback_lowers_learning_rates("");
}

/// Also those that adapt to the KL divergence, which checkpoints keep. The first agent's cannot adapt out of divergence by itself.
#[test]
fn a_rollback_lowers_learning_rates_that_adapt() {
    rollback_lowers_learning_rates("--desired-kl 0.01 --lr-min 20,1e-5 --lr-max 40,1e-2");
}

fn rollback_lowers_learning_rates(keys: &str) {
    let desk = Desk::new();
    let arguments = format!("{PENDULUM} --agents 2 --lr 30,1e-3 --checkpoint-every 2 --on-divergence rollback --rollbacks 60 {keys}");
    let run = desk.expect(DONE, &format!("{arguments} --out run")).json();
    assert!(run["diverged"].is_null(), "{run}");
    let manifest: Value = serde_json::from_str(&desk.read("run/run.json")).unwrap();
    let rollbacks = manifest["rollbacks"].as_array().unwrap();
    assert!(!rollbacks.is_empty());
    for (i, rollback) in rollbacks.iter().enumerate() {
        assert_eq!(rollback["diverged"][0]["agent"], 0, "{rollback}");
        assert_eq!(rollback["lr"], serde_json::json!([30.0 / 2f64.powi(i as i32 + 1), 1e-3]), "{rollback}");
    }
    assert_eq!(run["config"]["lr"], rollbacks.last().unwrap()["lr"]);
    assert_eq!((&run["rollbacks"], &rollbacks[0]["lr_before"]), (&manifest["rollbacks"], &serde_json::json!([30.0, 1e-3])));
    // Each update has one row of each agent, and the agent that did not diverge has the bits that it has alone.
    let all = rows(&desk, "run");
    let updates = |agent: usize| all.iter().filter(|row| row["agent"] == agent).map(|row| row["update"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!([updates(0), updates(1)], [(1..=8).collect::<Vec<_>>(), (1..=8).collect()]);
    let keys = keys.replace("20,", "").replace("40,", "");
    let alone = desk.expect(DONE, &format!("{PENDULUM} --seed 1 --lr 1e-3 --out alone {keys}")).json();
    assert_eq!(run["agents"][1]["params_sha256"], alone["params_sha256"]);
    // Bit-identical, and it can be resumed, also from an earlier checkpoint.
    let again = desk.expect(DONE, &format!("{arguments} --out again")).json();
    assert_eq!(again["params_sha256"], run["params_sha256"]);
    let resumed = desk.expect(DONE, "resume run --from 6 --quiet --json").json();
    assert_eq!(resumed["params_sha256"], run["params_sha256"]);
    desk.expect(DONE, "eval run --episodes 4 --quiet");
}

#[test]
fn rollbacks_are_limited_to_the_configured_number() {
    let desk = Desk::new();
    let never = environment("const TIME_LIMIT: u32 = 9u;", "return EnvState(0u, 1.0);", "return Outcome(1.0, false);", "sqrt(3.0 - f32(state.n))");
    desk.write("never.wgsl", never);
    let arguments = "--env never.wgsl --envs 4 --steps 16 --minibatches 1 --hidden 4 --total-steps 640 --on-divergence rollback --rollbacks 2 --quiet --json";
    let run = desk.expect(DIVERGED, &format!("{arguments} --out run"));
    run.says(&["agent 0 (seed 0) diverged in update 1: the first quantity that is not finite is the observation"]);
    let manifest: Value = serde_json::from_str(&desk.read("run/run.json")).unwrap();
    assert_eq!(manifest["rollbacks"].as_array().unwrap().len(), 2);
    assert_eq!(rows(&desk, "run").len(), 1);
}

// ---- what figures are of

/// Two updates of an environment of one's own.
const SMALL: &str = "--envs 2 --steps 8 --minibatches 1 --hidden 4 --total-steps 32 --quiet";

/// A run of four agents. In the worlds of two of them the reward is not a number.
fn half_diverge(desk: &Desk) -> Outcome {
    let roots = environment(
        "const TIME_LIMIT: u32 = 4u;\nstruct EnvParameters { gain: f32 }\nconst DEFAULT_PARAMETERS = EnvParameters(75.0);",
        "return EnvState(0u, 0.0);",
        "return Outcome(sqrt(parameters.gain - 50.0), false);",
        "0.0",
    );
    desk.write("roots.wgsl", roots);
    desk.expect(DONE, &format!("--env roots.wgsl --agents 4 --seed 10 {SMALL} --set env_parameters.gain={{low=0,high=100,per=\"agent\"}} --out run"))
}

#[test]
fn eval_has_the_results_of_agents_that_play_beside_others_that_cannot() {
    let desk = Desk::new();
    half_diverge(&desk);
    let eval = |code: i32, flags: &str| desk.expect(code, &format!("eval run --episodes 3 --quiet {flags}"));
    let all = eval(FAILED, "--json");
    all.says(&["error: 2 agents stopped playing, this one first: agent ", "the reward", "\n  help: "]);
    let all = all.json();
    let agents = all["agents"].as_array().unwrap();
    let (failed, played): (Vec<_>, Vec<_>) = agents.iter().partition(|agent| agent["returns"].is_null());
    assert_eq!((failed.len(), played.len()), (2, 2), "{all}");
    assert!(failed.iter().all(|agent| agent["fault"] == "reward") && played.iter().all(|agent| agent["fault"].is_null()), "{all}");
    let means: Vec<f64> = played.iter().map(|agent| agent["returns"]["mean"].as_f64().unwrap()).collect();
    assert_eq!(all["mean_return"].as_f64(), Some((means[0] + means[1]) / 2.0));
    // Each as it plays alone.
    for agent in agents {
        let (number, code) = (&agent["agent"], if agent["fault"].is_null() { DONE } else { FAILED });
        assert_eq!(eval(code, &format!("--json --agent {number}")).json()["agents"][0], *agent);
    }
    let text = eval(FAILED, "").stdout;
    assert!(text.contains("  stopped playing: the first quantity that is not finite is the reward") && text.contains("(of 2 of 4 agents)"), "{text}");
}

/// An agent whose episodes are short has played them all while another still plays its first, and is not judged by what it does meanwhile.
#[test]
fn eval_ignores_faults_after_an_agents_last_episode() {
    let desk = Desk::new();
    let rare = environment(
        "const TIME_LIMIT: u32 = 20000u;\nstruct EnvParameters { long: f32 }\nconst DEFAULT_PARAMETERS = EnvParameters(1.0);",
        "return EnvState(0u, rng_uniform(rng));",
        "let short = parameters.long < 0.5; return Outcome(sqrt(select(1.0, -1.0, short && (*state).x < 0.0005)), short);",
        "0.0",
    );
    desk.write("rare.wgsl", rare);
    desk.expect(DONE, &format!("--env rare.wgsl --agents 2 --seed 10 {SMALL} --set env_parameters.long={{low=0,high=1,per=\"agent\"}} --out run"));
    let eval = |code: i32, flags: &str| desk.expect(code, &format!("eval run --quiet --json {flags}")).json();
    let both = eval(DONE, "--episodes 3");
    let lengths = |agent: usize| both["agents"][agent]["lengths"]["mean"].as_f64();
    assert_eq!([lengths(0), lengths(1)], [Some(20_000.0), Some(1.0)], "{both}");
    assert_eq!(eval(DONE, "--episodes 3 --agent 1")["agents"][0], both["agents"][1]);
    // With more episodes it has a fault among them.
    assert_eq!(eval(FAILED, "--episodes 50000 --agent 1")["agents"][0]["fault"], "reward");
}

#[test]
fn summaries_state_the_number_of_episodes_and_agents() {
    let desk = Desk::new();
    let run = half_diverge(&desk);
    assert!(run.stdout.contains(" over the last 8 episodes, mean of 2 of 4 agents ("), "{run}");
    // One of the two that diverged is said to have done so wherever it appears.
    let played = desk.expect(DONE, "eval run --agent 0 --episodes 3 --json --quiet").json();
    assert!(played["agents"][0]["diverged"].is_null(), "{played}");
    desk.expect(FAILED, "eval run --agent 1 --episodes 3").says(&["agent 1 stopped playing", "reward"]);
    // Agents of a fork get worlds of their own.
    let note = "are drawn anew, by the seeds of the new run's agents";
    assert!(desk.expect(DONE, "fork run --agent 0 --agents 1 --out fork --total-steps 32 --lr 1e-3 --checkpoint-every 9").stderr.contains(note));

    // Half of the episodes never end.
    let half = environment(
        "const TIME_LIMIT: u32 = 0xffffffffu;",
        "return EnvState(0u, select(0.0, 1.0, rng_uniform(rng) < 0.5));",
        "return Outcome(1.0, (*state).x == 1.0 && (*state).n == 3u);",
        "state.x",
    );
    desk.write("half.wgsl", half);
    desk.expect(DONE, &format!("--env half.wgsl {SMALL} --out half"));
    let played = desk.expect(DONE, "eval half --episodes 60 --most-steps 50");
    assert!(played.stdout.contains("episodes were longer than 50 steps and are left out"), "{played}");
}

#[test]
fn resume_reports_missing_rows_and_finished_runs() {
    let desk = Desk::new();
    desk.expect(DONE, "--envs 4 --steps 32 --hidden 8 --total-steps 1280 --out run --quiet");
    let text = desk.read("run/metrics.jsonl");
    let without: Vec<&str> = text.lines().enumerate().filter(|(i, _)| !(3..5).contains(i)).map(|(_, line)| line).collect();
    desk.write("run/metrics.jsonl", without.join("\n") + "\n");
    desk.expect(DONE, "resume run --total-steps 1536").says(&["note: metrics.jsonl lacks 2 of the 10 rows up to update 10"]);
    desk.expect(DONE, "--envs 4 --steps 32 --hidden 8 --total-steps 64000 --target-return 9 --out solved --quiet");
    desk.expect(DONE, "resume solved --total-steps 65000").says(&["note: every agent has stopped: nothing is left to train"]);
}
