//! The step: forward dynamics and its integration.

use crate::physics::dynamics::Smooth;
use crate::physics::kinematics::Pose;
use crate::physics::model::{Integrator, JointKind, Model};
use crate::physics::newton;
use crate::physics::number::{Number, split};
use crate::physics::rows::Constraints;
use crate::physics::scales::Scales;
use crate::physics::sense::{self, Computed, Sensor};
use crate::physics::solve::Symmetric;
use crate::physics::spatial::{Vector, cross, dot, plus, quaternion_product, times, unit};

/// A model with what follows from it, ready to step.
#[derive(Debug, Clone)]
pub struct Stepper<'a> {
    model: &'a Model,
    constraints: Constraints,
    sensors: Vec<Sensor>,
}

/// Positions and velocities, and what sensors read.
#[derive(Debug, Clone, PartialEq)]
pub struct State<N> {
    /// Positions; of free joints, position and quaternion.
    pub q: Vec<N>,
    /// Velocities.
    pub v: Vec<N>,
    /// What the sensors read in the last forward computation: that of the last stage, or of the last step's beginning with Euler's method.
    pub sensed: Vec<N>,
}

impl<'a> Stepper<'a> {
    /// For a model, with `sensors` that are read.
    pub fn new(model: &'a Model, sensors: Vec<Sensor>) -> Self {
        Stepper { model, constraints: Constraints::new(model), sensors }
    }

    /// The acceleration (MuJoCo's `qacc`), m/s² and rad/s², for controls `u`.
    pub fn acceleration<N: Number>(&self, q: &[N], v: &[N], u: &[N]) -> Vec<N> {
        self.forward(&Scales::none(), q, v, u).acceleration
    }

    /// What the sensors read in a state, with controls `u`.
    pub fn sense<N: Number>(&self, scales: &Scales<N>, q: &[N], v: &[N], u: &[N]) -> Vec<N> {
        self.forward(scales, q, v, u).sensed
    }

    fn forward<N: Number>(&self, scales: &Scales<N>, q: &[N], v: &[N], u: &[N]) -> Forward<N> {
        let pose = Pose::new(self.model, q);
        let smooth = Smooth::new(self.model, scales, &pose, q, v, u);
        N::section(|| "Constraints".into());
        let constraints = self.constraints.rows(self.model, scales, &pose, q, v);
        N::section(|| "Acceleration".into());
        let acceleration = newton::acceleration(&smooth, &constraints);
        N::section(|| "Sensors".into());
        let computed = Computed { pose: &pose, constraints: &constraints, v, actuation: &smooth.actuation, acceleration: &acceleration, mass: scales.mass };
        let sensed = sense::read(self.model, &self.sensors, &computed);
        Forward { acceleration, mass: smooth.mass, sensed }
    }

    /// One step of `timestep` seconds.
    pub fn step<N: Number>(&self, scales: &Scales<N>, state: &State<N>, u: &[N]) -> State<N> {
        match self.model.integrator {
            Integrator::Euler => self.euler(scales, state, u),
            Integrator::Rk4 => self.runge_kutta(scales, state, u),
        }
    }

    fn euler<N: Number>(&self, scales: &Scales<N>, state: &State<N>, u: &[N]) -> State<N> {
        let h = self.model.timestep;
        let Forward { mut acceleration, mass, sensed } = self.forward(scales, &state.q, &state.v, u);
        if self.model.euler_damping && self.model.joints.iter().any(|joint| joint.damping > 0.0) {
            // (M + h diag(damping)) a' = M a: the dampers' force at the end of the step.
            let force = mass.apply(&acceleration);
            let mut damped = mass;
            for (joint, address) in self.model.joints.iter().zip(self.model.addresses()) {
                (address.v..address.v + joint.kind.freedoms()).for_each(|i| damped.add(i, i, N::constant(h * joint.damping) * scales.damping));
            }
            acceleration = damped.solve(&force);
        }
        let h = N::constant(h);
        let v = advanced(&state.v, &acceleration, h);
        State { q: self.moved(&state.q, &v, h), v, sensed }
    }

