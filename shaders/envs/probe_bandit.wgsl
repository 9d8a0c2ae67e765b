// Probe/Bandit: four arms that pay different means, one pull an episode.
// Actions: the arm, 0 to 3. Observation: always 1.
//
// Isolates the policy: nothing to tell apart, nothing to predict. The best arm is 2 and V* = mean_2 = 0.9, for any discount. With an entropy bonus c and
// advantages as they are (not normalised), the optimum is pi(arm) proportional to exp(mean / c), and V = sum of pi(arm) * mean.
// A policy that is uniform has V = 0.425.

//! import rng

const OBSERVATION: u32 = 1u;
const ACTIONS: u32 = 4u;
const TIME_LIMIT: u32 = 1u;

struct EnvParameters {
    mean_0: f32,  // mean reward of arm 0
    mean_1: f32,  // of arm 1
    mean_2: f32,  // of arm 2
    mean_3: f32,  // of arm 3
    noise: f32,   // standard deviation of every arm's reward
}

const DEFAULT_PARAMETERS = EnvParameters(0.1, 0.2, 0.9, 0.5, 0.5);

struct EnvState {
    pulls: f32,  // 0 before the arm is pulled, 1 after
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    return EnvState(0.0);
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    var means = array(parameters.mean_0, parameters.mean_1, parameters.mean_2, parameters.mean_3);
    (*state).pulls += 1.0;
    return Outcome(means[action] + parameters.noise * rng_normal(rng), true);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    return array<f32, OBSERVATION>(1.0);
}

// A bar for each arm, from the middle up (its mean is positive) or down.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var means = array(parameters.mean_0, parameters.mean_1, parameters.mean_2, parameters.mean_3);
    let arm = min(u32(uv.x * 4.0), 3u);
    let height = (0.5 - uv.y) * 2.2;
    let inside = height * means[arm] >= 0.0 && abs(height) <= abs(means[arm]) && abs(fract(uv.x * 4.0) - 0.5) < 0.35;
    return select(vec3(0.96, 0.96, 0.95), vec3(0.20, 0.45, 0.75), inside);
}
