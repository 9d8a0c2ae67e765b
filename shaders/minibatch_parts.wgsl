// Mean and squared deviations of parts of the advantages of every minibatch of every epoch of the update: of MOMENT_PART consecutive samples of the
// permutation. `minibatch_moments` merges them. Only where minibatches are large.
// One workgroup: one part. Reads agents, samples. Writes moment_parts. Twin: src/reference/minibatch_parts.rs.

//! import grid
//! import agent
//! import rng
//! import moments_of_advantages
//! import reduce_moments

@group(0) @binding(0) var<storage, read> agents: array<Agent>;                      // [s]
@group(0) @binding(1) var<storage, read> samples: array<Sample>;                    // [s][t][n]
@group(0) @binding(2) var<storage, read_write> moment_parts: array<vec2<f32>>;      // [s][e][k][part]

@compute @workgroup_size(LANES)
fn minibatch_parts(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let gradient_step = place.group / MOMENT_PARTS;
    let part_ = place.group % MOMENT_PARTS;
    let end = min((part_ + 1u) * MOMENT_PART, MINIBATCH);
    let all = reduce_moments(moments_of_advantages(s, gradient_step, part_ * MOMENT_PART, end, lane), lane);
    if (lane == 0u) {
        moment_parts[s * EPOCHS * MINIBATCHES * MOMENT_PARTS + place.group] = vec2(all.mean, all.m2);
    }
}
