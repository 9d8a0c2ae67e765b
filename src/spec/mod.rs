//! Specifications: configuration, environment, network, device records, random numbers, metrics.

pub mod config;
pub mod data;
pub mod digest;
pub mod environment;
pub mod layers;
pub mod layout;
pub mod metrics;
pub mod network;
pub mod random;
pub mod records;
pub mod sources;
pub mod tuning;
pub mod values;
