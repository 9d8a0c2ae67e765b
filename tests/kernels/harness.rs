//! Runs kernels on hostile buffers and compares every word with the reference.

pub use crate::common::{gpu, profile, skip};
use crate::inputs::inputs;
use ppo_gpu::device::engine::{Engine, EngineOptions, Rewrite};
use ppo_gpu::program::buffers::{BUFFERS, Buffer};
use ppo_gpu::program::kernel::{self, Kernel};
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::profile::Profile;
use ppo_gpu::program::schedule::{self, Dispatch, Piece};
pub use ppo_gpu::reference::compare::{Check, Finding, GUARD, POISON, Words, describe};
use ppo_gpu::reference::memory::Memory;
use ppo_gpu::reference::tracked::Tracked;
use ppo_gpu::reference::{self};
use ppo_gpu::spec::config::Config;
use std::io::Write;
use std::process::{Command, Stdio};

/// Words of [`GUARD`] behind every buffer: more than a workgroup of lanes, each a vector.
pub const GUARD_WORDS: usize = 1024;

/// The plan of `assignments` (`key=value`, separated by blanks) for a profile.
pub fn plan(assignments: &str, profile: Profile) -> Plan {
    Plan::new(&config(assignments), profile).unwrap()
}

/// The configuration of `assignments`.
pub fn config(assignments: &str) -> Config {
    let layers: Vec<toml::Table> = assignments
        .split_whitespace()
        .map(|pair| pair.split_once('=').expect("key=value"))
        .map(|(key, value)| Config::assignment(key, value).unwrap())
        .collect();
    Config::from_layers(layers).unwrap()
}

/// Uploads `words`, poison-filled where a buffer is missing, and guard words behind each buffer.
pub fn upload(engine: &Engine, plan: &Plan, words: &Words) {
    for buffer in BUFFERS {
        let size = (buffer.bytes(plan) / 4) as usize;
        let mut all = words.get(buffer.name).cloned().unwrap_or_default();
        assert!(all.len() <= size, "{} is given {} words and has {size}", buffer.name, all.len());
        all.resize(size, POISON);
        all.resize(size + GUARD_WORDS, GUARD);
        engine.write(buffer.name, &all);
    }
}

/// All buffers as the device has them, guard words included.
pub fn download(engine: &Engine) -> Words {
    engine.download().unwrap()
}

/// The same buffers without their guard words, for the reference.
pub fn without_guard(mut words: Words) -> Words {
    words.values_mut().for_each(|words| words.truncate(words.len() - GUARD_WORDS));
    words
}

/// Everything in which `actual` (with guard words) differs from what the reference admits.
pub fn compare(expected: &Memory<Tracked>, actual: &Words) -> Vec<Finding> {
    for (name, cells) in expected.buffers() {
        assert_eq!(actual[name].len() - cells.len(), GUARD_WORDS);
    }
    reference::compare::compare(expected, actual)
}

/// `plan` with its rollout split, as that of a long environment.
pub fn split(plan: Plan) -> Plan {
    Plan { splits_rollout: true, steps_per_dispatch: 1, ..plan }
}

/// The kernel called `name`.
pub fn named(plan: &Plan, name: &str) -> Kernel {
    kernel::all(plan).into_iter().find(|kernel| kernel.name == name).unwrap_or_else(|| panic!("no kernel {name} in this plan"))
}

