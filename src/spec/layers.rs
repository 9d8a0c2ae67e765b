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
        self.replaced(name, &value).ok_or_else(|| self.explain(name, &value).unwrap_or_else(|| self.unusable(name, &value.to_string())))
    }

    /// The error for a `value` that is not of the key's type.
    fn unusable(&self, name: &str, value: &str) -> Error {
        let expected = Key::named(name).map_or("", |key| key.expected);
        let help = match self.written(name) {
            Some(toml::Value::Table(_)) => format!("for instance --set {name}.gravity=9.8, or in a file: {name} = {{ gravity = 9.8 }}"),
            Some(before) => format!("a value that works: {name} = {before}"),
            None => format!("give {name} a number"),
        };
        Error::config(name, format!("{value} cannot be used (expected {expected})"), help)
    }

    /// [`Config::with`], if the value is one of the key.
    fn replaced(&self, name: &str, value: &toml::Value) -> Option<Config> {
        let whole = |value: &toml::Value| match value {
            toml::Value::Float(number) if number.fract() == 0.0 && number.abs() < i64::MAX as f64 => toml::Value::Integer(*number as i64),
            _ => value.clone(),
        };
        let given = match (self.written(name), value) {
            (Some(toml::Value::Integer(_)), value) => whole(value),
            (Some(toml::Value::Array(before)), toml::Value::Array(list)) if before.iter().all(toml::Value::is_integer) => {
                toml::Value::Array(list.iter().map(whole).collect())
            }
            _ => value.clone(),
        };
        let mut table = self.to_table();
        table.insert(name.into(), given);
        table.try_into().ok()
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
        let with = |value: i64| self.replaced(name, &toml::Value::Integer(value)).map(|config| (value, config));
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
        let (name, entry) = name.split_once('.').map_or((name.as_str(), None), |(name, entry)| (name, Some(entry.trim())));
        if Key::named(name).is_none() {
            return Err(unknown_key(name));
        }
        let default = Config::default().written(name);
        let parse = |text: &str| parsed(text).unwrap_or_else(|| toml::Value::String(text.to_string()));
        let text = text.trim();
        let single = |name: &str, value: toml::Value| toml::Table::from_iter([(name.to_string(), value)]);
        match (entry, &default) {
            (Some(entry), Some(toml::Value::Table(_))) if !entry.is_empty() => {
                // Further names belong to the value.
                let nested = parsed(&format!("{{{entry} = {text}}}"));
                return Ok(single(name, nested.unwrap_or_else(|| single(entry, toml::Value::String(text.into())).into())));
            }
            (Some(entry), _) => {
                let key = format!("{name}.{entry}");
                return Err(Error::config(key, "there is no such key", format!("{name} is {}", Key::named(name).map_or("", |key| key.expected))));
            }
            _ => {}
        }
        // TOML has no larger integers.
        if let (Some(toml::Value::Integer(_)), Err(_), Ok(number)) = (&default, text.parse::<i64>(), text.parse::<f64>())
            && text.trim_start_matches(['-', '+']).bytes().all(|byte| byte.is_ascii_digit())
            && let Some(error) = Config::default().not_an_integer(name, text, number)
        {
            return Err(error);
        }
        let value = match &default {
            Some(toml::Value::String(_)) => toml::Value::String(text.trim_matches('"').to_string()),
            Some(toml::Value::Table(_)) => {
                let inner = text.strip_prefix('{').map_or(text, |rest| rest.strip_suffix('}').unwrap_or(rest));
                parsed(&format!("{{{inner}}}")).ok_or_else(|| not_a_table(name, inner))?
            }
            Some(toml::Value::Array(_)) if !text.starts_with('[') => parse(&format!("[{text}]")),
            _ if text.contains(',') && !text.starts_with('[') => parse(&format!("[{text}]")),
            _ => parse(text),
        };
        Ok(single(name, value))
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

/// The value that a text is in TOML. A comment, or a further line, would be lost, and belongs to no value.
fn parsed(text: &str) -> Option<toml::Value> {
    let mut table = format!("v = {text}").parse::<toml::Table>().ok()?;
    table.remove("v").filter(|_| table.is_empty() && !text.contains(['\n', '#']))
}

/// The error for a text that gives the entries of the table `name`, and is not TOML.
fn not_a_table(name: &str, text: &str) -> Error {
    let mut depth = 0;
    let entries = text.split(|c: char| {
        depth += i32::from("[{".contains(c)) - i32::from("]}".contains(c));
        c == ',' && depth == 0
    });
    for entry in entries.map(str::trim) {
        match entry.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                if parsed(value).is_none() {
                    let (problem, help) = values::not_a_setting(&toml::Value::String(value.into()));
                    return Error::config(format!("{name}.{key}"), problem, help);
                }
            }
            _ => {
                return Error::config(
                    name,
                    format!("'{entry}' is not of the form NAME=VALUE"),
                    "for instance gravity=9.8, or gravity=[8,12]; commas separate several",
                );
            }
        }
    }
    Config::default().unusable(name, &format!("'{text}'"))
}

/// The error for a key that does not exist.
fn unknown_key(name: &str) -> Error {
    let nearest = did_you_mean(name, KEYS.iter().map(|key| key.name));
    Error::config(name, "there is no such key", format!("`ppo-gpu inspect config` lists all keys{nearest}"))
}
