// Probe/Memory: a signal that is shown once, and asked for a step later.
// Actions: 0 names the signal -1, 1 the signal 1. Observation: at the first step the signal, at the second 0. Twin: src/reference/environments/probes.rs.
//
// Isolates the history of observations. The first action has no effect; the second one ends the episode, and pays 1 if it names the signal and -1 if not. With
// observation_history = 2, the signal is still there at the second step: always naming it is best, and then V* is the discount at the first step and 1 at the
// second. Without a history nothing better is possible than to guess, and V = 0.

//! import rng

const OBSERVATION: u32 = 1u;
const ACTIONS: u32 = 2u;
const TIME_LIMIT: u32 = 8u;  // longer than an episode
const SOLVED_RETURN: f32 = 0.95;

struct EnvState {
    signal: f32,  // -1 or 1
    asked: f32,   // 0 while the signal is shown, then 1
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    return EnvState(select(-1.0, 1.0, rng_below(rng, 2u) == 1u), 0.0);
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    let asked = (*state).asked == 1.0;
    let pay = select(-(*state).signal, (*state).signal, action == 1u);
    (*state).asked = 1.0;
    return Outcome(select(0.0, pay, asked), asked);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    return array<f32, OBSERVATION>(select(state.signal, 0.0, state.asked == 1.0));
}

// A disc in the signal's colour, grey once it is asked for.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let signal = select(vec3(0.80, 0.25, 0.20), vec3(0.20, 0.45, 0.75), state.signal > 0.0);
    let colour = select(signal, vec3(0.85, 0.86, 0.88), state.asked == 1.0);
    return select(vec3(0.96, 0.96, 0.95), colour, distance(uv, vec2(0.5)) < 0.4);
}
