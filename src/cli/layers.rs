//! The configuration that arguments describe.

use crate::spec::config::{Config, KEYS};
use crate::spec::environment::Environment;
use crate::support::error::{Error, Result};
use clap::ArgMatches;
use std::path::PathBuf;

/// The matches of the innermost subcommand, which hold the flags that are valid everywhere, and the names on the way there.
pub(super) fn innermost(matches: &ArgMatches) -> (Vec<&str>, &ArgMatches) {
    let (mut names, mut inner) = (Vec::new(), matches);
    while let Some((name, next)) = inner.subcommand() {
        names.push(name);
        inner = next;
    }
    (names, inner)
}

/// The configuration that the arguments describe: defaults, then the preset or `--config FILE`, then `--set`, then flags.
///
/// # Errors
/// [`Error::Config`] for keys and values that cannot be used, [`Error::Unreadable`] when the file cannot be read.
pub fn config(matches: &ArgMatches) -> Result<Config> {
    let written = written(matches)?;
    let Some(path) = innermost(matches).1.get_one::<PathBuf>("config") else {
        return Config::from_layers(preset(&written)?.into_iter().chain([written]));
    };
    let text = std::fs::read_to_string(path).map_err(|error| Error::unreadable(path, error))?;
    let file = Config::layer(&path.display().to_string(), &text)?;
    let in_file = |name: &str| file.contains_key(name) && !written.contains_key(name);
    Config::from_layers([file.clone(), written.clone()]).map_err(|error| match error {
        // Where to look, for what the command line does not show.
        Error::Config { key, problem, help } if in_file(&key) => Error::Config { key: format!("{key} (in {})", path.display()), problem, help },
        other => other,
    })
}

/// Adds what one argument, given by a flag of this name, says to what others said. Entries of tables come together; nothing is said twice.
fn add(all: &mut toml::Table, flag: &str, layer: toml::Table) -> Result<()> {
    let repeated = |key: String| Error::config(key, format!("{flag} gives it more than once"), "give each key one value");
    for (name, value) in layer {
        match (all.get_mut(&name), value) {
            (None, value) => {
                all.insert(name, value);
            }
            (Some(toml::Value::Table(entries)), toml::Value::Table(more)) => {
                for (entry, value) in more {
                    let key = format!("{name}.{entry}");
                    if entries.insert(entry, value).is_some() {
                        return Err(repeated(key));
                    }
                }
            }
            _ => return Err(repeated(name)),
        }
    }
    Ok(())
}

/// The layer of `--set` and flags.
///
/// # Errors
/// [`Error::Config`] for what cannot be used, and for keys that `--set` gives twice, or flags do.
pub(super) fn written(matches: &ArgMatches) -> Result<toml::Table> {
    let (_, inner) = innermost(matches);
    let mut written = toml::Table::new();
    for assignment in inner.get_many::<String>("set").into_iter().flatten() {
        let (name, value) = assignment.split_once('=').ok_or_else(|| {
            Error::config(
                "--set",
                format!("'{assignment}' is not of the form KEY=VALUE"),
                "for instance --set lr=3e-4; `ppo-gpu inspect config` lists all keys",
            )
        })?;
        add(&mut written, "--set", Config::assignment(name, value)?)?;
    }
    let mut flags = toml::Table::new();
    for key in KEYS {
        for value in inner.get_many::<String>(key.name).into_iter().flatten() {
            add(&mut flags, &format!("--{}", key.name.replace('_', "-")), Config::assignment(key.name, value)?)?;
        }
    }
    Config::merge(&mut written, flags);
    Ok(written)
}

/// The preset of the environment that `written` names, or of the one that is trained by default.
fn preset(written: &toml::Table) -> Result<Option<toml::Table>> {
    let default = Config::default().env;
    let env = written.get("env").and_then(toml::Value::as_str).unwrap_or(&default);
    Environment::preset(env).map(|(name, text)| Config::layer(name, text)).transpose()
}

/// The configuration of the bare command.
pub(super) fn defaults() -> Result<Config> {
    Config::from_layers(preset(&toml::Table::new())?)
}

/// `config` by key. Empty when it cannot be written as TOML, which shows as defaults that help does not know.
pub(super) fn table(config: &Config) -> toml::Table {
    toml::Table::try_from(config).unwrap_or_default()
}
