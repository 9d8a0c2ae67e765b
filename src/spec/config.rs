//! What the user wrote: every key, its default and its meaning. Nothing here is derived; see [`crate::program::plan`].
//!
//! A configuration is built in layers, each a TOML table: the defaults below, then a preset or `--config FILE`, then
//! `--set key=value` and flags. [`KEYS`] is the one list of keys; the flags of the command line, the comments of
//! `inspect config` and the check for unknown keys are made from it.

use crate::support::error::{Error, Result};
use crate::support::text::did_you_mean;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Hidden-layer activation function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Hyperbolic tangent.
    Tanh,
    /// max(x, 0).
    Relu,
}

/// What the end of an episode by its time limit means (Pardo et al. 2018).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeLimit {
    /// Not an end of the task: the value of the last observation is added to the reward.
    Bootstrap,
    /// The same as termination, as PureJaxRL and CleanRL do.
    Terminal,
}

/// What becomes of an agent with which something goes wrong: a quantity that is not finite, a state without a legal action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDivergence {
    /// It stays at its last finite parameters, and the other agents learn on.
    Freeze,
    /// All agents go back to the last checkpoint, and those that diverged try again with half of their learning rate.
    Rollback,
}

/// A hyper-parameter that is the same for all agents, or has one value per agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, or a list with one number per agent")]
pub enum PerAgent {
    /// One value for every agent.
    Same(f64),
    /// One value per agent, in agent order.
    Each(Vec<f64>),
}

impl PerAgent {
    /// The value of agent `s`.
    pub fn of(&self, s: usize) -> f64 {
        match self {
            PerAgent::Same(value) => *value,
            PerAgent::Each(values) => values[s],
        }
    }

    /// All values that were written.
    pub fn values(&self) -> &[f64] {
        match self {
            PerAgent::Same(value) => std::slice::from_ref(value),
            PerAgent::Each(values) => values,
        }
    }
}

/// What a parameter of the environment is set to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, a range [low, high], or { low, high, per }")]
pub enum Setting {
    /// The same value everywhere.
    Value(f64),
    /// Uniform in a range, drawn anew for each episode.
    Range([f64; 2]),
    /// Uniform in a range.
    Drawn {
        /// Least value.
        low: f64,
        /// Largest value.
        high: f64,
        /// What has a value of its own.
        per: Per,
    },
}

/// What a varying parameter of the environment varies with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// Every episode.
    Episode,
    /// Every environment, for the whole run.
    Environment,
    /// Every agent, in all its environments.
    Agent,
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Setting::Value(value) => write!(f, "{value}"),
            Setting::Range([low, high]) | Setting::Drawn { low, high, .. } => write!(f, "[{low}, {high}]"),
        }
    }
}

impl Setting {
    /// Least and largest value.
    pub fn range(&self) -> [f64; 2] {
        match *self {
            Setting::Value(value) => [value; 2],
            Setting::Range(range) => range,
            Setting::Drawn { low, high, .. } => [low, high],
        }
    }

    /// Whether it has more than one value.
    pub fn varies(&self) -> bool {
        !matches!(self, Setting::Value(_))
    }

    /// Whether it has several values that last longer than an episode.
    pub(crate) fn outlasts_episodes(&self) -> bool {
        matches!(self, Setting::Drawn { per: Per::Environment | Per::Agent, .. })
    }

    /// Seed, time and lane of the random stream, as WGSL that knows the `agent`, the episode's `time` and environment `n`.
    pub(crate) fn varies_with(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Setting::Value(_) | Setting::Range(_) | Setting::Drawn { per: Per::Episode, .. } => ("agent.seed", "time", "n"),
            Setting::Drawn { per: Per::Environment, .. } => ("agent.world", "0xffffffffu", "n"),
            Setting::Drawn { per: Per::Agent, .. } => ("agent.world", "0xffffffffu", "0xffffffffu"),
        }
    }
}

/// Most hidden layers: kernels hold the code of every layer, and drivers' compilers take more than their share of time for each.
const MOST_HIDDEN_LAYERS: usize = 16;

