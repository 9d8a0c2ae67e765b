//! The tape: what `gradient` leaves of layers that have too many weights for a workgroup to keep the sums of their gradients in registers. `weight_gradient`
//! makes these sums of it, as products of matrices.
//!
//! For every sample of a pass, the tape has the inputs of such a layer and the loss's slopes at its outputs. A tile of samples is `units` rows of its samples;
//! tiles lie in the order of the rows of partial gradients, those of a row one after the other.

use crate::program::blocks;
use crate::spec::network::{Layer, NETWORKS, Network};

/// The tape of a plan, and the workgroups of `weight_gradient`, which are 256 lanes in a square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tape {
    /// Numbers for each sample and network: the inputs and slopes of all taped layers; 0 if there are none.
    pub units: usize,
    /// Rows of `partials` that hold sums of taped layers: each sums consecutive samples of the pass.
    pub rows: usize,
    /// Inputs and outputs whose weights a lane has.
    pub block: [usize; 2],
    /// Blocks of weights of a network: a workgroup sums each of them for each row.
    pub blocks: usize,
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
/// Workgroups that fill a large GPU.
const WORKGROUPS: usize = 256;

/// Vectors of workgroup memory for an input or output: one to spare, so that neighbours begin in different banks.
pub(crate) const ROW: usize = VECTORS + 1;

/// The layers of `network` that are taped.
pub(crate) fn layers(network: &Network, packed: bool) -> Vec<Taped> {
    let mut units = 0;
    let taped = blocks::taped(network, packed).into_iter().enumerate().filter(|(_, taped)| *taped);
    taped
        .map(|(l, _)| {
            let layer = network.layers[l];
            let inputs = units;
            units += layer.inputs + layer.columns();
            Taped { l, layer, inputs, slopes: inputs + layer.inputs }
        })
        .collect()
}

/// Blocks of a layer's weights along its inputs and its outputs, if each lane has `block` of them.
pub(crate) fn blocks_of(layer: &Layer, block: [usize; 2]) -> [usize; 2] {
    [layer.inputs.div_ceil(SIDE * block[0]), layer.columns().div_ceil(SIDE * block[1])]
}

impl Tape {
    /// The tape of `network`, some of whose layers are taped, given the rows of partial gradients and the bytes of workgroup memory.
    pub(crate) fn new(network: &Network, packed: bool, gradient_rows: usize, scratch_bytes: usize) -> Tape {
        let layers = layers(network, packed);
        let last = layers.last().expect("a layer is taped");
        let blocks = |block: [usize; 2]| layers.iter().map(|taped| blocks_of(&taped.layer, block).iter().product::<usize>()).sum::<usize>();
        let fits = |block: &[usize; 2]| 16 * SIDE * ROW * (block[0] + block[1]) <= scratch_bytes;
        // A load of a vector costs about as much as four multiplications of one.
        let cost = |&block: &[usize; 2]| blocks(block) * (block[0] * block[1] + 2 * (block[0] + block[1]));
        let block = [[8, 8], [8, 4], [4, 8], [4, 4]].into_iter().filter(fits).min_by_key(cost).expect("the smallest fits everywhere");
        let blocks = blocks(block);
        let rows = (WORKGROUPS / (NETWORKS * blocks)).clamp(1, gradient_rows);
        Tape { units: last.slopes + last.layer.columns(), rows, block, blocks }
    }

    /// Most tiles of `samples` that each of `gradient_rows` has in a pass; none if nothing is taped.
    pub(crate) fn most_tiles(&self, gradient_rows: usize, samples: usize) -> Option<usize> {
        (self.units > 0).then(|| (MOST / (gradient_rows * samples * self.units * NETWORKS)).max(1))
    }
}
