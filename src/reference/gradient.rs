//! The gradient of PPO's loss over one minibatch, and the losses themselves, one row of sums for each row of tiles.

use crate::program::plan::{LOSS_SUMS, Plan};
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::dense;
use crate::reference::layouts;
use crate::reference::loss::{self, Sample, gather};
use crate::reference::memory::Memory;
use crate::reference::policy::Policy;
use crate::reference::real::{Accumulator, Real};
use crate::spec::network::{ACTOR, CRITIC, NETWORKS};
use crate::spec::records::Agent;

/// Pass `index` mod passes of gradient step `index` / passes. A tile is `plan.tile` consecutive samples of the minibatch; row r sums the tiles
/// r, r + R, r + 2R, …, `plan.tiles_per_pass` of them in each pass. Writes `partials`: the gradient, divided by M, then each network's loss sums, not divided; and
/// `tape` in place of the gradient of wide layers' weights.
///
/// # Errors
/// When rounding could decide either way whether a sample is clipped.
pub fn gradient<R: Real>(plan: &Plan, index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let (step, pass) = (index as usize / plan.passes, index as usize % plan.passes);
    let columns = plan.gradient_columns();
    let parameters = plan.network.padded_parameters();
    let (layers, rows, places) = (plan.taped(), plan.tape_rows(), plan.places());
    let taped: Vec<bool> = (0..plan.network.layers.len()).map(|l| layers.iter().any(|taped| taped.l == l)).collect();
    for s in 0..plan.agents {
        let agent = layouts::agent(memory, s);
        let params = memory.buffer("params").reals(s * parameters..(s + 1) * parameters);
        for row in 0..plan.gradient_rows {
            let base = (s * plan.gradient_rows + row) * plan.partial_columns();
            let own: Vec<(usize, usize)> =
                places.iter().enumerate().filter(|(_, place)| !place.taped).map(|(column, place)| (column, base + place.column)).collect();
            let mut sums = vec![R::Accumulator::default(); columns];
            let mut behind = sums.clone();
            if pass > 0 {
                let partials = memory.buffer("partials");
                own.iter().for_each(|&(column, place)| sums[column].add(partials.f(place)));
            }
            for tile in 0..plan.tiles_per_pass {
                let first = ((pass * plan.tiles_per_pass + tile) * plan.gradient_rows + row) * plan.tile;
                for i in first..first + plan.tile {
                    let counts = i < plan.minibatch;
                    if !counts && rows.is_none() {
                        break;
                    }
                    // Behind the minibatch, its last sample stands for nothing, and has no slopes.
                    let sample = gather(plan, memory, s, step, i.min(plan.minibatch - 1));
                    let site = Site { kernel: "gradient", agent: s, index: sample.b };
                    let one = One { plan, agent: &agent, params: &params, taped: &taped, sample, site };
                    let sums = if counts { &mut sums } else { &mut behind };
                    let passed = [actor(&one, sums)?, critic(&one, sums)?];
                    for (network, (inputs, slopes)) in passed.iter().enumerate() {
                        let place = |unit: usize| layouts::tape(plan, s, network, unit, (row * plan.tiles_per_pass + tile) * plan.tile + i - first);
                        let cells = memory.buffer_mut("tape");
                        for (rows, (l, layer)) in rows.iter().flat_map(|rows| plan.network.layers.iter().enumerate().map(move |layer| (rows, layer))) {
                            if let Some(first) = rows.inputs[l] {
                                layouts::tape_inputs(plan, l, &inputs[l]).enumerate().for_each(|(m, x)| cells.write(place(first + m), x));
                            }
                            if let Some(first) = rows.slopes[l] {
                                let slope = |k: usize| slopes[l].get(k).copied().filter(|_| counts).unwrap_or(R::zero());
                                (0..layer.columns()).for_each(|k| cells.write(place(first + k), slope(k)));
                            }
                        }
                    }
                }
            }
            let partials = memory.buffer_mut("partials");
            own.into_iter().for_each(|(column, place)| partials.write(place, sums[column].total()));
        }
    }
    Ok(())
}

/// One sample, and what it passes through.
struct One<'a, R> {
    plan: &'a Plan,
    agent: &'a Agent,
    params: &'a [R],
    taped: &'a [bool],
    sample: Sample<R>,
    site: Site,
}

/// The inputs of each layer for one sample, and the slopes at its outputs.
type Passed<R> = (Vec<Vec<R>>, Vec<Vec<R>>);

