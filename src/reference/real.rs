//! The numbers that the reference computes with.
//!
//! The same code runs in plain `f64`, which gives the value of the specification, and in
//! [`Tracked`](super::tracked::Tracked), which also bounds the error of a single-precision program.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A real number. Functions stand for their mathematical value; order, fusing and rounding are up to the implementation.
pub trait Real: 'static + Copy + Debug + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self> {
    /// A running sum in unspecified order.
    type Accumulator: Accumulator<Self>;

    /// A stored single-precision number.
    fn from_f32(value: f32) -> Self;
    /// A constant, which single precision must round.
    fn from_f64(value: f64) -> Self;
    /// The number itself.
    fn value(self) -> f64;
    /// e^x.
    fn exp(self) -> Self;
    /// e^x − 1 for x ≤ 0, without the loss of digits that the difference suffers near 0.
    fn exp_m1(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Square root of a number that is not negative, even after rounding.
    fn sqrt(self) -> Self;
    /// Sine.
    fn sin(self) -> Self;
    /// Cosine.
    fn cos(self) -> Self;
    /// |x|.
    fn abs(self) -> Self;
    /// The larger of two; NaN if one of them is.
    fn max(self, other: Self) -> Self;
    /// The smaller of two; NaN if one of them is.
    fn min(self, other: Self) -> Self;
    /// Whether `self < other`; `None` when rounding could decide it either way.
    fn less(self, other: Self) -> Option<bool>;
    /// Whether this is a finite number; `None` when rounding could decide it either way.
    fn finite(self) -> Option<bool>;
    /// `self` where `condition > 0`, else 0. Never undecided: if rounding could decide either way, the result covers both cases.
    fn where_positive(self, condition: Self) -> Self;
    /// As a program stores it in two single-precision numbers: the nearest one, and the remaining error.
    fn two_floats(self) -> (Self, Self);
    /// Count, mean and squared deviations of all groups together, as a program that merges them in `order` finds them.
    fn moments(groups: &[Moments<Self>], order: MergeOrder) -> Moments<Self>;

    /// 0.
    fn zero() -> Self {
        Self::from_f32(0.0)
    }

    /// 1.
    fn one() -> Self {
        Self::from_f32(1.0)
    }

    /// The number nearest to `self` between `low` and `high`.
    fn clamp(self, low: Self, high: Self) -> Self {
        self.max(low).min(high)
    }

    /// Sum, in unspecified order.
    fn sum(terms: impl IntoIterator<Item = Self>) -> Self {
        let mut total = Self::Accumulator::default();
        terms.into_iter().for_each(|term| total.add(term));
        total.total()
    }

    /// Sum of products, in unspecified order.
    fn dot(pairs: impl IntoIterator<Item = (Self, Self)>) -> Self {
        Self::sum(pairs.into_iter().map(|(a, b)| a * b))
    }
}

/// A running sum in unspecified order. Starts at 0.
pub trait Accumulator<R>: Default + Copy {
    /// Adds a term.
    fn add(&mut self, term: R);
    /// The sum of the terms.
    fn total(self) -> R;
}

/// Count, mean and sum of squared deviations from the mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments<R> {
    /// Number of values.
    pub count: usize,
    /// Their mean.
    pub mean: R,
    /// Sum of their squared deviations from the mean.
    pub m2: R,
}

impl<R: Real> Moments<R> {
    /// The moments of one value.
    pub fn of(value: R) -> Self {
        Moments { count: 1, mean: value, m2: R::zero() }
    }
}

/// The order in which a program merges moments: each lane merges groups one after the other, then the lanes are merged in a binary tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergeOrder {
    /// Most groups for one lane.
    pub chain: usize,
    /// Levels of the tree over the lanes.
    pub depth: usize,
}

impl Real for f64 {
    type Accumulator = f64;

    fn from_f32(value: f32) -> Self {
        f64::from(value)
    }

    fn from_f64(value: f64) -> Self {
        value
    }

    fn value(self) -> f64 {
        self
    }

    fn exp(self) -> Self {
        f64::exp(self)
    }

    fn exp_m1(self) -> Self {
        f64::exp_m1(self)
    }

    fn ln(self) -> Self {
        f64::ln(self)
    }

    fn tanh(self) -> Self {
        f64::tanh(self)
    }

    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }

    fn sin(self) -> Self {
        f64::sin(self)
    }

    fn cos(self) -> Self {
        f64::cos(self)
    }

    fn abs(self) -> Self {
        f64::abs(self)
    }

    fn max(self, other: Self) -> Self {
        if self.is_nan() || self > other { self } else { other }
    }

    fn min(self, other: Self) -> Self {
        if self.is_nan() || self < other { self } else { other }
    }

    fn less(self, other: Self) -> Option<bool> {
        Some(self < other)
    }

    fn finite(self) -> Option<bool> {
        Some(self.is_finite())
    }

    fn where_positive(self, condition: Self) -> Self {
        if condition > 0.0 { self } else { 0.0 }
    }

    fn two_floats(self) -> (Self, Self) {
        (self, 0.0)
    }

    fn moments(groups: &[Moments<Self>], _order: MergeOrder) -> Moments<Self> {
        let count: usize = groups.iter().map(|group| group.count).sum();
        let mean = groups.iter().map(|group| group.count as f64 * group.mean).sum::<f64>() / count as f64;
        let m2 = groups.iter().map(|group| group.m2 + group.count as f64 * (group.mean - mean).powi(2)).sum();
        Moments { count, mean, m2 }
    }
}

impl Accumulator<f64> for f64 {
    fn add(&mut self, term: f64) {
        *self += term;
    }

    fn total(self) -> f64 {
        self
    }
}
