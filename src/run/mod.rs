//! Runs on disk: directory, checkpoints, manifest, summary, and the training that writes them.

mod appear;
pub mod checkpoints;
pub mod device;
pub mod directory;
pub mod display;
pub mod manifest;
pub mod record;
pub mod rows;
pub mod session;
pub mod summary;
#[cfg(feature = "tensorboard")]
pub mod tensorboard;
pub mod tunings;
