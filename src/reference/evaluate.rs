//! V(o) for every row of observations: the T steps, the one after them, and the last ones of truncated episodes.

use crate::program::plan::Plan;
use crate::reference::decision::Ambiguous;
use crate::reference::memory::Memory;
use crate::reference::real::Real;
use crate::reference::{dense, layouts};
use crate::spec::network::CRITIC;

/// Writes `values`, including rows of truncated episodes that this rollout did not write, which are never read.
///
/// # Errors
/// None: nothing is decided.
pub fn evaluate<R: Real>(plan: &Plan, _index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let parameters = plan.network.padded_parameters();
    for s in 0..plan.agents {
        let params = memory.buffer("params").reals(s * parameters..(s + 1) * parameters);
        for row in 0..plan.value_rows() {
            for n in 0..plan.envs {
                let base = layouts::observation(plan, s, row, n);
                let observation = layouts::stored_observation(plan, memory, base);
                let value = dense::forward(&plan.network, CRITIC, &params, observation).head[0];
                memory.buffer_mut("values").write(layouts::value(plan, s, row, n), value);
            }
        }
    }
    Ok(())
}
