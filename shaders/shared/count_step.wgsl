// The end of an environment's step.

//! import env_lane
//! import lane_fault
//! import outcome
//! import transition

// Counts a step of a running episode. The bits of `Transition.ending`: 0 if the episode goes on.
fn count_step(episode: ptr<function, Episode>, outcome: Outcome) -> u32 {
    (*episode).sum = running_sum_plus((*episode).sum, outcome.reward);
    (*episode).steps += 1u;
    // Finite rewards may still add up to a return that is not finite.
    note_fault(select(NO_FAULT, FAULT_REWARD, !is_finite(outcome.reward) || !is_finite((*episode).sum.value)));
    let truncated = !outcome.terminated && (*episode).steps >= EPISODE_LIMIT;
    return select(0u, TERMINATED, outcome.terminated) | select(0u, TRUNCATED, truncated);
}
