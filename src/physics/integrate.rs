//! The step: forward dynamics and its integration.

use crate::physics::constraint::Constraints;
use crate::physics::dynamics::Smooth;
use crate::physics::kinematics::Pose;
use crate::physics::model::{Integrator, JointKind, Model};
use crate::physics::number::Number;
use crate::physics::solve::Symmetric;
use crate::physics::spatial::{Vector, cross, dot, plus, quaternion_product, times, unit};

/// A model with what follows from it, ready to step.
#[derive(Debug, Clone)]
pub struct Stepper<'a> {
    model: &'a Model,
    constraints: Constraints,
}

/// Positions and velocities.
#[derive(Debug, Clone, PartialEq)]
pub struct State<N> {
    /// Positions; of free joints, position and quaternion.
    pub q: Vec<N>,
    /// Velocities.
    pub v: Vec<N>,
}

impl<'a> Stepper<'a> {
    /// For a model.
    pub fn new(model: &'a Model) -> Self {
        Stepper { model, constraints: Constraints::new(model) }
    }

    /// The acceleration (MuJoCo's `qacc`), m/s² and rad/s², for controls `u`.
    pub fn acceleration<N: Number>(&self, state: &State<N>, u: &[N]) -> Vec<N> {
        self.forward(state, u).0
    }

    /// The acceleration and the mass matrix.
    fn forward<N: Number>(&self, state: &State<N>, u: &[N]) -> (Vec<N>, Symmetric<N>) {
        let pose = Pose::new(self.model, &state.q);
        let smooth = Smooth::new(self.model, &pose, &state.q, &state.v, u);
        let acceleration = self.constraints.acceleration(self.model, &pose, &smooth, &state.q, &state.v);
        (acceleration, smooth.mass)
    }

    /// One step of `timestep` seconds.
    pub fn step<N: Number>(&self, state: &State<N>, u: &[N]) -> State<N> {
        match self.model.integrator {
            Integrator::Euler => self.euler(state, u),
            Integrator::Rk4 => self.runge_kutta(state, u),
        }
    }

    fn euler<N: Number>(&self, state: &State<N>, u: &[N]) -> State<N> {
        let h = self.model.timestep;
        let (mut acceleration, mass) = self.forward(state, u);
        if self.model.euler_damping && self.model.joints.iter().any(|joint| joint.damping > 0.0) {
            // (M + h diag(damping)) a' = M a: the dampers' force at the end of the step.
            let force = mass.apply(&acceleration);
            let mut damped = mass;
            for (joint, address) in self.model.joints.iter().zip(self.model.addresses()) {
                (address.v..address.v + joint.kind.freedoms()).for_each(|i| damped.add(i, i, N::constant(h * joint.damping)));
            }
            acceleration = damped.solve(&force);
        }
        let v = advanced(&state.v, &acceleration, h);
        State { q: self.moved(&state.q, &v, h), v }
    }

    /// Four stages at t, t + h/2, t + h/2, t + h. The rates of free joints' rotations are those of the rotation vector from the first stage (Munthe-Kaas, "High
    /// order Runge-Kutta methods on manifolds", 1999), as MuJoCo takes them since 4.0.
    fn runge_kutta<N: Number>(&self, state: &State<N>, u: &[N]) -> State<N> {
        let h = self.model.timestep;
        let weights = [1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0];
        let mut acceleration = self.acceleration(state, u);
        let mut rate = state.v.clone();
        let scaled = |x: &[N], factor: f64| x.iter().map(|&x| x * N::constant(factor)).collect::<Vec<N>>();
        let mut sums = [scaled(&rate, weights[0]), scaled(&acceleration, weights[0])];
        for (part, weight) in [0.5, 0.5, 1.0].into_iter().zip(&weights[1..]) {
            let stage = State { q: self.moved(&state.q, &rate, part * h), v: advanced(&state.v, &acceleration, part * h) };
            acceleration = self.acceleration(&stage, u);
            rate = self.rates(&rate, &stage.v, part * h);
            sums = [advanced(&sums[0], &rate, *weight), advanced(&sums[1], &acceleration, *weight)];
        }
        State { q: self.moved(&state.q, &sums[0], h), v: advanced(&state.v, &sums[1], h) }
    }

    /// Velocities `v` as rates of the coordinates that a motion with `before` for `seconds` led to.
    fn rates<N: Number>(&self, before: &[N], v: &[N], seconds: f64) -> Vec<N> {
        let mut rates = v.to_vec();
        for (joint, address) in self.model.joints.iter().zip(self.model.addresses()) {
            if joint.kind == JointKind::Free {
                let at = address.v + 3;
                let turned: Vector<N> = std::array::from_fn(|k| before[at + k] * N::constant(seconds));
                let rate = vector_rate(turned, std::array::from_fn(|k| v[at + k]));
                rates[at..at + 3].copy_from_slice(&rate);
            }
        }
        rates
    }

    /// Positions after `seconds` with velocities `v`.
    fn moved<N: Number>(&self, q: &[N], v: &[N], seconds: f64) -> Vec<N> {
        let mut moved = q.to_vec();
        for (joint, address) in self.model.joints.iter().zip(self.model.addresses()) {
            let straight = if joint.kind == JointKind::Free { 3 } else { 1 };
            for k in 0..straight {
                moved[address.q + k] = q[address.q + k] + v[address.v + k] * N::constant(seconds);
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

/// x + rate × seconds.
fn advanced<N: Number>(x: &[N], rate: &[N], seconds: f64) -> Vec<N> {
    x.iter().zip(rate).map(|(&x, &rate)| x + rate * N::constant(seconds)).collect()
}

/// An orientation after `seconds` of turning with `velocity`, rad/s in the body's own axes.
fn rotated<N: Number>(q: [N; 4], velocity: Vector<N>, seconds: f64) -> [N; 4] {
    let speed = dot(velocity, velocity).sqrt();
    let half = speed * N::constant(0.5 * seconds);
    let turns = N::constant(1e-9).less(speed);
    let factor = N::select(turns, half.sin() / N::select(turns, speed, N::one()), N::constant(0.5 * seconds));
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
