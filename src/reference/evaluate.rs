//! V(o) for every row of observations: the T steps, the one after them, and the last ones of truncated episodes.

use crate::program::plan::Plan;
use crate::program::tape::Rows;
use crate::reference::decision::Ambiguous;
use crate::reference::memory::Memory;
use crate::reference::real::Real;
use crate::reference::{dense, layouts};
use crate::spec::network::CRITIC;

/// Leaves the inputs of the layers for observation `i` of agent `s` on the tape, at its workgroup's place, where the workgroup's later tiles replace them. The last
/// observation is repeated to the end of its workgroup's last tile.
fn leave<R: Real>(plan: &Plan, rows: &Rows, s: usize, i: usize, inputs: &[Vec<R>], memory: &mut Memory<R>) {
    let all = plan.value_rows() * plan.envs;
    let of_group = plan.tile * plan.evaluate_rounds;
    let groups = all.div_ceil(of_group);
    let end = if i + 1 == all { groups * of_group } else { i + 1 };
    let cells = memory.buffer_mut("tape");
    for i in i..end {
        let place = (s * groups + i / of_group) * plan.tape.units;
        for (l, first) in rows.inputs.iter().enumerate().filter_map(|(l, first)| Some((l, (*first)?))) {
            let write = |(m, x): (usize, R)| cells.write((place + first + m) * plan.tile + i % plan.tile, x);
            layouts::tape_inputs(plan, l, &inputs[l]).enumerate().for_each(write);
        }
    }
}

/// Writes `values`, including rows of truncated episodes that this rollout did not write, which are never read; and `tape`, if it holds activations.
///
/// # Errors
/// None: nothing is decided.
pub fn evaluate<R: Real>(plan: &Plan, _index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let tape = plan.activation_rows();
    let parameters = plan.network.padded_parameters();
    for s in 0..plan.agents {
        let params = memory.buffer("params").reals(s * parameters..(s + 1) * parameters);
        for row in 0..plan.value_rows() {
            for n in 0..plan.envs {
                let base = layouts::observation(plan, s, row, n);
                let observation = layouts::stored_observation(plan, memory, base);
                let passed = dense::forward(&plan.network, CRITIC, &params, observation);
                memory.buffer_mut("values").write(layouts::value(plan, s, row, n), passed.head[0]);
                tape.iter().for_each(|rows| leave(plan, rows, s, row * plan.envs + n, &passed.inputs, memory));
            }
        }
    }
    Ok(())
}
