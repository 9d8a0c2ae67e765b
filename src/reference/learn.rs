//! Several gradient steps: the work of `gradient`, `sum_gradient` and `adam`, one after the other.

use crate::program::buffers::Buffer;
use crate::program::plan::Plan;
use crate::reference::decision::Ambiguous;
use crate::reference::memory::Memory;
use crate::reference::real::Real;
use crate::reference::{adam, gradient, sum_gradient};

/// Buffers for intermediate results of the three kernels, which `learn` keeps in registers.
const HANDED_ON: [&str; 3] = ["partials", "gradients", "norms"];

/// The gradient steps from `index` · `plan.learn_steps` on. Writes `params`, `first_moments`, `second_moments`, `losses` and `faults`.
///
/// # Errors
/// Those of the three.
pub fn learn<R: Real>(plan: &Plan, index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let apart = Plan { learn_steps: 0, ..plan.clone() };
    let words = |name: &str| Buffer::named(name).words(&apart);
    let before = HANDED_ON.map(|name| memory.replace(name, vec![0; words(name)]));
    let steps = plan.learn_steps as u32;
    for step in index * steps..(index + 1) * steps {
        gradient::gradient(&apart, step, memory)?;
        sum_gradient::sum_gradient(&apart, step, memory)?;
        adam::adam(&apart, step, memory)?;
    }
    HANDED_ON.into_iter().zip(before).for_each(|(name, cells)| *memory.buffer_mut(name) = cells);
    Ok(())
}
