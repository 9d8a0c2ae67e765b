// Reacher-v5: move the tip of an arm with two joints to a target.
// Actions: the two motors, -1 to 1 of their torque. Observation: cosines and sines of the joint angles, position of the target, velocities of the joints, and the
// way from the target to the fingertip. Reward: minus that distance in m, minus the squared actions. Never terminates.
// Model, reward and resets: Gymnasium 1.4.0; physics: MuJoCo 4.0, two steps of 0.01 s for each action. As in Gymnasium, the fingertip is where the last stage
// of the last step had it.

//! import rng
//! import mujoco reacher

const OBSERVATION: u32 = 10u;
const ACTION_LOW = array(-1.0f, -1.0f);
const ACTION_HIGH = array(1.0f, 1.0f);
const TIME_LIMIT: u32 = 50u;
const SOLVED_RETURN: f32 = -3.75;

const REACHER_STEPS: u32 = 2u;
const REACHER_START_ANGLE: f32 = 0.1;    // rad
const REACHER_START_SPEED: f32 = 0.005;  // rad/s
const REACHER_TARGETS: f32 = 0.2;        // m, radius of the disc in which targets are
const REACHER_TAU: f32 = 6.2831853;

struct EnvParameters {
    reward_dist_weight: f32,
    reward_control_weight: f32,
    mass_scale: f32,      // factor of masses and inertias
    damping_scale: f32,   // factor of the joints' damping
    armature_scale: f32,  // factor of the motors' inertia
    gain_scale: f32,      // factor of the motors' torque
}

const DEFAULT_PARAMETERS = EnvParameters(1.0, 1.0, 1.0, 1.0, 1.0, 1.0);

struct EnvState {
    physics: Physics,
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var physics = physics_start();
    physics.q[Q_JOINT0] = rng_between(rng, -REACHER_START_ANGLE, REACHER_START_ANGLE);
    physics.q[Q_JOINT1] = rng_between(rng, -REACHER_START_ANGLE, REACHER_START_ANGLE);
    let radius = REACHER_TARGETS * sqrt(rng_uniform(rng));
    let angle = REACHER_TAU * rng_uniform(rng);
    physics.q[Q_TARGET_X] = radius * precise_cos(angle);
    physics.q[Q_TARGET_Y] = radius * precise_sin(angle);
    physics.v[V_JOINT0] = rng_between(rng, -REACHER_START_SPEED, REACHER_START_SPEED);
    physics.v[V_JOINT1] = rng_between(rng, -REACHER_START_SPEED, REACHER_START_SPEED);
    physics_sense(&physics);
    return EnvState(physics);
}

fn env_step(state: ptr<function, EnvState>, action: array<f32, 2>, rng: ptr<function, Rng>) -> Outcome {
    var physics = (*state).physics;
    for (var i = 0u; i < REACHER_STEPS; i++) {
        physics_step(&physics, action);
    }
    (*state).physics = physics;
    let way = physics.body_fingertip_position - physics.body_target_position;
    let effort = action[0] * action[0] + action[1] * action[1];
    return Outcome(-parameters.reward_dist_weight * length(way) - parameters.reward_control_weight * effort, false);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    let physics = state.physics;
    let way = physics.body_fingertip_position - physics.body_target_position;
    return array<f32, OBSERVATION>(
        precise_cos(physics.q[Q_JOINT0]),
        precise_cos(physics.q[Q_JOINT1]),
        precise_sin(physics.q[Q_JOINT0]),
        precise_sin(physics.q[Q_JOINT1]),
        physics.q[Q_TARGET_X],
        physics.q[Q_TARGET_Y],
        physics.v[V_JOINT0],
        physics.v[V_JOINT1],
        way.x,
        way.y,
    );
}

// The arm, its target and the table, from above.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var physics = state.physics;
    return physics_picture(&physics, uv, vec3(0.0, -0.02, 0.8), vec3(0.0));
}
