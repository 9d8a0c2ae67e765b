//! Built-in environments, and environments in a user's files.

use crate::environments::{bodies, contract, imports};
use crate::physics::scales;
use crate::program::plan::Plan;
use crate::program::profile::Profile;
use crate::spec::config::Config;
use crate::spec::data::Data;
use crate::spec::environment::{Environment, Parameter};
use crate::spec::sources::Sources;
use crate::support::error::{Error, Result};
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
    /// Constants of the file that have other values in this environment.
    constants: &'static [(&'static str, u32)],
}

macro_rules! built_in {
    (@preset) => { None };
    (@preset $preset:literal) => { Some((concat!("configs/", $preset, ".toml"), include_str!(concat!("../../configs/", $preset, ".toml")))) };
    ($($name:literal $file:literal $($preset:literal)? $({ $($constant:ident: $value:literal),* })?;)*) => {
        const BUILT_IN: &[BuiltIn] = &[$(BuiltIn {
            name: $name,
            source: include_str!(concat!("../../shaders/envs/", $file, ".wgsl")),
            preset: built_in!(@preset $($preset)?),
            constants: &[$($((stringify!($constant), $value),)*)?],
        },)*];
    };
}

// Standard name, file stem of the WGSL, and of the configuration if there is one; constants of the file with other values.
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
    "InvertedPendulum-v5" "inverted_pendulum" "inverted_pendulum";
    "InvertedDoublePendulum-v5" "inverted_double_pendulum" "inverted_double_pendulum";
    "Reacher-v5" "reacher" "reacher";
    "Swimmer-v5" "swimmer" "swimmer";
    "HalfCheetah-v5" "half_cheetah" "half_cheetah";
    "Hopper-v5" "hopper" "hopper";
    "Walker2d-v5" "walker2d" "walker2d";
    "Ant-v5" "ant" "ant";
    "Humanoid-v5" "humanoid" "humanoid";
    "popgym-RepeatFirstEasy-v0" "popgym_repeat_first";
    "popgym-RepeatFirstMedium-v0" "popgym_repeat_first" { DECKS: 8 };
    "popgym-RepeatFirstHard-v0" "popgym_repeat_first" { DECKS: 16 };
    "popgym-RepeatPreviousEasy-v0" "popgym_repeat_previous";
    "popgym-RepeatPreviousMedium-v0" "popgym_repeat_previous" { DECKS: 2, DELAY: 32 };
    "popgym-RepeatPreviousHard-v0" "popgym_repeat_previous" { DECKS: 3, DELAY: 64 };
    "popgym-AutoencodeEasy-v0" "popgym_autoencode";
    "popgym-AutoencodeMedium-v0" "popgym_autoencode" { DECKS: 2 };
    "popgym-AutoencodeHard-v0" "popgym_autoencode" { DECKS: 3 };
    "popgym-CountRecallEasy-v0" "popgym_count_recall";
    "popgym-CountRecallMedium-v0" "popgym_count_recall" { DECKS: 2, KINDS: 4 };
    "popgym-CountRecallHard-v0" "popgym_count_recall" { DECKS: 4, KINDS: 13 };
    "popgym-HigherLowerEasy-v0" "popgym_higher_lower";
    "popgym-HigherLowerMedium-v0" "popgym_higher_lower" { DECKS: 2 };
    "popgym-HigherLowerHard-v0" "popgym_higher_lower" { DECKS: 3 };
    "bsuite-MemoryChain-v0" "memory_chain";
    "TMaze-v0" "t_maze";
    "Probe/Bandit" "probe_bandit";
    "Probe/Value" "probe_value";
    "Probe/Choice" "probe_choice";
    "Probe/Delay" "probe_delay";
    "Probe/TimeLimit" "probe_time_limit";
    "Probe/Masked" "probe_masked";
    "Probe/Target" "probe_target";
    "Probe/Privileged" "probe_privileged";
    "Probe/Memory" "probe_memory";
}

impl BuiltIn {
    /// The file, with this environment's name and constants.
    fn text(&self) -> String {
        let mut text = self.source.to_string();
        for (name, value) in self.constants {
            let declaration = format!("const {name}: u32 = ");
            let start = text.find(&declaration).expect("a constant of the file") + declaration.len();
            let length = text[start..].find(';').expect("the end of the declaration");
            text.replace_range(start..start + length, &format!("{value}u"));
        }
        text
    }
}

/// Ranges of the built-in environments' parameters, by name, within which every environment stays finite: what is divided by is positive, probabilities end at
/// 1, and so on. A parameter that is not listed, such as a force or a position, may have any value, and so may those of files, but for the factors of a robot's
/// physics.
const RANGES: &[(&[&str], [f64; 2])] = &[
    (&["cart_mass", "mass", "inertia", "pole_half_length", "length", "length_1", "arm_length"], [1e-6, 1e6]),
    (&["max_speed", "max_speed_1", "max_speed_2", "max_thrust", "position_limit", "angle_limit", "reward_unit"], [1e-6, 1e6]),
    (&["time_step"], [1e-6, 1.0]),
    (&["corridor_length", "memory_length"], [1.0, 1e6]),
    (&["pole_mass", "mass_1", "mass_2", "noise"], [0.0, 1e6]),
    (&["centre_1", "centre_2", "reset_range"], [0.0, 1e3]),
    (&["reset_noise_scale"], [0.0, 1.0]),
    (&["gravity_scale", "friction_scale", "damping_scale", "armature_scale", "gain_scale"], [0.0, 100.0]),
    (&["mass_scale"], [0.01, 100.0]),
    (&["sticky_action_probability", "four_probability", "difficulty_ramping", "terminate_when_unhealthy"], [0.0, 1.0]),
];

