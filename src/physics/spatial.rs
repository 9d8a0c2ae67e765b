//! Vectors, rotations and spatial algebra (Featherstone 2008, chapter 2). Spatial quantities are about the origin of the tree that a body belongs to, in world
//! axes.

use crate::physics::number::Number;

/// A vector, metres unless stated otherwise.
pub type Vector<N> = [N; 3];
/// A matrix, by rows.
pub type Matrix<N> = [[N; 3]; 3];

/// The constants of a vector.
pub fn constant<N: Number>(vector: [f64; 3]) -> Vector<N> {
    vector.map(N::constant)
}

/// The null vector.
pub fn null<N: Number>() -> Vector<N> {
    constant([0.0; 3])
}

/// a + b.
pub fn plus<N: Number>(a: Vector<N>, b: Vector<N>) -> Vector<N> {
    std::array::from_fn(|i| a[i] + b[i])
}

/// a − b.
pub fn minus<N: Number>(a: Vector<N>, b: Vector<N>) -> Vector<N> {
    std::array::from_fn(|i| a[i] - b[i])
}

/// a times a number.
pub fn times<N: Number>(a: Vector<N>, factor: N) -> Vector<N> {
    a.map(|x| x * factor)
}

/// a · b.
pub fn dot<N: Number>(a: Vector<N>, b: Vector<N>) -> N {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// a × b.
pub fn cross<N: Number>(a: Vector<N>, b: Vector<N>) -> Vector<N> {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// A x.
pub fn apply<N: Number>(a: &Matrix<N>, x: Vector<N>) -> Vector<N> {
    a.map(|row| dot(row, x))
}

/// A B.
pub fn product<N: Number>(a: &Matrix<N>, b: &Matrix<N>) -> Matrix<N> {
    let columns = transposed(b);
    a.map(|row| columns.map(|column| dot(row, column)))
}

/// The transposed matrix.
pub fn transposed<N: Number>(a: &Matrix<N>) -> Matrix<N> {
    std::array::from_fn(|i| std::array::from_fn(|j| a[j][i]))
}

/// Column `j`.
pub fn column<N: Number>(a: &Matrix<N>, j: usize) -> Vector<N> {
    std::array::from_fn(|i| a[i][j])
}

/// The unit matrix.
pub fn identity<N: Number>() -> Matrix<N> {
    std::array::from_fn(|i| std::array::from_fn(|j| N::constant(f64::from(u8::from(i == j)))))
}

/// The rotation of a unit quaternion w, x, y, z.
pub fn rotation<N: Number>([w, x, y, z]: [N; 4]) -> Matrix<N> {
    let two = N::constant(2.0);
    let diagonal = |a: N, b: N| N::one() - two * (a * a + b * b);
    [
        [diagonal(y, z), two * (x * y - w * z), two * (x * z + w * y)],
        [two * (x * y + w * z), diagonal(x, z), two * (y * z - w * x)],
        [two * (x * z - w * y), two * (y * z + w * x), diagonal(x, y)],
    ]
}

/// The rotation of a model's quaternion, with entries within rounding of −1, 0 and 1 put there, so that planar models stay planar.
pub fn fixed_rotation<N: Number>(quaternion: [f64; 4]) -> Matrix<N> {
    rotation(quaternion).map(|row| tidy(row).map(N::constant))
}

/// A model's vector, with entries within rounding of −1, 0 and 1 put there.
pub fn tidy(vector: [f64; 3]) -> [f64; 3] {
    /// Model files have fewer digits, and a compiler's rounding is smaller.
    const ROUNDING: f64 = 1e-14;
    vector.map(|x| [-1.0, 0.0, 1.0].into_iter().find(|near| (x - near).abs() < ROUNDING).unwrap_or(x))
}

/// The rotation by an angle about a constant axis of length 1 (Rodrigues' formula).
pub fn turn<N: Number>(axis: [f64; 3], sin: N, cos: N) -> Matrix<N> {
    let rest = N::one() - cos;
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            if i == j {
                return if axis[i].abs() == 1.0 { N::one() } else { N::constant(axis[i] * axis[i]) * rest + cos };
            }
            let third = axis[3 - i - j];
            let sign = if (j + 3 - i) % 3 == 1 { -1.0 } else { 1.0 };
            N::constant(axis[i] * axis[j]) * rest + N::constant(sign * third) * sin
        })
    })
}

