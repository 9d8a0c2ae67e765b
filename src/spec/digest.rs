//! Comparing configurations: values by key, and a digest of the keys that affect learning.

use crate::spec::config::{Config, KEYS, Key};
use crate::support::files::sha256;
use serde_json::Value;
use std::collections::BTreeMap;

/// Values by key. A parameter of the environment is `env_parameters.NAME`; keys without a value are left out.
pub type Values = BTreeMap<String, Value>;

impl Config {
    /// Every value, by key.
    pub fn values(&self) -> Values {
        let Value::Object(keys) = serde_json::to_value(self).expect("every configuration is representable in JSON") else { return Values::new() };
        let mut values = Values::new();
        for (name, value) in keys {
            match value {
                Value::Object(entries) => values.extend(entries.into_iter().map(|(entry, value)| (format!("{name}.{entry}"), value))),
                value => drop(values.insert(name, value)),
            }
        }
        values
    }

    /// The configuration that has these values, and defaults for all others.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn of_values(values: &Values) -> Result<Config, String> {
        let mut keys = serde_json::Map::new();
        for (name, value) in values {
            match name.split_once('.') {
                Some((table, entry)) => {
                    let entries = keys.entry(table).or_insert_with(|| Value::Object(serde_json::Map::new()));
                    entries.as_object_mut().ok_or("a table and a value have the same name")?.insert(entry.into(), value.clone());
                }
                None => drop(keys.insert(name.clone(), value.clone())),
            }
        }
        serde_json::from_value(Value::Object(keys)).map_err(|error| error.to_string())
    }

    /// [`digest`] of this configuration on the environment whose file has this SHA-256.
    pub fn digest(&self, environment: &str) -> String {
        digest(&self.values(), environment)
    }
}

/// Whether a key affects learning. The others choose the device, the size of submissions, and the files to keep. A profile only changes rounding, like another
/// device, and `on_divergence` and `rollbacks` matter only once something has diverged.
pub fn has_effect(key: &str) -> bool {
    Key::named(key).is_none_or(|key| !key.without_effect)
}

/// SHA-256, in hexadecimal digits, of everything that affects learning: the values of the keys that do, and the SHA-256 of the environment's file.
/// Keys are in alphabetical order, each on a line with its value as JSON without blanks.
pub fn digest(values: &Values, environment: &str) -> String {
    let lines = values.iter().filter(|(key, _)| has_effect(key)).map(|(key, value)| format!("{key} {}\n", canonical(value)));
    sha256(lines.collect::<String>() + "environment.wgsl " + environment)
}

/// JSON without blanks, the keys of objects in alphabetical order.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let sorted: BTreeMap<&String, &Value> = entries.iter().collect();
            let entries: Vec<String> = sorted.into_iter().map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value))).collect();
            format!("{{{}}}", entries.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        value => value.to_string(),
    }
}

/// The keys whose values differ between two configurations, in the order of the list of keys.
pub fn differing(a: &Values, b: &Values) -> Vec<String> {
    let place = |key: &str| KEYS.iter().position(|known| known.name == key.split('.').next().unwrap_or(key));
    let mut keys: Vec<&String> = a.keys().chain(b.keys()).filter(|key| a.get(*key) != b.get(*key)).collect();
    keys.sort_by_key(|key| (place(key), key.to_string()));
    keys.dedup();
    keys.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::config::*;

    fn changed(key: &str, value: &str) -> Config {
        let layer = Config::assignment(key, value).expect("a key");
        Config::from_layers([layer]).unwrap_or_else(|error| panic!("{key}: {error}"))
    }

    #[test]
    fn exactly_the_keys_that_affect_learning_change_the_digest() {
        let own = Config::default().digest("a file");
        let defaults = Config::default().values();
        for key in KEYS {
            let other = changed(key.name, key.example);
            assert_eq!(other.digest("a file") != own, has_effect(key.name), "{}", key.name);
            let named = differing(&other.values(), &defaults);
            assert!(named.len() == 1 && named[0].starts_with(key.name), "{named:?}");
            assert_eq!(Config::of_values(&other.values()).as_ref(), Ok(&other));
        }
        assert_ne!(Config::default().digest("another file"), own);
        assert_eq!(own.len(), 64);
    }

    #[test]
    fn a_digest_does_not_depend_on_the_source_of_the_values() {
        let config = changed("env_parameters", "{force={low=8,high=12,per=\"agent\"}, gravity=1e-7, pole_mass=[0.1,1]}");
        let text = serde_json::to_string(&config.values()).expect("JSON");
        let read: Values = serde_json::from_str(&text).expect("JSON");
        assert_eq!(digest(&read, ""), config.digest(""));
        let file = Config::layer("test", &config.to_commented_toml()).expect("TOML");
        assert_eq!(Config::from_layers([file]).expect("a configuration").digest(""), config.digest(""));
        assert!(Config::of_values(&Values::from([("colour".into(), 3.into())])).is_err_and(|error| error.contains("colour")));
    }
}
