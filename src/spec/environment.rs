//! Environments: each is defined entirely by one WGSL file. The host reads its declarations with naga.
//!
//! The README ("Your own environment") describes what a file must declare and may use; [`crate::environments::contract`] checks it.

use crate::spec::config::{Config, Per, Setting};
use crate::spec::data::{Array, Data};
use crate::spec::layout::Layout;
use crate::spec::random::{self, Stream};
use crate::spec::records::Episode;
use crate::spec::sources::{Place, Sources, code};
use crate::support::error::{Error, Result};
use crate::support::fault::{self, Fault};
use crate::support::files;
use crate::support::text::{did_you_mean, typed};
use std::ops::Range;

/// Most components of an observation.
pub const MOST_OBSERVATION: usize = 4096;

/// The kind of action.
#[derive(Debug, Clone, PartialEq)]
pub enum Actions {
    /// One discrete action of this many (`ACTIONS`).
    Discrete(usize),
    /// Several discrete actions at once, with the number of choices of each (`ACTION_COUNTS`).
    MultiDiscrete(Vec<usize>),
    /// Real numbers between bounds (`ACTION_LOW`, `ACTION_HIGH`).
    Continuous {
        /// Lower bound of each dimension.
        low: Vec<f32>,
        /// Upper bound of each dimension.
        high: Vec<f32>,
    },
}

impl Actions {
    /// Numbers in an action.
    pub fn dims(&self) -> usize {
        match self {
            Actions::Discrete(_) => 1,
            Actions::MultiDiscrete(counts) => counts.len(),
            Actions::Continuous { low, .. } => low.len(),
        }
    }

    /// Outputs of the actor: logits, or means and logarithms of standard deviations.
    pub fn outputs(&self) -> usize {
        match self {
            Actions::Discrete(count) => *count,
            Actions::MultiDiscrete(counts) => counts.iter().sum(),
            Actions::Continuous { low, .. } => 2 * low.len(),
        }
    }

    /// The outputs that depend on the observation, which come first; the others are only biases.
    pub fn weighted(&self) -> usize {
        match self {
            Actions::Continuous { low, .. } => low.len(),
            _ => self.outputs(),
        }
    }

    /// For each discrete choice, the outputs of the actor that are its logits. None for continuous actions.
    pub fn choices(&self) -> Vec<Range<usize>> {
        let counts: &[usize] = match self {
            Actions::Discrete(count) => std::slice::from_ref(count),
            Actions::MultiDiscrete(counts) => counts,
            Actions::Continuous { .. } => &[],
        };
        let next = |end: &mut usize, count: &usize| {
            let first = std::mem::replace(end, *end + count);
            Some(first..*end)
        };
        counts.iter().scan(0, next).collect()
    }

    /// The type of an action in WGSL.
    pub fn wgsl_type(&self) -> String {
        match self {
            Actions::Discrete(_) => "u32".into(),
            Actions::MultiDiscrete(counts) => format!("array<u32, {}>", counts.len()),
            Actions::Continuous { low, .. } => format!("array<f32, {}>", low.len()),
        }
    }

    /// "2 actions", "5 x 5 actions", "1 continuous action".
    pub fn describe(&self) -> String {
        match self {
            Actions::Discrete(count) => format!("{count} actions"),
            Actions::MultiDiscrete(counts) => format!("{} actions", product(counts)),
            Actions::Continuous { low, .. } => format!("{} continuous action{}", low.len(), if low.len() == 1 { "" } else { "s" }),
        }
    }
}

/// A named number that an environment's dynamics depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Name of the field of `EnvParameters`.
    pub name: String,
    /// Whether it is a `u32`; else it is an `f32`.
    pub whole: bool,
    /// The standard value.
    pub default: f64,
    /// The least and the largest value that it may have.
    pub range: [f64; 2],
    /// Whether the environment's code reads it.
    pub read: bool,
}

impl Parameter {
    /// A value with the digits of its type.
    pub fn digits(&self, value: f64) -> String {
        if self.whole { typed(value) } else { (value as f32).to_string() }
    }

