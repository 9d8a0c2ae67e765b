//! The program as its users see it: exit codes, what is printed where, the files of a run, refusals, signals.
//!
//! Every test runs the binary. `PPO_GPU_TEST_BACKEND` picks the backend that it trains on.

mod common;
mod desk;

use common::skip;
#[cfg(unix)]
use desk::INTERRUPTED;
use desk::{DIVERGED, DONE, Desk, FAILED, Outcome, REFUSED, finish};
use ppo_gpu::program::buffers::BUFFERS;
use ppo_gpu::program::kernel;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::profile::Profile;
use ppo_gpu::spec::config::{Config, KEYS};
use ppo_gpu::spec::metrics::METRICS;
use serde_json::Value;
#[cfg(target_os = "linux")]
use std::path::Path;
use std::process::Stdio;
#[cfg(unix)]
use std::process::{Command, Output};

/// A run of 8 updates of 128 samples. Other runs keep its shape where they can, since drivers keep compiled kernels.
const TINY: &str = "--envs 8 --steps 16 --minibatches 2 --epochs 1 --hidden 4 --total-steps 1024";
/// The same run, but longer than any test waits.
const ENDLESS: &str = "--envs 8 --steps 16 --minibatches 2 --epochs 1 --hidden 4 --total-steps 400000000";
/// Weights of 100 in each of four layers, and a loss whose gradient is then beyond f32.
const DIVERGING: &str = "--envs 8 --steps 16 --minibatches 2 --epochs 1 --hidden 4,4,4 --activation relu --total-steps 1024 --anneal-lr false \
                         --value-clip false --value-coef 1e6 --max-grad-norm 1e30";

impl Desk {
    /// The summary of a run with `--json --quiet`, which must end well.
    fn summary(&self, arguments: &str) -> Value {
        self.expect(DONE, &format!("{arguments} --json --quiet")).json()
    }

    /// A refusal: exit code 2, nothing on stdout, nothing left behind, and each of `parts` in the message.
    fn refuse(&self, arguments: &str, parts: &[&str]) -> Outcome {
        let before = self.names();
        let outcome = self.expect(REFUSED, arguments);
        outcome.says(parts);
        assert!(outcome.stdout.is_empty(), "{outcome}");
        assert_eq!(self.names(), before, "{outcome}");
        outcome
    }
}

impl Outcome {
    /// The value that a refusal suggests.
    fn nearest(&self) -> Option<String> {
        let rest = self.stderr.split("nearest that works: ").nth(1)?;
        Some(rest.split_whitespace().next()?.to_string())
    }
}

/// The lines of a metrics.jsonl, all of them whole.
fn rows(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is not whole: {:?}", text.lines().last());
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

// ---- a run from start to end

#[test]
fn a_run_leaves_what_it_promises() {
    let desk = Desk::new();
    let outcome = desk.expect(DONE, &format!("{TINY} --agents 2 --out run --json"));
    let summary = outcome.json();
    for name in ["env_steps", "seconds", "startup_seconds", "sps", "mean_return", "episodes", "solved_return"] {
        assert!(summary[name].is_number(), "{name}: {outcome}");
    }
    for name in ["device", "backend", "driver", "profile", "version", "params_sha256"] {
        assert!(!text(&summary, name).is_empty() || name == "driver", "{name}: {outcome}");
    }
    assert!(text(&summary, "params_sha256").len() == 64 && text(&summary, "params_sha256").bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!((&summary["solved"], &summary["interrupted"], &summary["diverged"]), (&false.into(), &false.into(), &Value::Null));
    assert_eq!((&summary["env_steps"], &summary["config"]["total_steps"]), (&1024.into(), &1024.into()));
    assert_eq!(summary["agents"].as_array().unwrap().len(), 2);

    assert_eq!(desk.names(), ["run"]);
    let mut files: Vec<_> = desk.path("run").read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, [".lock", "checkpoints", "config.toml", "environment.wgsl", "metrics.jsonl", "run.json", "summary.json", "tensorboard"]);
    assert_eq!(desk.read("run/summary.json"), outcome.stdout);

    let rows = rows(&desk.read("run/metrics.jsonl"));
    assert_eq!(rows.len(), 8 * 2, "one for each update and agent");
    let mut episodes = [0, 0];
    for (row, i) in rows.iter().zip(0_u64..) {
        let object = row.as_object().unwrap();
        let documented = METRICS.iter().all(|metric| object.contains_key(metric.name));
        assert!(documented && object.len() == METRICS.len(), "{row}");
        let (update, agent) = (i / 2 + 1, i % 2);
        assert_eq!((row["update"].as_u64(), row["agent"].as_u64(), row["seed"].as_u64()), (Some(update), Some(agent), Some(agent)), "{row}");
        assert_eq!(row["env_steps"].as_u64(), Some(128 * update));
        episodes[agent as usize] += row["episodes"].as_u64().unwrap();
        assert_eq!(row["total_episodes"].as_u64(), Some(episodes[agent as usize]));
        let nullable = ["mean_return", "mean_length", "fault"];
        assert!(object.iter().all(|(name, value)| !value.is_null() || nullable.contains(&name.as_str())), "{row}");
        let expected = summary["config"]["lr"].as_f64().unwrap() * (1.0 - (update - 1) as f64 / 8.0);
        assert!((row["learning_rate"].as_f64().unwrap() / expected - 1.0).abs() < 1e-6, "{row}");
    }
    assert!(rows.windows(2).all(|pair| pair[0]["seconds"].as_f64() <= pair[1]["seconds"].as_f64()));
    for agent in [0, 1] {
        let (last, own) = (&rows[14 + agent], &summary["agents"][agent]);
        for (name, same) in [("mean_return", "mean_return"), ("episodes", "total_episodes"), ("env_steps", "env_steps"), ("seed", "seed")] {
            assert_eq!(own[name], last[same], "{name}");
        }
    }
    assert_eq!(summary["episodes"].as_u64(), Some(episodes[0] + episodes[1]));
}

#[test]
fn the_configuration_of_a_run_repeats_it() {
    let desk = Desk::new();
    let first = desk.summary(&format!("{TINY} --out first --agents 2 --lr 1e-2,3e-3 --seed 7"));
    let again = desk.summary("--config first/config.toml --out second");
    assert_eq!((&first["params_sha256"], &first["config"]), (&again["params_sha256"], &again["config"]));
    assert_eq!(desk.read("first/config.toml"), desk.read("second/config.toml"));
    let shown = desk.expect(DONE, "inspect config --config first/config.toml").stdout;
    assert!(desk.read("first/config.toml").ends_with(&shown), "{shown}");
    assert_eq!(shown.parse::<toml::Table>().unwrap()["seed"].as_integer(), Some(7));
}

#[test]
fn results_depend_on_the_seed_alone() {
    let desk = Desk::new();
    let run = |name: &str, flags: &str| desk.summary(&format!("{TINY} --out {name} {flags}"));
    let first = run("a", "--seed 5");
    let sha = text(&first, "params_sha256");
    assert_eq!(text(&run("b", "--seed 5"), "params_sha256"), sha, "another process");
    for at_once in [1, 0] {
        let split = run(&format!("split-{at_once}"), &format!("--seed 5 --dispatches-per-submit {at_once}"));
        assert_eq!(text(&split, "params_sha256"), sha, "{at_once} dispatches in a submission");
    }
    assert_ne!(text(&run("c", "--seed 6"), "params_sha256"), sha, "another seed");

    let three = run("three", "--seed 3 --agents 3");
    assert_eq!(text(&three["agents"][2], "params_sha256"), sha, "agent 2 of seed 3 is the only agent of seed 5");
    assert_eq!(three["agents"][2]["seed"], 5);
    assert_ne!(text(&three["agents"][1], "params_sha256"), sha);
    // But for the agent's number and the times.
    let own = |name: &str, agent: u64| -> Vec<Value> {
        let mut rows = rows(&desk.read(&format!("{name}/metrics.jsonl")));
        rows.retain(|row| row["agent"] == agent);
        for name in ["agent", "seconds", "sps"] {
            rows.iter_mut().for_each(|row| row[name] = Value::Null);
        }
        rows
    };
    assert_eq!(own("three", 2), own("a", 0));
}

/// Returns of some thousandths: every place that shows a return shows its digits.
#[test]
fn small_returns_are_shown_with_their_digits() {
    let desk = Desk::new();
    desk.write(
        "small.wgsl",
        "const OBSERVATION: u32 = 1u;\nconst ACTIONS: u32 = 2u;\nconst TIME_LIMIT: u32 = 10u;\nstruct EnvState { x: f32 }\n\
         fn env_reset(rng: ptr<function, Rng>) -> EnvState { return EnvState(rng_uniform(rng)); }\n\
         fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome { return Outcome(0.0003, false); }\n\
         fn env_observe(state: EnvState) -> array<f32, OBSERVATION> { return array<f32, OBSERVATION>(state.x); }\n\
         fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> { return vec3(state.x); }\n",
    );
    let outcome = desk.expect(DONE, &format!("{TINY} --env small.wgsl --agents 2 --out run"));
    let mean = outcome.stdout.lines().find(|line| line.starts_with("return    0.00300 over the last "));
    assert!(mean.is_some_and(|line| line.ends_with(" episodes, mean of 2 agents (0.00300 to 0.00300)")), "{outcome}");
    outcome.says(&["mean return 0.00300"]);
    let text = desk.expect(DONE, "eval run --episodes 20 --quiet").stdout;
    assert!(text.lines().filter(|line| line.matches("0.00300").count() >= 9).count() == 2 && text.contains(" mean             0.00300\n"), "{text}");
    let text = desk.expect(DONE, "record run --gif a.gif --size 16").stdout;
    assert!(text.ends_with("return 0.00300\n"), "{text}");
    let text = desk.expect(DONE, "env check small.wgsl").stdout;
    assert!(text.contains("rewards are finite, from 0.0003 to 0.0003, mean 0.000300"), "{text}");
    desk.expect(DONE, "plot run --out a.svg");
    assert!(desk.read("a.svg").contains(">\n0.003"), "no label of the vertical axis has digits");
}

#[test]
fn a_target_return_ends_a_run_early() {
    let desk = Desk::new();
    let summary = desk.summary(&format!("{ENDLESS} --target-return 5 --out run"));
    let steps = summary["env_steps"].as_u64().unwrap();
    assert!(steps < 100_000, "{summary}");
    let agent = &summary["agents"][0];
    assert!(agent["reached_target"] == true && agent["episodes"].as_u64() >= Some(100) && agent["mean_return"].as_f64() >= Some(5.0), "{summary}");
    let rows = rows(&desk.read("run/metrics.jsonl"));
    assert_eq!(rows.last().unwrap()["env_steps"], steps);
    let stops: Vec<usize> = (0..rows.len()).filter(|&i| rows[i]["stops"] == true).collect();
    assert_eq!(stops, [rows.len() - 1]);
}

#[test]
fn output_is_text_and_unnamed_runs_get_a_name() {
    let desk = Desk::new();
    let first = desk.expect(DONE, TINY);
    let second = desk.expect(DONE, &format!("{TINY} --quiet"));
    assert_eq!(desk.names(), ["runs"]);
    assert_eq!(desk.path("runs").read_dir().unwrap().count(), 2);
    for outcome in [&first, &second] {
        let line = |start: &str| outcome.stdout.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start}: {outcome}"));
        assert!(line("trained ").contains("1,024 environment steps") && line("not solved").contains("475"), "{outcome}");
        let run = line("run ").trim_start_matches("run").trim();
        assert!(desk.path(run).join("summary.json").exists() && run.contains("CartPole-v1-0"), "{outcome}");
    }
    // Progress, where stderr is no terminal: plain lines, the last update among them, and one note at most.
    first.says(&["update 8/8", "mean return", "1,024 steps"]);
    assert!(!first.stderr.contains('\r') && !first.stderr.contains('\x1b') && first.stderr.matches("note: ").count() <= 1, "{first}");
    assert!(second.stderr.is_empty(), "{second}");
}

