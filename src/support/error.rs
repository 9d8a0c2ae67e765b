//! Typed errors: the problem, its place, and what to do about it.

use crate::support::fault::{Divergence, Fault};
use std::io::ErrorKind;
use std::path::PathBuf;

/// Everything that can end a run early. `Display` gives the problem and its place; [`Error::help`] says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A configuration key has a value that cannot be used, or does not exist.
    #[error("{key}: {problem}")]
    Config {
        /// The key as the user writes it.
        key: String,
        /// The problem with the value.
        problem: String,
        /// The nearest value (or key) that works.
        help: String,
    },
    /// The plan needs more than the adapter offers.
    #[error("this run needs {what}: {needed}, but {adapter} allows {allowed}")]
    Limit {
        /// The scarce resource.
        what: String,
        /// The amount that the plan needs.
        needed: String,
        /// The amount that the adapter allows.
        allowed: String,
        /// Name of the adapter.
        adapter: String,
        /// The key to lower, and its new value.
        help: String,
    },
    /// A file could not be written, or could no longer be read during a run.
    #[error("cannot {action} {path}")]
    File {
        /// The attempted action, as a verb: "write", "create".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// An input file, or a file of an input run, could not be read: nothing was started.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A checkpoint cannot be used.
    #[error("{path}: {problem}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// The problem with it.
        problem: String,
        /// What to use instead.
        help: String,
    },
    /// No adapter satisfies the request.
    #[error("no usable GPU adapter found (looked for: {looked_for})")]
    NoAdapter {
        /// The requested backends and name.
        looked_for: String,
        /// Adapters that exist but were not chosen, one per line.
        found: Vec<String>,
    },
    /// A kernel's WGSL does not compile, or a pipeline could not be made from it.
    #[error("kernel `{kernel}` does not compile")]
    Shader {
        /// The kernel.
        kernel: String,
        /// The compiler's report, with lines.
        report: String,
    },
    /// An environment's WGSL file cannot be used.
    #[error("{path}{}: {problem}", line.map(|line| format!(":{line}")).unwrap_or_default())]
    Environment {
        /// The file, or the environment's name.
        path: String,
        /// Line of the file, counted from 1, if known.
        line: Option<usize>,
        /// The problem.
        problem: String,
        /// What to do about it.
        help: String,
    },
    /// The device refused or failed to carry out work.
    #[error("the device failed while it {activity}: {message}")]
    Device {
        /// The activity of the program: "created buffer `observations`", "ran update 17".
        activity: String,
        /// wgpu's message.
        message: String,
        /// The kind of failure.
        kind: DeviceFailure,
    },
    /// Every agent diverged, or one did in a run with rollbacks. Each kept its last finite parameters.
    #[error("{}agent {} (seed {}) {} in update {}: {}", among(*agents, first.fault.end()), first.agent, first.seed, first.fault.end(), first.update, first.what)]
    Diverged {
        /// The first agent that diverged.
        first: Divergence,
        /// Agents that diverged.
        agents: usize,
    },
    /// Agents had a fault while playing.
    #[error("{}agent {agent} stopped playing: {what}", among(*agents, "stopped playing"))]
    Played {
        /// Index of the first of them.
        agent: usize,
        /// Its fault.
        fault: Fault,
        /// What it is, as a clause.
        what: String,
        /// Agents that had one.
        agents: usize,
    },
}

/// "3 agents diverged, this one first: ", or nothing for a single agent. `what` is what they did.
fn among(agents: usize, what: &str) -> String {
    if agents > 1 { format!("{agents} agents {what}, this one first: ") } else { String::new() }
}

/// The kind of failure that the device reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceFailure {
    /// The device is gone: driver reset, watchdog, unplugged.
    Lost,
    /// Memory ran out.
    OutOfMemory,
    /// wgpu refused a call: a defect of this program.
    Validation,
    /// It computed results outside the reference's bounds.
    Wrong,
}

/// Process exit codes.
pub mod exit {
    /// Success.
    pub const DONE: u8 = 0;
    /// Failed while running.
    pub const FAILED: u8 = 1;
    /// Refused: usage or configuration.
    pub const REFUSED: u8 = 2;
    /// Training diverged.
    pub const DIVERGED: u8 = 3;
    /// Interrupted after everything was saved.
    pub const INTERRUPTED: u8 = 130;
}

impl Error {
    /// The errors behind this one, the nearest first.
    pub fn causes(&self) -> impl Iterator<Item = &dyn std::error::Error> {
        std::iter::successors(std::error::Error::source(self), |cause| cause.source())
    }

    /// A configuration error for `key`.
    pub fn config(key: impl Into<String>, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Error::Config { key: key.into(), problem: problem.into(), help: help.into() }
    }

    /// The error for an `--agent` out of the range of `agents`.
    pub fn no_agent(agent: usize, agents: usize) -> Self {
        Error::config("--agent", format!("there is no agent {agent}"), format!("nearest that works: {}", agents - 1))
    }

    /// A file error.
    pub fn file(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Error::File { action, path: path.into(), source }
    }

