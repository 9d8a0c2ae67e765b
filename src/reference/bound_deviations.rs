//! Keeps the logarithms of standard deviations within their bounds.

use crate::program::plan::Plan;
use crate::reference::decision::Ambiguous;
use crate::reference::memory::Memory;
use crate::reference::real::Real;
use crate::spec::network::ACTOR;
use crate::spec::records::{Bounds, word};

/// Projects each logarithm, a bias of the actor's head without weights, onto the agent's bounds. Writes `params`.
///
/// # Errors
/// None: a number at its bound is that bound, whichever side of it rounding left it on.
pub fn bound_deviations<R: Real>(plan: &Plan, _index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let head = plan.network.layers[plan.network.layers.len() - 1];
    for s in 0..plan.agents {
        let [low, high] = [word!(Bounds[s].log_std_min), word!(Bounds[s].log_std_max)].map(|word| memory.buffer("bounds").f(word));
        let params = memory.buffer_mut("params");
        for k in plan.network.weighted..plan.environment.actions.outputs() {
            let p = s * plan.network.padded_parameters() + ACTOR * plan.network.block() + head.bias(k);
            params.write(p, params.f(p).clamp(low, high));
        }
    }
    Ok(())
}
