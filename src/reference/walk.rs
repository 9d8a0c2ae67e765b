//! The walk over the schedule: each dispatch is done by the file of its kernel.

use crate::program::kernel::Kernel;
use crate::program::plan::Plan;
use crate::program::schedule::Dispatch;
use crate::reference::decision::Ambiguous;
use crate::reference::environments::twin::twin;
use crate::reference::memory::Memory;
use crate::reference::real::Real;
use crate::reference::{
    adam, evaluate, gae, gradient, learn, minibatch_moments, observation_moments, report, reset, rollout, sum_gradient, update_normalizers,
};

/// Whether the reference can do what `kernel` does: all but step through environments that it does not know.
pub fn covers(plan: &Plan, kernel: Kernel) -> bool {
    let steps = matches!(kernel, Kernel::Reset | Kernel::Rollout);
    let standard = plan.config.env_parameters.keys().all(|name| name == crate::spec::environment::TIME_LIMIT);
    !steps || standard && plan.environment.built_in && twin::<f64>(&plan.environment.name).is_some()
}

/// Does what one dispatch does.
///
/// # Panics
/// When it does not cover the kernel.
///
/// # Errors
/// When rounding could make one of its decisions either way. `memory` is then left half written.
pub fn run<R: Real>(plan: &Plan, dispatch: Dispatch, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let kernel = match dispatch.kernel {
        Kernel::Reset => reset::reset,
        Kernel::Rollout => rollout::rollout,
        Kernel::Evaluate => evaluate::evaluate,
        Kernel::Gae => gae::gae,
        Kernel::MinibatchMoments => minibatch_moments::minibatch_moments,
        Kernel::Gradient => gradient::gradient,
        Kernel::SumGradient => sum_gradient::sum_gradient,
        Kernel::Adam => adam::adam,
        Kernel::Learn => learn::learn,
        Kernel::ObservationMoments => observation_moments::observation_moments,
        Kernel::UpdateNormalizers => update_normalizers::update_normalizers,
        Kernel::Report => report::report,
    };
    kernel(plan, dispatch.index, memory)
}
