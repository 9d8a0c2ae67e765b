// Probe/TimeLimit: a task that never ends by itself pays 1 for every step, but is cut off after 5.
// Actions: 0 and 1, without effect. Observation: always 1.
//
// Isolates truncation: a cut is no end, so the value of what would have followed belongs to the last step. V* = 1 / (1 - discount), 10 for a discount of 0.9,
// whatever the limit. Where the cut is mistaken for an end, no return exceeds 5 and V stays below that.

//! import rng

const OBSERVATION: u32 = 1u;
const ACTIONS: u32 = 2u;
const TIME_LIMIT: u32 = 5u;

struct EnvState {
    steps: f32,  // since the episode began; not observed
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    return EnvState(0.0);
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    (*state).steps += 1.0;
    return Outcome(1.0, false);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    return array<f32, OBSERVATION>(1.0);
}

// As many of five fields as steps were made.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let place = vec2(uv.x * 5.0, uv.y * 5.0 - 2.0);
    let inside = all(abs(place - floor(vec2(place.x, 0.0)) - 0.5) < vec2(0.4));
    return select(vec3(0.96, 0.96, 0.95), select(vec3(0.85, 0.86, 0.88), vec3(0.20, 0.45, 0.75), floor(place.x) < state.steps), inside);
}
