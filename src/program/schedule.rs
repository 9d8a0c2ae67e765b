//! Programs as data: what a device allocates, compiles and executes to train, to play, or to render pictures.
//!
//! GPU encoding ([`crate::device::engine`]), the sequential reference ([`crate::reference`]), `inspect kernels`, benchmarks and the lock-step test all walk a
//! [`Program`]. What differs between updates (counters, learning rate) lives on the device in `agents`, so every update is the same list of steps.

use crate::program::buffers::BUFFERS;
use crate::program::kernel::{self, Kernel};
use crate::program::plan::{Constant, Plan};

/// What a device allocates, compiles and executes.
#[derive(Debug, Clone)]
pub struct Program {
    /// Buffers, by their names in WGSL, and their sizes in bytes.
    pub buffers: Vec<(&'static str, u64)>,
    /// The kernels of all steps, in the order in which they are first used. Reports list them in this order.
    pub kernels: Vec<Kernel>,
    /// Constants for the kernels in addition to those of the plan.
    pub constants: Vec<(&'static str, Constant)>,
    /// Steps executed once, before the first update. By then parameters, hyper-parameters and zeros are uploaded.
    pub once: Vec<Step>,
    /// One update.
    pub update: Vec<Step>,
}

/// A step of a program.
///
/// All steps of today's programs are dispatches. Training on several devices would add an exchange of `gradients` between `sum_gradient` and `adam`, after
/// which each device holds the sum over all of them; `norms` would have to be computed from that sum, and `learn`, which keeps gradients in registers,
/// could not be used. Code that walks a program matches on this type without a catch-all, so that the compiler finds every place to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A kernel over its whole grid.
    Dispatch(Dispatch),
}

/// One dispatch: a kernel, and a number that selects the part of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispatch {
    /// Name of the kernel.
    pub kernel: &'static str,
    /// `dispatch.index` in WGSL: the part of the rollout or of `learn`, or the gradient step (times passes, plus the pass, for `gradient` and
    /// `weight_gradient`).
    pub index: u32,
}

/// Consecutive parts of a dispatch (see [`crate::program::kernel::Grid`]). Parts may run in any order and in any submission: none reads what another writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The dispatch.
    pub dispatch: Dispatch,
    /// The parts.
    pub parts: std::ops::Range<u32>,
}

/// PPO as it trains all agents (Schulman et al. 2017, algorithm 1).
pub fn training(plan: &Plan) -> Program {
    // Act: T steps of every environment with the policy frozen.
    let mut program = playing(plan);
    let mut then = |kernel, index: usize| program.then(kernel, index);
    // Evaluate: the value of every observation, then advantages backwards through time (Schulman et al. 2016).
    then(kernel::evaluate(plan), 0);
    then(kernel::gae(plan), 0);
    // Mean and deviation of the advantages of every minibatch of every epoch.
    if plan.moment_parts > 1 {
        then(kernel::minibatch_parts(plan), 0);
    }
    then(kernel::minibatch_moments(plan), 0);
    // Learn: E epochs of K gradient steps, each on a fresh part of a fresh permutation.
    // One dispatch makes several of them if minibatches are small (otherwise `learn_steps` is 0).
    if let Some(parts) = plan.gradient_steps().checked_div(plan.learn_steps) {
        (0..parts).for_each(|part| then(kernel::learn(plan), part));
    } else {
        for step in 0..plan.gradient_steps() {
            for pass in 0..plan.passes {
                then(kernel::gradient(plan), step * plan.passes + pass);
                // Layers with too many weights for the registers of `gradient`.
                if plan.tape.units > 0 {
                    then(kernel::weight_gradient(plan), step * plan.passes + pass);
                }
            }
            then(kernel::sum_gradient(plan), step);
            if plan.adapts_rate() {
                then(kernel::adapt_rate(plan), step);
            }
            then(kernel::adam(plan), step);
            if plan.bounds_deviations() {
                then(kernel::bound_deviations(plan), step);
            }
        }
    }
    // Update the moments of the observations, by which the next rollout is normalised.
    if plan.config.normalize_observations {
        then(kernel::observation_moments(plan), 0);
    }
    if plan.normalizers() > 0 {
        then(kernel::update_normalizers(plan), 0);
    }
    // Update the moments by which values are normalised from then on, and the critic with them.
    if plan.config.normalize_values {
        then(kernel::rescale_values(plan), 0);
    }
    // Report one row for each agent and advance the counters.
    then(kernel::report(plan), 0);
    program
}

