//! Runs that are interrupted, killed, damaged, resumed and forked.
//!
//! Every test runs the binary. `PPO_GPU_TEST_BACKEND` picks the backend that it trains on.

mod desk;

use desk::{DONE, Desk, FAILED, REFUSED};
#[cfg(unix)]
use desk::{INTERRUPTED, finish};
use ppo_gpu::Error;
use ppo_gpu::run::checkpoints::Which;
use ppo_gpu::run::session::Saved;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// 24 updates of 128 samples, a checkpoint after every fourth, all of them kept.
const RUN: &str = "--envs 8 --steps 16 --minibatches 2 --epochs 2 --hidden 4 --total-steps 3072 --checkpoint-every 4 --keep 100";

fn sha(desk: &Desk, run: &str) -> String {
    let summary: Value = serde_json::from_str(&desk.read(&format!("{run}/summary.json"))).unwrap();
    summary["params_sha256"].as_str().unwrap().into()
}

/// The rows of a run, without the times.
fn rows(desk: &Desk, run: &str) -> Vec<Value> {
    let text = desk.read(&format!("{run}/metrics.jsonl"));
    assert!(text.is_empty() || text.ends_with('\n'), "half a line at the end of {run}");
    text.lines()
        .map(|line| {
            let mut row: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            for clock in ["seconds", "sps"] {
                row.as_object_mut().unwrap().remove(clock).unwrap();
            }
            row
        })
        .collect()
}

