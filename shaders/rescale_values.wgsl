// Merges the rollout's value targets into the running moments that values are normalised by from the next rollout on, and rescales the critic's last layer so
// that no value changes with them (PopArt: van Hasselt et al. 2016, proposition 1; Hessel et al. 2019). For V = mean + deviation * output and the output w h + b:
//   w' = w deviation / deviation';  b' = (b deviation + mean - mean') / deviation'.
// Adam's moments stay: they follow gradients of the new size within a few steps.
// Nothing changes once the agent has stopped or has a fault. Moments that would overflow are a fault of the returns.
// One workgroup: one agent. Reads agents, env_statistics. Writes value_normalizers, params, faults. Twin: src/reference/rescale_values.rs.

//! import grid
//! import agent
//! import rng
//! import moments_of
//! import reduce_moments
//! import env_statistics
//! import fault
//! import merged_normalizer

@group(0) @binding(0) var<storage, read> agents: array<Agent>;                            // [s]
@group(0) @binding(1) var<storage, read> env_statistics: array<EnvStatistics>;            // [s][n]
@group(0) @binding(2) var<storage, read_write> value_normalizers: array<Normalizer>;      // [s]
@group(0) @binding(3) var<storage, read_write> params: array<f32>;                        // [s][P]
@group(0) @binding(4) var<storage, read_write> faults: array<atomic<u32>>;                // [s]

const HEAD_ROWS: u32 = (BLOCK - HEAD_FIRST) / (4u * HEAD);  // the bias, then a row for each unit of the last hidden layer

@compute @workgroup_size(LANES)
fn rescale_values(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let s = place_of(workgroup).s;
    // A fault found here does not affect other lanes: its code is above this.
    let learns = agents[s].stopped == 0u && atomicLoad(&faults[s]) > FAULT_PARAMETER;
    var targets_of_lane = MomentsOf(0.0, 0.0, 0.0);
    for (var n = lane; n < ENVS; n += LANES) {
        let statistics = env_statistics[s * ENVS + n];
        targets_of_lane = moments_merge(targets_of_lane, MomentsOf(f32(STEPS), statistics.target_mean, statistics.target_m2));
    }
    let targets = reduce_moments(targets_of_lane, lane);
    let old = value_normalizers[s];
    // All lanes read before one writes.
    storageBarrier();
    let rise = (targets.mean - old.mean.value) - old.mean.error;
    let after = merged(old, targets.count, rise, targets.m2 / targets.count);
    if (!learns) {
        return;
    }
    if (!is_finite(after.mean.value) || !is_finite(after.variance.value)) {
        atomicMin(&faults[s], FAULT_RETURN_MOMENTS);
        return;
    }
    if (lane == 0u) {
        value_normalizers[s] = after;
    }
    let ratio = after.scale / old.scale;
    let shift = (old.mean.value - after.mean.value) * after.scale;
    for (var row = lane; row < HEAD_ROWS; row += LANES) {
        let p = s * PARAMETERS + BLOCK + HEAD_FIRST + row * 4u * HEAD;
        let param = params[p] * ratio + select(0.0, shift, row == 0u);
        if (is_finite(param)) {
            params[p] = param;
        } else {
            atomicMin(&faults[s], FAULT_RETURN_MOMENTS);
        }
    }
}
