// MountainCar-v0: swing an underpowered car up a hill.
// Actions: push left (0), nothing (1), push right (2). Observation: position and velocity.
// Dynamics: Moore (1990) in the form of Sutton and Barto (1998), with Gymnasium's constants, order of updates and limits.
// Twin: src/reference/environments/mountain_car.rs.

//! import rng

const OBSERVATION: u32 = 2u;
const ACTIONS: u32 = 3u;
const TIME_LIMIT: u32 = 200u;
const SOLVED_RETURN: f32 = -110.0;

struct EnvParameters {
    force: f32,           // change of velocity by a push, per step
    gravity: f32,         // change of velocity by the steepest slope, per step
    max_speed: f32,       // distance per step
    left_wall: f32,       // position
    right_end: f32,       // position
    goal_position: f32,   // reached from here on
    goal_velocity: f32,   // if not slower than this
}

const DEFAULT_PARAMETERS = EnvParameters(0.001, 0.0025, 0.07, -1.2, 0.6, 0.5, 0.0);

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

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    let push = (f32(action) - 1.0) * parameters.force;
    var velocity = (*state).velocity + push - hill_slope((*state).position) * parameters.gravity;
    velocity = clamp(velocity, -parameters.max_speed, parameters.max_speed);
    let position = clamp((*state).position + velocity, parameters.left_wall, parameters.right_end);
    // The wall stops the car.
    velocity = select(velocity, 0.0, position == parameters.left_wall && velocity < 0.0);
    *state = EnvState(position, velocity);
    return Outcome(-1.0, position >= parameters.goal_position && velocity >= parameters.goal_velocity);
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
    return mix(vec3(0.18, 0.25, 0.55), colour, smoothstep(0.05, 0.062, distance(vec2(x, height), centre)));
}
