//! `cargo bench`: `ppo-gpu bench` with the arguments that follow `--`, on the bare command's configuration otherwise.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    // As the program does it: what is measured depends on it.
    ppo_gpu::device::process::prepare();
    // cargo says by this flag that it benches.
    let given = std::env::args_os().skip(1).filter(|argument| argument != "--bench");
    ppo_gpu::cli::main(["ppo-gpu", "bench"].map(OsString::from).into_iter().chain(given))
}
