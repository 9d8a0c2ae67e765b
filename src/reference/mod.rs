//! The specification as a program: plain sequential Rust, one file for each kernel, with the kernel's name.
//!
//! It walks the same list of dispatches as the device ([`crate::ppo`]) over the same buffers ([`memory`]), either in plain `f64` or in numbers
//! that know how far single precision may stray ([`tracked`]). Where a kernel takes a decision, the reference takes the same one, or says that
//! rounding could decide it either way ([`Ambiguous`]).

use crate::kernel::Kernel;
use crate::plan::Plan;
use crate::ppo::Dispatch;
use memory::Memory;
use real::Real;

pub mod adam;
pub mod compare;
pub mod dense;
pub mod environments;
pub mod evaluate;
pub mod fault;
pub mod gae;
pub mod gradient;
pub mod layouts;
pub mod learn;
pub mod loss;
pub mod memory;
pub mod minibatch_moments;
pub mod observation_moments;
pub mod policy;
pub mod real;
pub mod report;
pub mod reset;
pub mod rollout;
pub mod sum_gradient;
#[cfg(test)]
mod tests;
pub mod tracked;
pub mod update_normalizers;

/// A decision that rounding could make either way. What follows from it cannot be compared; another seed avoids it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kernel}: within rounding, {quantity} could go either way (agent {agent}, index {index})")]
pub struct Ambiguous {
    /// The kernel that decides.
    pub kernel: &'static str,
    /// The agent.
    pub agent: usize,
    /// Index of the step, sample or parameter in the agent's part of the buffer.
    pub index: usize,
    /// What is decided.
    pub quantity: &'static str,
}

/// Where a decision is taken.
#[derive(Debug, Clone, Copy)]
pub struct Site {
    /// The kernel.
    pub kernel: Kernel,
    /// The agent.
    pub agent: usize,
    /// Index of the step, sample or parameter in the agent's part of the buffer.
    pub index: usize,
}

impl Site {
    /// The outcome of a comparison.
    ///
    /// # Errors
    /// When rounding could decide it either way.
    pub fn decide(self, outcome: Option<bool>, quantity: &'static str) -> Result<bool, Ambiguous> {
        outcome.ok_or(Ambiguous { kernel: self.kernel.name(), agent: self.agent, index: self.index, quantity })
    }
}

/// Whether the reference can do what `kernel` does: all but step through environments that it does not know.
pub fn covers(plan: &Plan, kernel: Kernel) -> bool {
    let steps = matches!(kernel, Kernel::Reset | Kernel::Rollout);
    let standard = plan.config.env_parameters.keys().all(|name| name == crate::environment::TIME_LIMIT);
    !steps || standard && plan.environment.built_in && environments::twin::<f64>(&plan.environment.name).is_some()
}

/// Does what one dispatch does.
///
/// # Panics
/// When it does not cover the kernel.
///
/// # Errors
/// When rounding could make one of its decisions either way. `memory` is then left half written.
pub fn run<R: Real>(plan: &Plan, dispatch: Dispatch, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let twin = match dispatch.kernel {
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
    twin(plan, dispatch.index, memory)
}
