//! Sizes of the kernels in which the lanes of a workgroup share a tile of samples ([`crate::program::lanes::Mapping::Blocks`]).
//!
//! Activations of the tile lie in workgroup memory, a row for each unit and a vector for each four samples. In a layer's product, a lane computes a block of
//! them: some units for some samples, in registers, so that each number it loads serves several multiplications. In the gradient of a layer's weights it
//! owns a block of the weights for all tiles of the workgroup, and keeps their sums in registers. Layers that are too wide for that leave their inputs and slopes on
//! the tape ([`crate::program::tape`]). (`src/wgsl/network/blocks/` writes the text.)

use crate::program::lanes::vectors;
use crate::program::profile::Profile;
use crate::spec::network::{Layer, Network};
use crate::spec::tuning::Tuning;

/// A workgroup that takes samples through networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Team {
    /// Its lanes.
    pub lanes: usize,
    /// Samples that it processes at once; its first lanes have one each.
    pub samples: usize,
}

impl Team {
    /// This one with these lanes and samples where they are given.
    fn with(self, lanes: Option<u32>, samples: Option<u32>) -> Team {
        Team { lanes: lanes.map_or(self.lanes, |lanes| lanes as usize), samples: samples.map_or(self.samples, |samples| samples as usize) }
    }
}

/// Vectors of a unit's row: four samples each, and one to spare where their number is even, so that neighbouring rows begin in different banks of workgroup
/// memory. Tiles of 8 samples belong to wide networks, which need the memory for more samples.
pub(crate) const fn row(samples: usize) -> usize {
    if samples == 8 { 2 } else { (samples / 4) | 1 }
}

/// The part of a layer's product that a lane computes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// Consecutive units: 4, 2 or 1.
    pub(crate) units: usize,
    /// Consecutive samples: 8 or 4.
    pub(crate) samples: usize,
}

impl Block {
    /// The best block for a product with `units` outputs, a multiple of four, by an estimate of its cost.
    pub(crate) fn of(team: Team, units: usize) -> Block {
        let all = [(4, 8), (4, 4), (2, 8), (2, 4), (1, 8), (1, 4)].map(|(units, samples)| Block { units, samples });
        let possible = all.into_iter().filter(|block| team.samples.is_multiple_of(block.samples));
        // A load of a vector costs about as much as four multiplications of one.
        let cost = |block: &Block| block.rounds(team, units) * (block.units * block.samples + 4 * (1 + block.samples / 4));
        possible.min_by_key(cost).expect("tiles are whole vectors")
    }

    /// Blocks of a product.
    pub(crate) fn count(self, team: Team, units: usize) -> usize {
        units / self.units * (team.samples / self.samples)
    }

    /// Blocks of a lane, one after the other.
    pub(crate) fn rounds(self, team: Team, units: usize) -> usize {
        self.count(team, units).div_ceil(team.lanes)
    }
}

/// The weights of a layer whose gradient a lane sums: those from `down` inputs to `across` outputs. The lanes are a grid of `rows` x `columns`; a lane's
/// inputs are `rows` apart and its outputs `columns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) down: usize,
    pub(crate) across: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Owned {
    /// The fewest for each lane, by an estimate of the cost.
    pub(crate) fn of(lanes: usize, layer: &Layer) -> Owned {
        let grid = |across: usize| {
            let columns = layer.outputs.div_ceil(across);
            let down = layer.inputs.div_ceil((lanes / columns).max(1));
            Owned { down, across, rows: layer.inputs.div_ceil(down), columns }
        };
        let cost = |owned: &Owned| owned.down * owned.across + owned.down + owned.across;
        let possible = [1, 2, 4, 8, 16].map(grid).into_iter().filter(|owned| owned.columns <= lanes);
        possible.min_by_key(cost).unwrap_or_else(|| grid(layer.outputs))
    }

    /// Weights of a lane.
    fn sums(self) -> usize {
        self.down * self.across
    }
}

/// Most sums of gradients that a lane can keep in registers; the number beyond which layers are taped, if the largest workgroup has no fewer; and that beyond
/// which more lanes are better.
const MOST_SUMS: usize = 96;
const ENOUGH_SUMS: usize = 64;
const MANY_SUMS: usize = 40;
/// Most vectors of outputs of the head: every lane sums all of them for its sample.
const MOST_HEAD: usize = 4;
/// Lanes of a workgroup: at least, and at most.
const LANES: [usize; 3] = [64, 128, 256];
/// Samples of a tile, best first.
const SAMPLES: [usize; 4] = [32, 16, 8, 4];

/// Sums of gradients for each of `lanes`, by layer, if all were kept in registers. Those of observations that are bits (`packed`) never are.
fn sums(lanes: usize, network: &Network, packed: bool) -> Vec<usize> {
    let of = |(l, layer): (usize, &Layer)| if l == 0 && packed { 0 } else { Owned::of(lanes, layer).sums() };
    network.layers.iter().enumerate().map(of).collect()
}

