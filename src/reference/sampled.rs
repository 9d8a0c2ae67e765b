//! Numbers with a bound on the error of a single-precision program for long computations: the step of rigid bodies.
//!
//! The running bound of [`crate::reference::tracked`] takes the errors of an operation's operands as unrelated, and grows without limit where they are not:
//! in the factors of a mass matrix, or over the stages of a step. Here a number carries its error in sixteen programs instead, to the first order in all
//! errors before it (Parker, "Monte Carlo arithmetic", 1997, linearised). Each operation of these programs has the largest error that it may have, with a sign
//! drawn from its result: equal results are rounded equally. What is lost to the first order, such as the product of two errors, is bounded and counts as an
//! error of the operation.
//!
//! The root mean square of the sixteen errors estimates σ, where σ² is the sum of the squares of what each operation's largest error does to a number. If the errors
//! of operations are independent and have mean 0, they add up to more than tσ with a probability of at most 2 exp(−t²/2) (Hoeffding's inequality; Higham and
//! Mary, "A new approach to probabilistic rounding error analysis", 2019, use it likewise). The bound is 6σ. It is no certainty: a device whose errors prefer a
//! sign might exceed it. For steps of Gymnasium's robots, the sum of all sizes, which is certain to the first order, is half as much to twice as much.
//!
//! Operations are assumed to be as exact as [`crate::reference::tracked`] says.

use crate::physics::number::Number;
use crate::reference::tracked::U;
use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

#[cfg(test)]
mod tests;

/// Programs whose errors a number knows. The estimate of σ is less than half of it for one number in a thousand.
const SAMPLES: usize = 16;
/// Bound on an error, as a multiple of its standard deviation: 3e-8 of errors are larger.
const DEVIATIONS: f64 = 6.0;
/// The largest loss from flushing a denormal result.
const FLUSH: f64 = f32::MIN_POSITIVE as f64;

/// A number and its error in several programs.
#[derive(Debug, Clone, Copy)]
pub struct Sampled {
    /// The number.
    pub value: f64,
    /// Bound on its error; infinite where nothing is known.
    pub bound: f64,
    errors: [f64; SAMPLES],
}

/// [`DEVIATIONS`] root mean squares of the errors in all programs.
fn bound(errors: &[f64; SAMPLES]) -> f64 {
    let bound = DEVIATIONS * (errors.iter().map(|error| error * error).sum::<f64>() / SAMPLES as f64).sqrt();
    if bound.is_nan() { f64::INFINITY } else { bound }
}

/// `factors[0]` times the errors of `a`, plus `factors[1]` times those of `b`.
fn combined(a: &Sampled, b: &Sampled, factors: [f64; 2]) -> [f64; SAMPLES] {
    std::array::from_fn(|k| factors[0] * a.errors[k] + factors[1] * b.errors[k])
}

