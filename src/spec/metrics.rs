//! What a row of metrics is, and what each of its numbers means.

use crate::support::fault::{Divergence, Fault};
use serde::Deserialize;

/// `MetricsRow` of shaders/report.wgsl: what leaves the device for each agent after each update.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[allow(missing_docs)] // each field is documented in report.wgsl, or in METRICS
pub struct RawRow {
    pub total_episodes: [u32; 2],
    pub sequence: u32,
    pub update: u32,
    pub episodes: u32,
    pub window: u32,
    pub fault: u32,
    pub stopped: u32,
    pub mean_return: f32,
    pub mean_length: f32,
    pub policy_loss: f32,
    pub value_loss: f32,
    pub entropy: f32,
    pub approx_kl: f32,
    pub clip_fraction: f32,
    pub explained_variance: f32,
    pub grad_norm: f32,
    pub learning_rate: f32,
    pub gradient_steps: u32,
    pub padding: u32,
}

/// Bit of [`RawRow::stopped`]: the agent had stopped before this update.
const HAD_STOPPED: u32 = 1;
/// Bit of [`RawRow::stopped`]: the agent stops with this update.
const STOPS: u32 = 2;

/// One agent's metrics of one update: a line of `metrics.jsonl`. Numbers that are absent or not finite are written as `null`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)] // each field is documented in METRICS, once
pub struct Row {
    pub agent: u32,
    pub seed: u64,
    pub update: u32,
    pub env_steps: u64,
    pub seconds: f64,
    pub sps: f64,
    pub episodes: u32,
    pub total_episodes: u64,
    pub window: u32,
    pub mean_return: Option<f32>,
    pub mean_length: Option<f32>,
    #[serde(deserialize_with = "number_or_null")]
    pub policy_loss: f32,
    #[serde(deserialize_with = "number_or_null")]
    pub value_loss: f32,
    #[serde(deserialize_with = "number_or_null")]
    pub entropy: f32,
    #[serde(deserialize_with = "number_or_null")]
    pub approx_kl: f32,
    #[serde(deserialize_with = "number_or_null")]
    pub clip_fraction: f32,
    #[serde(deserialize_with = "number_or_null")]
    pub explained_variance: f32,
    #[serde(deserialize_with = "number_or_null")]
    pub grad_norm: f32,
    #[serde(deserialize_with = "number_or_null")]
    pub learning_rate: f32,
    pub gradient_steps: u32,
    pub stops: bool,
    pub fault: Option<Fault>,
    /// The agent had stopped before this update, which changed nothing of it. Such rows are not recorded.
    #[serde(skip)]
    pub was_stopped: bool,
}

impl Row {
    /// The row of agent `agent`, which has that seed and learns from `batch` steps an update, as the device wrote it, received `seconds` after training began at `sps` environment steps per second.
    pub fn from_raw(raw: &RawRow, agent: u32, seed: u64, batch: u64, seconds: f64, sps: f64) -> Row {
        let over_window = |value| (raw.window > 0).then_some(value);
        Row {
            agent,
            seed,
            update: raw.update,
            env_steps: u64::from(raw.update) * batch,
            // Microseconds and tenths of steps: more digits mean nothing and make the file longer.
            seconds: (seconds * 1e6).round() / 1e6,
            sps: (sps * 10.0).round() / 10.0,
            episodes: raw.episodes,
            total_episodes: u64::from(raw.total_episodes[0]) | u64::from(raw.total_episodes[1]) << 32,
            window: raw.window,
            mean_return: over_window(raw.mean_return),
            mean_length: over_window(raw.mean_length),
            policy_loss: raw.policy_loss,
            value_loss: raw.value_loss,
            entropy: raw.entropy,
            approx_kl: raw.approx_kl,
            clip_fraction: raw.clip_fraction,
            explained_variance: raw.explained_variance,
            grad_norm: raw.grad_norm,
            learning_rate: raw.learning_rate,
            gradient_steps: raw.gradient_steps,
            stops: raw.stopped & STOPS != 0,
            fault: Fault::of_code(raw.fault),
            was_stopped: raw.stopped & HAD_STOPPED != 0,
        }
    }
}

impl Row {
    /// Where and how the agent went wrong, if it did.
    pub fn divergence(&self) -> Option<Divergence> {
        Some(Divergence { agent: self.agent, seed: self.seed, update: self.update, fault: self.fault? })
    }
}

/// A number that was written as null when it was not finite.
fn number_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<f32, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f32::NAN))
}

/// What one number of a row means.
pub struct Metric {
    /// Name in `metrics.jsonl`.
    pub name: &'static str,
    /// Unit; empty for plain numbers.
    pub unit: &'static str,
    /// Definition.
    pub meaning: &'static str,
    /// Values to expect while all is well, and what others hint at; empty where nothing can be said.
    pub healthy: &'static str,
    /// Its name in TensorBoard, that of Stable-Baselines3 where there is one; empty for what is not shown there.
    pub tag: &'static str,
}

macro_rules! metrics {
    ($($name:ident $unit:literal $meaning:literal $healthy:literal $tag:literal;)*) => {
        /// Every number of a row, in the order in which it is written.
        pub const METRICS: &[Metric] = &[$(Metric { name: stringify!($name), unit: $unit, meaning: $meaning, healthy: $healthy, tag: $tag },)*];
    };
}

