//! Whether a plan fits a device, and what to lower if it does not.

use crate::program::blocks;
use crate::program::buffers::BUFFERS;
use crate::program::lanes::{LOOP_BODY_LIMIT, Mapping, WIDEST_UNROLLED, tile_rounds, vectors, weight_gradient_shape};
use crate::program::plan::Plan;
use crate::spec::network::Layer;
use crate::support::error::{Error, Result};
use crate::support::text::mebibytes;

/// The device limits that plans depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest buffer that a kernel can bind, in bytes.
    pub buffer_bytes: u64,
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u32,
    /// Storage buffers that a kernel can bind.
    pub storage_buffers: u32,
}

/// Storage buffers that `rollout` binds, if it is not split, where the environment has data: one more than WebGPU promises.
const DATA_BUFFERS: u32 = 9;

impl Plan {
    /// Checks the plan against an adapter's limits. The suggested alternative also fits into `memory` bytes, if that is known.
    ///
    /// # Errors
    /// [`Error::Limit`] naming the buffer and the key to lower.
    pub fn check_limits(&self, limits: &Limits, memory: Option<u64>, adapter: &str) -> Result<()> {
        let largest = limits.buffer_bytes;
        let too_large = |plan: &Plan| BUFFERS.iter().find(|buffer| buffer.bytes(plan) > largest);
        if let Some(buffer) = too_large(self) {
            let smaller = || self.smaller(|plan| too_large(plan).is_none() && memory.is_none_or(|bytes| plan.device_bytes() <= bytes));
            return Err(Error::Limit {
                what: format!("a buffer `{}`", buffer.name),
                needed: mebibytes(buffer.bytes(self)),
                allowed: mebibytes(largest),
                adapter: adapter.into(),
                help: if buffer.name == "env_data" { "use fewer or smaller arrays in the files that the environment names".into() } else { smaller() },
            });
        }
        let (scratch, allowed) = (self.profile.scratch_bytes, limits.workgroup_bytes);
        if scratch > allowed {
            return Err(Error::Limit {
                what: format!("workgroup memory for profile '{}'", self.profile.name),
                needed: format!("{scratch} bytes"),
                allowed: format!("{allowed} bytes"),
                adapter: adapter.into(),
                help: "use --profile small".into(),
            });
        }
        // The parts of a split rollout bind fewer.
        if !self.environment.data.arrays.is_empty() && !self.splits_rollout && limits.storage_buffers < DATA_BUFFERS {
            return Err(Error::Limit {
                what: "an environment with data".into(),
                needed: format!("{DATA_BUFFERS} storage buffers in a kernel"),
                allowed: limits.storage_buffers.to_string(),
                adapter: adapter.into(),
                help: "use another device or backend, or write small arrays as constants into a file that the environment imports".into(),
            });
        }
        Ok(())
    }

    /// Checks the plan against the free memory, in bytes. Software drivers promise more than there is.
    ///
    /// # Errors
    /// [`Error::Limit`] with what to lower.
    pub fn check_memory(&self, available: u64, adapter: &str) -> Result<()> {
        let needed = self.device_bytes();
        if needed <= available {
            return Ok(());
        }
        Err(Error::Limit {
            what: "memory".into(),
            needed: mebibytes(needed),
            allowed: format!("{}, the free memory", mebibytes(available)),
            adapter: adapter.into(),
            help: self.smaller(|plan| plan.device_bytes() <= available),
        })
    }

    /// Checks the plan against a limit of Mesa's software driver, which silently ends every loop of an invocation after 65,535 rounds of all of them
    /// together (`LP_MAX_TGSI_LOOP_ITERATIONS`): results would be wrong.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key.
    pub fn check_software_loops(&self) -> Result<()> {
        // A tenth is reserved for loops that the estimate omits.
        let (rounds, most) = (loop_rounds(self), 59_000);
        if rounds > most {
            let problem = format!("{:?} makes loops of {rounds} rounds, and the software driver ends them after 65,535", self.config.hidden);
            return Err(Error::config("hidden", problem, "use fewer or narrower layers, 128,128 for instance; a GPU has no such limit"));
        }
        if self.mapping == Mapping::Samples && self.network.layers.iter().any(|layer| layer.outputs > WIDEST_UNROLLED) {
            let problem = format!("{:?} makes kernels that the software driver compiles for many minutes", self.config.hidden);
            return Err(Error::config("hidden", problem, "use fewer or narrower layers, 1024 for instance; a GPU has no such limit"));
        }
        // `minibatch_moments`: of a lane's share, each sample takes at most about 30 rounds of the permutation's loops.
        let most = 1 << 19;
        if self.minibatch > most {
            let problem = format!("minibatches of {} samples need longer loops than the software driver can run", self.minibatch);
            let enough = (self.batch.div_ceil(most)..=self.batch).find(|&count| self.batch.is_multiple_of(count)).unwrap_or(self.batch);
            return Err(Error::config("minibatches", problem, format!("nearest that works: {enough}; a GPU has no such limit")));
        }
        Ok(())
    }
}

/// An upper bound on the loop rounds of an invocation of `gradient`, the kernel with the most.
fn loop_rounds(plan: &Plan) -> usize {
    match plan.mapping {
        Mapping::Units => return rounds_of_units(plan),
        Mapping::Blocks => {
            let rounds = if plan.tape.activations { blocks::taped_tile_rounds } else { blocks::tile_rounds };
            return plan.tiles_per_pass * (tile_rounds(plan.environment.observation) + rounds(plan.team(), &plan.network));
        }
        Mapping::Samples => (),
    }
    let lanes = plan.profile.lanes as usize;
    let long = |columns: usize| if columns <= LOOP_BODY_LIMIT { 0 } else { columns };
    let of_layer = |layer: &Layer| {
        let (m, inputs, columns) = (layer.inputs, vectors(layer.inputs), vectors(layer.outputs));
        let staged = 2 * layer.rows() * columns / lanes + 2;
        if m * layer.outputs <= plan.profile.straight_line_limit {
            return staged;
        }
        let (own, other, samples) = weight_gradient_shape(&plan.profile, layer);
        let forward = inputs * (1 + 4 * long(columns)) + 2 * long(columns);
        let backward = m * (1 + columns) + long(inputs);
        let chunk = 2 * samples + vectors(samples) * (1 + 4 * long(other)) + long(inputs) + long(columns);
        staged + forward + backward + (own * 4).div_ceil(lanes) * (lanes / samples) * chunk
    };
    // In addition: the permutation, the sum over the tile, the observation.
    plan.network.layers.iter().map(of_layer).sum::<usize>() + lanes + plan.environment.observation + 1000
}

/// [`loop_rounds`] of `gradient` or `learn` when lanes are units.
fn rounds_of_units(plan: &Plan) -> usize {
    // Sums are loaded and stored; weights are fetched.
    let exchanged = |layer: &Layer| 3 * (layer.inputs + vectors(layer.outputs) + 1);
    let exchanged = plan.network.layers.iter().map(exchanged).sum::<usize>();
    // `learn` exchanges three buffers, and transposes weights after each step.
    (3 + plan.learn_steps) * exchanged + plan.learn_steps.max(1) * plan.tiles_per_pass * tile_rounds(plan.environment.observation)
}
