//! Numbers with a bound on the error of a single-precision program.
//!
//! `value` is computed in f64. `error` is a running error bound (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., section 3.3):
//! every operation passes on the errors of its operands, with their products, and adds what its own rounding in f32 may add. The
//! bound holds for every order of a sum and with or without fused multiply-add, which only leaves roundings out.
//!
//! Assumed of the device, from the WGSL specification's section on floating-point accuracy unless stated otherwise: with u = 2^-24 (half a unit
//! in the last place, ULP, is at most u relative), `+ - *` are rounded to nearest (WGSL leaves the direction open, devices do not), x / 1 is x,
//! division is within 2.5 ULP, denormal numbers may be flushed to 0. Functions state theirs below.

use crate::reference::real::{Accumulator, MergeOrder, Moments, Real};
use std::ops::{Add, Div, Mul, Neg, Sub};

#[cfg(test)]
mod tests;

/// Unit roundoff of f32.
pub const U: f64 = 1.0 / 16_777_216.0;
/// One ULP, relative to the number, at most.
const ULP: f64 = 2.0 * U;
/// The largest loss from flushing a denormal result.
const FLUSH: f64 = f32::MIN_POSITIVE as f64;
/// The largest f32.
const LARGEST: f64 = f32::MAX as f64;

/// A number and a bound on the distance of its single-precision counterpart.
///
/// An error of 0 beside a value that is not finite means that the counterpart certainly is not finite either; an infinite error means that
/// nothing is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tracked {
    /// The number.
    pub value: f64,
    /// Bound on |counterpart − value|.
    pub error: f64,
}

impl Tracked {
    /// Whether a program's result agrees with this number. A bound that knows nothing agrees with nothing.
    pub fn admits(self, actual: f32) -> bool {
        if self.value.is_finite() {
            self.error < f64::INFINITY && (f64::from(actual) - self.value).abs() <= self.error
        } else {
            self.error == 0.0 && !actual.is_finite()
        }
    }

    /// A number of which only the value without rounding is known.
    fn unknown(value: f64) -> Self {
        Tracked { value, error: f64::INFINITY }
    }

    /// `value` with the error that reached it, and that of overflow.
    fn bounded(value: f64, error: f64) -> Self {
        if !value.is_finite() {
            return Tracked { value, error: 0.0 };
        }
        if value.abs() - error > LARGEST * (1.0 + U) {
            return Tracked { value: value.signum() * f64::INFINITY, error: 0.0 };
        }
        // Also not less than LARGEST where the error is not a number.
        let fits = value.abs() + error <= LARGEST;
        Tracked { value, error: if fits { error } else { f64::INFINITY } }
    }

    /// The result of one operation that passed on `passed` of its operands' errors and rounds with the relative error `rounding`.
    fn rounded(value: f64, passed: f64, rounding: f64) -> Self {
        Self::bounded(value, passed + rounding * (value.abs() + passed) + FLUSH)
    }

    /// The result of `+`, `-` or `*`: exact where the operands are and the result is an f32.
    fn rounded_to_nearest(value: f64, passed: f64) -> Self {
        let exact = passed == 0.0 && f64::from(value as f32) == value && (value == 0.0 || value.abs() >= FLUSH);
        if exact { Tracked { value, error: 0.0 } } else { Self::rounded(value, passed, U) }
    }

    /// Whether both errors are finite, that is, whether anything is known of a result.
    fn known(self, other: Self) -> bool {
        self.error < f64::INFINITY && other.error < f64::INFINITY
    }
}

impl Add for Tracked {
    type Output = Tracked;

    fn add(self, other: Tracked) -> Tracked {
        let value = self.value + other.value;
        if self.known(other) { Tracked::rounded_to_nearest(value, self.error + other.error) } else { Tracked::unknown(value) }
    }
}

impl Sub for Tracked {
    type Output = Tracked;

    fn sub(self, other: Tracked) -> Tracked {
        self + -other
    }
}

impl Mul for Tracked {
    type Output = Tracked;

    fn mul(self, other: Tracked) -> Tracked {
        let value = self.value * other.value;
        if !self.known(other) {
            return Tracked::unknown(value);
        }
        Tracked::rounded_to_nearest(value, self.value.abs() * other.error + other.value.abs() * self.error + self.error * other.error)
    }
}

impl Div for Tracked {
    type Output = Tracked;

