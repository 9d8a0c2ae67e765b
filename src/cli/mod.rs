//! The command line, and what a person sees.

pub mod command;
pub mod commands;
pub mod dashboard;
pub mod doctor;
pub mod export;
pub mod inspect;
pub mod layers;
pub mod plot;
mod png;
pub mod progress;
pub mod record;
mod signals;
pub mod watch;

pub use commands::main;
