//! `ppo-gpu tune`: the fastest sizes of kernels for a plan on this device, by measurement.
//!
//! One size after the other is varied while the others stay (coordinate descent), by the times of the kernels that depend on it. Sizes become the best ones
//! only after their kernels have agreed with the reference, and are remembered only if whole updates are faster with them, each time that they are compared.

use crate::bench::setting::{ENDLESS, note, refuse_debug, runnable};
use crate::bench::speeds::update_seconds;
use crate::bench::stopwatch::{Stopwatch, median};
use crate::bench::{peaks, startup};
use crate::check::selftest;
use crate::device::engine::{Engine, EngineOptions};
use crate::device::gpu::{Gpu, check_plan};
use crate::program::kernel::NAMES;
use crate::program::lanes::Mapping;
use crate::program::plan::Plan;
use crate::program::schedule;
use crate::run::device::DeviceSummary;
use crate::run::tunings;
use crate::spec::config::Config;
use crate::spec::tuning::{AUTO, NONE, Tuning};
use crate::support::error::{DeviceFailure, Error, Result};
use crate::support::text::columns;
use crate::train::trainer::Trainer;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

/// Sizes must be faster by this factor to be preferred.
const FASTER: f64 = 0.98;
/// Comparisons of whole updates, in turn. All must favour the new sizes: of two equal programs, one wins by chance in 1 of 16 searches, and rarely by 2 %.
const ROUNDS: usize = 4;
/// Time of each at least: a device that was idle while agents were drawn takes a while to clock up.
const ROUND: Duration = Duration::from_millis(300);
/// The kernels that depend on the sizes of `rollout`, and on all others.
const ROLLOUT: [&str; 2] = ["rollout", "act"];
const LEARNING: [&str; 5] = ["evaluate", "gradient", "weight_gradient", "sum_gradient", "learn"];

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
    /// Seconds of whole updates, with the program's own sizes and with the best ones, each time that they were compared: until the best ones were not faster.
    pub update_seconds: Vec<[f64; 2]>,
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
    refuse_debug("tune")?;
    if ![AUTO, NONE].contains(&config.tuning.as_str()) {
        return Err(Error::config("tuning", format!("`tune` finds sizes itself, and {} are given", config.tuning), "leave tuning out"));
    }
    tunings::check_memory()?;
    let config = Config { tuning: NONE.into(), ..config.clone() };
    let say = |what: &str| note(options.quiet, "tune", what);
    let (gpu, _) = startup::open(&config)?;
    let plan = runnable(&config, &gpu, ENDLESS)?;
    check_plan(&plan, &gpu.info, &gpu.limits)?;
    say("results against the reference");
    selftest::check(&gpu, &plan)?;
    say("kernels with the program's own sizes, then with others");
    let engine = started(&gpu, &plan)?;
    let (stopwatch, _) = peaks::measure(&gpu, &plan, &engine, options.budget)?;
    drop(engine);

    let mut search = Search {
        gpu: &gpu,
        config: &config,
        stopwatch,
        quiet: options.quiet,
        candidates: Vec::new(),
        programs: HashSet::new(),
        best: Tuning::default(),
        times: Vec::new(),
    };
    search.first(&plan)?;
    search.rows(&plan)?;
    if plan.mapping == Mapping::Blocks {
        search.teams()?;
        if search.best.lanes.or(search.best.tile).is_some() {
            search.rows(&plan)?;
        }
        search.rollout()?;
    }
    let Search { candidates, best, .. } = search;

    let (mut chosen, mut compared) = (best, Vec::new());
    if best != Tuning::default() {
        let tuned = runnable(&with(&config, best), &gpu, ENDLESS)?;
        let seconds = |plan: &Plan| update_seconds(&mut Trainer::new(gpu.clone(), plan.clone())?, options.budget.max(ROUND));
        for round in 1..=ROUNDS {
            let pair = [seconds(&plan)?, seconds(&tuned)?];
            say(&format!("whole updates, comparison {round} of {ROUNDS}: {} without and {} with {best}", milliseconds(pair[0]), milliseconds(pair[1])));
            compared.push(pair);
            if pair[1] > FASTER * pair[0] {
                chosen = Tuning::default();
                break;
            }
        }
    }
    let file = tunings::remember(&gpu.info, &plan, chosen)?;
    Ok(Tuned { device: DeviceSummary::new(&gpu), profile: plan.profile.name, candidates, update_seconds: compared, sizes: chosen.to_string(), file })
}

fn with(config: &Config, tuning: Tuning) -> Config {
    Config { tuning: tuning.to_string(), ..config.clone() }
}

