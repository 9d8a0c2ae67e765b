//! Running the program as its users do, in a directory of its own. `PPO_GPU_TEST_BACKEND` picks the backend.

#![allow(dead_code)] // no test uses all of it

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Exit codes, as `--help` promises them.
pub const DONE: i32 = 0;
pub const FAILED: i32 = 1;
pub const REFUSED: i32 = 2;
pub const DIVERGED: i32 = 3;
pub const INTERRUPTED: i32 = 130;

/// A directory to run in, which is empty at first: what a run leaves in it is part of what is tested.
pub struct Desk(TempDir);

/// Lets the command obey SIGHUP, SIGINT and SIGTERM, even where these tests were started with one of them ignored, as `nohup` and shells' background jobs are:
/// processes inherit that, and a shell cannot undo it.
#[cfg_attr(not(unix), allow(unused_variables))] // other systems have no such inheritance
pub fn obey_signals(command: &mut Command) {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        let defaults = || {
            for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
                // SAFETY: `signal` is safe to call between fork and exec, and the default action is no handler of ours.
                if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
                    return Err(std::io::Error::last_os_error());
                }
            }
            Ok(())
        };
        // SAFETY: it calls nothing that may not be called between fork and exec.
        unsafe { command.pre_exec(defaults) };
    }
}

/// What came of a call.
pub struct Outcome {
    pub arguments: String,
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Desk {
    /// A directory that outlives the tests that use it: below `target/`, which cargo cleans.
    pub fn kept() -> Desk {
        Desk(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    pub fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn read(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.0.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The program with arguments that spaces separate. Of a flag that is there twice the later one holds, so that a test can change what others share; the
    /// program itself refuses that.
    pub fn command(&self, arguments: &str) -> Command {
        let arguments = &later_flags(arguments);
        let mut command = Command::new(env!("CARGO_BIN_EXE_ppo-gpu"));
        let no_device = ["plot", "export", "completions", "man", "env list", "env new"];
        let unwanted = arguments.contains("--backend") || no_device.iter().any(|start| arguments.starts_with(start));
        if let (Ok(backend), false) = (std::env::var("PPO_GPU_TEST_BACKEND"), unwanted) {
            command.args(["--backend", &backend]);
        }
        command.args(arguments.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        obey_signals(&mut command);
        command
    }

    /// Calls the program. Whatever it is told, it neither panics nor is ended by a signal.
    pub fn call(&self, arguments: &str) -> Outcome {
        finish(arguments, self.command(arguments).output().unwrap())
    }

    /// Calls the program, which must end with `code`.
    pub fn expect(&self, code: i32, arguments: &str) -> Outcome {
        self.call(arguments).ended(code)
    }
}

/// `arguments` without the flags, and their values, that come again later. Those of `--set` add up.
fn later_flags(arguments: &str) -> String {
    let mut groups: Vec<Vec<&str>> = Vec::new();
    for word in arguments.split_whitespace() {
        match groups.last_mut().filter(|_| !word.starts_with("--")) {
            Some(group) => group.push(word),
            None => groups.push(vec![word]),
        }
    }
    let repeated = |i: usize| groups[i][0].starts_with("--") && groups[i][0] != "--set" && groups[i + 1..].iter().any(|later| later[0] == groups[i][0]);
    (0..groups.len()).filter(|&i| !repeated(i)).flat_map(|i| groups[i].clone()).collect::<Vec<_>>().join(" ")
}

/// What came of a call that ended by itself, without a panic.
pub fn finish(arguments: &str, output: Output) -> Outcome {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let outcome = Outcome { arguments: arguments.into(), code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) };
    assert!(!outcome.stderr.contains("panicked") && !outcome.stderr.contains("RUST_BACKTRACE"), "{outcome}");
    assert!(outcome.code.is_some_and(|code| [DONE, FAILED, REFUSED, DIVERGED, INTERRUPTED].contains(&code)), "{outcome}");
    outcome
}

impl Outcome {
    pub fn ended(self, code: i32) -> Outcome {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Stdout is one JSON value on one line.
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "{self}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }

    /// Stderr contains each of `parts`.
    pub fn says(&self, parts: &[&str]) -> &Outcome {
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is missing\n{self}");
        }
        self
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arguments: String = self.arguments.chars().take(400).collect();
        write!(f, "ppo-gpu {arguments}\nexit code {:?}\n---- stdout\n{}\n---- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}
