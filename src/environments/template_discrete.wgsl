// Catch: move a paddle along the bottom of a board to catch one falling ball after another.
// Actions: one column to the left (0), stay (1), one column to the right (2).
//
// This file is a whole environment. Train on it with
//     ppo-gpu --env THIS_FILE.wgsl
// and change it into yours. It declares what is described below; everything else in it (constants, functions) is its own affair.
// It may use no bindings, barriers or module-scope variables: the GPU runs thousands of copies of it at once, one per invocation.
//
// WGSL in short: `let` names a value, `var` a variable; numbers have types and are never converted silently (1u is a u32, 1.0 an f32, f32(n) converts);
// select(a, b, condition) is b where the condition holds. Write (*state).field through a pointer.
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
// Optional, where they form a grid: its 2 to 4 axes, the last one the fastest, as in `const OBSERVATION_SHAPE = array(10u, 10u, 4u);`.
// Optional: `const PRIVILEGED_OBSERVATION: u32 = 1u;` keeps the last of them, here one, from the policy: only the value network sees it.
const OBSERVATION: u32 = 4u;

// How many actions there are to choose from. For several choices at once write, say, `const ACTION_COUNTS = array(3u, 5u);` instead; `action` is then an
// array<u32, 2>. For continuous actions see `ppo-gpu env new NAME --continuous`.
const ACTIONS: u32 = 3u;

// Steps after which an episode is cut off; 0xffffffffu for never. The cut is made for you, and is not mistaken for an end: what could still have been earned
// counts. Return `terminated` in env_step only for real ends.
const TIME_LIMIT: u32 = 200u;

// Optional: the mean return from which the task counts as solved. Here, 20 balls can fall in 200 steps.
const SOLVED_RETURN: f32 = 19.0;

// Optional: numbers that can be set without editing the file (--env-parameters wind=0.5), or drawn anew for every episode (wind=[0,0.5]). f32 or u32.
struct EnvParameters {
    wind: f32,  // probability that the ball drifts by a column in a step
}

// Their standard values, in the same order. Functions read them as parameters.wind.
const DEFAULT_PARAMETERS = EnvParameters(0.2);

const COLUMNS: i32 = 10;
const ROWS: i32 = 10;
const REACH: i32 = 1;  // columns to either side of its own in which the paddle catches

// Everything that lives from one step to the next, in numbers (f32, u32, i32), vectors and arrays of fixed size; no bool. Keep it small.
struct EnvState {
    ball_column: i32,    // 0 is left
    ball_row: i32,       // 0 is the top
    paddle_column: i32,
}

// The first state of an episode.
fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    let ball_column = i32(rng_below(rng, u32(COLUMNS)));
    return EnvState(ball_column, 0, COLUMNS / 2);
}

// Makes one step: changes the state, and returns Outcome(reward, whether the episode is over).
fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    var s = *state;
    s.paddle_column = clamp(s.paddle_column + i32(action) - 1, 0, COLUMNS - 1);
    s.ball_row += 1;
    if (rng_uniform(rng) < parameters.wind) {
        s.ball_column = clamp(s.ball_column + select(-1, 1, rng_below(rng, 2u) == 1u), 0, COLUMNS - 1);
    }
    var reward = 0.0;
    var terminated = false;
    if (s.ball_row == ROWS) {
        if (abs(s.ball_column - s.paddle_column) <= REACH) {
            reward = 1.0;
            s.ball_row = 0;
            s.ball_column = i32(rng_below(rng, u32(COLUMNS)));
        } else {
            terminated = true;
        }
    }
    *state = s;
    return Outcome(reward, terminated);
}

// What the agent sees of the state. Learning is easiest when the numbers are of the order of 1.
fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    let scale = 2.0 / f32(COLUMNS);
    return array<f32, OBSERVATION>(
        f32(state.ball_column) * scale - 1.0,
        f32(state.ball_row) * (2.0 / f32(ROWS)) - 1.0,
        f32(state.paddle_column) * scale - 1.0,
        f32(state.ball_column - state.paddle_column) * scale,
    );
}

// Optional, for discrete actions: which are legal in a state. At least one must be; the others are never taken.
fn env_action_mask(state: EnvState) -> array<bool, ACTIONS> {
    return array<bool, ACTIONS>(state.paddle_column > 0, true, state.paddle_column < COLUMNS - 1);
}

// Optional: the picture. The colour (red, green, blue, each from 0 to 1) of the point uv, where (0, 0) is the top left and (1, 1) the bottom right corner.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    // One more row for the paddle.
    let place = uv * vec2(f32(COLUMNS), f32(ROWS + 1));
    let row = i32(place.y);
    if (row == ROWS && abs(i32(place.x) - state.paddle_column) <= REACH) {
        return vec3(0.20, 0.45, 0.75);
    }
    let ball = vec2(f32(state.ball_column), f32(state.ball_row)) + 0.5;
    if (distance(place, ball) < 0.4) {
        return vec3(0.80, 0.25, 0.20);
    }
    return vec3(0.96, 0.96, 0.95);
}