    /// Within 2.5 ULP for divisors from 2^-126 to 2^126 in size.
    fn div(self, other: Tracked) -> Tracked {
        let value = self.value / other.value;
        let least = other.value.abs() - other.error;
        let zero = other.value == 0.0 && other.error == 0.0;
        if !self.known(other) || (!zero && least <= FLUSH) {
            return Tracked::unknown(value);
        }
        if self.value == 0.0 && self.error == 0.0 && !zero && other.value.is_finite() {
            return Tracked { value, error: 0.0 };
        }
        // |a'/b' - a/b| = |a' - a + (a/b)(b - b')| / |b'|.
        Tracked::rounded(value, (self.error + value.abs() * other.error) / least, 2.5 * ULP)
    }
}

impl Neg for Tracked {
    type Output = Tracked;

    fn neg(self) -> Tracked {
        Tracked { value: -self.value, error: self.error }
    }
}

impl Real for Tracked {
    type Accumulator = TrackedSum;

    fn from_f32(value: f32) -> Self {
        Tracked { value: f64::from(value), error: if value.is_subnormal() { FLUSH } else { 0.0 } }
    }

    fn from_f64(value: f64) -> Self {
        Self::bounded(value, (value - f64::from(value as f32)).abs())
    }

    fn value(self) -> f64 {
        self.value
    }

    /// Within 3 + 2|x| ULP.
    fn exp(self) -> Self {
        let value = self.value.exp();
        if self.error == f64::INFINITY {
            return Self::unknown(value);
        }
        if self.value - self.error > LARGEST.ln() + 1.0 {
            return Tracked { value: f64::INFINITY, error: 0.0 };
        }
        if self.value + self.error > LARGEST.ln() {
            return Self::unknown(value);
        }
        Self::rounded(value, value * self.error.exp_m1(), (3.0 + 2.0 * (self.value.abs() + self.error)) * ULP)
    }

    /// Stricter than WGSL, which has no such function: within 8 ULP. 1 − exp(x) meets it for x < −1/2, where the exponential's 3 + 2|x| ULP are at most
    /// 4·2u·e^-½ = 4.9u beside a result of at least 0.39; a Taylor series meets it above, where each of its terms is at most half of the one before.
    fn exp_m1(self) -> Self {
        let value = self.value.exp_m1();
        if self.error == f64::INFINITY {
            return Self::unknown(value);
        }
        Self::rounded(value, self.value.exp() * self.error.exp_m1(), 8.0 * ULP)
    }

    /// Within 2^-21 from 0.5 to 2, within 3 ULP elsewhere.
    fn ln(self) -> Self {
        let (least, most) = (self.value - self.error, self.value + self.error);
        let value = self.value.ln();
        if self.error == f64::INFINITY || (self.error > 0.0 && least <= FLUSH) {
            return Self::unknown(value);
        }
        // The derivative is at most 1/least between the two arguments.
        let passed = self.error / least;
        let near_one = if most >= 0.5 && least <= 2.0 { 1.0 / 2_097_152.0 } else { 0.0 };
        let relative = if least < 0.5 || most > 2.0 { 3.0 * ULP } else { 0.0 };
        Self::rounded(value, passed + near_one, relative)
    }

    /// Stricter than WGSL, which allows an absolute error of 1e-5. Devices compute (a − b)/(a + b) with a = e^x and b = e^-x, both within r = (3 + 2|x|) ULP.
    /// Since dt = (1 − t²)/2 · (da/a − db/b), that is at most (1 − t²)·r; the two sums and the quotient add (2u + 2.5 ULP)·|t|. The form 1 − 2/(e^2x + 1)
    /// has an exponential within (3 + 4|x|) ULP, which enters with (1 − t²)/2: no more than r; then a sum, a quotient of at most 1 (for x ≥ 0) and a
    /// difference: 2u + 2.5 ULP. Limiting x to ±10 or more first, as devices and our shaders do, adds less than u. In all (1 − t²)·r + 8u, to first
    /// order; 10u leaves room for the second. A NaN may be lost in that limiting.
    fn tanh(self) -> Self {
        let value = self.value.tanh();
        if self.value.is_nan() || self.error == f64::INFINITY {
            return Self::unknown(value);
        }
        // tanh is steepest where its argument is nearest to 0.
        let slope = 1.0 - (self.value.abs() - self.error).max(0.0).tanh().powi(2);
        let exponentials = slope * (3.0 + 2.0 * (self.value.abs() + self.error).min(20.0)) * ULP;
        Self::rounded(value, slope * self.error + exponentials + 10.0 * U, 0.0)
    }

