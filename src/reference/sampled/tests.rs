//! Computes in f32 what `Sampled` computes, and checks that the bound holds and is of use.

use super::*;
use crate::physics::solve::Symmetric;
use crate::spec::random::Stream;

/// Errors seen beside the bounds on them.
#[derive(Default)]
struct Tally {
    largest_share: f64,
}

impl Tally {
    fn take(&mut self, bound: Sampled, actual: f32) {
        assert!(bound.admits(actual), "{actual} is not within {bound:?}");
        if bound.bound > 0.0 {
            self.largest_share = self.largest_share.max((f64::from(actual) - bound.value).abs() / bound.bound);
        }
    }

    fn assert_useful(&self, what: &str, least: f64) {
        assert!(self.largest_share > least, "{what}: no error came nearer to its bound than {:e} of it", self.largest_share);
    }
}

fn uniform(stream: &mut Stream, low: f32, high: f32) -> f32 {
    low + (high - low) * stream.uniform()
}

/// The solution of a system as [`Symmetric::solve`] finds it, in f32.
fn solve(matrix: &[Vec<f32>], right: &[f32]) -> Vec<f32> {
    let (mut rows, mut x) = (matrix.to_vec(), right.to_vec());
    for k in (0..x.len()).rev() {
        let row = rows[k].clone();
        for i in 0..k {
            let factor = row[i] / row[k];
            rows[i].iter_mut().zip(&row).for_each(|(entry, other)| *entry -= factor * other);
            x[i] -= factor * x[k];
            rows[k][i] = factor;
        }
        x[k] /= row[k];
    }
    for k in 0..x.len() {
        for i in 0..k {
            x[k] -= rows[k][i] * x[i];
        }
    }
    x
}

#[test]
fn systems_stay_within_the_bound() {
    let mut tally = Tally::default();
    for trial in 0..300 {
        let mut stream = Stream::new(4, 0, 0, trial);
        let n = 6;
        // A Gram matrix of vectors that are alike, so that much cancels.
        let vectors: Vec<Vec<f32>> = (0..n).map(|_| (0..n).map(|_| uniform(&mut stream, 0.5, 1.0)).collect()).collect();
        let entry = |i: usize, j: usize| (0..n).map(|k| vectors[i][k] * vectors[j][k]).sum::<f32>() + if i == j { 0.01 } else { 0.0 };
        let matrix: Vec<Vec<f32>> = (0..n).map(|i| (0..=i).map(|j| entry(i, j)).collect()).collect();
        let right: Vec<f32> = (0..n).map(|_| uniform(&mut stream, -1.0, 1.0)).collect();
        let mut sampled = Symmetric::new(n);
        (0..n).for_each(|i| (0..=i).for_each(|j| sampled.add(i, j, Sampled::from_f32(matrix[i][j]))));
        let bounds = sampled.solve(&right.iter().map(|&x| Sampled::from_f32(x)).collect::<Vec<_>>());
        bounds.into_iter().zip(solve(&matrix, &right)).for_each(|(bound, actual)| tally.take(bound, actual));
    }
    tally.assert_useful("solutions", 0.05);
}

#[test]
fn repeated_turns_stay_within_the_bound() {
    let mut tally = Tally::default();
    for trial in 0..300 {
        let mut stream = Stream::new(5, 0, 0, trial);
        let (angle, mut x, mut y) = (uniform(&mut stream, -3.0, 3.0), uniform(&mut stream, -1.0, 1.0), 1.0f32);
        let [mut a, mut b, turn] = [x, y, angle].map(Sampled::from_f32);
        for _ in 0..50 {
            (x, y) = (angle.cos() * x - angle.sin() * y, angle.sin() * x + angle.cos() * y);
            (a, b) = (turn.cos() * a - turn.sin() * b, turn.sin() * a + turn.cos() * b);
            let length = (x * x + y * y).sqrt();
            (x, y) = (x / length, y / length);
            let length = (a * a + b * b).sqrt();
            (a, b) = (a / length, b / length);
        }
        tally.take(a, x);
        tally.take(b, y);
        // Lengths do not add up errors.
        assert!(b.bound < 1e-3);
    }
    // Sines of the host are within half a ULP, a tenth of what is allowed.
    tally.assert_useful("turns", 0.01);
}

#[test]
fn what_is_the_same_cancels() {
    let x = Sampled::from_f32(0.3) / Sampled::from_f32(0.7);
    assert_eq!((x - x).value, 0.0);
    assert!((x - x).bound < 1e-12 && x.bound > 1e-8);
    // To the first order, 1/(1/x) is x with the roundings of two divisions.
    let y = Sampled::one() / (Sampled::one() / x);
    assert!((y - x).bound < DEVIATIONS * 12.0 * U * x.value);
}

#[test]
fn what_is_exact_stays_exact() {
    let three = Sampled::from_f32(3.0);
    assert_eq!((three * Sampled::from_f32(0.5) - Sampled::one()).bound, 0.0);
    assert!(Sampled::constant(0.1).bound > 0.0 && Sampled::constant(0.25).bound == 0.0);
    assert!(Sampled::constant(0.1).admits(0.1) && !Sampled::constant(0.25).admits(0.250_000_03));
    assert!((three * Sampled::constant(0.1)).bound > 0.0);
}

#[test]
fn a_bound_that_knows_nothing_agrees_with_nothing() {
    let unclear = Sampled::with(1e-9, [0.0; SAMPLES], 1e-8, 0.0);
    for unknown in [Sampled::one() / unclear, Sampled::one() / Sampled::zero(), Sampled::one() / unclear - Sampled::one() / unclear] {
        assert!(unknown.bound == f64::INFINITY && !unknown.admits(1.0), "{unknown:?}");
    }
    assert!(!Sampled::one().admits(f32::NAN));
}

#[test]
fn the_larger_of_two_covers_both() {
    let near = |value: f64| Sampled::with(value, [0.0; SAMPLES], 0.1, 0.0);
    let [low, high] = [near(1.0), near(1.1)];
    for (found, value) in [(low.max(high), 1.1), (low.min(high), 1.0), (near(-0.1).abs(), 0.1)] {
        assert!(found.value == value && found.bound >= low.bound, "{found:?}");
    }
    assert_eq!(near(-3.0).abs().bound, near(3.0).bound);
    assert_eq!(Sampled::one().max(near(9.0)).value, 9.0);
}

#[test]
fn undecided_comparisons_lead_to_paths() {
    let near = |value: f64| Sampled::with(value, [0.0; SAMPLES], 0.1, 0.0);
    let run = |values: &[f64]| values.iter().map(|&value| near(value).less(Sampled::zero())).collect::<Vec<bool>>();
    let decided = paths(8, || run(&[-1.0, 1.0]));
    assert_eq!((decided.results, decided.complete, decided.comparisons, decided.undecided), (vec![vec![true, false]], true, 2, 0));
    let mut undecided = paths(8, || run(&[-0.1, 1.0, 0.2, 0.3]));
    assert_eq!((undecided.complete, undecided.comparisons, undecided.undecided), (true, 4, 3));
    assert_eq!(undecided.results[0], [true, false, false, false]);
    undecided.results.sort();
    undecided.results.dedup();
    assert_eq!(undecided.results.len(), 8);
    assert!(!paths(7, || run(&[-0.1, 1.0, 0.2, 0.3])).complete);
    // A comparison that only one path makes.
    let nested = paths(8, || if near(0.1).less(Sampled::zero()) { run(&[0.1]) } else { Vec::new() });
    assert_eq!((nested.results.len(), nested.complete), (3, true));
}
