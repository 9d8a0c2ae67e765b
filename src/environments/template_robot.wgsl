// {{IF STANDING WALK}}
// {{NAME}}: stand and walk at a given speed, with the robot in {{XML}}.
// Actions: from -1 to 1 for each actuator; `control_of` says what they stand for. Observation: `env_observe`. Reward: for the speed, for being upright, and against
// effort; `env_step` adds it up. The episode ends where the robot has fallen.
// {{END}}
// {{IF JOYSTICK}}
// {{NAME}}: follow commands (speeds forwards and to the left, and the rate of turning to the left) with the robot in {{XML}}.
// Actions: from -1 to 1 for each actuator; `control_of` says what they stand for. Observation: `env_observe`. Reward: `env_step` adds up terms of the quadrupeds
// of legged_gym (Rudin et al. 2022) and of MuJoCo Playground's Go1JoystickFlatTerrain (Zakka et al. 2025). The episode ends where the robot has fallen.
// {{END}}
// {{IF FIXED}}
// {{NAME}}: hold the first pose, with the robot in {{XML}}, which is fixed to the world.
// Actions: from -1 to 1 for each actuator; `control_of` says what they stand for. Observation: `env_observe`. Reward: for being near the pose, and against effort;
// `env_step` adds it up.
// {{END}}
//
// This file is a whole environment; change it into yours. `ppo-gpu env check THIS_FILE.wgsl` tries it, and `ppo-gpu env new NAME` writes an example that says
// what any environment may use. What the robot adds (`ppo-gpu env show {{XML}}` lists its names):
//     Physics                       its state: positions q and velocities v, as in MuJoCo; Q_JOINT and V_JOINT are the indices of a joint
//     physics_start()               the reference pose; physics_key_NAME() a pose that the XML has under <keyframe>
//     physics_step(&p, control)     PHYSICS_TIME_STEP seconds of MuJoCo's physics
//     p.body_NAME_position          and _rotation, _velocity, _angular_velocity, _contact_force, _contact_torque: as the last step saw them
//     p.site_NAME_position          and _rotation, _velocity, _angular_velocity
//     p.joint_NAME_constraint_force and _actuator_force
//     physics_sense(&p)             sets those for a state that no step led to
//     physics_picture(&p, uv, eye, centre)

//! import rng
//! import mjcf {{XML}}

const OBSERVATION: u32 = {{OBSERVED}}u;
const ACTION_LOW = array({{LOW}});
const ACTION_HIGH = array({{HIGH}});
const TIME_LIMIT: u32 = {{LIMIT}}u;  // 20 s

const SUBSTEPS: u32 = {{SUBSTEPS}}u;  // of physics for each action
const STEP_SECONDS: f32 = {{STEP_SECONDS}};
const CONTROLS: u32 = {{CONTROLS}}u;
const MOST_DELAY: u32 = 3u;  // of actions, in steps
// Positions and velocities that are not those of a free root.
const JOINTS: u32 = {{JOINTS}}u;
const SPEEDS: u32 = {{SPEEDS}}u;
const FIRST_Q: u32 = {{FIRST_Q}}u;
const FIRST_V: u32 = {{FIRST_V}}u;
// If one of these does not hold, the robot has changed since this was written: correct the numbers, START and so on, or write a new task with `ppo-gpu env new`.
const_assert FIRST_Q + JOINTS == PHYSICS_POSITIONS;
const_assert FIRST_V + SPEEDS == PHYSICS_VELOCITIES;
const_assert CONTROLS == PHYSICS_CONTROLS;
// {{IF STANDING}}
const HEIGHT: f32 = {{HEIGHT}};  // m, of the root in the first pose
// {{END}}
// The pose to begin with.
const START = array<f32, JOINTS>({{START_Q}});
// 1 for positions that are observed, 0 for how far a robot on slides without an end has come.
const SEEN = array<f32, JOINTS>({{SEEN}});
// The control of an action of 0, and what an action of 1 adds.
const CENTRES = array<f32, CONTROLS>({{CENTRES}});
const SCALES = array<f32, CONTROLS>({{SCALES}});
// Noise of what is observed where observation_noise is 1: uniform between minus and plus this. MuJoCo Playground's for the Go1; legged_gym has 0.01 for positions.
// {{IF FLOATING}}
const DOWN_NOISE: f32 = 0.05;
const VELOCITY_NOISE: f32 = 0.1;  // m/s
const TURNING_NOISE: f32 = 0.2;   // rad/s
// {{END}}
const POSITION_NOISE: f32 = 0.03;  // rad and m
const SPEED_NOISE: f32 = 1.5;      // rad/s and m/s
// {{IF JOYSTICK}}
const WIDTH: f32 = 0.25;  // of the rewards for velocities, (m/s)^2 and (rad/s)^2
const TORQUE: f32 = {{TORQUE}};  // N m, what the robot weighs times its height: the unit of torques in the reward
// {{END}}
// {{IF FEET}}
const FEET: u32 = {{FEET}}u;  // {{FEET_NAMES}}
const TOUCH: f32 = {{TOUCH}};  // N, the force of a foot on the floor: 1 % of the robot's weight
const STRIDE: f32 = 0.1;  // s, the time in the air from which a foot's step is rewarded
// {{END}}

