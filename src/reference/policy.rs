//! The policy: how the actor's outputs become a distribution over actions. One categorical distribution, several, or a normal one.

use crate::program::plan::Plan;
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::memory::Memory;
use crate::reference::real::Real;
use crate::spec::config::Onto;
use crate::spec::environment::Actions;
use crate::spec::random::Stream;
use std::ops::Range;

/// An action as it was sampled.
#[derive(Debug, Clone)]
pub enum Action<R> {
    /// The choice in each discrete dimension.
    Choices(Vec<u32>),
    /// Continuous values, not yet clipped to their bounds.
    Values(Vec<R>),
}

impl<R> Action<R> {
    /// The choice, of an environment with one discrete action.
    ///
    /// # Panics
    /// When the action is of another kind.
    pub fn choice(&self) -> u32 {
        self.choices()[0]
    }

    /// The choices in all discrete dimensions.
    ///
    /// # Panics
    /// When the action is of another kind.
    pub fn choices(&self) -> &[u32] {
        match self {
            Action::Choices(choices) => choices,
            Action::Values(_) => panic!("a continuous action"),
        }
    }

    /// The values in all continuous dimensions.
    ///
    /// # Panics
    /// When the action is of another kind.
    pub fn values(&self) -> &[R] {
        match self {
            Action::Values(values) => values,
            Action::Choices(_) => panic!("a discrete action"),
        }
    }
}

impl<R: Real> Action<R> {
    /// The action passed to the environment: continuous values within their bounds.
    pub fn taken(&self, plan: &Plan) -> Action<R> {
        let (Action::Values(values), Actions::Continuous { low, high }) = (self, &plan.environment.actions) else { return self.clone() };
        let within = |(&value, (&low, &high)): (&R, (&f32, &f32))| {
            let (low, high, one) = (R::from_f32(low), R::from_f32(high), R::one());
            let value = match plan.config.actions {
                Onto::Clip => value,
                // The point that lies between the bounds as the clipped value lies between -1 and 1.
                Onto::Scale => (low * (one - value.clamp(-one, one)) + high * (one + value.clamp(-one, one))) * R::from_f64(0.5),
            };
            value.clamp(low, high)
        };
        Action::Values(values.iter().zip(low.iter().zip(high)).map(within).collect())
    }

    /// Reads step `b`'s action, and which ones were legal: as many truth values as the actor has outputs, or none where every action is.
    pub fn read(plan: &Plan, memory: &Memory<R>, b: usize) -> (Action<R>, Vec<bool>) {
        let (words, dims) = (memory.buffer("actions"), plan.environment.actions.dims());
        let base = b * plan.action_words();
        let action = match plan.environment.actions {
            Actions::Continuous { .. } => Action::Values(words.reals(base..base + dims)),
            _ => Action::Choices((base..base + dims).map(|i| words.u(i)).collect()),
        };
        let legal = (0..32 * plan.mask_words()).map(|k| words.u(base + dims + k / 32) >> (k % 32) & 1 != 0);
        (action, legal.take(plan.environment.actions.outputs()).collect())
    }

    /// Stores step `b`'s action, and which ones were legal.
    pub fn write(&self, plan: &Plan, legal: &[bool], memory: &mut Memory<R>, b: usize) {
        let (words, dims) = (memory.buffer_mut("actions"), plan.environment.actions.dims());
        let base = b * plan.action_words();
        match self {
            Action::Values(values) => words.write_all(base, values.iter().copied()),
            Action::Choices(choices) => choices.iter().enumerate().for_each(|(d, &choice)| words.write_word(base + d, choice)),
        }
        for word in 0..plan.mask_words() {
            let bits = (0..32).filter(|bit| legal.get(32 * word + bit) == Some(&true)).fold(0, |bits, bit| bits | 1 << bit);
            words.write_word(base + dims + word, bits);
        }
    }
}

/// The distribution over actions, given an observation.
#[derive(Debug, Clone)]
pub enum Policy<R> {
    /// Independent categorical distributions, one for each discrete dimension.
    Discrete(Vec<Categorical<R>>),
    /// Independent normal distributions, one for each continuous dimension.
    Continuous(Vec<Normal<R>>),
}

impl<R: Real> Policy<R> {
    /// The policy of these outputs of the actor. `legal` has a truth value for each logit, or none where every action is legal.
    pub fn new(actions: &Actions, head: &[R], legal: &[bool]) -> Self {
        if let Actions::Continuous { low, .. } = actions {
            return Policy::Continuous((0..low.len()).map(|d| Normal { mean: head[d], log_std: head[low.len() + d] }).collect());
        }
        let part = |logits: Range<usize>| Categorical::new(&head[logits.clone()], legal.get(logits).unwrap_or_default());
        Policy::Discrete(actions.choices().into_iter().map(part).collect())
    }