    /// As 1 / inverseSqrt(x): 2 + 2.5 ULP, and a half for second order.
    fn sqrt(self) -> Self {
        let value = self.value.max(0.0).sqrt();
        if self.error == f64::INFINITY {
            return Self::unknown(value);
        }
        if self.value.is_nan() || self.value + self.error < 0.0 {
            return Tracked { value: f64::NAN, error: 0.0 };
        }
        if self.value == 0.0 && self.error == 0.0 {
            return self;
        }
        // |sqrt a - sqrt b| = |a - b| / (sqrt a + sqrt b), and is at most sqrt |a - b|.
        let passed = self.error.sqrt().min(self.error / value);
        Self::rounded(value, passed, 5.0 * ULP)
    }

    fn sin(self) -> Self {
        trigonometric(self, self.value.sin())
    }

    fn cos(self) -> Self {
        trigonometric(self, self.value.cos())
    }

    fn abs(self) -> Self {
        Tracked { value: self.value.abs(), error: self.error }
    }

    fn max(self, other: Self) -> Self {
        match self.less(other) {
            Some(true) => other,
            Some(false) => self,
            // |max(a', b') - max(a, b)| is at most the larger of |a' - a| and |b' - b|.
            None if self.value.is_nan() || other.value.is_nan() => Self::unknown(f64::NAN),
            None => Tracked { value: self.value.max(other.value), error: self.error.max(other.error) },
        }
    }

    fn min(self, other: Self) -> Self {
        -(-self).max(-other)
    }

    fn less(self, other: Self) -> Option<bool> {
        if self.value + self.error < other.value - other.error {
            Some(true)
        } else if self.value - self.error >= other.value + other.error {
            Some(false)
        } else {
            // Also where one is not a number: devices disagree about comparing those.
            None
        }
    }

    fn finite(self) -> Option<bool> {
        (self.error < f64::INFINITY).then(|| self.value.is_finite())
    }

    fn where_positive(self, condition: Self) -> Self {
        match Self::zero().less(condition) {
            Some(true) => self,
            Some(false) => Self::zero(),
            None => Tracked { value: self.value.where_positive(condition.value), error: self.error + self.value.abs() },
        }
    }

    /// The second number is at most half a unit in the last place of the first, which the bound of the first takes in.
    fn two_floats(self) -> (Self, Self) {
        if self.error == f64::INFINITY || !self.value.is_finite() {
            return (self, Self::unknown(0.0));
        }
        let first = Self::rounded(self.value, self.error, U);
        (first, Tracked { value: 0.0, error: first.error })
    }

    fn moments(groups: &[Moments<Self>], order: MergeOrder) -> Moments<Self> {
        merged(groups, order)
    }
}

/// Of shaders/shared/trigonometry.wgsl, not of WGSL's functions, whose 2^-11 would hide any mistake in a simulation: within 2^-21 up to 6,000. The products of
/// Cody and Waite's reduction are exact up to k = 4,096 (x = 6,434); its three differences are rounded, the largest of which is r itself, at most π/4: 3·u·π/4. A
/// polynomial, whose own error is under 2^-27 (Lawson's algorithm), ends with a sum of at most 1 and one small beside it: 2u. In all 4.5u, or 2^-21.8.
fn trigonometric(x: Tracked, value: f64) -> Tracked {
    let most = x.value.abs() + x.error;
    if most <= 6000.0 { Tracked::rounded(value, x.error + 2f64.powi(-21), 0.0) } else { Tracked::unknown(value) }
}

/// A sum in any order: n terms need n − 1 additions, and each term goes through at most all of them, so that the error is at most
/// γ(n−1)·Σ|x| with γ(k) = k·u/(1 − k·u) (Higham, section 4.2), beside the terms' own errors. Terms that are exactly 0 cost nothing;
/// integers whose sizes add up to at most 2^24 are added exactly.
#[derive(Debug, Clone, Copy)]
pub struct TrackedSum {
    value: f64,
    error: f64,
    sizes: f64,
    terms: f64,
    integers: bool,
}

impl Default for TrackedSum {
    fn default() -> Self {
        TrackedSum { value: 0.0, error: 0.0, sizes: 0.0, terms: 0.0, integers: true }
    }
}

impl Accumulator<Tracked> for TrackedSum {
    fn add(&mut self, term: Tracked) {
        if term.value == 0.0 && term.error == 0.0 {
            return;
        }
        self.value += term.value;
        self.error += term.error;
        self.sizes += term.value.abs() + term.error;
        self.terms += 1.0;
        self.integers &= term.error == 0.0 && term.value.fract() == 0.0;
    }

    fn total(self) -> Tracked {
        let exact = self.terms <= 1.0 || (self.integers && self.sizes * U <= 1.0);
        let additions = if exact { 0.0 } else { self.terms - 1.0 };
        if self.error == f64::INFINITY || additions * U >= 0.5 {
            return Tracked::unknown(self.value);
        }
        let rounding = additions * U / (1.0 - additions * U) * self.sizes + additions * FLUSH;
        // A sum may overflow on its way to a total that does not.
        let overflows = self.value.is_finite() && self.sizes + rounding > LARGEST;
        if overflows && !exact { Tracked::unknown(self.value) } else { Tracked::bounded(self.value, self.error + rounding) }
    }
}

