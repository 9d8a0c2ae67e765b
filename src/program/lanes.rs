//! The work of one lane in the kernels with networks in them: a sample, or units of the networks; and how long its loops are. The folder
//! `src/wgsl/network/` writes the text for both.

use crate::program::profile::Profile;
use crate::spec::network::{Layer, Network};

/// Longest inner run of a loop body that is written out.
pub(crate) const LOOP_BODY_LIMIT: usize = 32;

/// Vectors that hold `n` floats.
pub(crate) fn vectors(n: usize) -> usize {
    n.div_ceil(4)
}

/// Whether `network` can be written out for the profile: its lanes are units, and no product but the first exceeds the limit of straight-line code.
pub fn fits(profile: &Profile, network: &Network) -> bool {
    profile.subgroup > 0 && network.layers.len() > 1 && network.layers[1..].iter().all(|layer| is_straight(profile, layer))
}

/// Components of an observation that a game on a board begins at: beyond, straight-line code takes too long to compile, and most of them are 0.
const LONG_OBSERVATION: usize = 128;

/// Whether the observation is too long for straight-line code. Weights of the first layer stay in memory then, and the sums of their gradients in
/// `partials`; a loop over the observation's components passes over those that are 0 in all samples of a tile.
pub fn first_is_loop(profile: &Profile, network: &Network) -> bool {
    network.layers[0].inputs > LONG_OBSERVATION || !is_straight(profile, &network.layers[0])
}

/// Parameters of a lane, beyond which `learn` would take longer to compile than it saves: 64-64 has 300, and 128-128 1,100.
const MOST_LEARNED: usize = 512;

/// Whether `learn` can be written out for `network`: a lane holds its parameters, their moments and gradients in registers.
pub fn learns(network: &Network, lanes: usize) -> bool {
    network.layers[0].inputs <= LONG_OBSERVATION && network.block().div_ceil(lanes) <= MOST_LEARNED
}

fn is_straight(profile: &Profile, layer: &Layer) -> bool {
    layer.inputs * layer.outputs.next_multiple_of(profile.subgroup as usize) <= profile.straight_line_limit
}

/// Rounds of loops for each tile: of the observation (fetched, or read by both passes), of the permutation (some thirty), and what is left over for others.
pub fn tile_rounds(observation: usize) -> usize {
    3 * observation + 64
}

/// For the weight gradient: vectors of the lanes' side, vectors of the side that each lane keeps sums for, and samples that fit in scratch at once.
pub(crate) fn weight_gradient_shape(profile: &Profile, layer: &Layer) -> (usize, usize, usize) {
    let (inputs, columns) = (vectors(layer.inputs), vectors(layer.outputs));
    let mut samples = profile.lanes as usize;
    while samples > 4 && samples * (inputs + columns) > profile.scratch_bytes as usize / 16 {
        samples /= 2;
    }
    let (own, other) = if layer.outputs >= layer.inputs { (columns, inputs) } else { (inputs, columns) };
    (own, other, samples)
}
