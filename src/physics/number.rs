//! The numbers that the physics computes with.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A real number and the control flow over such numbers. Functions stand for their mathematical value.
pub trait Number: 'static + Copy + Debug + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self> {
    /// Whether a comparison holds.
    type Condition: Copy;

    /// A constant.
    fn constant(value: f64) -> Self;
    /// Whether this is the constant 0, so that terms with it can be left out.
    fn is_zero(self) -> bool;
    /// Sine.
    fn sin(self) -> Self;
    /// Cosine.
    fn cos(self) -> Self;
    /// Square root of a number that is not negative.
    fn sqrt(self) -> Self;
    /// |x|.
    fn abs(self) -> Self;
    /// The larger of two.
    fn max(self, other: Self) -> Self;
    /// The smaller of two.
    fn min(self, other: Self) -> Self;
    /// Whether `self < other`.
    fn less(self, other: Self) -> Self::Condition;
    /// `yes` where `condition` holds, else `no`.
    fn select(condition: Self::Condition, yes: Self, no: Self) -> Self;
    /// Has `body` change `state` where `condition` holds.
    fn branch(condition: Self::Condition, state: &mut [Self], body: impl FnOnce(&mut [Self]));
    /// Up to `most` rounds: `examine` looks at `state`, and where its condition does not hold, `advance` changes the state with what was found.
    fn repeat<T>(most: usize, state: &mut [Self], examine: impl FnMut(&[Self]) -> (Self::Condition, T), advance: impl FnMut(&mut [Self], T));

    /// The number itself, which a text that shows it calls `name`.
    fn named(self, _name: impl FnOnce() -> String) -> Self {
        self
    }

    /// Gives what follows a title, in texts that show it.
    fn section(_title: impl FnOnce() -> String) {}

    /// Runs `body`, which changes `state` and knows the round, `count` times.
    fn rounds(count: usize, state: &mut Vec<Self>, mut body: impl FnMut(&mut [Self], Self)) {
        let n = state.len();
        state.push(Self::zero());
        let endless = |_: &[Self]| (Self::zero().less(Self::zero()), ());
        let advance = |state: &mut [Self], ()| {
            let round = state[n];
            body(&mut state[..n], round);
            state[n] = round + Self::one();
        };
        Self::repeat(count, state, endless, advance);
        state.truncate(n);
    }

    /// 0.
    fn zero() -> Self {
        Self::constant(0.0)
    }

    /// 1.
    fn one() -> Self {
        Self::constant(1.0)
    }

    /// The number nearest to `self` between two constants.
    fn clamp(self, [low, high]: [f64; 2]) -> Self {
        self.max(Self::constant(low)).min(Self::constant(high))
    }
}

/// The parts of a list, by their lengths.
pub fn split<N: Copy, const COUNT: usize>(all: &[N], lengths: [usize; COUNT]) -> [Vec<N>; COUNT] {
    let mut start = 0;
    lengths.map(|length| {
        start += length;
        all[start - length..start].to_vec()
    })
}

impl Number for f64 {
    type Condition = bool;

    fn constant(value: f64) -> Self {
        value
    }

    fn is_zero(self) -> bool {
        self == 0.0
    }

    fn sin(self) -> Self {
        self.sin()
    }

    fn cos(self) -> Self {
        self.cos()
    }

    fn sqrt(self) -> Self {
        self.sqrt()
    }

    fn abs(self) -> Self {
        self.abs()
    }

    fn max(self, other: Self) -> Self {
        self.max(other)
    }

    fn min(self, other: Self) -> Self {
        self.min(other)
    }

    fn less(self, other: Self) -> bool {
        self < other
    }

    fn select(condition: bool, yes: Self, no: Self) -> Self {
        if condition { yes } else { no }
    }

    fn branch(condition: bool, state: &mut [Self], body: impl FnOnce(&mut [Self])) {
        if condition {
            body(state);
        }
    }

    fn repeat<T>(most: usize, state: &mut [Self], mut examine: impl FnMut(&[Self]) -> (bool, T), mut advance: impl FnMut(&mut [Self], T)) {
        for _ in 0..most {
            let (finished, found) = examine(state);
            if finished {
                break;
            }
            advance(state, found);
        }
    }
}
