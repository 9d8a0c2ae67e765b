// {{IF STANDING}}
// {{NAME}}: stand and walk at a given speed, with the robot in {{XML}}.
// Actions: from -1 to 1 for each actuator; `control_of` says what they stand for. Observation: `env_observe`. Reward: for the speed, for being upright, and against
// effort; `env_step` adds it up. The episode ends where the robot has fallen.
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
//     p.joint_NAME_constraint_force
//     physics_sense(&p)             sets those for a state that no step led to
//     physics_picture(&p, uv, eye, centre)

//! import rng
//! import mjcf {{XML}}

const OBSERVATION: u32 = {{OBSERVED}}u;
const ACTION_LOW = array({{LOW}});
const ACTION_HIGH = array({{HIGH}});
const TIME_LIMIT: u32 = {{LIMIT}}u;  // 20 s

const SUBSTEPS: u32 = {{SUBSTEPS}}u;  // of physics for each action
const CONTROLS: u32 = {{CONTROLS}}u;
// Positions and velocities that are not those of a free root.
const JOINTS: u32 = {{JOINTS}}u;
const SPEEDS: u32 = {{SPEEDS}}u;
const FIRST_Q: u32 = {{FIRST_Q}}u;
const FIRST_V: u32 = {{FIRST_V}}u;
// The pose to begin with.
const START = array<f32, JOINTS>({{START_Q}});
// 1 for positions that are observed, 0 for how far a robot on slides has come.
const SEEN = array<f32, JOINTS>({{SEEN}});
// The control of an action of 0, and what an action of 1 adds.
const CENTRES = array<f32, CONTROLS>({{CENTRES}});
const SCALES = array<f32, CONTROLS>({{SCALES}});

// Numbers that can be set without editing the file: --env-parameters effort_weight=0, or effort_weight=[0,0.01] to draw it for each episode.
struct EnvParameters {
    // {{IF STANDING}}
    target_speed: f32,  // m/s, forwards
    // {{END}}
    effort_weight: f32,
    change_weight: f32,  // against actions that change from step to step
    reset_noise: f32,    // rad, m, rad/s and m/s
    // {{IF STANDING}}
    fallen: f32,         // share of the first height below which the episode ends
    // {{END}}
}

// {{IF STANDING}}
const DEFAULT_PARAMETERS = EnvParameters(0.5, 0.002, 0.01, 0.05, 0.6);
// {{END}}
// {{IF FIXED}}
const DEFAULT_PARAMETERS = EnvParameters(0.002, 0.01, 0.05);
// {{END}}

struct EnvState {
    physics: Physics,
    last_action: array<f32, CONTROLS>,
}

fn control_of(action: array<f32, CONTROLS>) -> array<f32, CONTROLS> {
    var control = action;
    for (var i = 0u; i < CONTROLS; i++) {
        control[i] = CENTRES[i] + SCALES[i] * action[i];
    }
    return control;
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var physics = {{START}};
    for (var i = 0u; i < JOINTS; i++) {
        physics.q[i + FIRST_Q] += rng_between(rng, -parameters.reset_noise, parameters.reset_noise);
    }
    for (var i = 0u; i < SPEEDS; i++) {
        physics.v[i + FIRST_V] += rng_between(rng, -parameters.reset_noise, parameters.reset_noise);
    }
    physics_sense(&physics);
    return EnvState(physics, array<f32, CONTROLS>());
}

// {{IF FLOATING}}
// A direction of the world in the axes of the root.
fn in_root(physics: Physics, direction: vec3<f32>) -> vec3<f32> {
    return transpose(physics.body_{{ROOT}}_rotation) * direction;
}
// {{END}}

fn env_step(state: ptr<function, EnvState>, action: array<f32, CONTROLS>, rng: ptr<function, Rng>) -> Outcome {
    var physics = (*state).physics;
    let control = control_of(action);
    for (var i = 0u; i < SUBSTEPS; i++) {
        physics_step(&physics, control);
    }
    var effort = 0.0;
    var change = 0.0;
    for (var i = 0u; i < CONTROLS; i++) {
        let difference = action[i] - (*state).last_action[i];
        effort += action[i] * action[i];
        change += difference * difference;
    }
    *state = EnvState(physics, action);
    // {{IF FLOATING}}
    let speed = in_root(physics, physics.body_{{ROOT}}_velocity).x;
    // {{END}}
    // {{IF PLANAR}}
    let speed = physics.body_{{ROOT}}_velocity.x;
    // {{END}}
    // {{IF STANDING}}
    let upright = physics.body_{{ROOT}}_rotation[2].z;
    let has_fallen = physics.body_{{ROOT}}_position.z < parameters.fallen * {{HEIGHT}} || upright < 0.3;
    let error = speed - parameters.target_speed;
    let reward = exp(-4.0 * error * error) + 0.5 * upright - parameters.effort_weight * effort - parameters.change_weight * change;
    return Outcome(select(reward, 0.0, has_fallen), has_fallen);
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

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    var observation: array<f32, OBSERVATION>;
    var n = 0u;
    // {{IF FLOATING}}
    // The direction downwards, and both velocities of the root, in its own axes.
    let down = in_root(state.physics, vec3(0.0, 0.0, -1.0));
    let velocity = in_root(state.physics, state.physics.body_{{ROOT}}_velocity);
    let turning = in_root(state.physics, state.physics.body_{{ROOT}}_angular_velocity);
    for (var i = 0u; i < 3u; i++) {
        observation[i] = down[i];
        observation[i + 3u] = velocity[i];
        observation[i + 6u] = turning[i];
    }
    n = 9u;
    // {{END}}
    for (var i = 0u; i < JOINTS; i++) {
        observation[n + i] = SEEN[i] * (state.physics.q[i + FIRST_Q] - START[i]);
    }
    n += JOINTS;
    for (var i = 0u; i < SPEEDS; i++) {
        observation[n + i] = 0.1 * state.physics.v[i + FIRST_V];
    }
    n += SPEEDS;
    for (var i = 0u; i < CONTROLS; i++) {
        observation[n + i] = state.last_action[i];
    }
    return observation;
}

// Seen from the side; the camera follows.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var physics = state.physics;
    let centre = physics.body_{{ROOT}}_position;
    return physics_picture(&physics, uv, centre + vec3(0.6, -2.2, 0.7), centre);
}
