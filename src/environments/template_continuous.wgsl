// PointMass: push a puck over a table to a target and bring it to rest there.
// Actions: the force to the right and the force upward, each from -1 to 1 times `max_force`.
//
// This file is a whole environment. Train on it with
//     ppo-gpu --env THIS_FILE.wgsl
// and change it into yours. It declares what is described below; everything else in it (constants, functions) is its own affair.
// It may use no bindings, barriers or module-scope variables: the GPU runs thousands of copies of it at once, one per invocation.
//
// WGSL in short: `let` names a value, `var` a variable; numbers have types and are never converted silently (1u is a u32, 1.0 an f32, f32(n) converts);
// select(a, b, condition) is b where the condition holds. Write (*state).field through a pointer. vec2<f32> is a pair, with + - * / on both at once.
//
// What a file may use besides WGSL's own functions:
//     rng_uniform(rng)             f32, from 0 up to but not including 1
//     rng_between(rng, low, high)  f32, uniform between two bounds
//     rng_below(rng, count)        u32, one of 0, 1, ..., count - 1
//     rng_normal(rng)              f32, standard normal
//     rng_bits(rng)                u32, 32 random bits
//     precise_sin(x)               and precise_cos(x): within 2^-21 on every device; WGSL's sin and cos may be off by 2^-11
//     Outcome(reward, terminated)  what env_step returns: an f32 and a bool
//     parameters.NAME              the value of a field of EnvParameters, in every function
//     //! import PATH.wgsl         as a line of its own: what that file declares; PATH begins in the directory of this file
//     //! data PATH.safetensors    as a line of its own: the arrays in that file, each a function: heights(row, column); heights_shape[0] is its length

// How many numbers an agent observes.
// Optional: `const PRIVILEGED_OBSERVATION: u32 = 1u;` keeps the last of them, here one, from the policy: only the value network sees it.
const OBSERVATION: u32 = 6u;

// The least and the most of each number of an action. The agent's actions are clipped to these bounds before env_step sees them. An agent begins with actions
// around 0, most of them between -1 and 1: for other bounds, train with `--actions scale`, which maps -1 to 1 linearly onto them.
// For discrete actions see `ppo-gpu env new NAME`.
const ACTION_LOW = array(-1.0f, -1.0f);
const ACTION_HIGH = array(1.0f, 1.0f);

// Steps after which an episode is cut off; 0xffffffffu for never. The cut is made for you, and is not mistaken for an end: what could still have been earned
// counts. Return `terminated` in env_step only for real ends.
const TIME_LIMIT: u32 = 200u;

// Optional: the mean return from which the task counts as solved.
const SOLVED_RETURN: f32 = 150.0;

// Optional: numbers that can be set without editing the file (--env-parameters mass=2), or drawn anew for every episode (mass=[0.5,2]). f32 or u32.
struct EnvParameters {
    mass: f32,       // kg
    friction: f32,   // N s/m, force against the motion for each m/s
    max_force: f32,  // N, in either direction
}

// Their standard values, in the same order. Functions read them as parameters.mass.
const DEFAULT_PARAMETERS = EnvParameters(1.0, 0.5, 2.0);

const TIME_STEP: f32 = 0.05;  // s
const TABLE: f32 = 2.0;       // m, half the side of the square table
const NEAR: f32 = 0.3;        // m, distance that halves the reward

// Everything that lives from one step to the next, in numbers (f32, u32, i32), vectors and arrays of fixed size; no bool. Keep it small.
struct EnvState {
    position: vec2<f32>,  // m, right and up from the middle of the table
    velocity: vec2<f32>,  // m/s
    goal: vec2<f32>,      // m, where the target is
}

// A random point of the table, not too near its edge.
fn table_point(rng: ptr<function, Rng>) -> vec2<f32> {
    let x = rng_between(rng, -1.0, 1.0);
    let y = rng_between(rng, -1.0, 1.0);
    return vec2(x, y) * (0.8 * TABLE);
}

// The first state of an episode.
fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    let position = table_point(rng);
    return EnvState(position, vec2(0.0), table_point(rng));
}

// Makes one step: changes the state, and returns Outcome(reward, whether the episode is over).
fn env_step(state: ptr<function, EnvState>, action: array<f32, 2>, rng: ptr<function, Rng>) -> Outcome {
    var s = *state;
    let force = vec2(action[0], action[1]) * parameters.max_force;
    s.velocity += TIME_STEP * (force - parameters.friction * s.velocity) / parameters.mass;
    s.position += TIME_STEP * s.velocity;
    *state = s;
    // Falling off the table ends the episode, and so whatever the puck could still have earned.
    if (any(abs(s.position) > vec2(TABLE))) {
        return Outcome(0.0, true);
    }
    // Between 0 and 1: most at rest on the target.
    let offset = (s.goal - s.position) / NEAR;
    let near = 1.0 / (1.0 + dot(offset, offset));
    let calm = 1.0 / (1.0 + dot(s.velocity, s.velocity));
    return Outcome(near * calm, false);
}

// What the agent sees of the state. Learning is easiest when the numbers are of the order of 1.
fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    let offset = state.goal - state.position;
    return array<f32, OBSERVATION>(offset.x, offset.y, state.velocity.x, state.velocity.y, state.position.x, state.position.y);
}

// Optional: the picture. The colour (red, green, blue, each from 0 to 1) of the point uv, where (0, 0) is the top left and (1, 1) the bottom right corner.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let point = vec2(uv.x * 2.0 - 1.0, 1.0 - uv.y * 2.0) * TABLE;
    if (distance(point, state.position) < 0.1) {
        return vec3(0.20, 0.45, 0.75);
    }
    let ring = abs(distance(point, state.goal) - 0.2) < 0.03;
    return select(vec3(0.96, 0.96, 0.95), vec3(0.80, 0.25, 0.20), ring);
}
