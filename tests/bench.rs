//! `ppo-gpu bench` on a tiny run. Nothing is said here about how long anything takes.

mod common;

use common::skip;
use ppo_gpu::program::kernel;
use ppo_gpu::support::error::exit;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output};

/// As little of everything as there can be.
const TINY: &str = "bench --seconds 0.001 --quiet --envs 8 --steps 16 --minibatches 2 --epochs 1 --hidden 4";

fn bench(more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ppo-gpu")).args(TINY.split(' ')).args(more).args(["--backend", &common::backend()]).output().expect("the program starts")
}

#[test]
fn debug_builds_are_refused_and_release_builds_report() {
    let output = bench(&["--json"]);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if cfg!(debug_assertions) {
        assert_eq!(output.status.code(), Some(i32::from(exit::REFUSED)), "{stderr}");
        assert!(stderr.contains("--release"), "{stderr}");
        return skip("a debug build measures nothing");
    }
    assert_eq!((output.status.code(), &*stderr), (Some(i32::from(exit::DONE)), ""));
    let report: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"));

    let names: Vec<&str> = report["kernels"].as_array().expect("kernels").iter().filter_map(|row| row["kernel"].as_str()).collect();
    // Minibatches this small are learned from by one kernel where the profile has it, else by three.
    let unused = if names.contains(&"learn") { &["gradient", "sum_gradient", "adam"][..] } else { &["learn"] };
    let expected: Vec<&str> = kernel::NAMES
        .iter()
        .copied()
        .filter(|kernel| {
            let others = [
                "reset",
                "observe",
                "act",
                "advance",
                "restart",
                "minibatch_parts",
                "weight_gradient",
                "adapt_rate",
                "bound_deviations",
                "observation_moments",
                "update_normalizers",
                "rescale_values",
            ];
            !others.contains(kernel) && !unused.contains(kernel)
        })
        .collect();
    assert_eq!(names, expected, "the kernels of an update");
    let shares: f64 = report["kernels"].as_array().expect("kernels").iter().filter_map(|row| row["share"].as_f64()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "shares add up to {shares}");
    let predicted = |row: &Value| row["predicted"].as_f64().is_some_and(|seconds| seconds > 0.0);
    assert!(report["kernels"].as_array().expect("kernels").iter().all(predicted), "{stdout}");

    for (group, figures) in [
        ("peaks", &["gflops", "gbytes"][..]),
        ("speeds", &["environment", "inference", "training", "update_seconds", "submissions", "longest_submission"]),
        ("startup", &["adapter", "composition", "pipelines", "parameters", "first_dispatches", "first_row", "total"]),
        ("memory", &["predicted"]),
        ("checked", &["dispatches"]),
    ] {
        for figure in figures {
            let value = &report[group][figure];
            assert!(value.as_f64().is_some_and(|value| value > 0.0), "{group}.{figure} is {value}");
        }
    }
    assert_eq!(report["config"]["envs"], 8);
}

#[test]
fn tables_have_a_row_for_each_value() {
    if cfg!(debug_assertions) {
        return skip("a debug build measures nothing");
    }
    let output = bench(&["--sweep", "agents"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(i32::from(exit::DONE)), "{}", String::from_utf8_lossy(&output.stderr));
    let table = text.split("over agents\n").nth(1).unwrap_or_else(|| panic!("no table: {text}"));
    let values: Vec<&str> = table.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(values, ["1", "4", "16", "64", "256"]);
}

/// The directory of caches that this process has, as Mesa finds it.
fn caches() -> Option<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    from("XDG_CACHE_HOME").or_else(|| from("HOME").map(|home| home.join(".cache")))
}

