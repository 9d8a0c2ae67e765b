// InvertedPendulum-v5: balance a pole on a cart.
// Action: the cart's motor, -3 to 3 (of 100 N). Observation: position of the cart, angle of the pole, and their velocities. Reward: 1 for each step in which the
// pole is within 0.2 rad of upright; else the episode ends.
// Model, reward and resets: Gymnasium 1.4.0; physics: MuJoCo 4.0, two steps of 0.02 s for each action.

//! import rng
//! import mujoco inverted_pendulum

const OBSERVATION: u32 = 4u;
const ACTION_LOW = array(-3.0f);
const ACTION_HIGH = array(3.0f);
const TIME_LIMIT: u32 = 1000u;
const SOLVED_RETURN: f32 = 950.0;

const PENDULUM_STEPS: u32 = 2u;

struct EnvParameters {
    reset_noise_scale: f32,  // m, rad, m/s and rad/s
    gravity_scale: f32,      // factor of gravity
    mass_scale: f32,         // factor of masses and inertias
    damping_scale: f32,      // factor of the joints' damping
    gain_scale: f32,         // factor of the motors' torque
}

const DEFAULT_PARAMETERS = EnvParameters(0.01, 1.0, 1.0, 1.0, 1.0);

struct EnvState {
    physics: Physics,
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var physics = physics_start();
    for (var i = 0u; i < 2u; i++) {
        physics.q[i] += rng_between(rng, -parameters.reset_noise_scale, parameters.reset_noise_scale);
    }
    for (var i = 0u; i < 2u; i++) {
        physics.v[i] = rng_between(rng, -parameters.reset_noise_scale, parameters.reset_noise_scale);
    }
    return EnvState(physics);
}

fn env_step(state: ptr<function, EnvState>, action: array<f32, 1>, rng: ptr<function, Rng>) -> Outcome {
    var physics = (*state).physics;
    for (var i = 0u; i < PENDULUM_STEPS; i++) {
        physics_step(&physics, action);
    }
    (*state).physics = physics;
    let fallen = abs(physics.q[Q_HINGE]) > 0.2;
    return Outcome(select(1.0, 0.0, fallen), fallen);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    let physics = state.physics;
    return array(physics.q[0], physics.q[1], physics.v[0], physics.v[1]);
}

// The cart and its pole, from the side.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var physics = state.physics;
    return physics_picture(&physics, uv, vec3(0.0, -3.0, 0.7), vec3(0.0, 0.0, 0.25));
}
