//! The text of the networks: a contract, and one file or folder for each way to keep it.

pub mod chosen;
pub(crate) mod parts;
pub(crate) mod samples;
pub mod text;
pub(crate) mod units;
