//! The environments that the reference knows, by name.

use crate::reference::environments::state::State;
use crate::reference::environments::{acrobot, cartpole, mountain_car, pendulum, probes};
use crate::reference::real::Real;
use crate::spec::random::Stream;

/// Constructors of states of one environment.
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
    "Probe/Privileged" probes::Privileged;
    "Probe/Memory" probes::Signal;
}
