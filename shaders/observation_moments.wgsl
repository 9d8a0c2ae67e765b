// Mean and squared deviations of each component of the rollout's observations, in parts of OBSERVATION_PART consecutive samples.
// Observations are stored normalised but not clipped. These are the moments of the stored values; `update_normalizers` maps them back.
// One workgroup: one part. Reads observations. Writes observation_parts. Twin: src/reference/observation_moments.rs.

//! import grid
//! import moments_of
//! import reduce_moments

@group(0) @binding(0) var<storage, read> observations: array<f32>;                     // [s][T+1+F][n][O]
@group(0) @binding(1) var<storage, read_write> observation_parts: array<vec2<f32>>;    // [s][part][O]

@compute @workgroup_size(LANES)
fn observation_moments(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let first = place.group * OBSERVATION_PART;
    let end = min(first + OBSERVATION_PART, BATCH);
    for (var k = 0u; k < OBSERVATION; k++) {
        var mine = MomentsOf(0.0, 0.0, 0.0);
        for (var b = first + lane; b < end; b += LANES) {
            mine = moments_push(mine, observations[(place.s * VALUE_ROWS * ENVS + b) * OBSERVATION_WORDS + k]);
        }
        let all = reduce_moments(mine, lane);
        if (lane == 0u) {
            observation_parts[(place.s * OBSERVATION_PARTS + place.group) * OBSERVATION + k] = vec2(all.mean, all.m2);
        }
    }
}
