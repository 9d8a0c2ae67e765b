//! One row of metrics for each agent; then advances the agent's counters.

use crate::program::plan::{Plan, WINDOW};
use crate::reference::decision::{Ambiguous, Site};
use crate::reference::fault;
use crate::reference::layouts;
use crate::reference::memory::Memory;
use crate::reference::minibatch_moments::lanes;
use crate::reference::real::{Moments, Real};
use crate::spec::records::{Agent, EnvStatistics, Losses, MetricsRow, Transition, joined, word};

/// Writes `metrics`, `recent` and the counters in `agents`.
///
/// # Errors
/// When rounding could decide either way whether the targets vary or the target return is reached.
pub fn report<R: Real>(plan: &Plan, _index: u32, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    for s in 0..plan.agents {
        report_agent(plan, s, memory)?;
    }
    Ok(())
}

/// The row of agent `s`.
fn report_agent<R: Real>(plan: &Plan, s: usize, memory: &mut Memory<R>) -> Result<(), Ambiguous> {
    let agent = layouts::agent(memory, s);
    let site = Site { kernel: "report", agent: s, index: 0 };
    let episodes: u32 = (0..plan.envs).map(|n| memory.buffer("env_statistics").u(statistic(plan, s, n, word!(EnvStatistics.episodes)))).sum();
    let explained_variance = explained_variance(plan, &agent, memory, site)?;

    let fault = memory.buffer("faults").u(s);
    let window = newest_episodes(plan, memory, s, agent.recent as usize, fault >= fault::VALUE.code());
    let divisor = R::from_f64(window.len().max(1) as f64);
    let mean_return = R::sum(window.iter().map(|episode| episode[0])) / divisor;
    let mean_length = R::sum(window.iter().map(|episode| episode[1])) / divisor;
    memory.buffer_mut("recent").write_all(s * WINDOW as usize * 2, window.iter().flatten().copied());

    let solved = window.len() == WINDOW as usize && !site.decide(mean_return.less(R::from_f32(agent.target_return)), "whether the wanted return is reached")?;
    let stops = solved || fault != fault::NONE;

    let losses = memory.buffer("losses");
    let loss = |step: usize, k: usize| losses.f((s * plan.gradient_steps() + step) * Losses::WORDS + k);
    let made = |step: &usize| plan.config.target_kl.is_none() || loss(*step, word!(Losses.step_skipped)).value() == 0.0;
    let steps_made = (0..plan.gradient_steps()).filter(made).count();
    let mean_loss = |k: usize| R::sum((0..plan.gradient_steps()).filter(made).map(|step| loss(step, k))) / R::from_f64(steps_made.max(1) as f64);
    let total_episodes = joined(agent.episodes).wrapping_add(episodes.into());
    let [total_low, total_high] = [total_episodes as u32, (total_episodes >> 32) as u32];
    let words = [
        (word!(MetricsRow.sequence), agent.sequence),
        (word!(MetricsRow.update), agent.update.wrapping_add(if agent.stopped == 0 { 1 } else { 0 })),
        (word!(MetricsRow.episodes), episodes),
        (word!(MetricsRow.total_episodes), total_low),
        (word!(MetricsRow.total_episodes) + 1, total_high),
        (word!(MetricsRow.window), window.len() as u32),
        (word!(MetricsRow.fault), fault),
        (word!(MetricsRow.stopped), agent.stopped | if stops { 2 } else { 0 }),
        (word!(MetricsRow.gradient_steps), steps_made as u32),
        (word!(MetricsRow.padding), 0),
    ];
    let reals = [
        (word!(MetricsRow.mean_return), mean_return),
        (word!(MetricsRow.mean_length), mean_length),
        (word!(MetricsRow.policy_loss), mean_loss(word!(Losses.policy_loss))),
        (word!(MetricsRow.value_loss), mean_loss(word!(Losses.value_loss))),
        (word!(MetricsRow.entropy), mean_loss(word!(Losses.entropy))),
        (word!(MetricsRow.approx_kl), mean_loss(word!(Losses.approx_kl))),
        (word!(MetricsRow.clip_fraction), mean_loss(word!(Losses.clip_fraction))),
        (word!(MetricsRow.explained_variance), explained_variance),
        (word!(MetricsRow.grad_norm), mean_loss(word!(Losses.grad_norm))),
        (word!(MetricsRow.learning_rate), layouts::learning_rate(plan, &agent)),
    ];
    let row = memory.buffer_mut("metrics");
    words.into_iter().for_each(|(field, word)| row.write_word(s * MetricsRow::WORDS + field, word));
    reals.into_iter().for_each(|(field, real)| row.write(s * MetricsRow::WORDS + field, real));

    let counters = [
        (word!(Agent.update), agent.update.wrapping_add(if agent.stopped == 0 { 1 } else { 0 })),
        (word!(Agent.sequence), agent.sequence.wrapping_add(1)),
        (word!(Agent.episodes), total_low),
        (word!(Agent.episodes) + 1, total_high),
        (word!(Agent.recent), window.len() as u32),
        (word!(Agent.stopped), agent.stopped | u32::from(stops)),
        (word!(Agent.fault), if agent.stopped == 0 { fault } else { agent.fault }),
        (word!(Agent.gradient_steps), agent.gradient_steps.saturating_add(if agent.stopped == 0 { steps_made as u32 } else { 0 })),
    ];
    let agents = memory.buffer_mut("agents");
    counters.into_iter().for_each(|(field, word)| agents.write_word(s * Agent::WORDS + field, word));
    Ok(())
}