/// A complete configuration. Field names are the keys of TOML files, `--set` and (with dashes) flags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // each field is documented in KEYS, once
pub struct Config {
    pub env: String,
    pub env_parameters: BTreeMap<String, Setting>,
    pub envs: u32,
    pub steps: u32,
    pub agents: u32,
    pub seed: u64,
    pub total_steps: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_return: Option<f64>,
    pub time_limit: TimeLimit,
    pub hidden: Vec<u32>,
    pub activation: Activation,
    pub epochs: u32,
    pub minibatches: u32,
    pub lr: PerAgent,
    pub anneal_lr: bool,
    pub gamma: PerAgent,
    pub gae_lambda: PerAgent,
    pub clip: PerAgent,
    pub anneal_clip: bool,
    pub value_clip: bool,
    pub entropy_coef: PerAgent,
    pub anneal_entropy: bool,
    pub value_coef: PerAgent,
    pub max_grad_norm: PerAgent,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_kl: Option<PerAgent>,
    pub normalize_advantages: bool,
    pub normalize_observations: bool,
    pub normalize_rewards: bool,
    pub backend: String,
    pub adapter: String,
    pub profile: String,
    pub dispatches_per_submit: u32,
    pub checkpoint_every: u32,
    pub keep: u32,
    pub on_divergence: OnDivergence,
    pub rollbacks: u32,
}

impl Default for Config {
    /// PureJaxRL's CartPole setting; presets in `configs/` change what differs.
    fn default() -> Self {
        Config {
            env: "CartPole-v1".into(),
            env_parameters: BTreeMap::new(),
            envs: 4,
            steps: 128,
            agents: 1,
            seed: 0,
            total_steps: 500_000,
            target_return: None,
            time_limit: TimeLimit::Bootstrap,
            hidden: vec![64, 64],
            activation: Activation::Tanh,
            epochs: 4,
            minibatches: 4,
            lr: PerAgent::Same(2.5e-4),
            anneal_lr: true,
            gamma: PerAgent::Same(0.99),
            gae_lambda: PerAgent::Same(0.95),
            clip: PerAgent::Same(0.2),
            anneal_clip: false,
            value_clip: true,
            entropy_coef: PerAgent::Same(0.01),
            anneal_entropy: false,
            value_coef: PerAgent::Same(0.5),
            max_grad_norm: PerAgent::Same(0.5),
            target_kl: None,
            normalize_advantages: true,
            normalize_observations: false,
            normalize_rewards: false,
            backend: "auto".into(),
            adapter: String::new(),
            profile: "auto".into(),
            dispatches_per_submit: 0,
            checkpoint_every: 0,
            keep: 2,
            on_divergence: OnDivergence::Freeze,
            rollbacks: 3,
        }
    }
}

/// One configuration key.
pub struct Key {
    /// Name in TOML and `--set`; the flag is the same with dashes.
    pub name: &'static str,
    /// Heading under which help and `inspect config` list it.
    pub section: &'static str,
    /// Placeholder of its value in `--help`.
    pub value: &'static str,
    /// Meaning, unit and range, in one or two sentences.
    pub help: &'static str,
}

macro_rules! keys {
    ($($section:literal { $($name:ident $value:literal $help:literal)* })*) => {
        /// Every key, in the order in which `inspect config` prints them.
        pub const KEYS: &[Key] = &[$($(Key { name: stringify!($name), section: $section, value: $value, help: $help },)*)*];
    };
}

