//! Moments by Welford's updates and Chan, Golub and LeVeque's merges, in f32.
//!
//! Let X bound the size of the values, D their range, n their number, d = m_b − m_a the distance of two means that are merged, w = n_a·n_b/n_ab.
//!
//! **Mean.** A merge computes m_a + d·share. Rounding d, the share (2.5 ULP), their product and the sum adds at most 8u·|d|·share + u·X (Welford's
//! update is the case n_b = 1), and the errors ε of both means enter as their weighted mean. One lane that takes in k groups one by one
//! so has k·ε_k ≤ (k−1)·ε_(k−1) + 8u·D + k·u·X, that is ε_k ≤ 8u·D + u·X·(k+1)/2; taking the first group into an empty lane may add 8u·X; each
//! level of the tree adds at most 8u·D + u·X.
//!
//! **Squared deviations.** M2 is the sum of w·d² over all merges. With |d' − d| ≤ 2ε + u·|d|, the Cauchy-Schwarz inequality bounds the effect of the means'
//! errors by 2·√M2·(2ε·√W) + (2ε)²·W·2, where W = Σw: at most n for the chains (w ≤ n_b), and a quarter of n for each level of the tree
//! (w ≤ (n_a + n_b)/4). Welford's product (x − m_(k−1))·(x − m_k) has error |d|·(ε_(k−1) + ε_k), which is within that since w ≥ 1/2; its first one is 0, x / 1
//! being x. Rounding adds at most (k + 2·depth + 14)·u·M2. This is the n·u·κ of Chan, Golub and LeVeque (1983), with κ = √(n·X²/M2), written absolutely.
//!
//! **Errors of the groups** move √M2 by at most p = √(Σ n_i·e_i²), by the triangle inequality, and M2 by those of the groups' own M2.

use super::{FLUSH, Tracked, U};
use crate::reference::real::{MergeOrder, Moments, Real};

/// The moments of all groups together, within the bound derived above.
pub(super) fn merged(groups: &[Moments<Tracked>], order: MergeOrder) -> Moments<Tracked> {
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
