// CartPole-v1: balance a pole on a cart by pushing it left (0) or right (1).
// Dynamics: Barto, Sutton and Anderson (1983) with Gymnasium's constants, integrator (explicit Euler) and limits.

//! import rng

const OBSERVATION: u32 = 4u;
const ACTIONS: u32 = 2u;
const TIME_LIMIT: u32 = 500u;
const SOLVED_RETURN: f32 = 475.0;

struct EnvParameters {
    gravity: f32,           // m/s^2
    cart_mass: f32,         // kg
    pole_mass: f32,         // kg
    pole_half_length: f32,  // m, from the hinge to the centre of mass
    force: f32,             // N, of one push
    time_step: f32,         // s
    position_limit: f32,    // m, to either side
    angle_limit: f32,       // rad, to either side: 12 degrees
    reset_range: f32,       // every state variable begins within +- this
}

const DEFAULT_PARAMETERS = EnvParameters(9.8, 1.0, 0.1, 0.5, 10.0, 0.02, 2.4, 0.20943951, 0.05);

struct EnvState {
    position: f32,          // m
    velocity: f32,          // m/s
    angle: f32,             // rad, 0 is upright
    angular_velocity: f32,  // rad/s
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    let position = reset_value(rng);
    let velocity = reset_value(rng);
    let angle = reset_value(rng);
    return EnvState(position, velocity, angle, reset_value(rng));
}

fn reset_value(rng: ptr<function, Rng>) -> f32 {
    return (rng_uniform(rng) * 2.0 - 1.0) * parameters.reset_range;
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    let old = *state;
    let total_mass = parameters.cart_mass + parameters.pole_mass;
    let force = select(-parameters.force, parameters.force, action == 1u);
    let sine = precise_sin(old.angle);
    let cosine = precise_cos(old.angle);
    let pull = (force + parameters.pole_mass * parameters.pole_half_length * old.angular_velocity * old.angular_velocity * sine) / total_mass;
    let angular_acceleration = (parameters.gravity * sine - cosine * pull)
        / (parameters.pole_half_length * (4.0 / 3.0 - parameters.pole_mass * cosine * cosine / total_mass));
    let acceleration = pull - parameters.pole_mass * parameters.pole_half_length * angular_acceleration * cosine / total_mass;
    (*state).position = old.position + parameters.time_step * old.velocity;
    (*state).velocity = old.velocity + parameters.time_step * acceleration;
    (*state).angle = old.angle + parameters.time_step * old.angular_velocity;
    (*state).angular_velocity = old.angular_velocity + parameters.time_step * angular_acceleration;
    return Outcome(1.0, abs((*state).position) > parameters.position_limit || abs((*state).angle) > parameters.angle_limit);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    return array(state.position, state.velocity, state.angle, state.angular_velocity);
}

// Track, cart, and the pole at its true angle.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let point = vec2(uv.x * 2.0 - 1.0, 0.5 - uv.y) * vec2(parameters.position_limit, 2.0 * parameters.position_limit) + vec2(0.0, 0.8);
    let soft = 0.012 * parameters.position_limit;
    var colour = mix(vec3(0.30), vec3(0.97), smoothstep(0.0, soft, abs(point.y) - 0.005));
    let cart = vec2(state.position, 0.12);
    let outside = abs(point - cart) - vec2(0.25, 0.12);
    colour = mix(vec3(0.13, 0.13, 0.16), colour, smoothstep(0.0, soft, max(outside.x, outside.y)));
    let hinge = cart + vec2(0.0, 0.12);
    let along = vec2(sin(state.angle), cos(state.angle));
    let from_pole = distance(point, hinge + along * clamp(dot(point - hinge, along), 0.0, 2.0 * parameters.pole_half_length));
    colour = mix(vec3(0.79, 0.60, 0.40), colour, smoothstep(0.045, 0.045 + soft, from_pole));
    return mix(vec3(0.50, 0.52, 0.80), colour, smoothstep(0.03, 0.03 + soft, distance(point, hinge)));
}
