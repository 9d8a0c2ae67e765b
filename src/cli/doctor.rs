//! `ppo-gpu doctor`: whether this machine can train, adapter by adapter, and what to do if it cannot.

use crate::check::selftest;
use crate::cli::inspect::devices::kind;
use crate::device::choose;
use crate::device::engine::EngineOptions;
use crate::device::gpu::{self, Gpu};
use crate::program::plan::Plan;
use crate::run::device::driver;
use crate::run::manifest::Program;
use crate::spec::config::Config;
use crate::spec::environment::Environment;
use crate::support::error::{Error, Result};
use crate::support::text::mebibytes;
use crate::support::text::{grouped, quantity};
use crate::train::trainer::Trainer;
use std::io::Write;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Configurations that together cover every kernel: each kind of action, masks, full normalisation, and the networks that most people train.
const SUBJECTS: [(&str, &str); 5] = [
    ("one choice, many environments", "env=CartPole-v1 envs=4096"),
    ("several choices, few environments", "env=Probe/Choice hidden=16"),
    ("choices that may be illegal", "env=Probe/Masked hidden=16 activation=relu"),
    ("continuous actions, everything normalised", "env=Probe/Target hidden=16 normalize_observations=true normalize_rewards=true target_kl=0.01"),
    ("agents that are kept within bounds, normalised values", "env=Probe/Target hidden=8 desired_kl=0.01 log_std_min=-1.0 normalize_values=true"),
];
/// What is trained twice, and must come to the same bits: the default network on a GPU. Software drivers, which take seconds to compile it, get a smaller one.
const TWICE: &str = "envs=64 steps=32 agents=2 total_steps=8192";
const TWICE_ON_SOFTWARE: &str = "hidden=16,16";

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, but could be better.
    Note,
    /// It does not work.
    Bad,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Name of the check.
    pub check: &'static str,
    /// Its result.
    pub verdict: Verdict,
    /// Details of the result.
    pub text: String,
    /// What to do about it; empty if there is nothing to do.
    pub help: String,
}

/// The report on one adapter.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Diagnosis {
    /// Its name.
    pub device: String,
    /// Graphics API.
    pub backend: String,
    /// Kind of device: "discrete GPU", "software" ...
    pub kind: &'static str,
    /// Driver and version.
    pub driver: String,
    /// How kernels are compiled for it.
    pub profile: &'static str,
    /// Whether a run with the same flags would use it.
    pub used: bool,
    /// The checks, in the order in which they ran; the first failure is the last.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Whether it can be used for training.
    pub fn is_good(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict != Verdict::Bad)
    }
}

/// The report on this machine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// The program.
    pub program: Program,
    /// Operating system and processor.
    pub system: String,
    /// Whether a run with the same flags would work.
    pub good: bool,
    /// Each adapter, best first.
    pub devices: Vec<Diagnosis>,
}

impl Report {
    /// One JSON object, on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts are representable in JSON")
    }

    /// As text.
    pub fn to_text(&self) -> String {
        let Program { version, revision } = &self.program;
        let mut text = format!("ppo-gpu {version} ({revision}), {}\n", self.system);
        for device in &self.devices {
            let used = if device.used { ", which a run would use" } else { "" };
            text += &format!("\n{} ({}, {}, {}; profile {}){used}\n", device.device, device.kind, device.backend, device.driver, device.profile);
            for finding in &device.findings {
                let verdict = match finding.verdict {
                    Verdict::Good => "ok  ",
                    Verdict::Note => "note",
                    Verdict::Bad => "BAD ",
                };
                text += &format!("  {verdict}  {:<12}  {}\n", finding.check, finding.text.replace('\n', "\n                      "));
                for line in finding.help.lines() {
                    text += &format!("                      {line}\n");
                }
            }
        }
        let used = self.devices.iter().find(|device| device.used);
        text += match used {
            Some(device) if !device.is_good() => "\nThis machine is not good to go: see what is BAD above. `--adapter` or `--backend` picks another device.\n",
            Some(device) if device.kind == kind(wgpu::DeviceType::Cpu) => {
                "\nThis machine is good to go, but computes on its processor: with a GPU and its driver installed training is many times faster.\n"
            }
            _ => "\nThis machine is good to go.\n",
        };
        text
    }
}

