//! PPO trained entirely on the GPU, as WGSL compute shaders through wgpu.
//!
//! With `default-features = false` this is the library alone, without the command line and what only that needs. The features `onnx`
//! (policies as ONNX models) and `tensorboard` (metrics for TensorBoard beside the other files of a run) can be chosen one by one; the feature `cli`, on by
//! default, has both.
//!
//! The names at the top level are the library's interface; `examples/` and the README need nothing else. The modules below it are how the program is
//! made, and change without notice. Each imports only those to its left (a test reads the imports):
//!
//! `support` ← `spec` ← `physics` ← `mjcf` ← `program` ← `wgsl` ← `environments` ← `device` ← `train` ← `play` ← `check` ← `run` ← `bench` ← `cli`,
//! and `reference` imports `support`, `spec`, `physics` and `program`.

#[doc(hidden)]
pub mod bench;
#[doc(hidden)]
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
#[doc(hidden)]
pub mod device;
#[doc(hidden)]
pub mod environments;
#[doc(hidden)]
pub mod mjcf;
#[doc(hidden)]
pub mod physics;
#[doc(hidden)]
pub mod play;
#[doc(hidden)]
pub mod program;
#[doc(hidden)]
pub mod reference;
#[doc(hidden)]
pub mod run;
#[doc(hidden)]
pub mod spec;
#[doc(hidden)]
pub mod support;
#[doc(hidden)]
pub mod train;
#[doc(hidden)]
pub mod wgsl;

pub use device::gpu::Gpu;
pub use play::eval::{EvalOptions, Evaluation, evaluate};
pub use play::export::policy::Policy;
pub use play::player::{Player, PlayerOptions};
pub use program::plan::Plan;
pub use run::device::DeviceSummary;
pub use run::display::{Display, Observers, Silent, State};
pub use run::rows::Sink;
pub use run::session::{Run, fork, resume, train};
pub use spec::config::Config;
pub use spec::data::Data;
pub use spec::environment::Environment;
pub use spec::metrics::Row;
pub use support::error::{Error, Result};
pub use train::checkpoint::Checkpoint;
pub use train::trainer::{Saving, Shares, Trainer, Update};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
