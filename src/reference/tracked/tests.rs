//! Computes in f32, in several ways, what `Tracked` computes, and checks that the bound holds and is of use.

use super::*;
use crate::spec::random::Stream;

/// How much wider than the largest error seen a bound may be before it is of no use as a check.
const LOOSEST: f64 = 1000.0;

fn uniform(stream: &mut Stream, low: f32, high: f32) -> f32 {
    low + (high - low) * stream.uniform()
}

fn track(values: &[f32]) -> Vec<Tracked> {
    values.iter().map(|&value| Tracked::from_f32(value)).collect()
}

/// Errors seen beside the bounds on them, over many trials.
#[derive(Default)]
struct Tally {
    largest_share: f64,
}

impl Tally {
    fn take(&mut self, bound: Tracked, actual: f32) {
        assert!(bound.admits(actual), "{actual} is not within {bound:?}");
        if bound.error > 0.0 {
            self.largest_share = self.largest_share.max((f64::from(actual) - bound.value).abs() / bound.error);
        }
    }

    fn assert_useful(&self, what: &str) {
        assert!(self.largest_share * LOOSEST > 1.0, "{what}: no error came nearer to its bound than {:e} of it", self.largest_share);
    }
}

#[test]
fn sums_stay_within_the_bound_in_every_order() {
    let mut tally = Tally::default();
    for trial in 0..200 {
        let mut stream = Stream::new(1, 0, 0, trial);
        let n = 1 + stream.bits() as usize % 300;
        let mut draw = || -> Vec<f32> { (0..n).map(|_| uniform(&mut stream, -3.0, 3.0)).collect() };
        let (a, b) = (draw(), draw());
        let bound = Tracked::dot(track(&a).into_iter().zip(track(&b)));
        let products: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a * b).collect();
        tally.take(bound, products.iter().sum());
        tally.take(bound, products.iter().rev().sum());
        tally.take(bound, a.iter().zip(&b).fold(0.0, |sum: f32, (&a, &b)| a.mul_add(b, sum)));
        let mut lanes = [0f32; 8];
        products.iter().enumerate().for_each(|(i, product)| lanes[i % 8] += product);
        tally.take(bound, lanes.iter().sum());
    }
    tally.assert_useful("dot products");
}

#[test]
fn expressions_stay_within_the_bound() {
    let mut tally = Tally::default();
    for trial in 0..2000 {
        let mut stream = Stream::new(2, 0, 0, trial);
        let x: Vec<f32> = (0..8).map(|_| uniform(&mut stream, 0.1, 2.0)).collect();
        let t = track(&x);
        let bound = ((t[0] * t[1] - t[2]) / (t[3] + t[4]) + t[5].ln() * t[6].exp()).tanh() - (t[7] + t[0]).sqrt();
        let tanh = |x: f32| (x.exp() - (-x).exp()) / (x.exp() + (-x).exp());
        tally.take(bound, tanh((x[0] * x[1] - x[2]) / (x[3] + x[4]) + x[5].ln() * x[6].exp()) - (x[7] + x[0]).sqrt());
        let fused = x[0].mul_add(x[1], -x[2]) * (1.0 / (x[3] + x[4]));
        tally.take(bound, tanh(x[5].ln().mul_add(x[6].exp(), fused)) - 1.0 / (1.0 / (x[7] + x[0]).sqrt()));
    }
    tally.assert_useful("expressions");
}

#[test]
fn tanh_through_exponentials_stays_within_the_bound() {
    // Nearly as wrong as a device may be, and to opposite sides where the argument's sign differs.
    let exp = |x: f32| x.exp() * (1.0 + f32::EPSILON * (0.8 * (3.0 + 2.0 * x.abs())).copysign(x));
    let mut tally = Tally::default();
    for i in -4000..=4000 {
        let x = i as f32 * 0.005;
        let limited = x.clamp(-15.0, 15.0);
        let bound = Tracked::from_f32(x).tanh();
        let (a, b) = (exp(limited), exp(-limited));
        tally.take(bound, (a - b) / (a + b));
        let through_one = 1.0 - 2.0 / (exp(2.0 * limited.abs()) + 1.0);
        tally.take(bound, through_one.copysign(x));
        tally.take(bound, x.tanh());
        // An uncertain argument is passed on.
        let near = Tracked { value: f64::from(x), error: 1e-3 }.tanh();
        tally.take(near, (x + 0.999e-3).tanh());
        tally.take(near, (x - 0.999e-3).tanh());
    }
    tally.assert_useful("tanh");
}

#[test]
fn one_minus_a_power_stays_within_the_bound() {
    let mut tally = Tally::default();
    for n in (1..100).chain([1000, 5000, 100_000]) {
        let ln_beta = 0.999f64.ln();
        let x = n as f32 * ln_beta as f32;
        let bound = (Tracked::from_f64(f64::from(n)) * Tracked::from_f64(ln_beta)).exp_m1();
        tally.take(bound, x.exp_m1());
        if x < -0.5 {
            tally.take(bound, x.exp() - 1.0);
        }
    }
    tally.assert_useful("1 - beta^n");
}

