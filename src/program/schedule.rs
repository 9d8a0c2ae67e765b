//! The PPO update, top to bottom: a flat list of dispatches.
//!
//! GPU encoding ([`crate::train::trainer`]), the sequential reference ([`crate::reference`]), `inspect kernels` and the lock-step test all walk the
//! list that [`update`] returns. What differs between updates (counters, learning rate) lives on the device in `agents`, so the
//! list is the same for every update.

use crate::program::kernel::Kernel;
use crate::program::plan::Plan;

/// One dispatch: a kernel, and the number by which it knows which part of its work is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispatch {
    /// What runs.
    pub kernel: Kernel,
    /// `dispatch.index` in WGSL: the part of the rollout or of `learn`, or the gradient step (times passes, plus the pass, for `gradient`).
    pub index: u32,
}

/// Consecutive parts of a dispatch (see [`crate::program::kernel::Grid`]). Parts may run in any order and in any submission: none reads what another writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Of which dispatch.
    pub dispatch: Dispatch,
    /// Which parts.
    pub parts: std::ops::Range<u32>,
}

impl Dispatch {
    /// All of it.
    pub fn whole(self, plan: &Plan) -> Piece {
        Piece { dispatch: self, parts: 0..self.kernel.grid(plan).parts(plan) }
    }
}

/// What runs once, before the first update. Parameters, hyper-parameters and zeros were uploaded.
pub fn start() -> Vec<Dispatch> {
    vec![Dispatch { kernel: Kernel::Reset, index: 0 }]
}

/// The kernels that a run of `plan` needs, in the order of [`Kernel::ALL`].
pub fn kernels(plan: &Plan) -> Vec<Kernel> {
    let used: std::collections::BTreeSet<Kernel> = start().into_iter().chain(update(plan)).map(|dispatch| dispatch.kernel).collect();
    used.into_iter().collect()
}

/// The dispatches of `kernel` in an update.
pub fn update_of(plan: &Plan, kernel: Kernel) -> Vec<Dispatch> {
    update(plan).into_iter().filter(|dispatch| dispatch.kernel == kernel).collect()
}

/// One update of all agents (Schulman et al. 2017, algorithm 1).
pub fn update(plan: &Plan) -> Vec<Dispatch> {
    let mut list = Vec::new();
    let mut dispatch = |kernel, index: usize| list.push(Dispatch { kernel, index: index as u32 });

    // Act: T steps of every environment with the policy frozen.
    for part in 0..plan.steps / plan.steps_per_dispatch {
        dispatch(Kernel::Rollout, part);
    }
    // Judge: the value of every observation, then advantages backwards through time (Schulman et al. 2016).
    dispatch(Kernel::Evaluate, 0);
    dispatch(Kernel::Gae, 0);
    // Mean and deviation of the advantages of every minibatch of every epoch.
    dispatch(Kernel::MinibatchMoments, 0);
    // Learn: E epochs of K gradient steps, each on a fresh part of a fresh permutation.
    // Several in a dispatch where minibatches are small (`learn_steps` is 0 elsewhere).
    if let Some(parts) = plan.gradient_steps().checked_div(plan.learn_steps) {
        (0..parts).for_each(|part| dispatch(Kernel::Learn, part));
    } else {
        for step in 0..plan.gradient_steps() {
            for pass in 0..plan.passes {
                dispatch(Kernel::Gradient, step * plan.passes + pass);
            }
            dispatch(Kernel::SumGradient, step);
            dispatch(Kernel::Adam, step);
        }
    }
    // Remember: the moments of what was observed, for the next rollout to be normalised by.
    if plan.config.normalize_observations {
        dispatch(Kernel::ObservationMoments, 0);
    }
    if plan.normalizers() > 0 {
        dispatch(Kernel::UpdateNormalizers, 0);
    }
    // Report one row for each agent and advance the counters.
    dispatch(Kernel::Report, 0);
    list
}
