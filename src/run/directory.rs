//! The directory that a run leaves behind.

use super::Summary;
use crate::error::{Error, Result};
use crate::metrics::JsonLines;
use crate::plan::Plan;
use std::path::{Path, PathBuf};

/// Where runs go that are not told where.
const HOME: &str = "runs";
/// The effective configuration.
const CONFIG: &str = "config.toml";
/// A row for each update and agent.
const METRICS: &str = "metrics.jsonl";
/// What came of the run.
const SUMMARY: &str = "summary.json";

/// A run's directory: `config.toml` (the effective configuration), `metrics.jsonl`, `summary.json`.
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes the directory `out`, or a new one below `runs`, and writes the configuration of `plan` to it.
    ///
    /// # Errors
    /// [`Error::Config`] when `out` already holds a run or a file of one; [`Error::File`] when it cannot be written.
    pub fn create(plan: &Plan, out: Option<&Path>) -> Result<Directory> {
        let path = match out {
            Some(path) => {
                refuse_existing(path)?;
                std::fs::create_dir_all(path).map_err(|error| Error::file("create", path, error))?;
                path.into()
            }
            None => {
                // UTC: names sort in the order of the runs, on every machine and through changes to and from summer time.
                let time = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
                create_unique(Path::new(HOME), &format!("{time}-{}-{}", file_name(&plan.environment.name), plan.config.seed))?
            }
        };
        let header =
            format!("# The effective configuration of a run of ppo-gpu {}; `ppo-gpu --config` with this file repeats it.\n\n", env!("CARGO_PKG_VERSION"));
        let directory = Directory { path };
        directory.write(CONFIG, &(header + &plan.config.to_commented_toml()))?;
        Ok(directory)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file for metrics.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be made.
    pub fn metrics(&self) -> Result<JsonLines> {
        JsonLines::create(&self.path.join(METRICS))
    }

    /// Writes `summary.json`.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn write_summary(&self, summary: &Summary) -> Result<()> {
        self.write(SUMMARY, &(summary.to_json() + "\n"))
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path.join(name);
        std::fs::write(&path, text).map_err(|error| Error::file("write", path, error))
    }
}

/// Refuses a directory that holds a run, or a file that one would replace.
pub(super) fn refuse_existing(path: &Path) -> Result<()> {
    if let Some(name) = [METRICS, CONFIG, SUMMARY].into_iter().find(|name| path.join(name).exists()) {
        let problem = format!("{} already holds a run ({name})", path.display());
        return Err(Error::config("out", problem, "choose another directory, or remove that one; without --out each run gets a new one"));
    }
    Ok(())
}

/// Makes the directory `name` below `home`; `name-2`, `name-3` ... where that exists.
fn create_unique(home: &Path, name: &str) -> Result<PathBuf> {
    std::fs::create_dir_all(home).map_err(|error| Error::file("create", home, error))?;
    let mut path = home.join(name);
    let mut number = 2;
    loop {
        // Fails where it exists, so that of two runs started at once each gets its own.
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => path = home.join(format!("{name}-{number}")),
            Err(error) => return Err(Error::file("create", path, error)),
        }
        number += 1;
    }
}

/// `name` with only what every file system allows.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::plan::Profile;

    #[test]
    fn a_run_is_never_overwritten_and_its_configuration_loads_back() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let out = home.path().join("a/b");
        let config = Config { envs: 12, seed: 99, ..Config::default() };
        let plan = Plan::new(&config, Profile::named("small").expect("a profile")).expect("sizes that fit");
        let directory = Directory::create(&plan, Some(&out)).expect("a directory");
        let text = std::fs::read_to_string(out.join("config.toml")).expect("config.toml");
        let layer = Config::layer("config.toml", &text).expect("TOML");
        assert_eq!(Config::from_layers([layer]).expect("a configuration"), config);
        // A configuration without metrics is not a run, but may be what somebody wrote.
        for name in [CONFIG, METRICS] {
            let error = Directory::create(&plan, Some(&out)).err().expect("a refusal");
            assert!(error.to_string().starts_with("out: ") && error.to_string().contains(name) && error.exit_code() == 2, "{error}");
            drop(directory.metrics());
        }
    }

    #[test]
    fn unnamed_runs_get_directories_of_their_own() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let names: Vec<PathBuf> = (0..3).map(|_| create_unique(home.path(), "x").expect("a directory")).collect();
        assert_eq!(names, ["x", "x-2", "x-3"].map(|name| home.path().join(name)));
        assert_eq!(file_name("my env/ä.wgsl"), "my_env__.wgsl");
    }
}
