//! Foundations: errors, faults, text, files, statistics.

pub mod error;
pub mod fault;
pub mod files;
pub mod statistics;
pub mod text;