/// `script`, of util-linux, gives a program a terminal.
#[cfg(target_os = "linux")]
#[test]
fn a_dumb_terminal_gets_the_same_lines_as_a_pipe() {
    if Command::new("script").arg("--version").output().is_err() {
        return skip("there is no `script`");
    }
    let desk = Desk::new();
    let on_terminal = |term: Option<&str>, arguments: &str| {
        let call = format!("exec {} {arguments}", desk.command("").get_program().to_str().unwrap());
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &call, "/dev/null"]).current_dir(desk.path("")).stdin(Stdio::null());
        match term {
            Some(term) => command.env("TERM", term),
            None => command.env_remove("TERM"),
        };
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    for (number, term) in [Some("dumb"), None, Some("")].into_iter().enumerate() {
        let (code, text) = on_terminal(term, &format!("{TINY} --tui --out run{number}"));
        assert_eq!(code, Some(DONE), "{term:?}: {text}");
        assert!(text.contains("update 8/8 ") && text.contains("1,024 steps") && !text.contains('\x1b'), "{term:?}: {text}");
    }
    // Others get a bar, which is drawn over and over.
    let (_, text) = on_terminal(Some("xterm"), &format!("{TINY} --out bar"));
    assert!(text.contains('\x1b') && !text.contains("update 8/8 "), "{text}");
    let (code, text) = on_terminal(Some("dumb"), "watch bar");
    assert!(code == Some(REFUSED) && text.contains("cannot be drawn on") && !text.contains("\x1b["), "{text}");
}

#[test]
fn an_environment_with_a_long_path_gives_a_run_a_short_name() {
    let desk = Desk::new();
    desk.expect(DONE, "env new mine");
    let deep = format!("{0}/{0}/{0}", "d".repeat(100));
    std::fs::create_dir_all(desk.path(&deep)).unwrap();
    let long = "f".repeat(200);
    std::fs::rename(desk.path("mine.wgsl"), desk.path(&format!("{deep}/{long}.wgsl"))).unwrap();
    desk.expect(DONE, &format!("{TINY} --env {deep}/{long}.wgsl --seed 7 --quiet"));
    let names: Vec<String> = desk.path("runs").read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.len() == 1 && names[0].ends_with("f-7") && names[0].len() < 80, "{names:?}");
    // A name that no file system takes is a failure that leaves nothing.
    desk.expect(FAILED, &format!("{TINY} --quiet --out out/{}", "x".repeat(300))).says(&["cannot create"]);
    assert_eq!(desk.path("out").read_dir().map_or(0, |entries| entries.count()), 0);
}

#[test]
fn a_closed_pipe_is_not_a_failure() {
    let desk = Desk::new();
    let spawn = |arguments: &str| desk.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for arguments in [&format!("{TINY} --json --out json"), &format!("{TINY} --out text"), "inspect shader gradient", "devices", "--help"] {
        let mut child = spawn(arguments);
        drop(child.stdout.take());
        finish(arguments, child.wait_with_output().unwrap()).ended(DONE);
    }
    assert!(desk.path("json/summary.json").exists() && desk.path("text/summary.json").exists());
    for (arguments, code) in [(format!("{TINY} --out notes"), DONE), ("--envs 0".into(), REFUSED)] {
        let mut child = spawn(&arguments);
        drop(child.stderr.take());
        finish(&arguments, child.wait_with_output().unwrap()).ended(code);
    }
    #[cfg(target_os = "linux")]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = desk.command("inspect config").stdout(full).output().unwrap();
        finish("with a full disk", output).ended(FAILED).says(&["cannot write standard output", "caused by: "]);
    }
}

