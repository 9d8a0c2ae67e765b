//! `ppo-gpu tune`: the fastest sizes of kernels for a plan on this device, by measurement.
//!
//! One size after the other is varied while the others stay (coordinate descent), by the times of the kernels that depend on it. Sizes become the best ones
//! only after their kernels have agreed with the reference, and are remembered only if whole updates are faster with them.

use crate::bench::setting::{ENDLESS, note, runnable};
use crate::bench::speeds::update_seconds;
use crate::bench::stopwatch::{Stopwatch, median};
use crate::bench::{peaks, startup};
use crate::check::selftest;
use crate::device::engine::{Engine, EngineOptions};
use crate::device::gpu::{Gpu, plan_limits};
use crate::program::lanes::Mapping;
use crate::program::plan::Plan;
use crate::program::schedule;
use crate::run::device::DeviceSummary;
use crate::run::tunings;
use crate::spec::config::Config;
use crate::spec::tuning::{NONE, Tuning};
use crate::support::error::{DeviceFailure, Error, Result};
use crate::support::text::columns;
use crate::train::agents::{agent_rows, upload};
use crate::train::trainer::Trainer;
use std::path::PathBuf;
use std::time::Duration;

/// Sizes must be faster by this factor to be preferred: repeated measurements differ by less on a quiet device.
const FASTER: f64 = 0.99;
/// Comparisons of whole updates, in turn, and the time of each at least: a device that was idle while agents were drawn takes a while to clock up.
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_millis(300);
/// The kernels that depend on the sizes of `rollout`, and on all others.
const ROLLOUT: [&str; 1] = ["rollout"];
const LEARNING: [&str; 4] = ["evaluate", "gradient", "sum_gradient", "learn"];

/// What `tune` is told besides the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TuneOptions {
    /// Time to spend on each figure.
    pub budget: Duration,
    /// Do not say on stderr what is being measured.
    pub quiet: bool,
}

/// Sizes, and the times of an update's kernels that depend on them.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Candidate {
    /// As the key `tuning` takes them.
    pub sizes: String,
    /// Seconds of an update in these kernels.
    pub seconds: f64,
    /// Each kernel and its seconds in an update.
    pub kernels: Vec<(&'static str, f64)>,
    /// Whether they became the best so far.
    pub better: bool,
    /// What differs from the reference, for sizes that would have become the best.
    pub wrong: Option<String>,
}

/// What was measured and chosen. Its JSON is the output of `tune --json`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Tuned {
    /// The device.
    #[serde(flatten)]
    pub device: DeviceSummary,
    /// The profile that kernels were compiled with.
    pub profile: &'static str,
    /// The sizes that were measured, in order; the program's own first.
    pub candidates: Vec<Candidate>,
    /// Median seconds of whole updates: with the program's own sizes, and with the best ones.
    pub update_seconds: [f64; 2],
    /// The sizes that are remembered.
    pub sizes: String,
    /// The file that remembers them.
    pub file: PathBuf,
}

/// Finds the fastest sizes for runs of `config`, and remembers them for this device and plan.
///
/// # Errors
/// [`Error::Config`] in a debug build; [`Error::Device`] when the program's own sizes do not agree with the reference; [`Error::File`] when they cannot be
/// remembered; those of starting a run.
pub fn run(config: &Config, options: &TuneOptions) -> Result<Tuned> {
    if cfg!(debug_assertions) {
        return Err(Error::config("tune", "this is a debug build, whose times mean nothing", "build with --release: `cargo run --release -- tune`"));
    }
    let config = Config { tuning: NONE.into(), ..config.clone() };
    let (gpu, _) = startup::open(&config)?;
    let plan = runnable(&config, &gpu, ENDLESS)?;
    plan.check_limits(&plan_limits(&gpu.limits), gpu.available_memory(), &gpu.info.name)?;
    selftest::check(&gpu, &plan)?;
    let engine = started(&gpu, &plan)?;
    let (stopwatch, _) = peaks::measure(&gpu, &plan, &engine, options.budget)?;
    drop(engine);

    let mut search = Search { gpu: &gpu, config: &config, stopwatch, quiet: options.quiet, candidates: Vec::new(), best: Tuning::default(), times: Vec::new() };
    search.first(&plan)?;
    search.rows(&plan)?;
    if plan.mapping == Mapping::Blocks {
        search.teams(&plan)?;
        search.rows(&plan)?;
        search.rollout(&plan)?;
    }
    let Search { candidates, best, .. } = search;

    let mut times = [Vec::new(), Vec::new()];
    if best != Tuning::default() {
        note(options.quiet, "tune", &format!("whole updates without and with {best}"));
        let tuned = runnable(&with(&config, best), &gpu, ENDLESS)?;
        for _ in 0..ROUNDS {
            for (plan, times) in [&plan, &tuned].into_iter().zip(&mut times) {
                times.push(update_seconds(&mut Trainer::new(gpu.clone(), plan.clone())?, options.budget.max(ROUND))?);
            }
        }
    } else {
        let own = update_seconds(&mut Trainer::new(gpu.clone(), plan.clone())?, options.budget.max(ROUND))?;
        times = [vec![own], vec![own]];
    }
    let update_seconds = times.map(|mut times| median(&mut times));
    let chosen = if update_seconds[1] <= FASTER * update_seconds[0] { best } else { Tuning::default() };
    let file = tunings::remember(&gpu.info, &plan, chosen)?;
    Ok(Tuned { device: DeviceSummary::new(&gpu), profile: plan.profile.name, candidates, update_seconds, sizes: chosen.to_string(), file })
}

