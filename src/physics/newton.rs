//! The acceleration under constraints: the minimum of ½ (a − a₀)' M (a − a₀) + Σ cost(J a − aref), found by Newton's method (MuJoCo's documentation,
//! "Constraint model").

use crate::physics::constraint::{add_curvature, add_forces, inner, push, residuals, sum};
use crate::physics::crowd::Crowd;
use crate::physics::dynamics::Smooth;
use crate::physics::number::{BITS, Number, split};
use crate::physics::rows::Rows;

/// Most rounds of Newton's method. They end when no constraint begins or ends.
const MOST_ROUNDS: usize = 100;
/// Rounds with full steps. Gymnasium's robots were not seen to need more than 7, but full steps may also go back and forth between two states, and then those
/// that are too long are shortened. With friction loss that is common, so that it is done from the first round on.
const FULL_STEPS: f64 = 8.0;
/// A step is too long where the cost rises at its end by more than this part of how it fell at its beginning. At the minimum along the step, that is rounding: 1e-6.
const LEAST_RISE: f64 = 1e-3;
/// At the minimum the cost does not fall, or seems to rise by rounding. This takes the place of what it falls by, so that nothing is divided by 0.
const LEAST_FALL: f64 = 1e-30;

/// What a round of Newton's method finds at an acceleration.
struct Slope<N> {
    gradient: Vec<N>,
    /// For each single constraint and row, its curvature: D where the row pushes.
    curvatures: Vec<Vec<N>>,
    masks: Vec<N>,
}

/// The acceleration of least cost.
pub fn acceleration<N: Number>(smooth: &Smooth<N>, constraints: &Rows<N>) -> Vec<N> {
    let start = smooth.mass.clone().solve(&smooth.force);
    if constraints.is_empty() {
        return start;
    }
    let n = start.len();
    for (i, a) in start.iter().enumerate() {
        a.named(|| format!("acceleration_{i}"));
    }
    let single = constraints.single.iter().map(|(constraint, _)| constraint.bits()).sum::<usize>().div_ceil(BITS);
    let masks = single + constraints.crowds.iter().map(Crowd::masks).sum::<usize>();
    let mut state = start;
    // Without friction loss, no constraint acts at first: if none does at the start, that is the minimum.
    let lossy = constraints.single.iter().any(|(constraint, _)| constraint.is_friction_loss());
    state.extend((0..masks).map(|_| N::constant(if lossy { -1.0 } else { 0.0 })));
    // The last step, how steeply the cost fell at its beginning, for all of it, and how many rounds there were.
    state.extend(vec![N::zero(); n]);
    state.extend([N::one(), N::zero()]);
    let free_rounds = N::constant(if lossy { -0.5 } else { FULL_STEPS - 0.5 });
    let lengths = [n, masks, n, 1, 1];
    let examine = |state: &[N]| {
        let [a, before, ..] = split(state, lengths);
        let slope = slope(smooth, constraints, &a, single);
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
            for ((constraint, _), of_rows) in constraints.single.iter().zip(&slope.curvatures) {
                add_curvature(&mut curvature, constraint, of_rows);
            }
            constraints.crowds.iter().for_each(|crowd| crowd.add_curvatures(&mut curvature, &a));
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

/// The slope of the cost, with the states of rows: those of single constraints in `masks` numbers.
fn slope<N: Number>(smooth: &Smooth<N>, constraints: &Rows<N>, a: &[N], masks: usize) -> Slope<N> {
    let n = a.len();
    let gradient: Vec<N> = smooth.mass.apply(a).iter().zip(&smooth.force).map(|(&inertia, &force)| inertia - force).collect();
    let mut slope = Slope { gradient, curvatures: Vec::new(), masks: vec![N::zero(); masks] };
    let mut first = 0;
    for (constraint, _) in &constraints.single {
        let residuals = residuals(constraint, a);
        let rows = residuals.len();
        let mut state = [slope.gradient, vec![N::zero(); rows], slope.masks].concat();
        N::branch(constraint.acts(), &mut state, |state| {
            let mut forces = Vec::new();
            let mut bit = first;
            for (r, &residual) in residuals.iter().enumerate() {
                let pushed = push(constraint, r, residual);
                forces.push(pushed.force);
                state[n + r] = pushed.curvature;
                for condition in pushed.states {
                    let mask = &mut state[n + rows + bit / BITS];
                    *mask = *mask + N::select(condition, N::constant(f64::from(1u32 << (bit % BITS))), N::zero());
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
    for crowd in &constraints.crowds {
        slope.masks.extend(crowd.add_slopes(&mut slope.gradient, a));
    }
    slope
}
