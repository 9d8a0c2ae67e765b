//! Requests to stop: Ctrl-C, and the system's own. The first ends training after the updates in flight; Ctrl-C again ends the process at once.

use std::sync::{Once, OnceLock};
use std::time::{Duration, Instant};

/// When the first request came.
static FIRST: OnceLock<Instant> = OnceLock::new();
/// Requests that follow the first one this soon are the same one: programs that start others (`timeout`, `npm`) send a signal to them and then to their group.
const SAME: Duration = Duration::from_millis(300);

/// Whether there was a request to stop.
pub(crate) fn interrupted() -> bool {
    FIRST.get().is_some()
}

/// Ctrl-C.
pub(super) fn interrupt() {
    if request().elapsed() > SAME {
        std::process::exit(i32::from(crate::support::error::exit::INTERRUPTED));
    }
}

/// Records a request to stop, and when the first one came.
fn request() -> Instant {
    *FIRST.get_or_init(Instant::now)
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
        // The system's requests may come any number of times: it has SIGKILL for those who do not listen.
        let obey = |signal| if signal == SIGINT { interrupt() } else { _ = request() };
        std::thread::spawn(move || signals.forever().for_each(obey));
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
