//! Sizes of kernels that `ppo-gpu tune` found to be the fastest, by device and plan: one file in the user's cache directory.

use crate::device::cache;
use crate::device::gpu::Gpu;
use crate::program::plan::Plan;
use crate::run::device::driver;
use crate::spec::config::Config;
use crate::spec::environment::Environment;
use crate::spec::tuning::{AUTO, NONE, Tuning};
use crate::support::error::{Error, Result};
use crate::support::files;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where a tuning holds, and the tuning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    device: String,
    driver: String,
    profile: String,
    plan: String,
    sizes: String,
}

impl Entry {
    fn new(info: &wgpu::AdapterInfo, plan: &Plan, sizes: String) -> Entry {
        Entry { device: info.name.clone(), driver: driver(info), profile: plan.profile.name.into(), plan: shape(plan), sizes }
    }

    fn is_for(&self, other: &Entry) -> bool {
        Entry { sizes: other.sizes.clone(), ..self.clone() } == *other
    }
}

/// Whether sizes that were measured for one plan hold for the other, on the same device.
pub fn hold_for_both(one: &Plan, other: &Plan) -> bool {
    one.config.profile == other.config.profile && shape(one) == shape(other)
}

/// What the times of a plan's kernels depend on.
fn shape(plan: &Plan) -> String {
    let Config { activation, normalize_observations, .. } = &plan.config;
    // A file counts by its contents.
    let file = || format!("a file of SHA-256 {}", &files::sha256(&plan.environment.source)[..16]);
    // A configuration may have it in other letters.
    let env = if plan.environment.built_in { plan.environment.name.clone() } else { file() };
    let widths: Vec<String> = plan.network.layers.iter().map(|layer| layer.inputs.to_string()).collect();
    let activation = format!("{activation:?}").to_lowercase();
    let normalized = if *normalize_observations { ", normalised" } else { "" };
    let (agents, envs, steps, minibatches) = (plan.agents, plan.envs, plan.steps, plan.minibatches);
    format!("{env}{normalized}, {} {activation}, {agents} x {envs} x {steps}, {minibatches} minibatches", widths.join("-"))
}

/// The contents of the file: all entries, as tables, and what is wrong with it, if anything is.
#[derive(Debug, Default)]
struct Contents {
    entries: Vec<toml::Value>,
    problem: Option<String>,
}

fn path() -> Option<PathBuf> {
    Some(cache::directory()?.join("tunings.toml"))
}

fn read() -> Contents {
    let Some(path) = path() else { return Contents::default() };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Contents::default(),
        Err(error) => return Contents { entries: Vec::new(), problem: Some(format!("{} cannot be read: {error}", path.display())) },
    };
    let damaged = || Some(format!("{} is damaged, and nothing in it is used: remove it, or correct it", path.display()));
    match toml::from_str::<toml::Table>(&text) {
        Err(_) => Contents { entries: Vec::new(), problem: damaged() },
        Ok(table) => match table.get("tuning").map(toml::Value::as_array) {
            None => Contents::default(),
            Some(None) => Contents { entries: Vec::new(), problem: damaged() },
            Some(Some(entries)) => {
                let wrong = entries.iter().position(|entry| as_entry(entry).is_none());
                let problem = wrong.map(|wrong| format!("entry {} of {} is damaged, and is not used: remove it, or correct it", wrong + 1, path.display()));
                Contents { entries: entries.clone(), problem }
            }
        },
    }
}

fn as_entry(value: &toml::Value) -> Option<Entry> {
    value.clone().try_into::<Entry>().ok().filter(|entry| entry.sizes.parse::<Tuning>().is_ok())
}

/// The sizes that are remembered for plans like this one on this device, [`NONE`] if the program's own were the fastest; and what is wrong with the file.
pub fn recalled(info: &wgpu::AdapterInfo, plan: &Plan) -> (Option<String>, Option<String>) {
    let wanted = Entry::new(info, plan, String::new());
    let Contents { entries, problem } = read();
    (entries.iter().filter_map(as_entry).find(|entry| entry.is_for(&wanted)).map(|entry| entry.sizes), problem)
}

