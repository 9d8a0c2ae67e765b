//! Contacts of geoms.

use crate::physics::kinematics::Pose;
use crate::physics::model::{ExplicitPair, Geom, Model, Shape};
use crate::physics::number::Number;
use crate::physics::spatial::{Matrix, Vector, column, constant, cross, dot, minus, null, plus, times};

/// Parameters of the contacts of two geoms (MuJoCo's documentation, "Contact parameters").
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The geoms; a plane is the first one.
    pub geoms: [usize; 2],
    /// 1 without friction, 3 with sliding friction.
    pub condim: u32,
    /// Coefficient of sliding friction.
    pub friction: f64,
    /// Reference acceleration.
    pub solref: [f64; 2],
    /// Impedance.
    pub solimp: [f64; 5],
    /// Distance at which the constraint begins, m.
    pub margin: f64,
}

/// A point in which two geoms touch, or may.
#[derive(Debug, Clone)]
pub struct Contact<N> {
    /// Distance of the surfaces, m; negative where they overlap.
    pub distance: N,
    /// The point, relative to the tree of each geom's body.
    pub points: [Vector<N>; 2],
    /// The normal, from the first geom to the second, and the two tangents if there is friction.
    pub axes: Vec<Vector<N>>,
}

/// The pairs of geoms that may touch.
pub fn pairs(model: &Model) -> Vec<Pair> {
    if model.without.contacts {
        return Vec::new();
    }
    let welds = model.welds();
    let parent = |weld: usize| welds[model.bodies[weld].parent];
    let mut pairs = Vec::new();
    for (a, first) in model.geoms.iter().enumerate() {
        for (b, second) in model.geoms.iter().enumerate().skip(a + 1) {
            let [weld, other] = [welds[first.body], welds[second.body]];
            let adjacent = weld != 0 && other != 0 && (parent(weld) == other || parent(other) == weld);
            let excluded = model.excludes.iter().any(|&[x, y]| [x, y] == [first.body, second.body] || [y, x] == [first.body, second.body]);
            let mut explicit = model.pairs.iter().filter(|pair| pair.geoms == [a, b] || pair.geoms == [b, a]).peekable();
            let touch = first.contype & second.conaffinity != 0 || second.contype & first.conaffinity != 0;
            let geoms = if shape_order(first.kind) > shape_order(second.kind) { [b, a] } else { [a, b] };
            if explicit.peek().is_none() && weld != other && !adjacent && touch && !excluded {
                pairs.push(pair(geoms, first, second));
            }
            for &ExplicitPair { condim, friction, solref, solimp, margin, .. } in explicit {
                pairs.push(Pair { geoms, condim, friction, solref, solimp, margin });
            }
        }
    }
    pairs
}

/// MuJoCo calls the collider of two shapes with the lesser one first.
fn shape_order(shape: Shape) -> u32 {
    match shape {
        Shape::Plane => 0,
        Shape::Sphere => 2,
        Shape::Capsule => 3,
        Shape::Cylinder => 5,
        Shape::Box => 6,
    }
}

fn pair(geoms: [usize; 2], a: &Geom, b: &Geom) -> Pair {
    let margin = a.margin + b.margin;
    if a.priority != b.priority {
        let first = if a.priority > b.priority { a } else { b };
        return Pair { geoms, condim: first.condim, friction: first.friction[0], solref: first.solref, solimp: first.solimp, margin };
    }
    let weight = if a.solmix + b.solmix < LEAST_WEIGHT { 0.5 } else { a.solmix / (a.solmix + b.solmix) };
    let mixed = |a: f64, b: f64| weight * a + (1.0 - weight) * b;
    let direct = a.solref[0] <= 0.0 || b.solref[0] <= 0.0;
    let reference = |i: usize| if direct { a.solref[i].min(b.solref[i]) } else { mixed(a.solref[i], b.solref[i]) };
    Pair {
        geoms,
        condim: a.condim.max(b.condim),
        friction: a.friction[0].max(b.friction[0]),
        solref: std::array::from_fn(reference),
        solimp: std::array::from_fn(|i| mixed(a.solimp[i], b.solimp[i])),
        margin,
    }
}

