// CartPole-v1: balance a pole on a cart by pushing it left (0) or right (1).
// Dynamics: Barto, Sutton and Anderson (1983) with Gymnasium's constants, integrator (explicit Euler) and limits.

//! import rng

const OBSERVATION: u32 = 4u;
const ACTIONS: u32 = 2u;
const TIME_LIMIT: u32 = 500u;
const SOLVED_RETURN: f32 = 475.0;

const GRAVITY: f32 = 9.8;             // m/s^2
const CART_MASS: f32 = 1.0;           // kg
const POLE_MASS: f32 = 0.1;           // kg
const POLE_HALF_LENGTH: f32 = 0.5;    // m
const FORCE: f32 = 10.0;              // N
const TIME_STEP: f32 = 0.02;          // s
const POSITION_LIMIT: f32 = 2.4;      // m
const ANGLE_LIMIT: f32 = 0.20943951;  // rad, 12 degrees
const RESET_RANGE: f32 = 0.05;        // every state variable starts within +-RESET_RANGE

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
    return (rng_uniform(rng) * 2.0 - 1.0) * RESET_RANGE;
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    let old = *state;
    let total_mass = CART_MASS + POLE_MASS;
    let force = select(-FORCE, FORCE, action == 1u);
    let sine = sin(old.angle);
    let cosine = cos(old.angle);
    let pull = (force + POLE_MASS * POLE_HALF_LENGTH * old.angular_velocity * old.angular_velocity * sine) / total_mass;
    let angular_acceleration = (GRAVITY * sine - cosine * pull)
        / (POLE_HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * cosine * cosine / total_mass));
    let acceleration = pull - POLE_MASS * POLE_HALF_LENGTH * angular_acceleration * cosine / total_mass;
    (*state).position = old.position + TIME_STEP * old.velocity;
    (*state).velocity = old.velocity + TIME_STEP * acceleration;
    (*state).angle = old.angle + TIME_STEP * old.angular_velocity;
    (*state).angular_velocity = old.angular_velocity + TIME_STEP * angular_acceleration;
    return Outcome(1.0, abs((*state).position) > POSITION_LIMIT || abs((*state).angle) > ANGLE_LIMIT);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    return array(state.position, state.velocity, state.angle, state.angular_velocity);
}
