//! A device: which one, its kernels, its buffers, how much work it is given at once.

pub mod cache;
pub mod choose;
pub mod clock;
mod compiled;
mod compiler;
pub mod engine;
pub mod gpu;
pub mod memory;
pub mod pace;
pub mod process;
pub(crate) mod readback;
pub(crate) mod wait;
