//! Unconstrained dynamics: the mass matrix, and all forces but those of constraints.

use crate::physics::kinematics::Pose;
use crate::physics::model::{JointKind, Model};
use crate::physics::number::Number;
use crate::physics::scales::Scales;
use crate::physics::solve::Symmetric;
use crate::physics::spatial::{Force, Inertia, Matrix, Motion, Vector, apply, constant, cross, fixed_rotation, null, plus, product, times, transposed};
use std::f64::consts::PI;

/// M a = force, without constraints.
#[derive(Debug, Clone)]
pub struct Smooth<N> {
    /// The mass matrix M, armature included.
    pub mass: Symmetric<N>,
    /// Generalised force of gravity, velocities, springs, dampers, the medium and actuators.
    pub force: Vec<N>,
    /// The part of it that actuators exert.
    pub actuation: Vec<N>,
}

impl<N: Number> Smooth<N> {
    /// In a pose, with velocities `v` and controls `u`.
    pub fn new(model: &Model, scales: &Scales<N>, pose: &Pose<N>, q: &[N], v: &[N], u: &[N]) -> Self {
        N::section(|| "Inertias".into());
        let inertias = inertias(model, pose);
        N::section(|| "Velocities".into());
        let velocities = velocities(model, pose, v);
        N::section(|| "Mass matrix".into());
        let mass = mass_matrix(model, scales, pose, &inertias);
        N::section(|| "Forces of gravity and of velocities".into());
        let mut force: Vec<N> = bias(model, scales, pose, &inertias, &velocities, v).into_iter().map(|bias| -(bias * scales.mass)).collect();
        N::section(|| "Springs, dampers, medium and actuators".into());
        add_passive(model, scales, q, v, &mut force);
        if model.density > 0.0 || model.viscosity > 0.0 {
            add_medium(model, pose, &velocities, &mut force);
        }
        let actuation = actuation(model, scales, q, v, u);
        for (total, &actuated) in force.iter_mut().zip(&actuation) {
            *total = *total + actuated;
        }
        for (i, force) in force.iter().enumerate() {
            force.named(|| format!("force_{i}"));
        }
        Smooth { mass, force, actuation }
    }
}

/// The inertia of each body about the origin of its tree.
fn inertias<N: Number>(model: &Model, pose: &Pose<N>) -> Vec<Inertia<N>> {
    (0..model.bodies.len()).map(|b| inertia(model, pose, b, pose.point(b, model.bodies[b].inertia_position))).collect()
}

/// The inertia of body `b`, whose centre of mass is at `centre`, about the origin.
pub(super) fn inertia<N: Number>(model: &Model, pose: &Pose<N>, b: usize, centre: Vector<N>) -> Inertia<N> {
    let body = &model.bodies[b];
    let axes: Matrix<f64> = fixed_rotation(body.inertia_orientation);
    let principal: Matrix<f64> = std::array::from_fn(|i| std::array::from_fn(|j| axes[i][j] * body.inertia[j]));
    let fixed = product(&principal, &transposed(&axes)).map(constant);
    let turned = product(&product(&pose.rotations[b], &fixed), &transposed(&pose.rotations[b]));
    Inertia::of_body(N::constant(body.mass), centre, &turned)
}

/// The velocity of each body (MuJoCo's `cvel`, about the origin of the tree).
pub fn velocities<N: Number>(model: &Model, pose: &Pose<N>, v: &[N]) -> Vec<Motion<N>> {
    let addresses = model.addresses();
    let mut velocities = vec![Motion::null()];
    for (b, body) in model.bodies.iter().enumerate().skip(1) {
        let freedoms = model.joints_of(b).flat_map(|j| (0..model.joints[j].kind.freedoms()).map(|k| addresses[j].v + k).collect::<Vec<_>>());
        velocities.push(freedoms.fold(velocities[body.parent], |sum, i| sum.plus(pose.axes[i].times(v[i]))));
    }
    velocities
}

/// Composite rigid bodies (Featherstone 2008, section 6.2).
fn mass_matrix<N: Number>(model: &Model, scales: &Scales<N>, pose: &Pose<N>, inertias: &[Inertia<N>]) -> Symmetric<N> {
    let mut composite = inertias.to_vec();
    for b in (1..model.bodies.len()).rev() {
        let parent = model.bodies[b].parent;
        if parent > 0 {
            composite[parent] = composite[parent].plus(composite[b]);
        }
    }
    let mut mass = Symmetric::new(model.freedoms());
    for (joint, address) in model.joints.iter().zip(model.addresses()) {
        for i in address.v..address.v + joint.kind.freedoms() {
            let momentum = composite[joint.body].apply(pose.axes[i]);
            mass.add(i, i, pose.axes[i].dot(momentum) * scales.mass + N::constant(joint.armature) * scales.armature);
            for k in model.chain(Some(i)).skip(1) {
                mass.add(i, k, pose.axes[k].dot(momentum) * scales.mass);
            }
        }
    }
    mass
}

