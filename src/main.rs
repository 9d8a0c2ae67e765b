//! The `ppo-gpu` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything starts a thread.
    ppo_gpu::device::process::prepare();
    ppo_gpu::cli::main(std::env::args_os())
}
