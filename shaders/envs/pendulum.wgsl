// Pendulum-v1: swing a pendulum up and hold it there.
// Action: torque, -2 to 2 N m. Observation: cosine and sine of the angle (0 is upright), angular velocity. Never terminates.
// Reward: -(angle^2 + 0.1 velocity^2 + 0.001 torque^2), the angle between -pi and pi. Dynamics: a rod hinged at its end, with Gymnasium's constants and
// integrator (semi-implicit Euler). The angle is kept between -pi and pi, which changes nothing that is observed or paid.
// Twin: src/reference/environments/pendulum.rs.

//! import rng

const OBSERVATION: u32 = 3u;
const ACTION_LOW = array(-2.0f);
const ACTION_HIGH = array(2.0f);
const TIME_LIMIT: u32 = 200u;

const PENDULUM_PI: f32 = 3.1415926536;

struct EnvParameters {
    gravity: f32,    // m/s^2
    mass: f32,       // kg
    length: f32,     // m
    time_step: f32,  // s
    max_speed: f32,  // rad/s
}

const DEFAULT_PARAMETERS = EnvParameters(10.0, 1.0, 1.0, 0.05, 8.0);

struct EnvState {
    angle: f32,             // rad, 0 is upright
    angular_velocity: f32,  // rad/s
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    let angle = rng_between(rng, -PENDULUM_PI, PENDULUM_PI);
    return EnvState(angle, rng_between(rng, -1.0, 1.0));
}

fn env_step(state: ptr<function, EnvState>, action: array<f32, 1>, rng: ptr<function, Rng>) -> Outcome {
    let torque = action[0];
    let angle = (*state).angle;
    let cost = angle * angle + 0.1 * (*state).angular_velocity * (*state).angular_velocity + 0.001 * torque * torque;
    let length = parameters.length;
    let acceleration = 3.0 * parameters.gravity / (2.0 * length) * precise_sin(angle) + 3.0 / (parameters.mass * length * length) * torque;
    let velocity = clamp((*state).angular_velocity + acceleration * parameters.time_step, -parameters.max_speed, parameters.max_speed);
    let turned = angle + velocity * parameters.time_step;
    *state = EnvState(turned - 2.0 * PENDULUM_PI * round(turned / (2.0 * PENDULUM_PI)), velocity);
    return Outcome(-cost, false);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    return array(precise_cos(state.angle), precise_sin(state.angle), state.angular_velocity);
}

// The rod, and its hinge in the middle.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let point = vec2(uv.x * 2.0 - 1.0, 1.0 - uv.y * 2.0) * 1.25;
    let along = vec2(-sin(state.angle), cos(state.angle));
    let from_rod = distance(point, along * clamp(dot(point, along), 0.0, 1.0));
    let colour = mix(vec3(0.80, 0.30, 0.28), vec3(0.97), smoothstep(0.09, 0.105, from_rod));
    return mix(vec3(0.10), colour, smoothstep(0.035, 0.05, length(point)));
}