/// Sets the range of a parameter that has one.
fn limit(parameter: &mut Parameter) {
    if let Some((_, range)) = RANGES.iter().find(|(names, _)| names.contains(&parameter.name.as_str())) {
        parameter.range = *range;
    }
}

/// The error for a `name` that is neither a built-in environment's nor the path of a file that ends in `.wgsl`.
fn no_such(name: &str) -> Error {
    let (path, file) = (Path::new(name), format!("{name}.wgsl"));
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xml")) {
        let help = format!("a task imports it: `ppo-gpu env new NAME --mjcf {name}` writes one, and `ppo-gpu env show {name}` describes the robot");
        return Error::config("env", format!("{name} is a robot, not an environment"), help);
    }
    if path.is_file() {
        return Error::config("env", format!("the name of the file {name} does not end in .wgsl"), "rename it, if it is an environment's WGSL");
    }
    if path.is_dir() {
        return Error::config("env", format!("{name} is a directory"), "give the path of a .wgsl file");
    }
    let nearest = if Path::new(&file).is_file() { format!("; did you mean '{file}'?") } else { did_you_mean(name, Environment::names()) };
    let help = format!("one of {}, or the path of a .wgsl file{nearest}", Environment::names().collect::<Vec<_>>().join(", "));
    Error::config("env", format!("there is no environment '{name}'"), help)
}

/// A template of an environment file.
pub fn template(continuous: bool) -> &'static str {
    if continuous { include_str!("template_continuous.wgsl") } else { include_str!("template_discrete.wgsl") }
}

impl Environment {
    /// The built-in environment called `name` (upper or lower case), or the one in the file of that name, with the files that it imports, if it ends in
    /// `.wgsl`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the nearest environment when there is none of that name; [`Error::Unreadable`] when the file cannot be read;
    /// [`Error::Environment`] when an import line cannot be followed; those of [`Environment::parse`].
    pub fn named(name: &str) -> Result<Environment> {
        if Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wgsl")) {
            let (source, sources, data) = imports::read(name)?;
            return from_text(name, &source, sources, data);
        }
        let known = Self::built_in(name).ok_or_else(|| no_such(name))?;
        // A test checks that they fit into the kernels.
        let (source, sources) = bodies::with_physics(known.name, known.text(), Sources::file(known.name))?;
        let mut environment = Environment { built_in: true, ..contract::read(known.name, &source, sources, Data::default())? };
        environment.parameters.iter_mut().for_each(limit);
        Ok(environment)
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

    /// The environment that the text of a WGSL file declares. Its lines that import files or name data are comments here: [`Environment::named`] reads
    /// them, and puts the texts of files together, as in the `source` of the result, which this takes, too.
    ///
    /// # Errors
    /// [`Error::Environment`] when it does not compile or breaks the contract.
    pub fn parse(name: &str, source: &str) -> Result<Environment> {
        Environment::with_data(name, source, Data::default())
    }

    /// [`Environment::parse`] with arrays that its functions may read.
    ///
    /// # Errors
    /// Those of [`Environment::parse`].
    pub fn with_data(name: &str, source: &str, data: Data) -> Result<Environment> {
        from_text(name, source, Sources::flattened(name, source), data)
    }
}

/// The environment that `source` declares, which was put together from the files of `sources`, with its `data`.
fn from_text(name: &str, source: &str, sources: Sources, data: Data) -> Result<Environment> {
    let mut environment = contract::read(name, source, sources, data)?;
    contract::fits_into_kernels(&environment)?;
    if environment.source.contains("\nfn physics_step(") {
        environment.parameters.iter_mut().filter(|parameter| scales::NAMES.contains(&parameter.name.as_str())).for_each(limit);
    }
    environment.check_defaults()?;
    Ok(environment)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever adds a parameter decides whether it has a range.
    #[test]
    fn parameters_of_built_in_environments_have_ranges_or_a_sign() {
        const FREE: &[&str] = &[
            "gravity",
            "force",
            "power",
            "left_wall",
            "right_end",
            "goal_position",
            "goal_velocity",
            "goal_reward",
            "effort_cost",
            "target_x",
            "target_z",
            "clock",
            "mean_0",
            "mean_1",
            "mean_2",
            "mean_3",
            "delay",
            "forward_reward_weight",
            "ctrl_cost_weight",
            "contact_cost_weight",
            "contact_cost_max",
            "reward_dist_weight",
            "reward_control_weight",
            "healthy_reward",
            "healthy_state_max",
            "healthy_z_min",
            "healthy_z_max",
            "healthy_angle_max",
            "contact_force_max",
        ];
        let mut unused: Vec<&str> = RANGES.iter().flat_map(|(names, _)| *names).chain(FREE).copied().collect();
        let before = unused.len();
        unused.sort_unstable();
        unused.dedup();
        assert_eq!(unused.len(), before, "a name is listed twice");
        for environment in Environment::list().expect("environments") {
            for Parameter { name, default, range: [least, most], .. } in environment.parameters {
                assert!((least..=most).contains(&default), "{}: {name}", environment.name);
                let listed = RANGES.iter().any(|(names, _)| names.contains(&name.as_str()));
                assert!(listed != FREE.contains(&name.as_str()), "{}: {name}", environment.name);
                unused.retain(|other| *other != name);
            }
        }
        assert!(unused.is_empty(), "no environment has {unused:?}");
    }
}
