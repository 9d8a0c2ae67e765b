//! The networks' WGSL: a contract, and one file or folder for each implementation.

pub(crate) mod blocks;
pub mod chosen;
pub(crate) mod parts;
pub(crate) mod products;
pub(crate) mod samples;
pub mod text;
pub(crate) mod units;