fn copy_between(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in from.read_dir().unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_between(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn copy(desk: &Desk, from: &str, to: &str) {
    copy_between(&desk.path(from), &desk.path(to));
}

/// Every file of a directory, with its contents.
fn files(desk: &Desk, directory: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    fn add(path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in path.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { add(&entry, files) } else { drop(files.insert(entry.clone(), std::fs::read(entry).unwrap())) }
        }
    }
    let mut files = BTreeMap::new();
    add(&desk.path(directory), &mut files);
    files
}

/// The first of these updates with the highest mean return of all agents, of those after which each had a full window of episodes.
fn best_of(rows: &[Value], updates: impl Iterator<Item = u64>) -> Option<u64> {
    let mean = |update: u64| {
        let own: Vec<&Value> = rows.iter().filter(|row| row["update"] == update).collect();
        let returns: Vec<f64> = own.iter().filter(|row| row["window"] == 100).filter_map(|row| row["mean_return"].as_f64()).collect();
        (!own.is_empty() && returns.len() == own.len()).then(|| returns.iter().sum::<f64>() / returns.len() as f64)
    };
    updates
        .filter_map(|update| Some((update, mean(update)?)))
        .fold(None, |best: Option<(u64, f64)>, one| best.filter(|best| best.1 >= one.1).or(Some(one)))
        .map(|best| best.0)
}

/// A directory called `to` as `ppo-gpu RUN FLAGS` leaves it. Each such run is made once for all tests.
fn trained(desk: &Desk, flags: &str, to: &str) {
    type Made = Mutex<HashMap<String, Arc<OnceLock<Desk>>>>;
    static MADE: OnceLock<Made> = OnceLock::new();
    let place = MADE.get_or_init(Made::default).lock().unwrap().entry(flags.into()).or_default().clone();
    let made = place.get_or_init(|| {
        let made = Desk::kept();
        made.expect(DONE, &format!("{RUN} {flags} --quiet --out run"));
        made
    });
    copy_between(&made.path("run"), &desk.path(to));
}

/// Nothing of a complete run is lost to a resumption that would have to begin again.
#[test]
fn a_complete_run_without_checkpoints_is_not_trained_over() {
    let desk = Desk::new();
    trained(&desk, "--agents 2", "run");
    let summary = desk.read("run/summary.json");
    std::fs::remove_dir_all(desk.path("run/checkpoints")).unwrap();
    desk.expect(REFUSED, "resume run --quiet").says(&["complete", "checkpoints are missing", "put them back"]);
    assert_eq!(desk.read("run/summary.json"), summary);
}

#[test]
fn a_missing_last_checkpoint_is_noted() {
    let desk = Desk::new();
    trained(&desk, "", "run");
    let wanted = sha(&desk, "run");
    let note = "note: summary.json says that this run made 24 updates, but the last checkpoint left is that of update 20";
    assert!(!desk.expect(DONE, "eval run --episodes 4").stderr.contains("note: summary.json"));
    std::fs::remove_file(desk.path("run/checkpoints/update-24.safetensors")).unwrap();
    for command in ["eval run --episodes 4", "export run --onnx x.onnx", "record run --gif x.gif --size 8 --most-frames 2"] {
        desk.expect(DONE, command).says(&[note]);
    }
    desk.expect(DONE, "fork run --out fork").says(&[note]);
    for silent in ["eval run --episodes 4 --quiet", "eval run --episodes 4 --from 20", "eval run --episodes 4 --from best"] {
        assert!(!desk.expect(DONE, silent).stderr.contains("note: summary.json"), "{silent}");
    }
    // Rows that end before the summary belong to a session that replaces the end of the run, and has no summary yet.
    let rows = desk.read("run/metrics.jsonl");
    desk.write("run/metrics.jsonl", rows.lines().take(22).map(|row| format!("{row}\n")).collect::<String>());
    assert!(!desk.expect(DONE, "eval run --episodes 4").stderr.contains("note: summary.json"));
    desk.write("run/metrics.jsonl", rows);
    desk.expect(DONE, "resume run").says(&[note]);
    assert_eq!(sha(&desk, "run"), wanted);
    assert!(!desk.expect(DONE, "eval run --episodes 4").stderr.contains("note: summary.json"));
}

fn manifest(desk: &Desk, run: &str) -> Value {
    serde_json::from_str(&desk.read(&format!("{run}/run.json"))).unwrap()
}

fn start(desk: &Desk, arguments: &str) -> Child {
    desk.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The configuration decides which buffers matter to the next update: normalised rewards keep a sum for each environment, a target stops agents, and
/// so on.
#[test]
fn a_resumed_run_is_bit_identical_to_an_uninterrupted_one() {
    let desk = Desk::new();
    // Resume early, late, and from the end, where nothing is left to do.
    for (number, (flags, places)) in [
        ("--agents 2", &["4", "16", "latest"][..]),
        ("--env Probe/Target --normalize-observations --normalize-rewards --target-kl 0.02 --agents 2", &["16"]),
        ("--env Probe/Choice --anneal-clip --anneal-entropy --env-parameters time_limit=3", &["4"]),
        // By update 16 some agents have stopped.
        ("--env CartPole-v1 --set env_parameters.force=[5,15] --target-return 20 --agents 3", &["4", "16", "latest"]),
        ("--env Probe/Masked --time-limit terminal", &["16"]),
    ]
    .into_iter()
    .enumerate()
    {
        let (whole, part) = (format!("whole{number}"), format!("part{number}"));
        trained(&desk, flags, &whole);
        for from in places {
            copy(&desk, &whole, &part);
            desk.expect(DONE, &format!("resume {part} --from {from} --quiet"));
            assert_eq!(sha(&desk, &part), sha(&desk, &whole), "{flags} from {from}");
            assert_eq!(rows(&desk, &part), rows(&desk, &whole), "{flags} from {from}");
            std::fs::remove_dir_all(desk.path(&part)).unwrap();
        }
    }
}

/// Every command that uses a run names and refuses edited keys that affect learning, and changes no file.
#[test]
fn a_configuration_that_was_edited_is_refused_key_by_key() {
    let desk = Desk::new();
    desk.expect(DONE, &format!("{RUN} --env-parameters gravity=9 --quiet --out run"));
    let good = desk.read("run/config.toml");
    let edited = |changes: &[(&str, &str)]| {
        changes.iter().fold(good.clone(), |text, (key, value)| {
            let changed = text.lines().map(|line| {
                let own = line.starts_with(&format!("{key} =")) || line == format!("# {key} =");
                if own { format!("{key} = {value}\n") } else { format!("{line}\n") }
            });
            let changed: String = changed.collect();
            assert_ne!(changed, text, "{key}");
            changed
        })
    };
    let commands = ["resume run", "eval run", "fork run --out x", "export run --onnx x", "record run --gif x", "watch run"];
    let keys = [
        ("env", "\"Acrobot-v1\""),
        ("env_parameters", "{ gravity = 8 }"),
        ("env_parameters", "{ gravity = 9, time_limit = 7 }"),
        ("env_parameters", "{}"),
        ("envs", "16"),
        ("steps", "32"),
        ("agents", "2"),
        ("seed", "1"),
        ("total_steps", "6144"),
        ("target_return", "100"),
        ("time_limit", "\"terminal\""),
        ("hidden", "[8]"),
        ("activation", "\"relu\""),
        ("epochs", "4"),
        ("minibatches", "4"),
        ("lr", "0.1"),
        ("anneal_lr", "false"),
        ("gamma", "0.9"),
        ("gae_lambda", "0.9"),
        ("clip", "0.1"),
        ("anneal_clip", "true"),
        ("value_clip", "true"),
        ("entropy_coef", "0.5"),
        ("anneal_entropy", "true"),
        ("value_coef", "0.7"),
        ("max_grad_norm", "9.0"),
        ("target_kl", "0.1"),
        ("log_std_min", "-1.0"),
        ("log_std_max", "1.0"),
        ("desired_kl", "0.1"),
        ("lr_min", "1e-6"),
        ("lr_max", "1.0"),
        ("normalize_values", "true"),
        ("normalize_advantages", "false"),
        ("normalize_observations", "true"),
        ("normalize_rewards", "true"),
    ];
    for (number, (key, value)) in keys.into_iter().enumerate() {
        desk.write("run/config.toml", edited(&[(key, value)]));
        let before = files(&desk, "run");
        // Every command for some keys, and resume for each.
        for command in if number % 7 == 0 { &commands[..] } else { &commands[..1] } {
            let outcome = desk.expect(REFUSED, command);
            let way = if key == "total_steps" { "ppo-gpu resume run --total-steps 6144" } else { "restore these values" };
            outcome.says(&["config.toml: it was edited after the run began: ", key, " and was ", way]);
            assert!(files(&desk, "run") == before, "{outcome}");
        }
    }
    // All of them at once, each with the way to a new run.
    desk.write("run/config.toml", edited(&[("epochs", "4"), ("steps", "32"), ("env_parameters", "{ gravity = [8, 9] }")]));
    desk.expect(REFUSED, "resume run").says(&[
        "env_parameters.gravity is [8.0,9.0] and was 9.0; steps is 32 and was 16; epochs is 4 and was 2",
        "env_parameters.gravity = 9.0, steps = 16, epochs = 2",
        "ppo-gpu fork run --set 'env_parameters.gravity=[8.0,9.0]' --set steps=32 --set epochs=4",
    ]);
    // Comments, the choice of the device, and the files to keep do not affect learning.
    desk.write("run/config.toml", edited(&[("checkpoint_every", "8"), ("keep", "50"), ("dispatches_per_submit", "3")]) + "# a note\n");
    desk.expect(DONE, "eval run --episodes 1 --quiet");
    desk.expect(DONE, "resume run --from 4 --quiet");
    assert_eq!(desk.path("run/checkpoints").read_dir().unwrap().count(), 5, "4, 8, 16, 24 and the best");

    // A checkpoint carries the digest, too: one of a run of the same seed and other epochs is refused.
    let digest = manifest(&desk, "run")["config"]["sha256"].as_str().unwrap().to_string();
    let bytes = desk.bytes("run/checkpoints/update-24.safetensors");
    assert!(digest.len() == 64 && bytes.windows(64).any(|window| window == digest.as_bytes()));
    desk.expect(DONE, &format!("{RUN} --env-parameters gravity=9 --epochs 1 --quiet --out other"));
    assert_ne!(manifest(&desk, "other")["config"]["sha256"], digest.as_str());
    std::fs::copy(desk.path("other/checkpoints/update-24.safetensors"), desk.path("run/checkpoints/update-24.safetensors")).unwrap();
    desk.expect(REFUSED, "resume run").says(&["update-24.safetensors: it was made with another seed or configuration", "add --from 16"]);
    // The manifest is checked by its own digest.
    let text = desk.read("other/run.json");
    desk.write("other/run.json", text.replacen("\"epochs\": 1", "\"epochs\": 2", 1));
    desk.expect(REFUSED, "resume other").says(&["run.json: ", "SHA-256"]);
}

/// Keys that `resume` changes are changed in both files, and earlier checkpoints still belong to the run.
#[test]
fn a_run_that_was_made_longer_keeps_its_earlier_checkpoints() {
    let desk = Desk::new();
    trained(&desk, "", "run");
    let first = manifest(&desk, "run")["config"]["sha256"].clone();
    desk.expect(DONE, "resume run --total-steps 4096 --quiet");
    let longer = manifest(&desk, "run");
    assert_eq!(
        (&longer["config"]["values"]["total_steps"], &longer["config"]["earlier"][0], &longer["config"]["previous"]),
        (&4096.into(), &first, &Value::Null)
    );
    assert_ne!(longer["config"]["sha256"], first);
    for from in ["12", "24", "32"] {
        desk.expect(DONE, &format!("eval run --from {from} --episodes 1 --quiet"));
    }
    let wanted = sha(&desk, "run");
    desk.expect(DONE, "resume run --from 24 --quiet");
    assert_eq!(sha(&desk, "run"), wanted);
    // A process that was killed after it had written run.json and before config.toml.
    let mut value = manifest(&desk, "run");
    let mut previous = value["config"]["values"].clone();
    previous["total_steps"] = 3072.into();
    value["config"]["previous"] = previous;
    desk.write("run/run.json", value.to_string());
    let text = desk.read("run/config.toml");
    desk.write("run/config.toml", text.replace("total_steps = 4096", "total_steps = 3072"));
    desk.expect(DONE, "resume run --from 24 --quiet");
    assert_eq!(sha(&desk, "run"), wanted);
    assert_eq!(desk.read("run/config.toml"), text);
    assert_eq!(manifest(&desk, "run")["config"]["previous"], Value::Null);
    // A run of an earlier version kept no configuration in run.json. It can be resumed, and keeps one from then on.
    let mut value = manifest(&desk, "run");
    let record = value.as_object_mut().unwrap().remove("config").unwrap();
    desk.write("run/run.json", value.to_string());
    desk.expect(DONE, "resume run --quiet");
    assert_eq!(manifest(&desk, "run")["config"]["sha256"], record["sha256"]);
}

/// The lock comes before the first write: a process that does not get it changes nothing.
#[test]
fn a_directory_that_another_process_holds_is_left_as_it_is() {
    let desk = Desk::new();
    let hold = |directory: &str| {
        let file = std::fs::File::options().write(true).create(true).truncate(false).open(desk.path(directory).join(".lock")).unwrap();
        file.try_lock().unwrap();
        file
    };
    std::fs::create_dir(desk.path("empty")).unwrap();
    trained(&desk, "", "run");
    let (_empty, _run) = (hold("empty"), hold("run"));
    for (directory, arguments) in [
        ("empty", format!("{RUN} --quiet --out empty")),
        ("empty", "fork run --out empty --quiet".into()),
        ("run", "resume run --total-steps 6144 --from 12 --quiet".into()),
        ("run", "resume run --keep 1 --quiet".into()),
    ] {
        let before = files(&desk, directory);
        desk.expect(REFUSED, &arguments).says(&[&format!("another process trains in {directory}"), "help: "]);
        assert!(files(&desk, directory) == before, "{arguments}");
    }
    // Commands that only read need no lock.
    desk.expect(DONE, "eval run --episodes 1 --quiet");
    desk.expect(DONE, "fork run --total-steps 128 --quiet --out fork");
}

/// Two processes use one directory at the same time, which is empty or does not exist yet: exactly one of them gets it.
#[test]
fn a_second_run_in_the_same_directory_is_refused_and_leaves_no_trace() {
    let desk = Desk::new();
    for round in 0..6 {
        let name = format!("run{round}");
        if round % 2 == 0 {
            std::fs::create_dir(desk.path(&name)).unwrap();
        }
        let both = [1, 2].map(|seed| (seed, start(&desk, &format!("{RUN} --seed {seed} --quiet --out {name}"))));
        let ended = both.map(|(seed, child)| (seed, desk::finish(&name, child.wait_with_output().unwrap())));
        let winners: Vec<u64> = ended.iter().filter(|(_, outcome)| outcome.code == Some(DONE)).map(|(seed, _)| *seed).collect();
        let [winner] = winners[..] else { panic!("{}\n{}", ended[0].1, ended[1].1) };
        let loser = ended.into_iter().find(|(seed, _)| *seed != winner).unwrap().1.ended(REFUSED);
        assert!(loser.stderr.contains(&name) && loser.stdout.is_empty(), "{loser}");
        assert!(desk.read(&format!("{name}/config.toml")).contains(&format!("\nseed = {winner}\n")));
        assert_eq!(manifest(&desk, &name)["config"]["values"]["seed"], winner);
        let rows = rows(&desk, &name);
        assert!(rows.len() == 24 && rows.iter().all(|row| row["seed"] == winner), "{name}");
        let summary: Value = serde_json::from_str(&desk.read(&format!("{name}/summary.json"))).unwrap();
        assert_eq!(summary["config"]["seed"], winner);
    }
    assert!(desk.names().iter().all(|name| name.starts_with("run")), "{:?}", desk.names());
}

/// Short episodes pay much and end first: the mean of the first few is higher than the policy ever reaches.
#[test]
fn the_best_checkpoint_has_full_windows_and_is_not_one_that_was_replaced() {
    let desk = Desk::new();
    desk.write(
        "lucky.wgsl",
        "const OBSERVATION: u32 = 1u;\nconst ACTIONS: u32 = 2u;\nconst TIME_LIMIT: u32 = 400u;\nstruct EnvState { n: u32, last: u32 }\n\
         fn env_reset(rng: ptr<function, Rng>) -> EnvState { return EnvState(0u, select(100u, 5u, rng_uniform(rng) < 0.05)); }\n\
         fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {\n\
             (*state).n += 1u;\n\
             let over = (*state).n >= (*state).last;\n\
             return Outcome(select(0.0, select(0.0, 100.0, (*state).last == 5u), over), over);\n\
         }\n\
         fn env_observe(state: EnvState) -> array<f32, OBSERVATION> { return array<f32, OBSERVATION>(f32(state.n) / 100.0); }\n",
    );
    let run = "--env lucky.wgsl --envs 32 --steps 32 --minibatches 1 --epochs 1 --hidden 4 --agents 2 --checkpoint-every 2 --keep 1000 --quiet";
    let played = |name: &str| desk.call(&format!("eval {name} --from best --episodes 2 --quiet --json"));
    // As every command reads it.
    let best = |name: &str| Saved::open(&desk.path(name)).unwrap().checkpoint(Which::Best).map(|checkpoint| u64::from(checkpoint.updates));
    // Before 100 episodes of each agent have ended there is none.
    desk.expect(DONE, &format!("{run} --total-steps {} --out short", 6 * 1024));
    let rows_of = |name: &str| rows(&desk, name);
    assert!(rows_of("short").iter().any(|row| row["mean_return"].as_f64() > Some(30.0)), "nobody was lucky");
    assert!(best("short").is_err(), "no window is full");
    played("short").ended(REFUSED).says(&["--from: there is no best checkpoint yet", "100 episodes", "latest (update 6)"]);

    desk.expect(DONE, &format!("{run} --total-steps {} --out run", 60 * 1024));
    let expected = |rows: &[Value], end: u64| best_of(rows, (2..=end).step_by(2));
    let whole = expected(&rows_of("run"), 60).expect("a full window");
    assert_eq!((best("run").unwrap(), &played("run").ended(DONE).json()["updates"]), (whole, &whole.into()));
    let first_full = (2..=60).step_by(2).find(|&update| expected(&rows_of("run"), update).is_some()).unwrap();
    // Back to before the best one, and to an end before it: the best is one of the shorter past, or there is none.
    for (number, from) in [first_full - 2, first_full, whole - 2, whole].into_iter().enumerate() {
        let name = format!("again{number}");
        copy(&desk, "run", &name);
        desk.expect(DONE, &format!("resume {name} --from {from} --total-steps {} --quiet", from * 1024));
        assert_eq!(best(&name).ok(), expected(&rows_of(&name), from), "from {from}; the first full window is that of {first_full}, the best {whole}");
        // Resumed, it has the best of the whole again.
        desk.expect(DONE, &format!("resume {name} --total-steps {} --quiet", 60 * 1024));
        assert_eq!(best(&name).ok(), expected(&rows_of(&name), 60), "from {from}");
    }
}

/// A running TensorBoard can continue to read: it is the same file, and its contents stay.
#[test]
fn tensorboard_files_only_grow_after_resume_and_rollback() {
    let desk = Desk::new();
    trained(&desk, "--agents 2", "run");
    let events = |desk: &Desk| -> Vec<(PathBuf, Vec<u8>)> { files(desk, "run/tensorboard").into_iter().collect() };
    #[cfg(unix)]
    let number = |path: &Path| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap());
    #[cfg(not(unix))]
    let number = |_: &Path| 0;
    for arguments in ["--total-steps 4096", "--from 8", "--from 4 --total-steps 2048", "--total-steps 2560"] {
        let before = events(&desk);
        let numbers: Vec<u64> = before.iter().map(|(path, _)| number(path)).collect();
        desk.expect(DONE, &format!("resume run {arguments} --quiet"));
        let after = events(&desk);
        assert_eq!(after.len(), 2, "one file for each agent");
        for (((path, old), (same, new)), inode) in before.iter().zip(&after).zip(numbers) {
            assert!(path == same && number(path) == inode && new.len() > old.len() && new.starts_with(old), "{arguments}: {path:?}");
        }
    }
}

#[test]
fn resume_accepts_more_steps_and_refuses_fewer() {
    let desk = Desk::new();
    let constant = format!("{RUN} --anneal-lr false");
    desk.expect(DONE, &format!("{constant} --quiet --out short"));
    desk.expect(DONE, &format!("{constant} --total-steps 6144 --quiet --out long"));
    desk.expect(DONE, "resume short --total-steps 6144 --quiet");
    assert_eq!(sha(&desk, "short"), sha(&desk, "long"));
    assert_eq!(rows(&desk, "short"), rows(&desk, "long"));
    // The configuration is that of the longer run from now on, and the sessions tell how it came about.
    assert!(desk.read("short/config.toml").contains("\ntotal_steps = 6144\n"));
    let manifest: Value = serde_json::from_str(&desk.read("short/run.json")).unwrap();
    let sessions: Vec<[u64; 2]> =
        manifest["sessions"].as_array().unwrap().iter().map(|session| ["from_update", "to_update"].map(|key| session[key].as_u64().unwrap())).collect();
    assert_eq!(sessions, [[0, 24], [24, 48]]);

    desk.expect(REFUSED, "resume short --total-steps 1000").says(&["total_steps: ", "6144 steps already", "--from"]);
    desk.expect(REFUSED, "resume short --lr 1e-3").says(&["lr: ", "ppo-gpu fork short --set lr="]);
    desk.expect(REFUSED, "resume short --from 13").says(&["--from: ", "no checkpoint of update 13", "12"]);
    desk.expect(REFUSED, "resume nowhere").says(&["nowhere holds no run"]);
}

/// Killed at moments spread over a whole run, start-up included: the files are intact, and the resumed run is bit-identical. A moment is an observable
/// event of the run, not a time: nothing depends on the speed of the machine.
#[test]
fn a_killed_run_resumes_bit_identically() {
    let desk = Desk::new();
    let run = "--envs 32 --steps 64 --minibatches 4 --epochs 2 --hidden 4 --total-steps 61440 --checkpoint-every 3 --quiet";
    desk.expect(DONE, &format!("{run} --out whole"));
    let some = |path: &Path| path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    // Whether there is a checkpoint of update `least` or a later one.
    let checkpointed = |path: &Path, least: u32| {
        let names = path.join("checkpoints").read_dir().into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter_map(|name| name.strip_prefix("update-")?.strip_suffix(".safetensors")?.parse().ok()).any(|update: u32| update >= least)
    };
    let row = |path: &Path| std::fs::metadata(path.join("metrics.jsonl")).is_ok_and(|file| file.len() > 0);
    let (many, nearly_all) = (|path: &Path| checkpointed(path, 12), |path: &Path| checkpointed(path, 24));
    let moments: [&dyn Fn(&Path) -> bool; 6] = [&|path| path.exists(), &some, &row, &|path| some(&path.join("checkpoints")), &many, &nearly_all];
    for (number, moment) in moments.into_iter().enumerate() {
        let name = format!("killed{number}");
        // Repeat a run that ended before the kill.
        while !desk.path(&name).exists() || desk.path(&format!("{name}/summary.json")).exists() {
            if desk.path(&name).exists() {
                std::fs::remove_dir_all(desk.path(&name)).unwrap();
            }
            let mut child = start(&desk, &format!("{run} --out {name}"));
            while !moment(&desk.path(&name)) && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            assert!(desk.path(&name).exists(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        desk.expect(DONE, &format!("resume {name} --quiet"));
        assert_eq!(sha(&desk, &name), sha(&desk, "whole"), "{name}");
        assert_eq!(rows(&desk, &name), rows(&desk, "whole"), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_says_how_to_resume_and_locks_its_directory() {
    let desk = Desk::new();
    let run = "--envs 8 --steps 16 --minibatches 2 --epochs 2 --hidden 4 --total-steps 400000000 --out run";
    let mut child = start(&desk, run);
    while std::fs::metadata(desk.path("run/metrics.jsonl")).map_or(0, |file| file.len()) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "the run has ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    desk.expect(REFUSED, "resume run").says(&["another process trains in run"]);
    let status = std::process::Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(status.success());
    let outcome = finish(run, child.wait_with_output().unwrap()).ended(INTERRUPTED);
    assert!(outcome.stdout.contains("ppo-gpu resume run"), "{outcome}");
    let last = rows(&desk, "run").last().unwrap()["update"].as_u64().unwrap();
    // A few updates more.
    let steps = (last + 5) * 128;
    desk.expect(DONE, &format!("resume run --total-steps {steps} --quiet"));
    assert_eq!(rows(&desk, "run").last().unwrap()["update"].as_u64(), Some(last + 5));
}

#[test]
fn the_last_checkpoints_and_the_best_are_kept() {
    let desk = Desk::new();
    desk.expect(DONE, &format!("{RUN} --keep 2 --quiet --out run"));
    let mut names: Vec<String> = desk.path("run/checkpoints").read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["best.safetensors", "update-20.safetensors", "update-24.safetensors"]);
    let best = best_of(&rows(&desk, "run"), (4..=24).step_by(4)).expect("a hundred episodes have ended");
    copy(&desk, "run", "again");
    desk.expect(DONE, "resume again --from best --quiet");
    let manifest: Value = serde_json::from_str(&desk.read("again/run.json")).unwrap();
    assert_eq!(manifest["sessions"][1]["from_update"], best);
    assert_eq!(sha(&desk, "again"), sha(&desk, "run"));

    // Where all numbered ones are damaged, the best is offered, if it is intact.
    let damage = |name: &str| {
        let mut bytes = desk.bytes(name);
        *bytes.last_mut().unwrap() ^= 1;
        desk.write(name, bytes);
    };
    ["update-20", "update-24"].iter().for_each(|name| damage(&format!("run/checkpoints/{name}.safetensors")));
    desk.expect(REFUSED, "eval run --episodes 2").says(&["update-24.safetensors: ", "add --from best"]);
    desk.expect(DONE, "eval run --episodes 2 --from best --quiet");
    damage("run/checkpoints/best.safetensors");
    for from in ["", "--from best"] {
        desk.expect(REFUSED, &format!("eval run --episodes 2 {from}")).says(&["no other checkpoint of this run can be used either"]);
    }
}

#[test]
fn a_fork_starts_from_the_checkpoint_and_leaves_the_run_unchanged() {
    let desk = Desk::new();
    trained(&desk, "--agents 2", "run");
    let before = [desk.read("run/metrics.jsonl"), desk.read("run/summary.json"), desk.read("run/run.json")];
    // One update without learning leaves the parameters as they were.
    let still = "--lr 0 --total-steps 128 --quiet";
    desk.expect(DONE, &format!("fork run {still} --out same"));
    assert_eq!(sha(&desk, "same"), sha(&desk, "run"));
    let manifest: Value = serde_json::from_str(&desk.read("same/run.json")).unwrap();
    assert_eq!((&manifest["forked_from"]["run"], &manifest["forked_from"]["updates"]), (&"run".into(), &24.into()));

    // Any number of agents begin as one, on another environment of the same shape of networks, with other seeds.
    // Sizes of kernels stay where the plan does, and else are chosen anew, unless they are given.
    let sized = desk.read("run/config.toml").replace("tuning = \"none\"", "tuning = \"rows=1\"");
    desk.write("run/config.toml", &sized);
    let tuning = |run: &str| desk.read(&format!("{run}/config.toml")).lines().find_map(|line| line.strip_prefix("tuning = ").map(str::to_string)).unwrap();
    assert_eq!(tuning("run"), "\"rows=1\"");
    let three = desk.expect(DONE, &format!("fork run --agent 1 --agents 3 --seed 50 --envs 12 {} --out three", still.replace("--quiet", "")));
    three.says(&["note: the run's sizes of kernels (rows=1) were for other sizes of a run", "--tuning rows=1 keeps them"]);
    assert_eq!(tuning("three"), "\"none\"");
    let agents = |run: &str| -> Vec<Value> {
        let summary: Value = serde_json::from_str(&desk.read(&format!("{run}/summary.json"))).unwrap();
        summary["agents"].as_array().unwrap().iter().map(|agent| agent["params_sha256"].clone()).collect()
    };
    assert_eq!(agents("three"), vec![agents("run")[1].clone(); 3]);
    desk.expect(DONE, "fork run --lr 1e-2 --total-steps 1024 --quiet --out learns");
    assert_ne!(sha(&desk, "learns"), sha(&desk, "run"));
    assert_eq!(tuning("learns"), "\"rows=1\"");

    for (flags, says) in [
        ("--hidden 8", "hidden was [4], and is [8] in the new run"),
        ("--activation relu", "activation was tanh, and is relu in the new run\n  help: keep activation\n"),
        ("--env Acrobot-v1", "the observation was 4 components, and is 6 components in the new run"),
        ("--normalize-observations", "normalize_observations was false, and is true in the new run"),
        ("--agents 3", "2 agents, and the new one 3"),
        ("--agent 2", "no agent 2"),
        ("--from 7", "no checkpoint of update 7"),
        ("--out run", "already holds a run"),
    ] {
        desk.expect(REFUSED, &format!("fork run {flags}")).says(&[says, "\n  help: "]);
    }
    assert_eq!(before, [desk.read("run/metrics.jsonl"), desk.read("run/summary.json"), desk.read("run/run.json")]);
    assert_eq!(desk.names(), ["learns", "run", "same", "three"]);
}

#[test]
fn the_environment_of_a_run_is_kept_with_it() {
    let desk = Desk::new();
    desk.expect(DONE, "env new mine");
    let run = "--env mine.wgsl --envs 8 --steps 16 --minibatches 2 --hidden 4 --total-steps 1280 --checkpoint-every 5 --quiet";
    desk.expect(DONE, &format!("{run} --out run"));
    copy(&desk, "run", "part");
    // The file of the author may change, or go.
    std::fs::remove_file(desk.path("mine.wgsl")).unwrap();
    desk.expect(DONE, "resume part --from 5 --quiet");
    assert_eq!(sha(&desk, "part"), sha(&desk, "run"));
    let source = desk.read("part/environment.wgsl");
    desk.write("part/environment.wgsl", source + "\n");
    desk.expect(REFUSED, "resume part").says(&["environment.wgsl", "not the one that this run was trained on"]);
}

#[test]
fn eval_plays_the_trained_policy() {
    let desk = Desk::new();
    let eval = |arguments: &str| desk.expect(DONE, &format!("eval {arguments} --quiet --json")).json();
    // The bandit pays most for one of its arms: an untrained policy chooses any of them, and the most probable one after training is the best.
    desk.expect(DONE, "--env Probe/Bandit --envs 16 --steps 16 --minibatches 4 --hidden 8 --lr 1e-2 --agents 3 --total-steps 10240 --quiet --out run");
    // Without its noise, every pull of the best arm pays the same.
    let best = f64::from(0.9_f32);
    let played = eval("run --episodes 300 --deterministic --env-parameters noise=0");
    for agent in played["agents"].as_array().unwrap() {
        assert_eq!((agent["episodes"].as_u64(), agent["unfinished"].as_u64()), (Some(300), Some(0)), "{agent}");
        assert_eq!((agent["returns"]["min"].as_f64(), agent["returns"]["max"].as_f64()), (Some(best), Some(best)), "{agent}");
        assert_eq!(agent["lengths"]["max"].as_f64(), Some(1.0), "{agent}");
    }
    let drawn = eval("run --episodes 300 --agent 2");
    assert_eq!(drawn["agents"].as_array().unwrap().len(), 1);
    assert_eq!(drawn["agents"][0]["agent"], 2);

    // The same seed gives the same episodes, another one others; one agent plays as it does beside others.
    desk.expect(DONE, &format!("{RUN} --agents 3 --quiet --out poles"));
    let without_speed = |mut value: Value| {
        value.as_object_mut().unwrap().remove("sps");
        value
    };
    let all = without_speed(eval("poles --episodes 70 --seed 5"));
    assert_eq!(without_speed(eval("poles --episodes 70 --seed 5")), all);
    assert_ne!(without_speed(eval("poles --episodes 70 --seed 6")), all);
    assert_eq!(eval("poles --episodes 70 --seed 5 --agent 1")["agents"][0], all["agents"][1]);
    let mean = |agent: &Value| agent["returns"]["mean"].as_f64().unwrap();
    let means: Vec<f64> = all["agents"].as_array().unwrap().iter().map(mean).collect();
    assert!((all["mean_return"].as_f64().unwrap() - means.iter().sum::<f64>() / 3.0).abs() < 1e-9);
    // Abandoned episodes are counted, but have no statistics.
    let short = eval("poles --episodes 10 --most-steps 2");
    assert_eq!((&short["agents"][0]["unfinished"], &short["agents"][0]["returns"]), (&10.into(), &Value::Null));

    let text = desk.expect(DONE, "eval poles --episodes 20 --quiet").stdout;
    assert!(text.starts_with("CartPole-v1 after 24 updates, sampled actions\n") && text.contains("confidence"), "{text}");
    desk.expect(REFUSED, "eval poles --agent 3").says(&["no agent 3"]);
    desk.expect(REFUSED, "eval poles --episodes 0").says(&["--episodes"]);
    assert_eq!(eval("poles --episodes 1e1")["agents"][0]["episodes"], 10);
    desk.expect(REFUSED, "eval poles --lr 1").says(&["lr: ", "seed"]);
    desk.expect(REFUSED, "eval nowhere").says(&["holds no run"]);
}

#[test]
fn a_recording_shows_each_state_of_an_episode() {
    let desk = Desk::new();
    trained(&desk, "--agents 2", "run");
    let said = desk.expect(DONE, "record run --agent 1 --gif run.gif --png-dir frames --size 48 --seed 3").stdout;
    // "wrote run.gif, frames: 34 frames, return 34.0": in CartPole both are the length of the episode.
    let numbers: Vec<f32> = said.split(|c: char| !c.is_ascii_digit() && c != '.').filter_map(|text| text.parse().ok()).collect();
    let [frames, length] = numbers[..] else { panic!("{said}") };
    assert_eq!(frames, length, "{said}");
    assert_eq!(desk.path("frames").read_dir().unwrap().count(), frames as usize);

    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(std::fs::File::open(desk.path("run.gif")).unwrap()).unwrap();
    assert_eq!((decoder.width(), decoder.height()), (48, 48));
    let mut pictures = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        // 30 a second, in hundredths.
        assert_eq!(frame.delay, 3);
        pictures.push(frame.buffer.to_vec());
    }
    assert_eq!(pictures.len(), frames as usize);
    assert!(pictures.windows(2).filter(|pair| pair[0] != pair[1]).count() > pictures.len() / 2, "the pole moves");

    // The same seed shows the same episode, another seed another one, and untrained agents need no run.
    let record = |arguments: &str| {
        desk.expect(DONE, &format!("record {arguments} --gif other.gif --size 48 --most-frames 20"));
        desk.bytes("other.gif")
    };
    let third = record("run --seed 3");
    assert_eq!(record("run --seed 3 --deterministic"), record("run --seed 3 --deterministic"));
    assert_ne!(third, record("run --seed 4"));
    assert_ne!(third, record("run --seed 3 --env-parameters gravity=-9.8"));
    record("--env Pendulum-v1");
    for (arguments, says) in [("run", "--gif"), ("run --gif x.gif --agent 2", "no agent 2")] {
        desk.expect(REFUSED, &format!("record {arguments}")).says(&[says, "\n  help: "]);
    }
    assert!(!desk.path("x.gif").exists());
    // There is no terminal here.
    desk.expect(REFUSED, "watch run").says(&["not a terminal", "record"]);
}

/// Every kind of damage to a checkpoint is found and reported, and the files do not change; the error suggests the previous checkpoint.
#[test]
fn damaged_checkpoints_are_refused_and_another_is_offered() {
    let desk = Desk::new();
    trained(&desk, "", "run");
    let name = "run/checkpoints/update-24.safetensors";
    let good = desk.bytes(name);
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let text = String::from_utf8(good[8..header].to_vec()).unwrap();
    let with_header = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &good[header..]].concat();
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        with_header(&text.replacen(from, to, 1))
    };
    let flipped = |byte: usize| {
        let mut bytes = good.clone();
        bytes[byte] ^= 1 << (byte % 8);
        bytes
    };
    let mut damaged: Vec<(String, Vec<u8>)> = vec![
        ("empty".into(), Vec::new()),
        ("another checkpoint under this name".into(), desk.bytes("run/checkpoints/update-20.safetensors")),
        ("text".into(), b"not a checkpoint\n".to_vec()),
        ("longer".into(), [&good[..], b"\0"].concat()),
        ("a header of 2^60 bytes".into(), [&(1_u64 << 60).to_le_bytes()[..], &good[8..]].concat()),
        ("another type".into(), replaced("\"dtype\":\"F32\"", "\"dtype\":\"I32\"")),
        ("a huge shape".into(), replaced("\"shape\":[1,", "\"shape\":[4294967296,")),
        ("swapped shapes".into(), replaced("\"shape\":[1,200]", "\"shape\":[200,1]")),
        ("another name".into(), replaced("first_moments", "first_momentz")),
        ("a newer format".into(), replaced("\\\"format\\\":3", "\\\"format\\\":4")),
        ("an earlier format".into(), replaced("\\\"format\\\":3", "\\\"format\\\":2")),
        ("another number of updates".into(), replaced("\\\"updates\\\":24", "\\\"updates\\\":25")),
        ("no metadata".into(), replaced("__metadata__", "__metadata_2")),
        ("NaN".into(), {
            let mut bytes = good.clone();
            let end = bytes.len();
            bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
            bytes
        }),
    ];
    damaged.extend((0..10).map(|i| (format!("cut to {i} tenths"), good[..good.len() * i / 10].to_vec())));
    damaged.extend((0..header).step_by(header / 60).map(|byte| (format!("bit of header byte {byte}"), flipped(byte))));
    damaged.extend((header..good.len()).step_by((good.len() - header) / 120).map(|byte| (format!("bit of byte {byte}"), flipped(byte))));
    let mut count = 0;
    for (what, bytes) in damaged {
        desk.write(name, &bytes);
        // As every command reads it; and of single bits every tenth, of everything else each, as `resume` says it.
        let error = Saved::open(&desk.path("run")).unwrap().checkpoint(Which::Latest).map(|_| ()).expect_err(&what);
        let Error::Checkpoint { path, help, .. } = &error else { panic!("{what}: {error}") };
        assert!(path.ends_with(name) && help.contains("add --from 20"), "{what}: {error}: {help}");
        if count % 10 == 0 || !what.starts_with("bit ") {
            let outcome = desk.expect(REFUSED, "resume run --quiet");
            assert!(outcome.stderr.contains("update-24.safetensors: ") && outcome.stderr.contains("add --from 20"), "{what}\n{outcome}");
        }
        assert_eq!(desk.bytes(name), bytes, "{what}");
        count += 1;
    }
    assert!(count >= 200, "only {count} kinds of damage");
    desk.write(name, replaced("\\\"format\\\":3", "\\\"format\\\":4"));
    desk.expect(REFUSED, "resume run").says(&["in format 4", "reads formats up to 3"]);

    // The suggestion of the message works.
    let wanted = sha(&desk, "run");
    desk.expect(DONE, "resume run --from 20 --quiet");
    assert_eq!(sha(&desk, "run"), wanted);

    // Checkpoints of another run are intact, but refused.
    desk.expect(DONE, &format!("{RUN} --seed 7 --quiet --out other"));
    std::fs::copy(desk.path("other/checkpoints/update-24.safetensors"), desk.path(name)).unwrap();
    desk.expect(REFUSED, "resume run").says(&["another seed", "another run"]);
    desk.expect(DONE, &format!("{RUN} --hidden 8 --quiet --out wider"));
    std::fs::copy(desk.path("wider/checkpoints/update-24.safetensors"), desk.path(name)).unwrap();
    desk.expect(REFUSED, "resume run").says(&["this run's is", "--from 20"]);
}

#[test]
fn damaged_files_of_a_run_are_named() {
    let desk = Desk::new();
    trained(&desk, "", "run");
    for (file, text, says) in [
        ("config.toml", "envs = ", "not a TOML file"),
        ("config.toml", "envs = 0\n", "envs"),
        ("config.toml", "envs = \"many\"\n", "envs"),
        ("config.toml", "envs = 99999999999999999999\n", "config.toml"),
        ("config.toml", "colour = 3\n", "colour"),
        ("config.toml", "env = \"Pong\"\n", "Pong"),
        ("run.json", "", "run.json"),
        ("run.json", "{}", "run.json"),
        ("run.json", "{\"format\": 2}", "formats up to 1"),
        ("metrics.jsonl", "{}\n", "line 1 is not a row"),
    ] {
        let good = desk.bytes(&format!("run/{file}"));
        desk.write(&format!("run/{file}"), text);
        desk.expect(REFUSED, "resume run --from 12").says(&[says, "\n  help: "]);
        assert_eq!(desk.read(&format!("run/{file}")), text);
        assert!(desk.path("run/checkpoints/update-24.safetensors").exists(), "a refusal removes nothing");
        desk.write(&format!("run/{file}"), good);
    }
    // A crash of the system may leave half a line at the end; it is cut off.
    let (rows_before, text) = (rows(&desk, "run"), desk.read("run/metrics.jsonl"));
    desk.write("run/metrics.jsonl", text + "{\"agent\":0,");
    desk.expect(DONE, "resume run --quiet");
    assert_eq!(rows(&desk, "run"), rows_before);
}

#[test]
fn exports_are_written_where_they_were_asked_for() {
    let desk = Desk::new();
    trained(&desk, "--agents 2", "run");
    let said = desk.expect(DONE, "export run --onnx p.onnx --safetensors p.safetensors --wgsl p.wgsl --agent 1").stdout;
    assert_eq!(said, "wrote p.onnx, p.safetensors, p.wgsl\n");
    // Names that readers of ONNX look for.
    let model = desk.bytes("p.onnx");
    for name in ["ppo-gpu", "observation", "logits", "action", "value", "Gemm", "Tanh", "ArgMax", "actor.0.weight"] {
        assert!(model.windows(name.len()).any(|bytes| bytes == name.as_bytes()), "{name} is missing");
    }
    let tensors = desk.bytes("p.safetensors");
    let tensors = safetensors::SafeTensors::deserialize(&tensors).unwrap();
    let mut names = tensors.names();
    names.sort_unstable();
    assert_eq!(
        names,
        ["actor.0.bias", "actor.0.weight", "actor.2.bias", "actor.2.weight", "critic.0.bias", "critic.0.weight", "critic.2.bias", "critic.2.weight"]
    );
    let module = naga::front::wgsl::parse_str(&desk.read("p.wgsl")).unwrap();
    assert!(module.functions.iter().any(|(_, function)| function.name.as_deref() == Some("policy_outputs")));
    for (arguments, says) in [
        ("", "--onnx"),
        ("--onnx x.onnx --agent 2", "no agent 2"),
        ("--onnx x.onnx --from 3", "no checkpoint of update 3"),
        ("--onnx x.onnx --wgsl ./x.onnx", "would be written twice"),
    ] {
        desk.expect(REFUSED, &format!("export run {arguments}")).says(&[says, "\n  help: "]);
    }
    assert!(!desk.path("x.onnx").exists());
    // What would be lost.
    desk.expect(DONE, "env new mine");
    let files = ["run/config.toml", "run/run.json", "run/checkpoints/latest.safetensors", "run/environment.wgsl", "mine.wgsl"];
    let checkpoint = std::fs::read_dir(desk.path("run/checkpoints")).unwrap().next().unwrap().unwrap().file_name();
    let files = files.map(|file| file.replace("latest.safetensors", checkpoint.to_str().unwrap()));
    let before = files.clone().map(|file| desk.bytes(&file));
    for file in &files[..4] {
        for command in ["export run --onnx", "export run --wgsl ./", "record run --gif", "env show CartPole-v1 --png"] {
            let outcome = desk.expect(REFUSED, &format!("{command}{}{file}", if command.ends_with('/') { "" } else { " " }));
            outcome.says(&["which would be lost", "help: give another path"]);
        }
    }
    desk.expect(REFUSED, "export run --wgsl mine.wgsl").says(&["mine.wgsl is an environment, which would be lost"]);
    assert_eq!(files.map(|file| desk.bytes(&file)), before);
    desk.expect(DONE, "export run --onnx run/policy.onnx");
    // What cannot be replaced by a file is not, and nothing is left beside it.
    let names = desk.names();
    desk.expect(FAILED, "export run --wgsl run").says(&["cannot write run\n", "help: give the path of a file"]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("p.wgsl", desk.path("link")).unwrap();
        desk.write("p.wgsl", "");
        desk.expect(DONE, "export run --wgsl link --agent 1");
        assert!(desk.path("link").is_symlink() && desk.read("p.wgsl").contains("policy_outputs"));
        std::fs::remove_file(desk.path("link")).unwrap();
        let piped = desk.expect(DONE, "export run --wgsl /dev/stdout --agent 1");
        assert!(piped.stdout.contains("fn policy_outputs") && piped.stdout.ends_with("wrote /dev/stdout\n"), "{piped}");
    }
    assert_eq!(desk.names(), names);
}

#[test]
fn learning_curves_are_drawn() {
    let desk = Desk::new();
    desk.expect(DONE, &format!("{RUN} --agents 4 --quiet --out four"));
    desk.expect(DONE, &format!("{RUN} --seed 9 --quiet --out one"));
    desk.expect(DONE, "plot four one --out curves.svg");
    let svg = desk.read("curves.svg");
    for part in ["<svg", "four (4 agents)", ">\none", "environment steps of each agent", "mean_return", "<polyline", "<polygon"] {
        assert!(svg.contains(part), "{part} is missing:\n{}", &svg[..2000.min(svg.len())]);
    }
    assert_eq!(svg.matches("<polygon").count(), 1, "one run has several agents");
    desk.expect(DONE, "plot one --out curves.png --by seconds --metric entropy --width 320 --height 200");
    let mut reader = png::Decoder::new(std::io::Cursor::new(desk.bytes("curves.png"))).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((frame.width, frame.height), (320, 200));
    // A white background, and something drawn on it.
    let white = pixels.chunks_exact(3).filter(|pixel| *pixel == [255; 3]).count();
    assert!((32_000..63_000).contains(&white), "{white} of 64,000 pixels are white");
    for (arguments, says) in [
        ("one --out curves.pdf", "neither an .svg nor a .png"),
        ("one --out x.svg --metric returns", "there is no metric 'returns'"),
        ("nowhere --out x.svg", "holds no run"),
    ] {
        desk.expect(REFUSED, &format!("plot {arguments}")).says(&[says, "\n  help: "]);
    }
    desk.expect(REFUSED, "plot one").says(&["not provided", "--out <FILE>", "--help"]);
    assert!(!desk.path("x.svg").exists());
}