/// Which sizes are the fastest cannot be known here, so those that were remembered are replaced by others.
#[test]
fn tuned_sizes_are_remembered_used_recorded_and_kept() {
    if cfg!(debug_assertions) {
        return skip("a debug build measures nothing");
    }
    let desk = tempfile::tempdir().expect("a directory");
    let flags = "--profile gpu --envs 8 --steps 16 --minibatches 2 --epochs 1 --hidden 4 --quiet";
    let program = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_ppo-gpu"));
        program.current_dir(desk.path()).env("XDG_CACHE_HOME", desk.path()).env("LOCALAPPDATA", desk.path());
        // Mesa keeps compiled kernels where it always does, or every one would be compiled again here.
        if let (None, Some(caches)) = (std::env::var_os("MESA_SHADER_CACHE_DIR"), caches()) {
            program.env("MESA_SHADER_CACHE_DIR", caches);
        }
        program
    };
    let call = |command: &str| {
        let output = program().args(command.split_whitespace()).args(["--backend", &common::backend()]).output().expect("the program starts");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), &*stderr), (Some(i32::from(exit::DONE)), ""), "{command}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let file = desk.path().join("ppo-gpu").join("tunings.toml");
    std::fs::create_dir_all(desk.path().join("ppo-gpu")).expect("a directory");
    let other = "[[tuning]]\ndevice = \"another\"\ndriver = \"1\"\nprofile = \"gpu\"\nplan = \"another\"\nsizes = \"rows=1\"\n";
    std::fs::write(&file, other).expect("written");
    let tuned: Value = serde_json::from_str(&call(&format!("tune --seconds 0.001 --json {flags}"))).expect("JSON");
    let candidates = tuned["candidates"].as_array().expect("candidates");
    assert_eq!(candidates[0]["sizes"], "none");
    assert!(candidates.len() > 5 && candidates.iter().all(|candidate| candidate["wrong"].is_null()), "{tuned}");
    let sizes = tuned["sizes"].as_str().expect("sizes");
    let text = std::fs::read_to_string(&file).expect("the file");
    assert!(text.contains(&format!("sizes = \"{sizes}\"")) && text.contains("device = \"another\""), "{text}");
    let text = text.replace(other, "");

    let recorded = |run: &str| {
        let text = std::fs::read_to_string(desk.path().join(run).join("config.toml")).expect("the run's configuration");
        let table: toml::Table = toml::from_str(&text).expect("TOML");
        table["tuning"].as_str().expect("a text").to_string()
    };
    let parameters = |summary: &str| serde_json::from_str::<Value>(summary).expect("JSON")["params_sha256"].as_str().expect("a digest").to_string();
    let train = |run: &str, more: &str| parameters(&call(&format!("--total-steps 512 --json --out {run} {flags} {more}")));
    let remember = |text: &str| std::fs::write(&file, text).expect("written");
    remember(&text.replace(&format!("\"{sizes}\""), "\"tile=8,rows=1\""));
    let automatic = train("automatic", "");
    assert_eq!((recorded("automatic"), &automatic), ("tile=8,rows=1".into(), &train("chosen", "--tuning tile=8,rows=1")));
    let own = train("own", "--tuning none");
    assert_eq!((recorded("own"), own != automatic), ("none".into(), true), "sizes change rounding");
    assert_eq!((train("other", "--activation relu"), recorded("other")), (train("plain", "--activation relu --tuning none"), "none".into()), "other plans");

    // Whatever has become of the file, a run that goes on computes what it would have computed.
    for (contents, found) in [("sizes = [", "none"), (&text.replace(&format!("\"{sizes}\""), "\"tile=7\""), "none")] {
        remember(contents);
        assert_eq!(train("damaged", ""), own, "{contents}");
        assert_eq!(recorded("damaged"), found);
        std::fs::remove_dir_all(desk.path().join("damaged")).expect("removed");
    }
    // `tune` overwrites nothing that it cannot read.
    remember("sizes = [");
    let refused = program().arg("tune").output().expect("the program starts");
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(i32::from(exit::REFUSED)) && stderr.contains("tunings.toml is damaged"), "{stderr}");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "sizes = [");
    let longer = parameters(&call("resume automatic --total-steps 1024 --json --quiet"));
    assert_eq!(recorded("automatic"), "tile=8,rows=1");
    assert_eq!(longer, parameters(&call("resume chosen --total-steps 1024 --json --quiet")));
}
