// Ant-v5: walk to the right as fast as possible with a robot of four legs.
// Actions: the eight motors, -1 to 1 of their torque. Observation: height of the torso, its orientation as a quaternion, the eight joint angles, the velocities of
// all 14 degrees of freedom, and for each of the 13 bodies the torque and the force of its contacts, from -1 to 1. Reward: forward speed in m/s + 1 - 0.5 times the
// squared actions - 0.0005 times the squared torques and forces. The episode ends, without the 1, where the torso is not between 0.2 and 1 m.
// Model, reward and resets: Gymnasium 1.4.0; physics: MuJoCo 4.0, five steps of 0.01 s for each action. As in Gymnasium, the torso's position and the contacts are
// those of the last stage of the last step.

//! import rng
//! import mujoco ant

const OBSERVATION: u32 = 105u;
const ACTION_LOW = array(-1.0f, -1.0f, -1.0f, -1.0f, -1.0f, -1.0f, -1.0f, -1.0f);
const ACTION_HIGH = array(1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f);
const TIME_LIMIT: u32 = 1000u;
const SOLVED_RETURN: f32 = 6000.0;

const ANT_STEPS: u32 = 5u;
const ANT_BODIES: u32 = 13u;

struct EnvParameters {
    forward_reward_weight: f32,
    ctrl_cost_weight: f32,
    contact_cost_weight: f32,
    healthy_reward: f32,
    terminate_when_unhealthy: u32,  // 1: yes, 0: no
    healthy_z_min: f32,             // m
    healthy_z_max: f32,             // m
    contact_force_max: f32,         // N and N m
    reset_noise_scale: f32,         // m, rad, m/s and rad/s
    gravity_scale: f32,             // factor of gravity
    mass_scale: f32,                // factor of masses and inertias
    friction_scale: f32,            // factor of coefficients of friction
    damping_scale: f32,             // factor of the joints' damping
    armature_scale: f32,            // factor of the motors' inertia
    gain_scale: f32,                // factor of the motors' torque
}

const DEFAULT_PARAMETERS = EnvParameters(1.0, 0.5, 5e-4, 1.0, 1u, 0.2, 1.0, 1.0, 0.1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0);

struct EnvState {
    physics: Physics,
    // How far the torso of the last stage is ahead of the state, m.
    ahead: vec2<f32>,
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var physics = physics_start();
    for (var i = 0u; i < 15u; i++) {
        physics.q[i] += rng_between(rng, -parameters.reset_noise_scale, parameters.reset_noise_scale);
    }
    for (var i = 0u; i < 14u; i++) {
        physics.v[i] = parameters.reset_noise_scale * rng_normal(rng);
    }
    return EnvState(physics, vec2(0.0));
}

fn ant_clamp(contact: vec3<f32>) -> vec3<f32> {
    return clamp(contact, vec3(-parameters.contact_force_max), vec3(parameters.contact_force_max));
}

// Torques and forces of contacts, body after body.
fn ant_contacts(physics: Physics) -> array<vec3<f32>, 2 * ANT_BODIES> {
    return array<vec3<f32>, 2 * ANT_BODIES>(
        ant_clamp(physics.body_torso_contact_torque),
        ant_clamp(physics.body_torso_contact_force),
        ant_clamp(physics.body_front_left_leg_contact_torque),
        ant_clamp(physics.body_front_left_leg_contact_force),
        ant_clamp(physics.body_aux_1_contact_torque),
        ant_clamp(physics.body_aux_1_contact_force),
        ant_clamp(physics.body_4_contact_torque),
        ant_clamp(physics.body_4_contact_force),
        ant_clamp(physics.body_front_right_leg_contact_torque),
        ant_clamp(physics.body_front_right_leg_contact_force),
        ant_clamp(physics.body_aux_2_contact_torque),
        ant_clamp(physics.body_aux_2_contact_force),
        ant_clamp(physics.body_7_contact_torque),
        ant_clamp(physics.body_7_contact_force),
        ant_clamp(physics.body_back_leg_contact_torque),
        ant_clamp(physics.body_back_leg_contact_force),
        ant_clamp(physics.body_aux_3_contact_torque),
        ant_clamp(physics.body_aux_3_contact_force),
        ant_clamp(physics.body_10_contact_torque),
        ant_clamp(physics.body_10_contact_force),
        ant_clamp(physics.body_right_back_leg_contact_torque),
        ant_clamp(physics.body_right_back_leg_contact_force),
        ant_clamp(physics.body_aux_4_contact_torque),
        ant_clamp(physics.body_aux_4_contact_force),
        ant_clamp(physics.body_13_contact_torque),
        ant_clamp(physics.body_13_contact_force),
    );
}

fn env_step(state: ptr<function, EnvState>, action: array<f32, 8>, rng: ptr<function, Rng>) -> Outcome {
    var physics = (*state).physics;
    // The way of this step is measured from 0: far from there, positions have few digits.
    let before = vec2(physics.q[0], physics.q[1]);
    physics.q[0] = 0.0;
    physics.q[1] = 0.0;
    for (var i = 0u; i < ANT_STEPS; i++) {
        physics_step(&physics, action);
    }
    let torso = physics.body_torso_position.xy;
    let speed = (torso.x - (*state).ahead.x) / (PHYSICS_TIME_STEP * f32(ANT_STEPS));
    (*state).ahead = torso - vec2(physics.q[0], physics.q[1]);
    physics.q[0] += before.x;
    physics.q[1] += before.y;
    (*state).physics = physics;
    var effort = 0.0;
    for (var i = 0u; i < 8u; i++) {
        effort += action[i] * action[i];
    }
    var contacts = ant_contacts(physics);
    var pressure = 0.0;
    for (var i = 0u; i < 2u * ANT_BODIES; i++) {
        pressure += dot(contacts[i], contacts[i]);
    }
    let z = physics.q[2];
    let healthy = z >= parameters.healthy_z_min && z <= parameters.healthy_z_max;
    let survival = select(0.0, parameters.healthy_reward, healthy);
    let costs = parameters.ctrl_cost_weight * effort + parameters.contact_cost_weight * pressure;
    return Outcome(parameters.forward_reward_weight * speed + survival - costs, !healthy && parameters.terminate_when_unhealthy != 0u);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    var observation: array<f32, OBSERVATION>;
    for (var i = 0u; i < 13u; i++) {
        observation[i] = state.physics.q[i + 2u];
    }
    for (var i = 0u; i < 14u; i++) {
        observation[i + 13u] = state.physics.v[i];
    }
    var contacts = ant_contacts(state.physics);
    for (var i = 0u; i < 2u * ANT_BODIES; i++) {
        observation[3u * i + 27u] = contacts[i].x;
        observation[3u * i + 28u] = contacts[i].y;
        observation[3u * i + 29u] = contacts[i].z;
    }
    return observation;
}

// The robot, from above at an angle.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var physics = state.physics;
    let x = physics.q[0];
    let y = physics.q[1];
    return physics_picture(&physics, uv, vec3(x - 2.0, y - 4.5, 3.2), vec3(x, y, 0.4));
}
