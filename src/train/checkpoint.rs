//! The state that a run continues from: the contents of the buffers that outlive an update, and their file.
//!
//! It is a safetensors file: a tensor for each buffer of [`KEPT`], `[s, ...]`, and one entry of metadata, `ppo-gpu`. This is a JSON object with the
//! number of the format, the version of the program, the progress of the run, and a SHA-256 of everything, so that any damage is found.

use crate::program::buffers::{Buffer, Dimension, KEPT};
use crate::program::plan::{Plan, WINDOW};
use crate::spec::records::Agent;
use crate::support::error::{Error, Result};
use crate::support::fault::{Divergence, Fault};
use crate::support::files::hexadecimal;
use crate::train::agents::agent_rows;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The number of the format. Programs refuse larger ones.
const FORMAT: u32 = 3;
/// The only key of the file's metadata.
const METADATA: &str = "ppo-gpu";

/// The state of a run after an update.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Updates executed.
    pub updates: u32,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Mean return over the last finished episodes, averaged over agents; none if no agent has finished one.
    pub mean_return: Option<f32>,
    /// SHA-256 of the environment's WGSL file.
    environment: String,
    /// [`crate::spec::config::Config::digest`] of the run.
    config: String,
    /// Contents of the buffers of [`KEPT`], by name.
    words: BTreeMap<&'static str, Vec<u32>>,
}

/// The metadata.
#[derive(Debug, Serialize, Deserialize)]
struct Metadata {
    format: u32,
    version: String,
    updates: u32,
    seconds: f64,
    mean_return: Option<f32>,
    environment: String,
    #[serde(default)]
    config_sha256: String,
    /// SHA-256 of the fields above and of all tensors; see [`digest`].
    #[serde(default)]
    sha256: String,
}

impl Checkpoint {
    /// A checkpoint of `words`: the contents of the buffers of [`KEPT`], in that order, on a device that trains `plan`, after `updates` updates. The device may
    /// have executed more updates if every agent had stopped by then.
    pub fn new(plan: &Plan, updates: u32, words: Vec<Vec<u32>>, seconds: f64, mean_return: Option<f32>) -> Checkpoint {
        let mut words: BTreeMap<&'static str, Vec<u32>> = KEPT
            .iter()
            .zip(words)
            .map(|(name, mut words)| {
                // Buffers have a minimum size.
                words.truncate(Buffer::named(name).words(plan));
                (*name, words)
            })
            .collect();
        let counted: Vec<Agent> = agents(&words["agents"]).into_iter().map(|agent| Agent { sequence: updates, ..agent }).collect();
        words.insert("agents", bytemuck::pod_collect_to_vec(&counted));
        let environment = plan.environment.sha256();
        let config = plan.config.digest(&environment);
        Checkpoint { updates, seconds, mean_return, environment, config, words }
    }

    /// The mean return, if it is over full windows of episodes: every agent that still learns has one, and at least one agent does. A few episodes may
    /// just be lucky.
    pub fn full_mean_return(&self) -> Option<f32> {
        let (agents, full) = (self.agents(), |agent: &Agent| agent.recent >= WINDOW);
        let comparable = agents.iter().all(|agent| agent.has_stopped() || full(agent)) && agents.iter().any(full);
        self.mean_return.filter(|value| comparable && value.is_finite())
    }

    /// This checkpoint, read from `path`, if the digest of its configuration is one of `configs`.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when it is not.
    pub fn of_one_of(self, configs: &[String], path: &Path) -> Result<Checkpoint> {
        if configs.contains(&self.config) {
            return Ok(self);
        }
        let problem = "it was made with another seed or configuration: it belongs to another run".into();
        Err(Error::Checkpoint { path: path.into(), problem, help: String::new() })
    }

    /// Contents of buffer `name`.
    ///
    /// # Panics
    /// When it is not one of [`KEPT`].
    pub fn words(&self, name: &str) -> &[u32] {
        &self.words[name]
    }

    /// Contents of buffer `name` for these agents, one after the other.
    ///
    /// # Panics
    /// When it is not one of [`KEPT`], or there is no such agent.
    pub fn words_of(&self, name: &str, agents: &[usize]) -> Vec<u32> {
        let words = self.words(name);
        let size = words.len() / self.agents().len();
        agents.iter().flat_map(|s| &words[s * size..(s + 1) * size]).copied().collect()
    }

    /// The agents' rows.
    pub fn agents(&self) -> Vec<Agent> {
        agents(self.words("agents"))
    }

    /// The agents that diverged, with where and how, in the order in which they did.
    pub fn divergences(&self, plan: &Plan) -> Vec<Divergence> {
        let of = |(s, agent): (usize, Agent)| {
            let fault = Fault::of_code(agent.fault)?;
            Some(Divergence { agent: s as u32, seed: plan.seed(s), update: agent.update, fault, what: plan.environment.sentence(fault) })
        };
        let mut found: Vec<Divergence> = self.agents().into_iter().enumerate().filter_map(of).collect();
        found.sort_by_key(|divergence| (divergence.update, divergence.agent));
        found
    }

