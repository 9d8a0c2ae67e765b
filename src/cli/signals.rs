//! Requests to stop: Ctrl-C, and the system's own. The first ends training after the updates in flight, the second ends the process at once.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by the first request.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether there was a request to stop.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Records a request to stop.
pub(super) fn interrupt() {
    if INTERRUPTED.swap(true, Ordering::Relaxed) {
        std::process::exit(i32::from(crate::support::error::exit::INTERRUPTED));
    }
}

/// From now on, signals are requests to stop.
pub(super) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(install);
}

/// A signal that was ignored when the process started stays ignored: SIGHUP under `nohup`, SIGINT of a job that a script starts in the background.
#[cfg(unix)]
fn install() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let wanted = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|&signal| !is_ignored(signal));
    // Fails only where the system has no such signals.
    if let Ok(mut signals) = signal_hook::iterator::Signals::new(wanted) {
        std::thread::spawn(move || signals.forever().for_each(|_| interrupt()));
    }
}

#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    // SAFETY: zero bytes are a valid value of this plain structure, and without a new action the call only stores the present one in it.
    unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut present) == 0 && present.sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(not(unix))]
fn install() {
    // Fails only where the system has no such signals.
    let _ = ctrlc::set_handler(interrupt);
}