// ---- configuration

#[test]
fn flags_override_set_overrides_the_file_replaces_the_preset() {
    let desk = Desk::new();
    desk.write("file.toml", "envs = 8\nsteps = 8\nminibatches = 2\nhidden = [3, 5]\n");
    let shown = |arguments: &str| desk.expect(DONE, &format!("inspect config {arguments}")).stdout.parse::<toml::Table>().unwrap();
    let of = |table: &toml::Table| ["envs", "steps", "minibatches", "lr"].map(|key| table[key].to_string());
    let preset = include_str!("../configs/cartpole.toml").parse::<toml::Table>().unwrap();
    let bare = shown("");
    assert!(preset.iter().all(|(key, value)| bare[key] == *value), "the bare command uses the preset");
    assert_eq!(of(&shown("--config file.toml")), ["8", "8", "2", "0.00025"], "the preset is not under a file");
    let all = "--config file.toml --set envs=16 --set steps=32 --envs 64 --set lr=0.25";
    assert_eq!(of(&shown(all)), ["64", "32", "2", "0.25"]);
    assert_eq!(of(&shown("--envs 64 --set envs=16"))[0], "64", "whatever the order");
    assert_eq!(shown("--config file.toml")["hidden"].to_string(), "[3, 5]");
}

/// Nothing that was given is dropped: what can come together does, and the rest is refused.
#[test]
fn repeated_flags_are_merged_or_refused() {
    let desk = Desk::new();
    // The desk's own command leaves out repeated flags.
    let call = |arguments: &[&str]| finish(&arguments.join(" "), desk.command("").args(arguments).output().unwrap());
    let parameters = |arguments: &[&str]| {
        let shown = call(&[&["inspect", "config"], arguments].concat()).ended(DONE).stdout;
        shown.parse::<toml::Table>().unwrap()["env_parameters"].to_string()
    };
    let both = "{ force = 5.0, gravity = 3.0 }";
    assert_eq!(parameters(&["--env-parameters", "gravity=3", "--env-parameters", "force=5"]), both);
    assert_eq!(parameters(&["--env-parameters", "gravity=3", "--env-parameters={force=5}"]), both);
    assert_eq!(parameters(&["--set", "env_parameters.gravity=3", "--set", "env_parameters.force=5"]), both);
    assert_eq!(parameters(&["--set", "env_parameters={gravity=3}", "--set", "env-parameters=force=5"]), both);
    // A flag overrides --set entry by entry, as it does for other keys.
    assert_eq!(parameters(&["--set", "env_parameters.gravity=9", "--set", "env_parameters.force=5", "--env-parameters", "gravity=3"]), both);
    for (arguments, says) in [
        (&["--envs", "64", "--envs", "64"][..], "'--envs <N>' cannot be used multiple times"),
        (&["--lr", "1", "--lr=2"], "'--lr <RATE>' cannot be used multiple times"),
        (&["--quiet", "--quiet"], "'--quiet' cannot be used multiple times"),
        (&["--config", "a.toml", "--config", "b.toml"], "'--config <FILE>' cannot be used multiple times"),
        (&["eval", "run", "--episodes", "1", "--episodes", "2"], "'--episodes <N>' cannot be used multiple times"),
        (&["--anneal-lr", "--anneal-lr", "false"], "'--anneal-lr [<BOOL>]' cannot be used multiple times"),
        (&["--set", "lr=1", "--set", "lr=2"], "lr: --set gives it more than once"),
        (&["--set", "total_steps=1", "--set", "total-steps=2"], "total_steps: --set gives it more than once"),
        (&["--set", "env_parameters.gravity=1", "--set", "env_parameters.gravity=2"], "env_parameters.gravity: --set gives it more than once"),
        (&["--env-parameters", "gravity=1", "--env-parameters", "gravity=2"], "env_parameters.gravity: --env-parameters gives it more than once"),
        // Before and after a subcommand.
        (&["--envs", "64", "inspect", "plan", "--envs", "32"], "--envs: it is given before `inspect plan` and after it"),
        (&["--set", "lr=1", "inspect", "plan", "--set", "gamma=1"], "--set: it is given before `inspect plan` and after it"),
        (&["--env-parameters", "gravity=1", "inspect", "config", "--env-parameters", "force=1"], "--env-parameters: it is given before"),
    ] {
        call(arguments).ended(REFUSED).says(&[says]);
    }
    let output = call(&["--set", "a=--envs", "--envs=4", "inspect", "config"]);
    output.ended(REFUSED).says(&["a: there is no such key"]);
    assert!(desk.names().is_empty());
}

#[test]
fn every_key_has_a_flag_and_a_line_in_the_configuration() {
    let desk = Desk::new();
    let help = desk.expect(DONE, "--help").stdout;
    // Those without a default, and some others.
    let given = "--target-return 1 --target-kl 0.1 --desired-kl 0.01 --log-std-min -1 --log-std-max 1,2 --agents 2 --lr 1e-3,0.1 --hidden 7 --activation relu";
    let config = desk.expect(DONE, &format!("inspect config {given} --seed 9000000000000000000")).stdout;
    for key in KEYS {
        let flag = format!("--{} ", key.name.replace('_', "-"));
        assert!(help.contains(&format!("{flag}<{}>", key.value)) || help.contains(&format!("{flag}[<{}>]", key.value)), "{flag} is missing:\n{help}");
        assert!(config.contains(&format!("\n{} = ", key.name)), "{} is missing:\n{config}", key.name);
    }
    for flag in ["--config <FILE>", "--set <KEY=VALUE>", "--out <DIR>", "--json", "--quiet", "--help", "--version", "devices", "inspect", "130 interrupted"] {
        assert!(help.contains(flag), "{flag} is missing:\n{help}");
    }
    desk.write("config.toml", &config);
    assert_eq!(desk.expect(DONE, "inspect config --config config.toml").stdout, config);
    // With the revision of the sources.
    let version = desk.expect(DONE, "--version").stdout;
    assert!(version.starts_with(&format!("ppo-gpu {} (", env!("CARGO_PKG_VERSION"))) && version.ends_with(")\n"), "{version}");
}

