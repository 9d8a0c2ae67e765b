//! Shapes of the actor and critic networks and their slices of the flat parameter array.
//!
//! Both networks of an agent have the same padded shape, so that one kernel serves both and the network is a grid axis:
//! `params[s][network][block]`, where a block holds one layer after the other, each as `(inputs + 1)` rows of
//! `outputs` columns padded to a multiple of four. Row 0 is the bias, row `m + 1` the weights of input `m`. Padding is 0 and
//! stays 0: its gradient is 0.

use crate::spec::config::{Activation, Config};
use crate::spec::environment::Environment;
use crate::spec::random::Stream;
use std::ops::Range;

/// Networks of one agent: the actor is 0, the critic is 1.
pub const NETWORKS: usize = 2;
/// Index of the actor.
pub const ACTOR: usize = 0;
/// Index of the critic.
pub const CRITIC: usize = 1;

/// One dense layer of the padded shape that actor and critic share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Inputs M.
    pub inputs: usize,
    /// Outputs K; for the head, the larger number of the two networks.
    pub outputs: usize,
    /// Offset of the layer's first row in a network's block, in floats; a multiple of 4.
    pub offset: usize,
}

impl Layer {
    /// Columns of a row: outputs, padded to a multiple of 4.
    pub fn columns(&self) -> usize {
        self.outputs.next_multiple_of(4)
    }

    /// Rows: the bias, then one for each input.
    pub fn rows(&self) -> usize {
        self.inputs + 1
    }

    /// Offset in floats, inside a network's block, of the weight from input `m` to output `k`.
    pub fn weight(&self, m: usize, k: usize) -> usize {
        self.offset + (m + 1) * self.columns() + k
    }

    /// Offset in floats, inside a network's block, of the bias of output `k`.
    pub fn bias(&self, k: usize) -> usize {
        self.offset + k
    }
}

/// Shape of an agent's actor and critic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Layers from the observation to the head.
    pub layers: Vec<Layer>,
    /// Components of the observation that the actor sees, which come first. Its weights from the others stay 0.
    pub seen: usize,
    /// Outputs of each network's head: the policy's, and 1 value.
    pub heads: [usize; NETWORKS],
    /// The actor's outputs that depend on the observation, which come first. The others (logarithms of standard deviations) are only biases: their weights
    /// stay 0.
    pub weighted: usize,
    /// Hidden activation.
    pub activation: Activation,
}

impl Network {
    /// The networks of an agent that `config` trains on `environment`.
    pub fn of(config: &Config, environment: &Environment) -> Self {
        let Environment { observation, actions, .. } = environment;
        let network = Network::new(*observation, &config.hidden, actions.outputs(), actions.weighted(), config.activation);
        Network { seen: environment.seen(), ..network }
    }

    /// Networks from `observation` inputs through `hidden` widths to the actor's `outputs`, of which the first `weighted` depend on the observation, and one
    /// value.
    pub fn new(observation: usize, hidden: &[u32], outputs: usize, weighted: usize, activation: Activation) -> Self {
        let heads = [outputs, 1];
        let widths: Vec<usize> = [observation].into_iter().chain(hidden.iter().map(|&width| width as usize)).chain([outputs.max(1)]).collect();
        let mut offset = 0;
        let layers = widths
            .windows(2)
            .map(|pair| {
                let layer = Layer { inputs: pair[0], outputs: pair[1], offset };
                offset += layer.rows() * layer.columns();
                layer
            })
            .collect();
        Network { layers, seen: observation, heads, weighted, activation }
    }

    /// Floats in one network's padded block (Q).
    pub fn block(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.offset + layer.rows() * layer.columns())
    }

    /// Floats of an agent's parameters, padding included (P).
    pub fn padded_parameters(&self) -> usize {
        NETWORKS * self.block()
    }

    /// Parameters of an agent, padding excluded.
    pub fn parameters(&self) -> usize {
        (0..NETWORKS).map(|network| self.slots(network).count()).sum()
    }

    /// Inputs of layer `l` that `network` uses.
    pub fn inputs(&self, network: usize, l: usize) -> usize {
        if l == 0 && network == ACTOR { self.seen } else { self.layers[l].inputs }
    }

    /// Offsets inside the actor's block of the weights from components of the observation that it does not see: whole rows of the first layer.
    pub fn unseen(&self) -> Range<usize> {
        let first = &self.layers[0];
        first.weight(self.seen, 0)..first.weight(first.inputs, 0)
    }

    /// Outputs of layer `l` that `network` uses.
    pub fn outputs(&self, network: usize, l: usize) -> usize {
        if l + 1 == self.layers.len() { self.heads[network] } else { self.layers[l].outputs }
    }

    /// Outputs of layer `l` of `network` that have weights.
    pub fn weighted(&self, network: usize, l: usize) -> usize {
        let outputs = self.outputs(network, l);
        if l + 1 == self.layers.len() && network == ACTOR { self.weighted.min(outputs) } else { outputs }
    }

    /// Offsets inside an agent's parameters of those of `network` that are neither padding nor fixed, in the order biases then weights, layer by layer.
    pub fn slots(&self, network: usize) -> impl Iterator<Item = usize> + '_ {
        let base = network * self.block();
        self.layers.iter().enumerate().flat_map(move |(l, layer)| {
            let (outputs, weighted) = (self.outputs(network, l), self.weighted(network, l));
            let used = move |row: usize| if row == 0 { outputs } else { weighted };
            (0..=self.inputs(network, l)).flat_map(move |row| (0..used(row)).map(move |k| base + layer.offset + row * layer.columns() + k))
        })
    }

    /// Initial parameters of an agent (padded layout): orthogonal weights with gain √2 in hidden layers, 0.01 at the policy head
    /// and 1 at the value head; biases 0, and with them the logarithms of standard deviations (Saxe et al. 2014; Huang et al. 2022, detail 2).
    pub fn initial_parameters(&self, seed: u64) -> Vec<f32> {
        let mut params = vec![0.0; self.padded_parameters()];
        for network in 0..NETWORKS {
            for (l, layer) in self.layers.iter().enumerate() {
                let head = l + 1 == self.layers.len();
                let gain = match (head, network) {
                    (false, _) => std::f64::consts::SQRT_2,
                    (true, ACTOR) => 0.01,
                    (true, _) => 1.0,
                };
                let (inputs, outputs) = (self.inputs(network, l), self.weighted(network, l));
                let mut stream = Stream::new(seed, crate::spec::random::INITIALISE, network as u32, l as u32);
                let weights = orthogonal(inputs, outputs, &mut stream);
                for m in 0..inputs {
                    for k in 0..outputs {
                        params[network * self.block() + layer.weight(m, k)] = (gain * weights[m * outputs + k]) as f32;
                    }
                }
            }
        }
        params
    }
}

