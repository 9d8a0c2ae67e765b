//! `ppo-gpu export`: what one agent has learned, for other programs.

mod onnx;
mod wgsl;

use crate::buffers::NORMALIZER_WORDS;
use crate::checkpoint::Checkpoint;
use crate::config::{Activation, Config};
use crate::environment::{Actions, Environment};
use crate::error::{Error, Result};
use crate::files;
use crate::network::{ACTOR, CRITIC, Network};
use crate::plan::OBSERVATION_CLIP;
use crate::reference::layouts::normalizer;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The agent; the one with the highest mean return is not looked for.
    pub agent: usize,
    /// An ONNX model.
    pub onnx: Option<PathBuf>,
    /// A safetensors file of weights.
    pub safetensors: Option<PathBuf>,
    /// WGSL functions.
    pub wgsl: Option<PathBuf>,
}

/// A dense layer.
#[derive(Debug, Clone, PartialEq)]
struct Dense {
    inputs: usize,
    outputs: usize,
    /// `[input][output]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

/// How a component of the observation is normalised: `clamp((x - mean) * scale, -10, 10)`.
#[derive(Debug, Clone, PartialEq)]
struct Normalization {
    mean: Vec<f32>,
    variance: Vec<f32>,
    scale: Vec<f32>,
}

/// What one agent has learned, without what it learned it with.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    environment: String,
    /// Parameters of the environment that were drawn for this agent alone.
    world: Vec<(String, f64)>,
    updates: u32,
    actions: Actions,
    masked: bool,
    activation: Activation,
    normalization: Option<Normalization>,
    actor: Vec<Dense>,
    critic: Vec<Dense>,
    /// Logarithms of the standard deviations of continuous actions.
    log_std: Vec<f32>,
}

impl Policy {
    /// What agent `agent` of `checkpoint` has learned, in a run of `config` on `environment`.
    ///
    /// # Errors
    /// [`Error::Config`] when there is no such agent.
    pub fn of(config: &Config, environment: &Environment, checkpoint: &Checkpoint, agent: usize) -> Result<Policy> {
        if agent >= config.agents as usize {
            let help = format!("nearest that works: {}", config.agents - 1);
            return Err(Error::config("--agent", format!("the run has no agent {agent}"), help));
        }
        let actions = &environment.actions;
        let network = Network::new(environment.observation, &config.hidden, actions.outputs(), actions.weighted(), config.activation);
        let floats = |name: &str| -> Vec<f32> { checkpoint.words_of(name, &[agent]).into_iter().map(f32::from_bits).collect() };
        let params = floats("params");
        let layers = |which: usize| -> Vec<Dense> {
            let base = which * network.block();
            let layer = |(l, layer): (usize, &crate::network::Layer)| {
                let outputs = network.weighted(which, l);
                let weights = (0..layer.inputs).flat_map(|m| (0..outputs).map(move |k| (m, k))).map(|(m, k)| params[base + layer.weight(m, k)]).collect();
                Dense { inputs: layer.inputs, outputs, weights, bias: (0..outputs).map(|k| params[base + layer.bias(k)]).collect() }
            };
            network.layers.iter().enumerate().map(layer).collect()
        };
        let head = network.layers[network.layers.len() - 1];
        let log_std = (actions.weighted()..actions.outputs()).map(|k| params[ACTOR * network.block() + head.bias(k)]).collect();
        let normalization = config.normalize_observations.then(|| {
            let normalizers = floats("normalizers");
            let column = |i: usize| normalizers.chunks_exact(NORMALIZER_WORDS).take(environment.observation).map(|row| row[i]).collect();
            Normalization { mean: column(normalizer::MEAN), variance: column(normalizer::VARIANCE), scale: column(normalizer::SCALE) }
        });
        Ok(Policy {
            environment: environment.name.clone(),
            world: environment.world(config, checkpoint.agents()[agent].world()),
            updates: checkpoint.updates,
            actions: actions.clone(),
            masked: environment.masked,
            activation: config.activation,
            normalization,
            actor: layers(ACTOR),
            critic: layers(CRITIC),
            log_std,
        })
    }

    /// Components of an observation.
    fn observation(&self) -> usize {
        self.actor[0].inputs
    }

