//! Profiles: how kernels are generated for a kind of device.

/// How kernels are generated for a kind of device. Results are bit-identical within a profile, not across profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Name, as `--profile` takes it.
    pub name: &'static str,
    /// Largest dense product (inputs × outputs) that becomes straight-line code; larger ones are loops.
    pub straight_line_limit: usize,
    /// Lanes of a workgroup in the kernels that evaluate networks, when lanes map to samples.
    pub lanes: u32,
    /// Subgroup size when lanes map to network units, if the networks fit (one subgroup per workgroup, see [`crate::program::lanes`]); 0 when lanes map to
    /// samples.
    pub subgroup: u32,
    /// Whether lanes share a tile in blocks, if the networks fit (see [`crate::program::blocks`]) and have neither units for lanes nor straight-line code.
    pub blocks: bool,
    /// Whether the loops of blocks have counts that compilers do not know, if the device needs that (`src/device/gpu.rs`). Mesa's compilers for
    /// GPUs otherwise unroll them, fetch everything at once and spill.
    pub keeps_loops: bool,
    /// Bytes of workgroup memory in which the dense kernels stage weights and activations.
    pub scratch_bytes: u32,
    /// The same, if the layers of wide networks are taped (see [`crate::program::tape`]): more, where the device has it, since their tiles are small.
    pub wide_bytes: u32,
    /// Fewest lanes of a workgroup that shares tiles of wide networks.
    pub wide_lanes: u32,
    /// Whether the tape holds the activations of wide networks, instead of workgroup memory. It does, too, if subgroups are vectors of the processor.
    pub tapes_activations: bool,
    /// Most environment steps of one rollout dispatch, when lanes map to samples.
    pub steps_per_dispatch: u32,
    /// Rows of partial gradients for each agent; huge minibatches get more. Fewer rows need more passes, each of which is a dispatch.
    pub gradient_rows: u32,
    /// Most tiles of a row that a pass adds when lanes map to units or share tiles; one when they map to samples.
    pub tiles_per_pass: u32,
    /// Most tiles of a dispatch of `learn`, when lanes map to units and a minibatch is one row of tiles; 0 if `learn` is not used.
    pub tiles_learned: u32,
}

/// The profiles, by name.
pub const PROFILES: &[Profile] = &[
    // A software driver runs a subgroup as one vector of the processor. It merges reads of a shared address only outside all control flow.
    Profile {
        name: "software",
        straight_line_limit: 128 * 128,
        lanes: 64,
        subgroup: 8,
        blocks: true,
        keeps_loops: false,
        scratch_bytes: 32_768,
        wide_bytes: 32_768,
        wide_lanes: 64,
        tapes_activations: false,
        steps_per_dispatch: 1,
        gradient_rows: 64,
        tiles_per_pass: 128,
        tiles_learned: 1024,
    },
    // On a GPU, code must fit the instruction cache, and every dispatch costs time.
    Profile {
        name: "gpu",
        straight_line_limit: 0,
        lanes: 64,
        subgroup: 0,
        blocks: true,
        keeps_loops: true,
        scratch_bytes: 32_768,
        wide_bytes: 32_768,
        wide_lanes: 256,
        tapes_activations: true,
        steps_per_dispatch: 128,
        gradient_rows: 128,
        tiles_per_pass: 128,
        tiles_learned: 0,
    },
    // The limits that every WebGPU device has.
    Profile {
        name: "small",
        straight_line_limit: 0,
        lanes: 64,
        subgroup: 0,
        blocks: true,
        keeps_loops: true,
        scratch_bytes: 16_384,
        wide_bytes: 16_384,
        wide_lanes: 256,
        tapes_activations: true,
        steps_per_dispatch: 128,
        gradient_rows: 128,
        tiles_per_pass: 128,
        tiles_learned: 0,
    },
];

impl Profile {
    /// Whether lanes that share a tile broadcast what they load, because a subgroup is a vector of the processor. Every workgroup has at least 32 lanes.
    pub(crate) fn broadcasts(&self) -> bool {
        (1..=32).contains(&self.subgroup)
    }

    /// The profile called `name`.
    pub fn named(name: &str) -> Option<Profile> {
        PROFILES.iter().copied().find(|profile| profile.name == name)
    }
}