fn with(config: &Config, tuning: Tuning) -> Config {
    Config { tuning: tuning.to_string(), ..config.clone() }
}

/// An engine of `plan` that has made an update. Its agents do not learn, so that kernels can be repeated without end.
fn started(gpu: &Gpu, plan: &Plan) -> Result<Engine> {
    let engine = Engine::new(gpu, plan, schedule::training(plan), &EngineOptions::default())?;
    let mut agents = agent_rows(plan);
    agents.iter_mut().for_each(|agent| agent.lr = 0.0);
    upload(&engine, plan, &agents);
    engine.run(&engine.program().once)?;
    engine.run(&engine.program().update)?;
    Ok(engine)
}

/// The search, and what it has found so far.
struct Search<'a> {
    gpu: &'a Gpu,
    config: &'a Config,
    stopwatch: Stopwatch,
    quiet: bool,
    candidates: Vec<Candidate>,
    best: Tuning,
    /// Seconds of an update in each kernel, with the best sizes.
    times: Vec<(&'static str, f64)>,
}

impl Search<'_> {
    /// Times the program's own sizes.
    fn first(&mut self, plan: &Plan) -> Result<()> {
        let kernels = [self.times(plan, &ROLLOUT)?, self.times(plan, &LEARNING)?].concat();
        self.add(Tuning::default(), kernels, true, None);
        Ok(())
    }

    /// Varies the rows of partial gradients from the present number on: up, or else down, for as long as that helps.
    fn rows(&mut self, plan: &Plan) -> Result<()> {
        let own = plan.gradient_rows as u32;
        let now = self.best.rows.unwrap_or(own);
        let rows = Tuning::values("rows");
        let mut more = rows.iter().copied().filter(|&rows| rows > now && (rows as usize) < 2 * plan.tiles);
        let mut fewer = rows.iter().copied().filter(|&rows| rows < now).rev();
        let size = |rows| Tuning { rows: Some(rows), ..Tuning::default() };
        if !self.climb(&mut more.by_ref().map(size))? {
            self.climb(&mut fewer.by_ref().map(size))?;
        }
        Ok(())
    }

    /// Tries every workgroup of `gradient` and `evaluate`.
    fn teams(&mut self, plan: &Plan) -> Result<()> {
        for &lanes in Tuning::values("lanes") {
            for &tile in Tuning::values("tile") {
                if (lanes as usize, tile as usize) != (plan.lanes, plan.tile) {
                    self.try_out(Tuning { lanes: Some(lanes), tile: Some(tile), ..Tuning::default() })?;
                }
            }
        }
        Ok(())
    }

    /// Varies the workgroup of `rollout`: its environments, then its lanes.
    fn rollout(&mut self, plan: &Plan) -> Result<()> {
        let own = plan.rollout_team;
        for &tile in Tuning::values("rollout_tile").iter().filter(|&&tile| tile as usize != own.samples) {
            self.try_out(Tuning { rollout_tile: Some(tile), ..Tuning::default() })?;
        }
        for &lanes in Tuning::values("rollout_lanes").iter().filter(|&&lanes| lanes as usize != own.lanes) {
            self.try_out(Tuning { rollout_lanes: Some(lanes), ..Tuning::default() })?;
        }
        Ok(())
    }

    /// Tries sizes in order while each is better than the one before. Whether one was.
    fn climb(&mut self, sizes: &mut dyn Iterator<Item = Tuning>) -> Result<bool> {
        let mut climbed = false;
        for size in sizes {
            if !self.try_out(size)? {
                break;
            }
            climbed = true;
        }
        Ok(climbed)
    }

    /// Times the best sizes so far with these in place of some; keeps them if they are better and right. Whether they are.
    fn try_out(&mut self, sizes: Tuning) -> Result<bool> {
        let tuning = self.best.with(sizes);
        let name = tuning.to_string();
        let plan = runnable(&with(self.config, tuning), self.gpu, ENDLESS)?;
        if plan.tuning != tuning || plan.check_limits(&plan_limits(&self.gpu.limits), self.gpu.available_memory(), &self.gpu.info.name).is_err() {
            return Ok(false);
        }
        // Those that were measured before lost, or were improved upon.
        if self.candidates.iter().any(|candidate| candidate.sizes == name) {
            return Ok(false);
        }
        // Only the kernels that depend on these sizes, so that noise in the others decides nothing.
        let affected: &[&str] = if sizes.rollout_lanes.or(sizes.rollout_tile).is_some() { &ROLLOUT } else { &LEARNING };
        let (mut kernels, others): (Vec<_>, Vec<_>) = self.times.iter().partition(|(kernel, _)| affected.contains(kernel));
        let sum = |kernels: &[(&str, f64)]| kernels.iter().map(|(_, seconds)| seconds).sum::<f64>();
        let before = sum(&kernels);
        kernels = self.times(&plan, affected)?;
        let faster = sum(&kernels) <= FASTER * before;
        kernels.extend(others);
        let wrong = match if faster { selftest::check(self.gpu, &plan).map(|_| ()) } else { Ok(()) } {
            Ok(()) => None,
            Err(error @ Error::Device { kind: DeviceFailure::Wrong, .. }) => Some(error.to_string()),
            Err(error) => return Err(error),
        };
        let better = faster && wrong.is_none();
        self.add(tuning, kernels, better, wrong);
        Ok(better)
    }

    fn add(&mut self, tuning: Tuning, kernels: Vec<(&'static str, f64)>, better: bool, wrong: Option<String>) {
        let seconds = kernels.iter().map(|(_, seconds)| seconds).sum();
        let candidate = Candidate { sizes: tuning.to_string(), seconds, kernels, better, wrong };
        note(self.quiet, "tune", &format!("{}: {}{}", candidate.sizes, milliseconds(seconds), candidate.verdict()));
        if better {
            (self.best, self.times) = (tuning, candidate.kernels.clone());
        }
        self.candidates.push(candidate);
    }

    /// Seconds of an update in each of these kernels.
    fn times(&self, plan: &Plan, kernels: &[&'static str]) -> Result<Vec<(&'static str, f64)>> {
        let engine = started(self.gpu, plan)?;
        let mut times = Vec::new();
        for &kernel in kernels {
            let dispatches = engine.program().update_of(kernel);
            if !dispatches.is_empty() {
                let seconds = self.stopwatch.seconds(&|pass, r| engine.encode(pass, dispatches[r % dispatches.len()]))?;
                times.push((kernel, seconds * dispatches.len() as f64));
            }
        }
        Ok(times)
    }
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.3} ms", 1e3 * seconds)
}

