//! What a row of metrics is, what each of its numbers means, and the file that rows are kept in.

use crate::error::{Error, Result};
use crate::plan::Plan;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// `MetricsRow` of shaders/report.wgsl: what leaves the device for each agent after each update.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[allow(missing_docs)] // each field is documented in report.wgsl, or in METRICS
pub struct RawRow {
    pub sequence: u32,
    pub update: u32,
    pub episodes: u32,
    pub total_episodes: u32,
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
}

/// Bit of [`RawRow::stopped`]: the agent had stopped before this update.
const HAD_STOPPED: u32 = 1;
/// Bit of [`RawRow::stopped`]: the agent stops with this update.
const STOPS: u32 = 2;

/// One agent's metrics of one update: a line of `metrics.jsonl`. Numbers that are absent or not finite are written as `null`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[allow(missing_docs)] // each field is documented in METRICS, once
pub struct Row {
    pub agent: u32,
    pub seed: u64,
    pub update: u32,
    pub env_steps: u64,
    pub seconds: f64,
    pub sps: f64,
    pub episodes: u32,
    pub total_episodes: u32,
    pub window: u32,
    pub mean_return: Option<f32>,
    pub mean_length: Option<f32>,
    pub policy_loss: f32,
    pub value_loss: f32,
    pub entropy: f32,
    pub approx_kl: f32,
    pub clip_fraction: f32,
    pub explained_variance: f32,
    pub grad_norm: f32,
    pub learning_rate: f32,
    pub gradient_steps: u32,
    pub stops: bool,
    pub fault: Option<&'static str>,
    /// The agent had stopped before this update, which changed nothing of it. Such rows are not recorded.
    #[serde(skip)]
    pub was_stopped: bool,
}

impl Row {
    /// The row of agent `agent` as the device wrote it, received `seconds` after training began at `sps` environment steps per second.
    pub fn from_raw(raw: &RawRow, agent: u32, plan: &Plan, seconds: f64, sps: f64) -> Row {
        let over_window = |value| (raw.window > 0).then_some(value);
        Row {
            agent,
            seed: plan.seed(agent as usize),
            update: raw.update,
            env_steps: u64::from(raw.update) * plan.batch as u64,
            // Microseconds and tenths of steps: more digits mean nothing and make the file longer.
            seconds: (seconds * 1e6).round() / 1e6,
            sps: (sps * 10.0).round() / 10.0,
            episodes: raw.episodes,
            total_episodes: raw.total_episodes,
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
            fault: fault_name(raw.fault),
            was_stopped: raw.stopped & HAD_STOPPED != 0,
        }
    }
}

/// The quantity that a code of shaders/shared/fault.wgsl stands for; `None` when everything is finite.
pub fn fault_name(code: u32) -> Option<&'static str> {
    Some(match code {
        u32::MAX => return None,
        1 => "observation",
        2 => "action: none is legal",
        3 => "policy output",
        4 => "reward",
        5 => "value",
        6 => "advantage",
        7 => "policy loss",
        8 => "entropy",
        9 => "value loss",
        10 => "gradient",
        11 => "parameter",
        _ => UNKNOWN_FAULT,
    })
}

/// Name of a code that fault.wgsl does not have. It still is a fault.
const UNKNOWN_FAULT: &str = "unknown quantity";

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
}

macro_rules! metrics {
    ($($name:ident $unit:literal $meaning:literal $healthy:literal;)*) => {
        /// Every number of a row, in the order in which it is written.
        pub const METRICS: &[Metric] = &[$(Metric { name: stringify!($name), unit: $unit, meaning: $meaning, healthy: $healthy },)*];
    };
}

metrics! {
    agent "" "agent, counted from 0" "";
    seed "" "the agent's seed: that of the run plus the agent's number" "";
    update "updates" "updates that the agent learned from, this one included" "";
    env_steps "steps" "environment steps of this agent: update * envs * steps" "";
    seconds "s" "wall clock since training began, when the host received the row" "";
    sps "steps/s" "environment steps per second of the whole run so far, all agents together" "constant after the first updates";
    episodes "episodes" "episodes that finished in this update's rollout" "";
    total_episodes "episodes" "episodes that finished since training began" "";
    window "episodes" "last finished episodes that mean_return and mean_length are taken over, at most 100" "";
    mean_return "return" "mean undiscounted return of the last finished episodes; null before the first one" "rises; CartPole-v1 is solved from 475";
    mean_length "steps" "mean length of the same episodes; null before the first one" "";
    policy_loss "" "clipped surrogate loss, mean over the update's gradient steps" "small and mostly below 0; its size says little";
    value_loss "return^2" "half the mean squared error of the values (of clipped and unclipped the larger, where value_clip is on), mean over gradient steps" "falls once returns stop rising";
    entropy "nat" "mean entropy of the policy, mean over gradient steps" "falls slowly from ln(actions); near 0 early means that exploration has ended";
    approx_kl "nat" "mean of (ratio - 1) - ln ratio between the rollout's policy and the one that learns, mean over gradient steps" "0.001 to 0.05; more: lower lr or epochs";
    clip_fraction "fraction" "share of samples whose ratio left 1 +- clip, mean over gradient steps" "0.01 to 0.3; always 0: raise lr";
    explained_variance "fraction" "1 - Var(target - value) / Var(target) over the rollout, values from before the update; 0 where targets are constant" "rises towards 1; at or below 0 the critic is of no use";
    grad_norm "" "global norm of the gradient before clipping, mean over gradient steps" "steady; often far above max_grad_norm: lower lr";
    learning_rate "" "Adam's learning rate in this update" "";
    gradient_steps "steps" "gradient steps made in this update; fewer than epochs * minibatches where target_kl ended it early" "";
    stops "bool" "the agent stops with this update: target_return was reached, or a quantity is not finite" "false until the end";
    fault "name" "first quantity that is not finite" "null";
}

