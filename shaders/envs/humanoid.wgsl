// Humanoid-v5: walk to the right as fast as possible, without falling, with a robot of two legs and two arms.
// Actions: the 17 motors, -0.4 to 0.4. Observation: height of the torso, its orientation as a quaternion, the 17 joint angles; the velocities of all 23 degrees of
// freedom; for each of the 13 bodies its inertia (10 numbers, MuJoCo's `cinert`) and its velocity (6, `cvel`); the torques of the motors; and for each body the torque
// and the force of its contacts. Reward: 1.25 times the speed of the centre of mass in m/s + 5 - 0.1 times the squared actions - 5e-7 times the squared torques and
// forces, of which at most 10. The episode ends, without the 5, where the torso is not between 1 and 2 m.
// Model, reward and resets: Gymnasium 1.4.0; physics: MuJoCo 4.0, five steps of 0.003 s for each action. As in Gymnasium, all but positions and velocities is that
// of the last stage of the last step.

//! import rng
//! import mujoco humanoid

const OBSERVATION: u32 = 348u;
const ACTION_LOW = array(-0.4f, -0.4f, -0.4f, -0.4f, -0.4f, -0.4f, -0.4f, -0.4f, -0.4f, -0.4f, -0.4f, -0.4f, -0.4f, -0.4f, -0.4f, -0.4f, -0.4f);
const ACTION_HIGH = array(0.4f, 0.4f, 0.4f, 0.4f, 0.4f, 0.4f, 0.4f, 0.4f, 0.4f, 0.4f, 0.4f, 0.4f, 0.4f, 0.4f, 0.4f, 0.4f, 0.4f);
const TIME_LIMIT: u32 = 1000u;

const HUMANOID_STEPS: u32 = 5u;
const HUMANOID_BODIES: u32 = 13u;

struct EnvParameters {
    forward_reward_weight: f32,
    ctrl_cost_weight: f32,
    contact_cost_weight: f32,
    contact_cost_max: f32,
    healthy_reward: f32,
    terminate_when_unhealthy: u32,  // 1: yes, 0: no
    healthy_z_min: f32,             // m
    healthy_z_max: f32,             // m
    reset_noise_scale: f32,         // m, rad, m/s and rad/s
    gravity_scale: f32,             // factor of gravity
    mass_scale: f32,                // factor of masses and inertias
    friction_scale: f32,            // factor of coefficients of friction
    damping_scale: f32,             // factor of the joints' damping
    armature_scale: f32,            // factor of the motors' inertia
    gain_scale: f32,                // factor of the motors' torque
}

const DEFAULT_PARAMETERS = EnvParameters(1.25, 0.1, 5e-7, 10.0, 5.0, 1u, 1.0, 2.0, 0.01, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0);

struct EnvState {
    physics: Physics,
    // How far the centre of mass of the last stage is ahead of the torso's place in the state, m.
    ahead: vec2<f32>,
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var physics = physics_start();
    for (var i = 0u; i < 24u; i++) {
        physics.q[i] += rng_between(rng, -parameters.reset_noise_scale, parameters.reset_noise_scale);
    }
    for (var i = 0u; i < 23u; i++) {
        physics.v[i] = rng_between(rng, -parameters.reset_noise_scale, parameters.reset_noise_scale);
    }
    physics_sense_motion(&physics);
    return EnvState(physics, physics.body_torso_subtree_com.xy - vec2(physics.q[0], physics.q[1]));
}

// Torques and forces of contacts, body after body.
fn humanoid_contacts(physics: Physics) -> array<vec3<f32>, 2 * HUMANOID_BODIES> {
    return array<vec3<f32>, 2 * HUMANOID_BODIES>(
        physics.body_torso_contact_torque,
        physics.body_torso_contact_force,
        physics.body_lwaist_contact_torque,
        physics.body_lwaist_contact_force,
        physics.body_pelvis_contact_torque,
        physics.body_pelvis_contact_force,
        physics.body_right_thigh_contact_torque,
        physics.body_right_thigh_contact_force,
        physics.body_right_shin_contact_torque,
        physics.body_right_shin_contact_force,
        physics.body_right_foot_contact_torque,
        physics.body_right_foot_contact_force,
        physics.body_left_thigh_contact_torque,
        physics.body_left_thigh_contact_force,
        physics.body_left_shin_contact_torque,
        physics.body_left_shin_contact_force,
        physics.body_left_foot_contact_torque,
        physics.body_left_foot_contact_force,
        physics.body_right_upper_arm_contact_torque,
        physics.body_right_upper_arm_contact_force,
        physics.body_right_lower_arm_contact_torque,
        physics.body_right_lower_arm_contact_force,
        physics.body_left_upper_arm_contact_torque,
        physics.body_left_upper_arm_contact_force,
        physics.body_left_lower_arm_contact_torque,
        physics.body_left_lower_arm_contact_force,
    );
}

// Inertia and velocity of body number `b`. Loops over bodies would be too long for drivers to unroll.
fn humanoid_observe_body(observation: ptr<function, array<f32, OBSERVATION>>, b: u32, inertia: array<f32, 10>, velocity: array<f32, 6>) {
    var numbers = inertia;
    for (var i = 0u; i < 10u; i++) {
        (*observation)[10u * b + i + 45u] = numbers[i];
    }
    var components = velocity;
    for (var i = 0u; i < 6u; i++) {
        (*observation)[6u * b + i + 175u] = components[i];
    }
}

