//! Built-in environments, and environments in a user's files.

use crate::environments::contract;
use crate::program::plan::Plan;
use crate::program::profile::Profile;
use crate::spec::config::Config;
use crate::spec::environment::Environment;
use crate::support::error::{Error, Result};
use crate::support::files;
use crate::support::text::did_you_mean;
use std::path::Path;

/// A built-in environment.
struct BuiltIn {
    /// Standard name.
    name: &'static str,
    /// The WGSL file.
    source: &'static str,
    /// Name and text of its default configuration (preset).
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

// Standard name, file stem of the WGSL, and of the configuration if there is one.
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

/// A template of an environment file.
pub fn template(continuous: bool) -> &'static str {
    if continuous { include_str!("template_continuous.wgsl") } else { include_str!("template_discrete.wgsl") }
}

impl Environment {
    /// The built-in environment called `name` (upper or lower case), or the one in the file of that name if it ends in `.wgsl`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the nearest environment when there is none of that name; [`Error::Unreadable`] when the file cannot be read; those of
    /// [`Environment::parse`].
    pub fn named(name: &str) -> Result<Environment> {
        if Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wgsl")) {
            let source = files::read_text(Path::new(name))?;
            return Environment::parse(name, &source);
        }
        let known = Self::built_in(name).ok_or_else(|| {
            let help = format!("one of {}, or the path of a .wgsl file{}", Self::names().collect::<Vec<_>>().join(", "), did_you_mean(name, Self::names()));
            Error::config("env", format!("there is no environment '{name}'"), help)
        })?;
        // A test checks that they fit into the kernels.
        Ok(Environment { built_in: true, ..contract::read(known.name, known.source)? })
    }

    /// Names of the built-in environments.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|known| known.name)
    }

    fn built_in(name: &str) -> Option<&'static BuiltIn> {
        BUILT_IN.iter().find(|known| known.name.eq_ignore_ascii_case(name))
    }

    /// File name and text of the preset of the built-in environment called `name`.
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
}

impl Plan {
    /// Derives the plan of `config`, on the environment that it names, for a device of the given profile.
    ///
    /// # Errors
    /// Those of [`Environment::named`] and [`Plan::with_environment`].
    pub fn new(config: &Config, profile: Profile) -> Result<Plan> {
        Plan::with_environment(config, Environment::named(&config.env)?, profile)
    }
}
