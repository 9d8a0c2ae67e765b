//! Adds the rows of partial gradients; keeps the mean losses and the squared norm of each part of the gradient.

use crate::program::plan::{LOSS_SUMS, Place, Plan, REDUCE_LANES};
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::fault;
use crate::reference::memory::Memory;
use crate::reference::real::Real;
use crate::spec::network::{ACTOR, CRITIC};
use crate::spec::records::{Losses, word};

/// Whether `column` is a weight of the actor that is 0 and stays so: in its first layer, from a privileged component of the observation; in its head, to an
/// output that is only a bias.
fn is_fixed(plan: &Plan, column: usize) -> bool {
    let network = &plan.network;
    let first = network.layers[0];
    let row = (column - first.offset) / first.columns();
    if column < first.offset + first.rows() * first.columns() && row > plan.environment.seen() {
        return true;
    }
    let head = network.layers[network.layers.len() - 1];
    let weights = head.offset + head.columns()..network.block();
    // What fills a row up has no gradient, either.
    let has_biases_alone = network.weighted < network.heads[ACTOR];
    has_biases_alone && weights.contains(&column) && (column - head.offset) % head.columns() >= network.weighted
}

/// Gradient step `index`. Writes `gradients`, `norms`, `losses` (all but the norm) and `faults`.
///
/// # Errors
/// When rounding could decide either way whether a loss is finite.
pub fn sum_gradient<R: Real>(plan: &Plan, index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let (columns, parameters) = (plan.gradient_columns(), plan.network.padded_parameters());
    let places = plan.places();
    for s in 0..plan.agents {
        let rows = |column: usize| {
            let Place { taped, column } = places[column];
            let (name, rows, columns) =
                if taped { ("tape_sums", plan.tape.rows, plan.tape_columns()) } else { ("partials", plan.gradient_rows, plan.partial_columns()) };
            let sums = memory.buffer(name);
            (0..rows).map(move |row| sums.f((s * rows + row) * columns + column))
        };
        let gradient: Vec<R> = (0..columns).map(|column| if is_fixed(plan, column) { R::zero() } else { R::sum(rows(column)) }).collect();

        // A part is what one workgroup adds, a vector of four columns for each lane of a slice; the loss sums behind the parameters do not count.
        let parts = gradient[..parameters].chunks(4 * REDUCE_LANES as usize / plan.sum_slices).map(|part| R::dot(part.iter().map(|&g| (g, g))));
        let norms = parts.chain(std::iter::repeat(R::zero())).take(plan.norm_parts);
        memory.buffer_mut("norms").write_all(s * plan.norm_parts, norms);

        let loss_sum = |network: usize, k: usize| gradient[parameters + network * LOSS_SUMS + k];
        let mean = |sum: R| sum / R::from_f64(plan.minibatch as f64);
        let actor: [R; LOSS_SUMS] = std::array::from_fn(|k| mean(loss_sum(ACTOR, k)));
        let value = mean(loss_sum(CRITIC, 0));
        let losses = memory.buffer_mut("losses");
        let i = s * plan.gradient_steps() + index as usize;
        losses.write_all(word!(Losses[i].policy_loss), actor);
        losses.write(word!(Losses[i].value_loss), value);
        // Nothing is added up there; `adam` writes the norm later.
        losses.write_all(word!(Losses[i].grad_norm), (1..LOSS_SUMS).map(|k| mean(loss_sum(CRITIC, k))));

        // The estimate of the KL divergence may overflow before anything is wrong.
        let site = Site { kernel: "sum_gradient", agent: s, index: index as usize };
        fault::check(memory, site, actor[word!(Losses.policy_loss)], fault::POLICY_LOSS, "whether the policy loss is finite")?;
        fault::check(memory, site, actor[word!(Losses.entropy)], fault::ENTROPY, "whether the entropy is finite")?;
        fault::check(memory, site, value, fault::VALUE_LOSS, "whether the value loss is finite")?;
        memory.buffer_mut("gradients").write_all(s * columns, gradient);
    }
    Ok(())
}
