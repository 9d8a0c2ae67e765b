//! The `ppo-gpu` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // Without a desktop session Mesa's device-selection layer looks for a compositor all the same, and prints an error that is none.
        // SAFETY: no other thread runs yet.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") && std::env::var_os("LP_NATIVE_VECTOR_WIDTH").is_none() {
        // Mesa's software driver takes half of such a processor's vectors unless it is told otherwise.
        // SAFETY: no other thread runs yet.
        unsafe { std::env::set_var("LP_NATIVE_VECTOR_WIDTH", "512") };
    }
    ppo_gpu::cli::main(std::env::args_os())
}
