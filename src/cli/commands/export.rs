//! `ppo-gpu export`.

use crate::cli::arguments::{SavedRun, agent, checkpoint};
use crate::cli::call::{self, Call, Flags, Perform, print};
use crate::play::export::policy::Policy;
use crate::run::session::Saved;
use crate::support::error::{Error, Result, exit};
use crate::support::files;
use std::path::{Path, PathBuf};

/// Write an agent's policy for use in other programs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    saved: SavedRun,
    #[arg(long, help = "The agent [default: 0]", value_parser = agent, allow_negative_numbers = true)]
    agent: Option<usize>,
    /// Write an ONNX model: observation to action, logits (or mean and log_std), value.
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,
    /// Write the weights, named as PyTorch names those of an nn.Sequential.
    #[arg(long, value_name = "FILE")]
    safetensors: Option<PathBuf>,
    /// Write WGSL functions to paste into another program.
    #[arg(long, value_name = "FILE")]
    wgsl: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  ppo-gpu export runs/a --from best --onnx policy.onnx
  ppo-gpu export runs/a --agent 3 --safetensors weights.safetensors --wgsl policy.wgsl";

impl Perform for Export {
    fn takes(_: Option<&str>) -> Flags {
        vec![]
    }

    fn perform(self, call: &Call) -> Result<u8> {
        let saved = Saved::open(&self.saved.run)?;
        let checkpoint = checkpoint(&saved, self.saved.from, call.shared.quiet)?;
        let policy = Policy::of(&saved.config, &saved.environment, &checkpoint, self.agent.unwrap_or(0))?;
        let written: Vec<String> = self.export(&policy)?.iter().map(|path| path.display().to_string()).collect();
        print(&format!("wrote {}\n", written.join(", "))).map(|()| exit::DONE)
    }
}

impl Export {
    /// Writes the requested files, and returns their paths.
    fn export(&self, policy: &Policy) -> Result<Vec<PathBuf>> {
        type Written<'a> = (&'a Option<PathBuf>, fn(&Policy) -> Vec<u8>);
        let all: [Written; 3] =
            [(&self.onnx, Policy::to_onnx), (&self.safetensors, Policy::to_safetensors), (&self.wgsl, |policy| policy.to_wgsl().into_bytes())];
        let wanted: Vec<(&Path, Vec<u8>)> = all.iter().filter_map(|(path, make)| Some((path.as_deref()?, make(policy)))).collect();
        if wanted.is_empty() {
            return Err(Error::config("export", "none of --onnx, --safetensors and --wgsl says what to write", "for instance --onnx policy.onnx"));
        }
        // However they are written.
        let place = |path: &Path| std::path::absolute(path).unwrap_or(path.into());
        for (i, (path, _)) in wanted.iter().enumerate() {
            if wanted[..i].iter().any(|(other, _)| place(other) == place(path)) {
                return Err(Error::config("export", format!("{} would be written twice", path.display()), "give each format a file of its own"));
            }
        }
        if let Some(path) = self.wgsl.as_deref().filter(|path| path.is_file() && files::read_text(path).is_ok_and(|text| text.contains("fn env_step"))) {
            let problem = format!("{} is an environment, which would be lost", path.display());
            return Err(Error::config("--wgsl", problem, "give another path"));
        }
        wanted.into_iter().map(|(path, bytes)| call::write(path, &bytes).map(|()| path.into())).collect()
    }
}
