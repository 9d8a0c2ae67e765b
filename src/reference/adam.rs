//! Clips the gradient by its global norm and makes one step of Adam (Kingma and Ba 2015, algorithm 1).

use crate::program::plan::{ADAM_BETAS, ADAM_EPSILON, Plan};
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::fault;
use crate::reference::layouts;
use crate::reference::memory::Memory;
use crate::reference::real::Real;
use crate::spec::records::{Agent, Losses, word};

/// Gradient step `index`: g ← g·min(1, max/‖g‖), m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², p ← p − lr·(m/(1 − β₁ⁿ))/(√(v/(1 − β₂ⁿ)) + ε).
///
/// Writes `params`, `first_moments`, `second_moments`, `losses` (the norm, and with target_kl whether the step is skipped) and `faults`. Parameters do
/// not change once the agent has
/// stopped or a quantity up to the gradient was not finite, and where one of the four parameters of a vector is not finite.
///
/// # Errors
/// When rounding could decide either way whether a number is finite, or the KL divergence too large.
pub fn adam<R: Real>(plan: &Plan, index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    for s in 0..plan.agents {
        let agent = layouts::agent(memory, s);
        let norm = R::sum(memory.buffer("norms").reals(s * plan.norm_parts..(s + 1) * plan.norm_parts)).sqrt();
        let this = s * plan.gradient_steps() + index as usize;
        memory.buffer_mut("losses").write(word!(Losses[this].grad_norm), norm);
        let site = Site { kernel: "adam", agent: s, index: index as usize };
        let mut skipped = false;
        if plan.config.target_kl.is_some() {
            let losses = memory.buffer("losses");
            let earlier = index > 0 && losses.f(word!(Losses[this - 1].step_skipped)).value() != 0.0;
            let limit = R::from_f64(1.5) * R::from_f32(agent.target_kl);
            skipped = earlier || site.decide(limit.less(losses.f(word!(Losses[this].approx_kl))), "whether target_kl is exceeded")?;
            let mark = if skipped { R::one() } else { R::zero() };
            memory.buffer_mut("losses").write(word!(Losses[this].step_skipped), mark);
        }
        let finite = fault::check(memory, site, norm, fault::GRADIENT, "whether the gradient is finite")?;
        if finite && !skipped && agent.stopped == 0 && memory.buffer("faults").u(s) > fault::GRADIENT.code() {
            step(plan, &agent, s, index, norm, memory)?;
        }
    }
    Ok(())
}

/// The step of agent `s` along a finite gradient.
fn step<R: Real>(plan: &Plan, agent: &Agent, s: usize, index: u32, norm: R, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let most = R::from_f32(agent.max_grad_norm);
    let scale = match norm.less(most) {
        Some(true) => R::one(),
        Some(false) => most / norm,
        // Both branches agree at the largest norm, so rounding does not matter here.
        None => (most / norm).min(R::one()),
    };
    let count = f64::from(agent.gradient_steps) + f64::from(index) + 1.0;
    // 1 − β^n = −(e^(n·ln β) − 1).
    let correction = |beta: f64| -(R::from_f64(count) * R::from_f64(beta.ln())).exp_m1();
    let mean = |beta: f64, old: R, new: R| old + R::from_f64(1.0 - beta) * (new - old);
    let [first_correction, second_correction] = ADAM_BETAS.map(correction);
    let lr: R = layouts::learning_rate(plan, agent);

    let (columns, parameters) = (plan.gradient_columns(), plan.network.padded_parameters());
    for vector in (0..parameters).step_by(4) {
        let mut updated = Vec::with_capacity(4);
        let mut all_finite = true;
        for column in vector..vector + 4 {
            let p = s * parameters + column;
            let gradient = memory.buffer("gradients").f(s * columns + column) * scale;
            let first = mean(ADAM_BETAS[0], memory.buffer("first_moments").f(p), gradient);
            let second = mean(ADAM_BETAS[1], memory.buffer("second_moments").f(p), gradient * gradient);
            let direction = (first / first_correction) / ((second / second_correction).sqrt() + R::from_f32(ADAM_EPSILON));
            let param = memory.buffer("params").f(p) - lr * direction;
            let site = Site { kernel: "adam", agent: s, index: column };
            all_finite &= fault::check(memory, site, param, fault::PARAMETER, "whether the parameter is finite")?;
            updated.push((p, first, second, param));
        }
        if all_finite {
            for (p, first, second, param) in updated {
                memory.buffer_mut("first_moments").write(p, first);
                memory.buffer_mut("second_moments").write(p, second);
                memory.buffer_mut("params").write(p, param);
            }
        }
    }
    Ok(())
}