// Numbers that can be set without editing the file: --env-parameters reset_noise=0, or reset_noise=[0,0.1] to draw it for each episode, or
// reset_noise={low=0,high=0.1,per="environment"} or per="agent".
struct EnvParameters {
    // {{IF STANDING WALK}}
    target_speed: f32 = 0.5,  // m/s, forwards
    // {{END}}
    // {{IF JOYSTICK}}
    forward_low: f32 = -1.0,  // m/s: commands are drawn uniformly from these ranges
    forward_high: f32 = 1.0,
    left_low: f32 = -0.5,  // m/s
    left_high: f32 = 0.5,
    turn_low: f32 = -1.0,  // rad/s, to the left
    turn_high: f32 = 1.0,
    still_share: f32 = 0.1,  // of commands to stand still
    command_interval: f32 = 5.0,  // s, after which there is a new command
    // Weights of the reward's terms; what a step earns is STEP_SECONDS times their sum, but for that of feet.
    velocity_weight: f32 = 1.0,  // for the commanded velocity
    turn_weight: f32 = 0.5,  // for the commanded rate of turning
    bounce_weight: f32 = 0.5,  // against vertical velocity, (m/s)^2
    roll_weight: f32 = 0.02,  // against rolling and pitching, (rad/s)^2
    tilt_weight: f32 = 5.0,  // against leaning, the square of its sine
    pose_weight: f32 = 0.5,  // for being near the first pose
    torque_weight: f32 = 0.02,  // against squared torques
    change_weight: f32 = 0.01,  // against actions that change from step to step
    // {{END}}
    // {{IF FEET}}
    step_weight: f32 = 0.1,  // for feet that come down after more than STRIDE in the air, each second of it; not while the command is to stand still
    // {{END}}
    // {{IF WALK}}
    effort_weight: f32 = 0.002,
    change_weight: f32 = 0.01,  // against actions that change from step to step
    // {{END}}
    reset_noise: f32 = 0.05,  // rad, m, rad/s and m/s
    // {{IF STANDING}}
    fallen: f32 = 0.6,  // share of the first height below which the episode ends
    // {{END}}
    // What makes policies robust where it varies. The physics has factors gravity_scale and armature_scale, too: add the fields if they matter.
    mass_scale: f32 = 1.0,  // factor of masses and inertias
    friction_scale: f32 = 1.0,  // of friction between geoms
    damping_scale: f32 = 1.0,  // of the joints' damping
    gain_scale: f32 = 1.0,  // of the actuators' gains and biases
    // {{IF PUSHED}}
    push_speed: f32 = 0.0,  // m/s: the base's velocity changes at once by this, in a random horizontal direction
    push_interval: f32 = 5.0,  // s, from push to push
    // {{END}}
    observation_noise: f32 = 0.0,  // factor of the noise above
    action_delay: u32 = 0,  // steps after which an action reaches the actuators; more than MOST_DELAY are MOST_DELAY
}

const DEFAULT_PARAMETERS = EnvParameters({{DEFAULTS}});

struct EnvState {
    physics: Physics,
    past: array<array<f32, CONTROLS>, MOST_DELAY>,  // the last actions, the latest first
    // {{IF FEET}}
    air: array<f32, FEET>,  // s, how long each foot has been in the air
    // {{END}}
    // {{IF JOYSTICK}}
    command: array<f32, 3>,  // m/s forwards and to the left, rad/s to the left
    // {{END}}
    age: u32,    // steps of the episode
    noise: u32,  // of the observation: its seed
}

fn control_of(action: array<f32, CONTROLS>) -> array<f32, CONTROLS> {
    var control = action;
    for (var i = 0u; i < CONTROLS; i++) {
        control[i] = CENTRES[i] + SCALES[i] * action[i];
    }
    return control;
}

