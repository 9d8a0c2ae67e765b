//! Measurements.

mod kernels;
mod peaks;
pub mod report;
mod setting;
mod speeds;
mod startup;
mod stopwatch;
pub mod sweep;
mod text;
pub mod tune;