/// The part of [`training`] that agents need to play without learning: T steps of every environment.
pub fn playing(plan: &Plan) -> Program {
    let mut program = Program::new(BUFFERS.iter().map(|buffer| (buffer.name, buffer.bytes(plan))).collect());
    program.first(kernel::reset(plan));
    if plan.splits_rollout {
        program.then(kernel::observe(plan), 1);
        for t in 0..plan.steps {
            program.then(kernel::act(plan), t);
            program.then(kernel::advance(plan), t);
            // The last observations of truncated episodes, before new ones begin; then those of the next step.
            if plan.final_rows > 0 {
                program.then(kernel::observe(plan), 2 * (t + 1));
            }
            program.then(kernel::restart(plan), t + 1);
            program.then(kernel::observe(plan), 2 * (t + 1) + 1);
        }
    } else {
        (0..plan.steps / plan.steps_per_dispatch).for_each(|part| program.then(kernel::rollout(plan), part));
    }
    program
}

/// Renders an environment into a picture of `size` x `size` pixels. It allocates only `pixels`: it shares the other buffers of the program that plays.
pub fn drawing(size: u32) -> Program {
    let mut program = Program::new(vec![("pixels", 4 * u64::from(size).pow(2))]);
    program.constants.push(("PICTURE_SIZE", Constant::U32(size)));
    program.then(kernel::draw(size), 0);
    program
}

/// One dispatch of `kernel` on the buffers of `plan`; for tests.
pub fn alone(plan: &Plan, kernel: Kernel, index: u32) -> Program {
    let mut program = Program::new(playing(plan).buffers);
    program.then(kernel, index as usize);
    program
}

impl Program {
    /// A program that does nothing yet.
    pub fn new(buffers: Vec<(&'static str, u64)>) -> Program {
        Program { buffers, kernels: Vec::new(), constants: Vec::new(), once: Vec::new(), update: Vec::new() }
    }

    /// Adds `kernel` to the steps before the first update.
    pub fn first(&mut self, kernel: Kernel) {
        let step = self.step(kernel, 0);
        self.once.push(step);
    }

    /// Appends dispatch `index` of `kernel` to the update.
    pub fn then(&mut self, kernel: Kernel, index: usize) {
        let step = self.step(kernel, index);
        self.update.push(step);
    }

    fn step(&mut self, kernel: Kernel, index: usize) -> Step {
        if self.kernel(kernel.name).is_none() {
            self.kernels.push(kernel);
        }
        Step::Dispatch(Dispatch { kernel: kernel.name, index: index as u32 })
    }

    /// The kernel called `name`, if it has one.
    pub fn kernel(&self, name: &str) -> Option<&Kernel> {
        self.kernels.iter().find(|kernel| kernel.name == name)
    }

    /// The dispatches of the kernel called `name` in an update.
    pub fn update_of(&self, name: &str) -> Vec<Dispatch> {
        self.update.iter().map(|&Step::Dispatch(dispatch)| dispatch).filter(|dispatch| dispatch.kernel == name).collect()
    }

    /// The largest number passed to a dispatch: its index or its first part.
    pub fn largest_number(&self) -> u32 {
        let indices = self.once.iter().chain(&self.update).map(|Step::Dispatch(dispatch)| dispatch.index);
        indices.chain(self.kernels.iter().map(|kernel| kernel.grid.parts())).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::profile::Profile;
    use crate::spec::config::Config;

    #[test]
    fn kernels_are_those_of_the_steps_in_the_order_of_all_kernels() {
        let normalized = Config { normalize_observations: true, ..Config::default() };
        for (config, profile) in [(Config::default(), "gpu"), (normalized, "software")] {
            let plan = Plan::new(&config, Profile::named(profile).expect("a profile")).expect("the sizes fit together");
            let program = training(&plan);
            let used = |name: &str| program.once.iter().chain(&program.update).any(|Step::Dispatch(dispatch)| dispatch.kernel == name);
            let expected: Vec<&str> = kernel::NAMES.iter().copied().filter(|name| used(name)).collect();
            assert_eq!(program.kernels.iter().map(|kernel| kernel.name).collect::<Vec<_>>(), expected);
            let index = |Step::Dispatch(dispatch): &Step| dispatch.index;
            let numbers = program.update.iter().map(index).chain(program.kernels.iter().map(|kernel| kernel.grid.parts()));
            assert_eq!((expected.len() >= 8, Some(program.largest_number())), (true, numbers.max()));
        }
    }
}
