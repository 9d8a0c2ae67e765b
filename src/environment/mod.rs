//! Environments: one WGSL file each, which alone says what it is. The host reads its declarations back with naga.
//!
//! What a file declares, and what it may use, is described in the README ("Your own environment") and checked by [`contract`].

pub mod check;
pub mod contract;
pub mod describe;

use crate::config::{Config, Per, Setting, did_you_mean};
use crate::error::{Error, Result};
use crate::files;
use crate::random::{self, Stream};
use std::path::Path;

/// An environment that comes with the program.
struct BuiltIn {
    /// Standard name.
    name: &'static str,
    /// The WGSL file.
    source: &'static str,
    /// Name and text of the configuration that it is trained with unless another is given.
    preset: Option<(&'static str, &'static str)>,
}

macro_rules! built_in {
    (@preset) => { None };
    (@preset $preset:literal) => { Some((concat!("configs/", $preset, ".toml"), include_str!(concat!("../../configs/", $preset, ".toml")))) };
    ($($name:literal $file:literal $($preset:literal)?;)*) => {
        const BUILT_IN: &[BuiltIn] = &[$(BuiltIn {
            name: $name,
            source: include_str!(concat!("../../shaders/envs/", $file, ".wgsl")),
            preset: built_in!(@preset $($preset)?),
        },)*];
    };
}

// Standard name, file stem of the WGSL, and of the configuration where there is one.
built_in! {
    "CartPole-v1" "cartpole" "cartpole";
    "Acrobot-v1" "acrobot" "acrobot";
    "MountainCar-v0" "mountain_car" "mountain_car";
    "MountainCarContinuous-v0" "mountain_car_continuous" "mountain_car_continuous";
    "Pendulum-v1" "pendulum" "pendulum";
    "MinAtar/Asterix-v1" "minatar_asterix" "minatar_asterix";
    "MinAtar/Breakout-v1" "minatar_breakout" "minatar_breakout";
    "MinAtar/Freeway-v1" "minatar_freeway" "minatar_freeway";
    "MinAtar/Seaquest-v1" "minatar_seaquest" "minatar_seaquest";
    "MinAtar/SpaceInvaders-v1" "minatar_space_invaders" "minatar_space_invaders";
    "2048" "game_2048" "game_2048";
    "PlanarQuadrotor-v0" "planar_quadrotor" "planar_quadrotor";
    "Probe/Bandit" "probe_bandit";
    "Probe/Value" "probe_value";
    "Probe/Choice" "probe_choice";
    "Probe/Delay" "probe_delay";
    "Probe/TimeLimit" "probe_time_limit";
    "Probe/Masked" "probe_masked";
    "Probe/Target" "probe_target";
}

/// An example of an environment file, to start from.
pub fn template(continuous: bool) -> &'static str {
    if continuous { include_str!("template_continuous.wgsl") } else { include_str!("template_discrete.wgsl") }
}

