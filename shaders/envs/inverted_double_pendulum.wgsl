// InvertedDoublePendulum-v5: balance two poles, one on the other, on a cart.
// Action: the cart's motor, -1 to 1 (of 500 N). Observation: position of the cart, sines and cosines of both angles, velocities from -10 to 10, and the force of
// the cart's limits from -10 to 10. Reward: 10 for each step in which the tip is higher than 1 m (else the episode ends), less the tip's distance from
// x = 0, z = 2 and the poles' speeds, weighted and squared.
// Model, reward and resets: Gymnasium 1.4.0; physics: MuJoCo 4.0, five steps of 0.01 s for each action. As in Gymnasium, tip and force are those of the last
// stage of the last step.

//! import rng
//! import mujoco inverted_double_pendulum

const OBSERVATION: u32 = 9u;
const ACTION_LOW = array(-1.0f);
const ACTION_HIGH = array(1.0f);
const TIME_LIMIT: u32 = 1000u;
const SOLVED_RETURN: f32 = 9100.0;

const PENDULUM_STEPS: u32 = 5u;

struct EnvParameters {
    healthy_reward: f32,
    reset_noise_scale: f32,  // m, rad, m/s and rad/s
    gravity_scale: f32,      // factor of gravity
    mass_scale: f32,         // factor of masses and inertias
    damping_scale: f32,      // factor of the joints' damping
    gain_scale: f32,         // factor of the motors' torque
}

const DEFAULT_PARAMETERS = EnvParameters(10.0, 0.1, 1.0, 1.0, 1.0, 1.0);

struct EnvState {
    physics: Physics,
}

// The cart begins so far from its limits that they have no force.
fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var physics = physics_start();
    for (var i = 0u; i < 3u; i++) {
        physics.q[i] += rng_between(rng, -parameters.reset_noise_scale, parameters.reset_noise_scale);
    }
    for (var i = 0u; i < 3u; i++) {
        physics.v[i] = parameters.reset_noise_scale * rng_normal(rng);
    }
    return EnvState(physics);
}

fn env_step(state: ptr<function, EnvState>, action: array<f32, 1>, rng: ptr<function, Rng>) -> Outcome {
    var physics = (*state).physics;
    for (var i = 0u; i < PENDULUM_STEPS; i++) {
        physics_step(&physics, action);
    }
    (*state).physics = physics;
    let tip = physics.site_tip_position;
    let lower = physics.v[V_HINGE];
    let upper = physics.v[V_HINGE2];
    let fallen = tip.z <= 1.0;
    let distance_penalty = 0.01 * tip.x * tip.x + (tip.z - 2.0) * (tip.z - 2.0);
    let velocity_penalty = 1e-3 * lower * lower + 5e-3 * upper * upper;
    return Outcome(select(parameters.healthy_reward, 0.0, fallen) - distance_penalty - velocity_penalty, fallen);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    let physics = state.physics;
    return array<f32, OBSERVATION>(
        physics.q[Q_SLIDER],
        precise_sin(physics.q[Q_HINGE]),
        precise_sin(physics.q[Q_HINGE2]),
        precise_cos(physics.q[Q_HINGE]),
        precise_cos(physics.q[Q_HINGE2]),
        clamp(physics.v[V_SLIDER], -10.0, 10.0),
        clamp(physics.v[V_HINGE], -10.0, 10.0),
        clamp(physics.v[V_HINGE2], -10.0, 10.0),
        clamp(physics.joint_slider_constraint_force, -10.0, 10.0),
    );
}

// The cart and its poles, from the side.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var physics = state.physics;
    return physics_picture(&physics, uv, vec3(0.0, -4.5, 0.9), vec3(0.0, 0.0, 0.5));
}
