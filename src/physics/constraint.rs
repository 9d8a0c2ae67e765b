//! A constraint: its rows, and what they cost at an acceleration (MuJoCo's documentation, "Constraint model").

use crate::physics::collide::{Contact, Pair};
use crate::physics::model::{Joint, Model};
use crate::physics::number::Number;
use crate::physics::scales::Scales;
use crate::physics::solve::Symmetric;
use crate::physics::spatial::{Vector, plus, times};

/// The least number that MuJoCo divides by.
const LEAST: f64 = 1e-15;
/// The least friction of contacts that have any, over the square root of `impratio`. A pyramid's rows differ by the friction, and their stiffness grows with its
/// inverse square: with less, 24 bits are not enough to tell them apart. MuJoCo, in float64, has 1e-5.
pub const LEAST_FRICTION: f64 = 0.03;

/// A linear form in the accelerations: degree of freedom and factor.
pub type Row<N> = Vec<(usize, N)>;

/// A constraint with its rows.
#[derive(Debug, Clone)]
pub struct Constraint<N> {
    kind: Kind<N>,
    /// Stiffness of each row, D; 0 where the constraint does not act.
    weight: N,
}

#[derive(Debug, Clone)]
enum Kind<N> {
    /// One row. It only pushes: cost ½ D min(0, J a − aref)².
    Limit { freedom: usize, sign: N, reference: N },
    /// One row: ½ D (a − aref)², linear where the force would be more than `most`.
    Friction { freedom: usize, reference: N, most: f64 },
    /// The normal's row, or those of the friction pyramid: (J₀ ± μ Jₖ) a − aref, each only pushing.
    Contact { jacobians: Vec<Row<N>>, offsets: Vec<N>, friction: N, contact: Contact<N> },
}

/// Row k of a pyramid: the tangent and its sign, or the normal alone.
type Edge = Option<(usize, f64)>;

impl<N: Number> Constraint<N> {
    /// The rows of a contact and how many times each counts. Tangents that nothing can move along give the same row twice.
    fn edges(jacobians: &[Row<N>]) -> Vec<(Edge, f64)> {
        if jacobians.len() == 1 {
            return vec![(None, 1.0)];
        }
        let of_tangent = |k: usize| if jacobians[k].is_empty() { vec![(None, 2.0)] } else { vec![(Some((k, 1.0)), 1.0), (Some((k, -1.0)), 1.0)] };
        (1..jacobians.len()).flat_map(of_tangent).collect()
    }

    /// The limits of a hinge or slide, at position `q` with velocity `v` of its degree of freedom: the nearer one, or both where both may act at once.
    pub fn limits(model: &Model, joint: &Joint, freedom: usize, q: N, v: N) -> Vec<Self> {
        let [low, high] = joint.range;
        let [below, above] = [q - N::constant(low), N::constant(high) - q];
        if high - low < 2.0 * joint.margin {
            return vec![Self::limit(model, joint, freedom, below, N::one(), v), Self::limit(model, joint, freedom, above, -N::one(), v)];
        }
        let upper = above.less(below);
        let sign = N::select(upper, -N::one(), N::one());
        vec![Self::limit(model, joint, freedom, N::select(upper, above, below), sign, v)]
    }

    /// A limit that is `distance` away in the direction of `sign`.
    fn limit(model: &Model, joint: &Joint, freedom: usize, distance: N, sign: N, v: N) -> Self {
        let position = distance - N::constant(joint.margin);
        let (d, d1) = impedance(joint.limit_solimp, position);
        let [spring, damping] = stiffness(joint.limit_solref, d1, model.timestep);
        let reference = -(N::constant(damping) * (sign * v)) - N::constant(spring) * d * position;
        let weight = N::one() / regularization(d, N::constant(joint.inverse_weights[0]));
        Constraint { kind: Kind::Limit { freedom, sign, reference }, weight }.only(position.less(N::zero()))
    }

