//! Whether a device computes what it should, and an environment does.

pub mod environment;
pub mod selftest;
