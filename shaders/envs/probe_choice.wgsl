// Probe/Choice: two choices at once, and six situations that each name the right pair.
// Actions: the first choice, 0 or 1, and the second, 0 to 2. Observation: one-hot of the situation. Twin: src/reference/environments/probes.rs.
//
// Isolates the policy's dependence on the observation, and several discrete actions at once (this is the smallest such task). In situation s the pair
// (s mod 2, s div 2) is right; each right choice pays 1/2. V*(o) = 1 for any discount. A uniform policy has V = 5/12.

//! import rng

const OBSERVATION: u32 = 6u;
const ACTION_COUNTS = array(2u, 3u);
const TIME_LIMIT: u32 = 1u;
const SOLVED_RETURN: f32 = 0.95;

struct EnvState {
    situation: f32,  // 0 to 5
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    return EnvState(f32(rng_below(rng, 6u)));
}

fn env_step(state: ptr<function, EnvState>, action: array<u32, 2>, rng: ptr<function, Rng>) -> Outcome {
    let situation = u32((*state).situation);
    let first = select(0.0, 0.5, action[0] == situation % 2u);
    let second = select(0.0, 0.5, action[1] == situation / 2u);
    return Outcome(first + second, true);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    var observation: array<f32, OBSERVATION>;
    observation[u32(state.situation)] = 1.0;
    return observation;
}

// Columns are first choices, rows second ones; the right pair is filled.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let place = uv * vec2(2.0, 3.0);
    let situation = u32(state.situation);
    let right = u32(place.x) == situation % 2u && u32(place.y) == situation / 2u;
    let inside = all(abs(fract(place) - 0.5) < vec2(0.42));
    return select(vec3(0.96, 0.96, 0.95), select(vec3(0.85, 0.86, 0.88), vec3(0.20, 0.45, 0.75), right), inside);
}
