// Walker2d-v5: walk to the right as fast as possible with a planar robot of two legs.
// Actions: the motors of thigh, leg and foot on either side, -1 to 1 of their torque. Observation: height and pitch of the torso, the six joint angles, and the
// velocities of all nine degrees of freedom, from -10 to 10. Reward: forward speed in m/s + 1 - 0.001 times the squared actions. The episode ends, without the 1,
// where the torso is not between 0.8 and 2 m or tilts by more than 1 rad.
// Model, reward and resets: Gymnasium 1.4.0; physics: MuJoCo 4.0, four steps of 0.002 s for each action.

//! import rng
//! import mujoco walker2d

const OBSERVATION: u32 = 17u;
const ACTION_LOW = array(-1.0f, -1.0f, -1.0f, -1.0f, -1.0f, -1.0f);
const ACTION_HIGH = array(1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f);
const TIME_LIMIT: u32 = 1000u;

const WALKER_STEPS: u32 = 4u;

struct EnvParameters {
    forward_reward_weight: f32,
    ctrl_cost_weight: f32,
    healthy_reward: f32,
    terminate_when_unhealthy: u32,  // 1: yes, 0: no
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

const DEFAULT_PARAMETERS = EnvParameters(1.0, 1e-3, 1.0, 1u, 0.8, 2.0, 1.0, 5e-3, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0);

struct EnvState {
    physics: Physics,
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var physics = physics_start();
    for (var i = 0u; i < 9u; i++) {
        physics.q[i] += rng_between(rng, -parameters.reset_noise_scale, parameters.reset_noise_scale);
    }
    for (var i = 0u; i < 9u; i++) {
        physics.v[i] = rng_between(rng, -parameters.reset_noise_scale, parameters.reset_noise_scale);
    }
    return EnvState(physics);
}

fn env_step(state: ptr<function, EnvState>, action: array<f32, 6>, rng: ptr<function, Rng>) -> Outcome {
    var physics = (*state).physics;
    // The way of this step is measured from 0: far from there, positions have few digits.
    let x = physics.q[Q_ROOTX];
    physics.q[Q_ROOTX] = 0.0;
    for (var i = 0u; i < WALKER_STEPS; i++) {
        physics_step(&physics, action);
    }
    let way = physics.q[Q_ROOTX];
    physics.q[Q_ROOTX] = x + way;
    (*state).physics = physics;
    let speed = way / (PHYSICS_TIME_STEP * f32(WALKER_STEPS));
    var effort = 0.0;
    for (var i = 0u; i < 6u; i++) {
        effort += action[i] * action[i];
    }
    let z = physics.q[Q_ROOTZ];
    let healthy = z > parameters.healthy_z_min && z < parameters.healthy_z_max && abs(physics.q[Q_ROOTY]) < parameters.healthy_angle_max;
    let survival = select(0.0, parameters.healthy_reward, healthy);
    let reward = parameters.forward_reward_weight * speed + survival - parameters.ctrl_cost_weight * effort;
    return Outcome(reward, !healthy && parameters.terminate_when_unhealthy != 0u);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    var observation: array<f32, OBSERVATION>;
    for (var i = 0u; i < 8u; i++) {
        observation[i] = state.physics.q[i + 1u];
    }
    for (var i = 0u; i < 9u; i++) {
        observation[i + 8u] = clamp(state.physics.v[i], -10.0, 10.0);
    }
    return observation;
}

// The robot, from the side.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var physics = state.physics;
    let x = physics.q[Q_ROOTX];
    return physics_picture(&physics, uv, vec3(x, -4.0, 1.3), vec3(x, 0.0, 0.8));
}
