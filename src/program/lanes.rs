//! The work of one lane in the kernels that evaluate networks, and the length of its loops. The folder `src/wgsl/network/` writes the text.

use crate::program::profile::Profile;
use crate::spec::network::{Layer, Network};

/// What lanes map to in the kernels that evaluate networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapping {
    /// A lane is a sample.
    Samples,
    /// A lane has units of the networks: the workgroup is a subgroup, which a software driver runs as one vector.
    Units,
    /// Lanes share a tile of samples ([`crate::program::blocks`]).
    Blocks,
}

/// Longest inner run of a loop body that is unrolled.
pub(crate) const LOOP_BODY_LIMIT: usize = 32;

/// Number of vectors that hold `n` floats.
pub(crate) fn vectors(n: usize) -> usize {
    n.div_ceil(4)
}

/// Widest layer whose text is compiled in about ten seconds where lanes are units.
pub(crate) const WIDEST_UNROLLED: usize = 512;

/// Whether `network` can be unrolled for the profile: its lanes are units, no product after the first exceeds the limit of straight-line code, and no layer is
/// too wide to be compiled in time.
pub fn fits(profile: &Profile, network: &Network) -> bool {
    let straight = |layer: &Layer| is_straight(profile, layer) && layer.inputs <= WIDEST_UNROLLED;
    profile.subgroup > 0 && network.layers.len() > 1 && network.layers[1..].iter().all(straight)
}

/// Whether all products of `network` are straight-line code where a lane is a sample, and no layer is too wide to be compiled in time.
pub fn is_all_straight(profile: &Profile, network: &Network) -> bool {
    network.layers.iter().all(|layer| layer.inputs * layer.outputs <= profile.straight_line_limit && layer.outputs <= WIDEST_UNROLLED)
}

/// Observation size from which the first layer is a loop. Straight-line code for observations this long, as of board games and robots of many joints, takes
/// long to compile; in games, most components are 0.
const LONG_OBSERVATION: usize = 128;

/// Whether the observation is too long for straight-line code. If so, weights of the first layer stay in memory, and the sums of their gradients in
/// `partials`; the loop over the observation's components skips those that are 0 in all samples of a tile.
pub fn first_is_loop(profile: &Profile, network: &Network) -> bool {
    network.layers[0].inputs > LONG_OBSERVATION || !is_straight(profile, &network.layers[0])
}

/// Most parameters of a lane: beyond this, compiling `learn` takes longer than it saves. 64-64 has 300, and 128-128 has 1,100.
const MOST_LEARNED: usize = 512;

/// Whether `learn` can be generated for `network`: a lane holds its parameters, their moments and gradients in registers.
pub fn learns(network: &Network, lanes: usize) -> bool {
    network.layers[0].inputs <= LONG_OBSERVATION && network.block().div_ceil(lanes) <= MOST_LEARNED
}

fn is_straight(profile: &Profile, layer: &Layer) -> bool {
    layer.inputs * layer.outputs.next_multiple_of(profile.subgroup as usize) <= profile.straight_line_limit
}

/// Loop rounds for each tile: of the observation (fetched, or read by both passes), of the permutation (about thirty), and an allowance for the rest.
pub fn tile_rounds(observation: usize) -> usize {
    3 * observation + 64
}

/// For the weight gradient: vectors on the lanes' side, vectors on the side that each lane keeps sums for, and samples that fit in scratch at once.
pub(crate) fn weight_gradient_shape(profile: &Profile, layer: &Layer) -> (usize, usize, usize) {
    let (inputs, columns) = (vectors(layer.inputs), vectors(layer.outputs));
    let mut samples = profile.lanes as usize;
    while samples > 4 && samples * (inputs + columns) > profile.scratch_bytes as usize / 16 {
        samples /= 2;
    }
    let (own, other) = if layer.outputs >= layer.inputs { (columns, inputs) } else { (inputs, columns) };
    (own, other, samples)
}
