//! Constraints, and the acceleration under them: the minimum of ½ (a − a₀)' M (a − a₀) + Σ cost(J a − aref), found by Newton's method (MuJoCo's
//! documentation, "Constraint model").

use crate::physics::collide::{Contact, Pair, contacts, pairs};
use crate::physics::dynamics::Smooth;
use crate::physics::kinematics::Pose;
use crate::physics::model::{JointKind, Model};
use crate::physics::number::{Number, split};
use crate::physics::scales::Scales;
use crate::physics::solve::Symmetric;
use crate::physics::spatial::{Force, Vector, cross, dot, minus, plus, times};

/// The least number that MuJoCo divides by.
const LEAST: f64 = 1e-15;
/// The least friction of contacts that have any, as in MuJoCo.
const LEAST_FRICTION: f64 = 1e-5;
/// Most rounds of Newton's method. They end when no constraint begins or ends.
const MOST_ROUNDS: usize = 100;
/// Rounds with full steps. Gymnasium's robots were not seen to need more than 7, but full steps may also go back and forth between two states, and then those
/// that are too long are shortened. With friction loss that is common, so that it is done from the first round on.
const FULL_STEPS: f64 = 8.0;
/// A step is too long where the cost rises at its end by more than this part of how it fell at its beginning. At the minimum along the step, that is rounding: 1e-6.
const LEAST_RISE: f64 = 1e-3;
/// At the minimum the cost does not fall, or seems to rise by rounding. This takes the place of what it falls by, so that nothing is divided by 0.
const LEAST_FALL: f64 = 1e-30;
/// Rows whose state one number holds: it counts to 2^24 exactly.
const ROWS_OF_MASK: usize = 24;

