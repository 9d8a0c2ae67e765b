// PlanarQuadrotor-v0: fly a quadrotor seen from the side to a target and hover there.
// Actions: the thrust of the right and of the left rotor, each in 5 levels from 0 (none) to 4 (`max_thrust`).
//
// Equations of motion: the planar quadrotor of Tedrake, Underactuated Robotics, chapter "Acrobots, Cart-Poles, and Quadrotors"; integrated by
// semi-implicit Euler steps. The task is this project's own. A step pays between 0 and 1: with d the distance from the target in half metres, a the tilt in
// rad and v the speed in m/s, c(d) (1 + c(a) + c(v)) / 3 with c(x) = 1 / (1 + x^2), the product of nearness with uprightness and calm that
// Isaac Gym's quadcopter is rewarded with (Makoviychuk et al. 2021). The step that leaves the arena or tilts too far pays nothing and ends the episode.
//
// Observation: position from the target (2 m), velocity (2 m/s), sine and cosine of the tilt, angular velocity (4 rad/s), each in the unit in brackets.
// No level holds the weight exactly, so that the rotors must alternate between levels. Returns: uniformly random 1.7; a proportional-derivative
// controller that takes the nearest levels 274; two steps of look-ahead before a linear-quadratic regulator's cost 378; never more than 400.

//! import rng

const OBSERVATION: u32 = 7u;
const ACTION_COUNTS = array(5u, 5u);
const TIME_LIMIT: u32 = 400u;  // 20 s
const SOLVED_RETURN: f32 = 350.0;

struct EnvParameters {
    gravity: f32,     // m/s^2
    mass: f32,        // kg
    arm_length: f32,  // m, from the centre of mass to each rotor
    inertia: f32,     // kg m^2, about the centre of mass
    max_thrust: f32,  // N, of one rotor
    target_x: f32,    // m, to the right of the arena's centre
    target_z: f32,    // m, above the arena's centre
}

const DEFAULT_PARAMETERS = EnvParameters(9.81, 1.0, 0.2, 0.04, 9.0, 0.0, 0.0);

const QUAD_TIME_STEP: f32 = 0.05;     // s
const QUAD_LEVELS: f32 = 4.0;         // steps from no thrust to all
const QUAD_ARENA: f32 = 3.0;          // m, half the side of a square
const QUAD_TILT_LIMIT: f32 = 1.2;     // rad
const QUAD_START_RANGE: f32 = 2.0;    // m, of the first position in either direction
const QUAD_START_TILT: f32 = 0.3;     // rad
const QUAD_START_SPEED: f32 = 0.5;    // m/s and rad/s
const QUAD_NEAR: f32 = 0.5;           // m, distance from the target that halves the reward
const QUAD_DRAWN: f32 = 2.0;          // the craft is drawn larger than it is by this factor

struct EnvState {
    x: f32,                 // m, to the right
    z: f32,                 // m, up
    angle: f32,             // rad, anticlockwise, 0 is level
    x_velocity: f32,        // m/s
    z_velocity: f32,        // m/s
    angular_velocity: f32,  // rad/s
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    let x = rng_between(rng, -QUAD_START_RANGE, QUAD_START_RANGE);
    let z = rng_between(rng, -QUAD_START_RANGE, QUAD_START_RANGE);
    let angle = rng_between(rng, -QUAD_START_TILT, QUAD_START_TILT);
    let x_velocity = rng_between(rng, -QUAD_START_SPEED, QUAD_START_SPEED);
    let z_velocity = rng_between(rng, -QUAD_START_SPEED, QUAD_START_SPEED);
    return EnvState(x, z, angle, x_velocity, z_velocity, rng_between(rng, -QUAD_START_SPEED, QUAD_START_SPEED));
}

// 1 at 0, falling to 1/2 where the squared error is 1.
fn quad_closeness(squared_error: f32) -> f32 {
    return 1.0 / (1.0 + squared_error);
}

fn env_step(state: ptr<function, EnvState>, action: array<u32, 2>, rng: ptr<function, Rng>) -> Outcome {
    var s = *state;
    let right = f32(action[0]) * (parameters.max_thrust / QUAD_LEVELS);
    let left = f32(action[1]) * (parameters.max_thrust / QUAD_LEVELS);
    let lift = (right + left) / parameters.mass;
    s.x_velocity -= QUAD_TIME_STEP * lift * precise_sin(s.angle);
    s.z_velocity += QUAD_TIME_STEP * (lift * precise_cos(s.angle) - parameters.gravity);
    s.angular_velocity += QUAD_TIME_STEP * parameters.arm_length * (right - left) / parameters.inertia;
    s.x += QUAD_TIME_STEP * s.x_velocity;
    s.z += QUAD_TIME_STEP * s.z_velocity;
    s.angle += QUAD_TIME_STEP * s.angular_velocity;
    *state = s;
    if (abs(s.x) > QUAD_ARENA || abs(s.z) > QUAD_ARENA || abs(s.angle) > QUAD_TILT_LIMIT) {
        return Outcome(0.0, true);
    }
    let x = (s.x - parameters.target_x) / QUAD_NEAR;
    let z = (s.z - parameters.target_z) / QUAD_NEAR;
    let upright = quad_closeness(s.angle * s.angle);
    let calm = quad_closeness(s.x_velocity * s.x_velocity + s.z_velocity * s.z_velocity);
    return Outcome(quad_closeness(x * x + z * z) * (1.0 + upright + calm) / 3.0, false);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    return array<f32, OBSERVATION>(
        (state.x - parameters.target_x) / 2.0,
        (state.z - parameters.target_z) / 2.0,
        state.x_velocity / 2.0,
        state.z_velocity / 2.0,
        precise_sin(state.angle),
        precise_cos(state.angle),
        state.angular_velocity / 4.0,
    );
}

// The arena, the target as a ring, and the craft: a bar with a rotor over each end.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let point = vec2(uv.x * 2.0 - 1.0, 1.0 - uv.y * 2.0) * QUAD_ARENA;
    let offset = point - vec2(state.x, state.z);
    let along = vec2(cos(state.angle), sin(state.angle));
    let body = vec2(dot(offset, along), dot(offset, vec2(-along.y, along.x))) / (QUAD_DRAWN * parameters.arm_length);
    let bar = abs(body.x) < 1.2 && abs(body.y) < 0.12;
    let mast = abs(abs(body.x) - 1.0) < 0.08 && body.y > 0.0 && body.y < 0.5;
    let rotor = abs(abs(body.x) - 1.0) < 0.55 && abs(body.y - 0.5) < 0.09;
    if (bar || mast) {
        return vec3(0.18, 0.20, 0.24);
    }
    if (rotor) {
        return vec3(0.20, 0.45, 0.75);
    }
    let ring = abs(distance(point, vec2(parameters.target_x, parameters.target_z)) - 0.2) < 0.03;
    return select(vec3(0.96, 0.96, 0.95), vec3(0.80, 0.25, 0.20), ring);
}