    /// The error for an input that cannot be read.
    pub fn unreadable(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Error::Unreadable { path: path.into(), source }
    }

    /// The process exit code for this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Unreadable { .. } => exit::REFUSED,
            // If other flags would find an adapter, the flags are the error.
            Error::NoAdapter { found, .. } if !found.is_empty() => exit::REFUSED,
            Error::Config { .. } | Error::Limit { .. } | Error::Environment { .. } | Error::Checkpoint { .. } => exit::REFUSED,
            Error::Diverged { .. } => exit::DIVERGED,
            _ => exit::FAILED,
        }
    }

    /// What the user can do about it.
    pub fn help(&self) -> String {
        match self {
            Error::Config { help, .. } | Error::Limit { help, .. } | Error::Environment { help, .. } | Error::Checkpoint { help, .. } => help.clone(),
            Error::Unreadable { source, .. } => match source.kind() {
                ErrorKind::InvalidData => "the file must be text in UTF-8",
                ErrorKind::IsADirectory => "give the path of a file",
                _ => "check that the file exists and may be read",
            }
            .into(),
            Error::File { source, .. } => match source.kind() {
                ErrorKind::IsADirectory => "give the path of a file",
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room there, and try again; what was written before is kept",
                _ => "check that the path exists and may be read and written",
            }
            .into(),
            Error::NoAdapter { found, .. } if found.is_empty() => without_adapters(SYSTEM).into(),
            Error::NoAdapter { found, .. } => {
                let how = "name one with --adapter by its index, its id or part of its name, without --backend unless it has that backend";
                format!("{how}; these adapters exist:\n{}", found.join("\n"))
            }
            Error::Shader { report, .. } => report.clone(),
            Error::Device { kind: DeviceFailure::Lost, .. } => {
                "the metrics written so far are kept; lower --envs or set --dispatches-per-submit so that each piece of work is \
                 shorter (desktop systems stop a GPU that is busy for too long), update the driver, or use --backend/--adapter to pick another device"
                    .into()
            }
            Error::Device { kind: DeviceFailure::OutOfMemory, .. } => {
                "lower --envs, --steps or --agents; `ppo-gpu inspect plan` with the same flags shows what each buffer needs".into()
            }
            Error::Device { kind: DeviceFailure::Validation, .. } => {
                "this is a defect of ppo-gpu; please report it with the output of `ppo-gpu devices` and `ppo-gpu inspect plan`".into()
            }
            Error::Device { kind: DeviceFailure::Wrong, .. } => {
                "the driver compiles or executes kernels wrongly: update it, or pick another device or driver with --backend/--adapter; if the newest driver \
                 does the same, report it to the driver's makers, and to ppo-gpu with the output of `ppo-gpu doctor --json`"
                    .into()
            }
            Error::Diverged { first, .. } if first.fault.is_of_the_environment() => first.fault.help(),
            Error::Diverged { .. } => {
                "the last finite parameters were kept and saved. Lower --lr or --max-grad-norm, or make rewards smaller if they are large (`ppo-gpu env check` shows \
                 their range). With --on-divergence rollback a run goes back to its last checkpoint and tries a smaller learning rate, --rollbacks times at most \
                 (from an earlier one: ppo-gpu resume RUN --from UPDATE --on-divergence rollback)"
                    .into()
            }
            Error::Played { fault, .. } => {
                let outputs = || "the policy's outputs are too large for the observations of this environment; play another checkpoint with --from".into();
                if fault.is_of_the_environment() { fault.help() } else { outputs() }
            }
        }
    }
}

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// The system that this was compiled for, where it matters.
const SYSTEM: &str = if cfg!(windows) {
    "windows"
} else if cfg!(target_os = "macos") {
    "macos"
} else {
    ""
};

/// What to do on a system (as in [`SYSTEM`]) that has no adapter.
fn without_adapters(system: &str) -> &'static str {
    match system {
        "windows" => {
            "install the newest graphics driver of the GPU's maker (NVIDIA, AMD, Intel, Qualcomm), which brings Vulkan and DirectX 12. If a file \
             dxcompiler.dll lies beside the program or in this folder, move it away: with it, DirectX 12 takes only GPUs with shader model 6"
        }
        "macos" => "Metal comes with macOS and needs a GPU that it supports; virtual machines often have none",
        _ => {
            "install a graphics driver; on a machine without a GPU, Mesa's software driver works: \
             `apt install mesa-vulkan-drivers` (Debian, Ubuntu), `dnf install mesa-vulkan-drivers` (Fedora), \
             `pacman -S vulkan-swrast` (Arch); `sh scripts/train.sh` does this by itself"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_without_an_adapter_gets_advice_of_its_own() {
        let advice = ["windows", "macos", ""].map(without_adapters);
        assert!(advice.iter().zip(["DirectX 12", "Metal", "apt install"]).all(|(text, word)| text.contains(word)), "{advice:?}");
        assert!(advice[..2].iter().all(|text| !text.contains("apt")), "{advice:?}");
        let error = Error::NoAdapter { looked_for: "backend auto".into(), found: Vec::new() };
        assert_eq!(error.help(), without_adapters(SYSTEM));
    }
}
