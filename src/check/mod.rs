//! Checking that a device computes correctly, and that an environment behaves.

pub mod environment;
pub mod selftest;
