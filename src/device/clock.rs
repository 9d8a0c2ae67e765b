//! The time, as whoever opens a device tells it.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Seconds since a moment that stays the same while the program runs. In a browser: those of `performance.now()`.
pub type Clock = fn() -> f64;

/// The system's clock, which never goes back.
pub fn system() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64()
}

/// The time since `clock` showed `start`.
pub fn since(clock: Clock, start: f64) -> Duration {
    Duration::try_from_secs_f64(clock() - start).unwrap_or_default()
}