keys! {
    "Task" {
        env "NAME" "Environment to train on: a name of `ppo-gpu env list`, or the path of a .wgsl file"
        env_parameters "TABLE" "Parameters of the environment that are not to have their standard values (see `ppo-gpu env show NAME`), time_limit among them: gravity=9.8, or gravity=[8,12], drawn for each episode, or gravity={low=8,high=12,per=\"agent\"} (episode, environment or agent)"
        envs "N" "Environments stepped at once, for each agent"
        steps "T" "Rollout length: environment steps between two updates"
        agents "S" "Independent agents trained in the same dispatches; agent k uses seed + k"
        seed "SEED" "Seed of the first agent; the same seed on the same device gives the same bits"
        total_steps "STEPS" "Environment steps to train for, per agent; rounded up to whole updates"
        target_return "RETURN" "Stop an agent once the mean return of its last 100 finished episodes reaches this"
        time_limit "MODE" "What an episode's time limit means: 'bootstrap' (not an end of the task) or 'terminal' (as PureJaxRL and CleanRL)"
    }
    "Networks" {
        hidden "WIDTHS" "Hidden layer widths of the actor and of the critic, e.g. 64,64"
        activation "NAME" "Hidden activation: 'tanh' or 'relu'"
    }
    "PPO" {
        epochs "E" "Passes over each rollout"
        minibatches "K" "Gradient steps per epoch; must divide envs * steps"
        lr "RATE" "Adam's learning rate; like every decimal key of this section, one value or one per agent: 3e-4,1e-3"
        anneal_lr "BOOL" "Lower the learning rate linearly towards 0 over the run"
        gamma "GAMMA" "Discount factor, 0 to 1"
        gae_lambda "LAMBDA" "Lambda of generalised advantage estimation, 0 to 1"
        clip "EPSILON" "Clip range of the probability ratio, and of the value where value_clip is on"
        anneal_clip "BOOL" "Lower the clip range linearly towards 0 over the run"
        value_clip "BOOL" "Clip the change of the value as the ratio is clipped"
        entropy_coef "COEF" "Weight of the entropy bonus"
        anneal_entropy "BOOL" "Lower the weight of the entropy bonus linearly towards 0 over the run"
        value_coef "COEF" "Weight of the value loss"
        max_grad_norm "NORM" "Largest global norm of an agent's gradient; longer ones are scaled down to it"
        target_kl "KL" "Make no more gradient steps in an update once a minibatch's approximate KL divergence exceeds 1.5 times this"
        normalize_advantages "BOOL" "Normalise advantages inside each minibatch to mean 0 and deviation 1; minibatches of one sample are left as they are"
        normalize_observations "BOOL" "Normalise each component of the observation by its running mean and deviation, clipped to +-10"
        normalize_rewards "BOOL" "Divide rewards by the running deviation of the discounted return"
    }
    "Device" {
        backend "NAME" "Graphics API: auto, vulkan, metal, dx12 or gl"
        adapter "ADAPTER" "Use this adapter: its index or id, as `ppo-gpu devices` lists them, or part of its name that no other adapter has"
        profile "NAME" "How kernels are compiled: auto, software, gpu or small"
        dispatches_per_submit "COUNT" "Split the work into submissions of this many dispatches; 0 measures, and keeps each near 50 ms. Does not change results"
    }
    "Checkpoints" {
        checkpoint_every "UPDATES" "Updates between checkpoints; 0: one a minute. There always is one at the end"
        keep "COUNT" "Checkpoints that are kept, beside the one with the best mean return"
        on_divergence "MODE" "When an agent diverges: 'freeze' (it keeps its last finite parameters, the others learn on) or 'rollback' (all go back to the last checkpoint, it tries again with half of its learning rate)"
        rollbacks "COUNT" "Maximum number of rollbacks; after that, agents that diverge are frozen"
    }
}

impl Config {
    /// The configuration that `layers` describe, later ones overriding earlier ones.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown key (with the nearest known one) and for a value of the wrong type.
    pub fn from_layers(layers: impl IntoIterator<Item = toml::Table>) -> Result<Config> {
        let mut merged = toml::Table::new();
        for layer in layers {
            if let Some(name) = layer.keys().find(|name| !KEYS.iter().any(|key| key.name == **name)) {
                return Err(unknown_key(name));
            }
            Config::merge(&mut merged, layer);
        }
        let mut config = Config::default();
        for (name, value) in merged {
            // Key by key, so that an error names the key it is about.
            config = config.with(&name, value)?;
        }
        config.check()?;
        Ok(config)
    }

    /// Lays `layer` over `below`. Tables are added to, not replaced.
    pub fn merge(below: &mut toml::Table, layer: toml::Table) {
        for (name, value) in layer {
            match (below.get_mut(&name), value) {
                (Some(toml::Value::Table(table)), toml::Value::Table(more)) => table.extend(more),
                (_, value) => {
                    below.insert(name, value);
                }
            }
        }
    }

    /// This configuration with one key replaced.
    fn with(self, name: &str, value: toml::Value) -> Result<Config> {
        let mut table = toml::Table::try_from(&self).expect("every configuration is representable in TOML");
        let before = table.insert(name.into(), value.clone());
        table.try_into().map_err(|error: toml::de::Error| {
            let expected = error.message().lines().next().unwrap_or_default().to_string();
            let help = match before {
                Some(before) => format!("a value that works: {name} = {before}"),
                None => format!("give {name} a number"),
            };
            Error::config(name, format!("{value} cannot be used ({expected})"), help)
        })
    }

