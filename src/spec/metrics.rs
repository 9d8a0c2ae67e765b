//! The row of metrics, and the meaning of each number in it.

use crate::spec::environment::Environment;
use crate::spec::records::{MetricsRow, joined};
use crate::support::fault::{Divergence, Fault};
use serde::Deserialize;

/// Bit of [`MetricsRow::stopped`]: the agent had stopped before this update.
const HAD_STOPPED: u32 = 1;
/// Bit of [`MetricsRow::stopped`]: the agent stops with this update.
const STOPS: u32 = 2;

impl Row {
    /// Where and how the agent diverged in `environment`, if it did.
    pub fn divergence(&self, environment: &Environment) -> Option<Divergence> {
        let fault = self.fault?;
        Some(Divergence { agent: self.agent, seed: self.seed, update: self.update, fault, what: environment.sentence(fault) })
    }
}

/// A number that was written as null when it was not finite.
fn number_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<f32, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f32::NAN))
}

/// Description of one number of a row.
pub struct Metric {
    /// Name in `metrics.jsonl`.
    pub name: &'static str,
    /// Unit; empty for plain numbers.
    pub unit: &'static str,
    /// Definition.
    pub meaning: &'static str,
    /// Healthy values, and what other values suggest; empty if there is no rule.
    pub healthy: &'static str,
    /// Its name in TensorBoard, the same as in Stable-Baselines3 if that has one; empty if it is not shown there.
    pub tag: &'static str,
}

