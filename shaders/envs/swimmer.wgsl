// Swimmer-v5: swim to the right as fast as possible with a planar robot of three links in a viscous medium.
// Actions: the two motors, -1 to 1 of their torque. Observation: the angle of the first link, both joint angles, and the velocities of all five degrees of
// freedom. Reward: forward speed in m/s - 0.0001 times the squared actions. Never terminates.
// Model, reward and resets: Gymnasium 1.4.0; physics: MuJoCo 4.0, four steps of 0.01 s for each action.

//! import rng
//! import mujoco swimmer

const OBSERVATION: u32 = 8u;
const ACTION_LOW = array(-1.0f, -1.0f);
const ACTION_HIGH = array(1.0f, 1.0f);
const TIME_LIMIT: u32 = 1000u;
const SOLVED_RETURN: f32 = 360.0;

const SWIMMER_STEPS: u32 = 4u;

struct EnvParameters {
    forward_reward_weight: f32,
    ctrl_cost_weight: f32,
    reset_noise_scale: f32,  // m, rad, m/s and rad/s
    mass_scale: f32,         // factor of masses and inertias
    armature_scale: f32,     // factor of the motors' inertia
    gain_scale: f32,         // factor of the motors' torque
}

const DEFAULT_PARAMETERS = EnvParameters(1.0, 1e-4, 0.1, 1.0, 1.0, 1.0);

struct EnvState {
    physics: Physics,
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var physics = physics_start();
    for (var i = 0u; i < 5u; i++) {
        physics.q[i] += rng_between(rng, -parameters.reset_noise_scale, parameters.reset_noise_scale);
    }
    for (var i = 0u; i < 5u; i++) {
        physics.v[i] = rng_between(rng, -parameters.reset_noise_scale, parameters.reset_noise_scale);
    }
    return EnvState(physics);
}

fn env_step(state: ptr<function, EnvState>, action: array<f32, 2>, rng: ptr<function, Rng>) -> Outcome {
    var physics = (*state).physics;
    // The way of this step is measured from 0: far from there, positions have few digits.
    let x = physics.q[Q_SLIDER1];
    physics.q[Q_SLIDER1] = 0.0;
    for (var i = 0u; i < SWIMMER_STEPS; i++) {
        physics_step(&physics, action);
    }
    let way = physics.q[Q_SLIDER1];
    physics.q[Q_SLIDER1] = x + way;
    (*state).physics = physics;
    let speed = way / (PHYSICS_TIME_STEP * f32(SWIMMER_STEPS));
    let effort = action[0] * action[0] + action[1] * action[1];
    return Outcome(parameters.forward_reward_weight * speed - parameters.ctrl_cost_weight * effort, false);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    let physics = state.physics;
    return array(physics.q[2], physics.q[3], physics.q[4], physics.v[0], physics.v[1], physics.v[2], physics.v[3], physics.v[4]);
}

// The swimmer, from above.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var physics = state.physics;
    let x = physics.q[Q_SLIDER1];
    let y = physics.q[Q_SLIDER2];
    return physics_picture(&physics, uv, vec3(x, y - 0.1, 6.0), vec3(x, y, 0.0));
}