    /// Parameters of all agents, in the padded layout of [`crate::spec::network`]: `[s][P]`.
    pub fn parameters(&self) -> Vec<f32> {
        self.words("params").iter().map(|&word| f32::from_bits(word)).collect()
    }

    /// Whether it belongs to a run of `plan`: its agents have the same seeds and hyper-parameters. Learning rates may differ: a rollback lowers them.
    ///
    /// # Errors
    /// A message that names the difference.
    pub fn must_be_of(&self, plan: &Plan) -> std::result::Result<(), String> {
        let differs = |(is, should): (Agent, Agent)| Agent { lr: should.lr, ..is.without_counters() } != should;
        let differs = self.agents().into_iter().zip(agent_rows(plan)).position(differs);
        differs.map_or(Ok(()), |s| Err(format!("agent {s} has another seed or other hyper-parameters than this run's: it belongs to another run")))
    }

    /// The file's contents.
    pub fn to_bytes(&self, plan: &Plan) -> Vec<u8> {
        let tensors: Vec<(&str, TensorView)> = self
            .words
            .iter()
            .map(|(&name, words)| {
                let view = TensorView::new(dtype(name), shape(plan, name), bytemuck::cast_slice(words));
                (name, view.expect("the shape is that of the words"))
            })
            .collect();
        let mut metadata = Metadata {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            updates: self.updates,
            seconds: self.seconds,
            mean_return: self.mean_return,
            environment: self.environment.clone(),
            config_sha256: self.config.clone(),
            sha256: String::new(),
        };
        metadata.sha256 = digest(&metadata, tensors.iter().map(|(name, view)| (*name, view)));
        let metadata = HashMap::from([(METADATA.to_string(), json(&metadata))]);
        safetensors::serialize(tensors, Some(metadata)).expect("the tensors have names of their own")
    }

    /// Reads the file at `path`, for a run of `plan`.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when it cannot be read; [`Error::Checkpoint`] with the reason when it is damaged, not a checkpoint, in a newer format, or from
    /// a run with other sizes.
    pub fn read(path: &Path, plan: &Plan) -> Result<Checkpoint> {
        let bytes = std::fs::read(path).map_err(|error| Error::unreadable(path, error))?;
        Checkpoint::from_bytes(&bytes, plan).map_err(|problem| Error::Checkpoint { path: path.into(), problem, help: String::new() })
    }

    /// [`Checkpoint::read`] of a file's contents; the error says what is wrong with them.
    fn from_bytes(bytes: &[u8], plan: &Plan) -> std::result::Result<Checkpoint, String> {
        let damaged = |error: SafeTensorError| format!("it is not a safetensors file, or is damaged ({error})");
        let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA)).ok_or("it was not written by ppo-gpu, or is damaged")?;
        let metadata: Metadata = serde_json::from_str(text).map_err(|error| format!("its metadata is damaged, or not that of a checkpoint ({error})"))?;
        if metadata.format > FORMAT {
            return Err(format!("ppo-gpu {} wrote it in format {}, and this version reads formats up to {FORMAT}", metadata.version, metadata.format));
        }
        if metadata.format < FORMAT {
            let problem = format!("an earlier ppo-gpu wrote it in format {}, and this version reads format {FORMAT}", metadata.format);
            return Err(problem + ": its counters and running sums were shorter");
        }
        let mut tensors: Vec<(String, TensorView)> = file.tensors();
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        if digest(&metadata, tensors.iter().map(|(name, view)| (name.as_str(), view))) != metadata.sha256 {
            return Err("it is damaged: its contents do not match its SHA-256".into());
        }
        if metadata.environment != plan.environment.sha256() {
            return Err(format!("it belongs to another environment than {}, or to another version of it", plan.environment.name));
        }
        let mut words = BTreeMap::new();
        for &name in KEPT {
            let wanted = shape(plan, name);
            let tensor = match file.tensor(name) {
                Ok(tensor) => tensor,
                // Of a version that did not know the buffer, which this run does not use either.
                Err(_) if wanted.contains(&0) => {
                    words.insert(name, Vec::new());
                    continue;
                }
                Err(_) => return Err(format!("it has no tensor `{name}`")),
            };
            if tensor.shape() != wanted || tensor.dtype() != dtype(name) {
                let problem = format!("`{name}` is {:?} of {}, and this run's is {wanted:?} of {}", tensor.shape(), tensor.dtype(), dtype(name));
                return Err(problem + ": it belongs to another run");
            }
            let content: Vec<u32> = bytemuck::pod_collect_to_vec(tensor.data());
            if dtype(name) == Dtype::F32 && content.iter().any(|&word| !f32::from_bits(word).is_finite()) {
                return Err(format!("`{name}` holds a value that is not finite"));
            }
            words.insert(name, content);
        }
        let Metadata { updates, seconds, mean_return, environment, config_sha256: config, .. } = metadata;
        let checkpoint = Checkpoint { updates, seconds, mean_return, environment, config, words };
        if checkpoint.agents().iter().any(|agent| agent.sequence != checkpoint.updates) {
            return Err("the update counters of its agents disagree with its metadata".into());
        }
        Ok(checkpoint)
    }
}