/// An engine of `plan` that has made an update, with agents that do not learn.
fn started(gpu: &Gpu, plan: &Plan) -> Result<Engine> {
    let engine = Engine::new(gpu, plan, schedule::training(plan), &EngineOptions::default())?;
    startup::upload_idle(&engine, plan);
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
    /// What was measured: other sizes may make the same program.
    programs: HashSet<String>,
    best: Tuning,
    /// Seconds of an update in each kernel, with the best sizes.
    times: Vec<(&'static str, f64)>,
}

impl Search<'_> {
    /// Times the program's own sizes.
    fn first(&mut self, plan: &Plan) -> Result<()> {
        self.programs.insert(program(plan));
        let kernels = [self.times(plan, &ROLLOUT)?, self.times(plan, &LEARNING)?].concat();
        self.add(Tuning::default(), kernels, true, None);
        Ok(())
    }

    /// Varies the rows of partial gradients from the present number on: up, or else down, for as long as that helps.
    fn rows(&mut self, plan: &Plan) -> Result<()> {
        let own = plan.gradient_rows as u32;
        let now = self.best.rows.unwrap_or(own);
        let rows = Tuning::values("rows");
        let size = |&rows: &u32| Tuning { rows: Some(rows), ..Tuning::default() };
        let more = rows.iter().filter(|&&rows| rows > now && (rows as usize) < 2 * plan.tiles);
        let fewer = rows.iter().filter(|&&rows| rows < now).rev();
        if !self.climb(&mut more.map(size))? {
            self.climb(&mut fewer.map(size))?;
        }
        Ok(())
    }

    /// Tries every workgroup of `gradient` and `evaluate`.
    fn teams(&mut self) -> Result<()> {
        for &lanes in Tuning::values("lanes") {
            for &tile in Tuning::values("tile") {
                self.try_out(Tuning { lanes: Some(lanes), tile: Some(tile), ..Tuning::default() })?;
            }
        }
        Ok(())
    }

    /// Varies the workgroup of `rollout`: its environments, then its lanes.
    fn rollout(&mut self) -> Result<()> {
        for &tile in Tuning::values("rollout_tile") {
            self.try_out(Tuning { rollout_tile: Some(tile), ..Tuning::default() })?;
        }
        for &lanes in Tuning::values("rollout_lanes") {
            self.try_out(Tuning { rollout_lanes: Some(lanes), ..Tuning::default() })?;
        }
        Ok(())
    }

    /// Tries sizes in order while each is better than the one before. Whether one was.
    fn climb(&mut self, sizes: &mut dyn Iterator<Item = Tuning>) -> Result<bool> {
        let mut climbed = false;
        for size in sizes {
            match self.try_out(size)? {
                Some(true) => climbed = true,
                Some(false) => break,
                None => (),
            }
        }
        Ok(climbed)
    }

    /// Times the best sizes so far with these in place of some; keeps them if they are better and right. Whether they are; None if they do not fit, or if
    /// their program was measured before.
    fn try_out(&mut self, sizes: Tuning) -> Result<Option<bool>> {
        let tuning = self.best.with(sizes);
        let plan = runnable(&with(self.config, tuning), self.gpu, ENDLESS)?;
        let fits = plan.tuning == tuning && check_plan(&plan, &self.gpu.info, &self.gpu.limits).is_ok();
        if !fits || !self.programs.insert(program(&plan)) {
            return Ok(None);
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
        Ok(Some(better))
    }

    fn add(&mut self, tuning: Tuning, mut kernels: Vec<(&'static str, f64)>, better: bool, wrong: Option<String>) {
        kernels.sort_by_key(|(kernel, _)| NAMES.iter().position(|name| name == kernel));
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

/// What a plan's sizes come to.
fn program(plan: &Plan) -> String {
    let rows = (plan.gradient_rows, plan.tiles_per_pass, plan.learn_steps);
    format!("{:?}", (plan.team(), plan.evaluate_team(), plan.evaluate_rounds, rows, plan.tape, plan.rollout_team))
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
                let wrong = if candidate.wrong.is_some() { candidate.verdict() } else { "" };
                [candidate.sizes.clone(), milliseconds(candidate.seconds), kernels.join(", ") + wrong]
            })
            .collect();
        let lines: Vec<[&str; 3]> = rows.iter().map(|row| row.each_ref().map(String::as_str)).collect();
        let [own, best] = [0, 1].map(|which| milliseconds(median(&mut self.update_seconds.iter().map(|pair| pair[which]).collect::<Vec<_>>())));
        let chosen = if self.sizes != NONE {
            format!(
                "{}: a whole update takes {best} instead of {own} (medians of {ROUNDS}). Runs like this one on this device use these sizes\nfrom now on, which changes rounding; --tuning none: not.",
                self.sizes
            )
        } else if self.candidates.len() == 1 {
            "There are no other sizes for this plan: runs use the program's own.".into()
        } else if self.update_seconds.is_empty() {
            "The program's own sizes are the fastest: runs use them.".into()
        } else {
            format!("Whole updates with the best others are not clearly faster ({best}, without {own}): runs use the program's own sizes.")
        };
        let DeviceSummary { device, backend, driver, .. } = &self.device;
        format!(
            "{device} ({backend}, {driver}), profile {}\n\nKernels that depend on sizes, in an update\n{}\n{chosen}\nremembered in {}\n",
            self.profile,
            columns(&lines, "lr"),
            self.file.display()
        )
    }
}