/// Adds what one sample contributes through the actor.
fn actor<R: Real>(one: &One<R>, sums: &mut [R::Accumulator]) -> Result<Passed<R>, Ambiguous> {
    let &One { plan, agent, params, taped, ref sample, site } = one;
    let activations = dense::forward(&plan.network, ACTOR, params, sample.observation.clone());
    let policy = Policy::new(&plan.environment.actions, &activations.head, &sample.legal);
    let log_ratio = policy.log_prob(&sample.action) - sample.log_prob;
    let ratio = log_ratio.exp();
    let (advantage, clip) = (sample.advantage, layouts::clip_range(plan, agent));

    // The clipped side of the minimum is constant in the ratio. It is the smaller one only where the ratio has already gone too far in the
    // direction that the advantage asks for. Elsewhere: d(−ratio·A)/d log π = −ratio·A.
    let good = site.decide(R::zero().less(advantage), "the sign of the advantage")?;
    let bad = site.decide(advantage.less(R::zero()), "the sign of the advantage")?;
    let spent = if good {
        site.decide((R::one() + clip).less(ratio), "whether the ratio is above the clip range")?
    } else if bad {
        site.decide(ratio.less(R::one() - clip), "whether the ratio is below the clip range")?
    } else {
        false
    };
    let log_prob_slope = if spent { R::zero() } else { -(ratio * advantage) };
    let slope = mean_slope(plan, policy.slope(&sample.action, log_prob_slope, -layouts::entropy_weight::<R>(plan, agent)));
    let slopes = dense::backward(&plan.network, ACTOR, params, &activations, slope, taped, sums);

    let outside = site.decide(clip.less((ratio - R::one()).abs()), "whether the ratio counts as clipped")?;
    let losses = [
        loss::policy_loss(ratio, advantage, clip),
        policy.entropy(),
        // Unbiased and never negative (Schulman 2020, "Approximating KL divergence", k3).
        (ratio - R::one()) - log_ratio,
        if outside { R::one() } else { R::zero() },
    ];
    losses.into_iter().zip(loss_sums(plan, ACTOR, sums)).for_each(|(loss, sum)| sum.add(loss));
    Ok((activations.inputs, slopes))
}

/// Adds what one sample contributes through the critic.
fn critic<R: Real>(one: &One<R>, sums: &mut [R::Accumulator]) -> Result<Passed<R>, Ambiguous> {
    let &One { plan, agent, params, taped, ref sample, site } = one;
    let activations = dense::forward(&plan.network, CRITIC, params, sample.observation.clone());
    let value = activations.head[0];
    let error = value - sample.value_target;
    let (change, clip) = (value - sample.value, layouts::clip_range::<R>(plan, agent));

    // Outside the clip range the clipped error is constant in V; inside, both are the same. Hence no slope where V is outside and the clipped error
    // is the larger one. Elsewhere: d ½(V − target)²/dV = V − target.
    let clipped_is_larger = |bound: R| {
        let clipped_error = sample.value + bound - sample.value_target;
        site.decide((error * error).less(clipped_error * clipped_error), "which squared error of the value is larger")
    };
    let constant = if !plan.config.value_clip {
        false
    } else if site.decide(clip.less(change), "whether the value rose out of the clip range")? {
        clipped_is_larger(clip)?
    } else if site.decide(change.less(-clip), "whether the value fell out of the clip range")? {
        clipped_is_larger(-clip)?
    } else {
        false
    };
    let slope = if constant { R::zero() } else { R::from_f32(agent.value_coef) * error };
    let slopes = dense::backward(&plan.network, CRITIC, params, &activations, mean_slope(plan, vec![slope]), taped, sums);
    loss_sums(plan, CRITIC, sums)[0].add(loss::value_loss(plan, value, sample, clip));
    Ok((activations.inputs, slopes))
}

/// The slope of the minibatch's mean, given that of one sample's loss.
fn mean_slope<R: Real>(plan: &Plan, slope: Vec<R>) -> Vec<R> {
    let weight = R::one() / R::from_f64(plan.minibatch as f64);
    slope.into_iter().map(|slope| weight * slope).collect()
}

/// The loss sums of a network in a row of columns.
fn loss_sums<'a, T>(plan: &Plan, network: usize, columns: &'a mut [T]) -> &'a mut [T] {
    const { assert!(NETWORKS == 2) };
    &mut columns[plan.network.padded_parameters() + network * LOSS_SUMS..][..LOSS_SUMS]
}