/// Sums of gradients that each of `lanes` keeps in registers.
fn kept(lanes: usize, network: &Network, packed: bool) -> usize {
    sums(lanes, network, packed).into_iter().zip(taped(network, packed)).map(|(sums, taped)| if taped { 0 } else { sums }).sum()
}

/// For each layer, whether it is taped because even the largest workgroup has too many sums for a lane's registers: the largest layers are.
pub(crate) fn taped(network: &Network, packed: bool) -> Vec<bool> {
    let mut kept = sums(LANES[LANES.len() - 1], network, packed);
    let mut taped = vec![false; kept.len()];
    while kept.iter().sum::<usize>() > ENOUGH_SUMS {
        let largest = (0..kept.len()).max_by_key(|&l| kept[l]).expect("networks have layers");
        (kept[largest], taped[largest]) = (0, true);
    }
    taped
}

/// Whether a layer is taped.
pub(crate) fn tapes(network: &Network, packed: bool) -> bool {
    taped(network, packed).contains(&true)
}

/// Rows of a slice that a product takes through workgroup memory, where activations are on the tape.
pub(crate) const DEPTH: usize = 16;
/// Most samples, or inputs of a layer, whose products with a vector of the lane's own each lane of a subgroup sums at once, where subgroups broadcast.
pub(crate) const SUBGROUP_ROWS: usize = 32;
/// Most units of a block of outputs, if a lane has one vector of them or more.
const MOST_UNITS: usize = 128;
/// Samples of a tile whose activations are on the tape, best first.
const TAPED_SAMPLES: [usize; 2] = [64, 32];
/// Tiles of a minibatch, for each of the networks, that fill a large GPU.
const ENOUGH_TILES: usize = 128;

/// The block of outputs that a team computes at once where activations are on the tape. Lanes are a grid of `rows` x `columns`; a lane's vectors of four units
/// are `rows` apart, and its vectors of four samples `columns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sliced {
    /// Lanes that share samples.
    pub(crate) rows: usize,
    /// Lanes that share units.
    pub(crate) columns: usize,
    /// Vectors of units of a lane.
    pub(crate) unit_vectors: usize,
    /// Vectors of samples of a lane.
    pub(crate) sample_vectors: usize,
}

impl Sliced {
    /// The block of `team` for a product with `outputs`: at most two vectors of units a lane, and 128 units if possible.
    pub(crate) fn of(team: Team, outputs: usize) -> Sliced {
        let sample_vectors = if team.samples >= 128 { 2 } else { 1 };
        let columns = team.samples / 4 / sample_vectors;
        let rows = team.lanes / columns;
        let block = |unit_vectors: usize| Sliced { rows, columns, unit_vectors, sample_vectors };
        // A load of a vector costs about as much as four multiplications of one.
        let cost = |block: &Sliced| {
            let vectors = block.unit_vectors * sample_vectors;
            outputs.div_ceil(block.units()) * (4 * vectors + 4 * (block.unit_vectors + sample_vectors))
        };
        (1..=(MOST_UNITS / 4 / rows).clamp(1, 2)).map(block).min_by_key(cost).expect("one vector is possible")
    }

    /// The largest block of `team`.
    pub(crate) fn largest(team: Team) -> Sliced {
        Sliced::of(team, MOST_UNITS)
    }

    /// Units of the block.
    pub(crate) fn units(self) -> usize {
        4 * self.rows * self.unit_vectors
    }

    /// Vectors of a slice's row of weights: one to spare, so that vectors of one unit begin in different banks.
    pub(crate) fn row(self) -> usize {
        self.units() / 4 + 1
    }
}

/// The team of `gradient` and `evaluate` for `network` where the tape holds activations, for minibatches of this size; none if nothing is taped, or workgroup
/// memory does not suffice.
pub(crate) fn taped_team(profile: &Profile, network: &Network, packed: bool, minibatch: usize) -> Option<Team> {
    let head = network.layers.last()?.columns() / 4;
    if !profile.blocks || !(profile.tapes_activations || profile.broadcasts()) || head > MOST_HEAD || !tapes(network, packed) {
        return None;
    }
    let teams = TAPED_SAMPLES.map(|samples| Team { lanes: LANES[LANES.len() - 1], samples });
    let possible: Vec<Team> = teams.into_iter().filter(|&team| fits_taped(team, profile, network, packed)).collect();
    possible.iter().copied().find(|team| minibatch.div_ceil(team.samples) >= ENOUGH_TILES).or(possible.last().copied())
}

