//! What the user wrote, and what numbers mean: configuration, environment, network, random numbers, metrics.

pub mod config;
pub mod digest;
pub mod environment;
pub mod layers;
pub mod metrics;
pub mod network;
pub mod random;
pub mod records;
pub mod values;
