//! All constraints of a robot.

use crate::physics::collide::{Pair, contacts, pairs};
use crate::physics::constraint::{self, Constraint, Law, Row, add_forces};
use crate::physics::crowd::{self, Crowd};
use crate::physics::kinematics::Pose;
use crate::physics::model::{JointKind, Model};
use crate::physics::number::Number;
use crate::physics::scales::Scales;
use crate::physics::spatial::{Force, Vector, cross, dot, minus};

/// What does not depend on the state: the pairs of geoms.
#[derive(Debug, Clone)]
pub struct Constraints {
    pairs: Vec<Pair>,
    crowds: Vec<Vec<Pair>>,
}

/// The constraints in a state.
pub struct Rows<N> {
    /// Those with a text each. With that of a contact are the bodies that touch.
    pub single: Vec<(Constraint<N>, Option<[usize; 2]>)>,
    /// Contacts of many pairs.
    pub crowds: Vec<Crowd<N>>,
}

impl Constraints {
    /// Those of a model.
    pub fn new(model: &Model) -> Self {
        let (pairs, crowds) = crowd::divide(model, pairs(model));
        Constraints { pairs, crowds }
    }

    /// The constraints in a state.
    pub fn rows<N: Number>(&self, model: &Model, scales: &Scales<N>, pose: &Pose<N>, q: &[N], v: &[N]) -> Rows<N> {
        let addresses = model.addresses();
        let mut single = Vec::new();
        for (joint, address) in model.joints.iter().zip(&addresses) {
            for k in (0..joint.kind.freedoms()).filter(|_| joint.friction_loss > 0.0 && !model.without.friction_loss) {
                let freedom = address.v + k;
                single.push((Constraint::friction(model, joint, k, freedom, v[freedom]), None));
            }
        }
        for (joint, address) in model.joints.iter().zip(&addresses) {
            if joint.limited && joint.kind != JointKind::Free && !model.without.limits {
                N::section(|| format!("Limit of {}", joint.name));
                single.extend(Constraint::limits(model, joint, address.v, q[address.q], v[address.v]).into_iter().map(|limit| (limit, None)));
            }
        }
        for pair in &self.pairs {
            N::section(|| format!("Contact of {} and {}", model.geom_label(pair.geoms[0]), model.geom_label(pair.geoms[1])));
            let law = Law::new(model, scales, pair);
            let bodies = pair.geoms.map(|g| model.geoms[g].body);
            let inverse_weight = N::constant(bodies.iter().map(|&b| model.bodies[b].inverse_weight).sum());
            for contact in contacts(model, pose, pair) {
                let acts = law.acts(contact.distance);
                let jacobians = contact.axes.iter().map(|&axis| jacobian(model, pose, bodies, contact.points, axis)).collect();
                single.push((law.constraint(contact, jacobians, inverse_weight, v).only(acts), Some(bodies)));
            }
        }
        let crowds = self.crowds.iter().map(|pairs| {
            N::section(|| format!("Contacts of {} pairs", pairs.len()));
            Crowd::new(model, scales, pose, pairs, v)
        });
        Rows { single, crowds: crowds.collect() }
    }
}

/// How the degrees of freedom move the second body's point relative to the first body's along `axis`.
fn jacobian<N: Number>(model: &Model, pose: &Pose<N>, bodies: [usize; 2], points: [Vector<N>; 2], axis: Vector<N>) -> Row<N> {
    let mut factors: Vec<Option<N>> = vec![None; model.freedoms()];
    for (side, sign) in [(1, 1.0), (0, -1.0)] {
        for i in model.chain(model.last_freedom(bodies[side])) {
            let along = N::constant(sign) * dot(axis, pose.axes[i].at(points[side]));
            factors[i] = Some(factors[i].map_or(along, |other| other + along));
        }
    }
    factors.into_iter().enumerate().filter_map(|(i, factor)| factor.filter(|x| !x.is_zero()).map(|x| (i, x))).collect()
}

impl<N: Number> Rows<N> {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.single.is_empty() && self.crowds.is_empty()
    }

    /// The generalised force of all constraints at an acceleration.
    pub fn forces(&self, a: &[N]) -> Vec<N> {
        let mut forces = vec![N::zero(); a.len()];
        for (constraint, _) in &self.single {
            N::branch(constraint.acts(), &mut forces, |forces| add_forces(forces, constraint, &constraint::forces(constraint, a)));
        }
        self.crowds.iter().for_each(|crowd| crowd.add_forces(&mut forces, a));
        forces
    }

    /// The force of all contacts on `bodies` at an acceleration, each about a point relative to the body's tree (MuJoCo's `cfrc_ext`, if the point is the tree's
    /// centre of mass).
    pub fn contact_forces(&self, a: &[N], bodies: &[(usize, Vector<N>)]) -> Vec<Force<N>> {
        let on_body = |&(body, about): &(usize, Vector<N>)| {
            let mut state = [N::zero(); 6];
            for (constraint, of) in &self.single {
                let Some(side) = of.and_then(|of| of.iter().position(|&other| other == body)) else { continue };
                N::branch(constraint.acts(), &mut state, |state| {
                    let Some((contact, force)) = constraint::contact_force(constraint, a) else { return };
                    let force = if side == 0 { force.map(|x| -x) } else { force };
                    let torque = cross(minus(contact.points[side], about), force);
                    for (total, part) in state.iter_mut().zip(torque.into_iter().chain(force)) {
                        *total = *total + part;
                    }
                });
            }
            let [x, y, z, force @ ..] = state;
            Force { torque: [x, y, z], force }
        };
        let mut total: Vec<Force<N>> = bodies.iter().map(on_body).collect();
        self.crowds.iter().for_each(|crowd| crowd.add_contact_forces(&mut total, a, bodies));
        total
    }
}