    /// The layer that a TOML text describes.
    ///
    /// # Errors
    /// [`Error::Config`] with the parser's report (line and column) when `text` is not TOML.
    pub fn layer(name: &str, text: &str) -> Result<toml::Table> {
        text.parse::<toml::Table>().map_err(|error| Error::config(name, format!("not a TOML file:\n{error}"), "see configs/cartpole.toml for an example"))
    }

    /// The layer that one `key=value`, given on the command line, describes. Values are TOML, but text needs no
    /// quotes, lists no brackets, and whole numbers may be written as `5e6`.
    pub fn assignment(name: &str, text: &str) -> Result<toml::Table> {
        let name = name.trim().replace('-', "_");
        if let Some((table, key)) = name.split_once('.') {
            return Config::assignment(table, &format!("{key} = {text}"));
        }
        if !KEYS.iter().any(|key| key.name == name) {
            return Err(unknown_key(&name));
        }
        let mut defaults = toml::Table::try_from(Config::default()).expect("defaults are representable in TOML");
        let default = defaults.remove(&name);
        let parse = |text: &str| -> toml::Value {
            format!("v = {text}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("v")).unwrap_or_else(|| toml::Value::String(text.to_string()))
        };
        let text = text.trim();
        let value = match &default {
            Some(toml::Value::String(_)) => toml::Value::String(text.trim_matches('"').to_string()),
            Some(toml::Value::Table(_)) if text.starts_with('{') => parse(text),
            Some(toml::Value::Table(_)) => parse(&format!("{{{text}}}")),
            Some(toml::Value::Array(_)) if !text.starts_with('[') => parse(&format!("[{text}]")),
            Some(toml::Value::Integer(_)) => match parse(text) {
                toml::Value::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => toml::Value::Integer(value as i64),
                other => other,
            },
            _ if text.contains(',') && !text.starts_with('[') => parse(&format!("[{text}]")),
            _ => parse(text),
        };
        Ok(toml::Table::from_iter([(name, value)]))
    }

    /// This configuration for any number of agents: where each has hyper-parameters of its own, all get those of the first.
    pub fn one_setting(&self) -> Config {
        let one = |values: &PerAgent| PerAgent::Same(values.of(0));
        Config {
            lr: one(&self.lr),
            gamma: one(&self.gamma),
            gae_lambda: one(&self.gae_lambda),
            clip: one(&self.clip),
            entropy_coef: one(&self.entropy_coef),
            value_coef: one(&self.value_coef),
            max_grad_norm: one(&self.max_grad_norm),
            target_kl: self.target_kl.as_ref().map(one),
            ..self.clone()
        }
    }

    /// Checks ranges that do not depend on anything derived.
    fn check(&self) -> Result<()> {
        for (name, value, most) in [
            ("envs", self.envs, 1 << 24),
            ("steps", self.steps, 1 << 15),
            ("agents", self.agents, 32_767),
            ("epochs", self.epochs, 1_000),
            ("minibatches", self.minibatches, 1 << 16),
            ("keep", self.keep, u32::MAX),
        ] {
            if value == 0 || value > most {
                let nearest = value.clamp(1, most);
                return Err(Error::config(name, format!("{value} is out of range (1 to {most})"), format!("nearest that works: {nearest}")));
            }
        }
        // TOML's whole numbers are signed.
        for (name, value) in [("seed", self.seed), ("total_steps", self.total_steps)] {
            if value > i64::MAX as u64 {
                return Err(Error::config(name, format!("{value} is out of range"), format!("nearest that works: {}", i64::MAX)));
            }
        }
        if self.total_steps == 0 {
            return Err(Error::config("total_steps", "0 steps leave nothing to train", "nearest that works: 1"));
        }
        if self.hidden.is_empty() {
            return Err(Error::config("hidden", "there must be at least one hidden layer", "the default is 64,64"));
        }
        if self.hidden.len() > MOST_HIDDEN_LAYERS {
            let problem = format!("{} hidden layers are too many (at most {MOST_HIDDEN_LAYERS})", self.hidden.len());
            return Err(Error::config("hidden", problem, format!("keep the first {MOST_HIDDEN_LAYERS}")));
        }
        if let Some(width) = self.hidden.iter().find(|&&width| width == 0 || width > 4096) {
            let nearest = (*width).clamp(1, 4096);
            return Err(Error::config("hidden", format!("width {width} is out of range (1 to 4096)"), format!("nearest that works: {nearest}")));
        }
        if let Some(target) = self.target_return.filter(|target| !target.is_finite()) {
            return Err(Error::config("target_return", format!("{target} is not a number to reach"), "leave it out to train to total_steps"));
        }
        let positive = f64::from(f32::MIN_POSITIVE);
        for (name, values, least, most) in [
            ("lr", &self.lr, 0.0, 100.0),
            ("gamma", &self.gamma, 0.0, 1.0),
            ("gae_lambda", &self.gae_lambda, 0.0, 1.0),
            ("clip", &self.clip, positive, 1e6),
            ("entropy_coef", &self.entropy_coef, 0.0, 1e6),
            ("value_coef", &self.value_coef, 0.0, 1e6),
            ("max_grad_norm", &self.max_grad_norm, positive, 1e30),
            ("target_kl", self.target_kl.as_ref().unwrap_or(&PerAgent::Same(1.0)), positive, 1e30),
        ] {
            if let PerAgent::Each(list) = values
                && list.len() != self.agents as usize
            {
                let problem = format!("{} values for {} agents", list.len(), self.agents);
                return Err(Error::config(name, problem, format!("give one value, or exactly {}; or set agents = {}", self.agents, list.len())));
            }
            for &value in values.values() {
                if !(least..=most).contains(&value) {
                    let nearest = if value.is_nan() { least } else { value.clamp(least, most) };
                    let problem = format!("{value} is out of range ({least:e} to {most:e})");
                    return Err(Error::config(name, problem, format!("nearest that works: {nearest:e}")));
                }
            }
        }
        for (name, value, choices) in
            [("backend", &self.backend, &["auto", "vulkan", "metal", "dx12", "gl"][..]), ("profile", &self.profile, &["auto", "software", "gpu", "small"])]
        {
            if !choices.contains(&value.as_str()) {
                let help = format!("one of {}{}", choices.join(", "), did_you_mean(value, choices.iter().copied()));
                return Err(Error::config(name, format!("there is no '{value}'"), help));
            }
        }
        Ok(())
    }

    /// The complete configuration as TOML, each key with its meaning above it. Loads back to an equal one.
    pub fn to_commented_toml(&self) -> String {
        let table = toml::Table::try_from(self).expect("every configuration is representable in TOML");
        let mut text = String::new();
        let mut section = "";
        for key in KEYS {
            if key.section != section {
                section = key.section;
                text += &format!("{}# ---- {section}\n", if text.is_empty() { "" } else { "\n" });
            }
            let value = table.get(key.name).map(toml::Value::to_string);
            let line = value.map_or(format!("# {} =", key.name), |value| format!("{} = {value}", key.name));
            text += &format!("# {}\n{line}\n", key.help);
        }
        text
    }
}

/// The error for a key that does not exist.
fn unknown_key(name: &str) -> Error {
    let nearest = did_you_mean(name, KEYS.iter().map(|key| key.name));
    Error::config(name, "there is no such key", format!("`ppo-gpu inspect config` lists all keys{nearest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key has a value, and none its default.
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
            time_limit: TimeLimit::Terminal,
            hidden: vec![3, 5, 8],
            activation: Activation::Relu,
            epochs: 9,
            minibatches: 3,
            lr: PerAgent::Each(vec![1e-3, 1.0 / 3.0]),
            anneal_lr: false,
            gamma: PerAgent::Same(0.5),
            gae_lambda: PerAgent::Same(1.0),
            clip: PerAgent::Same(1e-30),
            anneal_clip: true,
            value_clip: false,
            entropy_coef: PerAgent::Each(vec![0.0, 1.0]),
            anneal_entropy: true,
            value_coef: PerAgent::Same(2.0),
            max_grad_norm: PerAgent::Same(1e30),
            target_kl: Some(PerAgent::Each(vec![0.01, 0.5])),
            normalize_advantages: false,
            normalize_observations: true,
            normalize_rewards: true,
            backend: "vulkan".into(),
            adapter: "a \"quoted\" name".into(),
            profile: "small".into(),
            dispatches_per_submit: 4,
            checkpoint_every: 10,
            keep: 7,
            on_divergence: OnDivergence::Rollback,
            rollbacks: 5,
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
}
