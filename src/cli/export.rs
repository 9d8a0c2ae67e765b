//! `ppo-gpu export`: what one agent has learned, for other programs.

use crate::play::export::policy::Policy;
use crate::support::error::{Error, Result};
use crate::support::files;
use std::path::{Path, PathBuf};

/// What to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportOptions {
    /// The agent; the one with the highest mean return is not looked for.
    pub agent: usize,
    /// An ONNX model.
    pub onnx: Option<PathBuf>,
    /// A safetensors file of weights.
    pub safetensors: Option<PathBuf>,
    /// WGSL functions.
    pub wgsl: Option<PathBuf>,
}

/// Writes what `options` ask for, and returns the paths.
///
/// # Errors
/// [`Error::Config`] when that is nothing; [`Error::File`] when it cannot be written.
pub fn export(policy: &Policy, options: &ExportOptions) -> Result<Vec<PathBuf>> {
    type Written<'a> = (&'a Option<PathBuf>, fn(&Policy) -> Vec<u8>);
    let all: [Written; 3] =
        [(&options.onnx, Policy::to_onnx), (&options.safetensors, Policy::to_safetensors), (&options.wgsl, |policy| policy.to_wgsl().into_bytes())];
    let wanted: Vec<(&Path, Vec<u8>)> = all.iter().filter_map(|(path, make)| Some((path.as_deref()?, make(policy)))).collect();
    if wanted.is_empty() {
        return Err(Error::config("export", "none of --onnx, --safetensors and --wgsl says what to write", "for instance --onnx policy.onnx"));
    }
    wanted.into_iter().map(|(path, bytes)| files::write(path, &bytes).map(|()| path.into())).collect()
}