/// The points of contact of a pair, touching or not.
pub fn contacts<N: Number>(model: &Model, pose: &Pose<N>, pair: &Pair) -> Vec<Contact<N>> {
    let [a, b] = pair.geoms.map(|g| &model.geoms[g]);
    let placed = |geom: &Geom| (pose.point(geom.body, geom.position), pose.frame(geom.body, geom.orientation));
    let ((first, first_axes), (second, second_axes)) = (placed(a), placed(b));
    // Of the first geom's origin in the tree of the second.
    let roots = model.roots();
    let offset = if roots[a.body] == roots[b.body] { null() } else { minus(pose.origins[a.body], pose.origins[b.body]) };
    let in_second = plus(first, offset);
    let frictional = pair.condim > 1;
    let end = |centre: Vector<N>, axes: &Matrix<N>, half: f64| plus(centre, times(column(axes, 2), N::constant(half)));
    let both = N::constant(a.size[0] + b.size[0]);
    let spheres = |x: Vector<N>, y: Vector<N>| vec![between_spheres(x, y, [N::constant(a.size[0]), both], frictional, offset)];
    let rod = |centre: Vector<N>, axes: &Matrix<N>, half: f64| Rod { centre, half: times(column(axes, 2), N::constant(half)), length: N::constant(half) };
    match (a.kind, b.kind) {
        (Shape::Plane, Shape::Sphere) => vec![on_plane(in_second, &first_axes, second, b.size[0], None, frictional, offset)],
        (Shape::Plane, Shape::Capsule) => [1.0, -1.0]
            .map(|side| {
                on_plane(in_second, &first_axes, end(second, &second_axes, side * b.size[1]), b.size[0], Some(column(&second_axes, 2)), frictional, offset)
            })
            .into(),
        (Shape::Plane, Shape::Box) => corners(column(&first_axes, 2), second, &second_axes, b.size)
            .map(|corner| on_plane(in_second, &first_axes, corner, 0.0, None, frictional, offset))
            .into(),
        (Shape::Sphere, Shape::Sphere) => spheres(in_second, second),
        (Shape::Sphere, Shape::Capsule) => {
            let axis = column(&second_axes, 2);
            let along = dot(axis, minus(in_second, second)).clamp([-b.size[1], b.size[1]]);
            spheres(in_second, plus(second, times(axis, along)))
        }
        (Shape::Capsule, Shape::Capsule) => {
            let [x, y] = closest(&rod(in_second, &first_axes, a.size[1]), &rod(second, &second_axes, b.size[1]));
            spheres(x, y)
        }
        _ => unreachable!("models with other pairs are refused"),
    }
}

/// Whether there is a collider for the shapes of a pair.
pub fn is_supported(model: &Model, pair: &Pair) -> bool {
    let [a, b] = pair.geoms.map(|g| model.geoms[g].kind);
    match a {
        Shape::Plane => matches!(b, Shape::Sphere | Shape::Capsule | Shape::Box),
        Shape::Sphere | Shape::Capsule => matches!(b, Shape::Sphere | Shape::Capsule),
        Shape::Cylinder | Shape::Box => false,
    }
}

/// Of each of a box's four diagonals, the end that is lower above a plane with this normal.
fn corners<N: Number>(normal: Vector<N>, centre: Vector<N>, axes: &Matrix<N>, size: [f64; 3]) -> [Vector<N>; 4] {
    [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]].map(|[x, y]| {
        let along = |k: usize, sign: f64| times(column(axes, k), N::constant(sign * size[k]));
        let corner = plus(plus(along(0, x), along(1, y)), along(2, 1.0));
        let side = N::select(dot(normal, corner).less(N::zero()), N::one(), -N::one());
        plus(centre, times(corner, side))
    })
}

/// A sphere above a plane. `axis` is the direction to which the first tangent is aligned.
fn on_plane<N: Number>(
    plane: Vector<N>,
    axes: &Matrix<N>,
    centre: Vector<N>,
    radius: f64,
    axis: Option<Vector<N>>,
    frictional: bool,
    offset: Vector<N>,
) -> Contact<N> {
    let normal = column(axes, 2);
    let distance = dot(normal, minus(centre, plane)) - N::constant(radius);
    let point = minus(centre, times(normal, N::constant(radius) + distance * N::constant(0.5)));
    Contact { distance, points: [minus(point, offset), point], axes: self::axes(normal, axis, frictional) }
}

