//! The tape: what `gradient` leaves of layers that have too many weights for a workgroup to keep the sums of their gradients in registers. `weight_gradient`
//! makes these sums of it, as products of matrices.
//!
//! For every sample of a pass, the tape has the inputs of such a layer and the loss's slopes at its outputs. A tile of samples is `units` rows of its samples;
//! tiles lie in the order of the rows of partial gradients, those of a row one after the other.
//!
//! On GPUs the tape has the activations and slopes of all hidden layers, and workgroup memory only slices of them
//! (`src/wgsl/network/blocks/slices.rs`): so that a workgroup has more samples, and each weight that it fetches serves all of them.

use crate::program::blocks;
use crate::program::lanes::vectors;
use crate::program::profile::Profile;
use crate::spec::network::{Layer, NETWORKS, Network};

/// The tape of a plan, and the workgroups of `weight_gradient`, which are 256 lanes in a square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tape {
    /// Numbers for each sample and network: the inputs and slopes of all taped layers; 0 if there are none.
    pub units: usize,
    /// Rows of `tape_sums`: each sums consecutive samples of the pass.
    pub rows: usize,
    /// Inputs and outputs whose weights a lane has.
    pub block: [usize; 2],
    /// Blocks of weights of a network: a workgroup sums each of them for each row.
    pub blocks: usize,
    /// Whether it holds the activations and slopes of all hidden layers, instead of workgroup memory.
    pub activations: bool,
}

/// Where the numbers of each layer are in a tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rows {
    /// For each layer, the row of its first input, if its inputs are on the tape.
    pub(crate) inputs: Vec<Option<usize>>,
    /// For each layer, the row of the slopes at its first output, if they are on the tape.
    pub(crate) slopes: Vec<Option<usize>>,
    /// Rows of a tile.
    pub(crate) units: usize,
}

impl Rows {
    /// The rows of `network`: those of layers that are taped, and those of hidden layers if the tape holds `activations`.
    pub(crate) fn of(network: &Network, packed: bool, activations: bool) -> Rows {
        let (taped, head) = (blocks::taped(network, packed), network.layers.len() - 1);
        let mut rows = Rows { inputs: Vec::new(), slopes: Vec::new(), units: 0 };
        let mut take = |is_there: bool, count: usize| {
            let first = rows.units;
            rows.units += if is_there { count } else { 0 };
            is_there.then_some(first)
        };
        for (l, layer) in network.layers.iter().enumerate() {
            // Activations fill whole vectors of units: products store them all.
            let inputs = if activations && l > 0 { 4 * vectors(layer.inputs) } else { layer.inputs };
            let first = take(taped[l] || activations && l > 0, inputs);
            let slopes = take(taped[l] || activations && l < head, layer.columns());
            rows.inputs.push(first);
            rows.slopes.push(slopes);
        }
        rows
    }

    /// Whether the inputs of layer `l` are on the tape.
    pub(crate) fn has_inputs(&self, l: usize) -> bool {
        self.inputs[l].is_some()
    }
}

/// A layer on the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taped {
    /// Its number.
    pub(crate) l: usize,
    pub(crate) layer: Layer,
    /// Row of its first input in a tile.
    pub(crate) inputs: usize,
    /// Row of its first output's slopes.
    pub(crate) slopes: usize,
    /// Its first weight among those that a network has in taped layers.
    pub(crate) sums: usize,
}

impl Taped {
    /// Its weights in a network's block, padding included.
    pub(crate) fn weights(&self) -> std::ops::Range<usize> {
        self.layer.weight(0, 0)..self.layer.weight(self.layer.inputs, 0)
    }
}

/// Lanes of a workgroup of `weight_gradient`: [`SIDE`] inputs by as many outputs, at the least.
pub(crate) const LANES: usize = SIDE * SIDE;
pub(crate) const SIDE: usize = 16;
/// Vectors of four samples of each input and output that a workgroup holds at once.
pub(crate) const VECTORS: usize = 4;
/// Floats of a pass that an agent's tape holds at most, if it may have several passes: 64 MiB.
const MOST: usize = 1 << 24;
/// The same, if it holds activations: 128 MiB, the largest buffer that every WebGPU device can bind.
const MOST_ACTIVATIONS: usize = 1 << 25;

/// Most rows of partial gradients whose tiles, one of each at a time, have place on the tape with their activations.
pub(crate) fn most_rows(network: &Network, packed: bool, samples: usize) -> usize {
    (MOST_ACTIVATIONS / (samples * Rows::of(network, packed, true).units * NETWORKS)).max(1)
}
/// Workgroups that fill a large GPU, and a processor.
const WORKGROUPS: usize = 256;
const WORKGROUPS_OF_A_PROCESSOR: usize = 16;

/// The layers of `network` that are taped.
pub(crate) fn layers(network: &Network, packed: bool, activations: bool) -> Vec<Taped> {
    let rows = Rows::of(network, packed, activations);
    let mut layers: Vec<Taped> = Vec::new();
    for (l, _) in blocks::taped(network, packed).into_iter().enumerate().filter(|(_, taped)| *taped) {
        if let (Some(inputs), Some(slopes)) = (rows.inputs[l], rows.slopes[l]) {
            let sums = layers.last().map_or(0, |before| before.sums + before.weights().len());
            layers.push(Taped { l, layer: network.layers[l], inputs, slopes, sums });
        }
    }
    layers
}

/// Weights of one network in layers that are taped.
pub(crate) fn weights(network: &Network, packed: bool) -> usize {
    layers(network, packed, false).iter().map(|taped| taped.weights().len()).sum()
}

/// Blocks of a layer's weights along its inputs and its outputs, if each lane has `block` of them.
pub(crate) fn blocks_of(layer: &Layer, block: [usize; 2]) -> [usize; 2] {
    [layer.inputs.div_ceil(SIDE * block[0]), layer.columns().div_ceil(SIDE * block[1])]
}

impl Tape {
    /// The tape of `network`, some of whose layers are taped, given the rows of partial gradients.
    pub(crate) fn new(network: &Network, packed: bool, activations: bool, gradient_rows: usize, profile: &Profile) -> Tape {
        let layers = layers(network, packed, activations);
        let blocks = |block: [usize; 2]| layers.iter().map(|taped| blocks_of(&taped.layer, block).iter().product::<usize>()).sum::<usize>();
        let fits = |block: &[usize; 2]| 16 * 4 * VECTORS * (SIDE * (block[0] + block[1]) / 4 + 2) <= profile.scratch_bytes as usize;
        // A load of a vector costs about as much as four multiplications of one.
        let cost = |&block: &[usize; 2]| blocks(block) * (block[0] * block[1] + 2 * (block[0] + block[1]));
        let block = [[8, 8], [8, 4], [4, 8], [4, 4]].into_iter().filter(fits).min_by_key(cost).expect("the smallest fits everywhere");
        let blocks = blocks(block);
        let workgroups = if profile.broadcasts() { WORKGROUPS_OF_A_PROCESSOR } else { WORKGROUPS };
        let rows = (workgroups / (NETWORKS * blocks)).clamp(1, gradient_rows);
        Tape { units: Rows::of(network, packed, activations).units, rows, block, blocks, activations }
    }

    /// Most tiles of `samples` that each of `gradient_rows` has in a pass; none if nothing is taped.
    pub(crate) fn most_tiles(&self, gradient_rows: usize, samples: usize) -> Option<usize> {
        (self.units > 0).then(|| (MOST / (gradient_rows * samples * self.units * NETWORKS)).max(1))
    }
}
