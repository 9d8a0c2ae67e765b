//! Measurements.

mod kernels;
pub mod model;
mod peaks;
pub mod report;
mod setting;
mod speeds;
mod startup;
mod stopwatch;
pub mod sweep;
pub(crate) mod text;
pub mod tune;
mod work;
