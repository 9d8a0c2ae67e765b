//! One row of metrics for each agent; then advances the agent's counters.

use crate::program::plan::{LOSSES, Plan, WINDOW};
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::fault;
use crate::reference::layouts::Agent;
use crate::reference::memory::Memory;
use crate::reference::minibatch_moments::lanes;
use crate::reference::real::{Moments, Real};
use crate::spec::records::{AGENT_WORDS, METRICS_WORDS};
use crate::spec::records::{agent as agent_field, env_statistics, loss, metrics, transition};

/// Writes `metrics`, `recent` and the counters in `agents`.
///
/// # Errors
/// When rounding could decide either way whether the targets vary or the wanted return is reached.
pub fn report<R: Real>(plan: &Plan, _index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    for s in 0..plan.agents {
        report_agent(plan, s, memory)?;
    }
    Ok(())
}

/// The row of agent `s`.
fn report_agent<R: Real>(plan: &Plan, s: usize, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let agent = Agent::read(memory, s);
    let site = Site { kernel: "report", agent: s, index: 0 };
    let episodes: u32 = (0..plan.envs).map(|n| memory.buffer("env_statistics").u(statistic(plan, s, n, env_statistics::EPISODES))).sum();
    let explained_variance = explained_variance(plan, &agent, memory, site)?;

    let fault = memory.buffer("faults").u(s);
    let window = newest_episodes(plan, memory, s, agent.recent as usize, fault >= fault::VALUE.code());
    let divisor = R::from_f64(window.len().max(1) as f64);
    let mean_return = R::sum(window.iter().map(|episode| episode[0])) / divisor;
    let mean_length = R::sum(window.iter().map(|episode| episode[1])) / divisor;
    memory.buffer_mut("recent").write_all(s * WINDOW as usize * 2, window.iter().flatten().copied());

    let solved = window.len() == WINDOW as usize && !site.decide(mean_return.less(agent.target_return), "whether the wanted return is reached")?;
    let stops = solved || fault != fault::NONE;

    let losses = memory.buffer("losses");
    let loss = |step: usize, k: usize| losses.f((s * plan.gradient_steps() + step) * LOSSES + k);
    let made = |step: &usize| plan.config.target_kl.is_none() || loss(*step, loss::SKIPPED).value() == 0.0;
    let steps_made = (0..plan.gradient_steps()).filter(made).count();
    let mean_loss = |k: usize| R::sum((0..plan.gradient_steps()).filter(made).map(|step| loss(step, k))) / R::from_f64(steps_made.max(1) as f64);
    let total_episodes = agent.episodes.wrapping_add(episodes.into());
    let words_of = |count: u64| [count as u32, (count >> 32) as u32];
    let [total_low, total_high] = words_of(total_episodes);
    let words = [
        (metrics::SEQUENCE, agent.sequence),
        (metrics::UPDATE, agent.update.wrapping_add(if agent.stopped == 0 { 1 } else { 0 })),
        (metrics::EPISODES, episodes),
        (metrics::TOTAL_EPISODES, total_low),
        (metrics::TOTAL_EPISODES + 1, total_high),
        (metrics::WINDOW, window.len() as u32),
        (metrics::FAULT, fault),
        (metrics::STOPPED, agent.stopped | if stops { 2 } else { 0 }),
        (metrics::GRADIENT_STEPS, steps_made as u32),
        (metrics::PADDING, 0),
    ];
    let reals = [
        (metrics::MEAN_RETURN, mean_return),
        (metrics::MEAN_LENGTH, mean_length),
        (metrics::POLICY_LOSS, mean_loss(loss::POLICY)),
        (metrics::VALUE_LOSS, mean_loss(loss::VALUE)),
        (metrics::ENTROPY, mean_loss(loss::ENTROPY)),
        (metrics::APPROX_KL, mean_loss(loss::APPROX_KL)),
        (metrics::CLIP_FRACTION, mean_loss(loss::CLIP_FRACTION)),
        (metrics::EXPLAINED_VARIANCE, explained_variance),
        (metrics::GRAD_NORM, mean_loss(loss::GRAD_NORM)),
        (metrics::LEARNING_RATE, agent.learning_rate(plan)),
    ];
    let row = memory.buffer_mut("metrics");
    words.into_iter().for_each(|(field, word)| row.write_word(s * METRICS_WORDS + field, word));
    reals.into_iter().for_each(|(field, real)| row.write(s * METRICS_WORDS + field, real));

    let counters = [
        (agent_field::UPDATE, agent.update.wrapping_add(if agent.stopped == 0 { 1 } else { 0 })),
        (agent_field::SEQUENCE, agent.sequence.wrapping_add(1)),
        (agent_field::EPISODES, total_low),
        (agent_field::EPISODES + 1, total_high),
        (agent_field::RECENT, window.len() as u32),
        (agent_field::STOPPED, agent.stopped | u32::from(stops)),
        (agent_field::FAULT, if agent.stopped == 0 { fault } else { agent.fault }),
        (agent_field::GRADIENT_STEPS, agent.gradient_steps.saturating_add(if agent.stopped == 0 { steps_made as u32 } else { 0 })),
    ];
    let agents = memory.buffer_mut("agents");
    counters.into_iter().for_each(|(field, word)| agents.write_word(s * AGENT_WORDS + field, word));
    Ok(())
}