#[test]
fn refusals_name_the_problem_and_the_nearest_value() {
    let desk = Desk::new();
    desk.write("key.toml", "minibatchs = 4\n");
    desk.write("type.toml", "\n\nenvs = \"many\"\n");
    desk.write("table.toml", "[ppo]\nlr = 1\n");
    desk.write("negative.toml", "envs = -8\n");
    desk.write("seed.toml", "seed = 9223372036854775808\n");
    desk.write("larger.toml", "seed = 99999999999999999999999\n");
    desk.write("per.toml", "env_parameters = { gravity = { low = 1, high = 2, per = \"world\" } }\n");
    desk.write("syntax.toml", "envs = 8\nsteps = = 3\n");
    desk.write("deep.toml", format!("hidden = {}", "[".repeat(100_000)));
    desk.write("dotted.toml", format!("a{} = 1", ".a".repeat(100_000)));
    for (arguments, parts) in [
        ("--set minibatchs=4", &["minibatchs: ", "did you mean 'minibatches'?"][..]),
        ("--set lr", &["--set: ", "KEY=VALUE"]),
        ("--set =3", &["is not of the form KEY=VALUE"]),
        ("--config key.toml", &["minibatchs (in key.toml)", "'minibatches'"]),
        ("--config type.toml", &["envs (in type.toml)", "many", "a value that works: envs = "]),
        ("--config table.toml", &["ppo (in table.toml)", "no such key"]),
        ("--config syntax.toml", &["syntax.toml", "line 2"]),
        ("--config deep.toml", &["deep.toml", "recurs"]),
        ("--config dotted.toml", &["dotted.toml", "recurs"]),
        ("--epoch 3", &["--epoch", "'--epochs'"]),
        // Numbers that commands take.
        ("eval run --episodes many", &["'many' for '--episodes <N>': not a number; one from 1 to 4294967295 works"]),
        ("eval run --episodes 1e12", &["'1e12' for '--episodes <N>': out of range (1 to 4294967295); nearest that works: 4294967295"]),
        ("eval run --episodes 2.6", &["'2.6' for '--episodes <N>': not a whole number; nearest that works: 3"]),
        ("eval run --most-steps 0", &["out of range (1 to 4294967295); nearest that works: 1"]),
        ("eval run --agent -1", &["'-1' for '--agent <AGENT>': agents have whole numbers, the first one 0"]),
        ("fork run --agent x", &["'x' for '--agent <AGENT>': agents have whole numbers"]),
        ("eval run --from -1", &["'-1' for '--from <WHICH>': latest, best, or the number of an update"]),
        ("watch --fps 1.5", &["'1.5' for '--fps <N>': not a whole number; nearest that works: 2"]),
        ("record --gif x.gif --fps 1000", &["out of range (1 to 100); nearest that works: 100"]),
        ("record --gif x.gif --most-frames 0", &["'--most-frames <N>': out of range", "nearest that works: 1"]),
        ("record --gif x.gif --size 0", &["'--size <N>': out of range (1 to 2048); nearest that works: 1"]),
        ("env show CartPole-v1 --png x.png --after 1e9", &["out of range (0 to 100000); nearest that works: 100000"]),
        ("plot run --out x.svg --width 1", &["out of range (200 to 10000); nearest that works: 200"]),
        ("tune --seconds 1e9", &["'1e9' for '--seconds <SECONDS>': out of range (0 to 3600); nearest that works: 3600"]),
        ("bench --seconds -1", &["out of range (0 to 3600); nearest that works: 0"]),
        ("doctor --seconds nan", &["not a number; one from 0 to 3600 works"]),
        ("trian", &["trian"]),
        ("inspct", &["'inspect'"]),
        ("inspect", &["subcommand"]),
        ("inspect plam", &["'plan'"]),
        ("inspect shader", &["<NAME>"]),
        ("inspect shader gradients", &["shader: ", "did you mean 'gradient'?"]),
        ("inspect shader gradient twice", &["twice"]),
        ("--env CartPole-v2", &["env: ", "'CartPole-v2'", "did you mean 'CartPole-v1'?"]),
        ("--env Pong", &["env: ", "one of CartPole-v1"]),
        ("--activation gelu", &["activation: ", "gelu", "tanh", "relu"]),
        ("--time-limit never", &["time_limit: ", "bootstrap", "terminal"]),
        ("--backend vulcan", &["backend: ", "did you mean 'vulkan'?"]),
        ("--profile huge", &["profile: ", "software"]),
        ("--envs many", &["envs: ", "many"]),
        ("--envs 1.5", &["envs: 1.5 is not a whole number", "nearest that works: 2"]),
        ("--config negative.toml", &["envs (in negative.toml): -8 is out of range", "nearest that works: 1"]),
        ("--config seed.toml", &["seed.toml", "line 1", "the largest integer of a TOML file is 9223372036854775807"]),
        ("--config larger.toml", &["larger.toml", "line 1", "the largest integer of a TOML file is 9223372036854775807"]),
        ("--config per.toml", &["env_parameters.gravity (in per.toml): per = \"world\" does not exist", "one of episode, environment, agent"]),
        ("--env-parameters gravity={low=1,hi=2,per=\"agent\"}", &["env_parameters.gravity: a range has no 'hi'", "did you mean 'high'?"]),
        ("--env-parameters gravity={low=1,high=2,per=\"agent\",distribution=\"log\"}", &["env_parameters.gravity: a range has no 'distribution'"]),
        ("--env-parameters gravity={low=1,high=2}", &["env_parameters.gravity: ", "has no per", "for instance { low = 1"]),
        ("--env-parameters gravity={low=1,high=2,per=\"agents\"}", &["per = \"agents\" does not exist", "did you mean 'agent'?"]),
        ("--env-parameters gravity={low=1,high=2,per=3}", &["per = 3 is not a word"]),
        ("--env-parameters gravity={low=[],high=2,per=\"agent\"}", &["has limits that are not numbers"]),
        ("--env-parameters gravity=[1,2,3]", &["env_parameters.gravity: [1, 2, 3] is neither a number nor a range"]),
        ("--env-parameters gravity=strong", &["env_parameters.gravity: \"strong\" is neither a number nor a range", "for instance 9.8 or [8, 12]"]),
        ("--set env_parameters.gravity=strong", &["env_parameters.gravity: \"strong\" is neither", "for instance 9.8"]),
        ("--env-parameters force=1,gravity=[1,x]", &["env_parameters.gravity: \"[1,x]\" is neither a number nor a range"]),
        ("--env-parameters force=1,gravity", &["env_parameters: 'gravity' is not of the form NAME=VALUE", "for instance gravity=9.8"]),
        ("--env-parameters force=1,force=2", &["env_parameters: 'force=1,force=2' cannot be used", "for instance --set env_parameters.gravity"]),
        ("--set env_parameters=3", &["'3' is not of the form NAME=VALUE"]),
        ("--set lr.x=3", &["lr.x: there is no such key", "lr is a number, or a list"]),
        // What TOML would take for a comment, or the next line of a file.
        ("--envs 4#8", &["envs: \"4#8\" cannot be used (expected a whole number)"]),
        ("--hidden 64.5", &["hidden: [64.5] cannot be used (expected whole numbers, as in 64,64)"]),
        ("--activation Tanh", &["\"Tanh\" cannot be used (expected 'tanh' or 'relu')"]),
        ("--anneal-lr maybe", &["\"maybe\" cannot be used (expected true or false)"]),
        ("--hidden 64,x", &["hidden: "]),
        ("--hidden []", &["hidden: ", "at least one"]),
        ("--hidden= ", &["--hidden"]),
        ("--value-clip maybe", &["value_clip: ", "maybe"]),
        ("--lr fast", &["lr: ", "fast", "a number"]),
        ("--target-return nan", &["target_return: "]),
        ("--gamma 0.9,0.99", &["gamma: ", "2 values for 1 agents", "agents = 2"]),
        ("--agents 3 --clip 0.1,0.2", &["clip: ", "2 values for 3 agents", "exactly 3"]),
    ] {
        desk.refuse(arguments, parts);
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let output = desk.command("").arg(std::ffi::OsStr::from_bytes(b"--lr=\xff")).output().unwrap();
        finish("--lr=\\xff", output).ended(REFUSED);
    }
}

#[test]
fn inspect_config_refuses_what_training_refuses_in_the_same_words() {
    let desk = Desk::new();
    for flags in [
        "--env Pong",
        "--env missing.wgsl",
        "--minibatches 7",
        "--envs 16000000 --steps 512",
        "--total-steps 9000000000000000000",
        "--env-parameters gravty=3",
        "--env-parameters cart_mass=-0.1",
        "--env-parameters time_limit=0",
        "--config file.toml",
    ] {
        desk.write("file.toml", "envs = 8\nsteps = 16\nminibatches = 3\n");
        let trained = desk.refuse(flags, &["\n  help: "]);
        assert_eq!(desk.refuse(&format!("inspect config {flags}"), &[]).stderr, trained.stderr);
    }
}