    /// The friction loss of degree of freedom `k` of a joint, which has velocity `v`.
    pub fn friction(model: &Model, joint: &Joint, k: usize, freedom: usize, v: N) -> Self {
        let (d, d1) = impedance(joint.friction_solimp, N::zero());
        let [_, damping] = stiffness(joint.friction_solref, d1, model.timestep);
        let weight = N::one() / regularization(d, N::constant(joint.inverse_weights[k]));
        Constraint { kind: Kind::Friction { freedom, reference: -(N::constant(damping) * v), most: joint.friction_loss }, weight }
    }

    /// The constraint, which acts only where a condition holds.
    pub fn only(self, condition: N::Condition) -> Self {
        Constraint { weight: N::select(condition, self.weight, N::zero()), ..self }
    }

    /// Whether it acts.
    pub fn acts(&self) -> N::Condition {
        N::zero().less(self.weight)
    }

    /// Whether it is friction loss, which always acts.
    pub fn is_friction_loss(&self) -> bool {
        matches!(self.kind, Kind::Friction { .. })
    }

    /// Number of rows, for the mask: friction loss has three states, which are two bits.
    pub fn bits(&self) -> usize {
        match &self.kind {
            Kind::Limit { .. } => 1,
            Kind::Friction { .. } => 2,
            Kind::Contact { jacobians, .. } => Self::edges(jacobians).len(),
        }
    }
}

/// The impedance d(x), and the largest d.
fn impedance<N: Number>([d0, d1, width, midpoint, power]: [f64; 5], position: N) -> (N, f64) {
    let [d0, d1, midpoint] = [d0, d1, midpoint].map(|d| d.clamp(1e-4, 0.9999));
    let power = power.max(1.0);
    if d0 == d1 || width <= LEAST {
        return (N::constant(0.5 * (d0 + d1)), d1);
    }
    let x = (position.abs() / N::constant(width)).min(N::one());
    let y = if power == 1.0 {
        x
    } else {
        assert!(power == 2.0, "powers other than 1 and 2 are refused when a model is read");
        let rest = N::one() - x;
        N::select(N::constant(midpoint).less(x), N::one() - rest * rest / N::constant(1.0 - midpoint), x * x / N::constant(midpoint))
    };
    (N::constant(d0) + y * N::constant(d1 - d0), d1)
}

/// Stiffness and damping of a reference acceleration, with the largest impedance `d1`.
fn stiffness([time, ratio]: [f64; 2], d1: f64, timestep: f64) -> [f64; 2] {
    if time <= 0.0 {
        return [-time / (d1 * d1).max(LEAST), -ratio / d1.max(LEAST)];
    }
    let time = time.max(2.0 * timestep);
    [1.0 / (d1 * d1 * time * time * ratio * ratio).max(LEAST), 2.0 / (d1 * time).max(LEAST)]
}

/// (1 − d) / d × `diagonal`, the regularisation R of a row.
fn regularization<N: Number>(impedance: N, diagonal: N) -> N {
    ((N::one() - impedance) / impedance * diagonal).max(N::constant(LEAST))
}

/// What the contacts of a pair have in common.
#[derive(Debug, Clone)]
pub struct Law<N> {
    pair: Pair,
    /// Stiffness and damping of the reference acceleration.
    spring: [f64; 2],
    friction: N,
    impratio: f64,
}

impl<N: Number> Law<N> {
    /// Of a pair.
    pub fn new(model: &Model, scales: &Scales<N>, pair: &Pair) -> Self {
        let (_, d1) = impedance(pair.solimp, N::zero());
        let friction = (N::constant(pair.friction) * scales.friction).max(N::constant(LEAST_FRICTION * model.impratio.sqrt()));
        Law { pair: pair.clone(), spring: stiffness(pair.solref, d1, model.timestep), friction, impratio: model.impratio }
    }

    /// Whether a contact at this distance acts.
    pub fn acts(&self, distance: N) -> N::Condition {
        (distance - N::constant(self.pair.margin)).less(N::zero())
    }

