//! The time, as whoever opens a device tells it.

use std::sync::LazyLock;
use std::time::Instant;

/// Seconds since a moment that stays the same while the program runs. In a browser: those of `performance.now()`.
pub type Clock = fn() -> f64;

/// The system's clock, which never goes back.
pub fn system() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64()
}
