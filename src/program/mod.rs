//! Everything derived from the configuration: sizes, buffers, kernels, and the schedule of an update.

pub mod blocks;
pub mod buffers;
pub mod kernel;
pub mod lanes;
pub mod limits;
pub mod plan;
pub mod profile;
pub mod schedule;
pub mod smaller;
pub mod tape;
