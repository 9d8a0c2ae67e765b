//! The walk over a program: each dispatch is done by the file of its kernel.

use crate::program::plan::Plan;
use crate::program::schedule::Dispatch;
use crate::reference::decision::Ambiguous;
use crate::reference::environments::twin::twin;
use crate::reference::memory::Memory;
use crate::reference::real::Real;
use crate::reference::{
    act, adam, adapt_rate, advance, bound_deviations, evaluate, gae, gradient, learn, minibatch_moments, minibatch_parts, observation_moments, observe, report,
    rescale_values, reset, restart, rollout, sum_gradient, update_normalizers, weight_gradient,
};

/// Whether the reference covers the kernel called `name`: all kernels, except steps of environments that it does not know.
pub fn covers(plan: &Plan, name: &str) -> bool {
    let steps = ["reset", "rollout", "observe", "advance", "restart"].contains(&name);
    let standard = plan.config.env_parameters.keys().all(|name| name == crate::spec::environment::TIME_LIMIT);
    done_by::<f64>(name).is_some() && !steps || standard && plan.environment.built_in && twin::<f64>(&plan.environment.name).is_some()
}

/// Carries out one dispatch.
///
/// # Panics
/// When the reference does not cover the kernel.
///
/// # Errors
/// When rounding could make one of its decisions either way. `memory` is then only partly written.
pub fn run<R: Real>(plan: &Plan, dispatch: Dispatch, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let done = done_by(dispatch.kernel).unwrap_or_else(|| panic!("no reference for kernel `{}`", dispatch.kernel));
    done(plan, dispatch.index, memory)
}

/// The function of a dispatch with this index.
type Done<R> = fn(&Plan, u32, &mut Memory<R>) -> Result<(), Ambiguous>;

/// The function of the kernel called `name`.
fn done_by<R: Real>(name: &str) -> Option<Done<R>> {
    macro_rules! kernels {
        ($($name:ident)*) => { match name { $(stringify!($name) => Some($name::$name),)* _ => None } };
    }
    kernels!(reset rollout observe act advance restart evaluate gae minibatch_parts minibatch_moments gradient weight_gradient sum_gradient adapt_rate adam bound_deviations learn observation_moments update_normalizers rescale_values report)
}