impl Candidate {
    fn verdict(&self) -> &'static str {
        match (&self.wrong, self.better) {
            (Some(_), _) => ", but it does not agree with the reference: not used",
            (None, true) => ", the best so far",
            (None, false) => "",
        }
    }
}

impl Tuned {
    /// One JSON object.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("reports are representable in JSON")
    }

    /// A table of the candidates, and the choice.
    pub fn to_text(&self) -> String {
        let rows: Vec<[String; 3]> = self
            .candidates
            .iter()
            .map(|candidate| {
                let kernels: Vec<String> = candidate.kernels.iter().map(|(kernel, seconds)| format!("{kernel} {:.3}", 1e3 * seconds)).collect();
                [candidate.sizes.clone(), milliseconds(candidate.seconds), kernels.join(", ") + candidate.verdict()]
            })
            .collect();
        let [own, best] = self.update_seconds;
        let (own, best) = (milliseconds(own), milliseconds(best));
        let chosen = if self.sizes != NONE {
            format!(
                "{}: a whole update takes {best} instead of {own}. Runs like this one on this device use these sizes from now on (--tuning none: not).",
                self.sizes
            )
        } else if own == best {
            "The program's own sizes are the fastest: runs use them.".into()
        } else {
            format!("Whole updates take {own} with the program's own sizes and {best} with the best others: runs use the program's own.")
        };
        let lines: Vec<[&str; 3]> = rows.iter().map(|row| row.each_ref().map(String::as_str)).collect();
        let DeviceSummary { device, backend, driver, .. } = &self.device;
        format!(
            "{device} ({backend}, {driver}), profile {}\n\nKernels of an update, by sizes\n{}\n{chosen}\nremembered in {}\n",
            self.profile,
            columns(&lines, "lr"),
            self.file.display()
        )
    }
}
