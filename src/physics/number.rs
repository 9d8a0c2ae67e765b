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
    /// Position of the highest bit of an integer from 1 to 2^24 − 1, counted from 0.
    fn highest_bit(self) -> Self;
    /// 2 to the power of an integer from 0 to 23.
    fn power_of_two(self) -> Self;
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

    /// The conditions that hold, as bits of as few numbers as hold them, for [`Number::each`]. The first condition is the highest bit.
    fn marks(conditions: &[Self::Condition]) -> Vec<Self> {
        let bit = |i: usize, condition: Self::Condition| Self::select(condition, Self::constant(f64::from(1u32 << (BITS - 1 - i))), Self::zero());
        let mark = |conditions: &[Self::Condition]| conditions.iter().enumerate().map(|(i, &condition)| bit(i, condition)).fold(Self::zero(), Self::add);
        conditions.chunks(BITS).map(mark).collect()
    }

    /// Runs `body`, which changes `state` and knows the index, for each of `count` conditions that holds, in order. A program has `body` once.
    fn each(count: usize, marks: &[Self], state: &mut [Self], mut body: impl FnMut(&mut [Self], Self)) {
        let n = state.len();
        let starts: Vec<Self> = (0..marks.len()).map(|w| Self::constant((w * BITS) as f64)).collect();
        let half = Self::constant(0.5);
        let mut all = [&*state, marks].concat();
        let examine = |all: &[Self]| (all[n..].iter().fold(Self::zero(), |a, &b| a + b).less(half), ());
        let advance = |all: &mut [Self], ()| {
            let left = all[n..].to_vec();
            // The first mark that is not 0.
            let (mut start, mut mark) = (Self::zero(), Self::zero());
            for (&other_start, &other) in starts.iter().zip(&left).rev() {
                let counts = half.less(other);
                (start, mark) = (Self::select(counts, other_start, start), Self::select(counts, other, mark));
            }
            let bit = mark.highest_bit();
            let rest = mark - bit.power_of_two();
            for ((entry, &other), &other_start) in all[n..].iter_mut().zip(&left).zip(&starts) {
                *entry = Self::select((start - other_start).abs().less(half), rest, other);
            }
            body(&mut all[..n], start + Self::constant((BITS - 1) as f64) - bit);
        };
        Self::repeat(count, &mut all, examine, advance);
        state.copy_from_slice(&all[..n]);
    }

    /// The entry of a list at an index, which is an integer.
    fn entry(list: &[Self], index: Self) -> Self;

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

/// Bits of a number that holds conditions: it counts to 2^24 exactly.
pub const BITS: usize = 24;

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

    fn highest_bit(self) -> Self {
        f64::from((self as u32).ilog2())
    }

    fn power_of_two(self) -> Self {
        self.exp2()
    }

    fn entry(list: &[Self], index: Self) -> Self {
        list[index as usize]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_that_holds_is_visited_in_order() {
        let expected: Vec<usize> = vec![0, 5, 22, 23, 24, 47, 48, 60];
        let conditions: Vec<bool> = (0..61).map(|i| expected.contains(&i)).collect();
        let mut visited = Vec::new();
        let mut sum = [0.0];
        f64::each(conditions.len(), &f64::marks(&conditions), &mut sum, |sum, index| {
            visited.push(index as usize);
            sum[0] += index;
        });
        assert_eq!(visited, expected);
        assert_eq!(sum, [expected.iter().sum::<usize>() as f64]);
        f64::each(3, &f64::marks(&[false; 3]), &mut sum, |_, _| panic!("no condition holds"));
    }
}
