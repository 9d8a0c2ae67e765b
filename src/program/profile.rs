//! Profiles: how kernels are written for a kind of device.

/// How kernels are compiled for a kind of device. Results are bit-identical within a profile, not across profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Name, as `--profile` takes it.
    pub name: &'static str,
    /// Largest dense product (inputs × outputs) that is written out as straight-line code; larger ones are loops.
    pub straight_line_limit: usize,
    /// Lanes of a workgroup of the kernels with networks in them, unless their lanes are units.
    pub lanes: u32,
    /// Lanes of the device's subgroups where a lane shall be units of the networks, if they fit, and a workgroup a subgroup (see
    /// [`crate::program::lanes`]); 0 where a lane is a sample throughout.
    pub subgroup: u32,
    /// Bytes of workgroup memory that the dense kernels stage weights and activations in.
    pub scratch_bytes: u32,
    /// Environment steps that one rollout dispatch makes at most, where lanes are samples.
    pub steps_per_dispatch: u32,
    /// Rows of partial gradients that are kept for each agent, but for huge minibatches. Fewer take more passes, each of which is a dispatch.
    pub gradient_rows: u32,
    /// Tiles of a row that a pass adds at most where lanes are units; elsewhere one.
    pub tiles_per_pass: u32,
    /// Tiles that a dispatch of `learn` goes through at most, where lanes are units and a minibatch is one row of tiles; 0 for none to be used.
    pub tiles_learned: u32,
}

/// The profiles, by name.
pub const PROFILES: &[Profile] = &[
    // A software driver runs a subgroup as one vector of the processor and reads a shared address once only outside all control flow.
    Profile {
        name: "software",
        straight_line_limit: 128 * 128,
        lanes: 64,
        subgroup: 8,
        scratch_bytes: 32_768,
        steps_per_dispatch: 1,
        gradient_rows: 64,
        tiles_per_pass: 128,
        tiles_learned: 1024,
    },
    // A GPU has an instruction cache to fit in and pays for every dispatch.
    Profile {
        name: "gpu",
        straight_line_limit: 0,
        lanes: 64,
        subgroup: 0,
        scratch_bytes: 32_768,
        steps_per_dispatch: 32,
        gradient_rows: 512,
        tiles_per_pass: 1,
        tiles_learned: 0,
    },
    // The limits that every WebGPU device has.
    Profile {
        name: "small",
        straight_line_limit: 0,
        lanes: 64,
        subgroup: 0,
        scratch_bytes: 16_384,
        steps_per_dispatch: 32,
        gradient_rows: 512,
        tiles_per_pass: 1,
        tiles_learned: 0,
    },
];

impl Profile {
    /// The profile called `name`.
    pub fn named(name: &str) -> Option<Profile> {
        PROFILES.iter().copied().find(|profile| profile.name == name)
    }
}
