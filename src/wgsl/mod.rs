//! The text of the kernels.

pub mod compose;
pub mod environment;
pub mod network;
pub mod reflect;
pub mod types;
pub(crate) mod writer;