#[test]
fn parameters_of_built_in_environments_have_ranges() {
    let desk = Desk::new();
    for (parameter, value, says) in [
        ("cart_mass", "-0.1", "-0.1 is out of range (1e-6 to 1000000)"),
        ("time_step", "0", "0 is out of range (1e-6 to 1)"),
        ("pole_mass", "-1", "-1 is out of range (0 to 1000000)"),
        ("pole_mass", "[-1,1]", "-1 is out of range (0 to 1000000)"),
        ("gravity", "1e39", "1e39 is out of range (-3.4028234663852886e38 to 3.4028234663852886e38)"),
        ("gravity", "inf", "inf is out of range"),
        ("time_limit", "0", "0 is out of range (1 to 4294967295)"),
        ("time_limit", "1e300", "1e300 is out of range (1 to 4294967295)"),
        ("time_limit", "1.5", "1.5 is not a whole number (1 to 4294967295)"),
    ] {
        let refusal =
            desk.refuse(&format!("--env-parameters {parameter}={value}"), &[&format!("env_parameters.{parameter}: {says}"), "the standard value is "]);
        let nearest = refusal.nearest().unwrap_or_else(|| panic!("no value is offered: {refusal}"));
        desk.expect(DONE, &format!("inspect config --env-parameters {parameter}={}", nearest.trim_end_matches(';')));
    }
    desk.refuse("--env-parameters gravity=nan", &["NaN is not a number", "the standard value is 9.8"]);
    let asterix = "inspect config --env MinAtar/Asterix-v1 --env-parameters";
    desk.refuse(&format!("{asterix} sticky_action_probability=1.5"), &["1.5 is out of range (0 to 1)", "nearest that works: 1;"]);
    desk.refuse(&format!("{asterix} difficulty_ramping=0.4"), &["0.4 is not a whole number", "nearest that works: 0;"]);
    // Gravity has a sign, and a pole may have no mass.
    desk.expect(DONE, "inspect config --env-parameters gravity=-9.8,pole_mass=0");
}

/// The value that a refusal suggests is tried.
#[test]
fn the_suggested_nearest_value_works() {
    let desk = Desk::new();
    for (flag, value, rest) in [
        ("envs", "0", ""),
        ("envs", "-1", ""),
        ("envs", "5000000000", "--steps 16"),
        ("envs", "1e20", "--steps 16"),
        ("seed", "-1", ""),
        ("seed", "9223372036854775808", ""),
        ("seed", "18446744073709551616", ""),
        ("seed", "1e19", ""),
        ("dispatches-per-submit", "-1", ""),
        ("minibatches", "0.5", ""),
        ("total-steps", "-5", ""),
        ("envs", "99999999", "--steps 16"),
        ("envs", "16000000", "--steps 512 --minibatches 1"),
        ("steps", "0", ""),
        ("steps", "70000", ""),
        ("agents", "0", ""),
        ("agents", "40000", ""),
        ("epochs", "0", ""),
        ("epochs", "1001", ""),
        ("minibatches", "0", ""),
        ("minibatches", "5", "--envs 8 --steps 16"),
        ("minibatches", "7", "--envs 9 --steps 5"),
        ("minibatches", "1000", "--envs 3 --steps 3"),
        ("minibatches", "99999", "--envs 4096 --steps 16 --epochs 1"),
        ("minibatches", "65536", "--envs 4096 --steps 16 --epochs 4"),
        ("total-steps", "0", ""),
        ("total-steps", "9000000000000000000", "--envs 8 --steps 16 --minibatches 2"),
        ("hidden", "0", ""),
        ("hidden", "5000", ""),
        ("lr", "-1", ""),
        ("lr", "101", ""),
        ("gamma", "1.5", ""),
        ("gae-lambda", "-0.1", ""),
        ("clip", "inf", ""),
        ("entropy-coef", "-1", ""),
        ("value-coef", "1e7", ""),
        ("max-grad-norm", "1e31", ""),
    ] {
        let refusal = desk.refuse(&format!("{rest} --{flag} {value}"), &[&format!("{}: ", flag.replace('-', "_"))]);
        let nearest = refusal.nearest().unwrap_or_else(|| panic!("no value is offered: {refusal}"));
        desk.expect(DONE, &format!("inspect plan {rest} --{flag} {nearest}"));
    }
    // Training works with it, too.
    let refusal = desk.refuse(&format!("{TINY} --minibatches 7"), &["minibatches: 7 does not divide the 128 samples"]);
    desk.summary(&format!("{TINY} --minibatches {}", refusal.nearest().unwrap()));
}

#[test]
fn a_plan_beyond_the_adapter_is_refused_before_anything_is_allocated() {
    let desk = Desk::new();
    desk.refuse("--quiet --envs 4000000 --steps 512", &["envs: ", "nearest that works: 2097152"]);
    if used_device(&desk)["max_storage_binding_bytes"].as_u64().unwrap() > 1 << 27 {
        return skip("the device can bind the buffers of these plans");
    }
    for (flags, key) in [
        ("--envs 1000000 --steps 512 --agents 2", "lower envs: "),
        ("--envs 16 --agents 20000", "lower agents: "),
        ("--hidden 4096,4096,4096,4096", "lower hidden: "),
        ("--envs 4096 --steps 32768", "lower steps: "),
    ] {
        let outcome = desk.refuse(&format!("{flags} --quiet"), &["this run needs a buffer `", "MiB", key]);
        let buffer = outcome.stderr.split('`').nth(1).unwrap();
        assert!(BUFFERS.iter().any(|known| known.name == buffer), "{outcome}");
        // The same can be looked at without a device that would hold it.
        assert!(desk.expect(DONE, &format!("inspect plan {flags}")).stdout.contains("\nRefused by this device: this run needs a buffer `"));
    }
}

/// What `devices` says of the device that a run would use.
fn used_device(desk: &Desk) -> Value {
    let devices: Vec<Value> = serde_json::from_str(&desk.expect(DONE, "devices --json").stdout).unwrap();
    devices.into_iter().find(|device| device["used"] == true).unwrap()
}

/// What only the software driver cannot do: a GPU would begin to train.
#[test]
fn a_network_that_the_software_driver_does_not_compile_in_time_is_refused() {
    let desk = Desk::new();
    if used_device(&desk)["kind"] != "software" {
        return skip("the device is a GPU");
    }
    let outcome = desk.refuse("--hidden 2048 --quiet", &["hidden: [2048] makes kernels that the software driver compiles for many minutes"]);
    let refused = format!("\nRefused by this device: {}", outcome.stderr.trim_start_matches("error: "));
    assert!(desk.expect(DONE, "inspect plan --hidden 2048").stdout.ends_with(&refused), "{refused}");
}

/// Files as they are after a bad disk or a bad edit. All of them are read or refused.
#[test]
fn damaged_configuration_files_are_read_or_refused() {
    let desk = Desk::new();
    let whole = desk.expect(DONE, &format!("inspect config {TINY} --agents 2 --lr 1e-3,2e-3 --target-return 400")).stdout;
    // Without most comments, so that damage hits what is read.
    let whole: Vec<u8> = whole.lines().filter(|line| !line.starts_with('#')).flat_map(|line| format!("{line}\n").into_bytes()).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below as u64) as usize
    };
    let (mut read, mut refused) = (0, 0);
    for case in 0..60 {
        let mut bytes = whole.clone();
        match case % 5 {
            0 => bytes.truncate(random(bytes.len())),
            1 => {
                let (at, bit) = (random(bytes.len()), random(8));
                bytes[at] ^= 1 << bit;
            }
            // A character of those that mean something.
            2 => {
                let at = random(bytes.len());
                bytes[at] = b"0123456789-+.eE_,[]{}=\"'#\nainfxt"[random(32)];
            }
            // Another number.
            3 => {
                let digits: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at].is_ascii_digit()).collect();
                bytes[digits[random(digits.len())]] = b"0123456789."[random(11)];
            }
            // A piece of it once more, elsewhere.
            _ => {
                let start = random(bytes.len());
                let piece = bytes[start..(start + 1 + random(60)).min(bytes.len())].to_vec();
                let at = random(bytes.len());
                bytes.splice(at..at, piece);
            }
        }
        desk.write("damaged.toml", &bytes);
        let outcome = desk.call("inspect plan --config damaged.toml");
        let shown = String::from_utf8_lossy(&bytes);
        match outcome.code {
            Some(DONE) => {
                read += 1;
                // What is read can be trained with, as half of them show. Sizes are kept small.
                if case % 5 >= 2 && case % 2 == 0 {
                    let outcome = desk.call(&format!("{TINY} --config damaged.toml --agents 2 --quiet --out run-{case}"));
                    assert!([Some(DONE), Some(DIVERGED)].contains(&outcome.code), "{outcome}\n{shown}");
                }
            }
            Some(REFUSED) => {
                refused += 1;
                assert!(outcome.stderr.starts_with("error: ") && outcome.stderr.contains("help: "), "{outcome}\n{shown}");
                assert!(std::str::from_utf8(&bytes).is_ok() || outcome.stderr.contains("cannot read damaged.toml"), "{outcome}\n{shown}");
            }
            _ => panic!("{outcome}\n{shown}"),
        }
    }
    assert!(read > 5 && refused > 5, "{read} were read and {refused} refused: the damage is of no use");
}