/// Whether a team has enough workgroup memory where the tape holds activations.
fn fits_taped(team: Team, profile: &Profile, network: &Network, packed: bool) -> bool {
    let (layer, head) = (&network.layers[0], network.layers.last().map_or(0, |layer| layer.columns() / 4));
    let observed = match () {
        () if packed => bits_bytes(team, network),
        () if taped(network, packed)[0] => 4 * team.samples,
        () => 16 * layer.inputs * row(team.samples),
    };
    let slices = if profile.broadcasts() { 0 } else { DEPTH * (team.samples / 4 + Sliced::largest(team).row()) };
    let bytes = 16 * (slices + 4 * head * row(team.samples) + scratch(team, network)) + observed;
    // A mask of bits has one for each sample.
    bytes <= profile.wide_bytes as usize && (!packed || team.samples <= 32)
}

/// The team of `gradient` and `evaluate` for `network`; none if workgroup memory does not suffice. Of observations that are bits (`packed`), the tile holds
/// the bits, and `partials` the sums of the first layer.
pub(crate) fn team(profile: &Profile, network: &Network, packed: bool) -> Option<Team> {
    let layers = &network.layers;
    let head = layers.last()?.columns() / 4;
    if !profile.blocks || layers.len() < 2 || head > MOST_HEAD {
        return None;
    }
    let least = if tapes(network, packed) { profile.wide_lanes as usize } else { LANES[0] };
    let few = |&lanes: &usize| lanes >= least && kept(lanes, network, packed) <= MANY_SUMS;
    let lanes = LANES.into_iter().find(few).unwrap_or(LANES[LANES.len() - 1]);
    let teams = SAMPLES.map(|samples| Team { lanes, samples });
    teams.into_iter().find(|&team| fits(team, profile, network, packed))
}

/// The team of `gradient` and `evaluate` with the sizes that `tuning` has, in place of those of `team`; none if registers or workgroup memory do not suffice.
pub(crate) fn tuned(team: Team, taped: bool, tuning: &Tuning, profile: &Profile, network: &Network, packed: bool) -> Option<Team> {
    let tuned = team.with(tuning.lanes, tuning.tile);
    let fits = || {
        if taped { tuned.samples >= 16 && fits_taped(tuned, profile, network, packed) } else { tuned.samples <= 32 && fits(tuned, profile, network, packed) }
    };
    (tuned.samples <= tuned.lanes && kept(tuned.lanes, network, packed) <= MOST_SUMS && fits()).then_some(tuned)
}

/// Whether a team has enough workgroup memory.
fn fits(team: Team, profile: &Profile, network: &Network, packed: bool) -> bool {
    bytes(team, network, packed) <= if tapes(network, packed) { profile.wide_bytes } else { profile.scratch_bytes } as usize
}

/// Bytes of workgroup memory that a team needs.
pub(crate) fn bytes(team: Team, network: &Network, packed: bool) -> usize {
    let units: usize = network.layers[usize::from(packed)..].iter().map(|layer| 4 * vectors(layer.inputs)).sum();
    let bits = if packed { bits_bytes(team, network) } else { 0 };
    let head = network.layers.last().map_or(0, |layer| layer.columns() / 4);
    16 * ((units + 4 * head) * row(team.samples) + scratch(team, network)) + bits
}

/// Bytes of a tile's observations that are bits: a bit for each component and sample, both ways, and the mark and the list of those that occur.
fn bits_bytes(team: Team, network: &Network) -> usize {
    let observation = network.layers[0].inputs;
    4 * (2 * (observation + 1) + listed_beyond(team, network) + observation.div_ceil(32) * (team.samples + 1))
}

/// How the head's units are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeadSums {
    /// Lanes that share a sample; each sums a part of its units.
    pub(crate) parts: usize,
    /// Sums of a lane, one for each chunk of its part.
    pub(crate) chunks: usize,
    /// Units of a chunk.
    pub(crate) length: usize,
}

/// Most chunks of inputs that the head's products are summed in; a power of two.
const MOST_CHUNKS: usize = 16;

impl HeadSums {
    /// The sums of `team`. All teams have the same chunks, and add them in the same order.
    pub(crate) fn of(team: Team, network: &Network) -> HeadSums {
        let inputs = network.layers[network.layers.len() - 1].inputs;
        // At least two products each: compilers may fuse a single one with the addition that follows, and which that is depends on the team.
        let all = 1 << (inputs / 2).clamp(1, MOST_CHUNKS).ilog2();
        let parts = (team.lanes / team.samples).min(all);
        HeadSums { parts, chunks: all / parts, length: inputs.div_ceil(all) }
    }
}

/// Vectors of workgroup memory in which lanes exchange the head's sums and, after the backward pass, the losses of their samples.
pub(crate) fn scratch(team: Team, network: &Network) -> usize {
    HeadSums::of(team, network).parts * team.samples * network.layers.last().map_or(0, |layer| layer.columns() / 4)
}

