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
/// r, r + R, r + 2R, …, `plan.tiles_per_pass` of them in each pass. Writes `partials`: the gradient, divided by M, then each network's loss sums, not divided.
///
/// # Errors
/// When rounding could decide either way whether a sample is clipped.
pub fn gradient<R: Real>(plan: &Plan, index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let (step, pass) = (index as usize / plan.passes, index as usize % plan.passes);
    let columns = plan.gradient_columns();
    let parameters = plan.network.padded_parameters();
    for s in 0..plan.agents {
        let agent = layouts::agent(memory, s);
        let params = memory.buffer("params").reals(s * parameters..(s + 1) * parameters);
        for row in 0..plan.gradient_rows {
            let base = (s * plan.gradient_rows + row) * columns;
            let mut sums = vec![R::Accumulator::default(); columns];
            if pass > 0 {
                let partials = memory.buffer("partials");
                sums.iter_mut().enumerate().for_each(|(column, sum)| sum.add(partials.f(base + column)));
            }
            let tiles = (pass * plan.tiles_per_pass..(pass + 1) * plan.tiles_per_pass).map(|tile| (tile * plan.gradient_rows + row) * plan.tile);
            for i in tiles.flat_map(|first| first..plan.minibatch.min(first + plan.tile)) {
                let sample = gather(plan, memory, s, step, i);
                let site = Site { kernel: "gradient", agent: s, index: sample.b };
                actor(plan, &agent, &params, &sample, site, &mut sums)?;
                critic(plan, &agent, &params, &sample, site, &mut sums)?;
            }
            memory.buffer_mut("partials").write_all(base, sums.into_iter().map(Accumulator::total));
        }
    }
    Ok(())
}

/// Adds what one sample contributes through the actor.
fn actor<R: Real>(plan: &Plan, agent: &Agent, params: &[R], sample: &Sample<R>, site: Site, sums: &mut [R::Accumulator]) -> Result<(), Ambiguous> {
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
    dense::backward(&plan.network, ACTOR, params, &activations, slope, sums);

    let outside = site.decide(clip.less((ratio - R::one()).abs()), "whether the ratio counts as clipped")?;
    let losses = [
        loss::policy_loss(ratio, advantage, clip),
        policy.entropy(),
        // Unbiased and never negative (Schulman 2020, "Approximating KL divergence", k3).
        (ratio - R::one()) - log_ratio,
        if outside { R::one() } else { R::zero() },
    ];
    losses.into_iter().zip(loss_sums(plan, ACTOR, sums)).for_each(|(loss, sum)| sum.add(loss));
    Ok(())
}

/// Adds what one sample contributes through the critic.
fn critic<R: Real>(plan: &Plan, agent: &Agent, params: &[R], sample: &Sample<R>, site: Site, sums: &mut [R::Accumulator]) -> Result<(), Ambiguous> {
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
    dense::backward(&plan.network, CRITIC, params, &activations, mean_slope(plan, vec![slope]), sums);
    loss_sums(plan, CRITIC, sums)[0].add(loss::value_loss(plan, value, sample, clip));
    Ok(())
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
