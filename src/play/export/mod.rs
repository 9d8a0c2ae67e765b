//! `ppo-gpu export`: what one agent has learned, for other programs.

pub mod formats;
mod onnx;
pub mod policy;
mod wgsl;
