//! The directory of a run.

use crate::program::plan::Plan;
use crate::run::appear::{CHECKPOINTS, CONFIG, DATA, ENVIRONMENT, LOCK, MANIFEST, METRICS, SUMMARY, TENSORBOARD, appear, file_name, lock, refuse_existing};
use crate::run::manifest::{EnvironmentRecord, Manifest};
use crate::run::summary::Summary;
use crate::spec::config::Config;
use crate::spec::data::{Data, data_lines};
use crate::spec::environment::{self, Environment};
use crate::support::error::{Error, Result};
use crate::support::files;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The default parent directory of runs.
const HOME: &str = "runs";

/// Whether the file at `path` is one that a run's directory consists of.
pub fn is_part_of_a_run(path: &Path) -> bool {
    let path = std::path::absolute(path).unwrap_or(path.into());
    let above = |levels: usize| path.ancestors().nth(levels).filter(|directory| directory.join(MANIFEST).is_file());
    let is_within = |part: &str| path.parent().is_some_and(|parent| parent.ends_with(part));
    let own = [CONFIG, METRICS, SUMMARY, MANIFEST, ENVIRONMENT, DATA, LOCK];
    above(1).is_some() && own.iter().any(|name| path.ends_with(name)) || above(2).is_some() && [CHECKPOINTS, TENSORBOARD].into_iter().any(is_within)
}

/// A run's directory: `config.toml` (the effective configuration), `run.json` (program, device, environment), `environment.wgsl` and, if it
/// has data, `environment.safetensors`, `metrics.jsonl`, `tensorboard/`, `checkpoints/`, `summary.json`.
pub struct Directory {
    path: PathBuf,
    /// Its lock, while it is held.
    lock: Option<File>,
}

impl Directory {
    /// Makes the directory `out`, or a new one below `runs`, for a run of `plan`, and locks it.
    ///
    /// # Errors
    /// [`Error::Config`] when `out` already holds a run or a file of one; [`Error::File`] when it cannot be written.
    pub fn create(plan: &Plan, manifest: &Manifest, out: Option<&Path>) -> Result<Directory> {
        let fill = |path: &Path| {
            let directory = Directory { path: path.into(), lock: None };
            directory.write_config(&plan.config)?;
            directory.write(ENVIRONMENT, &plan.environment.source)?;
            if !plan.environment.data.arrays.is_empty() {
                files::write(&path.join(DATA), &plan.environment.data.to_safetensors())?;
            }
            // Written last: with this file, the directory is a run.
            directory.write_manifest(manifest)
        };
        let (path, lock) = match out {
            Some(path) if path.exists() => {
                // Refuse before writing anything if there is a run already. After that, the process that holds the lock fills the directory.
                refuse_existing(path)?;
                let lock = lock(path)?;
                refuse_existing(path)?;
                fill(path)?;
                (path.into(), lock)
            }
            Some(path) => appear(path.parent().unwrap_or(Path::new("")), fill, |_| path.into())?,
            None => {
                // UTC: names sort in the order of the runs, on every machine and through changes to and from summer time.
                let time = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
                let name = format!("{time}-{}-{}", file_name(&plan.environment.name), plan.config.seed);
                let home = Path::new(HOME);
                appear(home, fill, |number| home.join(if number == 1 { name.clone() } else { format!("{name}-{number}") }))?
            }
        };
        Ok(Directory { path, lock: Some(lock) })
    }

    /// The directory of a run.
    ///
    /// # Errors
    /// [`Error::Config`] when it is none.
    pub fn open(path: &Path) -> Result<Directory> {
        if !path.join(MANIFEST).is_file() {
            let problem = format!("{} holds no run (it has no {MANIFEST})", path.display());
            return Err(Error::config("RUN", problem, "give the directory of a run: `runs/<date>-<time>-<env>-<seed>`, or the one given to --out"));
        }
        Ok(Directory { path: path.into(), lock: None })
    }

    /// Locks the directory against training by other processes, as long as this value lives.
    ///
    /// # Errors
    /// [`Error::Config`] when one does; [`Error::File`] when the lock cannot be made.
    pub fn lock(&mut self) -> Result<()> {
        self.lock = Some(lock(&self.path)?);
        Ok(())
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of the configuration.
    pub fn config_path(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// The run's configuration.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when it cannot be read, [`Error::Config`] when it cannot be used.
    pub fn config_table(&self) -> Result<toml::Table> {
        let path = self.config_path();
        Config::layer(&path.display().to_string(), &files::read_text(&path)?)
    }

    /// The run's manifest.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when it cannot be read, [`Error::Config`] when it is damaged.
    pub fn manifest(&self) -> Result<Manifest> {
        let path = self.path.join(MANIFEST);
        Manifest::from_json(&path, &files::read_text(&path)?)
    }

    /// The run's environment: the built-in one if it has not changed since; otherwise the copy.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when the copy cannot be read, [`Error::Config`] when it is not the one that was trained on; those of [`Environment::parse`].
    pub fn environment(&self, manifest: &Manifest) -> Result<Environment> {
        let EnvironmentRecord { name, sha256 } = &manifest.environment;
        if let Some(known) = Environment::names().find(|known| known == name) {
            let environment = Environment::named(known)?;
            if environment.sha256() == *sha256 {
                return Ok(environment);
            }
        }
        let path = self.path.join(ENVIRONMENT);
        let source = files::read_text(&path)?;
        let data = if data_lines(&source).is_empty() { Data::default() } else { self.data()? };
        if environment::sha256(&source, &data) != *sha256 {
            let which = if data.arrays.is_empty() { "the file is".into() } else { format!("this file, or {DATA} beside it, is") };
            let problem = format!("{which} not the one that this run was trained on");
            return Err(Error::config(path.display().to_string(), problem, "restore it from a copy; to train on a changed one, start a new run"));
        }
        Environment::with_data(name, &source, data)
    }

    /// The copy of the environment's data.
    fn data(&self) -> Result<Data> {
        let path = self.path.join(DATA);
        let bytes = files::read(&path).map_err(|error| Error::unreadable(&path, error))?;
        Data::from_safetensors(&path.display().to_string(), &bytes)
    }

    /// Directory of the checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
    }

    /// Directory of the TensorBoard event files.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join(TENSORBOARD)
    }