/// Offset of a field of environment `n`'s statistics.
fn statistic(plan: &Plan, s: usize, n: usize, field: usize) -> usize {
    (s * plan.envs + n) * EnvStatistics::WORDS + field
}

/// Roundings of a step in `gae`: a normalised reward, two products and two sums of δ, a product and a sum of the advantage, the target.
const ROUNDINGS: f64 = 8.0;

/// 1 − Var(target − V)/Var(target), where target − V is the advantage; 0 where the targets are the same up to rounding and leave nothing to explain: each
/// of [`ROUNDINGS`] operations a step is off by 2^-24 of the size of targets and advantages, and their errors decay as the advantages do.
fn explained_variance<R: Real>(plan: &Plan, agent: &Agent, memory: &Memory<R>, site: Site) -> Result<R, Ambiguous> {
    let moments = |mean: usize, m2: usize| {
        let at = |n: usize, field: usize| memory.buffer("env_statistics").f(statistic(plan, site.agent, n, field));
        let of_envs: Vec<Moments<R>> = (0..plan.envs).map(|n| Moments { count: plan.steps, mean: at(n, mean), m2: at(n, m2) }).collect();
        R::moments(&of_envs, lanes(plan.envs))
    };
    let targets = moments(word!(EnvStatistics.target_mean), word!(EnvStatistics.target_m2));
    let advantages = moments(word!(EnvStatistics.advantage_mean), word!(EnvStatistics.advantage_m2));
    let count = R::from_f64(targets.count as f64);
    let decay = R::from_f32(agent.gamma) * R::from_f32(agent.gae_lambda);
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
    let (transitions, first) = (memory.buffer("transitions"), s * plan.batch);
    let ended = |&i: &usize| transitions.u(word!(Transition[i].ending)) & Transition::ENDED != 0;
    let length = |i: usize| R::from_f64(f64::from(transitions.u(word!(Transition[i].episode_length))));
    let finished =
        (first..first + if sound { plan.batch } else { 0 }).rev().filter(ended).map(|i| [transitions.f(word!(Transition[i].episode_return)), length(i)]);
    let before = (0..recent).map(|i| [0, 1].map(|k| memory.buffer("recent").f((s * WINDOW as usize + i) * 2 + k)));
    finished.chain(before).take(WINDOW as usize).collect()
}
