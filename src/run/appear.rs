//! How the directory of a run comes to be: locked, filled before anybody sees it, and with a name that every file system takes.

use crate::support::error::{Error, Result};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// The effective configuration.
pub(super) const CONFIG: &str = "config.toml";
/// A row for each update and agent.
pub(super) const METRICS: &str = "metrics.jsonl";
/// What came of the run.
pub(super) const SUMMARY: &str = "summary.json";
/// What else it is made of; see [`Manifest`].
pub(super) const MANIFEST: &str = "run.json";
/// A copy of the environment's WGSL file.
pub(super) const ENVIRONMENT: &str = "environment.wgsl";
/// Checkpoints.
pub(super) const CHECKPOINTS: &str = "checkpoints";
/// Files of events.
pub(super) const TENSORBOARD: &str = "tensorboard";
/// Held by the process that trains in a directory.
const LOCK: &str = ".lock";

/// The lock of the directory of a run, which no other process can have while it is open.
///
/// # Errors
/// [`Error::Config`] when another process has it; [`Error::File`] when it cannot be made.
pub(super) fn lock(directory: &Path) -> Result<File> {
    let path = directory.join(LOCK);
    let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(|error| Error::file("create", &path, error))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let problem = format!("another process trains in {}", directory.display());
            Err(Error::config("RUN", problem, "wait until it has ended, or end it: Ctrl-C saves everything"))
        }
        // Some file systems have no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// Makes a directory that nobody sees before it was filled, in `parent`, and locks it; it is called as `name` says for 1, or for 2, 3 ... where that exists.
pub(super) fn appear(parent: &Path, fill: impl FnOnce(&Path) -> Result<()>, name: impl Fn(u32) -> PathBuf) -> Result<(PathBuf, File)> {
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let failed = |error| Error::file("create", name(1), error);
    std::fs::create_dir_all(parent).map_err(failed)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-run-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777)); // less what the system is told to leave out, like any directory
    let unfinished = builder.tempdir_in(parent).map_err(failed)?;
    // Whatever fails from here on, the unfinished directory is removed.
    fill(unfinished.path())?;
    // Locked before it is seen; on Windows a directory with an open file cannot be given another name.
    let mut held = if cfg!(windows) { None } else { Some(lock(unfinished.path())?) };
    let mut number = 1;
    loop {
        let path = name(number);
        // Fails where there is one that is not empty, so that of two runs started at once each gets its own.
        match std::fs::rename(unfinished.path(), &path) {
            Ok(()) => {
                // It has another name now, and stays.
                let _ = unfinished.keep();
                let lock = held.take().map_or_else(|| lock(&path), Ok)?;
                return Ok((path, lock));
            }
            Err(_) if path.exists() && name(number + 1) != path => number += 1,
            Err(_) if path.is_dir() => {
                // Another process was faster.
                refuse_existing(&path)?;
                let problem = format!("another process has created {} meanwhile", path.display());
                return Err(Error::config("out", problem, "choose another directory; without --out each run gets a new one"));
            }
            Err(error) => return Err(Error::file("create", path, error)),
        }
    }
}

/// Refuses a directory that holds a run, or a file that one would replace.
pub(super) fn refuse_existing(path: &Path) -> Result<()> {
    let files = [MANIFEST, METRICS, CONFIG, SUMMARY, ENVIRONMENT, CHECKPOINTS, TENSORBOARD];
    if let Some(name) = files.into_iter().find(|name| path.join(name).exists()) {
        let problem = format!("{} already holds a run ({name})", path.display());
        return Err(Error::config("out", problem, "choose another directory, or remove that one; without --out each run gets a new one"));
    }
    Ok(())
}

/// Characters of an environment's name in the name of a run at most: date, seed and parent directories need room, too.
const MOST_NAME: usize = 40;

/// A short name for an environment, of characters that every file system allows: of a file, only what its name says without directories and ending.
pub(super) fn file_name(environment: &str) -> String {
    let file = Path::new(environment);
    let is_file = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("wgsl"));
    let name = if is_file { file.file_stem().map_or("".into(), |stem| stem.to_string_lossy()) } else { environment.into() };
    name.chars().take(MOST_NAME).map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::files;

    #[test]
    fn unnamed_runs_get_directories_of_their_own() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let name = |number: u32| home.path().join(format!("x-{number}"));
        let fill = |path: &Path| files::write(&path.join("file"), b"");
        let paths: Vec<PathBuf> = (0..3).map(|_| appear(home.path(), fill, name).expect("a directory").0).collect();
        assert_eq!(paths, [1, 2, 3].map(name));
        // What cannot be finished leaves nothing.
        let before = home.path().read_dir().expect("a directory").count();
        let long = |_: u32| home.path().join("x".repeat(300));
        appear(home.path(), fill, long).expect_err("no file system takes such a name");
        appear(home.path(), |_| Err(Error::config("test", "", "")), name).expect_err("it could not be filled");
        assert_eq!(home.path().read_dir().expect("a directory").count(), before);
    }

    #[test]
    fn runs_have_short_names_whatever_the_path_of_the_environment() {
        assert_eq!(
            ["my env/ä.wgsl", "/a/b/catch.wgsl", "..\\x/Catch.WGSL", "MinAtar/Breakout-v1"].map(file_name),
            ["_", "catch", "Catch", "MinAtar_Breakout-v1"]
        );
        let long = format!("{}/{}.wgsl", "directory/".repeat(30), "x".repeat(200));
        assert_eq!(file_name(&long), "x".repeat(MOST_NAME));
    }
}