    /// As an ONNX model (opset 17): `observation` `[batch, O]` to `action` (the most probable one: `[batch]` or `[batch, D]` of int64, or `[batch, D]` of
    /// float within its bounds), `logits` `[batch, A]` or `mean` and `log_std` `[batch, D]`, and `value` `[batch, 1]`. Where some actions are not legal,
    /// `action_mask` `[batch, A]` says which are.
    pub fn to_onnx(&self) -> Vec<u8> {
        onnx::model(self)
    }

    /// As WGSL functions that need nothing else: `policy_outputs(observation)`, the logits, or means and logarithms of standard deviations, and
    /// `policy_value(observation)`.
    pub fn to_wgsl(&self) -> String {
        wgsl::functions(self)
    }

    /// As a safetensors file: `actor.0.weight` `[out, in]`, `actor.0.bias`, `actor.2.weight` ... as PyTorch's `nn.Sequential` of layers and activations names
    /// them, `critic.*`; `log_std` `[D]`; `observation_mean` and `observation_variance` `[O]`.
    pub fn to_safetensors(&self) -> Vec<u8> {
        let mut tensors: Vec<(String, Vec<usize>, Vec<f32>)> = Vec::new();
        for (name, layers) in [("actor", &self.actor), ("critic", &self.critic)] {
            for (l, layer) in layers.iter().enumerate() {
                let transposed = (0..layer.outputs).flat_map(|k| (0..layer.inputs).map(move |m| layer.weights[m * layer.outputs + k])).collect();
                tensors.push((format!("{name}.{}.weight", 2 * l), vec![layer.outputs, layer.inputs], transposed));
                tensors.push((format!("{name}.{}.bias", 2 * l), vec![layer.outputs], layer.bias.clone()));
            }
        }
        if !self.log_std.is_empty() {
            tensors.push(("log_std".into(), vec![self.log_std.len()], self.log_std.clone()));
        }
        if let Some(normalization) = &self.normalization {
            tensors.push(("observation_mean".into(), vec![normalization.mean.len()], normalization.mean.clone()));
            tensors.push(("observation_variance".into(), vec![normalization.variance.len()], normalization.variance.clone()));
        }
        let views = tensors.iter().map(|(name, shape, values)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytemuck::cast_slice(values));
            (name.as_str(), view.expect("the shape is that of the values"))
        });
        let about = HashMap::from([("about".to_string(), self.about())]);
        safetensors::serialize(views, Some(about)).expect("the tensors have names of their own")
    }

    /// What it is, in one line.
    fn about(&self) -> String {
        let normalized =
            if self.normalization.is_some() { format!("; observations are normalised and clipped to +-{OBSERVATION_CLIP} first") } else { String::new() };
        let activation = match self.activation {
            Activation::Tanh => "tanh",
            Activation::Relu => "relu",
        };
        let actions = self.actions.describe();
        let world: Vec<String> = self.world.iter().map(|(name, value)| format!(", {name} = {}", *value as f32)).collect();
        let masked = if self.masked { "; where a mask leaves no action of a choice, that choice is -1 (as a u32: 0xffffffff)" } else { "" };
        let (version, world) = (env!("CARGO_PKG_VERSION"), world.concat());
        format!("ppo-gpu {version}, {}{world} after {} updates: {actions}, {activation}{normalized}{masked}", self.environment, self.updates)
    }
}

/// Writes what `options` ask for, and returns the paths.
///
/// # Errors
/// [`Error::Config`] when that is nothing; [`Error::File`] when it cannot be written.
pub fn export(policy: &Policy, options: &Options) -> Result<Vec<PathBuf>> {
    type Written<'a> = (&'a Option<PathBuf>, fn(&Policy) -> Vec<u8>);
    let all: [Written; 3] =
        [(&options.onnx, Policy::to_onnx), (&options.safetensors, Policy::to_safetensors), (&options.wgsl, |policy| policy.to_wgsl().into_bytes())];
    let wanted: Vec<(&Path, Vec<u8>)> = all.iter().filter_map(|(path, make)| Some((path.as_deref()?, make(policy)))).collect();
    if wanted.is_empty() {
        return Err(Error::config("export", "none of --onnx, --safetensors and --wgsl says what to write", "for instance --onnx policy.onnx"));
    }
    wanted.into_iter().map(|(path, bytes)| files::write(path, &bytes).map(|()| path.into())).collect()
}