// ---- files

#[test]
fn files_that_cannot_be_used_are_named() {
    let desk = Desk::new();
    desk.refuse("--config missing.toml", &["cannot read missing.toml", "caused by: ", "help: "]);
    desk.refuse("--config .", &["cannot read .", "caused by: "]);
    desk.write("file", "text");
    for out in ["file", "file/run", "file/below/run"] {
        desk.refuse(&format!("{TINY} --quiet --out {out}"), &["out: file is no directory", "help: choose another directory"]);
    }
    assert_eq!((desk.read("file").as_str(), desk.names().len()), ("text", 1));
    // Directories on the way are made, and may have any name that the system takes.
    desk.summary(&format!("{TINY} --out new/and/deep"));
    assert!(desk.path("new/and/deep/summary.json").exists());
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"new/a b\xff");
        finish("--out a b\\xff", desk.command(&format!("{TINY} --out")).arg(name).output().unwrap()).ended(DONE);
        assert!(desk.path("").join(name).join("summary.json").exists());
    }
}

/// Input that the program cannot use is a refusal, exit code 2; only failures during a run give 1.
#[test]
fn inputs_that_cannot_be_read_or_found_are_refusals() {
    let desk = Desk::new();
    desk.write("latin1.toml", b"# gr\xf6\xdfe\nenvs = 8\n");
    desk.write("latin1.wgsl", b"// gr\xf6\xdfe\n");
    // Some editors begin files in UTF-8 with a mark.
    desk.write("marked.toml", "\u{feff}envs = 24\n");
    assert!(desk.expect(DONE, "inspect config --config marked.toml").stdout.contains("envs = 24\n"));
    std::fs::create_dir(desk.path("directory.wgsl")).unwrap();
    let missing = ["cannot read ", "missing", "caused by: ", "help: check that the file exists"];
    for arguments in ["--config missing.toml", "--env missing.wgsl", "env show missing.wgsl", "env check missing.wgsl", "bench --env missing.wgsl"] {
        desk.refuse(arguments, &missing);
    }
    for arguments in ["--config latin1.toml", "--env latin1.wgsl", "inspect plan --config latin1.toml"] {
        desk.refuse(arguments, &["cannot read latin1", "help: the file must be text in UTF-8"]);
    }
    desk.refuse("--env directory.wgsl", &["cannot read directory.wgsl"]);
    for arguments in ["--adapter nosuchadapter", "eval missing", "watch missing", "doctor --adapter nosuchadapter", "inspect plan --adapter nosuchadapter"] {
        desk.refuse(arguments, &["help: "]);
    }
    // A run's own files are inputs, too.
    desk.summary(&format!("{TINY} --out run"));
    desk.write("run/config.toml", b"# gr\xf6\xdfe\n");
    for arguments in ["resume run", "eval run", "fork run", "export run --onnx x.onnx", "record run --gif x.gif"] {
        desk.refuse(arguments, &["cannot read ", "config.toml"]);
    }
    std::fs::remove_file(desk.path("run/metrics.jsonl")).unwrap();
    desk.refuse("plot run --out x.svg", &["cannot read ", "metrics.jsonl"]);
}

#[test]
fn a_directory_that_holds_files_of_a_run_is_refused_and_left_as_it_is() {
    let desk = Desk::new();
    desk.summary(&format!("{TINY} --out run"));
    let files = ["config.toml", "metrics.jsonl", "summary.json"];
    let before = files.map(|name| desk.read(&format!("run/{name}")));
    desk.refuse(&format!("{TINY} --seed 1 --out run"), &["out: ", "already holds a run", "another directory"]);
    assert_eq!(files.map(|name| desk.read(&format!("run/{name}"))), before);
    // Any of these files may belong to a user.
    for name in files {
        let directory = format!("only-{name}");
        std::fs::create_dir(desk.path(&directory)).unwrap();
        desk.write(&format!("{directory}/{name}"), "mine");
        desk.refuse(&format!("{TINY} --out {directory}"), &["out: ", name]);
        assert_eq!(desk.read(&format!("{directory}/{name}")), "mine");
        assert_eq!(desk.path(&directory).read_dir().unwrap().count(), 1);
    }
    // Other files are no obstacle.
    std::fs::create_dir(desk.path("notes")).unwrap();
    desk.write("notes/notes.txt", "mine");
    desk.summary(&format!("{TINY} --out notes"));
    assert_eq!(desk.read("notes/notes.txt"), "mine");
}

// ---- devices

#[test]
fn devices_are_listed() {
    let desk = Desk::new();
    let listed = desk.expect(DONE, "devices --json").stdout;
    let devices: Vec<Value> = serde_json::from_str(&listed).unwrap();
    assert_eq!(devices.iter().filter(|device| device["used"] == true).count(), 1, "{listed}");
    let people = desk.expect(DONE, "devices").stdout;
    for device in &devices {
        assert!(people.contains(text(device, "name")) && people.contains(text(device, "backend")), "{people}");
        assert!(device["max_buffer_bytes"].as_u64() > Some(0) && !text(device, "profile").is_empty(), "{device}");
    }
    let none = desk.expect(DONE, "devices --adapter no-such-gpu --json").stdout;
    assert!(serde_json::from_str::<Vec<Value>>(&none).unwrap().iter().all(|device| device["used"] == false), "{none}");
}