    /// Checks that it may have `value`.
    fn check(&self, value: f64) -> std::result::Result<(), (String, String)> {
        let [least, most] = self.range;
        let standard = self.digits(self.default);
        let help = |near: f64| format!("nearest that works: {}; the standard value is {standard}", typed(near));
        if value.is_nan() {
            return Err(("NaN is not a number".into(), format!("the standard value is {standard}")));
        }
        if !(least..=most).contains(&value) {
            return Err((format!("{} is out of range ({} to {})", typed(value), typed(least), typed(most)), help(value.clamp(least, most))));
        }
        if self.whole && value.fract() != 0.0 {
            return Err((format!("{} is not a whole number ({} to {})", typed(value), typed(least), typed(most)), help(value.round())));
        }
        Ok(())
    }
}

/// A function of an environment's file that reads the state. It takes the state as a value, or as a `ptr<function, EnvState>`, which spares the copy of a long
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateReader {
    /// `env_observe`.
    Observe,
    /// `env_action_mask`.
    ActionMask,
    /// `env_pixel`.
    Pixel,
}

impl StateReader {
    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            StateReader::Observe => "env_observe",
            StateReader::ActionMask => "env_action_mask",
            StateReader::Pixel => "env_pixel",
        }
    }
}

/// An environment as its WGSL file declares it.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Standard name, or path of the file.
    pub name: String,
    /// The WGSL: the text of its file, followed by those of the files that it imports.
    pub source: String,
    /// The files of its text.
    pub sources: Sources,
    /// The arrays that its functions read.
    pub data: Data,
    /// Observation size O: that of the file (`OBSERVATION`), once for each of its history.
    pub observation: usize,
    /// Observations that each observation consists of ([`Environment::with_history`]): first of all of them what the policy sees, the oldest first, then their
    /// privileged components in the same order. 1 as declared by the file.
    pub history: usize,
    /// The observation's axes (`OBSERVATION_SHAPE`), whose product is O; the last one is the fastest. One axis of O where none are declared.
    pub shape: Vec<usize>,
    /// The last components of the observation that only the value network sees (`PRIVILEGED_OBSERVATION`); 0 where none are declared.
    pub privileged: usize,
    /// The kind of action.
    pub actions: Actions,
    /// Whether it declares legal actions (`env_action_mask`).
    pub masked: bool,
    /// Whether it has pictures (`env_pixel`).
    pub pictured: bool,
    /// Its parameters, in the order of `EnvParameters`.
    pub parameters: Vec<Parameter>,
    /// Steps after which an episode is truncated (`TIME_LIMIT`).
    pub time_limit: u32,
    /// Mean return over 100 episodes from which the environment counts as solved (`SOLVED_RETURN`), if it declares one.
    pub solved_return: Option<f32>,
    /// `EnvState`.
    pub state: Layout,
    /// Whether its observation consists of 0 and 1, read one component at a time (`env_component`), rather than as an array (`env_observe`).
    pub binary: bool,
    /// The functions of the file that take the state by pointer.
    pub by_pointer: Vec<StateReader>,
    /// Whether its code contains loops.
    pub loops: bool,
    /// Whether it is built in.
    pub built_in: bool,
}

/// SHA-256, in hexadecimal digits, of an environment's text and of its data, if it has any.
pub fn sha256(source: &str, data: &Data) -> String {
    let data = data.sha256();
    if data.is_empty() { files::sha256(source) } else { files::sha256(format!("{source}\ndata {data}")) }
}

