//! The `ppo-gpu` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // Without a desktop session Mesa's device-selection layer looks for a compositor all the same, and prints an error that is none.
        // SAFETY: no other thread runs yet.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
    ppo_gpu::cli::main(std::env::args_os())
}
