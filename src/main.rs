//! The command `ppo-gpu`; see [`ppo_gpu::cli`].

fn main() -> std::process::ExitCode {
    ppo_gpu::cli::main(std::env::args_os())
}