/// Random bits that depend on a number's size (the mixer of SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
fn bits(value: f64) -> u64 {
    let mut bits = value.abs().to_bits().wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl Sampled {
    /// A number that the program is given.
    pub fn from_f32(value: f32) -> Self {
        Self::exact(f64::from(value))
    }

    /// Whether a program's result agrees with this number. A bound that knows nothing agrees with nothing.
    pub fn admits(self, actual: f32) -> bool {
        self.bound < f64::INFINITY && (f64::from(actual) - self.value).abs() <= self.bound
    }

    fn exact(value: f64) -> Self {
        Sampled { value, bound: 0.0, errors: [0.0; SAMPLES] }
    }

    fn unknown(value: f64) -> Self {
        Sampled { value, bound: f64::INFINITY, errors: [f64::INFINITY; SAMPLES] }
    }

    /// An operation's result with the `errors` that its operands pass on, and an error of its own of at most `own`, or within bounds `remainder`.
    fn with(value: f64, mut errors: [f64; SAMPLES], own: f64, remainder: f64) -> Self {
        let size = own.copysign(value) + remainder.copysign(value) / DEVIATIONS;
        let bits = bits(value);
        for (k, error) in errors.iter_mut().enumerate() {
            *error += f64::from_bits(size.to_bits() ^ ((bits >> k) << 63));
        }
        Sampled { value, bound: bound(&errors), errors }
    }

    /// The result of an operation with a relative error of at most `relative`. Errors of the operands make at most `passed` of `errors`.
    fn rounded(value: f64, errors: [f64; SAMPLES], passed: f64, remainder: f64, relative: f64) -> Self {
        let size = value.abs() + passed + remainder;
        let flush = if size <= 2.0 * FLUSH || value.abs() - passed - remainder <= FLUSH { FLUSH } else { 0.0 };
        Self::with(value, errors, relative * size + flush, remainder)
    }

    /// The result of `+`, `-` or `*`: exact where the operands are and the result is an f32.
    fn rounded_to_nearest(value: f64, errors: [f64; SAMPLES], passed: f64, remainder: f64) -> Self {
        let exact = passed == 0.0 && f64::from(value as f32) == value && (value == 0.0 || value.abs() >= FLUSH);
        if exact { Self::exact(value) } else { Self::rounded(value, errors, passed, remainder, U) }
    }

    /// The product with a power of two, or with its negative.
    fn scaled(self, factor: f64) -> Self {
        Sampled { value: factor * self.value, bound: factor.abs() * self.bound, errors: self.errors.map(|error| factor * error) }
    }

    /// The number, if it certainly is a power of two or the negative of one.
    fn power_of_two(self) -> Option<f64> {
        (self.bound == 0.0 && self.value.is_normal() && self.value.to_bits() << 12 == 0).then_some(self.value)
    }

    fn known(self, other: Self) -> bool {
        self.bound < f64::INFINITY && other.bound < f64::INFINITY
    }

    /// Whether this certainly is less than `other`, or certainly is not; `None` when rounding could decide it either way.
    fn certainly_less(self, other: Self) -> Option<bool> {
        let distance = other.value - self.value;
        let certain = (self.bound == 0.0 && other.bound == 0.0)
            || distance.abs() > self.bound + other.bound
            || (self.known(other) && distance.abs() > bound(&combined(&self, &other, [-1.0, 1.0])));
        certain.then_some(distance > 0.0)
    }

    /// Sine or cosine, which has the given slope: within 2^-21 up to 6,000.
    fn trigonometric(self, value: f64, slope: f64) -> Self {
        if self.value.abs() + self.bound > 6000.0 {
            return Self::unknown(value);
        }
        Self::with(value, self.errors.map(|error| slope * error), 2f64.powi(-21), 0.5 * self.bound * self.bound)
    }
}

impl Add for Sampled {
    type Output = Sampled;

    fn add(self, other: Sampled) -> Sampled {
        let value = self.value + other.value;
        if !self.known(other) {
            return Sampled::unknown(value);
        }
        Sampled::rounded_to_nearest(value, combined(&self, &other, [1.0, 1.0]), self.bound + other.bound, 0.0)
    }
}

impl Sub for Sampled {
    type Output = Sampled;

    fn sub(self, other: Sampled) -> Sampled {
        self + -other
    }
}

impl Mul for Sampled {
    type Output = Sampled;

    fn mul(self, other: Sampled) -> Sampled {
        if let Some((x, factor)) = other.power_of_two().map(|factor| (self, factor)).or(self.power_of_two().map(|factor| (other, factor))) {
            return x.scaled(factor);
        }
        let value = self.value * other.value;
        if !self.known(other) {
            return Sampled::unknown(value);
        }
        let passed = self.value.abs() * other.bound + other.value.abs() * self.bound;
        Sampled::rounded_to_nearest(value, combined(&self, &other, [other.value, self.value]), passed, self.bound * other.bound)
    }
}

impl Div for Sampled {
    type Output = Sampled;

    /// Within 2.5 ULP.
    fn div(self, other: Sampled) -> Sampled {
        if let Some(divisor) = other.power_of_two() {
            return self.scaled(1.0 / divisor);
        }
        let value = self.value / other.value;
        let least = other.value.abs() - other.bound;
        if !self.known(other) || least <= FLUSH {
            return Sampled::unknown(value);
        }
        if self.is_zero() {
            return self;
        }
        // a'/b' − a/b = (a' − a − (a/b)(b' − b)) / b', and 1/b' differs from 1/b by a factor of at most b/least.
        let errors = combined(&self, &other, [1.0 / other.value, -value / other.value]);
        let passed = bound(&errors);
        Sampled::rounded(value, errors, passed, passed * other.bound / least, 5.0 * U)
    }
}

impl Neg for Sampled {
    type Output = Sampled;

    fn neg(self) -> Sampled {
        self.scaled(-1.0)
    }
}

impl Number for Sampled {
    type Condition = bool;

    fn constant(value: f64) -> Self {
        let error = (value - f64::from(value as f32)).abs();
        if error == 0.0 { Self::exact(value) } else { Self::with(value, [0.0; SAMPLES], error, 0.0) }
    }

    /// Also where a number is 0 by chance, since terms that are left out are 0 in the program, too.
    fn is_zero(self) -> bool {
        self.value == 0.0 && self.bound == 0.0
    }

    fn sin(self) -> Self {
        self.trigonometric(self.value.sin(), self.value.cos())
    }

    fn cos(self) -> Self {
        self.trigonometric(self.value.cos(), -self.value.sin())
    }

    /// Within 5 ULP.
    fn sqrt(self) -> Self {
        let value = self.value.max(0.0).sqrt();
        if self.bound == f64::INFINITY {
            return Self::unknown(value);
        }
        if self.is_zero() {
            return self;
        }
        if self.bound >= self.value {
            // |√a − √b| is at most √|a − b|.
            return Self::rounded(value, [0.0; SAMPLES], 0.0, self.bound.sqrt(), 10.0 * U);
        }
        // √(x + e) − √x − e/(2√x) = −e² / (2√x (√(x + e) + √x)²).
        let slope = 0.5 / value;
        let remainder = slope * self.bound * self.bound / self.value;
        Self::rounded(value, self.errors.map(|error| slope * error), slope * self.bound, remainder, 10.0 * U)
    }

    fn abs(self) -> Self {
        self.max(-self)
    }

    fn max(self, other: Self) -> Self {
        match self.certainly_less(other) {
            Some(true) => other,
            Some(false) => self,
            // (a + b)/2 + |b − a|/2, and |b' − a'| is as far from |b − a| as b' − a' is from b − a, at most.
            None if self.known(other) => {
                let apart = bound(&combined(&self, &other, [-0.5, 0.5]));
                Self::with(self.value.max(other.value), combined(&self, &other, [0.5, 0.5]), 0.0, apart)
            }
            None => Self::unknown(self.value.max(other.value)),
        }
    }

    fn min(self, other: Self) -> Self {
        -(-self).max(-other)
    }

    fn highest_bit(self) -> Self {
        Self::exact(self.value.highest_bit())
    }

    fn power_of_two(self) -> Self {
        Self::exact(self.value.power_of_two())
    }

    fn entry(list: &[Self], index: Self) -> Self {
        list[index.value as usize]
    }

    fn less(self, other: Self) -> bool {
        DECISIONS.with_borrow_mut(|decisions| decisions.decide(self.certainly_less(other), self.value < other.value))
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

/// How comparisons are decided that rounding could decide either way.
#[derive(Debug, Default)]
struct Decisions {
    /// The first of them.
    given: Vec<bool>,
    /// Those after them, by the values.
    found: Vec<bool>,
    undecided: usize,
    comparisons: usize,
}

thread_local! {
    static DECISIONS: RefCell<Decisions> = RefCell::default();
}

impl Decisions {
    fn decide(&mut self, certain: Option<bool>, by_value: bool) -> bool {
        self.comparisons += 1;
        certain.unwrap_or_else(|| {
            let given = self.given.get(self.undecided).copied();
            self.undecided += 1;
            given.unwrap_or_else(|| {
                self.found.push(by_value);
                by_value
            })
        })
    }
}

/// What a computation may lead to.
#[derive(Debug)]
pub struct Paths<T> {
    /// The results, first that of the values' own path.
    pub results: Vec<T>,
    /// Whether these are all.
    pub complete: bool,
    /// Comparisons on the values' own path.
    pub comparisons: usize,
    /// Those of them that rounding could decide either way.
    pub undecided: usize,
}

/// Runs a computation once for each way in which rounding may decide its comparisons, at most `most` times.
pub fn paths<T>(most: usize, mut run: impl FnMut() -> T) -> Paths<T> {
    let mut paths = Paths { results: Vec::new(), complete: true, comparisons: 0, undecided: 0 };
    let mut waiting = vec![Vec::new()];
    while let Some(given) = waiting.pop() {
        DECISIONS.replace(Decisions { given: given.clone(), ..Decisions::default() });
        paths.results.push(run());
        let Decisions { found, undecided, comparisons, .. } = DECISIONS.take();
        if paths.results.len() == 1 {
            (paths.comparisons, paths.undecided) = (comparisons, undecided);
        }
        // Each decision that was found could have been the other one.
        if paths.results.len() + waiting.len() + found.len() > most {
            paths.complete = false;
            break;
        }
        waiting.extend((0..found.len()).map(|k| [&given, &found[..k], &[!found[k]]].concat()));
    }
    paths
}
