//! Adapts the learning rate to the KL divergence.

use crate::program::plan::Plan;
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::fault;
use crate::reference::layouts;
use crate::reference::memory::Memory;
use crate::reference::real::Real;
use crate::spec::records::{Agent, Bounds, Losses, word};

/// The learning rate is divided, or multiplied, by this.
const FACTOR: f32 = 1.5;

/// Before gradient step `index`: lr / 1.5, but not below lr_min, where the minibatch's approximate KL divergence is above 2·desired_kl; lr·1.5, but not above
/// lr_max, where it is positive and below desired_kl / 2. The same after a step that target_kl let be skipped, and for an agent that has stopped or has a fault.
/// Writes the learning rate in `agents`, a word: products of two f32 have one correct result.
///
/// # Errors
/// When rounding could decide either way whether the divergence is too large or too small.
pub fn adapt_rate<R: Real>(plan: &Plan, index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    for s in 0..plan.agents {
        let agent = layouts::agent(memory, s);
        let (losses, this) = (memory.buffer("losses"), s * plan.gradient_steps() + index as usize);
        let skipped = plan.config.target_kl.is_some() && index > 0 && losses.f(word!(Losses[this - 1].step_skipped)).value() != 0.0;
        if skipped || agent.stopped != 0 || memory.buffer("faults").u(s) <= fault::GRADIENT.code() {
            continue;
        }
        let kl = losses.f(word!(Losses[this].approx_kl));
        let bounds = memory.buffer("bounds");
        let desired = bounds.f(word!(Bounds[s].desired_kl));
        let [lr_min, lr_max] = [word!(Bounds[s].lr_min), word!(Bounds[s].lr_max)].map(|word| f32::from_bits(bounds.u(word)));
        let site = Site { kernel: "adapt_rate", agent: s, index: index as usize };
        let above = site.decide((R::from_f32(2.0) * desired).less(kl), "whether the divergence is too large")?;
        let below = site.decide(kl.less(R::from_f32(0.5) * desired), "whether the divergence is too small")?;
        let positive = site.decide(R::zero().less(kl), "whether the divergence is positive")?;
        let lr = if above {
            agent.lr.min((agent.lr * (1.0 / FACTOR)).max(lr_min))
        } else if below && positive {
            agent.lr.max((agent.lr * FACTOR).min(lr_max))
        } else {
            continue;
        };
        memory.buffer_mut("agents").write_word(word!(Agent[s].lr), lr.to_bits());
    }
    Ok(())
}
