//! The formats for exporting a policy.

#[cfg(feature = "onnx")]
use crate::play::export::onnx;
use crate::play::export::policy::Policy;
use crate::play::export::wgsl;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;

impl Policy {
    /// As an ONNX model (opset 17): `observation` `[batch, O]` to `action` (the most probable one: `[batch]` or `[batch, D]` of int64, or `[batch, D]` of
    /// float within its bounds), `logits` `[batch, A]` or `mean` and `log_std` `[batch, D]`, and `value` `[batch, 1]`. Where components of the environment's
    /// observation are privileged, `observation` is without them, and there is no `value`; the metadata `privileged_observation` is their number. Where some actions are not legal,
    /// `action_mask` `[batch, A]` says which are. The metadata `observation_shape`, `[10,10,4]`, has the axes of an observation, the last one the fastest;
    /// `observation_history`, K, is there if an observation consists of the environment's last K, the oldest first, and the first one K times after a reset;
    /// `actions`, `scale`, is there if the policy was trained so: `action` is then `mean` clipped to -1 and 1 and scaled to the bounds.
    #[cfg(feature = "onnx")]
    pub fn to_onnx(&self) -> Vec<u8> {
        onnx::model(self)
    }

    /// As self-contained WGSL functions: `policy_outputs(observation)`, the logits, or means and logarithms of standard deviations, and
    /// `policy_value(observation)`.
    pub fn to_wgsl(&self) -> String {
        wgsl::functions(self)
    }

    /// As a safetensors file: `actor.0.weight` `[out, in]`, `actor.0.bias`, `actor.2.weight` ... as PyTorch's `nn.Sequential` of layers and activations names
    /// them, `critic.*`; `log_std` `[D]`; `observation_mean` and `observation_variance` `[O]`. Metadata: `about`, and those of the ONNX model.
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
        // Written in the map's order, which is random: the same policy has the same bytes.
        let metadata = || HashMap::from_iter([("about".to_string(), self.about())].into_iter().chain(self.entries()));
        let sorted = std::iter::repeat_with(metadata).find(|metadata| metadata.keys().is_sorted());
        safetensors::serialize(views, sorted).expect("the tensors have names of their own")
    }
}
