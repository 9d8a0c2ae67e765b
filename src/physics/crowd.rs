//! Contacts of many pairs of geoms with one another, in one text: that of a humanoid's limbs would be most of its step. Whether a pair touches is asked one by
//! one; what follows from it is computed in a loop over those that do, which looks up where their geoms are.

use crate::physics::collide::{Pair, Rod, between_capsules, contacts};
use crate::physics::constraint::{Constraint, Law, Row, add_curvature, add_forces, contact_force, forces, pushes};
use crate::physics::kinematics::Pose;
use crate::physics::model::{Model, Shape};
use crate::physics::number::{BITS, Number};
use crate::physics::scales::Scales;
use crate::physics::solve::Symmetric;
use crate::physics::spatial::{Force, Motion, Vector, column, cross, dot, minus, times};

/// Fewer pairs have a text each.
const FEWEST: usize = 12;

/// Divides pairs into those that have a text each, and crowds: pairs of spheres and capsules of one tree whose contacts have the same parameters.
pub fn divide(model: &Model, pairs: Vec<Pair>) -> (Vec<Pair>, Vec<Vec<Pair>>) {
    let roots = model.roots();
    let root = |geom: usize| roots[model.geoms[geom].body];
    let is_round = |geom: usize| matches!(model.geoms[geom].kind, Shape::Sphere | Shape::Capsule);
    let mut crowds: Vec<Vec<Pair>> = Vec::new();
    let mut single = Vec::new();
    for pair in pairs {
        let [a, b] = pair.geoms;
        let same = |crowd: &Vec<Pair>| root(crowd[0].geoms[0]) == root(a) && Pair { geoms: [a, b], ..crowd[0].clone() } == pair;
        match crowds.iter_mut().find(|crowd| same(crowd)) {
            _ if !(is_round(a) && is_round(b)) || root(a) != root(b) => single.push(pair),
            Some(crowd) => crowd.push(pair),
            None => crowds.push(vec![pair]),
        }
    }
    let (crowds, few): (Vec<_>, Vec<_>) = crowds.into_iter().partition(|crowd| crowd.len() >= FEWEST);
    single.extend(few.into_iter().flatten());
    (single, crowds)
}

/// The contacts of a crowd in a state.
pub struct Crowd<N> {
    law: Law<N>,
    frictional: bool,
    /// Number of pairs.
    pairs: usize,
    /// The pairs that touch, as [`Number::marks`] tells them.
    marks: Vec<N>,
    /// Of each pair, the geoms, as indices of the lists below.
    sides: [Vec<N>; 2],
    /// Of each geom, its axis: the middle, from there to an end, and the length of that.
    centre: [Vec<N>; 3],
    half: [Vec<N>; 3],
    length: Vec<N>,
    /// Of each geom, its radius, m, and its body's inverse weight.
    radius: Vec<N>,
    inverse_weight: Vec<N>,
    /// The body of each geom.
    bodies: Vec<usize>,
    /// For each degree of freedom that moves some of the geoms and not all, its motion, and for each geom whether it is moved.
    freedoms: Vec<(usize, Motion<N>, Vec<N>)>,
    /// The rows and columns of J' D J.
    coupled: Vec<(usize, usize)>,
    v: Vec<N>,
}

