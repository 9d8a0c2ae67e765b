//! One sample through a network, forwards and backwards.

use crate::reference::real::{Accumulator, Real};
use crate::spec::config::Activation;
use crate::spec::network::Network;

/// Values of a forward pass that the backward pass needs.
#[derive(Debug, Clone)]
pub struct Activations<R> {
    /// Input of each layer: the observation, then the hidden activations.
    pub inputs: Vec<Vec<R>>,
    /// Output of the last layer.
    pub head: Vec<R>,
}

/// Network `which` (actor or critic) of an agent's `params`, applied to an observation: y = b + W·x, then the activation in all but the last layer.
pub fn forward<R: Real>(network: &Network, which: usize, params: &[R], observation: Vec<R>) -> Activations<R> {
    let block = &params[which * network.block()..][..network.block()];
    let mut inputs = Vec::with_capacity(network.layers.len());
    let mut x = observation;
    for (l, layer) in network.layers.iter().enumerate() {
        let output = |k: usize| {
            let mut sum = R::Accumulator::default();
            sum.add(block[layer.bias(k)]);
            x.iter().enumerate().for_each(|(m, &x)| sum.add(x * block[layer.weight(m, k)]));
            sum.total()
        };
        let outputs = (0..network.outputs(which, l)).map(output);
        let y = if l + 1 == network.layers.len() { outputs.collect() } else { outputs.map(|z| activate(network.activation, z)).collect() };
        inputs.push(std::mem::replace(&mut x, y));
    }
    Activations { inputs, head: x }
}

/// Adds one sample's gradient, given the loss's slope at the head, to the sums of an agent's parameters (padded layout), but for the weights of layers that
/// are `taped`. Padding does not change. Returns the slopes at the outputs of each layer.
pub fn backward<R: Real>(
    network: &Network,
    which: usize,
    params: &[R],
    activations: &Activations<R>,
    head_slope: Vec<R>,
    taped: &[bool],
    sums: &mut [R::Accumulator],
) -> Vec<Vec<R>> {
    let block = &params[which * network.block()..][..network.block()];
    let sums = &mut sums[which * network.block()..][..network.block()];
    let mut slope = head_slope;
    let mut slopes = vec![Vec::new(); network.layers.len()];
    for (l, layer) in network.layers.iter().enumerate().rev() {
        slope.iter().enumerate().for_each(|(k, &d)| sums[layer.bias(k)].add(d));
        for (m, &x) in activations.inputs[l].iter().enumerate().filter(|_| !taped[l]) {
            slope.iter().enumerate().for_each(|(k, &d)| sums[layer.weight(m, k)].add(x * d));
        }
        let next = if l > 0 {
            let below = |(m, &h): (usize, &R)| {
                let arriving = R::dot(slope.iter().enumerate().map(|(k, &d)| (block[layer.weight(m, k)], d)));
                through_activation(network.activation, h, arriving)
            };
            activations.inputs[l].iter().enumerate().map(below).collect()
        } else {
            Vec::new()
        };
        slopes[l] = std::mem::replace(&mut slope, next);
    }
    slopes
}

/// The hidden activation.
fn activate<R: Real>(activation: Activation, z: R) -> R {
    match activation {
        Activation::Tanh => z.tanh(),
        Activation::Relu => z.max(R::zero()),
    }
}

/// The slope before an activation whose result is `h`, given the slope after it.
fn through_activation<R: Real>(activation: Activation, h: R, slope: R) -> R {
    match activation {
        Activation::Tanh => slope * (R::one() - h * h),
        Activation::Relu => slope.where_positive(h),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::network::{ACTOR, CRITIC};

    #[test]
    fn backward_is_the_derivative_of_forward() {
        for activation in [Activation::Tanh, Activation::Relu] {
            let network = Network::new(3, &[5, 7], 2, 2, activation);
            let mut params: Vec<f64> = network.initial_parameters(4).into_iter().map(f64::from).collect();
            let observation = vec![0.4, -0.9, 1.3];
            for which in [ACTOR, CRITIC] {
                let weights = &[0.7, -1.1][..network.heads[which]];
                let objective = |params: &[f64]| {
                    let head = forward(&network, which, params, observation.clone()).head;
                    head.iter().zip(weights).map(|(y, w)| y * w).sum::<f64>()
                };
                let mut sums = vec![0.0; params.len()];
                let activations = forward(&network, which, &params, observation.clone());
                backward(&network, which, &params, &activations, weights.to_vec(), &[false; 3], &mut sums);
                for slot in network.slots(which).collect::<Vec<_>>() {
                    let kept = params[slot];
                    params[slot] = kept + 1e-5;
                    let above = objective(&params);
                    params[slot] = kept - 1e-5;
                    let difference = (above - objective(&params)) / 2e-5;
                    params[slot] = kept;
                    assert!((difference - sums[slot]).abs() < 1e-8, "{activation:?} {slot}: {difference} instead of {}", sums[slot]);
                    sums[slot] = 0.0;
                }
                assert!(sums.iter().all(|&sum| sum == 0.0), "padding and the other network have no slope");
            }
        }
    }
}
