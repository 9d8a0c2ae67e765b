//! The categorical distribution over the logits that the actor puts out.

use super::real::Real;
use super::{Ambiguous, Site};

/// A distribution over actions.
#[derive(Debug, Clone)]
pub struct Categorical<R> {
    /// log π(k).
    pub log_probs: Vec<R>,
    /// −Σ π(k) log π(k).
    pub entropy: R,
}

impl<R: Real> Categorical<R> {
    /// The distribution with these logits: log π(k) = z_k − log Σ_j e^(z_j).
    pub fn new(logits: &[R]) -> Self {
        // Exponentials do not overflow when the largest logit is subtracted. It cancels, whatever its value, so that its own error does not matter.
        let largest = logits.iter().copied().reduce(R::max).expect("there is at least one action");
        let shift = R::from_f64(largest.value());
        let log_total = R::sum(logits.iter().map(|&z| (z - shift).exp())).ln() + shift;
        let log_probs: Vec<R> = logits.iter().map(|&z| z - log_total).collect();
        let entropy = -R::sum(log_probs.iter().map(|&log_prob| log_prob.exp() * log_prob));
        Categorical { log_probs, entropy }
    }

    /// The action whose share of [0, 1) holds `uniform`.
    ///
    /// # Errors
    /// When `uniform` is too near to the boundary of two shares to tell.
    pub fn sample(&self, uniform: f32, site: Site) -> Result<usize, Ambiguous> {
        let last = self.log_probs.len() - 1;
        for action in 0..last {
            let share_ends = R::sum(self.log_probs[..=action].iter().map(|&log_prob| log_prob.exp()));
            if site.decide(R::from_f32(uniform).less(share_ends), "the sampled action")? {
                return Ok(action);
            }
        }
        Ok(last)
    }

    /// d(`log_prob_slope`·log π(action) + `entropy_slope`·H)/d logits, from d log π(a)/dz_k = \[k = a\] − π_k and dH/dz_k = −π_k·(log π_k + H).
    pub fn slope(&self, action: usize, log_prob_slope: R, entropy_slope: R) -> Vec<R> {
        let slope = |(k, &log_prob): (usize, &R)| {
            let p = log_prob.exp();
            let chosen = if k == action { R::one() } else { R::zero() };
            log_prob_slope * (chosen - p) - entropy_slope * p * (log_prob + self.entropy)
        };
        self.log_probs.iter().enumerate().map(slope).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Kernel;

    const LOGITS: [f64; 5] = [0.3, -1.2, 2.0, 0.0, 0.7];

    #[test]
    fn probabilities_add_up_to_one_and_large_logits_do_not_overflow() {
        for shift in [0.0, 1e4, -1e4] {
            let policy = Categorical::new(&LOGITS.map(|z| z + shift));
            assert!((policy.log_probs.iter().map(|p| p.exp()).sum::<f64>() - 1.0).abs() < 1e-12);
        }
        assert!((Categorical::new(&[1.0; 8]).entropy - 8f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn slope_is_the_derivative() {
        let (action, log_prob_slope, entropy_slope) = (1, 0.8, -0.3);
        let objective = |logits: &[f64]| {
            let policy = Categorical::new(logits);
            log_prob_slope * policy.log_probs[action] + entropy_slope * policy.entropy
        };
        let slope = Categorical::new(&LOGITS).slope(action, log_prob_slope, entropy_slope);
        for k in 0..LOGITS.len() {
            let (mut above, mut below) = (LOGITS, LOGITS);
            above[k] += 1e-5;
            below[k] -= 1e-5;
            let difference = (objective(&above) - objective(&below)) / 2e-5;
            assert!((difference - slope[k]).abs() < 1e-9, "logit {k}: {difference} instead of {}", slope[k]);
        }
    }

    #[test]
    fn each_action_has_its_share() {
        let site = Site { kernel: Kernel::Rollout, agent: 0, index: 0 };
        let policy = Categorical::new(&LOGITS);
        let mut counts = [0u32; 5];
        let draws = 1 << 16;
        for i in 0..draws {
            counts[policy.sample(i as f32 / draws as f32, site).unwrap()] += 1;
        }
        for (count, log_prob) in counts.iter().zip(&policy.log_probs) {
            // Evenly spaced draws: each boundary is off by less than one of them.
            assert!((f64::from(*count) - log_prob.exp() * f64::from(draws)).abs() < 2.0);
        }
    }
}