    /// The constraint of a contact that acts, with the sum of its bodies' inverse weights.
    pub fn constraint(&self, contact: Contact<N>, jacobians: Vec<Row<N>>, inverse_weight: N, v: &[N]) -> Constraint<N> {
        let position = contact.distance - N::constant(self.pair.margin);
        let (d, _) = impedance(self.pair.solimp, position);
        let [spring, damping] = self.spring;
        let friction = self.friction;
        let regular = if self.pair.condim > 1 {
            // All edges of a pyramid have the regularisation of its first one.
            regularization(d, inverse_weight * (N::one() + friction * friction)) * (friction * friction * N::constant(2.0 / self.impratio))
        } else {
            regularization(d, inverse_weight)
        };
        let rate = |row: &Row<N>| N::constant(damping) * sum(row.iter().map(|&(i, x)| x * v[i]));
        let mut offsets: Vec<N> = jacobians.iter().map(rate).collect();
        offsets[0] = offsets[0] + N::constant(spring) * d * position;
        Constraint { kind: Kind::Contact { jacobians, offsets, friction, contact }, weight: N::one() / regular }
    }
}

/// The inner product.
pub fn inner<N: Number>(a: &[N], b: &[N]) -> N {
    sum(a.iter().zip(b).map(|(&a, &b)| a * b))
}

/// The sum.
pub fn sum<N: Number>(terms: impl Iterator<Item = N>) -> N {
    terms.reduce(|a, b| a + b).unwrap_or(N::zero())
}

/// J a − aref of each row.
pub fn residuals<N: Number>(constraint: &Constraint<N>, a: &[N]) -> Vec<N> {
    match &constraint.kind {
        Kind::Limit { freedom, sign, reference } => vec![*sign * a[*freedom] - *reference],
        Kind::Friction { freedom, reference, .. } => vec![a[*freedom] - *reference],
        Kind::Contact { jacobians, offsets, friction, .. } => {
            let along = |k: usize| sum(jacobians[k].iter().map(|&(i, x)| x * a[i])) + offsets[k];
            let normal = along(0);
            let edge = |(edge, _): (Edge, f64)| edge.map_or(normal, |(k, sign)| normal + N::constant(sign) * (*friction * along(k)));
            Constraint::edges(jacobians).into_iter().map(edge).collect()
        }
    }
}

/// Slope and curvature of a row's cost, and the conditions that say which piece of the cost that is.
pub struct Pushed<N: Number> {
    /// The slope: the negative of the force.
    pub force: N,
    /// D where the row pushes.
    pub curvature: N,
    /// The conditions.
    pub states: Vec<N::Condition>,
}

/// What row `row` costs where J a − aref is `residual`.
pub fn push<N: Number>(constraint: &Constraint<N>, row: usize, residual: N) -> Pushed<N> {
    let weight = constraint.weight;
    let one_sided = |weight: N| {
        let pushes = residual.less(N::zero());
        let curvature = N::select(pushes, weight, N::zero());
        Pushed { force: curvature * residual, curvature, states: vec![pushes] }
    };
    match &constraint.kind {
        Kind::Limit { .. } => one_sided(weight),
        Kind::Contact { jacobians, .. } => one_sided(weight * N::constant(Constraint::edges(jacobians)[row].1)),
        Kind::Friction { most, .. } => {
            let reach = N::constant(*most) / weight;
            let [below, above] = [residual.less(-reach), reach.less(residual)];
            let force = N::select(below, N::constant(-most), N::select(above, N::constant(*most), weight * residual));
            let curvature = N::select(below, N::zero(), N::select(above, N::zero(), weight));
            Pushed { force, curvature, states: vec![below, above] }
        }
    }
}

/// What `values` has for the rows of a contact along tangent `k`, with their signs.
fn of_tangent<N: Number>(jacobians: &[Row<N>], values: &[N], k: usize) -> Vec<(f64, N)> {
    let along = |((edge, _), &value): ((Edge, f64), &N)| edge.filter(|&(tangent, _)| tangent == k).map(|(_, sign)| (sign, value));
    Constraint::edges(jacobians).into_iter().zip(values).filter_map(along).collect()
}