/// Rows as lines of JSON in a file. Lines are kept back for up to a second and written whole, so that a reader never sees half of one.
pub struct JsonLines {
    path: PathBuf,
    file: File,
    pending: Vec<u8>,
    written: Instant,
}

impl JsonLines {
    /// How long lines are kept back.
    const PERIOD: Duration = Duration::from_secs(1);
    /// Bytes that are kept back.
    const MOST: usize = 1 << 16;

    /// A new file at `path`.
    ///
    /// # Errors
    /// [`Error::File`] when there is one already, or it cannot be made.
    pub fn create(path: &Path) -> Result<JsonLines> {
        let file = File::create_new(path).map_err(|error| Error::file("create", path, error))?;
        Ok(JsonLines { path: path.into(), file, pending: Vec::new(), written: Instant::now() })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// [`Error::File`] when lines cannot be written.
    pub fn push(&mut self, row: &Row) -> Result<()> {
        serde_json::to_writer(&mut self.pending, row).map_err(|error| Error::file("write", &self.path, error.into()))?;
        self.pending.push(b'\n');
        if self.pending.len() >= Self::MOST || self.written.elapsed() >= Self::PERIOD { self.flush() } else { Ok(()) }
    }

    /// Writes the lines that were kept back.
    ///
    /// # Errors
    /// [`Error::File`] when they cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        let written = self.file.write_all(&self.pending);
        self.pending.clear();
        self.written = Instant::now();
        written.map_err(|error| Error::file("write", &self.path, error))
    }
}

impl Drop for JsonLines {
    fn drop(&mut self) {
        // The error that ends a run early is worth more than one from here.
        let _ = self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffers::METRICS_WORDS;
    use crate::config::Config;
    use crate::gpu::{compose, reflect};
    use crate::kernel::Kernel;
    use crate::plan::Profile;
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
        let expected = offsets!(sequence update episodes total_episodes window fault stopped mean_return mean_length policy_loss value_loss entropy
            approx_kl clip_fraction explained_variance grad_norm learning_rate gradient_steps);
        let module = reflect::parse("report", &compose::compose(Kernel::Report, &plan())).expect("report compiles");
        let (members, words) = reflect::structure(&module, "MetricsRow").expect("report declares MetricsRow");
        assert_eq!(members, expected);
        assert_eq!([size_of::<RawRow>() / 4, METRICS_WORDS], [words, words]);
    }

    #[test]
    fn every_number_of_a_row_is_documented_in_order() {
        let row = Row::from_raw(&RawRow::zeroed(), 0, &plan(), 0.0, 0.0);
        let json = serde_json::to_string(&row).expect("rows are representable in JSON");
        let positions: Vec<Option<usize>> = METRICS.iter().map(|metric| json.find(&format!("\"{}\":", metric.name))).collect();
        assert!(positions.iter().all(Option::is_some) && positions.is_sorted(), "{json}: {positions:?}");
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).expect("a JSON object");
        assert_eq!(object.len(), METRICS.len());
    }

    #[test]
    fn absent_and_infinite_numbers_are_null() {
        let raw = RawRow { fault: 9, stopped: STOPS, value_loss: f32::INFINITY, entropy: f32::NAN, update: 5, ..RawRow::zeroed() };
        let plan = plan();
        let json = serde_json::to_value(Row::from_raw(&raw, 2, &plan, 1.0, 2.0)).expect("rows are representable in JSON");
        for name in ["mean_return", "mean_length", "value_loss", "entropy"] {
            assert!(json[name].is_null(), "{name} is {}", json[name]);
        }
        assert_eq!((&json["fault"], &json["stops"], &json["agent"], &json["seed"]), (&"value loss".into(), &true.into(), &2.into(), &9.into()));
        assert_eq!(json["env_steps"], 5 * plan.batch);
    }

    #[test]
    fn every_fault_of_the_kernels_has_a_name() {
        let source = include_str!("../shaders/shared/fault.wgsl");
        let codes: Vec<u32> =
            source.lines().filter_map(|line| line.strip_prefix("const FAULT_")?.split("= ").nth(1)?.strip_suffix("u;")?.parse().ok()).collect();
        assert_eq!(codes.len(), source.matches("const FAULT_").count());
        let mut names: Vec<&str> = codes.iter().filter_map(|&code| fault_name(code)).filter(|name| *name != UNKNOWN_FAULT).collect();
        names.dedup();
        assert_eq!(names.len(), codes.len(), "{codes:?} have the names {names:?}");
        assert!(source.contains("const NO_FAULT: u32 = 0xFFFFFFFFu;") && fault_name(0xFFFF_FFFF).is_none());
        assert_eq!(fault_name(codes.iter().max().expect("there are faults") + 1), Some(UNKNOWN_FAULT));
    }

    #[test]
    fn lines_are_whole_and_an_existing_file_is_refused() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("metrics.jsonl");
        let row = Row::from_raw(&RawRow { window: 1, fault: u32::MAX, ..RawRow::zeroed() }, 0, &plan(), 0.0, 0.0);
        let mut lines = JsonLines::create(&path).expect("a new file");
        for _ in 0..1000 {
            lines.push(&row).expect("a line");
            let text = std::fs::read_to_string(&path).expect("the file");
            assert!(text.is_empty() || text.ends_with("}\n"));
        }
        drop(lines);
        let text = std::fs::read_to_string(&path).expect("the file");
        assert_eq!(text.lines().count(), 1000);
        assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok_and(|row| row["mean_return"] == 0.0)));
        assert!(matches!(JsonLines::create(&path), Err(Error::File { action: "create", .. })));
    }
}
