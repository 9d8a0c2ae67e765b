// MountainCarContinuous-v0: swing an underpowered car up a hill, with as little effort as possible.
// Action: how hard to push, -1 (left) to 1 (right). Observation: position and velocity. Reward: 100 at the goal, less 0.1 action^2 in each step.
// Dynamics: Moore (1990), with Gymnasium's constants, order of updates and limits. The difference: effort is that of the action as clipped to its bounds, as
// under Gymnasium's wrapper ClipAction. Twin: src/reference/environments/mountain_car.rs.

//! import rng

const OBSERVATION: u32 = 2u;
const ACTION_LOW = array(-1.0f);
const ACTION_HIGH = array(1.0f);
const TIME_LIMIT: u32 = 999u;
const SOLVED_RETURN: f32 = 90.0;

struct EnvParameters {
    power: f32,           // change of velocity by the hardest push, per step
    gravity: f32,         // change of velocity by the steepest slope, per step
    max_speed: f32,       // distance per step
    left_wall: f32,       // position
    right_end: f32,       // position
    goal_position: f32,   // reached from here on
    goal_velocity: f32,   // if not slower than this
    goal_reward: f32,     // once, on top of that step's effort
    effort_cost: f32,     // per step, of the hardest push
}

const DEFAULT_PARAMETERS = EnvParameters(0.0015, 0.0025, 0.07, -1.2, 0.6, 0.45, 0.0, 100.0, 0.1);

struct EnvState {
    position: f32,
    velocity: f32,
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    return EnvState(rng_between(rng, -0.6, -0.4), 0.0);
}

// The hill is sin(3 x) high. This is 3 x, between -pi and pi, where WGSL promises most of sine and cosine.
fn hill_angle(position: f32) -> f32 {
    let angle = 3.0 * position;
    return select(angle, angle + 6.2831853072, angle < -3.1415926536);
}

// The hill's slope, as a fraction of the steepest.
fn hill_slope(position: f32) -> f32 {
    return precise_cos(hill_angle(position));
}

fn env_step(state: ptr<function, EnvState>, action: array<f32, 1>, rng: ptr<function, Rng>) -> Outcome {
    let push = action[0];
    var velocity = (*state).velocity + push * parameters.power - parameters.gravity * hill_slope((*state).position);
    velocity = clamp(velocity, -parameters.max_speed, parameters.max_speed);
    let position = clamp((*state).position + velocity, parameters.left_wall, parameters.right_end);
    // The wall stops the car.
    velocity = select(velocity, 0.0, position == parameters.left_wall && velocity < 0.0);
    *state = EnvState(position, velocity);
    let there = position >= parameters.goal_position && velocity >= parameters.goal_velocity;
    return Outcome(select(0.0, parameters.goal_reward, there) - parameters.effort_cost * push * push, there);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    return array(state.position, state.velocity);
}

fn hill_picture(position: f32) -> f32 {
    return 0.45 * precise_sin(hill_angle(position)) + 0.1;
}

// The hill, the flag at the goal, and the car.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let width = parameters.right_end - parameters.left_wall;
    let x = parameters.left_wall + uv.x * width;
    let height = (1.0 - uv.y) * width - 0.45;
    var colour = vec3(0.93, 0.95, 0.98);
    // A triangle, then its pole: distances to their edges, positive outside.
    let flag = vec2(x - parameters.goal_position, height - hill_picture(parameters.goal_position));
    let cloth = max(max(-flag.x, flag.y - 0.25), (0.15 + flag.x - flag.y) * 0.707);
    colour = mix(vec3(0.85, 0.25, 0.20), colour, smoothstep(-0.006, 0.006, cloth));
    let pole = max(abs(flag.x) - 0.006, flag.y - 0.25);
    colour = mix(vec3(0.30), colour, smoothstep(-0.006, 0.006, pole));
    colour = mix(vec3(0.36, 0.55, 0.36), colour, smoothstep(-0.006, 0.006, height - hill_picture(x)));
    // A disc on the slope.
    let centre = vec2(state.position, hill_picture(state.position) + 0.06);
    return mix(vec3(0.55, 0.25, 0.18), colour, smoothstep(0.05, 0.062, distance(vec2(x, height), centre)));
}