metrics! {
    agent "" "agent, counted from 0" "" "";
    seed "" "the agent's seed: that of the run plus the agent's number" "" "";
    update "updates" "updates that the agent learned from, this one included" "" "";
    env_steps "steps" "environment steps of this agent: update * envs * steps" "" "";
    seconds "s" "wall clock since training began, when the host received the row" "" "time/time_elapsed";
    sps "steps/s" "environment steps per second of the whole run so far, all agents together" "constant after the first updates" "time/fps";
    episodes "episodes" "episodes that finished in this update's rollout" "" "";
    total_episodes "episodes" "episodes that finished since training began" "" "time/episodes";
    window "episodes" "last finished episodes that mean_return and mean_length are taken over, at most 100" "" "";
    mean_return "return" "mean undiscounted return of the last finished episodes; null before the first one" "rises; CartPole-v1 is solved from 475" "rollout/ep_rew_mean";
    mean_length "steps" "mean length of the same episodes; null before the first one" "" "rollout/ep_len_mean";
    policy_loss "" "clipped surrogate loss, mean over the update's gradient steps" "small and mostly below 0; its size says little" "train/policy_gradient_loss";
    value_loss "return^2" "half the mean squared error of the values (of clipped and unclipped the larger, where value_clip is on), mean over gradient steps" "falls once returns stop rising" "train/value_loss";
    entropy "nat" "mean entropy of the policy, mean over gradient steps" "falls slowly from ln(actions); near 0 early means that exploration has ended" "train/entropy";
    approx_kl "nat" "mean of (ratio - 1) - ln ratio between the rollout's policy and the one that learns, mean over gradient steps" "0.001 to 0.05; more: lower lr or epochs" "train/approx_kl";
    clip_fraction "fraction" "share of samples whose ratio left 1 +- clip, mean over gradient steps" "0.01 to 0.3; always 0: raise lr" "train/clip_fraction";
    explained_variance "fraction" "1 - Var(target - value) / Var(target) over the rollout, values from before the update; 0 where targets are constant up to rounding" "rises towards 1; at or below 0 the critic is of no use" "train/explained_variance";
    grad_norm "" "global norm of the gradient before clipping, mean over gradient steps" "steady; often far above max_grad_norm: lower lr" "train/grad_norm";
    learning_rate "" "Adam's learning rate in this update" "" "train/learning_rate";
    gradient_steps "steps" "gradient steps made in this update; fewer than epochs * minibatches where target_kl ended it early" "" "train/gradient_steps";
    stops "bool" "the agent stops with this update: target_return was reached, or something went wrong" "false until the end" "";
    fault "name" "the first thing that went wrong: the quantity that is not finite, or what else stopped the agent" "null" "";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::kernel;
    use crate::program::plan::Plan;
    use crate::program::profile::Profile;
    use crate::spec::config::Config;
    use crate::spec::records::METRICS_WORDS;
    use crate::wgsl::{compose, reflect};
    use bytemuck::Zeroable;
    use std::mem::{offset_of, size_of};

    fn plan() -> Plan {
        Plan::new(&Config { agents: 3, seed: 7, ..Config::default() }, Profile::named("gpu").expect("a profile")).expect("the defaults fit together")
    }

    #[test]
    fn raw_row_has_the_layout_of_the_kernel() {
        macro_rules! offsets {
            ($($field:ident)*) => { vec![$((stringify!($field).to_string(), offset_of!(RawRow, $field) / 4)),*] };
        }
        let expected = offsets!(total_episodes sequence update episodes window fault stopped mean_return mean_length policy_loss value_loss entropy
            approx_kl clip_fraction explained_variance grad_norm learning_rate gradient_steps padding);
        let module = reflect::parse("report", &compose::compose(kernel::report(&plan()), &plan())).expect("report compiles");
        let (members, words) = reflect::structure(&module, "MetricsRow").expect("report declares MetricsRow");
        assert_eq!(members, expected);
        assert_eq!([size_of::<RawRow>() / 4, METRICS_WORDS], [words, words]);
    }

    #[test]
    fn every_number_of_a_row_is_documented_in_order() {
        let row = plan().row(&RawRow::zeroed(), 0, 0.0, 0.0);
        let json = serde_json::to_string(&row).expect("rows are representable in JSON");
        let positions: Vec<Option<usize>> = METRICS.iter().map(|metric| json.find(&format!("\"{}\":", metric.name))).collect();
        assert!(positions.iter().all(Option::is_some) && positions.is_sorted(), "{json}: {positions:?}");
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).expect("a JSON object");
        assert_eq!(object.len(), METRICS.len());
    }

    #[test]
    fn absent_and_infinite_numbers_are_null() {
        let raw = RawRow {
            fault: crate::support::fault::VALUE_LOSS.code(),
            stopped: STOPS,
            value_loss: f32::INFINITY,
            entropy: f32::NAN,
            update: 5,
            ..RawRow::zeroed()
        };
        let plan = plan();
        let json = serde_json::to_value(plan.row(&raw, 2, 1.0, 2.0)).expect("rows are representable in JSON");
        for name in ["mean_return", "mean_length", "value_loss", "entropy"] {
            assert!(json[name].is_null(), "{name} is {}", json[name]);
        }
        assert_eq!((&json["fault"], &json["stops"], &json["agent"], &json["seed"]), (&"value loss".into(), &true.into(), &2.into(), &9.into()));
        assert_eq!(json["env_steps"], 5 * plan.batch);
    }
}
