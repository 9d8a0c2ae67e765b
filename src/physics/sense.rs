//! Sensors: what a forward computation leaves to be read, as MuJoCo's `mjData` does.

use crate::physics::constraint::Constraint;
use crate::physics::dynamics::velocities;
use crate::physics::kinematics::Pose;
use crate::physics::model::{Model, identifier};
use crate::physics::number::Number;
use crate::physics::spatial::plus;

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
    /// Force of all constraints along a joint that is a slide or hinge (`qfrc_constraint`), N or N m.
    ConstraintForce(usize),
}

/// What sensors read.
const KINDS: [&str; 4] = ["position", "rotation", "velocity", "angular_velocity"];

impl Sensor {
    /// The sensors that a model has, with the names of their fields: `body_NAME_position`, `site_NAME_velocity`, `joint_NAME_constraint_force` and so on. Those of
    /// things without a name are left out.
    pub fn all(model: &Model) -> Vec<(String, Sensor)> {
        let bodies = model.bodies.iter().enumerate().skip(1).map(|(b, body)| (format!("body_{}", identifier(&body.name)), body.name.is_empty(), Frame::Body(b)));
        let sites = model.sites.iter().enumerate().map(|(s, site)| (format!("site_{}", identifier(&site.name)), site.name.is_empty(), Frame::Site(s)));
        let of_frame = |(name, unnamed, frame): (String, bool, Frame)| {
            let sensors = [Sensor::Position, Sensor::Rotation, Sensor::Velocity, Sensor::AngularVelocity];
            let named = KINDS.iter().zip(sensors).map(move |(kind, sensor)| (format!("{name}_{kind}"), sensor(frame)));
            named.filter(move |_| !unnamed)
        };
        let forces = model.joints.iter().enumerate().filter(|(_, joint)| !joint.name.is_empty() && joint.kind.freedoms() == 1);
        let forces = forces.map(|(j, joint)| (format!("joint_{}_constraint_force", identifier(&joint.name)), Sensor::ConstraintForce(j)));
        bodies.chain(sites).flat_map(of_frame).chain(forces).collect()
    }

    /// Its numbers.
    pub fn size(self) -> usize {
        match self {
            Sensor::Position(_) | Sensor::Velocity(_) | Sensor::AngularVelocity(_) => 3,
            Sensor::Rotation(_) => 9,
            Sensor::ConstraintForce(_) => 1,
        }
    }
}

/// A forward computation.
pub struct Computed<'a, N: Number> {
    /// The pose.
    pub pose: &'a Pose<N>,
    /// The constraints.
    pub constraints: &'a [Constraint<N>],
    /// Velocities.
    pub v: &'a [N],
    /// The acceleration under them.
    pub acceleration: &'a [N],
}

/// What `sensors` read, one after the other.
pub fn read<N: Number>(model: &Model, sensors: &[Sensor], computed: &Computed<N>) -> Vec<N> {
    let pose = computed.pose;
    let place = |frame: Frame| match frame {
        Frame::Body(b) => (b, pose.positions[b]),
        Frame::Site(s) => (model.sites[s].body, pose.point(model.sites[s].body, model.sites[s].position)),
    };
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
            Sensor::ConstraintForce(j) => {
                let forces = crate::physics::constraint::forces(computed.constraints, computed.acceleration);
                found.push(forces[model.addresses()[j].v]);
            }
        }
    }
    found
}