/// How thorough to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoctorOptions {
    /// Time to train for on each adapter.
    pub training: Duration,
    /// No progress.
    pub quiet: bool,
}

/// Checks every adapter of the configured backend.
///
/// # Errors
/// [`Error::NoAdapter`] when there is none, with what to install, or none matches the request; [`Error::Config`] when several match it.
pub fn examine(config: &Config, options: &DoctorOptions) -> Result<Report> {
    let adapters = Gpu::open_each(&config.backend);
    let infos: Vec<wgpu::AdapterInfo> = adapters.iter().map(|(info, ..)| info.clone()).collect();
    let chosen = choose::choose(&infos, &config.adapter)?.ok_or_else(|| gpu::no_adapter(&config.backend, &config.adapter))?;
    let devices: Vec<Diagnosis> = adapters
        .into_iter()
        .enumerate()
        .map(|(i, (info, limits, gpu))| {
            let mut diagnosis = Diagnosis {
                device: info.name.clone(),
                backend: info.backend.to_string(),
                kind: kind(info.device_type),
                driver: driver(&info),
                profile: gpu::profile(&config.profile, &info, &limits).name,
                used: chosen == i,
                findings: Vec::new(),
            };
            diagnosis.findings = findings(&limits, gpu, config, options, &EngineOptions::default);
            diagnosis
        })
        .collect();
    let good = devices.iter().any(|device| device.used && device.is_good());
    let system = format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH);
    Ok(Report { program: Program::this(), system, good, devices })
}

/// The checks of one adapter with these limits, up to the first that fails. `engine` sets how kernels are compiled; tests use it to break them.
pub fn findings(limits: &wgpu::Limits, gpu: Result<Gpu>, config: &Config, options: &DoctorOptions, engine: &dyn Fn() -> EngineOptions) -> Vec<Finding> {
    let mut findings = Vec::new();
    let tell = |check: &str| {
        if !options.quiet {
            // Nothing more can be reported if stderr is closed.
            let _ = writeln!(std::io::stderr(), "checking {check} ...");
        }
    };
    type Check<'a> = (&'static str, &'a dyn Fn(&Gpu) -> Result<(Verdict, String, String)>);
    let checks: [Check; 4] = [
        ("memory", &|gpu| Ok(memory(gpu))),
        ("kernels", &|gpu| kernels(gpu, config, engine)),
        ("same bits", &|gpu| same_bits(gpu, config, engine)),
        ("training", &|gpu| training(gpu, config, options.training)),
    ];
    let too_small = gpu::too_small(limits);
    if !too_small.is_empty() {
        let help = "this device, or its driver, is too small for WebGPU's own limits: update the driver, or use another device";
        findings.push(Finding { check: "limits", verdict: Verdict::Bad, text: too_small.join("\n"), help: help.into() });
        return findings;
    }
    let text = format!(
        "buffers up to {}, {} bytes of workgroup memory",
        mebibytes(limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)),
        limits.max_compute_workgroup_storage_size
    );
    findings.push(Finding { check: "limits", verdict: Verdict::Good, text, help: String::new() });
    let gpu = match gpu {
        Ok(gpu) => gpu,
        Err(error) => {
            findings.push(failed("opening", &error));
            return findings;
        }
    };
    for (check, look) in checks {
        tell(check);
        match look(&gpu) {
            Ok((verdict, text, help)) => findings.push(Finding { check, verdict, text, help }),
            Err(error) => {
                findings.push(failed(check, &error));
                break;
            }
        }
    }
    findings
}

fn failed(check: &'static str, error: &Error) -> Finding {
    let mut text = error.to_string();
    error.causes().for_each(|cause| text += &format!("\ncaused by: {cause}"));
    Finding { check, verdict: Verdict::Bad, text, help: error.help() }
}

/// The configuration that `assignments` describe, on the device that `config` describes.
fn subject(config: &Config, assignments: &str) -> Result<Config> {
    let pairs = assignments.split_whitespace().filter_map(|pair| pair.split_once('='));
    let layers = pairs.map(|(key, value)| Config::assignment(key, value)).collect::<Result<Vec<_>>>()?;
    let Config { backend, adapter, profile, dispatches_per_submit, .. } = config.clone();
    Ok(Config { backend, adapter, profile, dispatches_per_submit, ..Config::from_layers(layers)? })
}