impl<N: Number> Crowd<N> {
    /// That of these pairs, in a pose with velocities `v`.
    pub fn new(model: &Model, scales: &Scales<N>, pose: &Pose<N>, pairs: &[Pair], v: &[N]) -> Self {
        let law = Law::new(model, scales, &pairs[0]);
        let conditions: Vec<N::Condition> = pairs.iter().flat_map(|pair| contacts(model, pose, pair)).map(|contact| law.acts(contact.distance)).collect();
        let mut geoms: Vec<usize> = pairs.iter().flat_map(|pair| pair.geoms).collect();
        geoms.sort_unstable();
        geoms.dedup();
        let list = |of: &dyn Fn(usize) -> N| geoms.iter().map(|&g| of(g)).collect::<Vec<N>>();
        let constants = |of: &dyn Fn(usize) -> f64| list(&|g| N::constant(of(g)));
        let length = |g: usize| if model.geoms[g].kind == Shape::Capsule { model.geoms[g].size[1] } else { 0.0 };
        let centre = |g: usize| pose.point(model.geoms[g].body, model.geoms[g].position);
        let half = |g: usize| times(column(&pose.frame(model.geoms[g].body, model.geoms[g].orientation), 2), N::constant(length(g)));
        let moves = |freedom: usize, g: usize| model.chain(model.last_freedom(model.geoms[g].body)).any(|other| other == freedom);
        let freedoms: Vec<usize> =
            (0..model.freedoms()).filter(|&freedom| geoms.iter().any(|&g| moves(freedom, g)) && !geoms.iter().all(|&g| moves(freedom, g))).collect();
        // Those that move one side of a pair and not the other.
        let between = |pair: &Pair| -> Vec<usize> {
            let [a, b] = pair.geoms;
            freedoms.iter().copied().filter(|&freedom| moves(freedom, a) != moves(freedom, b)).collect()
        };
        let mut coupled: Vec<(usize, usize)> = pairs
            .iter()
            .map(between)
            .flat_map(|moved| moved.iter().flat_map(|&i| moved.iter().filter(move |&&j| j <= i).map(move |&j| (i, j))).collect::<Vec<_>>())
            .collect();
        coupled.sort_unstable();
        coupled.dedup();
        let index = |g: usize| geoms.binary_search(&g).expect("a geom of a pair");
        Crowd {
            law,
            frictional: pairs[0].condim > 1,
            pairs: pairs.len(),
            marks: N::marks(&conditions),
            sides: [0, 1].map(|side| pairs.iter().map(|pair| N::constant(index(pair.geoms[side]) as f64)).collect()),
            centre: [0, 1, 2].map(|k| list(&|g| centre(g)[k])),
            half: [0, 1, 2].map(|k| list(&|g| half(g)[k])),
            length: constants(&length),
            radius: constants(&|g| model.geoms[g].size[0]),
            inverse_weight: constants(&|g| model.bodies[model.geoms[g].body].inverse_weight),
            bodies: geoms.iter().map(|&g| model.geoms[g].body).collect(),
            freedoms: freedoms.iter().map(|&i| (i, pose.axes[i], constants(&|g| f64::from(u8::from(moves(i, g)))))).collect(),
            coupled,
            v: v.to_vec(),
        }
    }

    /// The constraint of a pair that touches, and the indices of its geoms.
    fn constraint(&self, pair: N) -> (Constraint<N>, [N; 2]) {
        let sides = [0, 1].map(|side| N::entry(&self.sides[side], pair));
        let [a, b] = sides;
        let at = |lists: &[Vec<N>; 3], side: N| -> Vector<N> { [0, 1, 2].map(|k| N::entry(&lists[k], side)) };
        let rod = |side: N| Rod { centre: at(&self.centre, side), half: at(&self.half, side), length: N::entry(&self.length, side) };
        let radii = [N::entry(&self.radius, a), N::entry(&self.radius, a) + N::entry(&self.radius, b)];
        let contact = between_capsules(&rod(a), &rod(b), radii, self.frictional);
        // The point is the same on both sides, so what moves both has no part in it.
        let row = |&axis: &Vector<N>| -> Row<N> {
            let factor =
                |(i, motion, moves): &(usize, Motion<N>, Vec<N>)| (*i, (N::entry(moves, b) - N::entry(moves, a)) * dot(axis, motion.at(contact.points[1])));
            self.freedoms.iter().map(factor).collect()
        };
        let jacobians = contact.axes.iter().map(row).collect();
        let inverse_weight = N::entry(&self.inverse_weight, a) + N::entry(&self.inverse_weight, b);
        (self.law.constraint(contact, jacobians, inverse_weight, &self.v), sides)
    }

    /// Has `body` change `state` for each pair that touches.
    fn each(&self, state: &mut [N], mut body: impl FnMut(&mut [N], Constraint<N>, [N; 2])) {
        N::each(self.pairs, &self.marks, state, |state, pair| {
            let (constraint, sides) = self.constraint(pair);
            body(state, constraint, sides);
        });
    }