/// Checks that sizes can be remembered.
///
/// # Errors
/// [`Error::Config`] when the file could not be replaced: the system names no cache directory, it cannot be written, or the file is damaged.
pub fn check_memory() -> Result<()> {
    let help = "set XDG_CACHE_HOME (on Windows LOCALAPPDATA) to a directory that can be written";
    let Some(directory) = cache::directory() else {
        return Err(Error::config("tune", "there is no place to remember sizes: neither XDG_CACHE_HOME nor HOME (on Windows LOCALAPPDATA) is set", help));
    };
    if let Err(error) = std::fs::create_dir_all(&directory).and_then(|()| tempfile::tempfile_in(&directory)) {
        return Err(Error::config("tune", format!("sizes cannot be remembered in {}: {error}", directory.display()), help));
    }
    read().problem.map_or(Ok(()), |problem| Err(Error::config("tune", problem, "then `ppo-gpu tune` adds to it; other entries stay")))
}

/// Remembers sizes for plans like this one on this device, in place of earlier ones. Returns the file.
///
/// # Errors
/// Those of [`check_memory`]; [`Error::File`] when the file cannot be written.
pub fn remember(info: &wgpu::AdapterInfo, plan: &Plan, sizes: Tuning) -> Result<PathBuf> {
    check_memory()?;
    let path = path().expect("there is a cache directory");
    let entry = Entry::new(info, plan, sizes.to_string());
    let mut entries = read().entries;
    entries.retain(|known| as_entry(known).is_none_or(|known| !known.is_for(&entry)));
    entries.push(toml::Value::try_from(entry).expect("texts are representable in TOML"));
    let table = toml::Table::from_iter([("tuning".to_string(), toml::Value::Array(entries))]);
    files::write(&path, table.to_string().as_bytes())?;
    Ok(path)
}

/// The plan of `config` for `gpu`, and what its user should know. Where `tuning` is [`AUTO`], its configuration has the sizes that are remembered, or [`NONE`],
/// so that whatever continues the run computes the same bits.
///
/// # Errors
/// Those of [`Plan::with_environment`].
pub fn settled(config: &Config, environment: Environment, gpu: &Gpu) -> Result<(Plan, Option<String>)> {
    let profile = gpu.profile(&config.profile);
    if config.tuning != AUTO {
        let plan = Plan::with_environment(config, environment, profile)?;
        let unfit = unfit(&plan);
        return Ok((plan, unfit));
    }
    let with = |sizes: String| Plan::with_environment(&Config { tuning: sizes, ..config.clone() }, environment.clone(), profile);
    let own = with(NONE.into())?;
    let (sizes, problem) = recalled(&gpu.info, &own);
    // Whoever edits the file may have written sizes that do not fit.
    match sizes.and_then(|sizes| with(sizes).ok()).filter(|plan| plan.tuning != Tuning::default()) {
        Some(plan) => {
            let note = format!("kernels have the sizes that `ppo-gpu tune` found for this device: {} (--tuning none: the program's own)", plan.tuning);
            Ok((plan, Some(note)))
        }
        None => Ok((own, problem)),
    }
}

/// Which of the sizes that a plan's configuration gives fit, if not all do.
pub fn unfit(plan: &Plan) -> Option<String> {
    if plan.config.tuning.parse() == Ok(plan.tuning) {
        return None;
    }
    let fits = if plan.tuning == Tuning::default() { "nothing".into() } else { format!("only {}", plan.tuning) };
    Some(format!("of tuning = {}, {fits} fits these networks under profile '{}': the program chooses the rest", plan.config.tuning, plan.profile.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::profile::PROFILES;
    use crate::spec::config::PerAgent;

    #[test]
    fn sizes_hold_for_plans_with_the_same_kernels() {
        let plan = |change: fn(&mut Config)| {
            let mut config = Config { envs: 8, steps: 16, ..Config::default() };
            change(&mut config);
            Plan::new(&config, PROFILES[0]).expect("sizes that fit")
        };
        let own = plan(|_| {});
        for same in [plan(|config| config.lr = PerAgent::Same(1.0)), plan(|config| config.env = "cartpole-V1".into())] {
            assert!(hold_for_both(&own, &same), "{}", shape(&same));
        }
        let changes: [fn(&mut Config); 5] = [
            |config| config.envs = 16,
            |config| config.minibatches = 2,
            |config| config.hidden = vec![64],
            |config| config.env = "Acrobot-v1".into(),
            |config| config.profile = "gpu".into(),
        ];
        for other in changes.map(plan) {
            assert!(!hold_for_both(&own, &other), "{}", shape(&other));
        }
    }
}
