//! Positions and orientations, in the ways that MJCF writes them.

use crate::physics::spatial::{cross, dot, quaternion_product, unit};

/// A quaternion w, x, y, z.
pub type Quaternion = [f64; 4];

/// No rotation.
pub const IDENTITY: Quaternion = [1.0, 0.0, 0.0, 0.0];

/// The rotation by `angle` rad about an axis of any length.
pub fn about(axis: [f64; 3], angle: f64) -> Quaternion {
    let length = dot(axis, axis).sqrt();
    let s = (0.5 * angle).sin() / length;
    [(0.5 * angle).cos(), axis[0] * s, axis[1] * s, axis[2] * s]
}

/// The shortest rotation of the z axis to a direction.
pub fn from_z(direction: [f64; 3]) -> Quaternion {
    let length = dot(direction, direction).sqrt();
    let to = direction.map(|x| x / length);
    let axis = cross([0.0, 0.0, 1.0], to);
    let sine = dot(axis, axis).sqrt();
    about(if sine < 1e-10 { [1.0, 0.0, 0.0] } else { axis }, sine.atan2(to[2]))
}

/// The rotation whose matrix has these columns, which are orthogonal and of length 1.
pub fn from_axes([x, y, z]: [[f64; 3]; 3]) -> Quaternion {
    let (xx, yy, zz) = (x[0], y[1], z[2]);
    let q = if xx + yy + zz > 0.0 {
        let w = 0.5 * (1.0 + xx + yy + zz).sqrt();
        [w, 0.25 * (y[2] - z[1]) / w, 0.25 * (z[0] - x[2]) / w, 0.25 * (x[1] - y[0]) / w]
    } else if xx > yy && xx > zz {
        let a = 0.5 * (1.0 + xx - yy - zz).sqrt();
        [0.25 * (y[2] - z[1]) / a, a, 0.25 * (y[0] + x[1]) / a, 0.25 * (z[0] + x[2]) / a]
    } else if yy > zz {
        let a = 0.5 * (1.0 - xx + yy - zz).sqrt();
        [0.25 * (z[0] - x[2]) / a, 0.25 * (y[0] + x[1]) / a, a, 0.25 * (z[1] + y[2]) / a]
    } else {
        let a = 0.5 * (1.0 - xx - yy + zz).sqrt();
        [0.25 * (x[1] - y[0]) / a, 0.25 * (z[0] + x[2]) / a, 0.25 * (z[1] + y[2]) / a, a]
    };
    unit(q)
}

/// The rotation from x and y axes, of which the second is made orthogonal to the first; none if they are parallel or null.
pub fn from_xy(x: [f64; 3], y: [f64; 3]) -> Option<Quaternion> {
    let normalized = |v: [f64; 3]| {
        let length = dot(v, v).sqrt();
        (length > 1e-14).then(|| v.map(|x| x / length))
    };
    let x = normalized(x)?;
    let along = dot(x, y);
    let y = normalized([y[0] - along * x[0], y[1] - along * x[1], y[2] - along * x[2]])?;
    Some(from_axes([x, y, cross(x, y)]))
}

/// Three rotations about axes, by `sequence`: small letters for axes that move along, capitals for fixed ones.
pub fn from_euler(angles: [f64; 3], sequence: &str) -> Quaternion {
    sequence.chars().zip(angles).fold(IDENTITY, |q, (letter, angle)| {
        let axis = ['x', 'y', 'z'].map(|axis| if letter.eq_ignore_ascii_case(&axis) { 1.0 } else { 0.0 });
        let turn = about(axis, angle);
        if letter.is_lowercase() { quaternion_product(q, turn) } else { quaternion_product(turn, q) }
    })
}
