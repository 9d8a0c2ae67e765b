//! The trait of commands, and their input.

use crate::cli::shared::Shared;
use crate::run::directory::is_part_of_a_run;
use crate::support::error::{Error, Result};
use crate::support::files;
use std::io::Write;
use std::path::Path;

/// Names of flags.
pub(super) type Flags = Vec<&'static str>;

/// A command: its fields are its own arguments.
pub(super) trait Perform {
    /// The flags of [`Shared`] that it takes; for a group, those that its command `topic` takes.
    fn takes(topic: Option<&str>) -> Flags;

    /// Carries out the command, and returns the process exit code.
    ///
    /// # Errors
    /// Any error of the command.
    fn perform(self, call: &Call) -> Result<u8>;
}

/// Input of all commands.
pub(super) struct Call {
    /// The flags that all commands share.
    pub(super) shared: Shared,
    /// The description of the whole command line.
    pub(super) command_line: fn() -> clap::Command,
}

/// Writes to stdout. A reader that closes the pipe (`| head`) is not a failure.
pub(super) fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::file("write", "standard output", error)),
        _ => Ok(()),
    }
}

/// Writes a file that a command was asked for. What is there is replaced, unless it is a part of a run.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if is_part_of_a_run(path) {
        let problem = format!("{} is a file of a run, which would be lost", path.display());
        return Err(Error::config("FILE", problem, "give another path"));
    }
    files::write(path, bytes)
}

/// An error as text: the problem and its place, its causes, and what to do.
pub(super) fn describe(error: &Error) -> String {
    let mut text = format!("error: {error}\n");
    error.causes().for_each(|cause| text += &format!("  caused by: {cause}\n"));
    let mut prefix = "  help: ";
    for line in error.help().lines() {
        text += &format!("{prefix}{line}\n");
        prefix = "        ";
    }
    text
}