    /// Four stages at t, t + h/2, t + h/2, t + h. The rates of free joints' rotations are those of the rotation vector from the first stage (Munthe-Kaas, "High
    /// order Runge-Kutta methods on manifolds", 1999), as MuJoCo takes them since 4.0.
    fn runge_kutta<N: Number>(&self, scales: &Scales<N>, state: &State<N>, u: &[N]) -> State<N> {
        let h = self.model.timestep;
        // Of a stage: positions and velocities, and the rates that led to it; then the weighted sums of rates and accelerations, and what was sensed.
        let zeros = vec![N::zero(); state.v.len()];
        let unread = vec![N::zero(); self.sensors.iter().map(|sensor| sensor.size()).sum()];
        let parts = [&state.q[..], &state.v, &state.v, &zeros, &zeros, &unread];
        let lengths = parts.map(<[N]>::len);
        let mut stages = parts.concat();
        N::rounds(4, &mut stages, |stages, round| {
            let [q, v, rate, rates, accelerations, _] = split(stages, lengths);
            let is = |k: f64| N::constant(k - 0.5).less(round);
            let outer = N::constant(1.0 / 6.0);
            let weight = N::select(is(1.0), N::select(is(3.0), outer, N::constant(1.0 / 3.0)), outer);
            let ahead = N::select(is(2.0), N::constant(h), N::constant(0.5 * h));
            let Forward { acceleration, sensed, .. } = self.forward(scales, &q, &v, u);
            let next = advanced(&state.v, &acceleration, ahead);
            let next_rate = self.rates(&rate, &next, ahead);
            let rates = advanced(&rates, &rate, weight);
            let accelerations = advanced(&accelerations, &acceleration, weight);
            stages.copy_from_slice(&[self.moved(&state.q, &rate, ahead), next, next_rate, rates, accelerations, sensed].concat());
        });
        let [.., rates, accelerations, sensed] = split(&stages, lengths);
        let h = N::constant(h);
        State { q: self.moved(&state.q, &rates, h), v: advanced(&state.v, &accelerations, h), sensed }
    }

    /// Velocities `v` as rates of the coordinates that a motion with `before` for `seconds` led to.
    fn rates<N: Number>(&self, before: &[N], v: &[N], seconds: N) -> Vec<N> {
        let mut rates = v.to_vec();
        for (joint, address) in self.model.joints.iter().zip(self.model.addresses()) {
            if joint.kind == JointKind::Free {
                let at = address.v + 3;
                let turned: Vector<N> = std::array::from_fn(|k| before[at + k] * seconds);
                let rate = vector_rate(turned, std::array::from_fn(|k| v[at + k]));
                rates[at..at + 3].copy_from_slice(&rate);
            }
        }
        rates
    }

    /// Positions after `seconds` with velocities `v`.
    fn moved<N: Number>(&self, q: &[N], v: &[N], seconds: N) -> Vec<N> {
        let mut moved = q.to_vec();
        for (joint, address) in self.model.joints.iter().zip(self.model.addresses()) {
            let straight = if joint.kind == JointKind::Free { 3 } else { 1 };
            for k in 0..straight {
                moved[address.q + k] = q[address.q + k] + v[address.v + k] * seconds;
            }
            if joint.kind == JointKind::Free {
                let [p, w] = [address.q + 3, address.v + 3];
                let turned = rotated(unit([q[p], q[p + 1], q[p + 2], q[p + 3]]), [v[w], v[w + 1], v[w + 2]], seconds);
                moved[p..p + 4].copy_from_slice(&turned);
            }
        }
        moved
    }
}

/// A forward computation.
struct Forward<N> {
    acceleration: Vec<N>,
    mass: Symmetric<N>,
    sensed: Vec<N>,
}

/// x + rate × seconds.
fn advanced<N: Number>(x: &[N], rate: &[N], seconds: N) -> Vec<N> {
    x.iter().zip(rate).map(|(&x, &rate)| x + rate * seconds).collect()
}

/// An orientation after `seconds` of turning with `velocity`, rad/s in the body's own axes.
fn rotated<N: Number>(q: [N; 4], velocity: Vector<N>, seconds: N) -> [N; 4] {
    let speed = dot(velocity, velocity).sqrt();
    let half_time = seconds * N::constant(0.5);
    let half = speed * half_time;
    let turns = N::constant(1e-9).less(speed);
    let factor = N::select(turns, half.sin() / N::select(turns, speed, N::one()), half_time);
    let [x, y, z] = times(velocity, factor);
    unit(quaternion_product(q, [half.cos(), x, y, z]))
}

/// The rate of the rotation vector `r`, for an angular velocity in the body's own axes (Bortz, "A new mathematical formulation for strapdown inertial
/// navigation", 1971, equation 12).
fn vector_rate<N: Number>(r: Vector<N>, velocity: Vector<N>) -> Vector<N> {
    let squared = dot(r, r);
    // (1 − θ/2 cot(θ/2)) / θ², by its series where that would cancel.
    let series = N::constant(1.0 / 12.0) + squared * N::constant(1.0 / 720.0);
    let large = N::constant(1e-4).less(squared);
    let half = (N::select(large, squared, N::one())).sqrt() * N::constant(0.5);
    let closed = (N::one() - half * half.cos() / half.sin()) / (half * half * N::constant(4.0));
    let factor = N::select(large, closed, series);
    let first = cross(r, velocity);
    plus(plus(velocity, times(first, N::constant(0.5))), times(cross(r, first), factor))
}