/// Where observations are bits: components of the list of those that occur in the body of a loop over it.
pub(crate) const LISTED_AT_ONCE: usize = 4;

/// Where observations are bits: lanes that share an output of the first layer. Each has the listed inputs whose place, modulo this, is the number of its
/// group.
pub(crate) fn groups(team: Team, network: &Network) -> usize {
    1 << (team.lanes / network.layers[0].columns()).max(1).ilog2()
}

/// Entries behind the list of components, so that every loop over it may look at whole groups.
pub(crate) fn listed_beyond(team: Team, network: &Network) -> usize {
    LISTED_AT_ONCE * groups(team, network)
}

/// Whether a team keeps the weights of hidden layers in workgroup memory: if it has few samples, it waits for memory more than it computes. With more
/// samples, the same memory is better spent on more workgroups.
pub(crate) fn stages(team: Team, profile: &Profile, network: &Network, packed: bool) -> bool {
    let hidden = &network.layers[1..network.layers.len() - 1];
    let weights: usize = hidden.iter().map(|layer| 16 * layer.inputs * (layer.columns() / 4 + 1)).sum();
    team.samples <= 4 && bytes(team, network, packed) + weights <= profile.scratch_bytes as usize
}

/// The team of `rollout`, given that of `gradient`. With few environments, a lane has a single unit of four of them.
pub(crate) fn rollout_team(team: Team, profile: &Profile, network: &Network, packed: bool, envs: usize) -> Team {
    // Enough workgroups for a large GPU come first: a step is a chain of waits.
    let wish = (envs / ROLLOUT_WORKGROUPS).next_power_of_two().clamp(4, team.samples);
    let widest = network.layers.iter().map(Layer::columns).max().unwrap_or(0);
    let of = |samples: usize| Team { lanes: (widest * samples / 4).next_power_of_two().clamp(32, MOST_ROLLOUT_LANES), samples };
    // Its activations are in workgroup memory.
    let teams = SAMPLES.into_iter().filter(|&samples| samples <= wish).map(of);
    teams.into_iter().find(|&team| fits(team, profile, network, packed)).unwrap_or(of(4))
}

/// The team of `rollout` with the sizes that `tuning` has, in place of those of `team`; none if workgroup memory does not suffice.
pub(crate) fn tuned_rollout(team: Team, tuning: &Tuning, profile: &Profile, network: &Network, packed: bool) -> Option<Team> {
    let tuned = team.with(tuning.rollout_lanes, tuning.rollout_tile);
    (tuned.samples <= tuned.lanes && fits(tuned, profile, network, packed)).then_some(tuned)
}

/// Most lanes of such a workgroup: with 256, `rollout` of 256,256 took a fifth longer on an H100.
const MOST_ROLLOUT_LANES: usize = 128;
/// Workgroups of `rollout` for each agent that are worth more than full tiles.
const ROLLOUT_WORKGROUPS: usize = 512;

/// Rounds of an invocation's loops for a tile: forward, backward, sums.
pub(crate) fn tile_rounds(team: Team, network: &Network) -> usize {
    // As if no observation were bits: that makes the most.
    let of = |(layer, taped): (&Layer, bool)| {
        let [forward, backward] = [layer.outputs, layer.inputs].map(|units| Block::of(team, 4 * vectors(units)).rounds(team, 4 * vectors(units)));
        let tape = if taped { ((layer.inputs + layer.columns()) * team.samples / 4).div_ceil(team.lanes) } else { 0 };
        forward * (1 + layer.inputs) + backward * (1 + vectors(layer.outputs)) + tape + 2 * team.samples / 4 + layer.outputs.div_ceil(team.lanes)
    };
    network.layers.iter().zip(taped(network, false)).map(of).sum::<usize>() + 2 * network.layers[0].inputs
}

/// The same where the tape holds activations.
pub(crate) fn taped_tile_rounds(team: Team, network: &Network) -> usize {
    let product = |inner: usize, outputs: usize| outputs.div_ceil(Sliced::of(team, outputs).units()) * (1 + inner.div_ceil(DEPTH) * (1 + DEPTH));
    let of = |layer: &Layer| {
        let gathered = (layer.inputs + layer.columns()) * team.samples / 4 / team.lanes;
        product(layer.inputs, layer.columns()) + product(layer.columns(), layer.inputs) + gathered + team.samples + layer.outputs.div_ceil(team.lanes)
    };
    // The first layer's observations, if they are in workgroup memory, are not taken in slices.
    let first = network.layers[0].inputs * (2 + Block::of(team, network.layers[0].columns()).rounds(team, network.layers[0].columns()));
    network.layers.iter().map(of).sum::<usize>() + first
}