// Moments by Welford's updates and Chan, Golub and LeVeque's merges, in f32.
//
// Let X bound the size of the values, D their range, n their number, d = m_b − m_a the distance of two means that are merged, w = n_a·n_b/n_ab.
//
// **Mean.** A merge computes m_a + d·share. Rounding d, the share (2.5 ULP), their product and the sum adds at most 8u·|d|·share + u·X (Welford's
// update is the case n_b = 1), and the errors ε of both means enter as their weighted mean. One lane that takes in k groups one by one
// so has k·ε_k ≤ (k−1)·ε_(k−1) + 8u·D + k·u·X, that is ε_k ≤ 8u·D + u·X·(k+1)/2; taking the first group into an empty lane may add 8u·X; each
// level of the tree adds at most 8u·D + u·X.
//
// **Squared deviations.** M2 is the sum of w·d² over all merges. With |d' − d| ≤ 2ε + u·|d|, the Cauchy-Schwarz inequality bounds the effect of the means'
// errors by 2·√M2·(2ε·√W) + (2ε)²·W·2, where W = Σw: at most n for the chains (w ≤ n_b), and a quarter of n for each level of the tree
// (w ≤ (n_a + n_b)/4). Welford's product (x − m_(k−1))·(x − m_k) has error |d|·(ε_(k−1) + ε_k), which is within that since w ≥ 1/2; its first one is 0, x / 1
// being x. Rounding adds at most (k + 2·depth + 14)·u·M2. This is the n·u·κ of Chan, Golub and LeVeque (1983), with κ = √(n·X²/M2), written absolutely.
//
// **Errors of the groups** move √M2 by at most p = √(Σ n_i·e_i²), by the triangle inequality, and M2 by those of the groups' own M2.

/// The moments of all groups together, within the bound derived above.
fn merged(groups: &[Moments<Tracked>], order: MergeOrder) -> Moments<Tracked> {
    let values: Vec<Moments<f64>> = groups.iter().map(|group| Moments { count: group.count, mean: group.mean.value, m2: group.m2.value }).collect();
    let Moments { count, mean, m2 } = f64::moments(&values, order);
    let (n, chain, depth) = (count as f64, order.chain as f64, order.depth as f64);
    let weighted = |term: fn(f64) -> f64| groups.iter().map(|group| group.count as f64 * term(group.mean.error)).sum::<f64>();
    let mean_errors = weighted(|error| error) / n;
    let m2_errors: f64 = groups.iter().map(|group| group.m2.error).sum();
    if mean_errors == f64::INFINITY || m2_errors == f64::INFINITY || n * U >= 1.0 {
        return Moments { count, mean: Tracked::unknown(mean), m2: Tracked::unknown(m2) };
    }
    let over = |start: f64, fold: fn(f64, f64) -> f64, of: fn(Tracked) -> f64| groups.iter().map(|group| of(group.mean)).fold(start, fold);
    let size = over(0.0, f64::max, |mean| mean.value.abs() + mean.error);
    let range = over(f64::NEG_INFINITY, f64::max, |mean| mean.value + mean.error) - over(f64::INFINITY, f64::min, |mean| mean.value - mean.error);
    let shift = weighted(|error| error * error).sqrt();
    let spread = m2.max(0.0).sqrt() + shift;
    // What products of errors with each other add, while n·u < 1/16; more terms than that are not merged in one lane.
    const SECOND_ORDER: f64 = 1.07;
    let rounding = if chain * U < 1.0 / 16.0 { SECOND_ORDER * U } else { f64::INFINITY };
    let mean_rounding = rounding * (size * ((chain + 1.0) / 2.0 + depth + 8.0) + 8.0 * range * (depth + 1.0)) + n * FLUSH;
    let weights = n * (1.0 + depth / 4.0);
    let m2_rounding = 4.0 * mean_rounding * weights.sqrt() * spread
        + 8.0 * mean_rounding * mean_rounding * weights
        + rounding * (chain + 2.0 * depth + 14.0) * (spread * spread + m2_errors)
        + n * FLUSH;
    let m2_passed = 2.0 * m2.max(0.0).sqrt() * shift + shift * shift + m2_errors;
    Moments { count, mean: Tracked::bounded(mean, mean_errors + mean_rounding), m2: Tracked::bounded(m2, m2_passed + m2_rounding) }
}
