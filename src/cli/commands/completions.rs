//! `ppo-gpu completions`.

use crate::cli::call::{Call, Flags, Perform, print};
use crate::support::error::{Result, exit};
use clap_complete::Shell;

/// Print completions for a shell: source <(ppo-gpu completions bash).
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Perform for Completions {
    fn takes(_: Option<&str>) -> Flags {
        vec![]
    }

    fn perform(self, call: &Call) -> Result<u8> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut (call.command_line)(), "ppo-gpu", &mut text);
        print(&String::from_utf8_lossy(&text)).map(|()| exit::DONE)
    }
}
