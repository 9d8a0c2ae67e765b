//! Gradients of the weights of layers that are taped: products of the inputs and slopes that `gradient` left on the tape.

use crate::program::plan::Plan;
use crate::reference::decision::Ambiguous;
use crate::reference::layouts;
use crate::reference::memory::Memory;
use crate::reference::real::{Accumulator, Real};
use crate::spec::network::NETWORKS;

/// Pass `index` mod passes of gradient step `index` / passes. Row r of the tape's rows sums the samples of the pass from r times a part on. Writes `tape_sums`:
/// the weights of taped layers, padding included.
///
/// # Errors
/// None: nothing is decided here.
pub fn weight_gradient<R: Real>(plan: &Plan, index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let accumulates = !(index as usize).is_multiple_of(plan.passes);
    let (samples, columns) = (plan.tape_samples(), plan.tape_columns());
    let part = 4 * plan.tape_part();
    for (s, network) in (0..plan.agents).flat_map(|s| (0..NETWORKS).map(move |network| (s, network))) {
        for taped in plan.taped() {
            let unit = |unit: usize| (0..samples).map(move |i| layouts::tape(plan, s, network, unit, i));
            let read = |first: usize, count: usize| -> Vec<Vec<R>> {
                (first..first + count).map(|u| unit(u).map(|place| memory.buffer("tape").f(place)).collect()).collect()
            };
            let (inputs, slopes) = (read(taped.inputs, taped.layer.inputs), read(taped.slopes, taped.layer.columns()));
            for row in 0..plan.tape.rows {
                let base = (s * plan.tape.rows + row) * columns + network * plan.taped_weights() + taped.sums;
                let of_row = (row * part).min(samples)..((row + 1) * part).min(samples);
                for (m, x) in inputs.iter().enumerate() {
                    for (k, d) in slopes.iter().enumerate() {
                        let place = base + taped.layer.weight(m, k) - taped.weights().start;
                        let mut sum = R::Accumulator::default();
                        if accumulates {
                            sum.add(memory.buffer("tape_sums").f(place));
                        }
                        of_row.clone().for_each(|i| sum.add(x[i] * d[i]));
                        memory.buffer_mut("tape_sums").write(place, sum.total());
                    }
                }
            }
        }
    }
    Ok(())
}
