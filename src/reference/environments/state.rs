//! The reference's interface to environments.

use crate::reference::decision::{Ambiguous, Site};
use crate::reference::policy::Action;
use crate::reference::real::Real;
use crate::spec::random::Stream;

/// The state of an environment between two steps.
pub trait State<R: Real> {
    /// The words of `EnvState`, all of which are real numbers.
    fn to_words(&self) -> Vec<R>;

    /// The observation.
    fn observe(&self) -> Vec<R>;

    /// Makes a step. Continuous actions are within their bounds.
    ///
    /// # Errors
    /// When the result depends on rounding.
    fn step(&mut self, action: &Action<R>, stream: &mut Stream, site: Site) -> Result<Outcome<R>, Ambiguous>;

    /// Whether each action is legal; empty where all are.
    fn legal(&self) -> Vec<bool> {
        Vec::new()
    }
}

/// The result of a step.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<R> {
    /// Reward of the step.
    pub reward: R,
    /// Whether it ended the episode.
    pub terminated: bool,
}