/// Two drivers' files for one driver: two adapters of one name, as on a machine with two cards of a kind.
#[cfg(target_os = "linux")]
#[test]
fn adapters_of_one_name_are_told_apart_by_their_index() {
    let desk = Desk::new();
    let drivers = Path::new("/usr/share/vulkan/icd.d").read_dir().map(|entries| entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>());
    let Some(driver) = drivers.unwrap_or_default().into_iter().find(|path| path.to_string_lossy().contains("lvp_icd")) else {
        return skip("Mesa's software driver is not installed");
    };
    for name in ["a.json", "b.json"] {
        std::fs::copy(&driver, desk.path(name)).unwrap();
    }
    let files = format!("{}:{}", desk.path("a.json").display(), desk.path("b.json").display());
    let call = |arguments: &str| {
        let arguments = format!("{arguments} --backend vulkan");
        let output = desk.command(&arguments).env("VK_ICD_FILENAMES", &files).env("VK_DRIVER_FILES", &files).env("NODEVICE_SELECT", "1").output().unwrap();
        finish(&arguments, output)
    };
    let used = |adapter: &str| -> Vec<bool> {
        let listed: Vec<Value> = serde_json::from_str(&call(&format!("devices --json{adapter}")).ended(DONE).stdout).unwrap();
        let numbers: Vec<u64> = listed.iter().map(|device| device["index"].as_u64().unwrap()).collect();
        assert_eq!(numbers, [0, 1], "there should be two adapters");
        assert_eq!(listed[0]["name"], listed[1]["name"]);
        listed.iter().map(|device| device["used"] == true).collect()
    };
    assert_eq!([used(""), used(" --adapter 0"), used(" --adapter 1"), used(" --adapter 15")], [[true, false], [true, false], [false, true], [false, false]]);
    // Each index trains.
    for index in [0, 1] {
        call(&format!("{TINY} --quiet --out run{index} --adapter {index}")).ended(DONE);
    }
    for command in [&format!("{TINY} --out run"), "inspect plan", "env check CartPole-v1", "doctor --seconds 0"] {
        let outcome = call(&format!("{command} --adapter llvmpipe")).ended(REFUSED);
        outcome.says(&["adapter: 'llvmpipe' matches 2 adapters", "--adapter 0  llvmpipe", "--adapter 1  llvmpipe"]);
        // "LLVM 15" is no index.
        let outcome = call(&format!("{command} --adapter 15")).ended(REFUSED);
        outcome.says(&["no usable GPU adapter", "adapter '15'", "  0  llvmpipe", "  1  llvmpipe"]);
    }
    let text = call("devices").ended(DONE).stdout;
    assert!(text.lines().any(|line| line.starts_with("*      0  llvmpipe")) && text.lines().any(|line| line.starts_with("       1  llvmpipe")), "{text}");
}

#[test]
fn without_an_adapter_a_run_says_what_to_do() {
    let desk = Desk::new();
    let outcome = desk.expect(REFUSED, &format!("{TINY} --adapter no-such-gpu --out run"));
    outcome.says(&["no usable GPU adapter", "'no-such-gpu'", "these adapters exist:"]);
    let devices: Vec<Value> = serde_json::from_str(&desk.expect(DONE, "devices --json").stdout).unwrap();
    outcome.says(&[text(&devices[0], "name")]);
    // The loader of Vulkan takes drivers from where it is told.
    #[cfg(target_os = "linux")]
    {
        let call = |arguments: &str| {
            let arguments = format!("{arguments} --backend vulkan");
            let output = desk.command(&arguments).env("VK_DRIVER_FILES", "/nonexistent").env("VK_ICD_FILENAMES", "/nonexistent").output();
            finish(&arguments, output.unwrap())
        };
        let install = ["no usable GPU adapter", "install a graphics driver", "apt install mesa-vulkan-drivers", "dnf", "pacman"];
        call(&format!("{TINY} --out run")).ended(FAILED).says(&install);
        call("devices").ended(FAILED).says(&install);
        // What needs no device is shown all the same, with a note of what is assumed.
        for topic in ["plan", "buffers", "kernels", "shader adam"] {
            let outcome = call(&format!("inspect {topic}")).ended(DONE);
            assert!(outcome.stderr.contains("profile 'gpu' is assumed") && !outcome.stdout.is_empty(), "{outcome}");
            let quiet = call(&format!("inspect {topic} --quiet")).ended(DONE);
            assert!(quiet.stderr.is_empty() && quiet.stdout == outcome.stdout, "{quiet}");
        }
    }
    assert!(desk.names().is_empty());
}

// ---- failure while running

#[test]
fn a_run_that_diverges_says_so_and_keeps_what_it_has() {
    let desk = Desk::new();
    let outcome = desk.expect(DIVERGED, &format!("{DIVERGING} --lr 100 --out run --json --quiet"));
    outcome.says(&["error: agent 0 (seed 0) diverged in update ", "not finite is the ", "help: ", "--lr"]);
    let summary = outcome.json();
    let update = summary["diverged"]["update"].as_u64().unwrap();
    let rows_ = rows(&desk.read("run/metrics.jsonl"));
    let last = rows_.last().unwrap();
    assert_eq!(
        (last["update"].as_u64(), last["stops"].as_bool(), last["fault"].as_str()),
        (Some(update), Some(true), summary["diverged"]["quantity"].as_str())
    );
    outcome.says(&[text(&summary["diverged"], "quantity")]);
    assert_eq!(desk.read("run/summary.json"), outcome.stdout);
    assert!(rows_.iter().rev().skip(1).all(|row| row["fault"].is_null() && row["stops"] == false));

    // Of two agents the one that did, and the other one learns on.
    let outcome = desk.expect(DONE, &format!("{DIVERGING} --lr 1e-6,100 --agents 2 --seed 40 --max-grad-norm 1e-3,1e30 --out two --quiet"));
    assert!(outcome.stdout.contains("\ndiverged  agent 1 in update "), "{outcome}");
    let rows = rows(&desk.read("two/metrics.jsonl"));
    assert!(rows.iter().filter(|row| row["agent"] == 0).all(|row| row["fault"].is_null()));
    assert_eq!(rows.iter().filter(|row| row["agent"] == 1 && row["fault"].is_string()).count(), 1);
}

/// Signals, which Windows does not have.
#[cfg(unix)]
mod signals {
    use super::*;
    use std::io::Read;
    use std::process::Child;
    use std::time::{Duration, Instant};

    /// An event that does not happen within this time never will, even on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(600);

    /// Ends the process however a test ends.
    struct Running(Child);

    impl Drop for Running {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    impl Running {
        /// Starts a run into `run` and waits until its first rows are on disk.
        fn start(desk: &Desk, arguments: &str) -> Running {
            let child = desk.command(&format!("{arguments} --out run")).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            Running(child).begun(desk)
        }

        fn begun(self, desk: &Desk) -> Running {
            let mut running = self;
            let began = Instant::now();
            while std::fs::metadata(desk.path("run/metrics.jsonl")).map_or(0, |file| file.len()) == 0 {
                assert!(running.0.try_wait().unwrap().is_none(), "the run has ended");
                assert!(began.elapsed() < PATIENCE, "no rows after {PATIENCE:?}");
                std::thread::sleep(Duration::from_millis(10));
            }
            running
        }

        /// The same where a shell ignores signals before it becomes the program, as `nohup` does, and as shells do for jobs of scripts.
        fn start_ignoring(desk: &Desk, signals: &str, arguments: &str) -> Running {
            let program = desk.command("");
            let call = format!("trap '' {signals}; exec \"$0\" {arguments} --out run");
            let mut command = Command::new("sh");
            command.args(["-c", &call]).arg(program.get_program()).current_dir(desk.path("")).stdin(Stdio::null());
            desk::obey_signals(&mut command);
            Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()).begun(desk)
        }

