//! Trying an environment on a device, for `ppo-gpu env check`.

use crate::device::engine::{Engine, EngineOptions};
use crate::device::gpu::Gpu;
use crate::physics::scales;
use crate::play::picture::Painter;
use crate::play::player::{self, Player};
use crate::program::plan::Plan;
use crate::program::schedule::{self, Step};
use crate::reference::layouts;
use crate::spec::config::{Config, Onto};
use crate::spec::environment::{Actions, Environment};
use crate::spec::records::{Transition, word};
use crate::spec::sources::{Place, code};
use crate::support::error::{Error, Result};
use crate::support::fault::{self, Fault};
use crate::support::text::{did_you_mean, grouped, plural, quantity};
use crate::train::agents::{self, agent_rows, upload};

/// Environments run in parallel.
const ENVS: usize = 64;
/// Most floats of observations to inspect.
const FLOATS: usize = 1 << 24;
/// Steps of each environment.
const STEPS: std::ops::RangeInclusive<usize> = 64..=2048;
/// Observations beyond this should be normalised.
const LARGE: f32 = 10.0;
/// Rewards beyond this may make values and losses overflow f32.
const LARGE_REWARD: f32 = 1e6;
/// Pixels along the sides of the test picture.
const PICTURE: u32 = 16;
/// Components of the observation that vary by less should also be normalised.
const NARROW: f32 = 0.01;
/// Actions are sampled around 0 with a deviation of 1 at first: bounds that exclude half of that range, or reach far beyond it, deserve a note.
const USUAL_BOUND: f32 = 0.5;
const MOST_BOUND: f32 = 10.0;

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// Unusual, but possibly intended.
    Note,
    /// Makes training impossible.
    Wrong,
}

/// A result of the check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its severity.
    pub verdict: Verdict,
    /// The relevant line.
    pub place: Option<Place>,
    /// The finding, and what to do.
    pub text: String,
}

/// The results of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The findings, in the order of the checks.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether the environment can be used for training.
    pub fn passed(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict != Verdict::Wrong)
    }

    /// One line for each finding.
    pub fn to_text(&self) -> String {
        let line = |finding: &Finding| {
            let verdict = match finding.verdict {
                Verdict::Fine => "ok   ",
                Verdict::Note => "note ",
                Verdict::Wrong => "WRONG",
            };
            let place = finding.place.as_ref().map(|Place { path, line }| format!("{path}:{line}: ")).unwrap_or_default();
            format!("{verdict}  {place}{}\n", finding.text)
        };
        self.findings.iter().map(line).collect()
    }
}