    /// Samples an action.
    ///
    /// # Errors
    /// When a random number is too near to the boundary of two discrete actions to decide.
    pub fn sample(&self, stream: &mut Stream, site: Site) -> Result<Action<R>, Ambiguous> {
        Ok(match self {
            Policy::Discrete(parts) => {
                Action::Choices(parts.iter().map(|part| Ok(part.sample(stream.uniform(), site)? as u32)).collect::<Result<_, Ambiguous>>()?)
            }
            Policy::Continuous(parts) => Action::Values(parts.iter().map(|part| part.mean + part.log_std.exp() * normal(stream)).collect()),
        })
    }

    /// The most probable action.
    ///
    /// # Errors
    /// When two discrete actions are too nearly equally probable to decide.
    pub fn mode(&self, site: Site) -> Result<Action<R>, Ambiguous> {
        Ok(match self {
            Policy::Discrete(parts) => Action::Choices(parts.iter().map(|part| Ok(part.mode(site)? as u32)).collect::<Result<_, Ambiguous>>()?),
            Policy::Continuous(parts) => Action::Values(parts.iter().map(|part| part.mean).collect()),
        })
    }

    /// log π(action).
    ///
    /// # Panics
    /// When the action is of another kind.
    pub fn log_prob(&self, action: &Action<R>) -> R {
        match (self, action) {
            (Policy::Discrete(parts), Action::Choices(choices)) => R::sum(parts.iter().zip(choices).map(|(part, &choice)| part.log_probs[choice as usize])),
            (Policy::Continuous(parts), Action::Values(values)) => R::sum(parts.iter().zip(values).map(|(part, &value)| part.log_density(value))),
            _ => panic!("an action of another kind"),
        }
    }

    /// Entropy in nats.
    pub fn entropy(&self) -> R {
        match self {
            Policy::Discrete(parts) => R::sum(parts.iter().map(|part| part.entropy)),
            Policy::Continuous(parts) => R::sum(parts.iter().map(|part| part.log_std + R::from_f64(0.5) + R::from_f64(HALF_LN_TAU))),
        }
    }

    /// d(`log_prob_slope`·log π(action) + `entropy_slope`·H)/d outputs of the actor.
    ///
    /// # Panics
    /// When the action is of another kind.
    pub fn slope(&self, action: &Action<R>, log_prob_slope: R, entropy_slope: R) -> Vec<R> {
        match (self, action) {
            (Policy::Discrete(parts), Action::Choices(choices)) => {
                parts.iter().zip(choices).flat_map(|(part, &choice)| part.slope(choice as usize, log_prob_slope, entropy_slope)).collect()
            }
            (Policy::Continuous(parts), Action::Values(values)) => {
                let means = parts.iter().zip(values).map(|(part, &value)| log_prob_slope * part.score(value) * (-part.log_std).exp());
                let deviations = parts.iter().zip(values).map(|(part, &value)| {
                    let z = part.score(value);
                    log_prob_slope * (z * z - R::one()) + entropy_slope
                });
                means.chain(deviations).collect()
            }
            _ => panic!("an action of another kind"),
        }
    }
}

/// ½ ln 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;

/// A standard normal number (Box and Muller 1958), from two uniform ones.
pub fn normal<R: Real>(stream: &mut Stream) -> R {
    let radius = (R::from_f64(-2.0) * (R::one() - R::from_f32(stream.uniform())).ln()).sqrt();
    let angle = R::from_f64(std::f64::consts::TAU) * (R::from_f32(stream.uniform()) - R::from_f64(0.5));
    -(radius * angle.cos())
}

/// A normal distribution.
#[derive(Debug, Clone, Copy)]
pub struct Normal<R> {
    /// Mean.
    pub mean: R,
    /// Logarithm of the standard deviation.
    pub log_std: R,
}

impl<R: Real> Normal<R> {
    /// How many standard deviations `value` lies above the mean.
    fn score(&self, value: R) -> R {
        (value - self.mean) * (-self.log_std).exp()
    }

    /// −½z² − ln σ − ½ ln 2π.
    fn log_density(&self, value: R) -> R {
        let z = self.score(value);
        -(R::from_f64(0.5) * z * z + self.log_std + R::from_f64(HALF_LN_TAU))
    }
}