fn agents(words: &[u32]) -> Vec<Agent> {
    bytemuck::pod_collect_to_vec(words)
}

/// The metadata as text.
fn json(metadata: &Metadata) -> String {
    serde_json::to_string(metadata).expect("numbers and texts are representable in JSON")
}

/// Shape of a tensor: agents, then environments if each has its own element, then words.
fn shape(plan: &Plan, name: &str) -> Vec<usize> {
    let buffer = Buffer::named(name);
    let words = buffer.words(plan) / plan.agents;
    match buffer.shape {
        [Dimension::Agents, Dimension::Environments] => vec![plan.agents, plan.envs, words / plan.envs],
        _ => vec![plan.agents, words],
    }
}

/// Floats, which must be finite, if all words are floats; otherwise words.
fn dtype(name: &str) -> Dtype {
    if Buffer::named(name).element.is_real() { Dtype::F32 } else { Dtype::U32 }
}

/// SHA-256, in hexadecimal digits, of the metadata (without this digest) and of the tensors in the order of their names: name, type, shape, contents.
fn digest<'a>(metadata: &Metadata, tensors: impl Iterator<Item = (&'a str, &'a TensorView<'a>)>) -> String {
    let Metadata { format, version, updates, seconds, mean_return, environment, config_sha256, sha256: _ } = metadata;
    let mut hash = Sha256::new();
    hash.update(format!("{format} {version} {updates} {} {:?} {environment} {config_sha256}", seconds.to_bits(), mean_return.map(f32::to_bits)));
    for (name, tensor) in tensors {
        hash.update(format!("\n{name} {} {:?}\n", tensor.dtype(), tensor.shape()));
        hash.update(tensor.data());
    }
    hexadecimal(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::profile::Profile;
    use crate::spec::config::Config;

    /// A version that did not know a buffer wrote none, and a run that does not use it can go on without.
    #[test]
    fn buffers_of_no_words_may_be_missing_in_a_file() {
        let config = Config { agents: 3, envs: 8, hidden: vec![4], ..Config::default() };
        let plan = Plan::new(&config, Profile::named("gpu").expect("a profile")).expect("the sizes fit together");
        let words = KEPT.iter().map(|name| vec![0; Buffer::named(name).words(&plan)]).collect();
        let whole = Checkpoint::new(&plan, 3, words, 1.5, None);
        let without = |name: &str| {
            let mut part = whole.clone();
            part.words.remove(name).expect("a buffer");
            Checkpoint::from_bytes(&part.to_bytes(&plan), &plan)
        };
        for name in ["bounds", "value_normalizers"] {
            assert_eq!(without(name).as_ref(), Ok(&whole), "{name}");
        }
        assert_eq!(without("recent"), Err("it has no tensor `recent`".into()));
    }

    /// Names, shapes and types follow from the memory map. If one of these changes, files of other versions cannot be read: it is a new format.
    #[test]
    fn a_file_of_this_format_holds_these_tensors() {
        assert_eq!(FORMAT, 3);
        let config = Config { agents: 3, envs: 8, hidden: vec![4], normalize_rewards: true, ..Config::default() };
        let plan = Plan::new(&config, Profile::named("gpu").expect("a profile")).expect("the sizes fit together");
        let parameters = plan.network.padded_parameters();
        let tensors: Vec<(&str, Vec<usize>, Dtype)> = KEPT.iter().map(|&name| (name, shape(&plan, name), dtype(name))).collect();
        let expected = [
            ("agents", vec![3, 22], Dtype::U32),
            ("bounds", vec![3, 0], Dtype::F32),
            ("faults", vec![3, 1], Dtype::U32),
            ("params", vec![3, parameters], Dtype::F32),
            ("first_moments", vec![3, parameters], Dtype::F32),
            ("second_moments", vec![3, parameters], Dtype::F32),
            ("env_lanes", vec![3, 8, 8], Dtype::U32),
            ("env_statistics", vec![3, 8, 9], Dtype::U32),
            ("normalizers", vec![3, 5 * 7], Dtype::F32),
            ("value_normalizers", vec![3, 0], Dtype::F32),
            ("recent", vec![3, 100 * 2], Dtype::F32),
        ];
        assert_eq!(tensors, expected);
    }
}
