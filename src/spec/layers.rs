//! Reading and writing configurations. Each layer is a TOML table: the defaults, then a preset or `--config FILE`, then `--set key=value` and flags.

use crate::spec::config::{Config, KEYS, Key, Setting};
use crate::spec::values;
use crate::support::error::{Error, Result};
use crate::support::text::did_you_mean;

impl Config {
    /// The configuration that `layers` describe, later ones overriding earlier ones.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown key (with the nearest known one) and for a value of the wrong type.
    pub fn from_layers(layers: impl IntoIterator<Item = toml::Table>) -> Result<Config> {
        let mut merged = toml::Table::new();
        for layer in layers {
            if let Some(name) = layer.keys().find(|name| Key::named(name).is_none()) {
                return Err(unknown_key(name));
            }
            Config::merge(&mut merged, layer);
        }
        let mut config = Config::default();
        for (name, value) in merged {
            // Key by key, so that an error can name the key.
            config = config.with(&name, value)?;
        }
        config.check()?;
        Ok(config)
    }

    /// Merges `layer` over `below`. Tables are merged, not replaced.
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

    /// This configuration with one key replaced. Where an integer is expected, it may be written as `5e6`.
    fn with(&self, name: &str, value: toml::Value) -> Result<Config> {
        self.replaced(name, &value).map_err(|error| {
            let expected = error.message().lines().next().unwrap_or_default().to_string();
            let help = match self.written(name) {
                Some(before) => format!("a value that works: {name} = {before}"),
                None => format!("give {name} a number"),
            };
            self.explain(name, &value).unwrap_or_else(|| Error::config(name, format!("{value} cannot be used ({expected})"), help))
        })
    }

    /// [`Config::with`], with the parser's error.
    fn replaced(&self, name: &str, value: &toml::Value) -> std::result::Result<Config, toml::de::Error> {
        let given = match (self.written(name), value) {
            (Some(toml::Value::Integer(_)), toml::Value::Float(number)) if number.fract() == 0.0 && number.abs() < i64::MAX as f64 => {
                toml::Value::Integer(*number as i64)
            }
            _ => value.clone(),
        };
        let mut table = self.to_table();
        table.insert(name.into(), given);
        table.try_into()
    }

    /// The value of a key in TOML; none if it is unset.
    fn written(&self, name: &str) -> Option<toml::Value> {
        self.to_table().remove(name)
    }

    fn to_table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("every configuration is representable in TOML")
    }

    /// The error for a value that a key's type cannot hold, where more is known than its type.
    fn explain(&self, name: &str, value: &toml::Value) -> Option<Error> {
        match (self.written(name)?, value) {
            (toml::Value::Integer(_), toml::Value::Integer(number)) => self.not_an_integer(name, &value.to_string(), *number as f64),
            (toml::Value::Integer(_), toml::Value::Float(number)) => self.not_an_integer(name, value.to_string().trim_end_matches(".0"), *number),
            (toml::Value::Table(_), toml::Value::Table(entries)) => {
                let (entry, value) = entries.iter().find(|(_, value)| (*value).clone().try_into::<Setting>().is_err())?;
                let (problem, help) = values::not_a_setting(value);
                Some(Error::config(format!("{name}.{entry}"), problem, help))
            }
            _ => None,
        }
    }

    /// The error for a `number`, written as `text`, that is no value of an integer key: it has decimals, or is out of range.
    fn not_an_integer(&self, name: &str, text: &str, number: f64) -> Option<Error> {
        if number.is_nan() {
            return None;
        }
        let with = |value: i64| self.replaced(name, &toml::Value::Integer(value)).ok().map(|config| (value, config));
        // The largest integer of TOML, or of the key's type.
        let (nearest, config) = [i64::MAX, u32::MAX.into()].into_iter().find_map(|most| with((number.round() as i64).clamp(0, most)))?;
        let problem = if number.fract() == 0.0 { format!("{text} is out of range") } else { format!("{text} is not a whole number") };
        // The key's own range may be narrower.
        let help = match config.check_values() {
            Err(Error::Config { key, help, .. }) if key == name => help,
            _ => format!("nearest that works: {nearest}"),
        };
        Some(Error::config(name, problem, help))
    }

    /// The layer that a TOML text describes.
    ///
    /// # Errors
    /// [`Error::Config`] with the parser's report (line and column) when `text` is not TOML.
    pub fn layer(name: &str, text: &str) -> Result<toml::Table> {
        text.parse::<toml::Table>().map_err(|error| {
            let help = match ["too large", "i128"].iter().any(|part| error.message().contains(part)) {
                true => format!("the largest integer of a TOML file is {}", i64::MAX),
                false => "see configs/cartpole.toml for an example".into(),
            };
            Error::config(name, format!("not a TOML file:\n{error}"), help)
        })
    }

    /// The layer of one `key=value` on the command line. Values are TOML, but text needs no quotes, and lists need no brackets.
    pub fn assignment(name: &str, text: &str) -> Result<toml::Table> {
        let name = name.trim().replace('-', "_");
        if let Some((table, key)) = name.split_once('.') {
            return Config::assignment(table, &format!("{key} = {text}"));
        }
        if Key::named(&name).is_none() {
            return Err(unknown_key(&name));
        }
        let mut defaults = toml::Table::try_from(Config::default()).expect("defaults are representable in TOML");
        let default = defaults.remove(&name);
        let parse = |text: &str| -> toml::Value {
            format!("v = {text}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("v")).unwrap_or_else(|| toml::Value::String(text.to_string()))
        };
        let text = text.trim();
        // TOML has no larger integers.
        if let (Some(toml::Value::Integer(_)), Err(_), Ok(number)) = (&default, text.parse::<i64>(), text.parse::<f64>())
            && text.trim_start_matches(['-', '+']).bytes().all(|byte| byte.is_ascii_digit())
            && let Some(error) = Config::default().not_an_integer(&name, text, number)
        {
            return Err(error);
        }
        let value = match &default {
            Some(toml::Value::String(_)) => toml::Value::String(text.trim_matches('"').to_string()),
            Some(toml::Value::Table(_)) if text.starts_with('{') => parse(text),
            Some(toml::Value::Table(_)) => parse(&format!("{{{text}}}")),
            Some(toml::Value::Array(_)) if !text.starts_with('[') => parse(&format!("[{text}]")),
            _ if text.contains(',') && !text.starts_with('[') => parse(&format!("[{text}]")),
            _ => parse(text),
        };
        Ok(toml::Table::from_iter([(name, value)]))
    }

    /// The complete configuration as TOML, each key with its meaning above it. Reading it gives an equal configuration.
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
