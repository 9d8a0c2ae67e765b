//! The formats that a policy is written in.

use crate::play::export::policy::Policy;
use crate::play::export::{onnx, wgsl};
use crate::support::error::{Error, Result};
use crate::support::files;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportOptions {
    /// The agent; the one with the highest mean return is not looked for.
    pub agent: usize,
    /// An ONNX model.
    pub onnx: Option<PathBuf>,
    /// A safetensors file of weights.
    pub safetensors: Option<PathBuf>,
    /// WGSL functions.
    pub wgsl: Option<PathBuf>,
}

impl Policy {
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
}

/// Writes what `options` ask for, and returns the paths.
///
/// # Errors
/// [`Error::Config`] when that is nothing; [`Error::File`] when it cannot be written.
pub fn export(policy: &Policy, options: &ExportOptions) -> Result<Vec<PathBuf>> {
    type Written<'a> = (&'a Option<PathBuf>, fn(&Policy) -> Vec<u8>);
    let all: [Written; 3] =
        [(&options.onnx, Policy::to_onnx), (&options.safetensors, Policy::to_safetensors), (&options.wgsl, |policy| policy.to_wgsl().into_bytes())];
    let wanted: Vec<(&Path, Vec<u8>)> = all.iter().filter_map(|(path, make)| Some((path.as_deref()?, make(policy)))).collect();
    if wanted.is_empty() {
        return Err(Error::config("export", "none of --onnx, --safetensors and --wgsl says what to write", "for instance --onnx policy.onnx"));
    }
    wanted.into_iter().map(|(path, bytes)| files::write(path, &bytes).map(|()| path.into())).collect()
}
