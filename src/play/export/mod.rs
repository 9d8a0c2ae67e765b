//! Exporting the policy of one agent for other programs.

pub mod formats;
#[cfg(feature = "onnx")]
mod onnx;
pub mod policy;
mod wgsl;
