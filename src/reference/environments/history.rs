//! Observations that consist of the last ones.

use crate::reference::decision::{Ambiguous, Site};
use crate::reference::environments::state::{Outcome, State};
use crate::reference::policy::Action;
use crate::reference::real::Real;
use crate::spec::environment::Environment;
use crate::spec::random::Stream;

/// An environment with the observations of its last states.
pub struct History<R> {
    now: Box<dyn State<R>>,
    /// The oldest first; the last one is that of `now`.
    observations: Vec<Vec<R>>,
    /// Components of an observation that the policy sees.
    seen: usize,
    /// Words that the observations take.
    words: usize,
}

impl<R: Real> History<R> {
    /// At the beginning of an episode: all observations are the first one.
    pub fn begin(environment: &Environment, now: Box<dyn State<R>>) -> Self {
        let observations = vec![now.observe(); environment.history];
        History { now, observations, seen: environment.seen() / environment.history, words: environment.history_words() }
    }

    /// With observations that are stored in `words`.
    pub fn read(environment: &Environment, now: Box<dyn State<R>>, words: &[R]) -> Self {
        let observations = words.chunks(environment.newest()).take(environment.history).map(<[R]>::to_vec).collect();
        History { observations, ..History::begin(environment, now) }
    }
}

impl<R: Real> State<R> for History<R> {
    fn to_words(&self) -> Vec<R> {
        let mut observed = self.observations.concat();
        observed.resize(self.words, R::zero());
        [self.now.to_words(), observed].concat()
    }

    /// What the policy sees of all observations, then what it does not see.
    fn observe(&self) -> Vec<R> {
        let seen = self.observations.iter().flat_map(|observation| &observation[..self.seen]);
        let privileged = self.observations.iter().flat_map(|observation| &observation[self.seen..]);
        seen.chain(privileged).copied().collect()
    }

    fn step(&mut self, action: &Action<R>, stream: &mut Stream, site: Site) -> Result<Outcome<R>, Ambiguous> {
        let outcome = self.now.step(action, stream, site)?;
        self.observations.remove(0);
        self.observations.push(self.now.observe());
        Ok(outcome)
    }

    fn legal(&self) -> Vec<bool> {
        self.now.legal()
    }
}