fn humanoid_torques(physics: Physics) -> array<f32, 17> {
    return array<f32, 17>(
        physics.joint_abdomen_z_actuator_force,
        physics.joint_abdomen_y_actuator_force,
        physics.joint_abdomen_x_actuator_force,
        physics.joint_right_hip_x_actuator_force,
        physics.joint_right_hip_z_actuator_force,
        physics.joint_right_hip_y_actuator_force,
        physics.joint_right_knee_actuator_force,
        physics.joint_left_hip_x_actuator_force,
        physics.joint_left_hip_z_actuator_force,
        physics.joint_left_hip_y_actuator_force,
        physics.joint_left_knee_actuator_force,
        physics.joint_right_shoulder1_actuator_force,
        physics.joint_right_shoulder2_actuator_force,
        physics.joint_right_elbow_actuator_force,
        physics.joint_left_shoulder1_actuator_force,
        physics.joint_left_shoulder2_actuator_force,
        physics.joint_left_elbow_actuator_force,
    );
}

fn env_step(state: ptr<function, EnvState>, action: array<f32, 17>, rng: ptr<function, Rng>) -> Outcome {
    var physics = (*state).physics;
    // The way of this step is measured from 0: far from there, positions have few digits.
    let before = vec2(physics.q[0], physics.q[1]);
    physics.q[0] = 0.0;
    physics.q[1] = 0.0;
    for (var i = 0u; i < HUMANOID_STEPS; i++) {
        physics_step(&physics, action);
    }
    let centre = physics.body_torso_subtree_com.xy;
    let speed = (centre.x - (*state).ahead.x) / (PHYSICS_TIME_STEP * f32(HUMANOID_STEPS));
    (*state).ahead = centre - vec2(physics.q[0], physics.q[1]);
    physics.q[0] += before.x;
    physics.q[1] += before.y;
    (*state).physics = physics;
    var effort = 0.0;
    for (var i = 0u; i < 17u; i++) {
        effort += action[i] * action[i];
    }
    var contacts = humanoid_contacts(physics);
    var pressure = 0.0;
    for (var i = 0u; i < 2u * HUMANOID_BODIES; i++) {
        pressure += dot(contacts[i], contacts[i]);
    }
    let z = physics.q[2];
    let healthy = z > parameters.healthy_z_min && z < parameters.healthy_z_max;
    let survival = select(0.0, parameters.healthy_reward, healthy);
    let costs = parameters.ctrl_cost_weight * effort + min(parameters.contact_cost_weight * pressure, parameters.contact_cost_max);
    return Outcome(parameters.forward_reward_weight * speed + survival - costs, !healthy && parameters.terminate_when_unhealthy != 0u);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    var observation: array<f32, OBSERVATION>;
    for (var i = 0u; i < 22u; i++) {
        observation[i] = state.physics.q[i + 2u];
    }
    for (var i = 0u; i < 23u; i++) {
        observation[i + 22u] = state.physics.v[i];
    }
    humanoid_observe_body(&observation, 0u, state.physics.body_torso_cinert, state.physics.body_torso_cvel);
    humanoid_observe_body(&observation, 1u, state.physics.body_lwaist_cinert, state.physics.body_lwaist_cvel);
    humanoid_observe_body(&observation, 2u, state.physics.body_pelvis_cinert, state.physics.body_pelvis_cvel);
    humanoid_observe_body(&observation, 3u, state.physics.body_right_thigh_cinert, state.physics.body_right_thigh_cvel);
    humanoid_observe_body(&observation, 4u, state.physics.body_right_shin_cinert, state.physics.body_right_shin_cvel);
    humanoid_observe_body(&observation, 5u, state.physics.body_right_foot_cinert, state.physics.body_right_foot_cvel);
    humanoid_observe_body(&observation, 6u, state.physics.body_left_thigh_cinert, state.physics.body_left_thigh_cvel);
    humanoid_observe_body(&observation, 7u, state.physics.body_left_shin_cinert, state.physics.body_left_shin_cvel);
    humanoid_observe_body(&observation, 8u, state.physics.body_left_foot_cinert, state.physics.body_left_foot_cvel);
    humanoid_observe_body(&observation, 9u, state.physics.body_right_upper_arm_cinert, state.physics.body_right_upper_arm_cvel);
    humanoid_observe_body(&observation, 10u, state.physics.body_right_lower_arm_cinert, state.physics.body_right_lower_arm_cvel);
    humanoid_observe_body(&observation, 11u, state.physics.body_left_upper_arm_cinert, state.physics.body_left_upper_arm_cvel);
    humanoid_observe_body(&observation, 12u, state.physics.body_left_lower_arm_cinert, state.physics.body_left_lower_arm_cvel);
    var torques = humanoid_torques(state.physics);
    for (var i = 0u; i < 17u; i++) {
        observation[i + 253u] = torques[i];
    }
    var contacts = humanoid_contacts(state.physics);
    for (var i = 0u; i < 2u * HUMANOID_BODIES; i++) {
        observation[3u * i + 270u] = contacts[i].x;
        observation[3u * i + 271u] = contacts[i].y;
        observation[3u * i + 272u] = contacts[i].z;
    }
    return observation;
}

// The robot, from the side at an angle.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var physics = state.physics;
    let x = physics.q[0];
    let y = physics.q[1];
    return physics_picture(&physics, uv, vec3(x - 1.5, y - 4.0, 1.8), vec3(x, y, 1.0));
}
