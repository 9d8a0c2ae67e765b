//! Sensors: what a forward computation leaves to be read, as MuJoCo's `mjData` does.

use crate::physics::dynamics::{inertia, velocities};
use crate::physics::kinematics::Pose;
use crate::physics::model::{Model, identifier};
use crate::physics::number::Number;
use crate::physics::rows::Rows;
use crate::physics::spatial::{Force, Inertia, Vector, minus, null, plus, times};
use std::cell::LazyCell;
use std::collections::HashMap;

/// A frame that moves with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// That of a body.
    Body(usize),
    /// A site.
    Site(usize),
}

/// A quantity that can be read after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensor {
    /// Position in the world, m (`xpos`, `site_xpos`).
    Position(Frame),
    /// Axes of the frame in the world, by columns (`xmat`, `site_xmat`).
    Rotation(Frame),
    /// Velocity of the frame's origin, in the world's axes, m/s.
    Velocity(Frame),
    /// Angular velocity, in the world's axes, rad/s.
    AngularVelocity(Frame),
    /// Inertia of a body about the centre of mass of its tree, in the world's axes: xx, yy, zz, xy, xz, yz in kg m², mass times the centre of mass in kg m, mass
    /// in kg (`cinert`).
    Inertia(usize),
    /// Angular velocity of a body, rad/s, and velocity of the point of it that is at the centre of mass of its tree, m/s, in the world's axes (`cvel`).
    CentralVelocity(usize),
    /// Centre of mass of a body and all bodies that it carries, in the world, m (`subtree_com`).
    SubtreeCentre(usize),
    /// Force of all contacts on a body, in the world's axes, N (the second half of `cfrc_ext`).
    ContactForce(usize),
    /// Torque of all contacts on a body about the centre of mass of its tree, in the world's axes, N m (the first half of `cfrc_ext`).
    ContactTorque(usize),
    /// Force of all constraints along a joint that is a slide or hinge (`qfrc_constraint`), N or N m.
    ConstraintForce(usize),
    /// Force of all actuators along a joint that is a slide or hinge (`qfrc_actuator`), N or N m.
    ActuatorForce(usize),
}

impl Sensor {
    /// The sensors that a model has, with the names of their fields: `body_NAME_position`, `site_NAME_velocity`, `joint_NAME_actuator_force` and so on. What has
    /// no name goes by its index.
    pub fn all(model: &Model) -> Vec<(String, Sensor)> {
        let of_frame = |name: String, frame: Frame| {
            let kinds = [("position", Sensor::Position(frame)), ("rotation", Sensor::Rotation(frame)), ("velocity", Sensor::Velocity(frame))];
            kinds.into_iter().chain([("angular_velocity", Sensor::AngularVelocity(frame))]).map(move |(kind, sensor)| (format!("{name}_{kind}"), sensor))
        };
        let mut sensors = Vec::new();
        for (b, body) in model.bodies.iter().enumerate().skip(1) {
            let name = format!("body_{}", identifier(&body.label(b)));
            sensors.push((format!("{name}_contact_force"), Sensor::ContactForce(b)));
            sensors.push((format!("{name}_contact_torque"), Sensor::ContactTorque(b)));
            sensors.push((format!("{name}_cinert"), Sensor::Inertia(b)));
            sensors.push((format!("{name}_cvel"), Sensor::CentralVelocity(b)));
            sensors.push((format!("{name}_subtree_com"), Sensor::SubtreeCentre(b)));
            sensors.extend(of_frame(name, Frame::Body(b)));
        }
        for (s, site) in model.sites.iter().enumerate() {
            sensors.extend(of_frame(format!("site_{}", site.label(s)), Frame::Site(s)));
        }
        for (j, joint) in model.joints.iter().enumerate().filter(|(_, joint)| joint.kind.freedoms() == 1) {
            sensors.push((format!("joint_{}_constraint_force", joint.label(j)), Sensor::ConstraintForce(j)));
            sensors.push((format!("joint_{}_actuator_force", joint.label(j)), Sensor::ActuatorForce(j)));
        }
        sensors
    }

    /// Its numbers.
    pub fn size(self) -> usize {
        match self {
            Sensor::Inertia(_) => 10,
            Sensor::CentralVelocity(_) => 6,
            Sensor::Position(_)
            | Sensor::SubtreeCentre(_)
            | Sensor::Velocity(_)
            | Sensor::AngularVelocity(_)
            | Sensor::ContactForce(_)
            | Sensor::ContactTorque(_) => 3,
            Sensor::Rotation(_) => 9,
            Sensor::ConstraintForce(_) | Sensor::ActuatorForce(_) => 1,
        }
    }

    /// The body whose contacts it is about.
    fn touched(self) -> Option<usize> {
        match self {
            Sensor::ContactForce(b) | Sensor::ContactTorque(b) => Some(b),
            _ => None,
        }
    }