fn memory(gpu: &Gpu) -> (Verdict, String, String) {
    match gpu::available_memory(&gpu.info) {
        Some(bytes) if bytes < 1 << 30 => (
            Verdict::Note,
            format!("{} are free", mebibytes(bytes)),
            "close other programs before large runs; `ppo-gpu inspect plan` shows the memory that a run needs".into(),
        ),
        Some(bytes) => (Verdict::Good, format!("{} are free", mebibytes(bytes)), String::new()),
        None => (Verdict::Good, "the device has its own memory; the size is not reported".into(), String::new()),
    }
}

/// Every kernel, derivatives included, against the reference.
fn kernels(gpu: &Gpu, config: &Config, engine: &dyn Fn() -> EngineOptions) -> Result<(Verdict, String, String)> {
    let mut dispatches = 0;
    for (what, assignments) in SUBJECTS {
        let plan = Plan::new(&subject(config, assignments)?, gpu.profile(&config.profile))?;
        let checked = selftest::check_with(gpu, &plan, engine).map_err(|error| match error {
            Error::Device { activity, message, kind } => Error::Device { activity: format!("{activity} ({what})"), message, kind },
            other => other,
        })?;
        dispatches += checked.dispatches;
    }
    let text = format!("{dispatches} dispatches agree with the reference word by word, gradients included, for every kind of action");
    Ok((Verdict::Good, text, String::new()))
}

/// Two runs from the same seed.
fn same_bits(gpu: &Gpu, config: &Config, engine: &dyn Fn() -> EngineOptions) -> Result<(Verdict, String, String)> {
    let network = if gpu.is_software() { TWICE_ON_SOFTWARE } else { "" };
    let plan = Plan::new(&subject(config, &format!("{TWICE} {network}"))?, gpu.profile(&config.profile))?;
    let run = || {
        let mut trainer = Trainer::with_options(gpu.clone(), plan.clone(), &engine())?;
        trainer.run(&mut |_| ControlFlow::Continue(()))?;
        let parameters = trainer.parameters()?;
        Ok::<Vec<u32>, Error>(parameters.into_iter().map(f32::to_bits).collect())
    };
    if run()? == run()? {
        return Ok((Verdict::Good, "two runs from the same seed have the same parameters, bit for bit".into(), String::new()));
    }
    let help = "results are not reproducible on this device: update its driver, and report this with `ppo-gpu doctor --json`";
    Ok((Verdict::Bad, "two runs from the same seed have different parameters".into(), help.into()))
}

/// Trains CartPole for a while.
fn training(gpu: &Gpu, config: &Config, time: Duration) -> Result<(Verdict, String, String)> {
    let environment = Environment::named("CartPole-v1")?;
    let (name, preset) = Environment::preset(&environment.name).unwrap_or_default();
    let Config { profile, dispatches_per_submit, .. } = config.clone();
    let preset = Config { profile, dispatches_per_submit, ..Config::from_layers([Config::layer(name, preset)?])? };
    let plan = Plan::with_environment(&preset, environment, gpu.profile(&preset.profile))?;
    let mut trainer = Trainer::new(gpu.clone(), plan)?;
    let began = Instant::now();
    let (mut first, mut last) = (None, None);
    trainer.run(&mut |rows| {
        let row = &rows[0];
        if let Some(value) = row.mean_return {
            first.get_or_insert(value);
        }
        last = Some(row.clone());
        if began.elapsed() >= time { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let Some(row) = last else { return Ok((Verdict::Bad, "no update was made".into(), String::new())) };
    let returns = match (first, row.mean_return) {
        (Some(first), Some(last)) => format!("mean return from {} to {}", quantity(first), quantity(last)),
        _ => "no episode ended".into(),
    };
    let text = format!("{} environment steps per second on CartPole-v1 over {:.1} s; {returns}", grouped(row.sps as u64), row.seconds);
    if gpu.is_software() {
        return Ok((Verdict::Note, text, "this is a processor: install the driver of a GPU if there is one".into()));
    }
    Ok((Verdict::Good, text, String::new()))
}