fn signed<N: Number>((sign, value): (f64, N)) -> N {
    N::constant(sign) * value
}

/// What each row costs at an acceleration.
pub fn pushes<N: Number>(constraint: &Constraint<N>, a: &[N]) -> Vec<Pushed<N>> {
    residuals(constraint, a).into_iter().enumerate().map(|(r, residual)| push(constraint, r, residual)).collect()
}

/// The forces of the rows at an acceleration.
pub fn forces<N: Number>(constraint: &Constraint<N>, a: &[N]) -> Vec<N> {
    pushes(constraint, a).iter().map(|pushed| -pushed.force).collect()
}

/// The force of a contact on its second geom at an acceleration.
pub fn contact_force<'a, N: Number>(constraint: &'a Constraint<N>, a: &[N]) -> Option<(&'a Contact<N>, Vector<N>)> {
    let Kind::Contact { jacobians, friction, contact, .. } = &constraint.kind else { return None };
    let of_rows = forces(constraint, a);
    let mut force = times(contact.axes[0], sum(of_rows.iter().copied()));
    for k in 1..jacobians.len() {
        let along = *friction * sum(of_tangent(jacobians, &of_rows, k).into_iter().map(signed));
        force = plus(force, times(contact.axes[k], along));
    }
    Some((contact, force))
}

/// Adds J' force.
pub fn add_forces<N: Number>(gradient: &mut [N], constraint: &Constraint<N>, forces: &[N]) {
    match &constraint.kind {
        Kind::Limit { freedom, sign, .. } => gradient[*freedom] = gradient[*freedom] + *sign * forces[0],
        Kind::Friction { freedom, .. } => gradient[*freedom] = gradient[*freedom] + forces[0],
        Kind::Contact { jacobians, friction, .. } => {
            let mut along = vec![sum(forces.iter().copied())];
            along.extend((1..jacobians.len()).map(|k| *friction * sum(of_tangent(jacobians, forces, k).into_iter().map(signed))));
            for (row, force) in jacobians.iter().zip(along) {
                row.iter().for_each(|&(i, x)| gradient[i] = gradient[i] + x * force);
            }
        }
    }
}

/// Adds J' D J of the rows that push.
pub fn add_curvature<N: Number>(matrix: &mut Symmetric<N>, constraint: &Constraint<N>, curvatures: &[N]) {
    match &constraint.kind {
        Kind::Limit { freedom, .. } | Kind::Friction { freedom, .. } => matrix.add(*freedom, *freedom, curvatures[0]),
        Kind::Contact { jacobians, friction, .. } => {
            // Each pair of rows of the pyramid contributes (D₊ + D₋) (J₀'J₀ + μ² Jₖ'Jₖ) + μ (D₊ − D₋) (J₀'Jₖ + Jₖ'J₀).
            add_outer(matrix, &jacobians[0], &jacobians[0], sum(curvatures.iter().copied()));
            for k in 1..jacobians.len() {
                let of = of_tangent(jacobians, curvatures, k);
                if !of.is_empty() {
                    add_outer(matrix, &jacobians[k], &jacobians[k], (*friction * *friction) * sum(of.iter().map(|&(_, d)| d)));
                    let mixed = *friction * sum(of.into_iter().map(signed));
                    add_outer(matrix, &jacobians[0], &jacobians[k], mixed);
                    add_outer(matrix, &jacobians[k], &jacobians[0], mixed);
                }
            }
        }
    }
}

/// Adds factor × a b', its lower triangle.
fn add_outer<N: Number>(matrix: &mut Symmetric<N>, a: &Row<N>, b: &Row<N>, factor: N) {
    for &(i, x) in a {
        for &(j, y) in b.iter().filter(|&&(j, _)| j <= i) {
            matrix.add(i, j, x * factor * y);
        }
    }
}
