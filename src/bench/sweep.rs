//! The three speeds over environments, widths and agents.

use crate::bench::setting::{ENDLESS, note, runnable};
use crate::bench::speeds::{self, Speeds};
use crate::bench::stopwatch::Stopwatch;
use crate::device::gpu::Gpu;
use crate::spec::config::Config;
use crate::spec::network::NETWORKS;
use crate::support::error::{DeviceFailure, Error, Result};

/// What to vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// Environments of each agent.
    Envs,
    /// Widths of the hidden layers.
    Hidden,
    /// Agents.
    Agents,
    /// Each of these in turn.
    All,
}

impl Sweep {
    /// Names, as `--sweep` takes them.
    pub const NAMES: &[&str] = &["envs", "hidden", "agents", "all"];

    /// The sweep called `name`.
    pub fn named(name: &str) -> Option<Sweep> {
        [Sweep::Envs, Sweep::Hidden, Sweep::Agents, Sweep::All].into_iter().zip(Sweep::NAMES).find(|(_, known)| **known == name).map(|(sweep, _)| sweep)
    }
}

/// A table of a sweep.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Swept {
    /// The key that is varied.
    pub key: &'static str,
    /// A row for each value.
    pub rows: Vec<SweptRow>,
}

/// A row of a sweep.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SweptRow {
    /// The value, as the key takes it.
    pub value: String,
    /// What was measured, unless it was skipped.
    pub speeds: Option<Speeds>,
    /// Bytes of all buffers, where there is a plan.
    pub device_bytes: Option<u64>,
    /// Why it was skipped.
    pub skipped: Option<String>,
}

/// An update that would take longer than this is not measured.
const LONGEST_UPDATE_SECONDS: f64 = 60.0;
/// Of updates that would take longer than this, one is measured after one that warms up, and no more are queued behind it.
const LONG_UPDATE_SECONDS: f64 = 3.0;

/// Runs the tables that `sweep` names, each around `config`.
///
/// # Errors
/// [`Error::Device`] when the device fails other than by running out of memory.
pub(super) fn run(gpu: &Gpu, stopwatch: &Stopwatch, config: &Config, sweep: Sweep, quiet: bool) -> Result<Vec<Swept>> {
    let all = sweep == Sweep::All;
    let mut tables = Vec::new();
    if all || sweep == Sweep::Envs {
        let rows = (6..=16).step_by(2).map(|power| (format!("{}", 1 << power), Config { envs: 1 << power, ..config.clone() }));
        tables.push(("envs", rows.collect::<Vec<_>>()));
    }
    if all || sweep == Sweep::Hidden {
        let rows = [32, 64, 128, 256].map(|width| (format!("{width},{width}"), Config { hidden: vec![width, width], ..config.clone() }));
        tables.push(("hidden", rows.into()));
    }
    if all || sweep == Sweep::Agents {
        let rows = (0..=8).step_by(2).map(|power| (format!("{}", 1 << power), Config { agents: 1 << power, ..config.one_setting() }));
        tables.push(("agents", rows.collect()));
    }
    let mut swept = Vec::new();
    for (key, configs) in tables {
        let mut rows = Vec::new();
        // Seconds for each unit of work of the row before.
        let mut pace = None;
        for (value, config) in configs {
            note(quiet, "bench", &format!("{key} = {value}"));
            rows.push(row(gpu, stopwatch, value, &config, &mut pace)?);
        }
        swept.push(Swept { key, rows });
    }
    Ok(swept)
}

fn row(gpu: &Gpu, stopwatch: &Stopwatch, value: String, config: &Config, pace: &mut Option<f64>) -> Result<SweptRow> {
    let mut device_bytes = None;
    let measured = runnable(config, gpu, ENDLESS).and_then(|plan| {
        device_bytes = Some(plan.device_bytes());
        let work = (plan.agents * plan.batch * plan.epochs * NETWORKS * plan.network.block()) as f64;
        let plan = match pace.map(|pace| pace * work) {
            Some(seconds) if seconds > LONGEST_UPDATE_SECONDS => return Ok(Err(format!("an update would take about {seconds:.0} s"))),
            Some(seconds) if seconds > LONG_UPDATE_SECONDS => runnable(config, gpu, 2)?,
            _ => plan,
        };
        let speeds = speeds::measure(gpu, stopwatch, &plan)?;
        *pace = Some(speeds.update_seconds / work);
        Ok(Ok(speeds))
    });
    let (speeds, skipped) = match measured {
        Ok(Ok(speeds)) => (Some(speeds), None),
        Ok(Err(reason)) => (None, Some(reason)),
        Err(error @ (Error::Limit { .. } | Error::Config { .. } | Error::Device { kind: DeviceFailure::OutOfMemory, .. })) => (None, Some(error.to_string())),
        Err(error) => return Err(error),
    };
    Ok(SweptRow { value, speeds, device_bytes, skipped })
}