/// A distribution over discrete actions.
#[derive(Debug, Clone)]
pub struct Categorical<R> {
    /// log π(k); 0 where the action is not legal, which nothing reads.
    pub log_probs: Vec<R>,
    /// Whether action k is legal; empty where all are.
    legal: Vec<bool>,
    /// −Σ π(k) log π(k).
    pub entropy: R,
}

impl<R: Real> Categorical<R> {
    /// The distribution with these logits over the legal actions: log π(k) = z_k − log Σ_j e^(z_j).
    ///
    /// # Panics
    /// When no action is legal.
    pub fn new(logits: &[R], legal: &[bool]) -> Self {
        let may = |k: usize| legal.is_empty() || legal[k];
        let among = || (0..logits.len()).filter(|&k| may(k));
        // Exponentials do not overflow when the largest logit is subtracted. It always cancels, so its own error does not matter.
        let largest = among().map(|k| logits[k]).reduce(R::max).expect("there is at least one legal action");
        let shift = R::from_f64(largest.value());
        let log_total = R::sum(among().map(|k| (logits[k] - shift).exp())).ln() + shift;
        let log_probs: Vec<R> = (0..logits.len()).map(|k| if may(k) { logits[k] - log_total } else { R::zero() }).collect();
        let entropy = -R::sum(among().map(|k| log_probs[k].exp() * log_probs[k]));
        Categorical { log_probs, legal: legal.into(), entropy }
    }

    fn is_legal(&self, k: usize) -> bool {
        self.legal.is_empty() || self.legal[k]
    }

    /// The action whose share of [0, 1) contains `uniform`.
    ///
    /// # Errors
    /// When `uniform` is too near to the boundary of two shares to decide.
    pub fn sample(&self, uniform: f32, site: Site) -> Result<usize, Ambiguous> {
        let among: Vec<usize> = (0..self.log_probs.len()).filter(|&k| self.is_legal(k)).collect();
        let (last, others) = among.split_last().expect("there is at least one legal action");
        for (i, &action) in others.iter().enumerate() {
            let share_ends = R::sum(among[..=i].iter().map(|&k| self.log_probs[k].exp()));
            if site.decide(R::from_f32(uniform).less(share_ends), "the sampled action")? {
                return Ok(action);
            }
        }
        Ok(*last)
    }

    /// The most probable action; the first one on ties.
    ///
    /// # Errors
    /// When two are too nearly equally probable to decide.
    pub fn mode(&self, site: Site) -> Result<usize, Ambiguous> {
        let mut among = (0..self.log_probs.len()).filter(|&k| self.is_legal(k));
        let first = among.next().expect("there is at least one legal action");
        among.try_fold(first, |best, k| {
            let better = site.decide(self.log_probs[best].less(self.log_probs[k]), "the most probable action")?;
            Ok(if better { k } else { best })
        })
    }