// {{IF JOYSTICK}}
fn new_command(rng: ptr<function, Rng>) -> array<f32, 3> {
    let still = rng_uniform(rng) < parameters.still_share;
    let forward = rng_between(rng, parameters.forward_low, parameters.forward_high);
    let left = rng_between(rng, parameters.left_low, parameters.left_high);
    let turn = rng_between(rng, parameters.turn_low, parameters.turn_high);
    if (still) {
        return array<f32, 3>();
    }
    return array<f32, 3>(forward, left, turn);
}

// {{END}}
fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var state: EnvState;
    var physics = {{START}};
    for (var i = 0u; i < JOINTS; i++) {
        physics.q[i + FIRST_Q] += rng_between(rng, -parameters.reset_noise, parameters.reset_noise);
    }
    for (var i = 0u; i < SPEEDS; i++) {
        physics.v[i + FIRST_V] += rng_between(rng, -parameters.reset_noise, parameters.reset_noise);
    }
    physics_sense(&physics);
    state.physics = physics;
    // {{IF JOYSTICK}}
    state.command = new_command(rng);
    // {{END}}
    state.noise = rng_bits(rng);
    return state;
}

// {{IF FLOATING}}
// A direction of the world in the axes of the root.
fn in_root(physics: Physics, direction: vec3<f32>) -> vec3<f32> {
    return transpose(physics.body_{{ROOT}}_rotation) * direction;
}

// {{END}}
// {{IF PUSHED}}
// Whether something that happens every `interval` seconds happens after `age` steps.
fn is_due(age: u32, interval: f32) -> bool {
    return age > 0u && age % max(u32(round(interval / STEP_SECONDS)), 1u) == 0u;
}

// {{END}}
// {{IF PUSHED FLOATING}}
fn push(physics: ptr<function, Physics>, rng: ptr<function, Rng>) {
    let direction = rng_between(rng, 0.0, 6.2831853);
    (*physics).v[0] += parameters.push_speed * precise_cos(direction);
    (*physics).v[1] += parameters.push_speed * precise_sin(direction);
}

// {{END}}
// {{IF PUSHED PLANAR}}
fn push(physics: ptr<function, Physics>, rng: ptr<function, Rng>) {
    (*physics).v[{{FORWARD_V}}] += select(-parameters.push_speed, parameters.push_speed, rng_uniform(rng) < 0.5);
}