/// What an action is.
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
    /// Numbers that an action consists of.
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

    /// Of these, the first that depend on the observation; the others are biases alone.
    pub fn weighted(&self) -> usize {
        match self {
            Actions::Continuous { low, .. } => low.len(),
            _ => self.outputs(),
        }
    }

    /// "2 actions", "5 x 5 actions", "1 continuous action".
    pub fn describe(&self) -> String {
        match self {
            Actions::Discrete(count) => format!("{count} actions"),
            Actions::MultiDiscrete(counts) => format!("{} actions", counts.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")),
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
}

/// An environment as its WGSL file declares it.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Standard name, or path of the file.
    pub name: String,
    /// The WGSL file.
    pub source: String,
    /// Observation size O (`OBSERVATION`).
    pub observation: usize,
    /// What an action is.
    pub actions: Actions,
    /// Whether it says which actions are legal (`env_action_mask`).
    pub masked: bool,
    /// Whether it can be drawn (`env_pixel`).
    pub pictured: bool,
    /// Its parameters, in the order of `EnvParameters`.
    pub parameters: Vec<Parameter>,
    /// Steps after which an episode is truncated (`TIME_LIMIT`).
    pub time_limit: u32,
    /// Mean return over 100 episodes from which the environment counts as solved (`SOLVED_RETURN`), where there is such a thing.
    pub solved_return: Option<f32>,
    /// Words of `EnvState`.
    pub state_words: usize,
    /// Words of `EnvLane` (shaders/shared/env_lane.wgsl): the state, return and length of the running episode, and padding where the state's alignment asks
    /// for it.
    pub lane_words: usize,
    /// Whether components of its observation are 0 or 1, and asked for one by one (`env_component`), rather than given as an array (`env_observe`).
    pub binary: bool,
    /// Whether there are loops in it.
    pub loops: bool,
    /// Whether it is one of this crate's own.
    pub built_in: bool,
}

/// The name of the one parameter that every environment has: its time limit, in steps.
pub const TIME_LIMIT: &str = "time_limit";

impl Environment {
    /// The built-in environment called `name` (upper or lower case), or the one in the file of that name if it ends in `.wgsl`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the nearest environment when there is none of that name; [`Error::Unreadable`] when the file cannot be read; those of
    /// [`Environment::parse`].
    pub fn named(name: &str) -> Result<Environment> {
        if Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wgsl")) {
            let source = std::fs::read_to_string(name).map_err(|error| Error::unreadable(name, error))?;
            return Environment::parse(name, &source);
        }
        let known = Self::built_in(name).ok_or_else(|| {
            let help = format!("one of {}, or the path of a .wgsl file{}", Self::names().collect::<Vec<_>>().join(", "), did_you_mean(name, Self::names()));
            Error::config("env", format!("there is no environment '{name}'"), help)
        })?;
        // Whether they fit into kernels is tested once for all.
        Ok(Environment { built_in: true, ..contract::read(known.name, known.source)? })
    }

    /// Names of the built-in environments.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|known| known.name)
    }

    fn built_in(name: &str) -> Option<&'static BuiltIn> {
        BUILT_IN.iter().find(|known| known.name.eq_ignore_ascii_case(name))
    }

    /// File name and text of the configuration that the built-in environment called `name` is trained with unless another is given.
    pub fn preset(name: &str) -> Option<(&'static str, &'static str)> {
        Self::built_in(name)?.preset
    }

    /// The environment that a WGSL file declares.
    ///
    /// # Errors
    /// [`Error::Environment`] when it does not compile or breaks the contract.
    pub fn parse(name: &str, source: &str) -> Result<Environment> {
        let environment = contract::read(name, source)?;
        contract::fits_into_kernels(&environment)?;
        Ok(environment)
    }

    /// SHA-256 of its WGSL file, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        files::sha256(&self.source)
    }

    /// Steps after which an episode is truncated, as configured.
    pub fn episode_limit(&self, config: &Config) -> u32 {
        match config.env_parameters.get(TIME_LIMIT) {
            Some(Setting::Value(limit)) => *limit as u32,
            _ => self.time_limit,
        }
    }

    /// Checks the configured parameters against those that there are.
    ///
    /// # Errors
    /// [`Error::Config`] naming the parameter, and the nearest one that exists.
    pub fn check_parameters(&self, config: &Config) -> Result<()> {
        for (name, setting) in &config.env_parameters {
            let key = format!("env_parameters.{name}");
            if name == TIME_LIMIT {
                match setting {
                    Setting::Value(limit) if limit.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(limit) => continue,
                    Setting::Value(limit) => return Err(Error::config(key, format!("{limit} is not a number of steps"), "a whole number from 1 on")),
                    _ => return Err(Error::config(key, "the time limit cannot vary", "give one whole number")),
                }
            }
            let Some(parameter) = self.parameters.iter().find(|parameter| parameter.name == *name) else {
                let names = || self.parameters.iter().map(|parameter| parameter.name.as_str()).chain([TIME_LIMIT]);
                let help = format!("one of {}{}", names().collect::<Vec<_>>().join(", "), did_you_mean(name, names()));
                return Err(Error::config(key, format!("{} has no such parameter", self.name), help));
            };
            let [low, high] = setting.range();
            for value in [low, high] {
                if !(value as f32).is_finite() || parameter.whole && (value.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&value)) {
                    let kind = if parameter.whole { "a whole number from 0 on" } else { "a number" };
                    return Err(Error::config(key, format!("{value} is not {kind}"), format!("the standard value is {}", parameter.default)));
                }
            }
            if low > high {
                return Err(Error::config(key, format!("the range from {low} to {high} is empty"), format!("write [{high}, {low}]")));
            }
            // How many values there are is a u32, too.
            if parameter.whole && setting.varies() && high - low >= f64::from(u32::MAX) {
                return Err(Error::config(key, format!("the range from {low} to {high} is too wide"), "leave out the first or the last value"));
            }
        }
        Ok(())
    }

    /// The parameters that are drawn for each agent, and their values for the agent whose world is `seed`.
    pub fn world(&self, config: &Config, seed: u64) -> Vec<(String, f64)> {
        let drawn = |(draw, parameter): (usize, &Parameter)| match config.env_parameters.get(&parameter.name) {
            Some(Setting::Drawn { low, high, per: Per::Agent }) => {
                let mut stream = Stream::of_draw(seed, random::PARAMETER, u32::MAX, u32::MAX, draw as u32);
                let value = if parameter.whole {
                    low + f64::from(stream.below((high - low + 1.0) as u32))
                } else {
                    // As the device computes it.
                    let (low, high) = (*low as f32, *high as f32);
                    f64::from(low + (high - low) * stream.uniform())
                };
                Some((parameter.name.clone(), value))
            }
            _ => None,
        };
        self.parameters.iter().enumerate().filter_map(drawn).collect()
    }

    /// WGSL that stands between the environment's functions and the kernels that call them: its `parameters`, what is observed, and which actions are
    /// legal.
    pub fn glue(&self, config: &Config) -> String {
        let mut text = String::from("//! import agent\n//! import rng\n//! import outcome\n//! import legal\n\n");
        // Software drivers turn a dynamic index into a long array into as many branches as it has elements.
        text += if self.binary {
            "alias Observation = EnvState;\n\nfn observation_of(state: EnvState) -> Observation {\n    return state;\n}\n\n\
             fn component_of(observation: ptr<function, Observation>, k: u32) -> f32 {\n    return select(0.0, 1.0, env_component(observation, k));\n}\n\n"
        } else {
            "struct Observation {\n    components: array<f32, OBSERVATION>,\n}\n\nfn observation_of(state: EnvState) -> Observation {\n    return Observation(env_observe(state));\n}\n\n\
             fn component_of(observation: ptr<function, Observation>, k: u32) -> f32 {\n    return (*observation).components[k];\n}\n\n"
        };
        let settings = || self.parameters.iter().map(|parameter| (parameter, config.env_parameters.get(&parameter.name)));
        let literal = |parameter: &Parameter, value: f64| if parameter.whole { format!("{value}u") } else { format!("f32({:e})", value as f32) };
        let values: Vec<String> =
            settings().map(|(parameter, setting)| literal(parameter, setting.map_or(parameter.default, |setting| setting.range()[0]))).collect();
        let values = format!("EnvParameters({})", values.join(", "));
        let varied = settings().any(|(_, setting)| setting.is_some_and(Setting::varies));
        if varied {
            text += "var<private> parameters: EnvParameters;\n\n";
        } else if !self.parameters.is_empty() {
            text += &format!("const parameters = {values};\n\n");
        }
        text += "// Parameters of the episode that began at `time` in environment `n`.\nfn vary_parameters(agent: Agent, time: u32, n: u32) {\n";
        if varied {
            text += &format!("    parameters = {values};\n    var rng: Rng;\n");
            for (draw, (parameter, setting)) in settings().enumerate() {
                let Some(setting) = setting.filter(|setting| setting.varies()) else { continue };
                let [low, high] = setting.range();
                let value = if parameter.whole {
                    format!("{low}u + rng_below(&rng, {}u)", high - low + 1.0)
                } else {
                    format!("rng_between(&rng, {}, {})", literal(parameter, low), literal(parameter, high))
                };
                let (seed, time, lane) = setting.varies_with();
                text += &format!(
                    "    rng = rng_stream({seed}, PARAMETER_DOMAIN, {time}, {lane});\n    rng.draw = {draw}u;\n    parameters.{} = {value};\n",
                    parameter.name
                );
            }
        }
        text += "}\n\nfn legal_actions(state: EnvState) -> Legal {\n    var legal: Legal;\n";
        if self.masked {
            text += "    var mask = env_action_mask(state);\n    for (var k = 0u; k < LOGITS; k++) {\n        \
                     legal.bits[k / 32u] |= select(0u, 1u, mask[k]) << (k % 32u);\n    }\n";
        }
        text + "    return legal;\n}\n"
    }
}
