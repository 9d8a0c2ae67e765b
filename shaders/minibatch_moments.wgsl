// Mean and population standard deviation of the advantages of every minibatch of every epoch of the update.
// Those of large minibatches are merged from MOMENT_PARTS parts (shaders/minibatch_parts.wgsl).
// One workgroup: one minibatch; M / LANES values, or a part, for each lane. Reads agents, samples, moment_parts. Writes moments.
// Twin: src/reference/minibatch_moments.rs.

//! import grid
//! import agent
//! import rng
//! import moments_of_advantages
//! import reduce_moments

@group(0) @binding(0) var<storage, read> agents: array<Agent>;                 // [s]
@group(0) @binding(1) var<storage, read> samples: array<Sample>;               // [s][t][n]
@group(0) @binding(2) var<storage, read> moment_parts: array<vec2<f32>>;       // [s][e][k][part]
@group(0) @binding(3) var<storage, read_write> moments: array<vec2<f32>>;      // [s][e][k]

@compute @workgroup_size(LANES)
fn minibatch_moments(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let gradient_step = place.group;
    var mine = MomentsOf(0.0, 0.0, 0.0);
    if (MOMENT_PARTS > 1u) {
        for (var i = lane; i < MOMENT_PARTS; i += LANES) {
            let moments_of_part = moment_parts[(s * EPOCHS * MINIBATCHES + gradient_step) * MOMENT_PARTS + i];
            let count = f32(min(MOMENT_PART, MINIBATCH - i * MOMENT_PART));
            mine = moments_merge(mine, MomentsOf(count, moments_of_part.x, moments_of_part.y));
        }
    } else {
        mine = moments_of_advantages(s, gradient_step, 0u, MINIBATCH, lane);
    }
    let all = reduce_moments(mine, lane);
    if (lane == 0u && gradient_step < EPOCHS * MINIBATCHES) {
        moments[s * EPOCHS * MINIBATCHES + gradient_step] = vec2(all.mean, sqrt(all.m2 / all.count));
    }
}
