//! Cuts updates into submissions short enough for desktops, by measuring.
//!
//! Windows resets a device whose submission runs for 2 s, macOS sooner, and a desktop stutters long before. A kernel's first dispatches are
//! submitted and timed in pieces, small ones first, then larger ones. After that, a submission holds as many pieces as are expected to take [`BUDGET`].
//! A device works on several parts at once: while a larger piece takes hardly longer than a smaller one, it had nothing else to do, and pieces grow, even if
//! one part alone takes longer than [`BUDGET`].
//! Results do not depend on this: pieces always run in the same order, and a piece never reads what another piece of its dispatch writes.

use crate::program::schedule::{Dispatch, Piece, Program, Step};
use std::time::Duration;

/// Expected length of a submission: half of the 100 ms that none should exceed, since devices are shared and slow down.
pub const BUDGET: Duration = Duration::from_millis(50);
/// Timed pieces needed for each kernel; only whole dispatches and pieces of at least [`LONG`] count.
const TIMED: usize = 3;
/// A piece that takes this long is enough to predict others.
const LONG: Duration = Duration::from_millis(10);
/// How much larger the next piece may be than the last, while little is known.
const GROWTH: u32 = 8;
/// A piece that is twice as large and takes no more than this many times as long kept more of the device busy.
const HARDLY_LONGER: f64 = 1.25;
/// A piece that takes longer is not doubled: the second half might have to wait for the first one, and systems reset devices after 2 s.
const MOST_DOUBLED: Duration = Duration::from_millis(400);

/// The size of submissions: a fixed number of dispatches, or based on each kernel's measured time.
#[derive(Debug)]
pub struct Pace {
    /// Dispatches in a submission; 0: as many pieces as are expected to take [`BUDGET`].
    fixed: usize,
    /// Measurements, in the order of the program's kernels.
    kernels: Vec<(&'static str, Known)>,
}

/// Measurements of a kernel.
#[derive(Debug)]
struct Known {
    /// Parts of a dispatch.
    parts: u32,
    /// Parts to time next.
    next: u32,
    /// Timed pieces that count.
    counted: usize,
    /// The longest time per part among the largest of them, and their size: larger ones keep more of the device busy.
    part: Duration,
    largest: u32,
    /// The last timed piece, and its time; no parts if there was none.
    last: (u32, Duration),
    /// Parts that take hardly longer together than one alone.
    together: u32,
    /// Whether the next piece may show that even more do.
    grows: bool,
    /// Whether the first dispatch is done. It does not count, since drivers may compile the kernel in it.
    compiled: bool,
}

impl Known {
    fn is_enough(&self) -> bool {
        self.counted >= TIMED && !self.grows
    }

    /// Parts of this length that fit into [`BUDGET`], or that the device works on at once; at least one.
    fn fitting(&self, part: Duration) -> u32 {
        let fitting = BUDGET.as_secs_f64() / part.as_secs_f64().max(1e-9);
        (fitting as u32).max(self.together)
    }
}

/// The next submission.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// One piece, to be timed.
    Timed(Piece),
    /// Pieces for one submission.
    Together(Vec<Piece>),
}

/// How far a list of steps has been submitted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    step: usize,
    part: u32,
}

impl Pace {
    /// Submissions of `fixed` dispatches of `program`, or, if it is 0, of measured length.
    pub fn new(fixed: usize, program: &Program) -> Pace {
        let unknown = |parts: u32| Known {
            parts,
            next: 1,
            counted: 0,
            part: Duration::ZERO,
            largest: 0,
            last: (0, Duration::ZERO),
            together: 1,
            grows: false,
            compiled: false,
        };
        Pace { fixed, kernels: program.kernels.iter().map(|kernel| (kernel.name, unknown(kernel.grid.parts()))).collect() }
    }

    fn known(&self, dispatch: Dispatch) -> &Known {
        let known = self.kernels.iter().find(|(name, _)| *name == dispatch.kernel);
        &known.expect("every kernel has an entry").1
    }

