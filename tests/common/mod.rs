//! What all test binaries share: the process as the program prepares it, one device, and tests that say so when they do not apply.

#![allow(dead_code)] // no test binary uses all of it

use ppo_gpu::device::gpu::Gpu;
use ppo_gpu::program::profile::Profile;
use std::io::Write;
use std::sync::OnceLock;

/// Prepares the process before its first thread: the test harness starts threads before any code of a test runs, and then it is too late. Linux's loader
/// calls what this section lists before `main`. (Other systems have no driver that has to be prepared, or need no such care.)
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
static PREPARE: extern "C" fn() = {
    extern "C" fn prepare() {
        ppo_gpu::device::process::prepare();
    }
    prepare
};

/// The device that all tests of a binary share, on the backend that PPO_GPU_TEST_BACKEND names. Without an adapter the tests fail: a skipped check would look
/// like a passed one.
pub fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| {
        let gpu = Gpu::open(&backend(), "").unwrap_or_else(|error| panic!("{error}\n{}", error.help()));
        note(&format!("LANES {}", gpu.profile("software").subgroup));
        gpu
    })
}

/// The backend that is tested.
pub fn backend() -> String {
    std::env::var("PPO_GPU_TEST_BACKEND").unwrap_or("auto".into())
}

/// The profile called `name`, as the shared device runs it; or, instead, the one that the variable PPO_GPU_TEST_PROFILE names.
pub fn profile(name: &str) -> Profile {
    let name = std::env::var("PPO_GPU_TEST_PROFILE").unwrap_or(name.into());
    let profile = gpu().profile(&name);
    assert!(name == "auto" || profile.name == name, "there is no profile '{name}'");
    profile
}

/// Says that the running test, or a part of it, has nothing to check here. scripts/test.sh counts these and compares them with tests/skips.txt.
pub fn skip(reason: &str) {
    // The harness names a test's thread after it.
    let thread = std::thread::current();
    let line = format!("SKIPPED {}: {reason}", thread.name().unwrap_or("unknown"));
    // Not `eprintln!`, which the harness captures. If stderr is closed, the message is lost.
    let _ = writeln!(std::io::stderr(), "{line}");
    note(&line);
}

/// Appends a line to the file that scripts/test.sh reads, if it is what runs the tests.
fn note(line: &str) {
    let Some(path) = std::env::var_os("PPO_GPU_TEST_NOTES") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    // In one write, so that lines of threads and processes do not mix.
    file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
