//! `run.json`: the origin and history of a run.

use crate::program::plan::Plan;
use crate::run::device::DeviceSummary;
use crate::run::record::ConfigRecord;
use crate::spec::config::Config;
use crate::spec::digest::digest;
use crate::support::error::{Error, Result};
use crate::support::fault::Divergence;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The number of the format. Programs refuse larger ones.
const FORMAT: u32 = 1;

/// This program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its version.
    pub version: String,
    /// Revision of its sources, with `-dirty` if they were modified; "unknown" if they were compiled outside their repository.
    pub revision: String,
}

impl Program {
    /// The running program.
    pub fn this() -> Program {
        Program { version: env!("CARGO_PKG_VERSION").into(), revision: env!("PPO_GPU_REVISION").into() }
    }
}

/// A process that trained in the run: device, program, and first update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// When it began (UTC, RFC 3339).
    pub started: String,
    /// Updates that were done before.
    pub from_update: u32,
    /// Updates that were to be done in all.
    pub to_update: u32,
    /// The program.
    pub program: Program,
    /// The device.
    pub device: DeviceSummary,
    /// How kernels were compiled.
    pub profile: String,
}

/// The environment of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentRecord {
    /// Standard name, or path of the file as it was given.
    pub name: String,
    /// SHA-256 of its WGSL, imported files included, a copy of which is `environment.wgsl`.
    pub sha256: String,
}

/// The run that a run was forked from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Its directory, as it was given.
    pub run: String,
    /// Updates that it had made.
    pub updates: u32,
    /// The agent that all agents start from, if one was chosen.
    pub agent: Option<usize>,
}

/// Contents of `run.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The number of the format.
    pub format: u32,
    /// The environment.
    pub environment: EnvironmentRecord,
    /// The effective configuration. Earlier versions kept none here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigRecord>,
    /// The run that its agents were forked from, if any.
    pub forked_from: Option<Origin>,
    /// The processes that trained in it, starting with the one that created it.
    pub sessions: Vec<Session>,
    /// Its rollbacks after divergence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollbacks: Vec<Rollback>,
}

/// A rollback to an earlier state after agents diverged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// Updates that had been made at that state.
    pub to_update: u32,
    /// The agents that diverged, and where.
    pub diverged: Vec<Divergence>,
    /// Learning rate of every agent before the rollback.
    pub lr_before: Vec<f64>,
    /// Learning rate of every agent after it.
    pub lr: Vec<f64>,
}

impl Manifest {
    /// The manifest of a new run of `plan`.
    pub fn new(plan: &Plan, device: &DeviceSummary, forked_from: Option<Origin>) -> Manifest {
        let environment = EnvironmentRecord { name: plan.environment.name.clone(), sha256: plan.environment.sha256() };
        let config = Some(ConfigRecord::new(&plan.config, &environment.sha256));
        let mut manifest = Manifest { format: FORMAT, environment, config, forked_from, sessions: Vec::new(), rollbacks: Vec::new() };
        manifest.add_session(plan, device, 0);
        manifest
    }

    /// Adds this process.
    pub fn add_session(&mut self, plan: &Plan, device: &DeviceSummary, from_update: u32) {
        let started = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (program, profile) = (Program::this(), plan.profile.name.to_string());
        self.sessions.push(Session { started, from_update, to_update: plan.updates, program, device: device.clone(), profile });
    }

    /// Makes `config` the run's configuration from now on.
    pub(super) fn take_config(&mut self, config: &Config) {
        let environment = &self.environment.sha256;
        match &mut self.config {
            Some(record) => record.replace(config, environment),
            None => self.config = Some(ConfigRecord::new(config, environment)),
        }
    }

    /// The digests that checkpoints of this run of `config` may carry.
    pub(super) fn digests(&self, config: &Config) -> Vec<String> {
        match &self.config {
            Some(record) => record.earlier.iter().chain([&record.sha256]).cloned().collect(),
            None => vec![config.digest(&self.environment.sha256)],
        }
    }

    /// Seconds since 1970 when the run began.
    pub fn started(&self) -> f64 {
        let first = self.sessions.first().and_then(|session| session.started.parse::<jiff::Timestamp>().ok());
        first.map_or(0.0, |time| time.as_second() as f64)
    }

    /// As indented JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and numbers are representable in JSON") + "\n"
    }

    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// [`Error::Config`] when it is damaged, or of a newer format.
    pub fn from_json(path: &Path, text: &str) -> Result<Manifest> {
        let damaged = |error: serde_json::Error| {
            Error::config(path.display().to_string(), format!("not what ppo-gpu wrote ({error})"), "the file is damaged: restore it from a copy")
        };
        let value: serde_json::Value = serde_json::from_str(text).map_err(damaged)?;
        if let Some(format) = value["format"].as_u64().filter(|&format| format > u64::from(FORMAT)) {
            let problem = format!("written in format {format}, and this version of ppo-gpu reads formats up to {FORMAT}");
            return Err(Error::config(path.display().to_string(), problem, "use a newer ppo-gpu"));
        }
        let manifest: Manifest = serde_json::from_value(value).map_err(damaged)?;
        if manifest.config.as_ref().is_some_and(|record| digest(&record.values, &manifest.environment.sha256) != record.sha256) {
            let problem = "its configuration does not match its SHA-256";
            return Err(Error::config(path.display().to_string(), problem, "the file is damaged, or was edited: restore it from a copy"));
        }
        Ok(manifest)
    }
}