/// A `rows` × `columns` matrix (row-major) with orthonormal rows or columns (the smaller set): modified Gram-Schmidt, run twice for
/// accuracy ("twice is enough", Giraud et al. 2005), on independent normal vectors, which makes it uniform over such matrices.
fn orthogonal(rows: usize, columns: usize, stream: &mut Stream) -> Vec<f64> {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    while vectors.len() < count {
        let mut vector: Vec<f64> = (0..length).map(|_| stream.normal()).collect();
        for _ in 0..2 {
            for other in &vectors {
                let projection: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(other).for_each(|(a, b)| *a -= projection * b);
            }
        }
        let norm = vector.iter().map(|a| a * a).sum::<f64>().sqrt();
        if norm > 1e-6 {
            vectors.push(vector.into_iter().map(|a| a / norm).collect());
        }
    }
    let at = |m: usize, k: usize| if rows >= columns { vectors[k][m] } else { vectors[m][k] };
    (0..rows).flat_map(|m| (0..columns).map(move |k| (m, k))).map(|(m, k)| at(m, k)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_network_has_the_published_number_of_parameters() {
        // 4-64-64-2 and 4-64-64-1: 4*64+64 + 64*64+64 + 64*2+2 = 4610 and 4545.
        assert_eq!(Network::new(4, &[64, 64], 2, 2, Activation::Tanh).parameters(), 9155);
        // 3-64-64-1 twice, and a standard deviation.
        assert_eq!(Network::new(3, &[64, 64], 2, 1, Activation::Tanh).parameters(), 2 * 4481 + 1);
    }

    /// 9 - 4 = 5 components: (5 + 1) * 7 + (7 + 1) * 6 + (6 + 1) * 2 = 104; and (9 + 1) * 7 + (7 + 1) * 6 + (6 + 1) = 125 for the value.
    #[test]
    fn an_actor_has_no_parameters_for_what_it_does_not_see() {
        let network = Network { seen: 5, ..Network::new(9, &[7, 6], 2, 2, Activation::Tanh) };
        assert_eq!([ACTOR, CRITIC].map(|which| network.slots(which).count()), [104, 125]);
        // Rows of 8 columns: the bias, then five that are seen.
        assert_eq!(network.unseen(), 48..80);
        assert!(network.slots(ACTOR).all(|slot| !network.unseen().contains(&slot)));
    }

    #[test]
    fn initial_weights_are_orthogonal_with_the_gains_of_the_specification() {
        for (observation, seen, hidden, actions, weighted) in
            [(4, 4, vec![64, 64], 2, 2), (7, 7, vec![5, 9, 3], 6, 3), (400, 400, vec![13], 1, 1), (9, 5, vec![7, 6], 2, 2), (30, 1, vec![6], 4, 2)]
        {
            let network = Network { seen, ..Network::new(observation, &hidden, actions, weighted, Activation::Relu) };
            let params = network.initial_parameters(11);
            let mut real = vec![false; params.len()];
            for which in 0..NETWORKS {
                network.slots(which).for_each(|slot| real[slot] = true);
                for (l, layer) in network.layers.iter().enumerate() {
                    let (inputs, outputs) = (network.inputs(which, l), network.weighted(which, l));
                    let gain = if l + 1 < network.layers.len() { 2f64.sqrt() } else { [0.01, 1.0][which] };
                    let at = |m, k| f64::from(params[which * network.block() + layer.weight(m, k)]);
                    let (count, length) = (inputs.min(outputs), inputs.max(outputs));
                    for a in 0..count {
                        for b in 0..count {
                            let dot: f64 = (0..length).map(|i| if inputs >= outputs { at(i, a) * at(i, b) } else { at(a, i) * at(b, i) }).sum();
                            let expected = if a == b { gain * gain } else { 0.0 };
                            // Entries are rounded to f32: each product is off by at most 2 * 2^-24 * |x||y|, and by Cauchy-Schwarz the sum of |x||y| is at most gain^2.
                            assert!((dot - expected).abs() <= 4.0 * 2f64.powi(-24) * gain * gain, "layer {l}: {dot} instead of {expected}");
                        }
                    }
                    assert!((0..outputs).all(|k| params[which * network.block() + layer.bias(k)] == 0.0));
                }
            }
            assert!(params.iter().zip(&real).all(|(&value, &real)| real || value == 0.0), "padding must be 0");
        }
    }
}
