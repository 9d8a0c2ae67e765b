// The results of a step, without observation and action.

struct Transition {
    log_prob: f32,        // log-probability of the sampled action
    reward: f32,
    ending: u32,          // bit 0: terminated; bit 1: truncated
    episode_return: f32,  // sum of the episode's rewards so far
    episode_length: u32,  // steps of the episode so far
}

const TERMINATED: u32 = 1u;
const TRUNCATED: u32 = 2u;
const ENDED: u32 = 3u;