// {{END}}
fn env_step(state: ptr<function, EnvState>, action: array<f32, CONTROLS>, rng: ptr<function, Rng>) -> Outcome {
    var physics = (*state).physics;
    // {{IF PUSHED}}
    if (parameters.push_speed != 0.0 && is_due((*state).age, parameters.push_interval)) {
        push(&physics, rng);
    }
    // {{END}}
    // The action that reaches the actuators.
    var late = action;
    for (var i = 0u; i < MOST_DELAY; i++) {
        if (i < parameters.action_delay) {
            late = (*state).past[i];
        }
    }
    let control = control_of(late);
    for (var i = 0u; i < SUBSTEPS; i++) {
        physics_step(&physics, control);
    }
    // {{IF WALK}}
    var effort = 0.0;
    // {{END}}
    var change = 0.0;
    for (var i = 0u; i < CONTROLS; i++) {
        let difference = action[i] - (*state).past[0][i];
        // {{IF WALK}}
        effort += action[i] * action[i];
        // {{END}}
        change += difference * difference;
    }
    for (var i = MOST_DELAY - 1u; i > 0u; i--) {
        (*state).past[i] = (*state).past[i - 1u];
    }
    (*state).past[0] = action;
    (*state).physics = physics;
    (*state).age += 1u;
    (*state).noise = rng_bits(rng);
    // {{IF FLOATING}}
    let velocity = in_root(physics, physics.body_{{ROOT}}_velocity);
    // {{END}}
    // {{IF PLANAR}}
    let velocity = physics.body_{{ROOT}}_velocity;
    // {{END}}
    // {{IF STANDING}}
    let up = physics.body_{{ROOT}}_rotation[2];
    let has_fallen = physics.body_{{ROOT}}_position.z < parameters.fallen * HEIGHT || up.z < 0.3;
    // {{END}}
    // {{IF STANDING WALK}}
    let error = velocity.x - parameters.target_speed;
    let reward = exp(-4.0 * error * error) + 0.5 * up.z - parameters.effort_weight * effort - parameters.change_weight * change;
    return Outcome(select(reward, 0.0, has_fallen), has_fallen);
    // {{END}}
    // {{IF JOYSTICK}}
    let command = (*state).command;
    let turning = in_root(physics, physics.body_{{ROOT}}_angular_velocity);
    let off = velocity.xy - vec2(command[0], command[1]);
    let turn_off = turning.z - command[2];
    var bent = 0.0;
    for (var i = 0u; i < JOINTS; i++) {
        let difference = SEEN[i] * (physics.q[i + FIRST_Q] - START[i]);
        bent += difference * difference;
    }
    var torques = array<f32, {{MOTORS}}>({{TORQUES}});
    var torque = 0.0;
    for (var i = 0u; i < {{MOTORS}}u; i++) {
        let share = torques[i] / TORQUE;
        torque += share * share;
    }
    var reward = parameters.velocity_weight * exp(-dot(off, off) / WIDTH) + parameters.turn_weight * exp(-turn_off * turn_off / WIDTH);
    reward += parameters.pose_weight * exp(-bent) - parameters.tilt_weight * dot(up.xy, up.xy);
    reward -= parameters.bounce_weight * velocity.z * velocity.z + parameters.roll_weight * dot(turning.xy, turning.xy);
    reward -= parameters.torque_weight * torque + parameters.change_weight * change;
    // {{END}}
    // {{IF FEET}}
    var forces = array<vec3<f32>, FEET>({{FORCES}});
    let walks = any(vec3(command[0], command[1], command[2]) != vec3(0.0));
    for (var i = 0u; i < FEET; i++) {
        if (length(forces[i]) < TOUCH) {
            (*state).air[i] += STEP_SECONDS;
        } else {
            // A step is rewarded once, where it ends.
            if (walks && (*state).air[i] > 0.0) {
                reward += parameters.step_weight * ((*state).air[i] - STRIDE) / STEP_SECONDS;
            }
            (*state).air[i] = 0.0;
        }
    }
    // {{END}}
    // {{IF JOYSTICK}}
    if (is_due((*state).age, parameters.command_interval)) {
        (*state).command = new_command(rng);
    }
    // Never below 0, so that falling does not save anything.
    return Outcome(select(STEP_SECONDS * max(reward, 0.0), 0.0, has_fallen), has_fallen);
    // {{END}}
    // {{IF FIXED}}
    var error = 0.0;
    for (var i = 0u; i < JOINTS; i++) {
        let difference = physics.q[i + FIRST_Q] - START[i];
        error += difference * difference;
    }
    return Outcome(exp(-error) - parameters.effort_weight * effort - parameters.change_weight * change, false);
    // {{END}}
}

// A number as it is measured, with noise of up to `most` where observation_noise is 1.
fn measured(x: f32, most: f32, rng: ptr<function, Rng>) -> f32 {
    if (parameters.observation_noise == 0.0) {
        return x;
    }
    return x + parameters.observation_noise * rng_between(rng, -most, most);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    var observation: array<f32, OBSERVATION>;
    var rng = rng_stream(vec2(state.noise), STEP_DOMAIN, 0u, 0u);
    var n = 0u;
    // {{IF FLOATING}}
    // The direction downwards, and both velocities of the root, in its own axes.
    let down = in_root(state.physics, vec3(0.0, 0.0, -1.0));
    let velocity = in_root(state.physics, state.physics.body_{{ROOT}}_velocity);
    let turning = in_root(state.physics, state.physics.body_{{ROOT}}_angular_velocity);
    for (var i = 0u; i < 3u; i++) {
        observation[i] = measured(down[i], DOWN_NOISE, &rng);
        observation[i + 3u] = measured(velocity[i], VELOCITY_NOISE, &rng);
        observation[i + 6u] = measured(turning[i], TURNING_NOISE, &rng);
    }
    n = 9u;
    // {{END}}
    for (var i = 0u; i < JOINTS; i++) {
        observation[n + i] = SEEN[i] * measured(state.physics.q[i + FIRST_Q] - START[i], POSITION_NOISE, &rng);
    }
    n += JOINTS;
    for (var i = 0u; i < SPEEDS; i++) {
        observation[n + i] = 0.1 * measured(state.physics.v[i + FIRST_V], SPEED_NOISE, &rng);
    }
    n += SPEEDS;
    for (var i = 0u; i < CONTROLS; i++) {
        observation[n + i] = state.past[0][i];
    }
    // {{IF JOYSTICK}}
    n += CONTROLS;
    for (var i = 0u; i < 3u; i++) {
        observation[n + i] = state.command[i];
    }
    // {{END}}
    return observation;
}

// Seen from the side; the camera follows.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var physics = state.physics;
    let centre = physics.body_{{ROOT}}_position;
    return physics_picture(&physics, uv, centre + vec3(0.6, -2.2, 0.7), centre);
}
