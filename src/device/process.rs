//! The environment variables that drivers read.

/// Sets the environment variables that Mesa's drivers read, unless they are set already; returns whether that was still possible.
///
/// - `LP_NATIVE_VECTOR_WIDTH=512` on processors with AVX-512: Mesa's software driver uses half of such a processor's vectors unless it is told otherwise.
///   The subgroups of that driver are as wide as its vectors, so results, too, depend on this (they repeat within a width, not across).
/// - `NODEVICE_SELECT=1` on Linux without a desktop session: Mesa's device-selection layer would look for a compositor, and print a harmless error.
///
/// Drivers read both when they are loaded, so this has to come before the first device of the process is opened. Everything in this crate that looks for
/// adapters calls it first. That is enough for a program with a single thread; call it at the start of `main` where threads are started before that, as
/// the `ppo-gpu` program does.
///
/// # Why this is sound
///
/// `std::env::set_var` is unsafe because C code in another thread may be inside `getenv`. So nothing is set unless this is the process's only thread (on
/// Linux the kernel lists them), and no other thread can appear meanwhile: only this one could start it. On Windows setting a variable is always safe. On
/// other systems there is no way to know, and no need: they have drivers of their own.
pub fn prepare() -> bool {
    let wanted: Vec<(&str, &str)> = wanted().into_iter().filter(|(name, _)| std::env::var_os(name).is_none()).collect();
    if wanted.is_empty() {
        return true;
    }
    if !is_alone() {
        return false;
    }
    for (name, value) in wanted {
        // SAFETY: no other thread reads the environment: see above.
        unsafe { std::env::set_var(name, value) };
    }
    true
}

/// The variables that this machine's drivers should find, and their values.
fn wanted() -> Vec<(&'static str, &'static str)> {
    let mut wanted = Vec::new();
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        wanted.push(("NODEVICE_SELECT", "1"));
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        wanted.push(("LP_NATIVE_VECTOR_WIDTH", "512"));
    }
    wanted
}

/// Whether no other thread can be reading the environment.
fn is_alone() -> bool {
    if cfg!(windows) {
        return true;
    }
    // Linux: one entry for each thread. Elsewhere there is no such directory.
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

#[cfg(test)]
mod tests {
    /// Tests run in threads; this prepares their process before the first of them. Linux's loader calls what this section lists before `main`.
    #[used]
    #[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
    static PREPARE: extern "C" fn() = {
        extern "C" fn prepare() {
            super::prepare();
        }
        prepare
    };

    #[test]
    fn environment_variables_are_set_once_and_kept() {
        if cfg!(target_os = "linux") {
            for (name, _) in super::wanted() {
                assert!(std::env::var_os(name).is_some(), "{name} is not set");
            }
            // With a thread for each test it would be too late now.
            assert!(super::prepare() && !super::is_alone());
        }
    }
}
