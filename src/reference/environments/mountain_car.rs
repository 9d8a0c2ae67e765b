//! MountainCar-v0 and MountainCarContinuous-v0: a car in a valley that is too weak to drive straight up.
//!
//! Dynamics: Moore (1990) in the form of Sutton and Barto (1998); constants, order of updates and limits as in Gymnasium.

use crate::reference::decision::{Ambiguous, Site};
use crate::reference::environments::state::{Outcome, State};
use crate::reference::policy::Action;
use crate::reference::real::Real;
use crate::spec::random::Stream;
use std::f64::consts::{PI, TAU};

/// Change of velocity by the steepest slope, per step.
const GRAVITY: f64 = 0.0025;
/// Distance per step.
const MAX_SPEED: f64 = 0.07;
/// Position of the wall.
const LEFT_WALL: f64 = -1.2;
/// End of the world.
const RIGHT_END: f64 = 0.6;

/// The state, which is also the observation.
#[derive(Debug, Clone, Copy)]
struct Car<R> {
    position: R,
    velocity: R,
}

impl<R: Real> Car<R> {
    fn from_words(words: &[R]) -> Self {
        let &[position, velocity] = words else { panic!("{} words instead of a car's two", words.len()) };
        Car { position, velocity }
    }

    fn reset(stream: &mut Stream) -> Self {
        let (low, high) = (R::from_f64(-0.6), R::from_f64(-0.4));
        Car { position: low + (high - low) * R::from_f32(stream.uniform()), velocity: R::zero() }
    }

    fn to_words(self) -> Vec<R> {
        vec![self.position, self.velocity]
    }

    /// Moves on after the engine changed the velocity by `push`; whether the car is at the goal then.
    fn push(&mut self, push: R, goal: f64, site: Site) -> Result<bool, Ambiguous> {
        let c = R::from_f64;
        let angle = c(3.0) * self.position;
        // The same cosine, of an angle between -pi and pi.
        let angle = if angle.value() < -PI { angle + c(TAU) } else { angle };
        let velocity = (self.velocity + push - angle.cos() * c(GRAVITY)).clamp(-c(MAX_SPEED), c(MAX_SPEED));
        let position = self.position + velocity;
        let at_wall = site.decide(position.less(c(LEFT_WALL)), "whether the car hits the wall")?;
        let stopped = at_wall && site.decide(velocity.less(R::zero()), "whether the car moves left")?;
        *self = Car { position: position.clamp(c(LEFT_WALL), c(RIGHT_END)), velocity: if stopped { R::zero() } else { velocity } };
        let there = !site.decide(self.position.less(c(goal)), "whether the car is at the goal")?;
        Ok(there && !site.decide(self.velocity.less(R::zero()), "whether the car moves on")?)
    }
}

/// MountainCar-v0: pushes to the left (0), none (1) or to the right (2).
#[derive(Debug, Clone, Copy)]
pub struct MountainCar<R>(Car<R>);

impl<R: Real> MountainCar<R> {
    /// The state stored in two words.
    ///
    /// # Panics
    /// When there are not two.
    pub fn from_words(words: &[R]) -> Self {
        MountainCar(Car::from_words(words))
    }

    /// A random first state.
    pub fn reset(stream: &mut Stream) -> Self {
        MountainCar(Car::reset(stream))
    }
}

impl<R: Real> State<R> for MountainCar<R> {
    fn to_words(&self) -> Vec<R> {
        self.0.to_words()
    }

    fn observe(&self) -> Vec<R> {
        self.0.to_words()
    }

    fn step(&mut self, action: &Action<R>, _stream: &mut Stream, site: Site) -> Result<Outcome<R>, Ambiguous> {
        let push = (R::from_f64(f64::from(action.choice())) - R::one()) * R::from_f64(0.001);
        Ok(Outcome { reward: -R::one(), terminated: self.0.push(push, 0.5, site)? })
    }
}

/// MountainCarContinuous-v0: pushes between -1 and 1, which cost effort.
#[derive(Debug, Clone, Copy)]
pub struct MountainCarContinuous<R>(Car<R>);

impl<R: Real> MountainCarContinuous<R> {
    /// The state stored in two words.
    ///
    /// # Panics
    /// When there are not two.
    pub fn from_words(words: &[R]) -> Self {
        MountainCarContinuous(Car::from_words(words))
    }

    /// A random first state.
    pub fn reset(stream: &mut Stream) -> Self {
        MountainCarContinuous(Car::reset(stream))
    }
}

impl<R: Real> State<R> for MountainCarContinuous<R> {
    fn to_words(&self) -> Vec<R> {
        self.0.to_words()
    }

    fn observe(&self) -> Vec<R> {
        self.0.to_words()
    }

    fn step(&mut self, action: &Action<R>, _stream: &mut Stream, site: Site) -> Result<Outcome<R>, Ambiguous> {
        let effort = action.values()[0];
        let terminated = self.0.push(effort * R::from_f64(0.0015), 0.45, site)?;
        let goal = R::from_f64(if terminated { 100.0 } else { 0.0 });
        Ok(Outcome { reward: goal - R::from_f64(0.1) * effort * effort, terminated })
    }
}
