// Probe/Target: name a point of the plane, one step an episode.
// Actions: the point's coordinates, each from -1 to 1. Observation: the target's coordinates, each from -0.8 to 0.8.
// Twin: src/reference/environments/probes.rs.
//
// Isolates the normal distribution of continuous actions. The reward is minus the squared distance, so the best mean is the target and V*(o) = 0 for any
// discount. A policy with that mean and standard deviation d has V = -2 d^2 as long as clipping at the bounds is rare; with an entropy bonus c
// and advantages as they are, d^2 = c / 2 is best. Always naming the origin has V = -2 * 0.8^2 / 3 = -0.427 in the mean.

//! import rng

const OBSERVATION: u32 = 2u;
const ACTION_LOW = array(-1.0f, -1.0f);
const ACTION_HIGH = array(1.0f, 1.0f);
const TIME_LIMIT: u32 = 1u;
const SOLVED_RETURN: f32 = -0.02;

const TARGET_RANGE: f32 = 0.8;

struct EnvState {
    x: f32,  // of the target
    y: f32,
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    let x = rng_between(rng, -TARGET_RANGE, TARGET_RANGE);
    return EnvState(x, rng_between(rng, -TARGET_RANGE, TARGET_RANGE));
}

fn env_step(state: ptr<function, EnvState>, action: array<f32, 2>, rng: ptr<function, Rng>) -> Outcome {
    let x = action[0] - (*state).x;
    let y = action[1] - (*state).y;
    return Outcome(-(x * x + y * y), true);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    return array<f32, OBSERVATION>(state.x, state.y);
}

// Rings around the target; x to the right, y up.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let point = vec2(uv.x * 2.0 - 1.0, 1.0 - uv.y * 2.0);
    let ring = u32(distance(point, vec2(state.x, state.y)) * 16.0);
    return select(vec3(0.96, 0.96, 0.95), vec3(0.80, 0.25, 0.20), ring == 0u || ring == 2u);
}
