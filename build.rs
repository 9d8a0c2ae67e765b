//! Records which revision of the sources is compiled, for `--version` and for the folders of runs.

use std::process::Command;

fn main() {
    for path in ["src", "shaders", "configs", "Cargo.toml", "Cargo.lock", ".git/HEAD", ".git/logs/HEAD"] {
        if std::path::Path::new(path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let described = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]).output();
    let revision = described.ok().filter(|output| output.status.success()).and_then(|output| String::from_utf8(output.stdout).ok());
    // A packaged source has no history.
    println!("cargo::rustc-env=PPO_GPU_REVISION={}", revision.as_deref().map_or("unknown", str::trim));
}
