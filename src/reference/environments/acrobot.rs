//! Acrobot-v1: two hinged links, driven at the joint between them.
//!
//! Dynamics: Sutton (1996) with the equations of Sutton and Barto (1998); constants, one Runge-Kutta step of fourth order, and limits as in Gymnasium.

use crate::reference::decision::{Ambiguous, Site};
use crate::reference::environments::state::{Outcome, State};
use crate::reference::policy::Action;
use crate::reference::real::Real;
use crate::spec::random::Stream;
use std::f64::consts::{PI, TAU};

/// m/s².
const GRAVITY: f64 = 9.8;
/// s.
const TIME_STEP: f64 = 0.2;
/// m, of the upper link.
const LENGTH_1: f64 = 1.0;
/// kg, of either link.
const MASS: f64 = 1.0;
/// m, from a link's upper end to its centre of mass.
const CENTRE: f64 = 0.5;
/// kg·m², of either link.
const INERTIA: f64 = 1.0;
/// rad/s, of the upper and of the lower link.
const MAX_SPEEDS: [f64; 2] = [4.0 * PI, 9.0 * PI];
/// Every state variable begins within ± this.
const RESET_RANGE: f64 = 0.1;

/// The state: both angles (of the upper link, 0 hanging down; of the lower one against it), both angular velocities. rad and rad/s.
#[derive(Debug, Clone, Copy)]
pub struct Acrobot<R>(pub [R; 4]);

impl<R: Real> Acrobot<R> {
    /// The state stored in four words.
    ///
    /// # Panics
    /// When there are not four.
    pub fn from_words(words: &[R]) -> Self {
        Acrobot(words.try_into().unwrap_or_else(|_| panic!("{} words instead of Acrobot's four", words.len())))
    }

    /// A random first state.
    pub fn reset(stream: &mut Stream) -> Self {
        let most = R::from_f64(RESET_RANGE);
        Acrobot([(); 4].map(|()| -most + (most - -most) * R::from_f32(stream.uniform())))
    }
}

/// The same angle between −π and π. On which side of them it comes out makes no difference to its sine and cosine.
fn turned<R: Real>(angle: R) -> R {
    angle - R::from_f64(TAU * (angle.value() / TAU).round())
}

/// The state's derivative by time.
fn slope<R: Real>([angle_1, angle_2, velocity_1, velocity_2]: [R; 4], torque: R) -> [R; 4] {
    let c = R::from_f64;
    let reach = c(MASS) * c(LENGTH_1) * c(CENTRE);
    let own = c(MASS) * c(CENTRE) * c(CENTRE);
    let (angle_1, angle_2) = (turned(angle_1), turned(angle_2));
    let (sine, cosine) = (angle_2.sin(), angle_2.cos());
    let d1 = own + c(MASS) * c(LENGTH_1) * c(LENGTH_1) + own + c(2.0) * reach * cosine + c(2.0) * c(INERTIA);
    let d2 = own + reach * cosine + c(INERTIA);
    let phi2 = c(MASS) * c(CENTRE) * c(GRAVITY) * turned(angle_1 + angle_2).sin();
    let weight = (c(MASS) * c(CENTRE) + c(MASS) * c(LENGTH_1)) * c(GRAVITY);
    let phi1 = -(reach * velocity_2 * velocity_2 * sine) - c(2.0) * reach * velocity_2 * velocity_1 * sine + weight * angle_1.sin() + phi2;
    let acceleration_2 = (torque + d2 / d1 * phi1 - reach * velocity_1 * velocity_1 * sine - phi2) / (own + c(INERTIA) - d2 * d2 / d1);
    let acceleration_1 = -((d2 * acceleration_2 + phi1) / d1);
    [velocity_1, velocity_2, acceleration_1, acceleration_2]
}

impl<R: Real> State<R> for Acrobot<R> {
    fn to_words(&self) -> Vec<R> {
        self.0.to_vec()
    }

    fn observe(&self) -> Vec<R> {
        let [angle_1, angle_2, velocity_1, velocity_2] = self.0;
        vec![angle_1.cos(), angle_1.sin(), angle_2.cos(), angle_2.sin(), velocity_1, velocity_2]
    }

    fn step(&mut self, action: &Action<R>, _stream: &mut Stream, site: Site) -> Result<Outcome<R>, Ambiguous> {
        let c = R::from_f64;
        let torque = c(f64::from(action.choice())) - R::one();
        let start = self.0;
        let after = |slope: [R; 4], time: f64| [0, 1, 2, 3].map(|i| start[i] + c(time) * slope[i]);
        let k1 = slope(start, torque);
        let k2 = slope(after(k1, 0.5 * TIME_STEP), torque);
        let k3 = slope(after(k2, 0.5 * TIME_STEP), torque);
        let k4 = slope(after(k3, TIME_STEP), torque);
        let moved = [0, 1, 2, 3].map(|i| start[i] + c(TIME_STEP / 6.0) * (k1[i] + c(2.0) * k2[i] + c(2.0) * k3[i] + k4[i]));
        for i in 0..2 {
            // Where the angle passes an odd multiple of pi, rounding may turn it to either end.
            self.0[i] = turned(moved[i]);
            site.decide(c(PI).less(self.0[i]), "whether an angle passes pi")?;
            site.decide(self.0[i].less(-c(PI)), "whether an angle passes -pi")?;
            self.0[2 + i] = moved[2 + i].clamp(-c(MAX_SPEEDS[i]), c(MAX_SPEEDS[i]));
        }
        let height = -self.0[0].cos() - turned(self.0[0] + self.0[1]).cos();
        let terminated = site.decide(R::one().less(height), "whether the end is above the line")?;
        Ok(Outcome { reward: if terminated { R::zero() } else { -R::one() }, terminated })
    }
}