    /// Each kernel's share of the time of `steps`, for kernels whose time is known.
    pub fn shares(&self, steps: &[Step]) -> Vec<(&'static str, f64)> {
        let dispatches = |name: &str| steps.iter().filter(|Step::Dispatch(dispatch)| dispatch.kernel == name).count();
        let seconds = |(name, known): &(&'static str, Known)| (*name, dispatches(name) as f64 * known.part.as_secs_f64() * f64::from(known.parts));
        let seconds: Vec<(&str, f64)> = self.kernels.iter().map(seconds).filter(|(_, seconds)| *seconds > 0.0).collect();
        let total: f64 = seconds.iter().map(|(_, seconds)| seconds).sum();
        seconds.into_iter().map(|(kernel, seconds)| (kernel, seconds / total)).collect()
    }

    /// Whether all kernels of `steps` have been timed. Until then, submitting waits for the device.
    pub fn is_known(&self, steps: &[Step]) -> bool {
        self.fixed > 0 || steps.iter().all(|&Step::Dispatch(dispatch)| self.known(dispatch).is_enough())
    }

    /// Records the time of a piece that ran alone.
    pub fn take(&mut self, piece: &Piece, time: Duration) {
        let known = self.kernels.iter_mut().find(|(name, _)| *name == piece.dispatch.kernel);
        let known = &mut known.expect("every kernel has an entry").1;
        let parts = piece.parts.end - piece.parts.start;
        if !known.compiled {
            known.compiled = true;
            return;
        }
        let of_part = time / parts.max(1);
        if time >= LONG || parts == known.parts {
            if parts >= known.largest {
                known.part = if parts > known.largest { of_part } else { known.part.max(of_part) };
                known.largest = parts;
            }
            known.counted += 1;
        }
        if parts < known.next {
            return; // the rest of a dispatch
        }
        let (last_parts, last_time) = std::mem::replace(&mut known.last, (parts, time));
        let hardly_longer = parts > last_parts && time <= last_time.mul_f64(HARDLY_LONGER);
        if hardly_longer {
            known.together = parts;
        }
        let doubles = time >= LONG && time <= MOST_DOUBLED && parts < known.parts && (hardly_longer || last_time < LONG);
        known.grows = doubles;
        let least = if doubles { 2 * parts } else { 1 };
        known.next = known.fitting(of_part).min(parts * GROWTH).max(least).min(known.parts);
    }

    /// The next submission of `steps` from `position`, which advances. None at the end.
    pub fn next(&self, steps: &[Step], position: &mut Position) -> Option<Next> {
        let mut pieces = Vec::new();
        let mut together = Duration::ZERO;
        while let Some(&Step::Dispatch(dispatch)) = steps.get(position.step) {
            let known = self.known(dispatch);
            let left = known.parts - position.part;
            let parts = if self.fixed > 0 {
                left
            } else if !known.is_enough() {
                if !pieces.is_empty() {
                    break;
                }
                left.min(known.next)
            } else if together.is_zero() {
                left.min(known.fitting(known.part))
            } else if known.part * left <= BUDGET.saturating_sub(together) {
                left
            } else {
                // Only dispatches too long for a single submission are cut.
                break;
            };
            let piece = Piece { dispatch, parts: position.part..position.part + parts };
            *position = if parts == left { Position { step: position.step + 1, part: 0 } } else { Position { part: piece.parts.end, ..*position } };
            if self.fixed == 0 && !known.is_enough() {
                return Some(Next::Timed(piece));
            }
            together += known.part * parts;
            pieces.push(piece);
            if pieces.len() == self.fixed {
                break;
            }
        }
        (!pieces.is_empty()).then_some(Next::Together(pieces))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::plan::Plan;
    use crate::program::profile::Profile;
    use crate::program::schedule;
    use crate::spec::config::Config;

    /// Rollout gets 8 parts; the other kernels are unchanged.
    fn program() -> Program {
        let config = Config { envs: 64 * 8, steps: 32, minibatches: 4, ..Config::default() };
        let profile = Profile { blocks: false, steps_per_dispatch: 32, gradient_rows: 512, ..Profile::named("gpu").expect("exists") };
        schedule::training(&Plan::new(&config, profile).expect("fits"))
    }

    fn all_parts(program: &Program, dispatch: Dispatch) -> Piece {
        Piece { dispatch, parts: 0..program.kernel(dispatch.kernel).expect("a kernel").grid.parts() }
    }

    /// Submits `list` on a device where a part of a kernel takes `part(kernel)` and compilation a second; returns what was submitted, timed or not.
    fn submit(pace: &mut Pace, list: &[Step], part: impl Fn(&str) -> Duration) -> Vec<(bool, Vec<Piece>)> {
        let (mut position, mut all) = (Position::default(), Vec::new());
        while let Some(next) = pace.next(list, &mut position) {
            match next {
                Next::Timed(piece) => {
                    let compilation = if pace.known(piece.dispatch).compiled { Duration::ZERO } else { Duration::from_secs(1) };
                    pace.take(&piece, part(piece.dispatch.kernel) * (piece.parts.end - piece.parts.start) + compilation);
                    all.push((true, vec![piece]));
                }
                Next::Together(pieces) => all.push((false, pieces)),
            }
        }
        all
    }

    /// Every part of every dispatch, once, in order.
    fn is_all_of(list: &[Step], program: &Program, submitted: &[(bool, Vec<Piece>)]) {
        let each = |piece: &Piece| piece.parts.clone().map(|part| (piece.dispatch, part)).collect::<Vec<_>>();
        let parts: Vec<(Dispatch, u32)> = submitted.iter().flat_map(|(_, pieces)| pieces.iter().flat_map(each)).collect();
        let whole: Vec<(Dispatch, u32)> = list.iter().flat_map(|&Step::Dispatch(dispatch)| each(&all_parts(program, dispatch))).collect();
        assert!(parts == whole, "{submitted:?}");
    }

    #[test]
    fn submissions_stay_within_the_budget_once_times_are_known() {
        let program = program();
        let list = &program.update[..];
        // 8 parts of 20 ms: two in a submission. Everything else is short.
        let part = |kernel: &str| if kernel == "rollout" { Duration::from_millis(20) } else { Duration::from_micros(10) };
        let length = |pieces: &[Piece]| pieces.iter().map(|piece| part(piece.dispatch.kernel) * (piece.parts.end - piece.parts.start)).sum::<Duration>();
        let mut pace = Pace::new(0, &program);
        for _ in 0..4 {
            let submitted = submit(&mut pace, list, part);
            is_all_of(list, &program, &submitted);
            assert!(submitted.iter().all(|(_, pieces)| length(pieces) <= BUDGET), "{submitted:?}");
        }
        assert!(pace.is_known(list));
        let submitted = submit(&mut pace, list, part);
        assert!(submitted.iter().all(|(timed, _)| !timed));
        assert_eq!(submitted[0].1, [Piece { dispatch: Dispatch { kernel: "rollout", index: 0 }, parts: 0..2 }]);
        // 160 ms of rollout, two parts at a time, then about 30 ms of everything else, some of it together with the last two parts.
        assert_eq!(submitted.len(), 5, "{submitted:?}");
        let cut = submitted.iter().flat_map(|(_, pieces)| pieces).filter(|piece| **piece != all_parts(&program, piece.dispatch));
        assert!(cut.into_iter().all(|piece| piece.dispatch.kernel == "rollout"));
    }

    /// A processor of four cores, and a device that has place for all workgroups, each of which takes longer than a submission should.
    #[test]
    fn pieces_have_as_many_parts_as_the_device_works_on_at_once() {
        let program = program();
        let list = &[Step::Dispatch(Dispatch { kernel: "rollout", index: 0 }); 9];
        for (cores, expected) in [(4, 4), (8, 8), (1, 1)] {
            let time = |parts: u32| Duration::from_millis(60) * parts.div_ceil(cores);
            let (mut pace, mut position, mut last) = (Pace::new(0, &program), Position::default(), 0);
            while let Some(next) = pace.next(list, &mut position) {
                let piece = match next {
                    Next::Timed(piece) => {
                        let parts = piece.parts.end - piece.parts.start;
                        pace.take(&piece, time(parts));
                        piece
                    }
                    Next::Together(mut pieces) => pieces.remove(0),
                };
                last = piece.parts.end - piece.parts.start;
            }
            assert!(pace.is_known(list));
            assert_eq!(last, expected, "{cores} cores");
        }
    }

    #[test]
    fn compilation_does_not_count_and_pieces_grow() {
        let program = program();
        let list = &[Step::Dispatch(Dispatch { kernel: "rollout", index: 0 }); 5];
        let mut pace = Pace::new(0, &program);
        let submitted = submit(&mut pace, list, |_| Duration::from_micros(1));
        is_all_of(list, &program, &submitted);
        let sizes: Vec<u32> = submitted.iter().filter(|(timed, _)| *timed).map(|(_, pieces)| pieces[0].parts.end - pieces[0].parts.start).collect();
        // The first part compiles; the next shows that all fit.
        assert_eq!(sizes, [1, 1, 6, 8, 8, 8]);
        assert!(pace.is_known(list));
    }

    #[test]
    fn a_fixed_number_of_dispatches_is_neither_timed_nor_cut() {
        let program = program();
        let list = &program.update[..];
        let submitted = submit(&mut Pace::new(5, &program), list, |_| Duration::from_secs(1));
        is_all_of(list, &program, &submitted);
        assert!(submitted.iter().all(|(timed, pieces)| !timed && pieces.len() <= 5));
        assert_eq!(submitted.len(), list.len().div_ceil(5));
    }
}