    /// d(`log_prob_slope`·log π(action) + `entropy_slope`·H)/d logits, from d log π(a)/dz_k = \[k = a\] − π_k and dH/dz_k = −π_k·(log π_k + H).
    pub fn slope(&self, action: usize, log_prob_slope: R, entropy_slope: R) -> Vec<R> {
        let slope = |(k, &log_prob): (usize, &R)| {
            if !self.is_legal(k) {
                return R::zero();
            }
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

    const LOGITS: [f64; 5] = [0.3, -1.2, 2.0, 0.0, 0.7];
    const SITE: Site = Site { kernel: "rollout", agent: 0, index: 0 };

    #[test]
    fn probabilities_add_up_to_one_and_large_logits_do_not_overflow() {
        for shift in [0.0, 1e4, -1e4] {
            let policy = Categorical::new(&LOGITS.map(|z| z + shift), &[]);
            assert!((policy.log_probs.iter().map(|p| p.exp()).sum::<f64>() - 1.0).abs() < 1e-12);
        }
        assert!((Categorical::new(&[1.0; 8], &[]).entropy - 8f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn masked_actions_are_as_if_they_were_not_there() {
        let masked = Categorical::new(&LOGITS, &[true, false, true, false, true]);
        let fewer = Categorical::new(&[LOGITS[0], LOGITS[2], LOGITS[4]], &[]);
        assert_eq!([0, 2, 4].map(|k| masked.log_probs[k]).to_vec(), fewer.log_probs);
        assert_eq!(masked.entropy, fewer.entropy);
        let (slope, of_fewer) = (masked.slope(2, 0.8, -0.3), fewer.slope(1, 0.8, -0.3));
        assert_eq!(slope, [of_fewer[0], 0.0, of_fewer[1], 0.0, of_fewer[2]]);
        for i in 0..1000 {
            let uniform = i as f32 / 1000.0;
            assert_eq!(masked.sample(uniform, SITE).unwrap(), [0, 2, 4][fewer.sample(uniform, SITE).unwrap()]);
        }
    }

    /// Of every kind of policy: with two discrete dimensions the first two logits are a distribution of their own.
    #[test]
    fn slope_is_the_derivative() {
        let kinds: [(Actions, Action<f64>, &[bool]); 4] = [
            (Actions::Discrete(4), Action::Choices(vec![1]), &[]),
            (Actions::Discrete(4), Action::Choices(vec![1]), &[false, true, true, true]),
            (Actions::MultiDiscrete(vec![2, 2]), Action::Choices(vec![1, 0]), &[]),
            (Actions::Continuous { low: vec![-1.0; 2], high: vec![1.0; 2] }, Action::Values(vec![0.9, -1.7]), &[]),
        ];
        for (actions, action, legal) in kinds {
            let (log_prob_slope, entropy_slope) = (0.8, -0.3);
            let objective = |head: &[f64]| {
                let policy = Policy::new(&actions, head, legal);
                log_prob_slope * policy.log_prob(&action) + entropy_slope * policy.entropy()
            };
            let slope = Policy::new(&actions, &LOGITS[..4], legal).slope(&action, log_prob_slope, entropy_slope);
            for k in 0..4 {
                let (mut above, mut below) = (LOGITS, LOGITS);
                above[k] += 1e-5;
                below[k] -= 1e-5;
                let difference = (objective(&above[..4]) - objective(&below[..4])) / 2e-5;
                assert!((difference - slope[k]).abs() < 1e-9, "{actions:?}, output {k}: {difference} instead of {}", slope[k]);
            }
        }
    }

    #[test]
    fn the_mode_is_the_largest_logit_that_is_legal() {
        let head = [LOGITS[0], LOGITS[1], LOGITS[2], LOGITS[3]];
        let choices = |actions: Actions, legal: &[bool]| Policy::<f64>::new(&actions, &head, legal).mode(SITE).unwrap().choices().to_vec();
        assert_eq!(choices(Actions::Discrete(4), &[]), [2]);
        assert_eq!(choices(Actions::Discrete(4), &[false, true, false, true]), [3]);
        assert_eq!(choices(Actions::MultiDiscrete(vec![2, 2]), &[]), [0, 0]);
        assert_eq!(choices(Actions::MultiDiscrete(vec![2, 2]), &[false, true, true, true]), [1, 0]);
        let continuous = Policy::<f64>::new(&Actions::Continuous { low: vec![-1.0; 2], high: vec![1.0; 2] }, &head, &[]);
        assert_eq!(continuous.mode(SITE).unwrap().values(), &head[..2]);
    }

    #[test]
    fn each_action_has_its_share() {
        let policy = Categorical::new(&LOGITS, &[]);
        let mut counts = [0u32; 5];
        let draws = 1 << 16;
        for i in 0..draws {
            counts[policy.sample(i as f32 / draws as f32, SITE).unwrap()] += 1;
        }
        for (count, log_prob) in counts.iter().zip(&policy.log_probs) {
            // Evenly spaced numbers: each boundary is off by less than one of them.
            assert!((f64::from(*count) - log_prob.exp() * f64::from(draws)).abs() < 2.0);
        }
    }

    #[test]
    fn normal_actions_have_their_mean_and_deviation() {
        let policy = Policy::<f64>::new(&Actions::Continuous { low: vec![-1.0], high: vec![1.0] }, &[0.7, -0.5], &[]);
        let mut stream = Stream::new(3, crate::spec::random::ACTION, 0, 0);
        let values: Vec<f64> = (0..20_000)
            .map(|_| match policy.sample(&mut stream, SITE).unwrap() {
                Action::Values(values) => values[0],
                Action::Choices(_) => panic!("a discrete action"),
            })
            .collect();
        let mean = values.iter().sum::<f64>() / 20_000.0;
        let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 20_000.0).sqrt();
        // Five standard errors: sigma / sqrt(n) of the mean, sigma / sqrt(2 n) of the deviation; the stream is fixed.
        let sigma = (-0.5f64).exp();
        assert!((mean - 0.7).abs() < 5.0 * sigma / 20_000f64.sqrt(), "{mean}");
        assert!((deviation - sigma).abs() < 5.0 * sigma / 40_000f64.sqrt(), "{deviation}");
    }
}
