//! `ppo-gpu man`.

use crate::cli::call::{Call, Flags, Perform, print};
use crate::support::error::{Result, exit};
use clap::Command;

/// Print the manual page: ppo-gpu man | man -l -.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Man {}

impl Perform for Man {
    fn takes(_: Option<&str>) -> Flags {
        vec![]
    }

    fn perform(self, call: &Call) -> Result<u8> {
        print(&manual(&(call.command_line)())).map(|()| exit::DONE)
    }
}

/// The manual page: the program, then each of its commands, in the language of man(7).
fn manual(whole: &Command) -> String {
    /// Commands below `command` that do something themselves, by their whole names.
    fn leaves(command: &Command, name: &str) -> Vec<Command> {
        // The manual needs no section on `help`.
        let inner = command.get_subcommands().filter(|inner| inner.get_name() != "help");
        let below: Vec<Command> = inner.flat_map(|inner| leaves(inner, &format!("{name} {}", inner.get_name()))).collect();
        if below.is_empty() { vec![command.clone().name(name.to_string()).bin_name(name.to_string())] } else { below }
    }
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(whole.clone());
    page.render(&mut text).expect("memory takes what is written");
    for inner in leaves(whole, "ppo-gpu") {
        // The global flags are listed once.
        let own = inner.mut_args(|argument| if argument.is_global_set() { argument.hide(true) } else { argument });
        let name = own.get_name().to_uppercase();
        let page = clap_mangen::Man::new(own);
        text.extend_from_slice(format!(".SH {name}\n").as_bytes());
        let mut part = Vec::new();
        let rendered = page
            .render_description_section(&mut part)
            .and_then(|()| page.render_options_section(&mut part))
            .and_then(|()| page.render_extra_section(&mut part));
        rendered.expect("memory takes what is written");
        // Its sections become subsections here.
        text.extend_from_slice(
            String::from_utf8_lossy(&part).replace(".SH DESCRIPTION\n", "").replace(".SH OPTIONS\n", "").replace(".SH EXTRA\n", "").as_bytes(),
        );
    }
    String::from_utf8_lossy(&text).into_owned()
}
