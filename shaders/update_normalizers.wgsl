// Merges the rollout's observations and discounted returns into the running moments that normalise the next rollout (shaders/shared/merged_normalizer.wgsl).
// Nothing changes once the agent has stopped or has a fault. Moments that would overflow are a fault of the observation or the return.
// One workgroup: one agent. Reads agents, observation_parts, env_statistics. Writes normalizers, faults. Twin: src/reference/update_normalizers.rs.

//! import grid
//! import agent
//! import rng
//! import moments_of
//! import reduce_moments
//! import env_statistics
//! import fault
//! import merged_normalizer

@group(0) @binding(0) var<storage, read> agents: array<Agent>;                       // [s]
@group(0) @binding(1) var<storage, read> observation_parts: array<vec2<f32>>;        // [s][part][O]
@group(0) @binding(2) var<storage, read> env_statistics: array<EnvStatistics>;       // [s][n]
@group(0) @binding(3) var<storage, read_write> normalizers: array<Normalizer>;       // [s][O+1]
@group(0) @binding(4) var<storage, read_write> faults: array<atomic<u32>>;           // [s]

@compute @workgroup_size(LANES)
fn update_normalizers(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let s = place_of(workgroup).s;
    let base = s * (OBSERVATION + 1u);
    // A fault found here must not affect other lanes: whether they see it would be a race.
    let learns = agents[s].stopped == 0u && atomicLoad(&faults[s]) > FAULT_PARAMETER;

    if (NORMALIZE_OBSERVATIONS) {
        for (var k = lane; k < OBSERVATION; k += LANES) {
            var all = MomentsOf(0.0, 0.0, 0.0);
            for (var part_ = 0u; part_ < OBSERVATION_PARTS; part_++) {
                let count = f32(min(OBSERVATION_PART, BATCH - part_ * OBSERVATION_PART));
                let moments = observation_parts[(s * OBSERVATION_PARTS + part_) * OBSERVATION + k];
                all = moments_merge(all, MomentsOf(count, moments.x, moments.y));
            }
            let old = normalizers[base + k];
            // Observations are stored as (o - mean) * scale.
            let rise = all.mean / old.scale - old.mean.error;
            let after = merged(old, all.count, rise, all.m2 / all.count / (old.scale * old.scale));
            if (learns) {
                store(base + k, after, s, FAULT_OBSERVATION_MOMENTS);
            }
        }
    }

    if (NORMALIZE_REWARDS) {
        var returns_of_lane = MomentsOf(0.0, 0.0, 0.0);
        for (var n = lane; n < ENVS; n += LANES) {
            let statistics = env_statistics[s * ENVS + n];
            returns_of_lane = moments_merge(returns_of_lane, MomentsOf(f32(STEPS), statistics.return_mean, statistics.return_m2));
        }
        let returns = reduce_moments(returns_of_lane, lane);
        if (lane == 0u && learns) {
            let old = normalizers[base + OBSERVATION];
            let rise = (returns.mean - old.mean.value) - old.mean.error;
            let after = merged(old, returns.count, rise, returns.m2 / returns.count);
            store(base + OBSERVATION, after, s, FAULT_RETURN_MOMENTS);
        }
    }
}

fn store(i: u32, normalizer: Normalizer, s: u32, fault: u32) {
    if (is_finite(normalizer.mean.value) && is_finite(normalizer.variance.value)) {
        normalizers[i] = normalizer;
    } else {
        atomicMin(&faults[s], fault);
    }
}
