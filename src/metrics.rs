//! What a row of metrics is, what each of its numbers means, and the file that rows are kept in.

use crate::error::{Error, Result};
use crate::fault::{Divergence, Fault};
use crate::plan::Plan;
use serde::Deserialize;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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

/// The mean of `values`, when there are any.
pub(crate) fn mean(values: impl Iterator<Item = f32>) -> Option<f32> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + f64::from(value), count + 1.0));
    (count > 0.0).then(|| (sum / count) as f32)
}

/// The value below which a fraction of sorted `values` is, linear between neighbours.
pub(crate) fn quantile(values: &[f64], fraction: f64) -> f64 {
    let place = fraction * (values.len() - 1) as f64;
    let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
    below + (above - below) * place.fract()
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

/// Where rows are kept.
pub trait Sink {
    /// Takes a row.
    ///
    /// # Errors
    /// [`Error::File`] when rows cannot be written.
    fn push(&mut self, row: &Row) -> Result<()>;

    /// Hands everything to the system: from here on it outlives this process.
    ///
    /// # Errors
    /// [`Error::File`] when rows cannot be written.
    fn flush(&mut self) -> Result<()>;
}

/// A file that is added to. What is added is kept back for up to a second and written at once, so that a reader never sees half of a record.
pub(crate) struct Appender {
    path: PathBuf,
    file: File,
    pending: Vec<u8>,
    written: Instant,
}

impl Appender {
    /// How long records are kept back.
    const PERIOD: Duration = Duration::from_secs(1);
    /// Bytes that are kept back.
    const MOST: usize = 1 << 16;

    /// A new file at `path`.
    pub(crate) fn create(path: &Path) -> Result<Appender> {
        Self::open(path, File::options().create_new(true), "create")
    }

    /// The file at `path`, which exists.
    pub(crate) fn append(path: &Path) -> Result<Appender> {
        Self::open(path, &mut File::options(), "open")
    }

    fn open(path: &Path, options: &mut std::fs::OpenOptions, action: &'static str) -> Result<Appender> {
        let file = options.append(true).open(path).map_err(|error| Error::file(action, path, error))?;
        Ok(Appender { path: path.into(), file, pending: Vec::new(), written: Instant::now() })
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, record: &[u8]) -> Result<()> {
        self.pending.extend_from_slice(record);
        if self.pending.len() >= Self::MOST || self.written.elapsed() >= Self::PERIOD { self.flush() } else { Ok(()) }
    }

    /// Writes the records that were kept back.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let written = self.file.write_all(&self.pending);
        self.pending.clear();
        self.written = Instant::now();
        written.map_err(|error| Error::file("write", &self.path, error))
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        // The error that ends a run early is worth more than one from here.
        let _ = self.flush();
    }
}

/// Rows as lines of JSON in a file.
pub struct JsonLines(Appender);

impl JsonLines {
    /// A new file at `path`.
    ///
    /// # Errors
    /// [`Error::File`] when there is one already, or it cannot be made.
    pub fn create(path: &Path) -> Result<JsonLines> {
        Appender::create(path).map(JsonLines)
    }

    /// The file at `path` cut off after the rows of update `last`, to be added to, and its rows. Half a line at its end, which a system that crashed may
    /// leave, is cut off, too.
    ///
    /// # Errors
    /// [`Error::Unreadable`] or [`Error::File`] when it cannot be read or written; [`Error::Config`] naming a line that is no row.
    pub fn go_on(path: &Path, last: u32) -> Result<(JsonLines, Vec<Row>)> {
        let (mut rows, mut end) = (Vec::new(), 0);
        if !path.exists() {
            return Ok((JsonLines::create(path)?, rows));
        }
        for (row, line_end) in read_lines(path)? {
            if row.update > last {
                break;
            }
            rows.push(row);
            end = line_end;
        }
        let file = File::options().write(true).open(path).map_err(|error| Error::file("open", path, error))?;
        file.set_len(end).map_err(|error| Error::file("write", path, error))?;
        Ok((JsonLines(Appender::append(path)?), rows))
    }
}

impl JsonLines {
    /// The file, for whoever wants to know that it has reached the disk.
    ///
    /// # Errors
    /// [`Error::File`] when the system has no more handles.
    pub fn file(&self) -> Result<File> {
        self.0.file.try_clone().map_err(|error| Error::file("open", &self.0.path, error))
    }
}

impl Sink for JsonLines {
    fn push(&mut self, row: &Row) -> Result<()> {
        let mut line = serde_json::to_vec(row).map_err(|error| Error::file("write", &self.0.path, error.into()))?;
        line.push(b'\n');
        self.0.push(&line)
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}

/// The rows in a file that [`JsonLines`] wrote; half a line at its end is left out.
///
/// # Errors
/// [`Error::Unreadable`] when it cannot be read; [`Error::Config`] naming a line that is no row.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    Ok(read_lines(path)?.into_iter().map(|(row, _)| row).collect())
}

/// Rows, and where in the file each ends.
fn read_lines(path: &Path) -> Result<Vec<(Row, u64)>> {
    let bytes = std::fs::read(path).map_err(|error| Error::unreadable(path, error))?;
    let (mut rows, mut end) = (Vec::new(), 0);
    for line in bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        end += line.len() as u64;
        let row = serde_json::from_slice(line).map_err(|error| {
            let problem = format!("line {} is not a row of metrics ({error})", rows.len() + 1);
            Error::config(path.display().to_string(), problem, "the file is damaged: remove that line")
        })?;
        rows.push((row, end));
    }
    Ok(rows)
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
        let expected = offsets!(total_episodes sequence update episodes window fault stopped mean_return mean_length policy_loss value_loss entropy
            approx_kl clip_fraction explained_variance grad_norm learning_rate gradient_steps padding);
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
        let raw =
            RawRow { fault: crate::fault::VALUE_LOSS.code(), stopped: STOPS, value_loss: f32::INFINITY, entropy: f32::NAN, update: 5, ..RawRow::zeroed() };
        let plan = plan();
        let json = serde_json::to_value(Row::from_raw(&raw, 2, &plan, 1.0, 2.0)).expect("rows are representable in JSON");
        for name in ["mean_return", "mean_length", "value_loss", "entropy"] {
            assert!(json[name].is_null(), "{name} is {}", json[name]);
        }
        assert_eq!((&json["fault"], &json["stops"], &json["agent"], &json["seed"]), (&"value loss".into(), &true.into(), &2.into(), &9.into()));
        assert_eq!(json["env_steps"], 5 * plan.batch);
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
