//! The list of commands.

use crate::cli::call::{Call, Flags, Perform};
use crate::cli::commands;
use crate::support::error::Result;

/// Declares the commands of these modules, in the order of the help; each command has the name of its module.
macro_rules! commands {
    ($($module:ident::$Command:ident)*) => {
        /// A command, with its arguments.
        #[derive(Debug, clap::Subcommand)]
        pub(super) enum Command {
            $(#[command(name = stringify!($module))] $Command(commands::$module::$Command),)*
        }

        impl Command {
            /// Carries out the command, and returns the process exit code.
            pub(super) fn perform(self, call: &Call) -> Result<u8> {
                match self { $(Command::$Command(command) => command.perform(call),)* }
            }

            /// The shared flags that a command takes; `names` is the path of subcommands to it.
            pub(super) fn takes(names: &[&str]) -> Flags {
                match *names {
                    $([name, ..] if name == stringify!($module) => commands::$module::$Command::takes(names.get(1).copied()),)*
                    _ => vec![],
                }
            }
        }
    };
}

commands! {
    resume::Resume
    fork::Fork
    eval::Eval
    watch::Watch
    record::Record
    plot::Plot
    export::Export
    env::Env
    doctor::Doctor
    bench::Bench
    tune::Tune
    devices::Devices
    inspect::Inspect
    completions::Completions
    man::Man
}
