//! The user's configuration: every key, declared once. Derived sizes are in [`crate::program::plan`].
//!
//! To add a key, add it to the declaration below. From it follow the fields and defaults of [`Config`], the list of [`KEYS`] with flags, help and reference
//! page, the checks, the set of keys that affect learning (`spec/digest.rs`), and the keys that may change when a run continues or an agent plays.

use crate::support::error::{Error, Result};
use crate::support::text::{did_you_mean, typed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;

use crate::spec::tuning::{AUTO, Tuning};
use crate::spec::values::KeyType;
pub use crate::spec::values::{Activation, OnDivergence, Onto, Per, PerAgent, Setting, TimeLimit};

/// One configuration key.
pub struct Key {
    /// Name in TOML and `--set`; the flag is the same with dashes.
    pub name: &'static str,
    /// Its heading in help and `inspect config`.
    pub section: &'static str,
    /// Placeholder of its value in `--help`.
    pub value: &'static str,
    /// A value other than its default, in the syntax of `--set`.
    pub example: &'static str,
    /// Meaning, unit and range, in one or two sentences.
    pub help: &'static str,
    /// What a value has to be.
    pub expected: &'static str,
    /// Whether it may have one value per agent.
    pub per_agent: bool,
    /// Whether results do not depend on it, as long as nothing diverges.
    pub without_effect: bool,
    /// Whether it may change when a run continues.
    pub resumable: bool,
    /// Whether it may differ from training when agents play.
    pub playable: bool,
}

impl Key {
    /// The defaults of a key's properties.
    const COMMON: Key = Key {
        name: "",
        section: "",
        value: "",
        example: "",
        help: "",
        expected: "",
        per_agent: false,
        without_effect: false,
        resumable: false,
        playable: false,
    };

    /// The key of this name.
    pub fn named(name: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Names of the keys that satisfy `is`, in order.
    pub fn names(is: impl Fn(&Key) -> bool) -> Vec<&'static str> {
        KEYS.iter().filter(|key| is(key)).map(|key| key.name).collect()
    }
}

/// Declares the keys: for each, below its help, `NAME: TYPE = DEFAULT, in CHECK, "PLACEHOLDER", "EXAMPLE", OPTION...`. Without a check every value of the type
/// is allowed. Options are the fields of [`Key`] that are true of it. The type decides whether a key may have one value per agent, and whether it may have none.
macro_rules! keys {
    ($($section:literal { $(
        $(#[doc = $help:literal])+
        $name:ident: $type:ty = $default:expr, $(in $allowed:expr,)? $value:literal, $example:literal $(, $option:ident)*;
    )* })*) => {
        /// A complete configuration. Field names are the keys of TOML files, `--set` and (with dashes) flags.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Config {
            $($($(#[doc = $help])+ #[serde(skip_serializing_if = "KeyType::is_unset")] pub $name: $type,)*)*
        }

        impl Default for Config {
            /// PureJaxRL's CartPole setting; presets in `configs/` change what differs.
            fn default() -> Self {
                Config { $($($name: $default,)*)* }
            }
        }

        /// Every key, in the order in which `inspect config` prints them.
        #[allow(clippy::needless_update)] // a key may have every option
        pub const KEYS: &[Key] = &[$($(Key {
            name: stringify!($name),
            section: $section,
            value: $value,
            example: $example,
            help: concat!($($help),+).trim_ascii(),
            expected: <$type as KeyType>::EXPECTED,
            per_agent: <$type as KeyType>::PER_AGENT,
            $($option: true,)*
            ..Key::COMMON
        },)*)*];

        impl Config {
            /// The keys that may have one value per agent, with their values.
            pub(crate) fn per_agent(&self) -> impl Iterator<Item = (&'static str, &PerAgent)> {
                let keys = [$($((stringify!($name), self.$name.per_agent()),)*)*];
                keys.into_iter().filter_map(|(name, values)| Some((name, values?)))
            }

            /// This configuration for any number of agents: lists of hyper-parameters become their first values.
            pub fn one_setting(&self) -> Config {
                Config { $($($name: self.$name.of_first_agent(),)*)* }
            }

            /// Checks the value of each key by itself.
            pub(super) fn check_values(&self) -> Result<()> {
                $($($(
                    ($allowed)(&self.$name).map_err(|(problem, help): Refusal| Error::config(stringify!($name), problem, help))?;
                )?)*)*
                Ok(())
            }
        }
    };
}

keys! {
    "Task" {
        /// Environment to train on: a name from `ppo-gpu env list`, or the path of a .wgsl file
        env: String = "CartPole-v1".into(), "NAME", "Acrobot-v1";
        /// Environment parameters to override, time_limit among them (`ppo-gpu env show NAME` lists them): `gravity=9.8`, or `gravity=[8,12]`, drawn for each
        /// episode, or `gravity={low=8,high=12,per="agent"}`, drawn for each agent (or episode, or environment)
        env_parameters: BTreeMap<String, Setting> = BTreeMap::new(), "TABLE", "gravity=3.7", playable;
        /// Environments of each agent, stepped in parallel
        envs: u32 = 4, in integer(1, 1 << 24), "N", "64";
        /// Rollout length: steps of each environment between two updates
        steps: u32 = 128, in integer(1, 1 << 15), "T", "64";
        /// Independent agents trained in the same dispatches; agent k uses seed + k
        agents: u32 = 1, in integer(1, 32_767), "S", "8";
        /// Seed of the first agent; the same seed on the same device gives bit-identical results
        seed: u64 = 0, in toml_integer, "SEED", "7", playable;
        /// Environment steps to train each agent for; rounded up to whole updates
        total_steps: u64 = 500_000, in steps_to_train, "STEPS", "5e6", resumable;
        /// Stop an agent once the mean return of its last 100 finished episodes reaches this
        target_return: Option<f64> = None, in optional(reachable), "RETURN", "475";
        /// Meaning of an episode's time limit: 'bootstrap' (not an end of the task: the value of the last observation is added to the reward) or 'terminal' (an
        /// end, as in PureJaxRL and CleanRL)
        time_limit: TimeLimit = TimeLimit::Bootstrap, "MODE", "terminal";
        /// How continuous actions are brought within the environment's bounds: 'clip' (values beyond them become the bounds) or 'scale' (values from -1 to 1,
        /// to which others are clipped, are mapped linearly onto the bounds, as in rl_games)
        actions: Onto = Onto::Clip, "MODE", "scale";
        /// Observations that the networks see at once: the last ones, the oldest first; after a reset, the first one in place of those before it (as in
        /// Gymnasium's FrameStackObservation and in Isaac Lab)
        observation_history: u32 = 1, in integer(1, 4096), "K", "4";
    }
    "Networks" {
        /// Widths of the hidden layers, the same for actor and critic, e.g. 64,64
        hidden: Vec<u32> = vec![64, 64], in hidden_widths, "WIDTHS", "128,128";
        /// Activation of the hidden layers: 'tanh' or 'relu'
        activation: Activation = Activation::Tanh, "NAME", "relu";
    }
    "PPO" {
        /// Passes over each rollout
        epochs: u32 = 4, in integer(1, 1_000), "E", "10";
        /// Gradient steps per epoch; must divide envs * steps
        minibatches: u32 = 4, in integer(1, 1 << 16), "K", "8";
        /// Adam's learning rate; like every decimal key of this section, one value or one per agent: 3e-4,1e-3
        lr: PerAgent = PerAgent::Same(2.5e-4), in number(0.0, 100.0), "RATE", "1e-3";
        /// Anneal the learning rate linearly towards 0 over the run
        anneal_lr: bool = true, "BOOL", "false";
        /// Discount factor, 0 to 1
        gamma: PerAgent = PerAgent::Same(0.99), in number(0.0, 1.0), "GAMMA", "0.999";
        /// Lambda of generalised advantage estimation, 0 to 1
        gae_lambda: PerAgent = PerAgent::Same(0.95), in number(0.0, 1.0), "LAMBDA", "0.9";
        /// Clip range of the probability ratio, and of the value if value_clip is on
        clip: PerAgent = PerAgent::Same(0.2), in positive(1e6), "EPSILON", "0.1";
        /// Anneal the clip range linearly towards 0 over the run
        anneal_clip: bool = false, "BOOL", "true";
        /// Clip the change of the value by the same range as the ratio
        value_clip: bool = true, "BOOL", "false";
        /// Weight of the entropy bonus
        entropy_coef: PerAgent = PerAgent::Same(0.01), in number(0.0, 1e6), "COEF", "0.0";
        /// Anneal the weight of the entropy bonus linearly towards 0 over the run
        anneal_entropy: bool = false, "BOOL", "true";
        /// Weight of the value loss
        value_coef: PerAgent = PerAgent::Same(0.5), in number(0.0, 1e6), "COEF", "1.0";
        /// Maximum global norm of an agent's gradient; a longer gradient is scaled down to it
        max_grad_norm: PerAgent = PerAgent::Same(0.5), in positive(1e30), "NORM", "1.0";
        /// Least logarithm of the standard deviations of continuous actions: a smaller one is set to it after each gradient step; no effect on discrete actions
        log_std_min: Option<PerAgent> = None, in optional(number(-LARGEST_LOG_STD, LARGEST_LOG_STD)), "LOG", "-2.0";
        /// Largest logarithm of the standard deviations of continuous actions: a larger one is set to it after each gradient step; no effect on discrete actions
        log_std_max: Option<PerAgent> = None, in optional(number(-LARGEST_LOG_STD, LARGEST_LOG_STD)), "LOG", "1.0";
        /// Skip the remaining gradient steps of an update once a minibatch's approximate KL divergence exceeds 1.5 times this
        target_kl: Option<PerAgent> = None, in optional(positive(1e30)), "KL", "0.02";
        /// Adapt the learning rate, of each agent by itself, so that the policy moves by about this approximate KL divergence in an update: before each
        /// gradient step the rate is divided by 1.5 if the minibatch's divergence is above twice this, and multiplied by 1.5 if it is below half of this, but
        /// not 0; lr is where it starts, and anneal_lr multiplies it as ever
        desired_kl: Option<PerAgent> = None, in optional(positive(1e30)), "KL", "0.01";
        /// Where desired_kl stops lowering the learning rate
        lr_min: PerAgent = PerAgent::Same(1e-5), in number(0.0, 100.0), "RATE", "1e-6";
        /// Where desired_kl stops raising the learning rate
        lr_max: PerAgent = PerAgent::Same(1e-2), in number(0.0, 100.0), "RATE", "1e-3";
        /// Normalise the advantages of each minibatch to mean 0 and deviation 1; a minibatch of one sample is left as it is
        normalize_advantages: bool = true, "BOOL", "false";
        /// Normalise each component of the observation by its running mean and deviation, clipped to +-10
        normalize_observations: bool = false, "BOOL", "true";
        /// Divide rewards by the running deviation of the discounted return
        normalize_rewards: bool = false, "BOOL", "true";
        /// Let the critic predict values that are normalised by the running mean and deviation of their targets, and rescale its last layer after each update so
        /// that new moments change no value (PopArt); value_clip and the value loss are in units of that deviation
        normalize_values: bool = false, "BOOL", "true";
    }
    "Device" {
        /// Graphics API: auto, vulkan, metal, dx12 or gl
        backend: String = "auto".into(), in one_of(&["auto", "vulkan", "metal", "dx12", "gl"]), "NAME", "vulkan", without_effect, resumable, playable;
        /// Adapter to use: its index or id, as `ppo-gpu devices` lists them, or a part of its name that no other adapter has
        adapter: String = String::new(), "ADAPTER", "llvmpipe", without_effect, resumable, playable;
        /// How kernels are compiled: auto, software, gpu or small
        profile: String = "auto".into(), in one_of(&["auto", "software", "gpu", "small"]), "NAME", "gpu", without_effect, resumable, playable;
        /// Sizes of kernels: auto (those that `ppo-gpu tune` remembered for this device and plan, if any), none (the program's own), or some, as in
        /// rows=1,tile=16. They change rounding, not what is learned; a run keeps those that it began with
        tuning: String = AUTO.into(), in tuning, "SIZES", "rows=1,tile=16", without_effect, resumable, playable;
        /// Dispatches in each submission; 0 measures, and keeps each submission near 50 ms. Does not change results
        dispatches_per_submit: u32 = 0, "COUNT", "64", without_effect, resumable;
    }
    "Checkpoints" {
        /// Updates between checkpoints; 0 makes one a minute. There is always one at the end
        checkpoint_every: u32 = 0, "UPDATES", "100", without_effect, resumable;
        /// Number of recent checkpoints to keep, beside the one with the best mean return
        keep: u32 = 2, in integer(1, u32::MAX), "COUNT", "10", without_effect, resumable;
        /// Response to an agent that diverges: 'freeze' (it keeps its last finite parameters, the others learn on) or 'rollback' (all agents return to the last
        /// checkpoint, and this one tries again with half its learning rate)
        on_divergence: OnDivergence = OnDivergence::Freeze, "MODE", "rollback", without_effect, resumable;
        /// Maximum number of rollbacks; after that, agents that diverge are frozen
        rollbacks: u32 = 3, "COUNT", "10", without_effect, resumable;
    }
}

/// e^20 is 5e8: a deviation beyond this, or below its inverse, is 0 or infinite beside the actions of any environment.
const LARGEST_LOG_STD: f64 = 20.0;

impl Config {
    /// Checks what does not depend on anything derived.
    pub(super) fn check(&self) -> Result<()> {
        self.check_values()?;
        for (name, values) in self.per_agent() {
            if let PerAgent::Each(list) = values
                && list.len() != self.agents as usize
            {
                let problem = format!("{} values for {} agents", list.len(), self.agents);
                let or_agents = if list.is_empty() { String::new() } else { format!("; or set agents = {}", list.len()) };
                return Err(Error::config(name, problem, format!("give one value, or exactly {}{or_agents}", self.agents)));
            }
        }
        let ranges = [
            (("log_std_min", self.log_std_min.as_ref()), ("log_std_max", self.log_std_max.as_ref())),
            (("lr_min", Some(&self.lr_min)), ("lr_max", Some(&self.lr_max))),
        ];
        for ((low_name, low), (high_name, high)) in ranges {
            let (Some(low), Some(high)) = (low, high) else { continue };
            if let Some(s) = (0..self.agents as usize).find(|&s| low.of(s) > high.of(s)) {
                let problem = format!("{} is greater than {high_name}, which is {}", typed(low.of(s)), typed(high.of(s)));
                return Err(Error::config(low_name, problem, nearest(typed(high.of(s)))));
            }
        }
        Ok(())
    }
}

/// What is wrong with a value, and what to do.
type Refusal = (String, String);
/// The verdict on a value.
type Allowed = std::result::Result<(), Refusal>;

fn nearest(value: impl Display) -> String {
    format!("nearest that works: {value}")
}

/// A whole number of a range.
fn integer(least: u32, most: u32) -> impl Fn(&u32) -> Allowed {
    move |value| match (least..=most).contains(value) {
        true => Ok(()),
        false => Err((format!("{value} is out of range ({least} to {most})"), nearest(value.clamp(&least, &most)))),
    }
}

/// A number of a range, or several.
fn number(least: f64, most: f64) -> impl Fn(&PerAgent) -> Allowed {
    move |values| match values.values().iter().find(|value| !(least..=most).contains(*value)) {
        None => Ok(()),
        Some(value) if value.is_nan() => Err(("NaN is not a number".into(), format!("give a number from {} to {}", typed(least), typed(most)))),
        Some(&value) => Err((format!("{} is out of range ({} to {})", typed(value), typed(least), typed(most)), nearest(typed(value.clamp(least, most))))),
    }
}

/// A number greater than 0 in the device's precision, or several.
fn positive(most: f64) -> impl Fn(&PerAgent) -> Allowed {
    /// The least that the device computes with.
    const LEAST: f64 = f32::MIN_POSITIVE as f64;
    move |values| match values.values().iter().find(|value| !(LEAST..=most).contains(*value)) {
        None => Ok(()),
        Some(&value) if value > most => Err((format!("{} is out of range (greater than 0, up to {})", typed(value), typed(most)), nearest(typed(most)))),
        Some(&value) if value > 0.0 => Err((format!("{} is 0 in the 32 bits of the device", typed(value)), "give a number from 1e-37 on".into())),
        Some(&value) => Err((format!("{} is out of range", typed(value)), format!("give a number greater than 0, up to {}", typed(most)))),
    }
}

/// A value that may be absent.
fn optional<T>(allowed: impl Fn(&T) -> Allowed) -> impl Fn(&Option<T>) -> Allowed {
    move |value| value.as_ref().map_or(Ok(()), &allowed)
}

/// One of some words.
fn one_of(words: &'static [&'static str]) -> impl Fn(&str) -> Allowed {
    move |value| match words.contains(&value) {
        true => Ok(()),
        false => Err((format!("there is no '{value}'"), format!("one of {}{}", words.join(", "), did_you_mean(value, words.iter().copied())))),
    }
}

/// A number that TOML can hold: its integers are signed.
fn toml_integer(value: &u64) -> Allowed {
    if *value > i64::MAX as u64 { Err((format!("{value} is out of range"), nearest(i64::MAX))) } else { Ok(()) }
}

fn tuning(text: &str) -> Allowed {
    text.parse::<Tuning>().map(|_| ())
}

fn steps_to_train(steps: &u64) -> Allowed {
    if *steps == 0 { Err(("0 steps leave nothing to train".into(), nearest(1))) } else { toml_integer(steps) }
}

fn reachable(target: &f64) -> Allowed {
    if target.is_finite() { Ok(()) } else { Err((format!("{target} is not a number to reach"), "leave it out to train to total_steps".into())) }
}

fn hidden_widths(widths: &[u32]) -> Allowed {
    /// Kernels contain the code of every layer, and the time of drivers' compilers grows faster than linearly with it.
    const MOST_LAYERS: usize = 16;
    const WIDEST: u32 = 4096;
    if widths.is_empty() {
        return Err(("there must be at least one hidden layer".into(), "the default is 64,64".into()));
    }
    if widths.len() > MOST_LAYERS {
        let problem = format!("{} hidden layers are too many (at most {MOST_LAYERS})", widths.len());
        return Err((problem, format!("keep the first {MOST_LAYERS}")));
    }
    match widths.iter().find(|&&width| width == 0 || width > WIDEST) {
        None => Ok(()),
        Some(width) => Err((format!("width {width} is out of range (1 to {WIDEST})"), nearest(width.clamp(&1, &WIDEST)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key with the value of its example.
    fn examples() -> Config {
        let layers = KEYS.iter().map(|key| Config::assignment(key.name, key.example).expect("a key"));
        Config::from_layers(layers).unwrap_or_else(|error| panic!("{error}: {}", error.help()))
    }

    /// Every key has a value other than its default.
    fn all_changed() -> Config {
        Config {
            env: "CartPole-v1".to_lowercase(),
            env_parameters: [
                ("gravity".into(), Setting::Value(9.0)),
                ("force".into(), Setting::Range([5.0, 15.5])),
                ("pole_mass".into(), Setting::Drawn { low: 0.1, high: 0.2, per: Per::Agent }),
            ]
            .into(),
            envs: 12,
            steps: 7,
            agents: 2,
            seed: 1 << 40,
            total_steps: 123,
            target_return: Some(-1.5),
            hidden: vec![3, 5, 8],
            epochs: 9,
            minibatches: 3,
            lr: PerAgent::Each(vec![1e-3, 1.0 / 3.0]),
            gamma: PerAgent::Same(0.5),
            gae_lambda: PerAgent::Same(1.0),
            clip: PerAgent::Same(1e-30),
            entropy_coef: PerAgent::Each(vec![0.0, 1.0]),
            value_coef: PerAgent::Same(2.0),
            max_grad_norm: PerAgent::Same(1e30),
            target_kl: Some(PerAgent::Each(vec![0.01, 0.5])),
            desired_kl: Some(PerAgent::Each(vec![0.01, 0.02])),
            log_std_min: Some(PerAgent::Each(vec![-4.0, -3.5])),
            adapter: "a \"quoted\" name".into(),
            profile: "small".into(),
            tuning: "tile=8".into(),
            dispatches_per_submit: 4,
            checkpoint_every: 10,
            keep: 7,
            rollbacks: 5,
            ..examples()
        }
    }

    #[test]
    fn keys_and_fields_are_the_same() {
        let table = toml::Table::try_from(all_changed()).expect("representable in TOML");
        let defaults = toml::Table::try_from(Config::default()).expect("representable in TOML");
        let fields: std::collections::BTreeSet<&str> = table.keys().map(String::as_str).collect();
        let keys: std::collections::BTreeSet<&str> = KEYS.iter().map(|key| key.name).collect();
        assert_eq!(fields, keys);
        assert_eq!(keys.len(), KEYS.len(), "a key is listed twice");
        for key in KEYS {
            assert_ne!(table.get(key.name), defaults.get(key.name), "this test must change {}", key.name);
        }
    }

    #[test]
    fn commented_toml_loads_back_to_the_same() {
        for config in [Config::default(), all_changed()] {
            let layer = Config::layer("test", &config.to_commented_toml()).expect("TOML");
            assert_eq!(Config::from_layers([layer]).expect("a configuration"), config);
        }
    }

    #[test]
    fn integers_may_be_written_as_whole_floats() {
        let layer = Config::layer("test", "total_steps = 1e6\nenvs = 64.0\nseed = 1e18\nhidden = [1e2, 8]\n").expect("TOML");
        let config = Config::from_layers([layer]).expect("a configuration");
        assert_eq!((config.total_steps, config.envs, config.seed, config.hidden), (1_000_000, 64, 10_u64.pow(18), vec![100, 8]));
        for text in ["envs = 6.5", "envs = -8.0", "envs = 1e20", "envs = nan", "envs = inf"] {
            let error = Config::from_layers([Config::layer("test", text).expect("TOML")]).expect_err(text);
            assert!(error.to_string().contains("envs"), "{error}");
        }
    }

    #[test]
    fn every_value_can_be_assigned_as_text() {
        for config in [Config::default(), all_changed()] {
            let table = toml::Table::try_from(&config).expect("representable in TOML");
            let layers: Vec<toml::Table> = table
                .iter()
                // As TOML writes it, but for the one text that needs its quotes escaped.
                .map(|(name, value)| Config::assignment(name, &value.as_str().map_or(value.to_string(), str::to_string)).expect("a known key"))
                .collect();
            assert_eq!(Config::from_layers(layers).expect("a configuration"), config);
        }
        let one = Config::assignment("env_parameters.gravity", "[8, 9]").expect("a known key");
        let other = Config::assignment("env-parameters", "force = 5").expect("a known key");
        let both = Config::from_layers([one, other]).expect("a configuration").env_parameters;
        assert_eq!(both, [("force".into(), Setting::Value(5.0)), ("gravity".into(), Setting::Range([8.0, 9.0]))].into());
        assert!(Config::assignment("minibatchs", "4").is_err_and(|error| error.help().contains("'minibatches'")));
    }

    #[test]
    fn a_type_decides_whether_there_is_a_value_per_agent_or_none() {
        let (config, names) = (all_changed(), Key::names(|key| key.per_agent));
        assert!(["lr", "target_kl"].iter().all(|name| names.contains(name)) && !names.contains(&"envs") && !names.contains(&"target_return"));
        assert_eq!(config.per_agent().map(|(name, _)| name).collect::<Vec<_>>(), names);
        assert!(Config::default().per_agent().all(|(name, _)| name != "target_kl"), "it has no value");
        let first = config.one_setting();
        assert!(first.per_agent().all(|(_, values)| matches!(values, PerAgent::Same(_))));
        assert_eq!((first.lr, first.target_kl), (PerAgent::Same(1e-3), Some(PerAgent::Same(0.01))));
        let written = toml::Table::try_from(Config::default()).expect("representable in TOML");
        assert!(written.contains_key("lr") && !written.contains_key("target_kl") && !written.contains_key("target_return"));
    }

    #[test]
    fn values_out_of_range_are_refused_with_the_nearest() {
        for (assignments, problem, help) in [
            (&["envs=0"][..], "envs: 0 is out of range (1 to 16777216)", "nearest that works: 1"),
            (&["agents=40000"], "agents: 40000 is out of range (1 to 32767)", "nearest that works: 32767"),
            (&["total_steps=0"], "total_steps: 0 steps leave nothing to train", "nearest that works: 1"),
            (&["hidden=[]"], "hidden: there must be at least one hidden layer", "the default is 64,64"),
            (&["hidden=4,5000"], "hidden: width 5000 is out of range (1 to 4096)", "nearest that works: 4096"),
            (&["target_return=inf"], "target_return: inf is not a number to reach", "leave it out to train to total_steps"),
            (&["gamma=1.5"], "gamma: 1.5 is out of range (0 to 1)", "nearest that works: 1"),
            (&["lr=nan"], "lr: NaN is not a number", "give a number from 0 to 100"),
            (&["target_kl=nan"], "target_kl: NaN is out of range", "give a number greater than 0, up to 1e30"),
            (&["max_grad_norm=0"], "max_grad_norm: 0 is out of range", "give a number greater than 0, up to 1e30"),
            (&["max_grad_norm=1e-50"], "max_grad_norm: 1e-50 is 0 in the 32 bits of the device", "give a number from 1e-37 on"),
            (&["clip=1e7"], "clip: 10000000 is out of range (greater than 0, up to 1000000)", "nearest that works: 1000000"),
            (&["agents=3", "clip=1,2"], "clip: 2 values for 3 agents", "give one value, or exactly 3; or set agents = 2"),
            (&["log_std_min=-21"], "log_std_min: -21 is out of range (-20 to 20)", "nearest that works: -20"),
            (&["log_std_min=1", "log_std_max=0.5"], "log_std_min: 1 is greater than log_std_max, which is 0.5", "nearest that works: 0.5"),
            (&["agents=2", "log_std_min=-3,1", "log_std_max=0"], "log_std_min: 1 is greater than log_std_max, which is 0", "nearest that works: 0"),
            (&["lr_min=0.02"], "lr_min: 0.02 is greater than lr_max, which is 0.01", "nearest that works: 0.01"),
            (&["desired_kl=0"], "desired_kl: 0 is out of range", "give a number greater than 0, up to 1e30"),
            (&["lr=[]"], "lr: 0 values for 1 agents", "give one value, or exactly 1"),
            (&["backend=metl"], "backend: there is no 'metl'", "one of auto, vulkan, metal, dx12, gl; did you mean 'metal'?"),
        ] {
            let layers = assignments.iter().filter_map(|pair| pair.split_once('=')).map(|(key, value)| Config::assignment(key, value).expect("a key"));
            let error = Config::from_layers(layers).expect_err("a refusal");
            assert_eq!((error.to_string().as_str(), error.help().as_str()), (problem, help));
        }
    }

    #[test]
    fn keys_without_effect_on_learning_may_change_on_resume() {
        let resumable = Key::names(|key| key.resumable);
        assert!(Key::names(|key| key.without_effect).iter().all(|name| resumable.contains(name)));
        assert!(resumable.contains(&"total_steps") && !resumable.contains(&"seed") && !resumable.contains(&"lr"));
    }
}
