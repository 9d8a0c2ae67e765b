//! The text of the kernels.

pub(crate) mod branches;
pub mod compose;
mod divisions;
pub mod environment;
pub mod history;
pub mod lane;
pub(crate) mod loops;
pub mod network;
pub mod reflect;
mod types;
pub(crate) mod writer;
