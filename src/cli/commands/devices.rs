//! `ppo-gpu devices`.

use crate::cli::call::{Call, Flags, Perform, print};
use crate::cli::inspect::devices::devices;
use crate::support::error::{Result, exit};

/// List the adapters of this machine and their properties.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Devices {}

impl Perform for Devices {
    fn takes(_: Option<&str>) -> Flags {
        vec!["backend", "adapter", "profile", "config", "set", "json", "quiet"]
    }

    fn perform(self, call: &Call) -> Result<u8> {
        print(&devices(&call.shared.config()?, call.shared.json)?).map(|()| exit::DONE)
    }
}
