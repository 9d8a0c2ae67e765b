//! What everything else stands on: errors, faults, text, files.

pub mod error;
pub mod fault;
pub mod files;
pub mod statistics;
pub mod text;