    /// Numbers in which [`Crowd::add_slopes`] keeps which rows push.
    pub fn masks(&self) -> usize {
        let rows = if self.frictional { 4 } else { 1 };
        (rows * self.pairs).div_ceil(BITS)
    }

    /// Adds the slope of the cost at an acceleration to the gradient. Returns which rows push: a bit for each row of the pairs that touch, in order.
    pub fn add_slopes(&self, gradient: &mut [N], a: &[N]) -> Vec<N> {
        let (n, masks) = (gradient.len(), self.masks());
        let half = N::constant(0.5);
        // The bit of the next row, and the mask that it is in.
        let mut state = [&*gradient, &vec![N::zero(); masks], &[N::one(), N::zero()]].concat();
        self.each(&mut state, |state, constraint, _| {
            let pushed = pushes(&constraint, a);
            let slopes: Vec<N> = pushed.iter().map(|pushed| pushed.force).collect();
            add_forces(&mut state[..n], &constraint, &slopes);
            for condition in pushed.into_iter().flat_map(|pushed| pushed.states) {
                let [bit, mask] = [state[n + masks], state[n + masks + 1]];
                for (m, entry) in state[n..n + masks].iter_mut().enumerate() {
                    let here = (mask - N::constant(m as f64)).abs().less(half);
                    *entry = *entry + N::select(condition, N::select(here, bit, N::zero()), N::zero());
                }
                let full = N::constant(f64::from(1u32 << (BITS - 1)) - 0.5).less(bit);
                state[n + masks] = N::select(full, N::one(), bit + bit);
                state[n + masks + 1] = mask + N::select(full, N::one(), N::zero());
            }
        });
        gradient.copy_from_slice(&state[..n]);
        state[n..n + masks].to_vec()
    }

    /// Adds J' D J of the rows that push at an acceleration.
    pub fn add_curvatures(&self, matrix: &mut Symmetric<N>, a: &[N]) {
        let mut state: Vec<N> = self.coupled.iter().map(|&(i, j)| matrix.get(i, j).unwrap_or(N::zero())).collect();
        self.each(&mut state, |state, constraint, _| {
            let curvatures: Vec<N> = pushes(&constraint, a).iter().map(|pushed| pushed.curvature).collect();
            let mut sum = Symmetric::new(a.len());
            add_curvature(&mut sum, &constraint, &curvatures);
            for (entry, &(i, j)) in state.iter_mut().zip(&self.coupled) {
                *entry = *entry + sum.get(i, j).unwrap_or(N::zero());
            }
        });
        for (entry, &(i, j)) in state.into_iter().zip(&self.coupled) {
            matrix.set(i, j, entry);
        }
    }

    /// Adds the generalised force at an acceleration.
    pub fn add_forces(&self, total: &mut [N], a: &[N]) {
        self.each(total, |total, constraint, _| add_forces(total, &constraint, &forces(&constraint, a)));
    }

    /// Adds the forces on `bodies`, each about a point.
    pub fn add_contact_forces(&self, total: &mut [Force<N>], a: &[N], bodies: &[(usize, Vector<N>)]) {
        let on: Vec<Vec<N>> =
            bodies.iter().map(|&(body, _)| self.bodies.iter().map(|&other| N::constant(f64::from(u8::from(other == body)))).collect()).collect();
        let mut state: Vec<N> = total.iter().flat_map(|force| [force.torque, force.force].concat()).collect();
        self.each(&mut state, |state, constraint, [first, second]| {
            let Some((contact, force)) = contact_force(&constraint, a) else { return };
            for ((sums, &(_, about)), on) in state.chunks_mut(6).zip(bodies).zip(&on) {
                let own = times(force, N::entry(on, second) - N::entry(on, first));
                let torque = cross(minus(contact.points[1], about), own);
                sums.iter_mut().zip(torque.into_iter().chain(own)).for_each(|(sum, part)| *sum = *sum + part);
            }
        });
        for (force, sums) in total.iter_mut().zip(state.chunks(6)) {
            *force = Force { torque: [sums[0], sums[1], sums[2]], force: [sums[3], sums[4], sums[5]] };
        }
    }
}
