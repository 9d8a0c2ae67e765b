//! import observation

// Notes where the observation of the lane's sample begins in `observations`.
fn network_fetch(base: u32, lane: u32) {
    observed_at[lane] = base;
}
