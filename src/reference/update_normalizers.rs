//! Merges the rollout's observations and discounted returns into the running moments that the next rollout is normalised by (Chan, Golub and LeVeque 1979).

use super::Ambiguous;
use super::layouts::{Agent, Normalizer, env_statistics};
use super::memory::Memory;
use super::minibatch_moments::lanes;
use super::real::{MergeOrder, Moments, Real};
use crate::plan::{NORMALIZER_EPSILON, Plan};

/// Writes `normalizers`, unless the agent has stopped.
///
/// # Errors
/// None: nothing is decided.
pub fn update_normalizers<R: Real>(plan: &Plan, _index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let (size, parts, length) = (plan.environment.observation, plan.observation_parts, plan.batch.div_ceil(plan.observation_parts));
    for s in (0..plan.agents).filter(|&s| Agent::read(memory, s).stopped == 0).collect::<Vec<_>>() {
        if plan.config.normalize_observations {
            for k in 0..size {
                let of = |part: usize| {
                    let [mean, m2] = [0, 1].map(|i| memory.buffer("observation_parts").f(((s * parts + part) * size + k) * 2 + i));
                    Moments { count: length.min(plan.batch - part * length), mean, m2 }
                };
                let all = R::moments(&(0..parts).map(of).collect::<Vec<_>>(), MergeOrder { chain: parts, depth: 0 });
                let old = Normalizer::read(plan, memory, s, k);
                // Observations are stored as (o - mean) * scale.
                let raw = Moments { mean: old.mean + all.mean / old.scale, m2: all.m2 / (old.scale * old.scale), ..all };
                merged(old, raw).write(plan, memory, s, k);
            }
        }
        if plan.config.normalize_rewards {
            let of = |n: usize| {
                let field = |field: usize| memory.buffer("env_statistics").f((s * plan.envs + n) * env_statistics::WORDS + field);
                Moments { count: plan.steps, mean: field(env_statistics::RETURN_MEAN), m2: field(env_statistics::RETURN_M2) }
            };
            let returns = R::moments(&(0..plan.envs).map(of).collect::<Vec<_>>(), lanes(plan.envs));
            merged(Normalizer::read(plan, memory, s, size), returns).write(plan, memory, s, size);
        }
    }
    Ok(())
}

/// mean = mean_a + d·n_b/n, M2 = M2_a + M2_b + d²·n_a·n_b/n, where d = mean_b - mean_a and n = n_a + n_b.
fn merged<R: Real>(old: Normalizer<R>, new: Moments<R>) -> Normalizer<R> {
    let added = R::from_f64(new.count as f64);
    let count = old.count + added;
    let (share, delta) = (added / count, new.mean - old.mean);
    let m2 = old.variance * old.count + new.m2 + delta * delta * old.count * share;
    let variance = m2 / count;
    Normalizer { count, mean: old.mean + delta * share, variance, scale: R::one() / (variance + R::from_f32(NORMALIZER_EPSILON)).sqrt() }
}
