//! Pendulum-v1: a rod hinged at its end, turned by a torque. A rod of mass m and length l has the moment of inertia m·l²/3 about its end, hence
//! dω/dt = 3g/(2l)·sin θ + 3/(m·l²)·u, integrated by the semi-implicit Euler method, with Gymnasium's constants.

use crate::reference::decision::{Ambiguous, Site};
use crate::reference::environments::state::{Outcome, State};
use crate::reference::policy::Action;
use crate::reference::real::Real;
use crate::spec::random::Stream;
use std::f64::consts::{PI, TAU};

/// m/s².
const GRAVITY: f64 = 10.0;
/// kg.
const MASS: f64 = 1.0;
/// m.
const LENGTH: f64 = 1.0;
/// s.
const TIME_STEP: f64 = 0.05;
/// rad/s.
const MAX_SPEED: f64 = 8.0;

/// The state.
#[derive(Debug, Clone, Copy)]
pub struct Pendulum<R> {
    /// rad, 0 is upright; between −π and π.
    pub angle: R,
    /// rad/s.
    pub angular_velocity: R,
}

impl<R: Real> Pendulum<R> {
    /// The state stored in two words.
    ///
    /// # Panics
    /// When there are not two.
    pub fn from_words(words: &[R]) -> Self {
        let &[angle, angular_velocity] = words else { panic!("{} words instead of Pendulum's two", words.len()) };
        Pendulum { angle, angular_velocity }
    }

    /// A random first state.
    pub fn reset(stream: &mut Stream) -> Self {
        let mut between = |most: f64| -R::from_f64(most) + (R::from_f64(most) - -R::from_f64(most)) * R::from_f32(stream.uniform());
        Pendulum { angle: between(PI), angular_velocity: between(1.0) }
    }
}

impl<R: Real> State<R> for Pendulum<R> {
    fn to_words(&self) -> Vec<R> {
        vec![self.angle, self.angular_velocity]
    }

    fn observe(&self) -> Vec<R> {
        vec![self.angle.cos(), self.angle.sin(), self.angular_velocity]
    }

    fn step(&mut self, action: &Action<R>, _stream: &mut Stream, site: Site) -> Result<Outcome<R>, Ambiguous> {
        let c = R::from_f64;
        let (angle, velocity, torque) = (self.angle, self.angular_velocity, action.values()[0]);
        let cost = angle * angle + c(0.1) * velocity * velocity + c(0.001) * torque * torque;
        let acceleration = c(3.0 * GRAVITY / (2.0 * LENGTH)) * angle.sin() + c(3.0 / (MASS * LENGTH * LENGTH)) * torque;
        let velocity = (velocity + acceleration * c(TIME_STEP)).clamp(-c(MAX_SPEED), c(MAX_SPEED));
        let turned = angle + velocity * c(TIME_STEP);
        let over = site.decide(c(PI).less(turned), "whether the angle passes pi")?;
        let under = site.decide(turned.less(-c(PI)), "whether the angle passes -pi")?;
        let angle = if over {
            turned - c(TAU)
        } else if under {
            turned + c(TAU)
        } else {
            turned
        };
        *self = Pendulum { angle, angular_velocity: velocity };
        Ok(Outcome { reward: -cost, terminated: false })
    }
}
