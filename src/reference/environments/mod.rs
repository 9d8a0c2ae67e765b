//! Environments as the reference knows them. It knows few; kernels with others in them are compared with what the software that they reproduce recorded.

use super::policy::Action;
use super::real::Real;
use super::{Ambiguous, Site};
use crate::random::Stream;

pub mod acrobot;
pub mod cartpole;
pub mod mountain_car;
pub mod pendulum;
pub mod probes;

/// The state of an environment between two steps.
pub trait State<R: Real> {
    /// The words of `EnvState`, all of which are real numbers.
    fn to_words(&self) -> Vec<R>;

    /// What an agent sees.
    fn observe(&self) -> Vec<R>;

    /// Makes a step. Continuous actions are within their bounds.
    ///
    /// # Errors
    /// When rounding could decide either way what happens.
    fn step(&mut self, action: &Action<R>, stream: &mut Stream, site: Site) -> Result<Outcome<R>, Ambiguous>;

    /// Whether each action is legal; empty where all are.
    fn legal(&self) -> Vec<bool> {
        Vec::new()
    }
}

/// What a step leads to.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<R> {
    /// Reward of the step.
    pub reward: R,
    /// Whether the episode ended by it.
    pub terminated: bool,
}

/// How to make states of one environment.
pub struct Twin<R> {
    /// A random first state.
    pub reset: fn(&mut Stream) -> Box<dyn State<R>>,
    /// The state stored in these words.
    pub from_words: fn(&[R]) -> Box<dyn State<R>>,
}

macro_rules! twins {
    ($($name:literal $state:path;)*) => {
        /// The environment called `name`, if the reference knows it.
        pub fn twin<R: Real>(name: &str) -> Option<Twin<R>> {
            match name {
                $($name => {
                    use $state as Of;
                    Some(Twin { reset: |stream| Box::new(Of::<R>::reset(stream)), from_words: |words| Box::new(Of::<R>::from_words(words)) })
                })*
                _ => None,
            }
        }
    };
}

twins! {
    "CartPole-v1" cartpole::CartPole;
    "Acrobot-v1" acrobot::Acrobot;
    "MountainCar-v0" mountain_car::MountainCar;
    "MountainCarContinuous-v0" mountain_car::MountainCarContinuous;
    "Pendulum-v1" pendulum::Pendulum;
    "Probe/Choice" probes::Choice;
    "Probe/Masked" probes::Masked;
    "Probe/Target" probes::Target;
}
