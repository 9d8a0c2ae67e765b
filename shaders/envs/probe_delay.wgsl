// Probe/Delay: the first action is paid for many steps later.
// Actions: at the first step 1 promises a reward of 1 and 0 one of -1; later actions have no effect. The reward comes `delay` steps after the first,
// and ends the episode. Observation: the elapsed part of the delay, and whether the agent waits (1) or is to choose (0). What it chose is not observed.
//
// Isolates credit over time. Always choosing 1 is best, and then V*(k steps after the first) = discount^(delay - k); for a discount of 0.99 and a delay of 8,
// V* = 0.9227 at the start and 1 before the last step. Since no later observation tells what was chosen, one-step differences (GAE with lambda = 0) say
// nothing about the first action: what it is credited with is discounted by (discount * lambda)^delay. With lambda = 0 the policy must not learn.

//! import rng

const OBSERVATION: u32 = 2u;
const ACTIONS: u32 = 2u;
const TIME_LIMIT: u32 = 64u;  // longer than `delay`
const SOLVED_RETURN: f32 = 0.95;

struct EnvParameters {
    delay: u32,  // steps between the choice and its reward, less than the time limit; 0: both in one step
}

const DEFAULT_PARAMETERS = EnvParameters(8u);

struct EnvState {
    elapsed: f32,  // steps since the episode began
    promise: f32,  // the reward to come, -1 or 1; 0 before the choice
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    return EnvState(0.0, 0.0);
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    if ((*state).elapsed == 0.0) {
        (*state).promise = select(-1.0, 1.0, action == 1u);
    }
    let due = (*state).elapsed >= f32(parameters.delay);
    (*state).elapsed += 1.0;
    return Outcome(select(0.0, (*state).promise, due), due);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    return array<f32, OBSERVATION>(state.elapsed / f32(max(parameters.delay, 1u)), select(0.0, 1.0, state.elapsed > 0.0));
}

// A bar that fills with time, in the promise's colour.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let elapsed = state.elapsed / f32(max(parameters.delay, 1u));
    let colour = select(vec3(0.80, 0.25, 0.20), vec3(0.20, 0.45, 0.75), state.promise > 0.0);
    let bar = all(abs(uv - 0.5) < vec2(0.4, 0.1));
    return select(vec3(0.96, 0.96, 0.95), select(vec3(0.85, 0.86, 0.88), colour, (uv.x - 0.1) / 0.8 < elapsed), bar);
}
