//! The command line, and what a person sees.

mod arguments;
mod call;
mod command;
mod command_line;
mod commands;
pub mod dashboard;
pub mod doctor;
pub mod inspect;
pub mod plot;
mod png;
pub mod progress;
mod shared;
mod signals;
mod time_left;
pub mod watch;

pub use command_line::main;