/// The normal and, with friction, two tangents: the first is along `along`, or where there is none along y or z, whichever is farther from the normal.
fn axes<N: Number>(normal: Vector<N>, along: Option<Vector<N>>, frictional: bool) -> Vec<Vector<N>> {
    if !frictional {
        return vec![normal];
    }
    let first = along.unwrap_or_else(|| {
        let along_y = normal[1].abs().less(N::constant(0.5));
        [N::zero(), N::select(along_y, N::one(), N::zero()), N::select(along_y, N::zero(), N::one())]
    });
    let first = tangent(normal, first);
    vec![normal, first, cross(normal, first)]
}

/// The direction of `axis`, projected on the plane of `normal`.
fn tangent<N: Number>(normal: Vector<N>, axis: Vector<N>) -> Vector<N> {
    let flat = minus(axis, times(normal, dot(normal, axis)));
    match flat {
        // Planar models: one entry, of either sign, which makes no difference to a friction cone.
        [x, y, z] if y.is_zero() && z.is_zero() && !x.is_zero() => constant([1.0, 0.0, 0.0]),
        [x, y, z] if x.is_zero() && z.is_zero() && !y.is_zero() => constant([0.0, 1.0, 0.0]),
        _ => {
            let length = dot(flat, flat).max(N::constant(1e-30)).sqrt();
            flat.map(|x| x / length)
        }
    }
}

/// Axes that are nearer than this, m, cross. In single precision, with positions of about 1 m, those that do are found up to 1e-7 m apart.
const TOUCHING: f64 = 1e-6;
/// Weights of mixing that are less count equally, as in MuJoCo.
const LEAST_WEIGHT: f64 = 1e-15;

/// Two spheres, both centres relative to the second one's tree. `radii` are that of the first one, and the sum of both.
fn between_spheres<N: Number>(a: Vector<N>, b: Vector<N>, radii: [N; 2], frictional: bool, offset: Vector<N>) -> Contact<N> {
    let way = minus(b, a);
    let squared = dot(way, way);
    let length = squared.max(N::constant(1e-30)).sqrt();
    let normal = if way[1].is_zero() {
        // In a planar model, MuJoCo's normal leaves the plane where axes cross, and the contact has no effect.
        let apart = N::constant(TOUCHING * TOUCHING).less(squared);
        way.map(|x| if x.is_zero() { x } else { N::select(apart, x / length, N::zero()) })
    } else {
        way.map(|x| x / length)
    };
    let distance = length - radii[1];
    let point = plus(a, times(normal, radii[0] + distance * N::constant(0.5)));
    Contact { distance, points: [minus(point, offset), point], axes: axes(normal, None, frictional) }
}

/// A segment, m.
#[derive(Debug, Clone)]
pub struct Rod<N> {
    /// Its middle.
    pub centre: Vector<N>,
    /// From there to an end.
    pub half: Vector<N>,
    /// The length of that; 0 where the segment is a point.
    pub length: N,
}

/// The point of contact of two capsules of one tree, with axes `a` and `b`. `radii` are that of the first one, and the sum of both.
pub fn between_capsules<N: Number>(a: &Rod<N>, b: &Rod<N>, radii: [N; 2], frictional: bool) -> Contact<N> {
    let [x, y] = closest(a, b);
    between_spheres(x, y, radii, frictional, null())
}

/// Axes are parallel where the square of the sine of their angle is less than this: in single precision, it is known to some 3e-7.
const PARALLEL: f64 = 1e-6;
/// In place of a point's length, squared, m², so that nothing is divided by 0.
const LEAST_SQUARE: f64 = 1e-12;

/// The closest points of two segments.
fn closest<N: Number>(a: &Rod<N>, b: &Rod<N>) -> [Vector<N>; 2] {
    let squared = |rod: &Rod<N>| (rod.length * rod.length).max(N::constant(LEAST_SQUARE));
    let [uu, vv] = [squared(a), squared(b)];
    let (way, uv) = (minus(b.centre, a.centre), dot(a.half, b.half));
    let (ud, vd) = (dot(a.half, way), dot(b.half, way));
    let determinant = uu * vv - uv * uv;
    let skew = (uu * vv * N::constant(PARALLEL)).less(determinant);
    let free = (vv * ud - uv * vd) / N::select(skew, determinant, N::one());
    let first = N::select(skew, free, N::zero()).clamp([-1.0, 1.0]);
    let second = ((uv * first - vd) / vv).clamp([-1.0, 1.0]);
    let first = ((uv * second + ud) / uu).clamp([-1.0, 1.0]);
    [plus(a.centre, times(a.half, first)), plus(b.centre, times(b.half, second))]
}
