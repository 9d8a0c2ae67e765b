// Mean and population standard deviation of the advantages of every minibatch of every epoch of the update.
// One workgroup: one minibatch; M / LANES values for each lane. Reads agents, samples. Writes moments. Twin: src/reference/minibatch_moments.rs.

//! import grid
//! import agent
//! import rng
//! import permute
//! import sample
//! import moments_of
//! import reduce_moments

@group(0) @binding(0) var<storage, read> agents: array<Agent>;                 // [s]
@group(0) @binding(1) var<storage, read> samples: array<Sample>;               // [s][t][n]
@group(0) @binding(2) var<storage, read_write> moments: array<vec2<f32>>;      // [s][e][k]

@compute @workgroup_size(LANES)
fn minibatch_moments(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let gradient_step = place.group;
    let first = (gradient_step % MINIBATCHES) * MINIBATCH;
    let key = permutation_key(agents[s], gradient_step / MINIBATCHES);
    var mine = MomentsOf(0.0, 0.0, 0.0);
    for (var i = lane; i < MINIBATCH; i += LANES) {
        mine = moments_push(mine, samples[s * BATCH + permute(first + i, key)].advantage);
    }
    let all = reduce_moments(mine, lane);
    if (lane == 0u && gradient_step < EPOCHS * MINIBATCHES) {
        moments[s * EPOCHS * MINIBATCHES + gradient_step] = vec2(all.mean, sqrt(all.m2 / all.count));
    }
}
