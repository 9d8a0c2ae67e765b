//! Masses and inertias of shapes, and of bodies made of them.

use crate::mjcf::frame::{Quaternion, from_axes};
use crate::physics::model::Shape;
use crate::physics::spatial::{Matrix, apply, cross, dot, product, rotation, transposed};
use std::f64::consts::PI;

/// A rigid body, or a part of one.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Mass, kg.
    pub mass: f64,
    /// Centre of mass.
    pub position: [f64; 3],
    /// Orientation of the principal axes.
    pub orientation: Quaternion,
    /// Principal moments about the centre of mass, kg m².
    pub moments: [f64; 3],
}

/// Volume of a shape, m³; planes have none.
pub fn volume(shape: Shape, [a, b, c]: [f64; 3]) -> f64 {
    match shape {
        Shape::Plane => 0.0,
        Shape::Sphere => 4.0 / 3.0 * PI * a.powi(3),
        Shape::Capsule => 2.0 * PI * a * a * b + 4.0 / 3.0 * PI * a.powi(3),
        Shape::Cylinder => 2.0 * PI * a * a * b,
        Shape::Box => 8.0 * a * b * c,
    }
}

/// Principal moments of a solid of a given mass, about its centre.
pub fn moments(shape: Shape, mass: f64, [a, b, c]: [f64; 3]) -> [f64; 3] {
    match shape {
        Shape::Plane => [0.0; 3],
        Shape::Sphere => [0.4 * mass * a * a; 3],
        Shape::Cylinder => cylinder(mass, a, 2.0 * b),
        Shape::Capsule => {
            let length = 2.0 * b;
            // Both halves of the sphere together, by volume.
            let ends = mass * 4.0 * a / (4.0 * a + 3.0 * length);
            let [across, _, along] = cylinder(mass - ends, a, length);
            let sphere = 0.4 * ends * a * a;
            // The halves' centres of mass are 3/8 of the radius beyond the ends of the cylinder.
            let across = across + sphere + ends * length * (3.0 * a + 2.0 * length) / 8.0;
            [across, across, along + sphere]
        }
        Shape::Box => [b * b + c * c, a * a + c * c, a * a + b * b].map(|squares| mass * squares / 3.0),
    }
}

fn cylinder(mass: f64, radius: f64, length: f64) -> [f64; 3] {
    let across = mass * (3.0 * radius * radius + length * length) / 12.0;
    [across, across, 0.5 * mass * radius * radius]
}

/// The parts as one.
pub fn together(parts: &[Part]) -> Part {
    if let [part] = parts {
        return *part;
    }
    let mass: f64 = parts.iter().map(|part| part.mass).sum();
    let position = std::array::from_fn(|i| parts.iter().map(|part| part.mass * part.position[i]).sum::<f64>() / mass);
    let mut full = [[0.0; 3]; 3];
    for part in parts {
        let axes: Matrix<f64> = rotation(part.orientation);
        let scaled: Matrix<f64> = std::array::from_fn(|i| std::array::from_fn(|j| axes[i][j] * part.moments[j]));
        let own = product(&scaled, &transposed(&axes));
        let way: [f64; 3] = std::array::from_fn(|i| part.position[i] - position[i]);
        for i in 0..3 {
            for j in 0..3 {
                let square = if i == j { dot(way, way) } else { 0.0 };
                full[i][j] += own[i][j] + part.mass * (square - way[i] * way[j]);
            }
        }
    }
    let (orientation, moments) = principal(&full);
    Part { mass, position, orientation, moments }
}

/// Principal axes and moments of a symmetric matrix, the largest moment first (Jacobi's method: Golub and Van Loan, "Matrix Computations", section 8.5).
pub fn principal(full: &Matrix<f64>) -> (Quaternion, [f64; 3]) {
    /// Each sweep squares what is left beside the diagonal.
    const SWEEPS: usize = 30;
    let (mut a, mut axes) = (*full, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    for _ in 0..SWEEPS {
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            if a[p][q] == 0.0 {
                continue;
            }
            let ratio = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
            let tangent = ratio.signum() / (ratio.abs() + (1.0 + ratio * ratio).sqrt());
            let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
            let mut turn: Matrix<f64> = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
            (turn[p][p], turn[q][q], turn[p][q], turn[q][p]) = (cosine, cosine, tangent * cosine, -tangent * cosine);
            a = product(&product(&transposed(&turn), &a), &turn);
            (a[p][q], a[q][p]) = (0.0, 0.0);
            axes = product(&axes, &turn);
        }
    }
    let mut order = [0, 1, 2];
    order.sort_by(|&i, &j| a[j][j].total_cmp(&a[i][i]));
    let column = |j: usize| std::array::from_fn(|i| axes[i][order[j]]);
    let (x, y): ([f64; 3], [f64; 3]) = (column(0), column(1));
    (from_axes([x, y, cross(x, y)]), order.map(|i| a[i][i]))
}

/// A point of a frame, in the frame's parent.
pub fn placed(position: [f64; 3], orientation: Quaternion, point: [f64; 3]) -> [f64; 3] {
    let turned = apply(&rotation(orientation), point);
    std::array::from_fn(|i| position[i] + turned[i])
}
