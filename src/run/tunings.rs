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

/// The file. One that is damaged or unreadable counts as empty, and is replaced by the next `tune`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Tunings {
    #[serde(default)]
    tuning: Vec<Entry>,
}

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

/// What the times of a plan's kernels depend on.
fn shape(plan: &Plan) -> String {
    let Config { env, activation, normalize_observations, .. } = &plan.config;
    let widths: Vec<String> = plan.network.layers.iter().map(|layer| layer.inputs.to_string()).collect();
    let activation = format!("{activation:?}").to_lowercase();
    let normalized = if *normalize_observations { ", normalised" } else { "" };
    let (agents, envs, steps, minibatches) = (plan.agents, plan.envs, plan.steps, plan.minibatches);
    format!("{env}{normalized}, {} {activation}, {agents} x {envs} x {steps}, {minibatches} minibatches", widths.join("-"))
}

fn path() -> Option<PathBuf> {
    Some(cache::directory()?.join("tunings.toml"))
}

fn read() -> Tunings {
    path().and_then(|path| std::fs::read_to_string(path).ok()).and_then(|text| toml::from_str(&text).ok()).unwrap_or_default()
}

/// The sizes that are remembered for plans like this one on this device; [`NONE`] if the program's own were the fastest.
pub fn recalled(info: &wgpu::AdapterInfo, plan: &Plan) -> Option<String> {
    let wanted = Entry::new(info, plan, String::new());
    read().tuning.into_iter().find(|entry| entry.is_for(&wanted) && entry.sizes.parse::<Tuning>().is_ok()).map(|entry| entry.sizes)
}

/// Remembers sizes for plans like this one on this device, in place of earlier ones. Returns the file.
///
/// # Errors
/// [`Error::File`] when it cannot be written, or the system names no cache directory.
pub fn remember(info: &wgpu::AdapterInfo, plan: &Plan, sizes: Tuning) -> Result<PathBuf> {
    let none = || std::io::Error::other("neither XDG_CACHE_HOME nor HOME (on Windows LOCALAPPDATA) is set");
    let path = path().ok_or_else(|| Error::file("write", std::path::Path::new("tunings.toml"), none()))?;
    let entry = Entry::new(info, plan, sizes.to_string());
    let mut tunings = read();
    tunings.tuning.retain(|known| !known.is_for(&entry));
    tunings.tuning.push(entry);
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(|error| Error::file("create", directory, error))?;
    }
    files::write(&path, toml::to_string(&tunings).expect("texts are representable in TOML").as_bytes())?;
    Ok(path)
}

/// The plan of `config` for `gpu`. Where `tuning` is [`AUTO`], its configuration has the sizes that are remembered, or [`NONE`], so that whatever continues the
/// run computes the same bits.
///
/// # Errors
/// Those of [`Plan::with_environment`].
pub fn settled(config: &Config, environment: Environment, gpu: &Gpu) -> Result<Plan> {
    let profile = gpu.profile(&config.profile);
    if config.tuning != AUTO {
        return Plan::with_environment(config, environment, profile);
    }
    let with = |sizes: String| Plan::with_environment(&Config { tuning: sizes, ..config.clone() }, environment.clone(), profile);
    let plan = with(NONE.into())?;
    // Whoever edits the file may have written sizes that do not fit.
    Ok(recalled(&gpu.info, &plan).and_then(|sizes| with(sizes).ok()).unwrap_or(plan))
}