/// The product of two quaternions.
pub fn quaternion_product<N: Number>(a: [N; 4], b: [N; 4]) -> [N; 4] {
    [
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    ]
}

/// A quaternion of length 1.
pub fn unit<N: Number>(q: [N; 4]) -> [N; 4] {
    let length = (q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]).sqrt();
    q.map(|x| x / length)
}

/// A spatial velocity, acceleration or axis.
#[derive(Debug, Clone, Copy)]
pub struct Motion<N> {
    /// Angular part.
    pub angular: Vector<N>,
    /// Linear part, of the point at the origin.
    pub linear: Vector<N>,
}

impl<N: Number> Motion<N> {
    /// No motion.
    pub fn null() -> Self {
        Motion { angular: null(), linear: null() }
    }

    /// The sum.
    pub fn plus(self, other: Self) -> Self {
        Motion { angular: plus(self.angular, other.angular), linear: plus(self.linear, other.linear) }
    }

    /// Times a number.
    pub fn times(self, factor: N) -> Self {
        Motion { angular: times(self.angular, factor), linear: times(self.linear, factor) }
    }

    /// The rate of `axis`, which moves with this velocity.
    pub fn cross(self, axis: Self) -> Self {
        Motion { angular: cross(self.angular, axis.angular), linear: plus(cross(self.angular, axis.linear), cross(self.linear, axis.angular)) }
    }

    /// The rate of a momentum that moves with this velocity.
    pub fn cross_force(self, momentum: Force<N>) -> Force<N> {
        Force { torque: plus(cross(self.angular, momentum.torque), cross(self.linear, momentum.force)), force: cross(self.angular, momentum.force) }
    }

    /// The power of a force.
    pub fn dot(self, force: Force<N>) -> N {
        dot(self.angular, force.torque) + dot(self.linear, force.force)
    }

    /// The velocity of a point.
    pub fn at(self, point: Vector<N>) -> Vector<N> {
        plus(self.linear, cross(self.angular, point))
    }
}

/// A spatial force or momentum.
#[derive(Debug, Clone, Copy)]
pub struct Force<N> {
    /// Torque about the origin.
    pub torque: Vector<N>,
    /// Force.
    pub force: Vector<N>,
}

impl<N: Number> Force<N> {
    /// The sum.
    pub fn plus(self, other: Self) -> Self {
        Force { torque: plus(self.torque, other.torque), force: plus(self.force, other.force) }
    }
}

/// A spatial inertia about the origin.
#[derive(Debug, Clone, Copy)]
pub struct Inertia<N> {
    /// Rotational inertia.
    pub rotational: Matrix<N>,
    /// Mass times the centre of mass.
    pub first: Vector<N>,
    /// Mass.
    pub mass: N,
}

impl<N: Number> Inertia<N> {
    /// Of a body with the given mass, centre of mass, and rotational inertia about it.
    pub fn of_body(mass: N, centre: Vector<N>, about_centre: &Matrix<N>) -> Self {
        let first = times(centre, mass);
        let rotational = std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                // The other two squares, rather than all minus one, which would cancel.
                let [a, b] = [(i + 1) % 3, (i + 2) % 3];
                let shift = if i == j { centre[a] * first[a] + centre[b] * first[b] } else { -(centre[i.min(j)] * first[i.max(j)]) };
                about_centre[i.min(j)][i.max(j)] + shift
            })
        });
        Inertia { rotational, first, mass }
    }

    /// Both bodies together.
    pub fn plus(self, other: Self) -> Self {
        let rotational = std::array::from_fn(|i| plus(self.rotational[i], other.rotational[i]));
        Inertia { rotational, first: plus(self.first, other.first), mass: self.mass + other.mass }
    }

    /// The momentum of a motion.
    pub fn apply(&self, motion: Motion<N>) -> Force<N> {
        Force {
            torque: plus(apply(&self.rotational, motion.angular), cross(self.first, motion.linear)),
            force: plus(times(motion.linear, self.mass), cross(motion.angular, self.first)),
        }
    }
}
