// Hopper-v5: hop to the right as fast as possible with a planar robot of one leg.
// Actions: the motors of thigh, leg and foot, -1 to 1 of their torque. Observation: height and pitch of the torso, the three joint angles, and the velocities of
// all six degrees of freedom, from -10 to 10. Reward: forward speed in m/s + 1 - 0.001 times the squared actions. The episode ends, without the 1, where the torso
// is lower than 0.7 m or tilts by more than 0.2 rad, or anything else is beyond 100.
// Model, reward and resets: Gymnasium 1.4.0; physics: MuJoCo 4.0, four steps of 0.002 s for each action.

//! import rng
//! import mujoco hopper

const OBSERVATION: u32 = 11u;
const ACTION_LOW = array(-1.0f, -1.0f, -1.0f);
const ACTION_HIGH = array(1.0f, 1.0f, 1.0f);
const TIME_LIMIT: u32 = 1000u;
const SOLVED_RETURN: f32 = 3800.0;

const HOPPER_STEPS: u32 = 4u;

struct EnvParameters {
    forward_reward_weight: f32,
    ctrl_cost_weight: f32,
    healthy_reward: f32,
    terminate_when_unhealthy: u32,  // 1: yes, 0: no
    healthy_state_max: f32,
    healthy_z_min: f32,             // m
    healthy_z_max: f32,             // m
    healthy_angle_max: f32,         // rad
    reset_noise_scale: f32,         // m, rad, m/s and rad/s
    gravity_scale: f32,             // factor of gravity
    mass_scale: f32,                // factor of masses and inertias
    friction_scale: f32,            // factor of coefficients of friction
    damping_scale: f32,             // factor of the joints' damping
    armature_scale: f32,            // factor of the motors' inertia
    gain_scale: f32,                // factor of the motors' torque
}

const DEFAULT_PARAMETERS = EnvParameters(1.0, 1e-3, 1.0, 1u, 100.0, 0.7, 1e9, 0.2, 5e-3, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0);

struct EnvState {
    physics: Physics,
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var physics = physics_start();
    for (var i = 0u; i < 6u; i++) {
        physics.q[i] += rng_between(rng, -parameters.reset_noise_scale, parameters.reset_noise_scale);
    }
    for (var i = 0u; i < 6u; i++) {
        physics.v[i] = rng_between(rng, -parameters.reset_noise_scale, parameters.reset_noise_scale);
    }
    return EnvState(physics);
}

fn hopper_is_healthy(physics: Physics) -> bool {
    // Height and pitch have bounds of their own; only the pitch has both.
    var largest = 0.0;
    for (var i = 2u; i < 6u; i++) {
        largest = max(largest, abs(physics.q[i]));
    }
    for (var i = 0u; i < 6u; i++) {
        largest = max(largest, abs(physics.v[i]));
    }
    let z = physics.q[Q_ROOTZ];
    let tilt = abs(physics.q[Q_ROOTY]);
    return largest < parameters.healthy_state_max && z > parameters.healthy_z_min && z < parameters.healthy_z_max && tilt < parameters.healthy_angle_max;
}

fn env_step(state: ptr<function, EnvState>, action: array<f32, 3>, rng: ptr<function, Rng>) -> Outcome {
    var physics = (*state).physics;
    // The way of this step is measured from 0: far from there, positions have few digits.
    let x = physics.q[Q_ROOTX];
    physics.q[Q_ROOTX] = 0.0;
    for (var i = 0u; i < HOPPER_STEPS; i++) {
        physics_step(&physics, action);
    }
    let way = physics.q[Q_ROOTX];
    physics.q[Q_ROOTX] = x + way;
    (*state).physics = physics;
    let speed = way / (PHYSICS_TIME_STEP * f32(HOPPER_STEPS));
    let effort = action[0] * action[0] + action[1] * action[1] + action[2] * action[2];
    let healthy = hopper_is_healthy(physics);
    let survival = select(0.0, parameters.healthy_reward, healthy);
    let reward = parameters.forward_reward_weight * speed + survival - parameters.ctrl_cost_weight * effort;
    return Outcome(reward, !healthy && parameters.terminate_when_unhealthy != 0u);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    var observation: array<f32, OBSERVATION>;
    for (var i = 0u; i < 5u; i++) {
        observation[i] = state.physics.q[i + 1u];
    }
    for (var i = 0u; i < 6u; i++) {
        observation[i + 5u] = clamp(state.physics.v[i], -10.0, 10.0);
    }
    return observation;
}

// The robot, from the side.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var physics = state.physics;
    let x = physics.q[Q_ROOTX];
    return physics_picture(&physics, uv, vec3(x, -4.0, 1.3), vec3(x, 0.0, 0.8));
}
