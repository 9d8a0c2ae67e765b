// Probe/Privileged: a bet on a coin that only the value network sees.
// Actions: 0 bets on tails, 1 on heads. Observation: always 1; privileged is the coin, 1 for heads or -1. Twin: src/reference/environments/probes.rs.
//
// Isolates privileged components of an observation. Heads come up with probability 3/4, and a bet pays 1 if it is right and -1 if not. A policy that does not
// see the coin does best to bet on heads: then V*(o) is the coin for any discount, with a mean of 1/2. One that sees it is always right, and has V = 1.

//! import rng

const OBSERVATION: u32 = 2u;
const PRIVILEGED_OBSERVATION: u32 = 1u;
const ACTIONS: u32 = 2u;
const TIME_LIMIT: u32 = 1u;

const HEADS: f32 = 0.75;  // their probability

struct EnvState {
    coin: f32,  // -1 or 1
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    return EnvState(select(-1.0, 1.0, rng_uniform(rng) < HEADS));
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    return Outcome(select(-(*state).coin, (*state).coin, action == 1u), true);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    return array<f32, OBSERVATION>(1.0, state.coin);
}

// A disc, blue for heads.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let colour = select(vec3(0.85, 0.86, 0.88), vec3(0.20, 0.45, 0.75), state.coin > 0.0);
    return select(vec3(0.96, 0.96, 0.95), colour, distance(uv, vec2(0.5)) < 0.4);
}
