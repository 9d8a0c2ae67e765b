//! The composed WGSL of three small plans, one for each way of writing the networks, as files to read. A change of any kernel, generator or constant shows here
//! first. After an intended change, write them anew and look at the difference:
//!
//! ```text
//! PPO_GPU_RENEW_GOLDEN=1 cargo test --test golden && git diff tests/golden
//! ```

use ppo_gpu::program::kernel;
use ppo_gpu::program::lanes::Mapping;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::profile::Profile;
use ppo_gpu::spec::config::Config;
use ppo_gpu::wgsl::compose::compose;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The kernels with networks in them.
const KERNELS: [&str; 4] = ["rollout", "evaluate", "gradient", "learn"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Every file by its name. CartPole: 4 numbers are observed, one of 2 actions is taken. Hidden layers of 3 and 2 units; two minibatches of 16 samples.
fn golden() -> BTreeMap<String, String> {
    let config = Config { envs: 8, steps: 4, minibatches: 2, hidden: vec![3, 2], ..Config::default() };
    let mut files = BTreeMap::new();
    let named = |name| Profile::named(name).unwrap();
    let all = [
        ("samples", Profile { blocks: false, ..named("gpu") }, Mapping::Samples),
        ("units", named("software"), Mapping::Units),
        ("blocks", named("gpu"), Mapping::Blocks),
    ];
    for (name, profile, mapping) in all {
        let plan = Plan::new(&config, profile).unwrap();
        assert_eq!(plan.mapping, mapping);
        for kernel in kernel::all(&plan).into_iter().filter(|kernel| KERNELS.contains(&kernel.name)) {
            files.insert(format!("{name}_{}.wgsl", kernel.name), compose(kernel, &plan).text);
        }
    }
    files
}

/// The first line in which `text` differs from `golden`, with its number.
fn first_difference(text: &str, golden: &str) -> Option<String> {
    let end = std::iter::once("(the end)");
    let mut pairs = text.lines().chain(end.clone()).zip(golden.lines().chain(end)).enumerate();
    pairs.find(|(_, (line, golden))| line != golden).map(|(i, (line, golden))| format!("line {}: `{line}` instead of `{golden}`", i + 1))
}

#[test]
fn composed_kernels_are_those_of_the_files() {
    let files = golden();
    assert_eq!(files.len(), 10, "only units have `learn`: {:?}", files.keys());
    if std::env::var_os("PPO_GPU_RENEW_GOLDEN").is_some() {
        std::fs::create_dir_all(folder()).unwrap();
        files.iter().for_each(|(name, text)| std::fs::write(folder().join(name), text).unwrap());
    }
    let mut wrong = Vec::new();
    for (name, text) in &files {
        match std::fs::read_to_string(folder().join(name)) {
            Ok(golden) => wrong.extend(first_difference(text, &golden).map(|difference| format!("{name}, {difference}"))),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    let others = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    wrong.extend(others.filter(|name| !files.contains_key(name)).map(|name| format!("{name} is the file of no kernel")));
    let renew =
        "if the change is intended, `PPO_GPU_RENEW_GOLDEN=1 cargo test --test golden` writes the files anew; look at their difference before you commit it";
    assert!(wrong.is_empty(), "{}\n{renew}", wrong.join("\n"));
}

/// Newcomers read them: indented by four spaces a block, no line without a meaning, a comment before each function of the networks.
#[test]
fn files_are_laid_out_as_written_by_hand() {
    for (name, text) in golden() {
        let mut depth = 0;
        let mut networks = false;
        let mut before = "";
        for (i, line) in text.lines().enumerate() {
            let at = format!("{name}, line {}: `{line}`", i + 1);
            let code = line.split("//").next().unwrap().trim();
            depth -= usize::from(code.starts_with('}'));
            let indent = line.len() - line.trim_start().len();
            assert!(line.is_empty() || indent >= 4 * depth && indent % 4 == 0, "{at} is not indented by {depth} blocks");
            assert_eq!(line, line.trim_end(), "{at} ends with spaces");
            depth += usize::from(code.ends_with('{'));
            if let Some(part) = line.strip_prefix("// ---- ") {
                networks = ["network", "rollout_network", "tile", "learner"].contains(&part);
            }
            assert!(!networks || !line.starts_with("fn ") || before.starts_with("//"), "{at} has no comment");
            before = line;
        }
        assert_eq!(depth, 0, "{name} has blocks that do not end");
    }
}