/// Steps `environment` with an untrained policy, twice from the same seed, and reports findings. Observations are those of its file, whatever history the
/// configuration asks for.
///
/// # Errors
/// Those of [`Plan::with_environment`] and [`Engine::new`].
pub fn check(gpu: &Gpu, environment: &Environment, config: &Config) -> Result<Report> {
    let steps = (FLOATS / ENVS / environment.observation).clamp(*STEPS.start(), *STEPS.end());
    let config = Config { envs: ENVS as u32, steps: steps as u32, minibatches: 1, agents: 1, hidden: vec![8], observation_history: 1, ..config.clone() };
    let plan = Plan::with_environment(&config, environment.clone(), gpu.profile(&config.profile))?;
    let options = EngineOptions { checked: true, ..EngineOptions::default() };
    let engine = agents::engine(gpu, &plan, schedule::playing(&plan), &options)?;
    let first = Trial::run(gpu, &engine, &plan)?;

    let mut report = Report { findings: Vec::new() };
    let code = code(&environment.source);
    let mut say = |verdict: Verdict, at: &str, text: String| {
        let line = code.lines().position(|line| !at.is_empty() && line.contains(at)).map(|line| line + 1);
        report.findings.push(Finding { verdict, place: line.map(|line| environment.sources.place(line)), text });
    };
    use Verdict::{Fine, Note, Wrong};

    let limit = if plan.episode_limit == u32::MAX { "no time limit".into() } else { format!("time limit {} steps", plan.episode_limit) };
    let size = environment.observation;
    let imported = match environment.sources.imported().len() {
        0 => String::new(),
        files => format!(", {}", plural(files, "imported file", "imported files")),
    };
    let arrays = match environment.data.arrays.len() {
        0 => String::new(),
        arrays => format!(", {} of data with {} elements", plural(arrays, "array", "arrays"), grouped(environment.data.words().len() as u64)),
    };
    let (axes, actions, words) = (environment.axes(), environment.actions.describe(), environment.state_words());
    say(Fine, "", format!("compiles; {size} observations{axes}, {actions}, {limit}, {words} words of state{imported}{arrays}"));

    if first.fault.map(Fault::kind) == Some(fault::LOOP) {
        // All other results are meaningless then.
        say(Wrong, "fn env_step", format!("the driver ended a loop early: {}", fault::LOOP.help()));
        return Ok(report);
    }
    // What an error says of the environment, without its path.
    let said = |error: &Error| match error {
        Error::Environment { problem, help, .. } => format!("{problem}; {help}"),
        other => format!("{other}: {}", other.help()),
    };
    if let Some(fault) = first.fault.filter(|fault| fault.kind() == fault::DATA) {
        // Later results depend on elements that were not asked for.
        say(Wrong, "", said(&environment.error(fault)));
        return Ok(report);
    }
    let second = Trial::run(gpu, &engine, &plan)?;

    let component = |b: usize, k: usize| {
        if plan.packs_observations() {
            (first.observations[b * plan.observation_words() + k / 32] >> (k % 32) & 1) as f32
        } else {
            f32::from_bits(first.observations[b * plan.observation_words() + k])
        }
    };
    let observations: Vec<f32> = (0..ENVS * steps).flat_map(|b| (0..size).map(move |k| component(b, k))).collect();
    let observes = if environment.binary { "fn env_component" } else { "fn env_observe" };
    let rewards: Vec<f32> = (0..ENVS * steps).map(|b| f32::from_bits(first.transitions[word!(Transition[b].reward)])).collect();
    let at = |b: usize| format!("at step {} of environment {}", b / ENVS, b % ENVS);
    let endings = |flag: u32| (0..ENVS * steps).filter(|&b| first.transitions[word!(Transition[b].ending)] & flag != 0).count();
    let (terminated, truncated) = (endings(Transition::TERMINATED), endings(Transition::TRUNCATED));
    let division = "look for a division by zero, a root or logarithm of a negative number, or a state that grows without bound";
    match observations.iter().position(|x| !x.is_finite()) {
        // Only the device checks observations after the last step, and those at the end by a time limit.
        None if first.fault.map(Fault::kind) == Some(fault::OBSERVATION) => {
            say(Wrong, observes, format!("an observation is not finite, the one after a step that ended an episode or the last step: {division}"));
        }
        Some(i) => say(Wrong, observes, format!("observation[{}] is {} {}: {division}", i % size, observations[i], at(i / size))),
        None => {
            let range = |k: usize| {
                let values = observations.iter().skip(k).step_by(size);
                values.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)))
            };
            let ranges: Vec<(f32, f32)> = (0..size).map(range).collect();
            let (low, high) = ranges.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |all, one| (all.0.min(one.0), all.1.max(one.1)));
            say(Fine, "", format!("observations are finite, from {low} to {high}"));
            let constant: Vec<String> = (0..size).filter(|&k| ranges[k].0 == ranges[k].1).map(|k| k.to_string()).collect();
            if !constant.is_empty() && constant.len() <= 16 {
                say(Note, observes, format!("observation [{}] never changed: is it of use?", constant.join(", ")));
            }
            let normalize = "scale them to about -1 to 1, or train with normalize_observations = true";
            if low < -LARGE || high > LARGE {
                say(Note, observes, format!("some observations are large: {normalize}"));
            }
            let varies = |k: &usize| ranges[*k].1 - ranges[*k].0 > 0.0;
            let narrow: Vec<String> = (0..size).filter(varies).filter(|&k| ranges[k].1 - ranges[k].0 < NARROW).map(|k| k.to_string()).collect();
            if !narrow.is_empty() && narrow.len() <= 16 {
                say(Note, observes, format!("observation [{}] hardly changes, by less than {NARROW}: {normalize}", narrow.join(", ")));
            }
        }
    }
    match rewards.iter().position(|x| !x.is_finite()) {
        Some(b) => say(Wrong, "fn env_step", format!("the reward is {} {}: {division}", rewards[b], at(b))),
        None => {
            let (low, high) = rewards.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
            let mean = rewards.iter().map(|&x| f64::from(x)).sum::<f64>() / rewards.len() as f64;
            say(Fine, "", format!("rewards are finite, from {low} to {high}, mean {}", quantity(mean)));
            if first.fault.map(Fault::kind) == Some(fault::REWARD) {
                say(Wrong, "fn env_step", "the rewards of an episode add up to a return that is not finite: make them smaller".into());
            } else if low < -LARGE_REWARD || high > LARGE_REWARD {
                say(Note, "fn env_step", "some rewards are very large: make them smaller, or train with normalize_rewards = true".into());
            }
            if low == high && terminated == 0 {
                say(Note, "fn env_step", "the reward never changed, and no episode terminated: nothing tells good actions from bad ones".into());
            }
        }
    }
    // A robot without contacts has no use for a factor of friction, and so on.
    let is_factor = |name: &str| code.contains("fn physics_step(") && scales::NAMES.contains(&name);
    for parameter in environment.parameters.iter().filter(|parameter| !parameter.read && !is_factor(&parameter.name)) {
        let factors = scales::NAMES.into_iter().filter(|name| is_factor(name));
        let nearest = did_you_mean(&parameter.name, factors);
        say(Note, &format!("{}:", parameter.name), format!("nothing reads the parameter `{}`: no value of it has an effect{nearest}", parameter.name));
    }
    if environment.masked {
        let words = plan.action_words();
        let mask = |b: usize| &first.actions[b * words + plan.environment.actions.dims()..(b + 1) * words];
        let choices = plan.environment.actions.choices();
        let is_legal = |b: usize, k: usize| mask(b)[k / 32] >> (k % 32) & 1 != 0;
        let empty = |b: usize| choices.iter().position(|logits| logits.clone().all(|k| !is_legal(b, k)));
        match (0..ENVS * steps).find_map(|b| Some((b, empty(b)?))) {
            Some((b, choice)) => {
                let which = if choices.len() > 1 { format!(" in choice {choice}") } else { String::new() };
                say(Wrong, "fn env_action_mask", format!("no action is legal{which} {}: end the episode before that, or allow one", at(b)));
            }
            None => say(Fine, "", if choices.len() > 1 { "every choice has a legal action in every state" } else { "every state has a legal action" }.into()),
        }
    }
    if let Actions::Continuous { low, high } = &environment.actions {
        let off = |d: &usize| low[*d] > -USUAL_BOUND || high[*d] < USUAL_BOUND || low[*d] < -MOST_BOUND || high[*d] > MOST_BOUND;
        // Scaled, an agent's range is that of the bounds.
        if let Some(d) = (0..low.len()).find(off).filter(|_| plan.config.actions == Onto::Clip) {
            let bounds = format!("dimension {d} of the action lies between {} and {}", low[d], high[d]);
            let advice = "declare bounds of about -1 and 1, and scale the action in env_step, or train with actions = \"scale\"";
            say(
                Note,
                "const ACTION_LOW",
                format!("{bounds}: an agent begins with actions around 0, most of them between -1 and 1, and may never find others; {advice}"),
            );
        }
    }
    let states: Vec<&[u32]> = first.start.chunks(environment.lane_words()).map(|lane| &lane[..environment.state_words()]).collect();
    if states.iter().all(|state| state == &states[0]) {
        say(Note, "fn env_reset", format!("all {ENVS} environments began in the same state: use random numbers from `rng`, unless this is intended"));
    } else {
        say(Fine, "", "resets vary".into());
    }
    let stepped = grouped((ENVS * steps) as u64);
    match (terminated + truncated, plan.episode_limit as usize > steps) {
        (0, true) if plan.episode_limit == u32::MAX => {
            let problem = format!("no episode ended in {stepped} steps, and there is no time limit");
            say(Wrong, "const TIME_LIMIT", format!("{problem}: nothing would ever be reported; set TIME_LIMIT, or return Outcome(reward, true) at some point"));
        }
        (0, _) => say(Note, "const TIME_LIMIT", format!("no episode ended in {steps} steps of each environment; the time limit is {}", plan.episode_limit)),
        (ended, _) => {
            say(Fine, "", format!("{} episodes ended in {stepped} steps: {terminated} terminated, {truncated} by the time limit", grouped(ended as u64)))
        }
    }
    if first.same_as(&second) {
        say(Fine, "", "the same seed gives the same trajectories".into());
    } else {
        say(Wrong, "fn env_step", "the same seed gave other trajectories: read no variable before it is set, and no index out of range".into());
    }
    say(Fine, "", format!("{} steps per second, {ENVS} environments at a time, with checks", grouped(((ENVS * steps) as f64 / second.seconds) as u64)));
    if environment.pictured {
        let options = player::PlayerOptions { agents: vec![0], envs: 1, steps: 1, seed: config.seed, deterministic: false };
        let player = Player::new(gpu, &Config { agents: 1, ..config }, environment, None, &options)?;
        match Painter::new(&player, PICTURE).and_then(|painter| painter.draw()) {
            Ok(_) => say(Fine, "", "it can be drawn".into()),
            Err(error @ Error::Environment { .. }) => say(Wrong, "fn env_pixel", said(&error)),
            Err(error) => return Err(error),
        }
    } else {
        say(Note, "", "there is no env_pixel, so there are no pictures of it".into());
    }
    // Any other fault: the device found something that the checks above missed.
    if let Some(fault) = first.fault.filter(|_| report.passed()) {
        report.findings.push(Finding { verdict: Wrong, place: None, text: environment.sentence(fault) });
    }
    Ok(report)
}