/// The forces of gravity and of velocities with the model's own masses, by the recursion of Newton and Euler (Featherstone 2008, section 5.3).
fn bias<N: Number>(model: &Model, scales: &Scales<N>, pose: &Pose<N>, inertias: &[Inertia<N>], velocities: &[Motion<N>], v: &[N]) -> Vec<N> {
    let addresses = model.addresses();
    let mut accelerations = vec![Motion { angular: null(), linear: times(constant(model.gravity.map(|g| -g)), scales.gravity) }];
    let mut forces = vec![Force { torque: null(), force: null() }];
    for (b, body) in model.bodies.iter().enumerate().skip(1) {
        let (mut velocity, mut acceleration) = (velocities[body.parent], accelerations[body.parent]);
        for j in model.joints_of(b) {
            let first = addresses[j].v;
            // The axes of a free joint's rotations move with its translations, and not with each other.
            let groups = if model.joints[j].kind == JointKind::Free {
                vec![(first..first + 3, false), (first + 3..first + 6, true)]
            } else {
                vec![(first..first + 1, true)]
            };
            for (group, moves) in groups {
                let before = velocity;
                for i in group {
                    if moves {
                        acceleration = acceleration.plus(before.cross(pose.axes[i]).times(v[i]));
                    }
                    velocity = velocity.plus(pose.axes[i].times(v[i]));
                }
            }
        }
        accelerations.push(acceleration);
        forces.push(inertias[b].apply(acceleration).plus(velocity.cross_force(inertias[b].apply(velocity))));
    }
    for b in (1..model.bodies.len()).rev() {
        let parent = model.bodies[b].parent;
        forces[parent] = forces[parent].plus(forces[b]);
    }
    let mut bias = Vec::new();
    for (joint, address) in model.joints.iter().zip(&addresses) {
        bias.extend((address.v..address.v + joint.kind.freedoms()).map(|i| pose.axes[i].dot(forces[joint.body])));
    }
    bias
}

/// Springs and dampers.
fn add_passive<N: Number>(model: &Model, scales: &Scales<N>, q: &[N], v: &[N], force: &mut [N]) {
    for (joint, address) in model.joints.iter().zip(model.addresses()) {
        if joint.stiffness != 0.0 && joint.kind != JointKind::Free {
            let stretched = q[address.q] - N::constant(joint.spring_reference[0]);
            force[address.v] = force[address.v] - N::constant(joint.stiffness) * stretched;
        }
        for i in address.v..address.v + joint.kind.freedoms() {
            if joint.damping != 0.0 {
                force[i] = force[i] - N::constant(joint.damping) * scales.damping * v[i];
            }
        }
    }
}

/// Drag and viscous resistance of boxes with the bodies' inertia (MuJoCo's documentation, "Passive forces", inertia model).
fn add_medium<N: Number>(model: &Model, pose: &Pose<N>, velocities: &[Motion<N>], force: &mut [N]) {
    for (b, body) in model.bodies.iter().enumerate().skip(1).filter(|(_, body)| body.mass > 0.0) {
        let total: f64 = body.inertia.iter().sum();
        let size = body.inertia.map(|moment| (6.0 * (total - 2.0 * moment).max(0.0) / body.mass).sqrt());
        let frame = pose.frame(b, body.inertia_orientation);
        let to_frame = transposed(&frame);
        let centre = pose.point(b, body.inertia_position);
        let angular = apply(&to_frame, velocities[b].angular);
        let linear = apply(&to_frame, velocities[b].at(centre));
        let diameter = size.iter().sum::<f64>() / 3.0;
        let part = |i: usize| {
            let [a, c] = [size[(i + 1) % 3], size[(i + 2) % 3]];
            let drag = N::constant(0.5 * model.density * a * c) * linear[i].abs() + N::constant(3.0 * PI * diameter * model.viscosity);
            let turning = model.density * size[i] * (a.powi(4) + c.powi(4)) / 64.0;
            let spin = N::constant(turning) * angular[i].abs() + N::constant(PI * diameter.powi(3) * model.viscosity);
            (-(drag * linear[i]), -(spin * angular[i]))
        };
        let parts = [part(0), part(1), part(2)];
        let push: Vector<N> = apply(&frame, parts.map(|(push, _)| push));
        let applied = Force { torque: plus(apply(&frame, parts.map(|(_, torque)| torque)), cross(centre, push)), force: push };
        for i in model.chain(model.last_freedom(b)) {
            force[i] = force[i] + pose.axes[i].dot(applied);
        }
    }
}

/// The generalised forces of the actuators.
fn actuation<N: Number>(model: &Model, scales: &Scales<N>, q: &[N], v: &[N], u: &[N]) -> Vec<N> {
    let addresses = model.addresses();
    let mut forces = vec![N::zero(); model.freedoms()];
    for (actuator, &control) in model.actuators.iter().zip(u) {
        let address = addresses[actuator.joint];
        let control = actuator.control_range.map_or(control, |range| control.clamp(range));
        let [constant, stiffness, damping] = actuator.bias;
        let mut force = N::constant(actuator.gain) * control;
        if constant != 0.0 {
            force = force + N::constant(constant);
        }
        if stiffness != 0.0 {
            force = force + N::constant(stiffness * actuator.gear) * q[address.q];
        }
        if damping != 0.0 {
            force = force + N::constant(damping * actuator.gear) * v[address.v];
        }
        let force = force * scales.gain;
        let force = actuator.force_range.map_or(force, |range| force.clamp(range));
        forces[address.v] = forces[address.v] + N::constant(actuator.gear) * force;
    }
    for (joint, address) in model.joints.iter().zip(addresses) {
        if let Some(range) = joint.actuator_force_range {
            forces[address.v] = forces[address.v].clamp(range);
        }
    }
    forces
}