        fn signal(&self, name: &str) {
            let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.0.id())]).status().unwrap();
            assert!(status.success());
        }

        /// Waits for the end.
        fn end(mut self) -> Output {
            let began = Instant::now();
            // What is printed at the end fits the pipes.
            let status = loop {
                match self.0.try_wait().unwrap() {
                    Some(status) => break status,
                    None => assert!(began.elapsed() < PATIENCE, "it goes on for {PATIENCE:?}"),
                }
                std::thread::sleep(Duration::from_millis(5));
            };
            let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
            self.0.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
            self.0.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
            Output { status, stdout, stderr }
        }
    }

    #[test]
    fn an_interrupted_run_is_saved() {
        for signals in ["INT", "TERM", "TERM TERM", "HUP TERM"] {
            let desk = Desk::new();
            let running = Running::start(&desk, &format!("{ENDLESS} --json"));
            // Two are what `timeout` sends: to its child, and to its group.
            signals.split(' ').for_each(|signal| running.signal(signal));
            let outcome = finish(signals, running.end()).ended(INTERRUPTED);
            outcome.says(&["stopping after the updates in flight"]);
            let summary = outcome.json();
            assert!(summary["interrupted"] == true && summary["diverged"].is_null(), "{summary}");
            assert_eq!(desk.read("run/summary.json"), outcome.stdout);
            let rows = rows(&desk.read("run/metrics.jsonl"));
            assert_eq!(rows.last().unwrap()["env_steps"], summary["env_steps"]);
            assert!(rows.iter().zip(1_u64..).all(|(row, update)| row["update"] == update), "a row is missing");
            assert!(summary["env_steps"].as_u64() < Some(400_000_000));
        }
    }

    /// `nohup ppo-gpu ... &` outlives the terminal, and a script's background job is not ended by the Ctrl-C that is meant for another.
    #[test]
    fn signals_that_were_ignored_at_the_start_stay_ignored() {
        // Each is ignored once, and obeyed once where another is ignored; and two are ignored.
        for (ignored, other) in [("HUP", "INT"), ("INT", "TERM"), ("TERM", "HUP"), ("HUP INT", "TERM")] {
            let desk = Desk::new();
            let mut running = Running::start_ignoring(&desk, ignored, &format!("{ENDLESS} --json"));
            ignored.split(' ').for_each(|signal| running.signal(signal));
            // Whoever obeyed would write once more, or twice, and end.
            let size = || std::fs::metadata(desk.path("run/metrics.jsonl")).unwrap().len();
            let (mut seen, mut writes, began) = (size(), 0, Instant::now());
            while writes < 4 {
                assert!(running.0.try_wait().unwrap().is_none() && began.elapsed() < PATIENCE, "it does not go on after SIG{ignored}");
                std::thread::sleep(Duration::from_millis(10));
                let now = size();
                writes += u32::from(now > seen);
                seen = now;
            }
            running.signal(other);
            let outcome = finish(other, running.end()).ended(INTERRUPTED);
            assert_eq!(outcome.json()["interrupted"], true);
        }
    }

    /// Rows are written in whole lines, many at a time. A kill in the middle of a write may cut the last line; nothing before it.
    #[test]
    fn a_killed_run_leaves_whole_lines() {
        let desk = Desk::new();
        let running = Running::start(&desk, &format!("{ENDLESS} --quiet"));
        running.signal("KILL");
        assert_eq!(running.end().status.code(), None);
        let text = desk.read("run/metrics.jsonl");
        let whole = &text[..text.rfind('\n').expect("a line") + 1];
        assert!(rows(whole).iter().zip(1_u64..).all(|(row, update)| row["update"] == update));
        assert!(!desk.path("run/summary.json").exists());
        desk.refuse(&format!("{TINY} --out run"), &["already holds a run"]);
    }
}

// ---- inspect

#[test]
fn inspect_shows_what_a_run_is_made_of() {
    let desk = Desk::new();
    let show = |topic: &str| {
        let outcome = desk.expect(DONE, &format!("inspect {topic} {TINY} --agents 3 --quiet"));
        assert!(outcome.stderr.is_empty() && outcome.stdout.ends_with('\n'), "{outcome}");
        outcome.stdout
    };
    let all = |shown: String, names: &mut dyn Iterator<Item = &str>| names.for_each(|name| assert!(shown.contains(name), "{name} is missing:\n{shown}"));
    all(show("plan"), &mut ["CartPole-v1", "seeds 0 to 2", "4-4-2", "128", "1,024", "profile", "largest buffer"].into_iter());
    let shapes: Vec<String> = BUFFERS.iter().map(|buffer| buffer.shape()).collect();
    all(show("buffers"), &mut BUFFERS.iter().zip(&shapes).flat_map(|(buffer, shape)| [buffer.name, shape, buffer.meaning]));
    // Without `learn`.
    let plan = Plan::new(&Config::default(), Profile::named("gpu").unwrap()).unwrap();
    all(show("kernels"), &mut kernel::all(&plan).into_iter().flat_map(|kernel| [kernel.name, kernel.summary]));
    all(show("metrics"), &mut METRICS.iter().flat_map(|metric| [metric.name, metric.unit, metric.meaning, metric.healthy]));
    all(show("config"), &mut KEYS.iter().flat_map(|key| [key.name, key.help]));
    assert!(desk.names().is_empty());
}

/// As an outside validator would take it: naga with the capabilities of core WebGPU, and subgroups where the profile asks for them.
#[test]
fn shaders_as_printed_are_valid_wgsl() {
    let desk = Desk::new();
    // All kernels of one network; those that its size makes a difference to, and those that the activation does.
    let (sized, active) = (["rollout", "evaluate", "gradient", "adam"], ["rollout", "evaluate", "gradient"]);
    for (hidden, activation) in [("64,64", "tanh"), ("64,64", "relu"), ("128", "tanh"), ("32,32,32", "relu")] {
        let all = kernel::NAMES.iter().filter(|&&kernel| !["learn", "minibatch_parts", "weight_gradient"].contains(&kernel));
        let kernels = all.filter(|kernel| match (hidden, activation) {
            ("64,64", "tanh") => true,
            ("64,64", _) => active.contains(kernel),
            _ => sized.contains(kernel),
        });
        for kernel in kernels {
            // Some are there for long environments only.
            let env = if ["observe", "act", "advance", "restart"].contains(kernel) { " --env HalfCheetah-v5" } else { "" };
            let source = desk.expect(DONE, &format!("inspect shader {kernel} --hidden {hidden} --activation {activation} --quiet{env}")).stdout;
            let module = naga::front::wgsl::parse_str(&source).unwrap_or_else(|error| panic!("{}", error.emit_to_string(&source)));
            let names: Vec<&str> = module.entry_points.iter().map(|entry| entry.name.as_str()).collect();
            assert_eq!(names, [*kernel]);
            let checked = ppo_gpu::wgsl::reflect::validator().validate(&module);
            checked.unwrap_or_else(|error| panic!("{}", error.emit_to_string(&source)));
        }
    }
    assert!(desk.expect(DONE, "inspect shader minibatch_parts --quiet --profile gpu --envs 4096").stdout.contains("const MOMENT_PARTS: u32 = 4u;"));
    assert!(desk.expect(DONE, "inspect shader weight_gradient --quiet --profile gpu --hidden 256,256").stdout.contains("fn sum_block("));
    let printed = |flags: &str| desk.expect(DONE, &format!("inspect shader gradient --quiet {flags}")).stdout;
    assert_ne!(printed("--activation relu"), printed("--activation tanh"));
    assert_ne!(printed("--profile gpu"), printed("--profile small"));
    desk.expect(REFUSED, "inspect shader learn --quiet --profile gpu").says(&["has no place in this plan", "inspect kernels"]);
    desk.expect(REFUSED, "inspect shader rollout --quiet --env HalfCheetah-v5").says(&["has no place in this plan", "its environment"]);
}

// ---- what shells and readers of manuals take

#[test]
fn completions_and_the_manual_know_every_command_and_flag() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let text = desk.expect(DONE, &format!("completions {shell}")).stdout;
        for name in ["resume", "fork", "eval", "watch", "record", "deterministic", "total-steps", "checkpoint-every"] {
            assert!(text.contains(name), "{name} is missing for {shell}");
        }
    }
    desk.expect(REFUSED, "completions tcsh").says(&["bash", "fish"]);
    let manual = desk.expect(DONE, "man").stdout;
    assert!(manual.contains(".TH ppo-gpu 1") && manual.contains("\n.SH PPO-GPU INSPECT SHADER\n"), "{manual}");
    for key in KEYS {
        // Roff wants a backslash before each dash.
        assert!(manual.contains(&format!("\\-\\-{}", key.name.replace('_', "\\-"))), "{} is missing", key.name);
    }
    for name in ["\\-\\-episodes", "\\-\\-gif", "\\-\\-from", "PPO-GPU ENV CHECK"] {
        assert!(manual.contains(name), "{name} is missing");
    }
}
