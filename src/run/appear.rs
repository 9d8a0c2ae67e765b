//! Creating the directory of a run: locked, filled before it becomes visible, and with a name that every file system allows.

use crate::spec::data::DATA_COPY;
use crate::support::error::{Error, Result};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// The effective configuration.
pub(super) const CONFIG: &str = "config.toml";
/// A row for each update and agent.
pub(super) const METRICS: &str = "metrics.jsonl";
/// The summary of the run.
pub(super) const SUMMARY: &str = "summary.json";
/// The manifest; see [`Manifest`].
pub(super) const MANIFEST: &str = "run.json";
/// A copy of the environment's WGSL file.
pub(super) const ENVIRONMENT: &str = "environment.wgsl";
/// A copy of its data, if it has any.
pub(super) const DATA: &str = DATA_COPY;
/// Checkpoints.
pub(super) const CHECKPOINTS: &str = "checkpoints";
/// Files of events.
pub(super) const TENSORBOARD: &str = "tensorboard";
/// Held by the process that trains in a directory.
pub(super) const LOCK: &str = ".lock";

/// The lock of a run's directory, which no other process can hold while it is open.
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

/// Makes and locks a directory in `parent` that becomes visible only when it is filled. Its name is `name(1)`, or `name(2)`, `name(3)` ... if that exists.
pub(super) fn appear(parent: &Path, fill: impl FnOnce(&Path) -> Result<()>, name: impl Fn(u32) -> PathBuf) -> Result<(PathBuf, File)> {
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let failed = |error| Error::file("create", name(1), error);
    std::fs::create_dir_all(parent).map_err(failed)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-run-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777)); // minus the umask, like any directory
    let unfinished = builder.tempdir_in(parent).map_err(failed)?;
    // From here on, any failure removes the unfinished directory.
    fill(unfinished.path())?;
    // Locked before it becomes visible, except on Windows, where a directory with an open file cannot be renamed.
    let mut held = if cfg!(windows) { None } else { Some(lock(unfinished.path())?) };
    let mut number = 1;
    loop {
        let path = name(number);
        // Fails if a non-empty directory has this name, so that two runs started at once get their own directories.
        match std::fs::rename(unfinished.path(), &path) {
            Ok(()) => {
                // It was renamed, and stays.
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

/// Refuses a directory that holds a run, or a file that one would replace; and a path that cannot be a directory, since a file is in the way.
pub(super) fn refuse_existing(path: &Path) -> Result<()> {
    if let Some(file) = path.ancestors().find(|above| above.exists() && !above.is_dir()) {
        let problem = format!("{} is no directory, and a run needs one", file.display());
        return Err(Error::config("out", problem, "choose another directory; without --out each run gets a new one"));
    }
    let files = [MANIFEST, METRICS, CONFIG, SUMMARY, ENVIRONMENT, DATA, CHECKPOINTS, TENSORBOARD];
    if let Some(name) = files.into_iter().find(|name| path.join(name).exists()) {
        let problem = format!("{} already holds a run ({name})", path.display());
        return Err(Error::config("out", problem, "choose another directory, or remove that one; without --out each run gets a new one"));
    }
    Ok(())
}

/// Most characters of an environment's name in the name of a run: date, seed and parent directories need room, too.
const MOST_NAME: usize = 40;

/// A short name for an environment, of characters that every file system allows. For a file, its name without directories and extension.
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
        // A directory that cannot be finished leaves nothing behind.
        let before = home.path().read_dir().expect("a directory").count();
        let long = |_: u32| home.path().join("x".repeat(300));
        appear(home.path(), fill, long).expect_err("no file system takes such a name");
        appear(home.path(), |_| Err(Error::config("test", "", "")), name).expect_err("it could not be filled");
        assert_eq!(home.path().read_dir().expect("a directory").count(), before);
    }

    #[test]
    fn runs_have_short_names_for_any_path_of_the_environment() {
        assert_eq!(
            ["my env/ä.wgsl", "/a/b/catch.wgsl", "..\\x/Catch.WGSL", "MinAtar/Breakout-v1"].map(file_name),
            ["_", "catch", "Catch", "MinAtar_Breakout-v1"]
        );
        let long = format!("{}/{}.wgsl", "directory/".repeat(30), "x".repeat(200));
        assert_eq!(file_name(&long), "x".repeat(MOST_NAME));
    }
}