/// "10 x 10 x 4".
pub fn product(factors: &[usize]) -> String {
    factors.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

/// Name of the parameter that every environment has: its time limit, in steps.
pub const TIME_LIMIT: &str = "time_limit";

impl Environment {
    /// SHA-256 of its WGSL, imported files and data included, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        sha256(&self.source, &self.data)
    }

    /// A description of a fault, as a complete clause; it names the array if the fault is of its data.
    pub fn sentence(&self, fault: Fault) -> String {
        match self.data.arrays.get(fault.detail() as usize).filter(|_| fault.kind() == fault::DATA) {
            Some(Array { name, shape, .. }) => format!("an index of `{name}` is out of range: its shape is {shape:?}"),
            None => fault.sentence(),
        }
    }

    /// A fault in its code as an error.
    pub fn error(&self, fault: Fault) -> Error {
        Error::Environment { path: self.name.clone(), line: None, problem: self.sentence(fault), help: fault.help() }
    }

    /// The observation's axes and privileged components, to stand behind its size: " (10 x 10 x 4)", " (the last 3 privileged)"; nothing if there is one axis
    /// and the policy sees all of it.
    pub fn axes(&self) -> String {
        let axes = (self.shape.len() > 1).then(|| product(&self.shape));
        let privileged = (self.privileged > 0).then(|| format!("the last {} privileged", self.privileged));
        let parts: Vec<String> = axes.into_iter().chain(privileged).collect();
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
    }

    /// This environment, which its file declares, with observations that consist of the last `history` of the file's. The oldest is the first, and after a reset all
    /// are the first one (Gymnasium's `FrameStackObservation`). They are a part of the state; [`crate::wgsl::history`] writes it.
    ///
    /// # Errors
    /// [`Error::Config`] when there would be too many components.
    pub fn with_history(self, history: usize) -> Result<Environment> {
        if history == self.history {
            return Ok(self);
        }
        assert_eq!(self.history, 1, "the environment of a file");
        let observation = history * self.observation;
        if observation > MOST_OBSERVATION {
            let problem = format!("{history} observations of {} components are {observation} (at most {MOST_OBSERVATION})", self.observation);
            return Err(Error::config("observation_history", problem, format!("nearest that works: {}", MOST_OBSERVATION / self.observation)));
        }
        let own = if self.shape.len() > 1 { self.shape.clone() } else { vec![self.observation] };
        let all = Environment { observation, history, privileged: history * self.privileged, loops: true, ..self };
        Ok(Environment { shape: if all.privileged > 0 { vec![observation] } else { [vec![history], own].concat() }, state: all.state_with_history(), ..all })
    }

    /// Components of one of the observations of the history.
    pub fn newest(&self) -> usize {
        self.observation / self.history
    }

    /// Words of the state that one of the observations of the history takes.
    pub fn frame_words(&self) -> usize {
        if self.binary { self.newest().div_ceil(32) } else { self.newest() }
    }

    /// Words of the state that the history takes, filled up to whole vectors, so that nothing else of the state moves.
    pub fn history_words(&self) -> usize {
        if self.history > 1 { (self.history * self.frame_words()).next_multiple_of(4) } else { 0 }
    }

    /// `EnvState` as [`crate::wgsl::history`] declares it around that of the file.
    fn state_with_history(&self) -> Layout {
        let own = match self.state.clone() {
            Layout::Structure { members, words, .. } => Layout::Structure { name: "EnvState_now".into(), members, words },
            other => other,
        };
        let word = || Layout::Scalar(if self.binary { "u32" } else { "f32" });
        let frames = Layout::structure("EnvFrame", vec![("words", word().array(self.frame_words()))]).array(self.history);
        let padding = self.history_words() - frames.words();
        let filled_up = (padding > 0).then(|| ("filled_up", Layout::Scalar("u32").array(padding)));
        Layout::structure("EnvState", [("now", own), ("frames", frames)].into_iter().chain(filled_up).collect())
    }

    /// Words of `EnvState`.
    pub fn state_words(&self) -> usize {
        self.state.words()
    }

    /// Words of an environment in `env_lanes`: the state, the running episode, and padding to whole vectors.
    pub fn lane_words(&self) -> usize {
        (self.state_words() + Episode::WORDS).next_multiple_of(4)
    }

    /// Whether kernels pass the state to this function by pointer.
    pub fn is_given_pointer(&self, reader: StateReader) -> bool {
        self.history > 1 || self.by_pointer.contains(&reader)
    }

    /// Components of the observation that the policy sees, which come first.
    pub fn seen(&self) -> usize {
        self.observation - self.privileged
    }

    /// Steps after which an episode is truncated, as configured.
    pub fn episode_limit(&self, config: &Config) -> u32 {
        match config.env_parameters.get(TIME_LIMIT) {
            Some(Setting::Value(limit)) => *limit as u32,
            _ => self.time_limit,
        }
    }

    /// Its time limit as a parameter.
    fn limit(&self) -> Parameter {
        Parameter { name: TIME_LIMIT.into(), whole: true, default: self.time_limit.into(), range: [1.0, u32::MAX.into()], read: true }
    }

    /// Checks the configured parameters against those of the environment.
    ///
    /// # Errors
    /// [`Error::Config`] naming the parameter, and the nearest one that exists.
    pub fn check_parameters(&self, config: &Config) -> Result<()> {
        for (name, setting) in &config.env_parameters {
            let key = format!("env_parameters.{name}");
            if name == TIME_LIMIT && setting.varies() {
                return Err(Error::config(key, "the time limit cannot vary", "give one whole number"));
            }
            let limit = self.limit();
            let Some(parameter) = self.parameters.iter().chain([&limit]).find(|parameter| parameter.name == *name) else {
                let names = || self.parameters.iter().map(|parameter| parameter.name.as_str()).chain([TIME_LIMIT]);
                let help = format!("one of {}{}", names().collect::<Vec<_>>().join(", "), did_you_mean(name, names()));
                return Err(Error::config(key, format!("{} has no such parameter", self.name), help));
            };
            let [low, high] = setting.range();
            for value in [low, high] {
                parameter.check(value).map_err(|(problem, help)| Error::config(&key, problem, help))?;
            }
            if low > high {
                return Err(Error::config(key, format!("the range from {low} to {high} is empty"), format!("write [{high}, {low}]")));
            }
            // The number of values must also fit a u32.
            if parameter.whole && setting.varies() && high - low >= f64::from(u32::MAX) {
                return Err(Error::config(key, format!("the range from {low} to {high} is too wide"), "leave out the first or the last value"));
            }
        }
        Ok(())
    }

    /// Checks the standard values of its parameters against their ranges.
    ///
    /// # Errors
    /// [`Error::Environment`] naming the first one that is outside.
    pub fn check_defaults(&self) -> Result<()> {
        let Some(Parameter { name, default, range: [least, most], .. }) =
            self.parameters.iter().find(|parameter| !(parameter.range[0]..=parameter.range[1]).contains(&parameter.default))
        else {
            return Ok(());
        };
        let line = code(&self.source).lines().position(|line| line.contains("DEFAULT_PARAMETERS")).unwrap_or_default() + 1;
        let Place { path, line } = self.sources.place(line);
        let problem = format!("the standard value of `{name}` is {}, out of range ({} to {})", typed(*default), typed(*least), typed(*most));
        Err(Error::Environment { path, line: Some(line), problem, help: format!("nearest that works: {}", typed(default.clamp(*least, *most))) })
    }

    /// Checks that the environment reads the parameters that are configured.
    ///
    /// # Errors
    /// [`Error::Config`] naming one that would have no effect.
    pub fn check_reads(&self, config: &Config) -> Result<()> {
        match self.parameters.iter().find(|parameter| !parameter.read && config.env_parameters.contains_key(&parameter.name)) {
            Some(Parameter { name, .. }) => {
                let problem = format!("{} never reads it: no value of it has an effect", self.name);
                Err(Error::config(format!("env_parameters.{name}"), problem, format!("read parameters.{name} in the file, or leave it out")))
            }
            None => Ok(()),
        }
    }

    /// The parameters that are sampled for each agent, and the digits of their values for the agent whose world has this seed.
    pub fn world(&self, config: &Config, seed: u64) -> Vec<(String, String)> {
        let drawn = |(draw, parameter): (usize, &Parameter)| match config.env_parameters.get(&parameter.name) {
            Some(Setting::Drawn { low, high, per: Per::Agent }) => {
                let mut stream = Stream::of_draw(seed, random::PARAMETER, u32::MAX, u32::MAX, draw as u32);
                let value = if parameter.whole {
                    low + f64::from(stream.below((high - low + 1.0) as u32))
                } else {
                    // The same arithmetic as on the device.
                    let (low, high) = (*low as f32, *high as f32);
                    f64::from(low + (high - low) * stream.uniform())
                };
                Some((parameter.name.clone(), parameter.digits(value)))
            }
            _ => None,
        };
        self.parameters.iter().enumerate().filter_map(drawn).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_have_their_logits_one_after_the_other() {
        let bounds = |actions: Actions| actions.choices().into_iter().map(|logits| (logits.start, logits.end)).collect::<Vec<_>>();
        assert_eq!(bounds(Actions::Discrete(4)), [(0, 4)]);
        assert_eq!(bounds(Actions::MultiDiscrete(vec![2, 3, 1])), [(0, 2), (2, 5), (5, 6)]);
        assert_eq!(bounds(Actions::Continuous { low: vec![-1.0], high: vec![1.0] }), []);
    }
}
