//! `ppo-gpu inspect` and `ppo-gpu devices`.

pub(crate) mod devices;
mod schedule;
pub mod tables;
pub mod topics;
