//! PPO trained entirely on the GPU, as WGSL compute shaders through wgpu.
//!
//! What happens, in the order of a run:
//!
//! - [`config`]: what the user wrote; [`plan`]: everything that follows from it; [`environment`], [`network`]: what is trained, and on what;
//! - [`buffers`], [`kernel`]: the memory map and the kernels, by name;
//! - [`ppo`]: the update, top to bottom, as a list of dispatches;
//! - [`gpu`]: composes, compiles and runs kernels on a device;
//! - [`trainer`]: submits updates ahead and reads their metrics late; [`metrics`]: what a row of them means;
//! - [`mod@reference`]: the specification, as plain sequential Rust, which tests compare every kernel with;
//! - [`checkpoint`]: what a run is continued from; [`export`]: what was learned, for other programs;
//! - [`player`]: lets what was learned play; [`eval`]: how good it is; [`picture`], [`record`], [`watch`]: what it looks like;
//! - [`plot`], [`tensorboard`], [`dashboard`]: learning curves; [`doctor`], [`selftest`]: whether a device computes what it should;
//! - [`mod@bench`]: how fast all of it is, against what the device can do;
//! - [`cli`], [`run`], [`inspect`], [`progress`], [`text`]: what a person sees; [`error`]: what a person is told when something fails; [`fault`]: what can go wrong
//!   with an agent.

pub mod bench;
pub mod buffers;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod dashboard;
pub mod doctor;
pub mod environment;
pub mod error;
pub mod eval;
pub mod export;
pub mod fault;
mod files;
pub mod gpu;
pub mod inspect;
pub mod kernel;
pub mod metrics;
pub mod network;
pub mod pace;
pub mod picture;
pub mod plan;
pub mod player;
pub mod plot;
pub mod ppo;
pub mod progress;
pub mod random;
pub mod record;
pub mod reference;
pub mod run;
pub mod selftest;
pub mod tensorboard;
pub mod text;
pub mod trainer;
pub mod watch;

pub use error::{Error, Result};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
