//! Types of configuration values.

use crate::support::text::did_you_mean;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A type of configuration value. Its properties hold for every key of the type.
pub(super) trait KeyType: Clone {
    /// What a value has to be.
    const EXPECTED: &'static str;

    /// Whether a value may be a list with one number per agent.
    const PER_AGENT: bool = false;

    /// The value as such a list, if the type allows one.
    fn per_agent(&self) -> Option<&PerAgent> {
        None
    }

    /// The value for any number of agents: a list becomes its first number.
    fn of_first_agent(&self) -> Self {
        self.clone()
    }

    /// Whether there is no value. The key is then omitted when a configuration is written.
    fn is_unset(&self) -> bool {
        false
    }
}

macro_rules! key_types {
    ($($type:ty: $expected:literal;)*) => {
        $(impl KeyType for $type {
            const EXPECTED: &'static str = $expected;
        })*
    };
}

key_types! {
    bool: "true or false";
    u32: "a whole number";
    u64: "a whole number";
    f64: "a number";
    String: "a text";
    Vec<u32>: "whole numbers, as in 64,64";
    BTreeMap<String, Setting>: "parameters and their values, as in gravity=9.8";
    TimeLimit: "'bootstrap' or 'terminal'";
    Onto: "'clip' or 'scale'";
    Activation: "'tanh' or 'relu'";
    OnDivergence: "'freeze' or 'rollback'";
}

impl KeyType for PerAgent {
    const EXPECTED: &'static str = "a number, or a list with one number per agent";
    const PER_AGENT: bool = true;

    fn per_agent(&self) -> Option<&PerAgent> {
        Some(self)
    }

    fn of_first_agent(&self) -> Self {
        PerAgent::Same(self.of(0))
    }
}

impl<T: KeyType> KeyType for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    const PER_AGENT: bool = T::PER_AGENT;

    fn per_agent(&self) -> Option<&PerAgent> {
        self.as_ref().and_then(T::per_agent)
    }

    fn of_first_agent(&self) -> Self {
        self.as_ref().map(T::of_first_agent)
    }

    fn is_unset(&self) -> bool {
        self.is_none()
    }
}

/// Hidden-layer activation function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Hyperbolic tangent.
    Tanh,
    /// max(x, 0).
    Relu,
}

/// How to treat the end of an episode by its time limit (Pardo et al. 2018).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeLimit {
    /// Not an end of the task: the value of the last observation is added to the reward.
    Bootstrap,
    /// The same as termination, as PureJaxRL and CleanRL do.
    Terminal,
}

/// How a continuous action, as the policy samples it, becomes one within the environment's bounds. Probabilities are those of the sampled value either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Onto {
    /// Values beyond a bound become the bound.
    Clip,
    /// Values are clipped to -1 and 1, which are mapped linearly onto the lower and the upper bound (rl_games with `clip_actions`; Gymnasium's `RescaleAction`
    /// behind a clip).
    Scale,
}

/// How to treat an agent with a fault: a quantity that is not finite, a state without a legal action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDivergence {
    /// It stays at its last finite parameters, and the other agents continue to learn.
    Freeze,
    /// All agents go back to the last checkpoint, and those that diverged try again with half of their learning rate.
    Rollback,
}

/// A hyper-parameter that is the same for all agents, or has one value per agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
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

/// The setting of an environment parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Setting {
    /// The same value everywhere.
    Value(f64),
    /// Uniform in a range, sampled anew for each episode.
    Range([f64; 2]),
    /// Uniform in a range.
    Drawn {
        /// Least value.
        low: f64,
        /// Largest value.
        high: f64,
        /// The scope of a sampled value.
        per: Per,
    },
}

/// What is wrong with a value that is no [`Setting`], and what to write.
pub(super) fn not_a_setting(value: &toml::Value) -> (String, String) {
    const FIELDS: [&str; 3] = ["low", "high", "per"];
    const SCOPES: [&str; 3] = ["episode", "environment", "agent"];
    let forms = "a number, a range [low, high], or { low, high, per }";
    let toml::Value::Table(fields) = value else {
        return (format!("{value} is neither a number nor a range"), format!("write {forms}, for instance 9.8 or [8, 12]"));
    };
    if let Some(field) = fields.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return (format!("a range has no '{field}'"), format!("one of low, high, per{}", did_you_mean(field, FIELDS)));
    }
    if let Some(field) = FIELDS.iter().find(|field| !fields.contains_key(**field)) {
        return (format!("{value} has no {field}"), "for instance { low = 1, high = 2, per = \"agent\" }".into());
    }
    match fields["per"].as_str() {
        Some(scope) if !SCOPES.contains(&scope) => {
            (format!("per = \"{scope}\" does not exist"), format!("one of {}{}", SCOPES.join(", "), did_you_mean(scope, SCOPES)))
        }
        None => (format!("per = {} is not a word", fields["per"]), format!("one of {}", SCOPES.join(", "))),
        _ => (format!("{value} has limits that are not numbers"), format!("write {forms}")),
    }
}

/// The scope in which a varying parameter keeps one value.
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

    /// Whether it varies, with values that outlast an episode.
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