    /// Path of the rows of metrics.
    pub fn metrics(&self) -> PathBuf {
        self.path.join(METRICS)
    }

    /// Whether a session in it ended and left its summary.
    pub(super) fn is_complete(&self) -> bool {
        self.path.join(SUMMARY).exists()
    }

    /// The environment steps of the agent that learned longest, according to the summary; none if there is no summary that can be read.
    pub(super) fn completed_env_steps(&self) -> Option<u64> {
        let text = files::read_text(&self.path.join(SUMMARY)).ok()?;
        serde_json::from_str::<serde_json::Value>(&text).ok()?["env_steps"].as_u64()
    }

    /// Writes `summary.json`.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn write_summary(&self, summary: &Summary) -> Result<()> {
        self.write(SUMMARY, &(summary.to_json() + "\n"))
    }

    /// Makes `config` the run's configuration from now on, in `config.toml` and in `run.json`. If the process is killed meanwhile, the run has either the
    /// old or the new configuration.
    ///
    /// # Errors
    /// [`Error::File`] when they cannot be written.
    pub fn write_run(&self, manifest: &mut Manifest, config: &Config) -> Result<()> {
        manifest.take_config(config);
        self.write_manifest(manifest)?;
        self.write_config(config)?;
        match manifest.config.as_mut().and_then(|record| record.previous.take()) {
            // `config.toml` is up to date now.
            Some(_) => self.write_manifest(manifest),
            None => Ok(()),
        }
    }

    /// Writes `config.toml`.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    fn write_config(&self, config: &Config) -> Result<()> {
        let header =
            format!("# The effective configuration of a run of ppo-gpu {}; `ppo-gpu --config` with this file repeats it.\n\n", env!("CARGO_PKG_VERSION"));
        self.write(CONFIG, &(header + &config.to_commented_toml()))
    }

    /// Writes `run.json`.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.write(MANIFEST, &manifest.to_json())
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        files::write(&self.path.join(name), text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::profile::Profile;
    use crate::run::device::DeviceSummary;

    fn device() -> DeviceSummary {
        DeviceSummary { device: "test".into(), backend: "noop".into(), driver: String::new(), software: true }
    }

    fn plan() -> Plan {
        let config = Config { envs: 12, seed: 99, ..Config::default() };
        Plan::new(&config, Profile::named("small").expect("a profile")).expect("sizes that fit")
    }

    #[test]
    fn a_run_is_never_overwritten_and_loads_back() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let out = home.path().join("a/b");
        let plan = plan();
        let manifest = Manifest::new(&plan, &device(), None);
        let directory = Directory::create(&plan, &manifest, Some(&out)).expect("a directory");
        let mut again = Directory::open(&out).expect("a run");
        assert_eq!(Config::from_layers([again.config_table().expect("TOML")]).expect("a configuration"), plan.config);
        assert_eq!(again.manifest().expect("a manifest"), manifest);
        assert_eq!(again.environment(&manifest).expect("the environment").name, "CartPole-v1");
        let error = again.lock().expect_err("a refusal");
        assert!(error.to_string().contains("another process trains in"), "{error}");
        drop(directory);
        again.lock().expect("the lock is free again");
        drop(again);

        // A configuration without metrics is not a run, but may be a user's file.
        for name in [MANIFEST, CONFIG, ENVIRONMENT] {
            let error = Directory::create(&plan, &manifest, Some(&out)).err().expect("a refusal");
            assert!(error.to_string().starts_with("out: ") && error.to_string().contains(name) && error.exit_code() == 2, "{error}");
            std::fs::remove_file(out.join(name)).expect("it exists");
        }
        assert!(Directory::open(&out).is_err_and(|error| error.to_string().contains("holds no run")));
        Directory::create(&plan, &manifest, Some(&out)).expect("nothing of a run is there");
        assert_eq!(home.path().join("a").read_dir().expect("a directory").count(), 1, "nothing unfinished is left");
    }

    #[test]
    fn a_built_in_environment_that_has_changed_is_read_from_the_copy() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let mut plan = plan();
        plan.environment.source += "// another version\n";
        let manifest = Manifest::new(&plan, &device(), None);
        let directory = Directory::create(&plan, &manifest, Some(&home.path().join("run"))).expect("a directory");
        let environment = directory.environment(&manifest).expect("the copy");
        assert!(!environment.built_in && environment.source == plan.environment.source);
        directory.write(ENVIRONMENT, "// changed since\n").expect("a file");
        assert!(directory.environment(&manifest).is_err_and(|error| error.to_string().contains("not the one")));
    }
}
