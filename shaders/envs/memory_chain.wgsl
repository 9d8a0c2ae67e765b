// bsuite-MemoryChain-v0: repeat a bit that was shown at the beginning, after a number of steps.
// Actions: the bit. Observation: the share of the time that is left, 0 (which bit is asked for, of one), and the bit as -1 or 1 at the beginning, 0 later.
// Reward: 1 for the right bit in the last step, -1 for the wrong one, 0 before. Rules: bsuite's memory_len (Osband et al. 2020), version 0.3.6, where the first
// observation is seen twice.

//! import rng

const OBSERVATION: u32 = 3u;
const ACTIONS: u32 = 2u;
const TIME_LIMIT: u32 = 0xffffffffu;  // episodes end after memory_length + 1 steps
const SOLVED_RETURN: f32 = 0.9;

struct EnvParameters {
    memory_length: u32,  // steps; bsuite's experiments have 1 to 100
}

const DEFAULT_PARAMETERS = EnvParameters(10u);

struct EnvState {
    bit: u32,
    steps: u32,
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    return EnvState(rng_below(rng, 2u), 0u);
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    (*state).steps += 1u;
    let is_last = (*state).steps > parameters.memory_length;
    return Outcome(select(0.0, select(-1.0, 1.0, action == (*state).bit), is_last), is_last);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    // The first step shows the first observation again.
    let time = max(state.steps, 1u) - 1u;
    let bit = select(-1.0, 1.0, state.bit == 1u);
    return array<f32, OBSERVATION>(1.0 - f32(time) / f32(parameters.memory_length), 0.0, select(0.0, bit, time == 0u));
}

// A disc in the colour of the bit, grey once it is hidden, and the time that is left.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let time = max(state.steps, 1u) - 1u;
    let bit = select(vec3(0.80, 0.25, 0.20), vec3(0.20, 0.45, 0.75), state.bit == 1u);
    let left = uv.x < 1.0 - f32(time) / f32(parameters.memory_length);
    let table = select(vec3(0.96), vec3(0.55), uv.y > 0.94 && left);
    return select(table, select(vec3(0.80), bit, time == 0u), distance(uv, vec2(0.5)) < 0.3);
}
