//! CartPole-v1: a pole on a cart that is pushed left (0) or right (1).
//!
//! Equations of motion: Barto, Sutton and Anderson (1983), without friction; constants, Euler's method and limits as in Gymnasium's CartPole-v1.

use crate::reference::decision::{Ambiguous, Site};
use crate::reference::environments::state::{Outcome, State};
use crate::reference::policy::Action;
use crate::reference::real::Real;
use crate::spec::random::Stream;

/// m/s².
const GRAVITY: f64 = 9.8;
/// kg.
const CART_MASS: f64 = 1.0;
/// kg.
const POLE_MASS: f64 = 0.1;
/// m, from the hinge to the centre of mass.
const POLE_HALF_LENGTH: f64 = 0.5;
/// N, of one push.
const FORCE: f64 = 10.0;
/// s.
const TIME_STEP: f64 = 0.02;
/// m, to either side.
const POSITION_LIMIT: f64 = 2.4;
/// rad, to either side.
const ANGLE_LIMIT: f64 = 12.0 * std::f64::consts::PI / 180.0;
/// Every state variable starts within ± this.
const RESET_RANGE: f64 = 0.05;

/// The state, which is also the observation.
#[derive(Debug, Clone, Copy)]
pub struct CartPole<R> {
    /// m, of the cart.
    pub position: R,
    /// m/s, of the cart.
    pub velocity: R,
    /// rad, of the pole; 0 is upright.
    pub angle: R,
    /// rad/s, of the pole.
    pub angular_velocity: R,
}

impl<R: Real> CartPole<R> {
    /// The state stored in four words.
    ///
    /// # Panics
    /// When there are not four.
    pub fn from_words(words: &[R]) -> Self {
        let &[position, velocity, angle, angular_velocity] = words else { panic!("{} words instead of CartPole's four", words.len()) };
        CartPole { position, velocity, angle, angular_velocity }
    }

    /// A random first state.
    pub fn reset(stream: &mut Stream) -> Self {
        let mut draw = || (R::from_f32(stream.uniform()) * R::from_f64(2.0) - R::one()) * R::from_f64(RESET_RANGE);
        CartPole { position: draw(), velocity: draw(), angle: draw(), angular_velocity: draw() }
    }
}

impl<R: Real> State<R> for CartPole<R> {
    fn to_words(&self) -> Vec<R> {
        self.observe()
    }

    fn observe(&self) -> Vec<R> {
        vec![self.position, self.velocity, self.angle, self.angular_velocity]
    }

    fn step(&mut self, action: &Action<R>, _stream: &mut Stream, site: Site) -> Result<Outcome<R>, Ambiguous> {
        let c = R::from_f64;
        let (sine, cosine) = (self.angle.sin(), self.angle.cos());
        let total_mass = c(CART_MASS) + c(POLE_MASS);
        let pole_moment = c(POLE_MASS) * c(POLE_HALF_LENGTH);
        let force = if action.choice() == 1 { c(FORCE) } else { -c(FORCE) };
        // The cart's acceleration without the reaction of the pole.
        let pull = (force + pole_moment * self.angular_velocity * self.angular_velocity * sine) / total_mass;
        let inertia = c(POLE_HALF_LENGTH) * (c(4.0) / c(3.0) - c(POLE_MASS) * cosine * cosine / total_mass);
        let angular_acceleration = (c(GRAVITY) * sine - cosine * pull) / inertia;
        let acceleration = pull - pole_moment * angular_acceleration * cosine / total_mass;
        // Explicit Euler: positions move with the velocities from before the step.
        *self = CartPole {
            position: self.position + c(TIME_STEP) * self.velocity,
            velocity: self.velocity + c(TIME_STEP) * acceleration,
            angle: self.angle + c(TIME_STEP) * self.angular_velocity,
            angular_velocity: self.angular_velocity + c(TIME_STEP) * angular_acceleration,
        };
        let off_track = site.decide(c(POSITION_LIMIT).less(self.position.abs()), "whether the cart left the track")?;
        let fallen = site.decide(c(ANGLE_LIMIT).less(self.angle.abs()), "whether the pole fell")?;
        Ok(Outcome { reward: R::one(), terminated: off_track || fallen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn episodes_of_gymnasium_are_reproduced() {
        let recorded: serde_json::Value = serde_json::from_str(include_str!("../../../tests/conformance/cartpole_v1.json")).unwrap();
        let site = Site { kernel: "rollout", agent: 0, index: 0 };
        for episode in recorded["episodes"].as_array().unwrap() {
            let state = |t: usize| [0, 1, 2, 3].map(|k| episode["states"][t][k].as_f64().unwrap());
            let steps = episode["actions"].as_array().unwrap().len();
            for t in 0..steps {
                // One step at a time: the pole is unstable, and differences in the last digit grow until it has fallen.
                let mut env = CartPole::from_words(&state(t));
                let outcome = env.step(&Action::Choices(vec![episode["actions"][t].as_u64().unwrap() as u32]), &mut Stream::new(0, 0, 0, 0), site).unwrap();
                let distance = env.observe().iter().zip(state(t + 1)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(distance < 1e-14, "seed {}, step {t}: off by {distance}", episode["seed"]);
                assert_eq!(Some(outcome.terminated), episode["terminated"][t].as_bool());
                assert_eq!(Some(outcome.reward), episode["rewards"][t].as_f64());
            }
        }
    }
}
