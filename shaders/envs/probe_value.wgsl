// Probe/Value: one step that pays what was observed, whatever is done.
// Actions: 0 and 1, without effect. Observation: -1 or 1, each half of the time.
//
// Isolates the value function: V*(o) = o for any discount and any policy. The best constant is 0 (explained variance 0); a fitted one explains all of it.

//! import rng

const OBSERVATION: u32 = 1u;
const ACTIONS: u32 = 2u;
const TIME_LIMIT: u32 = 1u;

struct EnvState {
    pay: f32,  // reward of the step, -1 or 1
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    return EnvState(select(-1.0, 1.0, rng_below(rng, 2u) == 1u));
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    return Outcome((*state).pay, true);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    return array<f32, OBSERVATION>(state.pay);
}

// A disc: blue pays, red costs.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let colour = select(vec3(0.80, 0.25, 0.20), vec3(0.20, 0.45, 0.75), state.pay > 0.0);
    return select(vec3(0.96, 0.96, 0.95), colour, distance(uv, vec2(0.5)) < 0.35);
}