/// Buffers that a kernel reads and writes; all others that it writes are poisoned before it runs.
pub fn updated_in_place(kernel: &str, index: u32, plan: &Plan) -> &'static [&'static str] {
    match kernel {
        "rollout" | "advance" | "restart" => &["env_lanes", "faults"],
        "act" | "observe" => &["faults"],
        "gae" if plan.config.normalize_rewards => &["env_statistics", "faults"],
        "gae" | "sum_gradient" => &["faults"],
        "update_normalizers" => &["normalizers", "faults"],
        "adapt_rate" => &["agents"],
        "bound_deviations" => &["params"],
        "rescale_values" => &["value_normalizers", "params", "faults"],
        "reset" => &["faults"],
        // The first pass overwrites, later ones add.
        "gradient" | "weight_gradient" if (index as usize).is_multiple_of(plan.passes) => &[],
        "gradient" => &["partials"],
        "weight_gradient" => &["tape_sums"],
        "adam" if plan.config.target_kl.is_some() => &["params", "first_moments", "second_moments", "losses", "faults"],
        "adam" => &["params", "first_moments", "second_moments", "faults"],
        // `losses` tell whether target_kl let the step before it be skipped.
        "learn" if plan.config.target_kl.is_some() => &["params", "first_moments", "second_moments", "losses", "faults"],
        "learn" => &["params", "first_moments", "second_moments", "faults"],
        "report" => &["agents", "faults", "recent"],
        "evaluate" | "minibatch_parts" | "minibatch_moments" | "observation_moments" => &[],
        other => panic!("what does {other} update in place?"),
    }
}

/// Runs one dispatch on the device and by the reference, from seeded inputs where the kernel reads and poison everywhere else, and compares. `rewrite`
/// changes the kernel's WGSL first. Inputs on which a decision could go either way within rounding are passed over for those of the next seed.
pub fn check(plan: &Plan, dispatch: Dispatch, seed: u64, rewrite: Option<Rewrite>) -> Vec<Finding> {
    let kernel = dispatch.kernel;
    let in_place = updated_in_place(kernel, dispatch.index, plan);
    let options = EngineOptions { guard_words: GUARD_WORDS, rewrite, ..EngineOptions::default() };
    let program = schedule::alone(plan, named(plan, kernel), dispatch.index);
    let engine = Engine::new(gpu(), plan, program, &options).unwrap_or_else(|error| panic!("{error}\n{}", error.help()));
    let bindings = engine.bindings(kernel);
    let reads = |name: &str| bindings.iter().any(|binding| binding.name == name && !binding.writable) || in_place.contains(&name);
    let mut ambiguous = Vec::new();
    for seed in seed..seed + 5 {
        upload(&engine, plan, &inputs(plan, seed).into_iter().filter(|(name, _)| reads(name)).collect());
        let mut memory = Memory::<Tracked>::from_words(without_guard(download(&engine)));
        match reference::run(plan, dispatch, &mut memory) {
            Ok(()) => {
                // In two pieces where there are two, the second one first.
                let whole = engine.all_parts(dispatch);
                let cut = whole.parts.end.div_ceil(3);
                for parts in [cut..whole.parts.end, 0..cut] {
                    engine.run_pieces(&[Piece { dispatch, parts }]).unwrap();
                }
                return compare(&memory, &download(&engine));
            }
            Err(reason) => ambiguous.push(format!("seed {seed}: {reason}")),
        }
    }
    panic!("no seed without an ambiguous decision:\n{}", ambiguous.join("\n"));
}

/// The words of a buffer of `plan` without padding to its least size.
pub fn words_of(plan: &Plan, name: &str) -> usize {
    Buffer::named(name).words(plan)
}

/// Whether `program` can be run. Where it should be and is not, the test fails with `help`; on systems whose drivers take nothing of what it checks (`needed` is
/// false), it is skipped.
pub fn is_installed(program: &str, needed: bool, help: &str) -> bool {
    match Command::new(program).arg("--version").output() {
        Ok(_) => true,
        Err(_) if !needed => {
            skip(&format!("{program} is not installed, and this system's drivers take nothing of what it checks"));
            false
        }
        Err(error) => panic!("{program} cannot be run ({error}); {help}; scripts/test.sh installs it where it may"),
    }
}

/// What a program that reads `input` from stdin says against it; empty if nothing.
pub fn objections(program: &str, arguments: &[&str], input: &[u8]) -> std::io::Result<String> {
    let mut child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // It may have seen enough before the end.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output()?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(if output.status.success() { String::new() } else { format!("{}: {said}", output.status) })
}
