//! PPO's losses (Schulman et al. 2017, equations 7 and 9), and their sum over a minibatch as a function of the parameters.

use crate::program::plan::Plan;
use crate::reference::dense;
use crate::reference::layouts;
use crate::reference::memory::Memory;
use crate::reference::policy::{Action, Policy};
use crate::reference::real::Real;
use crate::spec::network::{ACTOR, CRITIC};
use crate::spec::records::{Sample as SampleRecord, word};

/// The data of one environment step that a gradient step reads.
#[derive(Debug, Clone)]
pub struct Sample<R> {
    /// Index of the step in the agent's part of the arrays `[t][n]`.
    pub b: usize,
    /// Observation before the step.
    pub observation: Vec<R>,
    /// Action.
    pub action: Action<R>,
    /// Which actions were legal; empty where all were.
    pub legal: Vec<bool>,
    /// Advantage, normalised within the minibatch unless that is turned off.
    pub advantage: R,
    /// Target of the value.
    pub value_target: R,
    /// Value under the critic of the rollout.
    pub value: R,
    /// Log-probability of the action under the policy of the rollout.
    pub log_prob: R,
}

/// Sample `i` of the minibatch of gradient step `step` of agent `s`.
pub fn gather<R: Real>(plan: &Plan, memory: &Memory<R>, s: usize, step: usize, i: usize) -> Sample<R> {
    let b = layouts::minibatch(plan, &layouts::agent(memory, s), step)(i);
    let field = |field: usize| memory.buffer("samples").f((s * plan.batch + b) * SampleRecord::WORDS + field);
    let advantage = field(word!(SampleRecord.advantage));
    let moment = |field: usize| memory.buffer("moments").f((s * plan.gradient_steps() + step) * 2 + field);
    let base = layouts::observation(plan, s, b / plan.envs, b % plan.envs);
    let (action, legal) = Action::read(plan, memory, s * plan.batch + b);
    Sample {
        b,
        observation: layouts::stored_observation(plan, memory, base),
        action,
        legal,
        advantage: if plan.normalizes_advantages() { (advantage - moment(0)) / (moment(1) + R::from_f64(1e-8)) } else { advantage },
        value_target: field(word!(SampleRecord.value_target)),
        value: field(word!(SampleRecord.value)),
        log_prob: field(word!(SampleRecord.log_prob)),
    }
}

/// −min(ratio·A, clip(ratio, 1 − ε, 1 + ε)·A).
pub fn policy_loss<R: Real>(ratio: R, advantage: R, clip: R) -> R {
    -(ratio * advantage).min(ratio.clamp(R::one() - clip, R::one() + clip) * advantage)
}

/// ½·max((V − target)², (V_old + clip(V − V_old, −ε, ε) − target)²), without the second where values are not clipped.
pub fn value_loss<R: Real>(plan: &Plan, value: R, sample: &Sample<R>, clip: R) -> R {
    let error = value - sample.value_target;
    let clipped_error = sample.value + (value - sample.value).clamp(-clip, clip) - sample.value_target;
    let squared = if plan.config.value_clip { (error * error).max(clipped_error * clipped_error) } else { error * error };
    R::from_f64(0.5) * squared
}

/// Policy loss + c_v·value loss − c_e·entropy of agent `s`, each the mean over the minibatch of gradient step `gradient_step`.
pub fn loss<R: Real>(plan: &Plan, memory: &Memory<R>, gradient_step: usize, s: usize) -> R {
    let agent = layouts::agent(memory, s);
    let parameters = plan.network.padded_parameters();
    let params = memory.buffer("params").reals(s * parameters..(s + 1) * parameters);
    let of_sample = |i: usize| {
        let sample = gather(plan, memory, s, gradient_step, i);
        let head = |network: usize| dense::forward(&plan.network, network, &params, sample.observation.clone()).head;
        let policy = Policy::new(&plan.environment.actions, &head(ACTOR), &sample.legal);
        let ratio = (policy.log_prob(&sample.action) - sample.log_prob).exp();
        let clip = layouts::clip_range(plan, &agent);
        let value_loss = value_loss(plan, head(CRITIC)[0], &sample, clip);
        policy_loss(ratio, sample.advantage, clip) + R::from_f32(agent.value_coef) * value_loss - layouts::entropy_weight::<R>(plan, &agent) * policy.entropy()
    };
    R::sum((0..plan.minibatch).map(of_sample)) / R::from_f64(plan.minibatch as f64)
}
