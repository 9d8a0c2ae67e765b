//! The text of the kernels.

pub mod compose;
pub mod dense;
pub mod environment;
pub mod network;
pub mod reflect;
pub mod types;
pub mod units;
