//! The flags that all commands share, and the configuration that they describe.

use crate::cli::progress::Progress;
use crate::run::display::Observers;
use crate::spec::config::{Config, KEYS, Key};
use crate::spec::environment::Environment;
use crate::support::error::{Error, Result};
use crate::support::files;
use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::path::PathBuf;

/// Flags that are valid before a command and after it. Each command declares the flags that it takes ([`crate::cli::call::Perform::takes`]).
#[derive(Debug, clap::Args)]
pub(super) struct Shared {
    /// Read keys from a TOML file, in place of the preset.
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
    /// Set a key, e.g. --set lr=3e-4; may be repeated for other keys.
    #[arg(long, value_name = "KEY=VALUE", global = true)]
    pub(super) set: Vec<String>,
    #[arg(long, value_name = "DIR", global = true, help = "Directory of the run [default: runs/<date>-<time>-<env>-<seed>]")]
    pub(super) out: Option<PathBuf>,
    /// Print the result as one JSON object on stdout.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Print no progress and no notes.
    #[arg(long, global = true)]
    pub(super) quiet: bool,
    /// Show a dashboard while training: learning curve, speed, kernels, losses.
    #[arg(long, global = true)]
    pub(super) tui: bool,
    #[command(flatten)]
    pub(super) keys: Keys,
}

/// Names of the flags of [`Shared`] that are not configuration keys.
pub(super) const NO_KEYS: &[&str] = &["config", "set", "out", "json", "quiet", "tui"];

/// Names of all keys.
pub(super) fn every_key() -> Vec<&'static str> {
    Key::names(|_| true)
}

/// The flags of keys: names and values. There is a flag for each of [`KEYS`].
#[derive(Debug)]
pub(super) struct Keys(Vec<(&'static str, String)>);

impl clap::FromArgMatches for Keys {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Keys, clap::Error> {
        let values = |key: &Key| matches.get_many::<String>(key.name).into_iter().flatten().cloned().collect::<Vec<_>>();
        Ok(Keys(KEYS.iter().flat_map(|key| values(key).into_iter().map(|value| (key.name, value))).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = Keys::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Keys {
    fn augment_args(command: Command) -> Command {
        let (built_in, bare) = (table(&Config::default()), defaults().map(|config| table(&config)).unwrap_or_default());
        command.args(KEYS.iter().map(|key| key_flag(key, built_in.get(key.name), bare.get(key.name))))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Keys::augment_args(command)
    }
}

impl Shared {
    /// The configuration that the flags describe: defaults, then the preset or `--config FILE`, then `--set`, then flags of keys.
    ///
    /// # Errors
    /// [`Error::Config`] for keys and values that cannot be used, [`Error::Unreadable`] when the file cannot be read.
    pub(super) fn config(&self) -> Result<Config> {
        let written = self.written()?;
        let Some(path) = &self.config else {
            return Config::from_layers(preset(&written)?.into_iter().chain([written]));
        };
        let text = files::read_text(path)?;
        let file = Config::layer(&path.display().to_string(), &text)?;
        // A key may be followed by an entry's name.
        let in_file = |name: &str| name.split('.').next().is_some_and(|name| file.contains_key(name) && !written.contains_key(name));
        Config::from_layers([file.clone(), written.clone()]).map_err(|error| match error {
            // Name the file for keys that are not on the command line.
            Error::Config { key, problem, help } if in_file(&key) => Error::Config { key: format!("{key} (in {})", path.display()), problem, help },
            other => other,
        })
    }

    /// The layer of `--set` and flags of keys.
    ///
    /// # Errors
    /// [`Error::Config`] for invalid keys or values, and for keys that `--set` or flags give twice.
    pub(super) fn written(&self) -> Result<toml::Table> {
        let mut written = toml::Table::new();
        for assignment in &self.set {
            let pair = assignment.split_once('=').filter(|(name, _)| !name.trim().is_empty());
            let (name, value) = pair.ok_or_else(|| {
                Error::config(
                    "--set",
                    format!("'{assignment}' is not of the form KEY=VALUE"),
                    "for instance --set lr=3e-4; `ppo-gpu inspect config` lists all keys",
                )
            })?;
            add(&mut written, "--set", Config::assignment(name, value)?)?;
        }
        let mut flags = toml::Table::new();
        for (name, value) in &self.keys.0 {
            add(&mut flags, &long(name), Config::assignment(name, value)?)?;
        }
        Config::merge(&mut written, flags);
        Ok(written)
    }

    /// The observers of a run.
    pub(super) fn observers(&self) -> Observers {
        Observers { display: Box::new(Progress::new(self.quiet, self.tui)), ..Observers::default() }
    }
}

/// The flag called `name`, as it is typed.
pub(super) fn long(name: &str) -> String {
    format!("--{}", name.replace('_', "-"))
}

/// Adds the keys of one argument, given by this flag, to those of earlier ones. Entries of tables are merged; nothing may be given twice.
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

/// The flag of a key with the default `built_in`, or `bare` when the preset applies.
fn key_flag(key: &Key, built_in: Option<&toml::Value>, bare: Option<&toml::Value>) -> Arg {
    let shown = |value: Option<&toml::Value>| match value {
        None => "none".into(),
        Some(toml::Value::String(text)) if text.is_empty() => "any".into(),
        Some(toml::Value::String(text)) => text.clone(),
        Some(toml::Value::Array(list)) => list.iter().map(toml::Value::to_string).collect::<Vec<_>>().join(","),
        Some(value) => value.to_string(),
    };
    let mut default = shown(bare.or(built_in));
    if bare.is_some() && bare != built_in {
        default += &format!("; with --config: {}", shown(built_in));
    }
    let flag = Arg::new(key.name)
        .long(key.name.replace('_', "-"))
        .value_name(key.value)
        .help(format!("{} [default: {default}]", key.help))
        .help_heading(key.section)
        .allow_negative_numbers(true)
        .global(true);
    match built_in {
        // Each occurrence sets entries of the table; any other flag may be given once.
        Some(toml::Value::Table(_)) => flag.action(ArgAction::Append).value_parser(NonEmptyStringValueParser::new()),
        Some(toml::Value::Boolean(_)) => flag.num_args(0..=1).default_missing_value("true"),
        // Only the name of an adapter may be empty, which selects any.
        Some(toml::Value::String(text)) if text.is_empty() => flag,
        _ => flag.value_parser(NonEmptyStringValueParser::new()),
    }
}

/// The preset of the environment that `written` names, or of the default environment.
fn preset(written: &toml::Table) -> Result<Option<toml::Table>> {
    let default = Config::default().env;
    let env = written.get("env").and_then(toml::Value::as_str).unwrap_or(&default);
    Environment::preset(env).map(|(name, text)| Config::layer(name, text)).transpose()
}

/// The configuration of the command without flags.
pub(super) fn defaults() -> Result<Config> {
    Config::from_layers(preset(&toml::Table::new())?)
}

/// `config` by key. Empty if it cannot be written as TOML; help then shows no defaults.
pub(super) fn table(config: &Config) -> toml::Table {
    toml::Table::try_from(config).unwrap_or_default()
}
