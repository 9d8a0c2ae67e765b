//! Environments that come with the program, and the contract that a file has to keep.

pub mod built_in;
pub mod contract;
pub mod describe;
