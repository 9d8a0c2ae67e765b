//! Cuts updates into submissions that desktops tolerate, by measuring.
//!
//! Windows resets a device whose submission runs for 2 s, macOS sooner, and a desktop stutters long before. The first dispatches of each kernel are
//! submitted and timed one by one; from then on as many go into a submission as are expected to take [`BUDGET`]. A single dispatch is never cut. What is
//! computed does not depend on it: dispatches run in the same order, whatever submission they are in.

use crate::kernel::Kernel;
use crate::ppo::Dispatch;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// Expected length of a submission: half of the 100 ms that none should exceed, since devices are shared and slow down.
pub const BUDGET: Duration = Duration::from_millis(50);
/// Dispatches of each kernel that are timed. Drivers may compile a kernel in its first one, which does not count.
const TIMED: usize = 4;

/// How much goes into a submission: a fixed number of dispatches, or what is known of each kernel's time.
#[derive(Debug)]
pub struct Pace {
    /// Dispatches in a submission; 0: as many as are expected to take [`BUDGET`].
    fixed: usize,
    times: BTreeMap<Kernel, Vec<Duration>>,
}

/// What to submit next.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// One dispatch, to be timed.
    Timed(usize),
    /// Dispatches for one submission.
    Together(Range<usize>),
}

impl Pace {
    /// Submissions of `fixed` dispatches, or, where it is 0, of measured length.
    pub fn new(fixed: usize) -> Pace {
        Pace { fixed, times: BTreeMap::new() }
    }

    /// The time of one dispatch of `kernel`: the longest of those timed, without the first. None before enough were timed.
    fn expected(&self, kernel: Kernel) -> Option<Duration> {
        let times = self.times.get(&kernel)?;
        if times.len() < TIMED { None } else { times[1..].iter().max().copied() }
    }

    /// Whether nothing of `dispatches` has to be timed any more. Until then, submitting waits for the device.
    pub fn is_known(&self, dispatches: &[Dispatch]) -> bool {
        self.fixed > 0 || dispatches.iter().all(|dispatch| self.expected(dispatch.kernel).is_some())
    }

    /// Takes the time of a dispatch that ran alone.
    pub fn take(&mut self, kernel: Kernel, time: Duration) {
        self.times.entry(kernel).or_default().push(time);
    }

    /// The part of `dispatches` that begins at `first`.
    pub fn next(&self, dispatches: &[Dispatch], first: usize) -> Part {
        if self.fixed > 0 {
            return Part::Together(first..dispatches.len().min(first + self.fixed));
        }
        let mut together = Duration::ZERO;
        for (i, dispatch) in dispatches.iter().enumerate().skip(first) {
            let Some(time) = self.expected(dispatch.kernel) else {
                return if i == first { Part::Timed(i) } else { Part::Together(first..i) };
            };
            together += time;
            if together > BUDGET && i > first {
                return Part::Together(first..i);
            }
        }
        Part::Together(first..dispatches.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(kernels: &[(Kernel, usize)]) -> Vec<Dispatch> {
        kernels.iter().flat_map(|&(kernel, count)| (0..count as u32).map(move |index| Dispatch { kernel, index })).collect()
    }

    #[test]
    fn kernels_are_timed_first_and_then_packed_up_to_the_budget() {
        let dispatches = list(&[(Kernel::Rollout, 6), (Kernel::Gradient, 2)]);
        let mut pace = Pace::new(0);
        // Compilation in the first dispatch does not count.
        for milliseconds in [9000, 20, 10, 10] {
            assert_eq!(pace.next(&dispatches, 0), Part::Timed(0));
            pace.take(Kernel::Rollout, Duration::from_millis(milliseconds));
        }
        assert_eq!(pace.next(&dispatches, 0), Part::Together(0..2));
        assert_eq!(pace.next(&dispatches, 4), Part::Together(4..6));
        assert_eq!(pace.next(&dispatches, 6), Part::Timed(6));
        assert!(!pace.is_known(&dispatches) && pace.is_known(&dispatches[..6]));
        // A dispatch that is too long goes alone.
        (0..4).for_each(|_| pace.take(Kernel::Gradient, Duration::from_millis(90)));
        assert_eq!(pace.next(&dispatches, 5), Part::Together(5..6));
        assert_eq!(pace.next(&dispatches, 6), Part::Together(6..7));
        assert_eq!(pace.next(&dispatches, 7), Part::Together(7..8));
    }

    #[test]
    fn a_fixed_number_is_not_measured() {
        let dispatches = list(&[(Kernel::Rollout, 6), (Kernel::Gradient, 2)]);
        let pace = Pace::new(5);
        assert!(pace.is_known(&dispatches));
        assert_eq!([pace.next(&dispatches, 0), pace.next(&dispatches, 5)], [Part::Together(0..5), Part::Together(5..8)]);
    }
}
