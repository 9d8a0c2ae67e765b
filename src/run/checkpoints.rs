//! The checkpoints in a run's directory: written while training continues, read back, and pruned.

use crate::program::plan::{Plan, WINDOW};
use crate::support::error::{Error, Result};
use crate::support::files;
use crate::train::checkpoint::Checkpoint;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// The file of the best one.
const BEST: &str = "best.safetensors";

/// Selects a checkpoint of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The last one.
    Latest,
    /// The one with the highest mean return over full windows of episodes, averaged over agents.
    Best,
    /// The checkpoint after N updates.
    Update(u32),
}

impl std::str::FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Which, String> {
        match text {
            "latest" => Ok(Which::Latest),
            "best" => Ok(Which::Best),
            number => number.parse().map(Which::Update).map_err(|_| "latest, best, or the number of an update".into()),
        }
    }
}

/// The checkpoints below `directory`, by the number of updates.
///
/// # Errors
/// [`Error::Unreadable`] when the directory cannot be read.
pub fn list(directory: &Path) -> Result<Vec<(u32, PathBuf)>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let entries = directory.read_dir().map_err(|error| Error::unreadable(directory, error))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Error::unreadable(directory, error))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(updates) = name.strip_prefix("update-").and_then(|name| name.strip_suffix(".safetensors")).and_then(|number| number.parse().ok()) {
            found.push((updates, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Removes the checkpoints after update `last` of a run of `plan`; `configs` are the digests of the run's configurations. If the best checkpoint is among
/// them, the best of the remaining ones that qualifies takes its place.
///
/// # Errors
/// [`Error::File`] when they cannot be removed or written.
pub fn forget_after(directory: &Path, last: u32, plan: &Plan, configs: &[String]) -> Result<()> {
    let read = |path: &Path| Checkpoint::read(path, plan).and_then(|checkpoint| checkpoint.of_one_of(configs, path)).ok();
    let remove = |path: &Path| std::fs::remove_file(path).map_err(|error| Error::file("remove", path, error));
    for (_, path) in list(directory)?.into_iter().filter(|(updates, _)| *updates > last) {
        remove(&path)?;
    }
    let best = directory.join(BEST);
    if read(&best).is_some_and(|checkpoint| checkpoint.updates <= last && checkpoint.full_mean_return().is_some()) {
        return Ok(());
    }
    if best.exists() {
        remove(&best)?;
    }
    let mut found: Option<(f32, PathBuf)> = None;
    for (_, path) in list(directory)? {
        let value = read(&path).and_then(|checkpoint| checkpoint.full_mean_return());
        if let Some(value) = value.filter(|value| found.as_ref().is_none_or(|(best, _)| value > best)) {
            found = Some((value, path));
        }
    }
    match found {
        Some((_, path)) => files::write(&best, &std::fs::read(&path).map_err(|error| Error::unreadable(path, error))?),
        None => Ok(()),
    }
}

/// Reads a checkpoint of a run of `plan` from the run's directory of checkpoints. `configs`: digests of the run's configuration, and of earlier ones.
///
/// # Errors
/// [`Error::Config`] when there is no such checkpoint; [`Error::Checkpoint`] when it cannot be used, with another one that can.
pub fn read(directory: &Path, which: Which, plan: &Plan, configs: &[String]) -> Result<Checkpoint> {
    let all = list(directory)?;
    let read = |path: &Path| {
        let checkpoint = Checkpoint::read(path, plan).and_then(|checkpoint| checkpoint.of_one_of(configs, path))?;
        match all.iter().find(|(_, named)| named == path) {
            Some((number, _)) if *number != checkpoint.updates => {
                let problem = format!("it holds update {} under the name of another", checkpoint.updates);
                Err(Error::Checkpoint { path: path.into(), problem, help: String::new() })
            }
            _ => Ok(checkpoint),
        }
    };
    let Some((last, latest)) = all.last() else {
        let problem = format!("{} holds no checkpoint", directory.display());
        let help = "wait for the first one if the run still trains; if it was ended before, start it anew with `ppo-gpu --config` and its config.toml";
        return Err(Error::config("checkpoint", problem, help));
    };
    let numbers = || all.iter().map(|(number, _)| number.to_string()).collect::<Vec<_>>().join(", ");
    let path = match which {
        Which::Latest => latest.clone(),
        Which::Best if !directory.join(BEST).exists() => {
            let problem = format!("there is no best checkpoint yet: none was written after every agent had finished {WINDOW} episodes");
            return Err(Error::config("--from", problem, format!("latest (update {last}), or one of {}", numbers())));
        }
        Which::Best => directory.join(BEST),
        Which::Update(updates) => match all.iter().find(|(number, _)| *number == updates) {
            Some((_, path)) => path.clone(),
            None => {
                let help = format!("latest (update {last}), best, or one of {}", numbers());
                return Err(Error::config("--from", format!("there is no checkpoint of update {updates}"), help));
            }
        },
    };
    read(&path).map_err(|error| match error {
        Error::Checkpoint { path: bad, problem, .. } => {
            let usable = all.iter().rev().find(|(_, other)| *other != bad && read(other).is_ok());
            let best = directory.join(BEST);
            let help = match usable {
                Some((updates, _)) => format!("the checkpoint of update {updates} is intact: add --from {updates}"),
                None if best != bad && best.exists() && read(&best).is_ok() => "the best checkpoint is intact: add --from best".into(),
                None => "no other checkpoint of this run can be used either".into(),
            };
            Error::Checkpoint { path: bad, problem, help }
        }
        other => other,
    })
}

/// Writes checkpoints in a separate thread, while training continues.
pub struct Writer {
    jobs: Option<SyncSender<Checkpoint>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Writer {
    /// Writes checkpoints of a run of `plan` to `directory`, each after the present contents of `metrics` are on the disk.
    ///
    /// # Errors
    /// [`Error::File`] when the directory cannot be made.
    pub fn new(directory: &Path, plan: &Plan, configs: &[String], metrics: File) -> Result<Writer> {
        std::fs::create_dir_all(directory).map_err(|error| Error::file("create", directory, error))?;
        // If the best one cannot be used, any new one replaces it.
        let best = directory.join(BEST);
        let best = Checkpoint::read(&best, plan).and_then(|checkpoint| checkpoint.of_one_of(configs, &best)).ok();
        let best = best.and_then(|checkpoint| checkpoint.full_mean_return());
        let mut store = Store { directory: directory.into(), plan: plan.clone(), metrics, best };
        let (jobs, received) = sync_channel::<Checkpoint>(1);
        let thread = std::thread::spawn(move || received.into_iter().try_for_each(|checkpoint| store.write(&checkpoint)));
        Ok(Writer { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Queues a checkpoint for writing.
    ///
    /// # Errors
    /// [`Error::File`] when an earlier one could not be written.
    pub fn write(&mut self, checkpoint: Checkpoint) -> Result<()> {
        match self.jobs.as_ref().map(|jobs| jobs.send(checkpoint)) {
            Some(Ok(())) => Ok(()),
            // The thread has ended, with an error.
            _ => self.finish(),
        }
    }

    /// Waits until all are written.
    ///
    /// # Errors
    /// [`Error::File`] when one could not be written.
    pub fn finish(&mut self) -> Result<()> {
        self.jobs = None;
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // An error that ended the run early is more useful than one from here.
        let _ = self.finish();
    }
}

struct Store {
    directory: PathBuf,
    plan: Plan,
    metrics: File,
    /// [`Checkpoint::full_mean_return`] of the best one.
    best: Option<f32>,
}

impl Store {
    fn write(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        // After a crash, no checkpoint may be ahead of the metrics on disk. File systems that cannot sync are tolerated.
        let _ = self.metrics.sync_data();
        let bytes = checkpoint.to_bytes(&self.plan);
        files::write(&self.directory.join(format!("update-{}.safetensors", checkpoint.updates)), &bytes)?;
        if let Some(value) = checkpoint.full_mean_return().filter(|value| self.best.is_none_or(|best| *value > best)) {
            files::write(&self.directory.join(BEST), &bytes)?;
            self.best = Some(value);
        }
        let all = list(&self.directory)?;
        for (_, path) in &all[..all.len().saturating_sub(self.plan.config.keep as usize)] {
            std::fs::remove_file(path).map_err(|error| Error::file("remove", path, error))?;
        }
        Ok(())
    }
}
