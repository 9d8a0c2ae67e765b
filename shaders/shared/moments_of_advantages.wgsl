// Moments of the advantages of a minibatch, for kernels with a workgroup of LANES lanes.

//! import minibatch
//! import sample
//! import moments_of

// The lane's share of samples `first` to `end` - 1 of a minibatch of agent `s`.
fn moments_of_advantages(s: u32, gradient_step: u32, first: u32, end: u32, lane: u32) -> MomentsOf {
    let minibatch_ = minibatch(agents[s], gradient_step);
    var moments = MomentsOf(0.0, 0.0, 0.0);
    for (var i = first + lane; i < end; i += LANES) {
        moments = moments_push(moments, samples[s * BATCH + minibatch_sample(minibatch_, i)].advantage);
    }
    return moments;
}