/// Declares the metrics: for each, below its meaning, `NAME: TYPE = SOURCE, "UNIT", "HEALTHY VALUES", "TENSORBOARD TAG";`. A float that is not finite is `null` in
/// JSON; `as "number_or_null"` after its type reads that back as NaN.
macro_rules! metrics {
    (
        |$($argument:ident: $of:ty),*|
        was_stopped = $was_stopped:expr;
        $($(#[doc = $meaning:literal])+ $name:ident: $type:ty $(as $read:literal)? = $value:expr, $unit:literal, $healthy:literal, $tag:literal;)*
    ) => {
        /// One agent's metrics of one update: a line of `metrics.jsonl`. Numbers that are absent or not finite are written as `null`.
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct Row {
            $($(#[doc = $meaning])+ $(#[serde(deserialize_with = $read)])? pub $name: $type,)*
            /// The agent had stopped before this update, which did not change it. Such rows are not recorded.
            #[serde(skip)]
            pub was_stopped: bool,
        }

        impl Row {
            /// The row that the device wrote for agent `agent`, which has this seed and learns from `batch` steps per update, received `seconds` after training
            /// began at `sps` environment steps per second.
            pub fn from_raw($($argument: $of),*) -> Row {
                Row { $($name: $value,)* was_stopped: $was_stopped }
            }
        }

        /// Every number of a row, in the order in which it is written.
        pub const METRICS: &[Metric] =
            &[$(Metric { name: stringify!($name), unit: $unit, meaning: concat!($($meaning),+).trim_ascii(), healthy: $healthy, tag: $tag },)*];
    };
}

metrics! {
    |raw: &MetricsRow, agent: u32, seed: u64, batch: u64, seconds: f64, sps: f64|
    was_stopped = raw.stopped & HAD_STOPPED != 0;
    /// agent, counted from 0
    agent: u32 = agent, "", "", "";
    /// the agent's seed: the run's seed plus the agent's number
    seed: u64 = seed, "", "", "";
    /// updates that the agent has learned from, including this one
    update: u32 = raw.update, "updates", "", "";
    /// environment steps of this agent: update * envs * steps
    env_steps: u64 = u64::from(raw.update) * batch, "steps", "", "";
    /// wall-clock time from the start of training until the host received the row
    seconds: f64 = rounded(seconds, 1e6), "s", "", "time/time_elapsed";
    /// environment steps per second over the whole run so far, all agents together
    sps: f64 = rounded(sps, 10.0), "steps/s", "constant after the first updates", "time/fps";
    /// episodes that finished in this update's rollout
    episodes: u32 = raw.episodes, "episodes", "", "";
    /// episodes that finished since training began
    total_episodes: u64 = joined(raw.total_episodes), "episodes", "", "time/episodes";
    /// number of recent episodes behind mean_return and mean_length, at most 100
    window: u32 = raw.window, "episodes", "", "";
    /// mean undiscounted return of the most recently finished episodes (see window); null until one has finished
    mean_return: Option<f32> = (raw.window > 0).then_some(raw.mean_return), "return", "rises; CartPole-v1 is solved from 475", "rollout/ep_rew_mean";
    /// mean length of the same episodes; null until one has finished
    mean_length: Option<f32> = (raw.window > 0).then_some(raw.mean_length), "steps", "", "rollout/ep_len_mean";
    /// clipped surrogate loss, mean over the update's gradient steps
    policy_loss: f32 as "number_or_null" = raw.policy_loss, "", "small and mostly below 0; its size says little", "train/policy_gradient_loss";
    /// half the mean squared error of the values (with value_clip, the larger of the clipped and the unclipped error; with normalize_values, of normalised ones), mean over gradient steps
    value_loss: f32 as "number_or_null" = raw.value_loss, "return^2", "falls once returns stop rising", "train/value_loss";
    /// mean entropy of the policy, mean over gradient steps
    entropy: f32 as "number_or_null" = raw.entropy, "nat", "falls slowly from ln(actions); near 0 early: exploration has ended", "train/entropy";
    /// mean of (ratio - 1) - ln ratio between the rollout's policy and the one being trained, mean over gradient steps
    approx_kl: f32 as "number_or_null" = raw.approx_kl, "nat", "0.001 to 0.05; more: lower lr or epochs", "train/approx_kl";
    /// share of samples whose ratio left 1 +- clip, mean over gradient steps
    clip_fraction: f32 as "number_or_null" = raw.clip_fraction, "fraction", "0.01 to 0.3; always 0: raise lr", "train/clip_fraction";
    /// 1 - Var(target - value) / Var(target) over the rollout, with the values from before the update; 0 if targets are constant up to rounding
    explained_variance: f32 as "number_or_null" = raw.explained_variance, "fraction", "rises towards 1; at or below 0 the critic is of no use", "train/explained_variance";
    /// global norm of the gradient before clipping, mean over gradient steps
    grad_norm: f32 as "number_or_null" = raw.grad_norm, "", "steady; often far above max_grad_norm: lower lr", "train/grad_norm";
    /// Adam's learning rate in this update (with desired_kl, in its last gradient step)
    learning_rate: f32 as "number_or_null" = raw.learning_rate, "", "", "train/learning_rate";
    /// gradient steps made in this update; fewer than epochs * minibatches if target_kl ended it early
    gradient_steps: u32 = raw.gradient_steps, "steps", "", "train/gradient_steps";
    /// whether the agent stops with this update: target_return was reached, or something went wrong
    stops: bool = raw.stopped & STOPS != 0, "bool", "false until the end", "";
    /// the first thing that went wrong: the quantity that is not finite, or another reason why the agent stopped
    fault: Option<Fault> = Fault::of_code(raw.fault), "name", "null", "";
}

/// Rounds to microseconds and tenths of steps: more digits are noise and make the file longer.
fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::plan::Plan;
    use crate::program::profile::Profile;
    use crate::spec::config::Config;
    use bytemuck::Zeroable;

    fn plan() -> Plan {
        Plan::new(&Config { agents: 3, seed: 7, ..Config::default() }, Profile::named("gpu").expect("a profile")).expect("the defaults fit together")
    }

    #[test]
    fn every_number_of_a_row_is_documented_in_order() {
        let row = plan().row(&MetricsRow::zeroed(), 0, 0.0, 0.0);
        let json = serde_json::to_string(&row).expect("rows are representable in JSON");
        let positions: Vec<Option<usize>> = METRICS.iter().map(|metric| json.find(&format!("\"{}\":", metric.name))).collect();
        assert!(positions.iter().all(Option::is_some) && positions.is_sorted(), "{json}: {positions:?}");
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).expect("a JSON object");
        assert_eq!(object.len(), METRICS.len());
    }

    #[test]
    fn absent_and_infinite_numbers_are_null() {
        let raw = MetricsRow {
            fault: crate::support::fault::VALUE_LOSS.code(),
            stopped: STOPS,
            value_loss: f32::INFINITY,
            entropy: f32::NAN,
            update: 5,
            ..MetricsRow::zeroed()
        };
        let plan = plan();
        let json = serde_json::to_value(plan.row(&raw, 2, 1.0, 2.0)).expect("rows are representable in JSON");
        for name in ["mean_return", "mean_length", "value_loss", "entropy"] {
            assert!(json[name].is_null(), "{name} is {}", json[name]);
        }
        assert_eq!((&json["fault"], &json["stops"], &json["agent"], &json["seed"]), (&"value loss".into(), &true.into(), &2.into(), &9.into()));
        assert_eq!(json["env_steps"], 5 * plan.batch);
    }

    #[test]
    fn rows_with_numbers_that_are_not_finite_are_read_back() {
        let words = [f32::NAN.to_bits(); size_of::<MetricsRow>() / 4];
        let row = plan().row(bytemuck::cast_ref(&words), 0, 1.0, 2.0);
        let text = serde_json::to_string(&row).expect("rows are representable in JSON");
        let read: Row = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(serde_json::to_string(&read).expect("rows are representable in JSON"), text);
        assert!(read.entropy.is_nan() && read.mean_return.is_none() && read.fault.is_some());
    }
}
