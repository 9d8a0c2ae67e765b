//! Forward kinematics: where bodies are, and how each degree of freedom moves them.

use crate::physics::model::{JointKind, Model};
use crate::physics::number::Number;
use crate::physics::spatial::{
    Matrix, Motion, Vector, apply, column, constant, cross, fixed_rotation, identity, minus, null, plus, product, rotation, tidy, times, turn, unit,
};

/// The pose of every body. Positions are relative to the origin of the body's tree, which moves with its root, so that they stay exact far from the world's
/// origin.
#[derive(Debug, Clone)]
pub struct Pose<N> {
    /// Origin of the tree of each body, in the world.
    pub origins: Vec<Vector<N>>,
    /// Position of each body.
    pub positions: Vec<Vector<N>>,
    /// Orientation of each body.
    pub rotations: Vec<Matrix<N>>,
    /// For each degree of freedom, the motion that its velocity multiplies.
    pub axes: Vec<Motion<N>>,
}

impl<N: Number> Pose<N> {
    /// The pose for positions `q`.
    pub fn new(model: &Model, q: &[N]) -> Self {
        let addresses = model.addresses();
        let mut pose = Pose { origins: vec![null()], positions: vec![null()], rotations: vec![identity()], axes: Vec::new() };
        for (b, body) in model.bodies.iter().enumerate().skip(1) {
            N::section(|| format!("Body {}", body.label(b)));
            let parent = body.parent;
            let mut origin = pose.origins[parent];
            let mut position = plus(pose.positions[parent], apply(&pose.rotations[parent], constant(tidy(body.position))));
            let mut turned = product(&pose.rotations[parent], &fixed_rotation(body.orientation));
            // The tree's origin moves with the slides of its root.
            let moves_origin = parent == 0 && model.joints_of(b).next().is_some_and(|j| model.joints[j].kind == JointKind::Slide);
            if moves_origin {
                (origin, position) = (position, null());
            }
            for j in model.joints_of(b) {
                let joint = &model.joints[j];
                let at = addresses[j].q;
                match joint.kind {
                    JointKind::Free => {
                        (origin, position) = ([q[at], q[at + 1], q[at + 2]], null());
                        turned = rotation(unit([q[at + 3], q[at + 4], q[at + 5], q[at + 6]]));
                        let world = identity();
                        (0..3).for_each(|k| pose.axes.push(Motion { angular: null(), linear: column(&world, k) }));
                        (0..3).for_each(|k| pose.axes.push(Motion { angular: column(&turned, k), linear: null() }));
                    }
                    JointKind::Slide => {
                        let axis = apply(&turned, constant(tidy(joint.axis)));
                        let way = times(axis, q[at] - N::constant(joint.reference[0]));
                        let moved = if moves_origin { &mut origin } else { &mut position };
                        *moved = plus(*moved, way);
                        pose.axes.push(Motion { angular: null(), linear: axis });
                    }
                    JointKind::Hinge => {
                        let (axis, anchor) = (tidy(joint.axis), constant(tidy(joint.position)));
                        let angle = q[at] - N::constant(joint.reference[0]);
                        let centre = plus(position, apply(&turned, anchor));
                        let angular = apply(&turned, constant(axis));
                        let (sin, cos) = (angle.sin().named(|| format!("sin_{}", joint.label(j))), angle.cos().named(|| format!("cos_{}", joint.label(j))));
                        turned = product(&turned, &turn(axis, sin, cos));
                        position = minus(centre, apply(&turned, anchor));
                        pose.axes.push(Motion { angular, linear: cross(centre, angular) });
                    }
                }
            }
            pose.origins.push(origin);
            pose.positions.push(position);
            pose.rotations.push(turned);
        }
        pose
    }

    /// Where a point of body `b` is, relative to the tree's origin.
    pub fn point(&self, b: usize, point: [f64; 3]) -> Vector<N> {
        plus(self.positions[b], apply(&self.rotations[b], constant(tidy(point))))
    }

    /// The axes of a frame that is fixed to body `b`.
    pub fn frame(&self, b: usize, orientation: [f64; 4]) -> Matrix<N> {
        product(&self.rotations[b], &fixed_rotation(orientation))
    }
}
