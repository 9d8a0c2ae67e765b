//! The way to the first row of metrics, phase by phase, and what the device's memory then holds.

use crate::device::engine::{Engine, EngineOptions};
use crate::device::gpu::Gpu;
use crate::program::plan::Plan;
use crate::program::schedule;
use crate::spec::config::Config;
use crate::support::error::Result;
use crate::train::agents::{agent_rows, upload};
use crate::wgsl::{compose, reflect};
use std::time::Instant;

/// Seconds of each phase of starting, in this process. Drivers that keep compiled kernels on disk make later starts shorter.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Startup {
    /// Loading drivers, choosing an adapter, opening a device.
    pub adapter: f64,
    /// Composing and validating all kernels one after the other. Part of `pipelines` in a run, there on all cores.
    pub composition: f64,
    /// Allocating buffers, composing, validating and compiling kernels.
    pub pipelines: f64,
    /// Drawing and uploading parameters.
    pub parameters: f64,
    /// First episodes and the first update: drivers that compile late do so here.
    pub first_dispatches: f64,
    /// Reading the first row of metrics back.
    pub first_row: f64,
    /// All of it but `composition`.
    pub total: f64,
}

/// Device memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct DeviceMemory {
    /// What the plan predicts: all buffers.
    pub predicted: u64,
    /// What wgpu's allocator handed out for the run, where it reports that.
    pub allocated: Option<u64>,
    /// What it has taken from the driver, in blocks, for everything so far.
    pub reserved: Option<u64>,
    /// Growth of this process, where the device computes on the CPU and the system tells.
    pub process_growth: Option<u64>,
}

/// Seconds since `began`.
pub(super) fn since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64()
}

/// Opens the device that `config` asks for, and says how long that took.
///
/// # Errors
/// Those of [`Gpu::open`].
pub(super) fn open(config: &Config) -> Result<(Gpu, f64)> {
    let began = Instant::now();
    let gpu = Gpu::open(&config.backend, &config.adapter)?;
    Ok((gpu, since(began)))
}

/// Starts `plan` on a device that took `adapter` seconds to open. The engine that comes of it has made one update. Its agents do not learn, so that
/// kernels can be repeated without end.
///
/// # Errors
/// Those of [`Engine::new`].
pub(super) fn measure(gpu: &Gpu, plan: &Plan, adapter: f64) -> Result<(Startup, DeviceMemory, Engine)> {
    let began = Instant::now();
    let program = schedule::training(plan);
    for &kernel in &program.kernels {
        reflect::parse(kernel.name, &compose::compose(kernel, plan).text)?;
    }
    let composition = since(began);

    let (before, process) = (allocator(gpu), resident_bytes());
    let began = Instant::now();
    let engine = Engine::new(gpu, plan, program, &EngineOptions { cached: true, anew: true, ..EngineOptions::default() })?;
    let pipelines = since(began);

    let began = Instant::now();
    upload_idle(&engine, plan);
    let parameters = since(began);

    let began = Instant::now();
    engine.run(&engine.program().once)?;
    engine.run(&engine.program().update)?;
    let first_dispatches = since(began);

    let began = Instant::now();
    engine.read("metrics")?;
    let first_row = since(began);

    let total = adapter + pipelines + parameters + first_dispatches + first_row;
    let startup = Startup { adapter, composition, pipelines, parameters, first_dispatches, first_row, total };
    let grown = |before: Option<u64>, after: Option<u64>| Some(after?.saturating_sub(before?));
    let after = allocator(gpu);
    let memory = DeviceMemory {
        predicted: plan.device_bytes(),
        allocated: grown(before.map(|report| report.0), after.map(|report| report.0)),
        reserved: after.map(|report| report.1),
        process_growth: if gpu.is_software() { grown(process, resident_bytes()) } else { None },
    };
    Ok((startup, memory, engine))
}

/// Uploads agents that do not learn, so that kernels can be repeated without end.
pub(super) fn upload_idle(engine: &Engine, plan: &Plan) {
    let mut agents = agent_rows(plan);
    agents.iter_mut().for_each(|agent| agent.lr = 0.0);
    upload(engine, plan, &agents);
}

/// Bytes that wgpu's allocator has handed out and taken, where it reports them.
fn allocator(gpu: &Gpu) -> Option<(u64, u64)> {
    let report = gpu.device.generate_allocator_report()?;
    Some((report.total_allocated_bytes, report.total_reserved_bytes))
}

/// Resident memory of this process. Linux: "VmRSS:     123456 kB".
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