/// Offset of a field of environment `n`'s statistics.
fn statistic(plan: &Plan, s: usize, n: usize, field: usize) -> usize {
    (s * plan.envs + n) * env_statistics::WORDS + field
}

/// Roundings of a step in `gae`: a normalised reward, two products and two sums of δ, a product and a sum of the advantage, the target.
const ROUNDINGS: f64 = 8.0;

/// 1 − Var(target − V)/Var(target), where target − V is the advantage; 0 where the targets are the same up to rounding and leave nothing to explain: each
/// of [`ROUNDINGS`] operations a step is off by 2^-24 of the size of targets and advantages, and their errors decay as the advantages do.
fn explained_variance<R: Real>(plan: &Plan, agent: &Agent<R>, memory: &Memory<R>, site: Site) -> Result<R, Ambiguous> {
    let moments = |mean: usize, m2: usize| {
        let at = |n: usize, field: usize| memory.buffer("env_statistics").f(statistic(plan, site.agent, n, field));
        let of_envs: Vec<Moments<R>> = (0..plan.envs).map(|n| Moments { count: plan.steps, mean: at(n, mean), m2: at(n, m2) }).collect();
        R::moments(&of_envs, lanes(plan.envs))
    };
    let targets = moments(env_statistics::TARGET_MEAN, env_statistics::TARGET_M2);
    let advantages = moments(env_statistics::ADVANTAGE_MEAN, env_statistics::ADVANTAGE_M2);
    let count = R::from_f64(targets.count as f64);
    let decay = agent.gamma * agent.gae_lambda;
    let steps = R::from_f64(plan.steps as f64);
    let horizon = if decay.value() < 1.0 { steps.min(R::one() / (R::one() - decay)) } else { steps };
    let size = targets.mean.abs() + advantages.mean.abs() + (advantages.m2 / count).sqrt();
    let error = R::from_f64(ROUNDINGS * 2f64.powi(-24)) * horizon * size;
    let vary = site.decide((count * error * error).less(targets.m2), "whether the targets vary")?;
    Ok(if vary { R::one() - advantages.m2 / targets.m2 } else { R::zero() })
}

/// Return and length of the last finished episodes, newest first: those of this rollout, in the order (t, n), then the `recent` ones from before it. A rollout that is not
/// `sound` adds none.
fn newest_episodes<R: Real>(plan: &Plan, memory: &Memory<R>, s: usize, recent: usize, sound: bool) -> Vec<[R; 2]> {
    let transitions = memory.buffer("transitions");
    let field = |b: usize, field: usize| (s * plan.batch + b) * transition::WORDS + field;
    let ending = |b: usize| transitions.u(field(b, transition::ENDING));
    let finished = (0..if sound { plan.batch } else { 0 })
        .rev()
        .filter(|&b| ending(b) & transition::ENDED != 0)
        .map(|b| [transitions.f(field(b, transition::EPISODE_RETURN)), R::from_f64(f64::from(transitions.u(field(b, transition::EPISODE_LENGTH))))]);
    let before = (0..recent).map(|i| [0, 1].map(|k| memory.buffer("recent").f((s * WINDOW as usize + i) * 2 + k)));
    finished.chain(before).take(WINDOW as usize).collect()
}