    /// Whether it depends on accelerations or controls.
    pub fn is_of_forces(self) -> bool {
        matches!(self, Sensor::ContactForce(_) | Sensor::ContactTorque(_) | Sensor::ConstraintForce(_) | Sensor::ActuatorForce(_))
    }
}

/// A forward computation.
pub struct Computed<'a, N: Number> {
    /// The pose.
    pub pose: &'a Pose<N>,
    /// The constraints.
    pub constraints: &'a Rows<N>,
    /// Velocities.
    pub v: &'a [N],
    /// The generalised forces of actuators.
    pub actuation: &'a [N],
    /// The acceleration under them.
    pub acceleration: &'a [N],
    /// Factor of masses and inertias.
    pub mass: N,
}

/// The centre of mass of the tree of body `b`, relative to its origin.
fn centre<N: Number>(model: &Model, pose: &Pose<N>, b: usize) -> Vector<N> {
    centre_from(model, pose, model.roots()[b])
}

/// The centre of mass of body `first` and all that it carries, relative to the origin of its tree.
fn centre_from<N: Number>(model: &Model, pose: &Pose<N>, first: usize) -> Vector<N> {
    let carried = |mut b: usize| {
        while b > first {
            b = model.bodies[b].parent;
        }
        b == first
    };
    let bodies = || (0..model.bodies.len()).filter(|&other| carried(other));
    let total: f64 = bodies().map(|other| model.bodies[other].mass).sum();
    if total <= 0.0 {
        return pose.point(first, model.bodies[first].inertia_position);
    }
    let share = |other: usize| times(pose.point(other, model.bodies[other].inertia_position), N::constant(model.bodies[other].mass / total));
    bodies().map(share).fold(null(), plus)
}

/// What `sensors` read, one after the other.
pub fn read<N: Number>(model: &Model, sensors: &[Sensor], computed: &Computed<N>) -> Vec<N> {
    let pose = computed.pose;
    let place = |frame: Frame| match frame {
        Frame::Body(b) => (b, pose.positions[b]),
        Frame::Site(s) => (model.sites[s].body, pose.point(model.sites[s].body, model.sites[s].position)),
    };
    // Several sensors read parts of these, which are long.
    let contact_forces: LazyCell<HashMap<usize, Force<N>>, _> = LazyCell::new(|| {
        let mut bodies: Vec<usize> = sensors.iter().filter_map(|sensor| sensor.touched()).collect();
        bodies.sort_unstable();
        bodies.dedup();
        let about: Vec<_> = bodies.iter().map(|&b| (b, centre(model, pose, b))).collect();
        bodies.into_iter().zip(computed.constraints.contact_forces(computed.acceleration, &about)).collect()
    });
    let forces = LazyCell::new(|| computed.constraints.forces(computed.acceleration));
    let mut found = Vec::new();
    for &sensor in sensors {
        match sensor {
            Sensor::Position(frame) => {
                let (b, point) = place(frame);
                found.extend(plus(pose.origins[b], point));
            }
            Sensor::Rotation(frame) => {
                let axes = match frame {
                    Frame::Body(b) => pose.rotations[b],
                    Frame::Site(s) => pose.frame(model.sites[s].body, model.sites[s].orientation),
                };
                (0..3).for_each(|j| found.extend((0..3).map(|i| axes[i][j])));
            }
            Sensor::Velocity(frame) => {
                let (b, point) = place(frame);
                found.extend(velocities(model, pose, computed.v)[b].at(point));
            }
            Sensor::AngularVelocity(frame) => found.extend(velocities(model, pose, computed.v)[place(frame).0].angular),
            Sensor::Inertia(b) => {
                let from_centre = minus(pose.point(b, model.bodies[b].inertia_position), centre(model, pose, b));
                let Inertia { rotational: r, first, mass } = inertia(model, pose, b, from_centre);
                let numbers = [r[0][0], r[1][1], r[2][2], r[0][1], r[0][2], r[1][2], first[0], first[1], first[2], mass];
                found.extend(numbers.map(|number| number * computed.mass));
            }
            Sensor::CentralVelocity(b) => {
                let velocity = velocities(model, pose, computed.v)[b];
                found.extend(velocity.angular);
                found.extend(velocity.at(centre(model, pose, b)));
            }
            Sensor::SubtreeCentre(b) => found.extend(plus(pose.origins[b], centre_from(model, pose, b))),
            Sensor::ContactForce(b) => found.extend(contact_forces[&b].force),
            Sensor::ContactTorque(b) => found.extend(contact_forces[&b].torque),
            Sensor::ConstraintForce(j) => found.push(forces[model.addresses()[j].v]),
            Sensor::ActuatorForce(j) => found.push(computed.actuation[model.addresses()[j].v]),
        }
    }
    found
}