#[test]
fn moments_stay_within_the_bound() {
    let (mut means, mut m2s) = (Tally::default(), Tally::default());
    for (trial, offset) in [0.0f32, 1.0, -30.0, 1000.0].into_iter().cycle().take(80).enumerate() {
        let mut stream = Stream::new(3, 0, 0, trial as u32);
        let n = 1 + stream.bits() as usize % 2000;
        let x: Vec<f32> = (0..n).map(|_| offset + uniform(&mut stream, -1.0, 1.0)).collect();
        let groups: Vec<Moments<Tracked>> = track(&x).into_iter().map(Moments::of).collect();
        for lanes in [1, 8, 256] {
            let order = MergeOrder { chain: n.div_ceil(lanes), depth: lanes.ilog2() as usize };
            let bound = Tracked::moments(&groups, order);
            let actual = welford_and_chan(&x, lanes);
            means.take(bound.mean, actual[1]);
            m2s.take(bound.m2, actual[2]);
            assert!(offset.abs() > 1.0 || n < 50 || bound.m2.error < 0.05 * bound.m2.value, "{:?} says nothing", bound.m2);
        }
    }
    means.assert_useful("means");
    m2s.assert_useful("squared deviations");
}

/// Count, mean and squared deviations in f32: Welford in each lane, then Chan's merges in a tree.
fn welford_and_chan(x: &[f32], lanes: usize) -> [f32; 3] {
    let mut parts = vec![[0f32; 3]; lanes];
    for (i, &x) in x.iter().enumerate() {
        let [count, mean, m2] = parts[i % lanes];
        let delta = x - mean;
        let new_mean = mean + delta / (count + 1.0);
        parts[i % lanes] = [count + 1.0, new_mean, m2 + delta * (x - new_mean)];
    }
    while parts.len() > 1 {
        let upper = parts.split_off(parts.len() / 2);
        for (a, b) in parts.iter_mut().zip(upper) {
            let count = a[0] + b[0];
            let share = b[0] / count.max(1.0);
            let delta = b[1] - a[1];
            *a = [count, a[1] + delta * share, a[2] + b[2] + delta * delta * a[0] * share];
        }
    }
    parts[0]
}

#[test]
fn groups_with_errors_pass_them_on() {
    let group = |mean: f64, m2: f64| Moments { count: 3, mean: Tracked { value: mean, error: 0.01 }, m2: Tracked { value: m2, error: 0.1 } };
    let bound = Tracked::moments(&[group(1.0, 2.0), group(4.0, 1.0)], MergeOrder { chain: 1, depth: 1 });
    let moved = f64::moments(&[Moments { count: 3, mean: 1.01, m2: 2.1 }, Moments { count: 3, mean: 3.99, m2: 0.9 }], MergeOrder { chain: 1, depth: 1 });
    assert!(bound.mean.admits(moved.mean as f32) && bound.m2.admits(moved.m2 as f32), "{bound:?} {moved:?}");
    assert!(bound.mean.error < 0.011 && bound.m2.error < 0.4, "{bound:?}");
}

#[test]
fn whole_numbers_are_exact() {
    let count = Tracked::sum(track(&[1.0; 500]));
    assert_eq!((count.value, count.error), (500.0, 0.0));
    assert_eq!((Tracked::from_f32(3.0) * Tracked::from_f32(0.5) - Tracked::one()).error, 0.0);
    assert!(Tracked::from_f64(0.1).error > 0.0 && Tracked::from_f64(0.25).error == 0.0);
}

#[test]
fn decisions_within_rounding_are_not_taken() {
    let near = |value: f64| Tracked { value, error: 0.1 };
    assert_eq!([near(1.0).less(near(1.3)), near(1.3).less(near(1.0)), near(1.0).less(near(1.1))], [Some(true), Some(false), None]);
    assert_eq!(Tracked::one().less(Tracked::one()), Some(false));
    assert_eq!(near(2.0).where_positive(near(0.05)), Tracked { value: 2.0, error: 2.1 });
    assert_eq!(near(2.0).where_positive(near(-1.0)), Tracked::zero());
}

#[test]
fn infinite_and_unknown_values_are_distinguished() {
    let nan = Tracked::from_f32(f32::NAN);
    let large = Tracked::from_f32(2e38);
    for certain in [nan + Tracked::one(), large + large, Tracked::from_f32(200.0).exp(), Tracked::one() / Tracked::zero(), nan.sqrt()] {
        assert_eq!(certain.finite(), Some(false), "{certain:?}");
        assert!(certain.admits(f32::NAN) && !certain.admits(1.0));
    }
    let unclear = Tracked { value: 1e-9, error: 1e-8 };
    for unknown in [Tracked::one() / unclear, unclear.ln(), nan.max(Tracked::zero()), nan.tanh()] {
        assert_eq!(unknown.finite(), None, "{unknown:?}");
        assert!(!unknown.admits(f32::NAN) && !unknown.admits(unknown.value as f32), "nothing is checked against a bound that knows nothing");
    }
    assert!(!Tracked::one().admits(f32::NAN));
    assert_eq!(nan.less(Tracked::one()), None);
}
