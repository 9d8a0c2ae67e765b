//! The clock, supplied by the code that opens a device.

use std::sync::LazyLock;
use std::time::Instant;

/// Seconds since a fixed moment. In a browser: those of `performance.now()`.
pub type Clock = fn() -> f64;

/// The system's monotonic clock.
pub fn system() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64()
}
