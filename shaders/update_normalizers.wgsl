// Merges the rollout's observations and discounted returns into the running moments that the next rollout is normalised by (Chan, Golub and LeVeque 1979):
//   n = n_a + n_b;  d = mean_b - mean_a;  mean = mean_a + d n_b / n;  M2 = M2_a + M2_b + d^2 n_a n_b / n;  variance = M2 / n.
// Nothing changes once the agent has stopped.
// One workgroup: one agent. Reads agents, observation_parts, env_statistics. Writes normalizers. Twin: src/reference/update_normalizers.rs.

//! import grid
//! import agent
//! import rng
//! import moments_of
//! import reduce_moments
//! import env_statistics
//! import normalizer

@group(0) @binding(0) var<storage, read> agents: array<Agent>;                       // [s]
@group(0) @binding(1) var<storage, read> observation_parts: array<vec2<f32>>;        // [s][part][O]
@group(0) @binding(2) var<storage, read> env_statistics: array<EnvStatistics>;       // [s][n]
@group(0) @binding(3) var<storage, read_write> normalizers: array<Normalizer>;       // [s][O+1]

@compute @workgroup_size(LANES)
fn update_normalizers(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let s = place_of(workgroup).s;
    let base = s * (OBSERVATION + 1u);
    let learns = agents[s].stopped == 0u;

    if (NORMALIZE_OBSERVATIONS) {
        for (var k = lane; k < OBSERVATION; k += LANES) {
            var all = MomentsOf(0.0, 0.0, 0.0);
            for (var part_ = 0u; part_ < OBSERVATION_PARTS; part_++) {
                let count = f32(min(OBSERVATION_PART, BATCH - part_ * OBSERVATION_PART));
                let moments = observation_parts[(s * OBSERVATION_PARTS + part_) * OBSERVATION + k];
                all = moments_merge(all, MomentsOf(count, moments.x, moments.y));
            }
            let old = normalizers[base + k];
            let raw = MomentsOf(all.count, old.mean + all.mean / old.scale, all.m2 / (old.scale * old.scale));
            if (learns) {
                normalizers[base + k] = merged(old, raw);
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
            normalizers[base + OBSERVATION] = merged(normalizers[base + OBSERVATION], returns);
        }
    }
}

fn merged(old: Normalizer, added: MomentsOf) -> Normalizer {
    let all = moments_merge(MomentsOf(old.count, old.mean, old.variance * old.count), added);
    let variance = all.m2 / all.count;
    return Normalizer(all.count, all.mean, variance, 1.0 / sqrt(variance + NORMALIZER_EPSILON));
}
