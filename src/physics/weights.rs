//! Inverse inertias in the reference pose, by which constraints are scaled.

use crate::physics::dynamics::Smooth;
use crate::physics::kinematics::Pose;
use crate::physics::model::{JointKind, Model};
use crate::physics::scales::Scales;
use crate::physics::spatial::{column, dot, identity};

/// Whether a body has nothing but slides along its axes, from where its parent is fixed. MuJoCo takes the mean of its inverse inertia over those alone.
fn only_slides(model: &Model, b: usize) -> bool {
    let body = &model.bodies[b];
    let mut axes: Vec<[f64; 3]> = model.joints_of(b).map(|j| model.joints[j].axis.map(f64::abs)).collect();
    let count = axes.len();
    axes.dedup();
    count == axes.len()
        && axes.iter().all(|axis| axis.contains(&1.0))
        && model.joints_of(b).all(|j| model.joints[j].kind == JointKind::Slide)
        && model.last_freedom(body.parent).is_none()
        && model.bodies.iter().all(|other| other.parent != b)
        && body.inertia_position == [0.0; 3]
        && body.inertia_orientation == [1.0, 0.0, 0.0, 0.0]
}

/// Sets `inverse_weight` of bodies and `inverse_weights` of joints (MuJoCo's `body_invweight0` and `dof_invweight0`).
pub fn set(model: &mut Model) {
    let n = model.freedoms();
    let reference = model.reference();
    let pose = Pose::new(model, &reference);
    let mass = Smooth::new(model, &Scales::none(), &pose, &reference, &vec![0.0; n], &vec![0.0; model.actuators.len()]).mass;
    let solved = |right: &[f64]| mass.clone().solve(right);
    let unit = |i: usize| (0..n).map(|j| f64::from(u8::from(i == j))).collect::<Vec<_>>();
    let diagonal: Vec<f64> = (0..n).map(|i| solved(&unit(i))[i]).collect();
    let mut first = 0;
    for joint in &mut model.joints {
        let own = &diagonal[first..first + joint.kind.freedoms()];
        let mean = |part: &[f64]| part.iter().sum::<f64>() / 3.0;
        joint.inverse_weights = if joint.kind == JointKind::Free { [[mean(&own[..3]); 3], [mean(&own[3..]); 3]].concat() } else { own.to_vec() };
        first += joint.kind.freedoms();
    }
    let weights: Vec<f64> = (0..model.bodies.len())
        .map(|b| {
            let Some(last) = model.last_freedom(b) else { return 0.0 };
            if only_slides(model, b) {
                return 1.0 / model.bodies[b].mass;
            }
            let centre = pose.point(b, model.bodies[b].inertia_position);
            // Of the velocity of the centre of mass along each axis of the world.
            let along = |k: usize| {
                let axis = column(&identity::<f64>(), k);
                let mut row = vec![0.0; n];
                model.chain(Some(last)).for_each(|i| row[i] = dot(axis, pose.axes[i].at(centre)));
                let moved = solved(&row);
                row.iter().zip(moved).map(|(a, b)| a * b).sum::<f64>()
            };
            (along(0) + along(1) + along(2)) / 3.0
        })
        .collect();
    for (body, weight) in model.bodies.iter_mut().zip(weights) {
        body.inverse_weight = weight;
    }
}