/// The results of one rollout.
struct Trial {
    start: Vec<u32>,
    end: Vec<u32>,
    observations: Vec<u32>,
    actions: Vec<u32>,
    transitions: Vec<u32>,
    fault: Option<Fault>,
    seconds: f64,
}

impl Trial {
    fn run(gpu: &Gpu, engine: &Engine, plan: &Plan) -> Result<Trial> {
        upload(engine, plan, &agent_rows(plan));
        engine.run(&engine.program().once)?;
        let start = engine.read("env_lanes")?;
        let rollout = &engine.program().update;
        let read_fault = || Ok(engine.read("faults")?.into_iter().take(plan.agents).find_map(Fault::of_code));
        // If a driver ends loops early, the first steps show it; later dispatches would take just as long.
        let steps = |&Step::Dispatch(dispatch): &Step| ["rollout", "advance"].contains(&dispatch.kernel);
        let (start_of_it, rest) = rollout.split_at(1 + rollout.iter().position(steps).expect("a program that plays steps environments"));
        let timed = |steps: &[Step]| {
            let began = gpu.now();
            engine.run(steps).map(|()| gpu.since(began).as_secs_f64())
        };
        let mut seconds = timed(start_of_it)?;
        let mut first_fault: Option<Fault> = read_fault()?;
        if first_fault.map(Fault::kind) != Some(fault::LOOP) {
            seconds += timed(rest)?;
            first_fault = read_fault()?;
        }
        let mut observations = engine.read("observations")?;
        // Rows of last observations are written only if an episode was truncated; otherwise they hold older data.
        observations.truncate(layouts::observation(plan, 0, plan.steps + 1, 0));
        Ok(Trial {
            start,
            end: engine.read("env_lanes")?,
            observations,
            actions: engine.read("actions")?,
            transitions: engine.read("transitions")?,
            fault: first_fault,
            seconds,
        })
    }

    fn same_as(&self, other: &Trial) -> bool {
        let parts = |trial: &Trial| [&trial.start, &trial.end, &trial.observations, &trial.actions, &trial.transitions].map(Clone::clone);
        parts(self) == parts(other)
    }
}
