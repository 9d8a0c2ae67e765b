// HalfCheetah-v5: run to the right as fast as possible with a planar robot of seven links.
// Actions: the six motors, hind leg first (thigh, shin, foot), -1 to 1 of their torque. Observation: height and pitch of the torso, the six joint angles,
// and the velocities of all nine degrees of freedom. Reward: forward speed in m/s - 0.1 times the squared actions. Never terminates.
// Model, reward and resets: Gymnasium 1.4.0; physics: MuJoCo 4.0, five steps of 0.01 s for each action.

//! import rng
//! import mujoco half_cheetah

const OBSERVATION: u32 = 17u;
const ACTION_LOW = array(-1.0f, -1.0f, -1.0f, -1.0f, -1.0f, -1.0f);
const ACTION_HIGH = array(1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f);
const TIME_LIMIT: u32 = 1000u;
const SOLVED_RETURN: f32 = 4800.0;

const CHEETAH_STEPS: u32 = 5u;

struct EnvParameters {
    forward_reward_weight: f32,
    ctrl_cost_weight: f32,
    reset_noise_scale: f32,
    gravity_scale: f32,   // factor of gravity
    mass_scale: f32,      // factor of masses and inertias
    friction_scale: f32,  // factor of coefficients of friction
    damping_scale: f32,   // factor of the joints' damping
    armature_scale: f32,  // factor of the motors' inertia
    gain_scale: f32,      // factor of the motors' torque
}

const DEFAULT_PARAMETERS = EnvParameters(1.0, 0.1, 0.1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0);

struct EnvState {
    physics: Physics,
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var physics = physics_start();
    for (var i = 0u; i < 9u; i++) {
        physics.q[i] += rng_between(rng, -parameters.reset_noise_scale, parameters.reset_noise_scale);
    }
    for (var i = 0u; i < 9u; i++) {
        physics.v[i] = parameters.reset_noise_scale * rng_normal(rng);
    }
    return EnvState(physics);
}

fn env_step(state: ptr<function, EnvState>, action: array<f32, 6>, rng: ptr<function, Rng>) -> Outcome {
    var physics = (*state).physics;
    // The way of this step is measured from 0: far from there, positions have few digits.
    let x = physics.q[Q_ROOTX];
    physics.q[Q_ROOTX] = 0.0;
    for (var i = 0u; i < CHEETAH_STEPS; i++) {
        physics_step(&physics, action);
    }
    let way = physics.q[Q_ROOTX];
    physics.q[Q_ROOTX] = x + way;
    (*state).physics = physics;
    var effort = 0.0;
    for (var i = 0u; i < 6u; i++) {
        effort += action[i] * action[i];
    }
    let speed = way / (PHYSICS_TIME_STEP * f32(CHEETAH_STEPS));
    return Outcome(parameters.forward_reward_weight * speed - parameters.ctrl_cost_weight * effort, false);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    var observation: array<f32, OBSERVATION>;
    for (var i = 0u; i < 8u; i++) {
        observation[i] = state.physics.q[i + 1u];
    }
    for (var i = 0u; i < 9u; i++) {
        observation[i + 8u] = state.physics.v[i];
    }
    return observation;
}

// The robot, from the side.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var physics = state.physics;
    let x = physics.q[Q_ROOTX];
    return physics_picture(&physics, uv, vec3(x, -4.0, 1.0), vec3(x, 0.0, 0.6));
}
