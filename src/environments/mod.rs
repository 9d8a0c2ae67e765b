//! Built-in environments, and the contract for environment files.

pub mod bodies;
pub mod built_in;
pub mod contract;
pub mod describe;
pub mod imports;
pub mod robot_task;
