//! The configuration of a run as `run.json` keeps it, which shows whether `config.toml` was edited.

use crate::spec::config::Config;
use crate::spec::digest::{Values, differing, digest, has_effect};
use crate::support::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// A configuration, its digest, and its predecessors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigRecord {
    /// SHA-256 of everything that affects learning; see [`digest`].
    pub sha256: String,
    /// The values, by key.
    pub values: Values,
    /// While `config.toml` is being rewritten: the values that it may still have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Values>,
    /// Digests of the run's earlier configurations, which its earlier checkpoints carry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
}

impl ConfigRecord {
    /// The record of `config` on the environment whose file has this SHA-256.
    pub(super) fn new(config: &Config, environment: &str) -> ConfigRecord {
        let values = config.values();
        ConfigRecord { sha256: digest(&values, environment), values, previous: None, earlier: Vec::new() }
    }

    /// Switches to another configuration.
    pub(super) fn replace(&mut self, config: &Config, environment: &str) {
        let new = ConfigRecord::new(config, environment);
        let old = std::mem::replace(self, new);
        self.earlier = old.earlier;
        if old.sha256 != self.sha256 {
            self.earlier.retain(|sha256| *sha256 != self.sha256 && *sha256 != old.sha256);
            self.earlier.push(old.sha256);
            self.previous = Some(old.values);
        }
    }

    /// The run's configuration, where `file` is the content of `config.toml` of the run at `run`. Keys that do not affect learning may have been edited
    /// there.
    ///
    /// # Errors
    /// [`Error::Config`] naming every other edited key, and what to do instead.
    pub(super) fn accept(&self, file: Config, run: &Path) -> Result<Config> {
        let own = Config::of_values(&self.values).map_err(|problem| {
            let place = run.join("run.json").display().to_string();
            Error::config(place, format!("its configuration cannot be used by this version of ppo-gpu ({problem})"), "use the version that wrote it")
        })?;
        // Converted through a configuration, so that keys added by later versions have their defaults.
        let written = file.values();
        let changed = |values: &Values| -> Vec<String> { differing(&written, values).into_iter().filter(|key| has_effect(key)).collect() };
        let keys = changed(&own.values());
        if keys.is_empty() {
            return Ok(file);
        }
        let unfinished = self.previous.as_ref().and_then(|values| Config::of_values(values).ok());
        if unfinished.is_some_and(|previous| changed(&previous.values()).is_empty()) {
            // The process that rewrote both files was killed between them.
            return Ok(own);
        }
        Err(refusal(&keys, &written, &own.values(), run))
    }
}

/// The error for a `config.toml` in which these keys were edited.
fn refusal(keys: &[String], written: &Values, own: &Values, run: &Path) -> Error {
    let shown = |value: Option<&Value>| value.map_or("not set".into(), Value::to_string);
    let parts: Vec<String> = keys.iter().map(|key| format!("{key} is {} and was {}", shown(written.get(key)), shown(own.get(key)))).collect();
    let problem = format!("it was edited after the run began: {}", parts.join("; "));
    let before: Vec<String> = keys.iter().map(|key| own.get(key).map_or(format!("no {key}"), |value| format!("{key} = {value}"))).collect();
    let mut help = format!("restore these values (run.json holds them all): {}", before.join(", "));
    let (file, run) = (run.join("config.toml").display().to_string(), run.display());
    if let Some(steps) = written.get("total_steps").filter(|_| keys.iter().any(|key| key == "total_steps")) {
        help += &format!("\nto make the run longer: ppo-gpu resume {run} --total-steps {steps}");
    }
    let others = keys.iter().filter(|key| *key != "total_steps");
    let flags: Vec<String> = others.filter_map(|key| Some(format!("--set {}", quoted(&format!("{key}={}", as_text(written.get(key)?)))))).collect();
    if !flags.is_empty() {
        help += &format!("\nto start a new run from the agents of this one: ppo-gpu fork {run} {}", flags.join(" "));
    }
    Error::config(file, problem, help)
}

/// A value in the syntax of `--set`.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(entries) => format!("{{{}}}", entries.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")),
        value => value.to_string(),
    }
}

/// An argument quoted for a shell.
fn quoted(argument: &str) -> String {
    let plain = argument.chars().all(|c| c.is_ascii_alphanumeric() || "=._-+,/:".contains(c));
    if plain { argument.into() } else { format!("'{}'", argument.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(assignments: &[(&str, &str)]) -> Config {
        Config::from_layers(assignments.iter().map(|(key, value)| Config::assignment(key, value).expect("a key"))).expect("a configuration")
    }

    #[test]
    fn a_file_that_was_edited_is_refused_key_by_key_and_one_half_written_is_not() {
        let run = Path::new("runs/a");
        let own = config(&[("env_parameters.gravity", "9")]);
        let mut record = ConfigRecord::new(&own, "x");
        assert_eq!(record.accept(own.clone(), run).expect("the same"), own);
        let elsewhere = Config { backend: "gl".into(), keep: 9, ..own.clone() };
        assert_eq!(record.accept(elsewhere.clone(), run).expect("where it is computed may change"), elsewhere);

        let edited = config(&[("env_parameters.gravity", "[1, 2]"), ("steps", "64"), ("activation", "relu"), ("target_return", "5"), ("total_steps", "9")]);
        let error = record.accept(edited.clone(), run).expect_err("it was edited");
        let text = format!("{error}\n{}", error.help());
        for part in [
            "runs/a/config.toml: ",
            "env_parameters.gravity is [1.0,2.0] and was 9.0; steps is 64 and was 128; total_steps is 9 and was 500000; target_return is 5.0 and was not set",
            "activation is \"relu\" and was \"tanh\"",
            "steps = 128",
            "no target_return",
            "ppo-gpu resume runs/a --total-steps 9",
            "ppo-gpu fork runs/a --set 'env_parameters.gravity=[1.0,2.0]' --set steps=64 --set target_return=5.0 --set activation=relu",
        ] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        // The suggested flags reproduce the edited values.
        assert_eq!(error.exit_code(), 2);

        // The run switches to another configuration, and is killed before the file is written.
        let first = record.sha256.clone();
        record.replace(&edited, "x");
        assert_eq!(record.accept(own.clone(), run).expect("the file is a step behind"), edited);
        assert_eq!(record.accept(edited.clone(), run).expect("the file is written"), edited);
        assert!(record.accept(config(&[]), run).is_err());
        assert_eq!((record.earlier.len(), &record.earlier[0]), (1, &first));
        // Back and forth: each digest is kept once, and the present one is not among the earlier ones.
        record.replace(&own, "x");
        assert_eq!(record.sha256, first);
        assert_eq!(record.earlier.len(), 1);
        record.replace(&own, "x");
        assert_eq!((record.earlier.len(), &record.previous), (1, &None));
    }
}