/// A linear form in the accelerations: degree of freedom and factor.
type Row<N> = Vec<(usize, N)>;

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
    Contact { jacobians: Vec<Row<N>>, offsets: Vec<N>, friction: N, bodies: [usize; 2], contact: Contact<N> },
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

    /// Number of rows, for the mask: friction loss has three states, which are two bits.
    fn bits(&self) -> usize {
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

/// What does not depend on the state: the pairs of geoms.
#[derive(Debug, Clone)]
pub struct Constraints {
    pairs: Vec<Pair>,
}

impl Constraints {
    /// Those of a model.
    pub fn new(model: &Model) -> Self {
        Constraints { pairs: pairs(model) }
    }

    /// The constraints in a state.
    pub fn rows<N: Number>(&self, model: &Model, scales: &Scales<N>, pose: &Pose<N>, q: &[N], v: &[N]) -> Vec<Constraint<N>> {
        let addresses = model.addresses();
        let mut rows = Vec::new();
        for (joint, address) in model.joints.iter().zip(&addresses) {
            for k in (0..joint.kind.freedoms()).filter(|_| joint.friction_loss > 0.0 && !model.without.friction_loss) {
                let (d, d1) = impedance(joint.friction_solimp, N::zero());
                let [_, damping] = stiffness(joint.friction_solref, d1, model.timestep);
                let weight = N::one() / regularization(d, N::constant(joint.inverse_weights[k]));
                let freedom = address.v + k;
                rows.push(Constraint { kind: Kind::Friction { freedom, reference: -(N::constant(damping) * v[freedom]), most: joint.friction_loss }, weight });
            }
        }
        for (joint, address) in model.joints.iter().zip(&addresses) {
            if joint.limited && joint.kind != JointKind::Free && !model.without.limits {
                N::section(|| format!("Limit of {}", joint.name));
                let [low, high] = joint.range;
                let [below, above] = [q[address.q] - N::constant(low), N::constant(high) - q[address.q]];
                let upper = above.less(below);
                let sign = N::select(upper, -N::one(), N::one());
                let position = N::select(upper, above, below) - N::constant(joint.margin);
                let (d, d1) = impedance(joint.limit_solimp, position);
                let [spring, damping] = stiffness(joint.limit_solref, d1, model.timestep);
                let reference = -(N::constant(damping) * (sign * v[address.v])) - N::constant(spring) * d * position;
                let weight = N::select(position.less(N::zero()), N::one() / regularization(d, N::constant(joint.inverse_weights[0])), N::zero());
                rows.push(Constraint { kind: Kind::Limit { freedom: address.v, sign, reference }, weight });
            }
        }
        for pair in &self.pairs {
            N::section(|| format!("Contact of {} and {}", model.geom_label(pair.geoms[0]), model.geom_label(pair.geoms[1])));
            rows.extend(contacts(model, pose, pair).iter().map(|contact| touching(model, scales, pose, pair, contact, v)));
        }
        rows
    }
}

/// The constraint of a contact.
fn touching<N: Number>(model: &Model, scales: &Scales<N>, pose: &Pose<N>, pair: &Pair, contact: &Contact<N>, v: &[N]) -> Constraint<N> {
    let bodies = pair.geoms.map(|g| model.geoms[g].body);
    let jacobians: Vec<Row<N>> = contact.axes.iter().map(|&axis| jacobian(model, pose, bodies, contact.points, axis)).collect();
    let position = contact.distance - N::constant(pair.margin);
    let (d, d1) = impedance(pair.solimp, position);
    let [spring, damping] = stiffness(pair.solref, d1, model.timestep);
    let diagonal = N::constant(bodies.iter().map(|&b| model.bodies[b].inverse_weight).sum());
    let friction = (N::constant(pair.friction) * scales.friction).max(N::constant(LEAST_FRICTION));
    let regular = if pair.condim > 1 {
        // All edges of a pyramid have the regularisation of its first one.
        regularization(d, diagonal * (N::one() + friction * friction)) * (friction * friction * N::constant(2.0 / model.impratio))
    } else {
        regularization(d, diagonal)
    };
    let rate = |row: &Row<N>| N::constant(damping) * sum(row.iter().map(|&(i, x)| x * v[i]));
    let mut offsets: Vec<N> = jacobians.iter().map(rate).collect();
    offsets[0] = offsets[0] + N::constant(spring) * d * position;
    let weight = N::select(position.less(N::zero()), N::one() / regular, N::zero());
    Constraint { kind: Kind::Contact { jacobians, offsets, friction, bodies, contact: contact.clone() }, weight }
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

/// The inner product.
fn inner<N: Number>(a: &[N], b: &[N]) -> N {
    sum(a.iter().zip(b).map(|(&a, &b)| a * b))
}

fn sum<N: Number>(terms: impl Iterator<Item = N>) -> N {
    terms.reduce(|a, b| a + b).unwrap_or(N::zero())
}

/// What a round of Newton's method finds at an acceleration.
struct Slope<N> {
    gradient: Vec<N>,
    /// For each constraint and row, its curvature: D where the row pushes.
    curvatures: Vec<Vec<N>>,
    masks: Vec<N>,
}

/// The acceleration of least cost.
pub fn acceleration<N: Number>(smooth: &Smooth<N>, constraints: &[Constraint<N>]) -> Vec<N> {
    let start = smooth.mass.clone().solve(&smooth.force);
    if constraints.is_empty() {
        return start;
    }
    let n = start.len();
    for (i, a) in start.iter().enumerate() {
        a.named(|| format!("acceleration_{i}"));
    }
    let masks = constraints.iter().map(Constraint::bits).sum::<usize>().div_ceil(ROWS_OF_MASK);
    let mut state = start;
    // Without friction loss, no constraint acts at first: if none does at the start, that is the minimum.
    let lossy = constraints.iter().any(|constraint| matches!(constraint.kind, Kind::Friction { .. }));
    state.extend((0..masks).map(|_| N::constant(if lossy { -1.0 } else { 0.0 })));
    // The last step, how steeply the cost fell at its beginning, for all of it, and how many rounds there were.
    state.extend(vec![N::zero(); n]);
    state.extend([N::one(), N::zero()]);
    let free_rounds = N::constant(if lossy { -0.5 } else { FULL_STEPS - 0.5 });
    let lengths = [n, masks, n, 1, 1];
    let examine = |state: &[N]| {
        let [a, before, ..] = split(state, lengths);
        let slope = slope(smooth, constraints, &a, masks);
        let changes = sum(slope.masks.iter().zip(&before).map(|(&a, &b)| (a - b).abs()));
        (changes.less(N::constant(0.5)), slope)
    };
    let advance = |state: &mut [N], slope: Slope<N>| {
        let [a, _, last, fall, rounds] = split(state, lengths);
        let fall = fall[0].max(N::constant(LEAST_FALL));
        let rise = N::select(free_rounds.less(rounds[0]), -inner(&slope.gradient, &last), N::zero());
        // Where the cost rises again, the step was too long: back to where a slope that changes evenly would be 0. From there, only another full step can be
        // the last.
        let kept = fall / (fall + rise);
        let back = a.iter().zip(&last).map(|(&a, &step)| a + (N::one() - kept) * step).collect();
        let shorter = last.iter().map(|&step| kept * step).collect();
        let mut next = [back, vec![-N::one(); masks], shorter, vec![kept * fall]].concat();
        N::branch(rise.less(N::constant(LEAST_RISE) * fall), &mut next, |next| {
            let mut curvature = smooth.mass.clone();
            for (constraint, of_rows) in constraints.iter().zip(&slope.curvatures) {
                add_curvature(&mut curvature, constraint, of_rows);
            }
            let step = curvature.solve(&slope.gradient);
            let ahead = a.iter().zip(&step).map(|(&a, &step)| a - step).collect();
            let fall = inner(&slope.gradient, &step);
            next.copy_from_slice(&[ahead, slope.masks, step, vec![fall]].concat());
        });
        state[..next.len()].copy_from_slice(&next);
        state[next.len()] = rounds[0] + N::one();
    };
    N::repeat(MOST_ROUNDS, &mut state, examine, advance);
    state.truncate(n);
    state
}

fn slope<N: Number>(smooth: &Smooth<N>, constraints: &[Constraint<N>], a: &[N], masks: usize) -> Slope<N> {
    let n = a.len();
    let gradient: Vec<N> = smooth.mass.apply(a).iter().zip(&smooth.force).map(|(&inertia, &force)| inertia - force).collect();
    let mut slope = Slope { gradient, curvatures: Vec::new(), masks: vec![N::zero(); masks] };
    let mut first = 0;
    for constraint in constraints {
        let residuals = residuals(constraint, a);
        let rows = residuals.len();
        let mut state = [slope.gradient, vec![N::zero(); rows], slope.masks].concat();
        N::branch(N::zero().less(constraint.weight), &mut state, |state| {
            let mut forces = Vec::new();
            let mut bit = first;
            for (r, &residual) in residuals.iter().enumerate() {
                let pushed = push(constraint, r, residual);
                forces.push(pushed.force);
                state[n + r] = pushed.curvature;
                for condition in pushed.states {
                    let mask = &mut state[n + rows + bit / ROWS_OF_MASK];
                    *mask = *mask + N::select(condition, N::constant(f64::from(1u32 << (bit % ROWS_OF_MASK))), N::zero());
                    bit += 1;
                }
            }
            add_forces(&mut state[..n], constraint, &forces);
        });
        slope.masks = state.split_off(n + rows);
        slope.curvatures.push(state.split_off(n));
        slope.gradient = state;
        first += constraint.bits();
    }
    slope
}

/// The generalised force of all constraints at an acceleration.
pub fn forces<N: Number>(constraints: &[Constraint<N>], a: &[N]) -> Vec<N> {
    let mut forces = vec![N::zero(); a.len()];
    for constraint in constraints {
        N::branch(N::zero().less(constraint.weight), &mut forces, |forces| {
            let of_rows: Vec<N> = residuals(constraint, a).into_iter().enumerate().map(|(r, residual)| -push(constraint, r, residual).force).collect();
            add_forces(forces, constraint, &of_rows);
        });
    }
    forces
}

/// The force of all contacts on a body at an acceleration, about a point relative to the body's tree (MuJoCo's `cfrc_ext`, if the point is the tree's centre of
/// mass).
pub fn contact_force<N: Number>(constraints: &[Constraint<N>], a: &[N], body: usize, about: Vector<N>) -> Force<N> {
    let mut state = [N::zero(); 6];
    for constraint in constraints {
        let Kind::Contact { jacobians, friction, bodies, contact, .. } = &constraint.kind else { continue };
        let Some(side) = bodies.iter().position(|&other| other == body) else { continue };
        N::branch(N::zero().less(constraint.weight), &mut state, |state| {
            let of_rows: Vec<N> = residuals(constraint, a).into_iter().enumerate().map(|(r, residual)| -push(constraint, r, residual).force).collect();
            let mut force = times(contact.axes[0], sum(of_rows.iter().copied()));
            for k in 1..jacobians.len() {
                let along = *friction * sum(of_tangent(jacobians, &of_rows, k).into_iter().map(signed));
                force = plus(force, times(contact.axes[k], along));
            }
            let force = if side == 0 { force.map(|x| -x) } else { force };
            let torque = cross(minus(contact.points[side], about), force);
            for (total, part) in state.iter_mut().zip(torque.into_iter().chain(force)) {
                *total = *total + part;
            }
        });
    }
    let [x, y, z, force @ ..] = state;
    Force { torque: [x, y, z], force }
}

/// J a − aref of each row.
fn residuals<N: Number>(constraint: &Constraint<N>, a: &[N]) -> Vec<N> {
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
struct Pushed<N: Number> {
    force: N,
    curvature: N,
    states: Vec<N::Condition>,
}

fn push<N: Number>(constraint: &Constraint<N>, row: usize, residual: N) -> Pushed<N> {
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

/// Adds J' force.
fn add_forces<N: Number>(gradient: &mut [N], constraint: &Constraint<N>, forces: &[N]) {
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
fn add_curvature<N: Number>(matrix: &mut Symmetric<N>, constraint: &Constraint<N>, curvatures: &[N]) {
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
