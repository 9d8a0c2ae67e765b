// Acrobot-v1: swing the free end of two hinged links above a line, by torque at the joint between them.
// Actions: torque -1 (0), 0 (1) or 1 (2) N m. Observation: cosine and sine of both angles, both angular velocities. Reward -1 a step, 0 for the last one.
// Dynamics: Sutton (1996) with the equations of Sutton and Barto (1998), and Gymnasium's constants, integrator (one Runge-Kutta step of fourth order)
// and limits.
// Twin: src/reference/environments/acrobot.rs.

//! import rng

const OBSERVATION: u32 = 6u;
const ACTIONS: u32 = 3u;
const TIME_LIMIT: u32 = 500u;
const SOLVED_RETURN: f32 = -100.0;

const ACROBOT_PI: f32 = 3.1415926536;

struct EnvParameters {
    gravity: f32,         // m/s^2
    time_step: f32,       // s
    length_1: f32,        // m, of the upper link; the joint is at its end
    mass_1: f32,          // kg
    mass_2: f32,          // kg, of the lower link
    centre_1: f32,        // m, from the hinge to the upper link's centre of mass
    centre_2: f32,        // m, the same of the lower link
    inertia: f32,         // kg m^2, of either link
    max_speed_1: f32,     // rad/s
    max_speed_2: f32,     // rad/s
    reset_range: f32,     // every state variable begins within +- this
}

const DEFAULT_PARAMETERS = EnvParameters(9.8, 0.2, 1.0, 1.0, 1.0, 0.5, 0.5, 1.0, 12.566370614, 28.274333882, 0.1);

struct EnvState {
    angle_1: f32,     // rad, of the upper link; 0 hangs down
    angle_2: f32,     // rad, of the lower link against the upper one
    velocity_1: f32,  // rad/s
    velocity_2: f32,  // rad/s
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    let range = parameters.reset_range;
    let angle_1 = rng_between(rng, -range, range);
    let angle_2 = rng_between(rng, -range, range);
    let velocity_1 = rng_between(rng, -range, range);
    return EnvState(angle_1, angle_2, velocity_1, rng_between(rng, -range, range));
}

// The same angle between -pi and pi, where WGSL promises most of sine and cosine.
fn acrobot_wrap(angle: f32) -> f32 {
    return angle - 2.0 * ACROBOT_PI * round(angle / (2.0 * ACROBOT_PI));
}

// d/dt of (angle_1, angle_2, velocity_1, velocity_2).
fn acrobot_slope(s: vec4<f32>, torque: f32) -> vec4<f32> {
    let reach = parameters.mass_2 * parameters.length_1 * parameters.centre_2;
    let own_2 = parameters.mass_2 * parameters.centre_2 * parameters.centre_2;
    let upper = parameters.mass_1 * parameters.centre_1 * parameters.centre_1 + parameters.mass_2 * parameters.length_1 * parameters.length_1;
    let angle_1 = acrobot_wrap(s.x);
    let angle_2 = acrobot_wrap(s.y);
    let cosine = precise_cos(angle_2);
    let sine = precise_sin(angle_2);
    let d1 = upper + own_2 + 2.0 * reach * cosine + 2.0 * parameters.inertia;
    let d2 = own_2 + reach * cosine + parameters.inertia;
    // cos(angle - pi/2) = sin(angle).
    let phi2 = parameters.mass_2 * parameters.centre_2 * parameters.gravity * precise_sin(acrobot_wrap(angle_1 + angle_2));
    let weight_1 = (parameters.mass_1 * parameters.centre_1 + parameters.mass_2 * parameters.length_1) * parameters.gravity;
    let phi1 = -reach * s.w * s.w * sine - 2.0 * reach * s.w * s.z * sine + weight_1 * precise_sin(angle_1) + phi2;
    let acceleration_2 = (torque + d2 / d1 * phi1 - reach * s.z * s.z * sine - phi2) / (own_2 + parameters.inertia - d2 * d2 / d1);
    let acceleration_1 = -(d2 * acceleration_2 + phi1) / d1;
    return vec4(s.z, s.w, acceleration_1, acceleration_2);
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    let torque = f32(action) - 1.0;
    let h = parameters.time_step;
    let s = vec4((*state).angle_1, (*state).angle_2, (*state).velocity_1, (*state).velocity_2);
    let k1 = acrobot_slope(s, torque);
    let k2 = acrobot_slope(s + 0.5 * h * k1, torque);
    let k3 = acrobot_slope(s + 0.5 * h * k2, torque);
    let k4 = acrobot_slope(s + h * k3, torque);
    let moved = s + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
    let angle_1 = acrobot_wrap(moved.x);
    let angle_2 = acrobot_wrap(moved.y);
    *state = EnvState(
        angle_1,
        angle_2,
        clamp(moved.z, -parameters.max_speed_1, parameters.max_speed_1),
        clamp(moved.w, -parameters.max_speed_2, parameters.max_speed_2),
    );
    let above = -precise_cos(angle_1) - precise_cos(acrobot_wrap(angle_1 + angle_2)) > 1.0;
    return Outcome(select(-1.0, 0.0, above), above);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    return array(precise_cos(state.angle_1), precise_sin(state.angle_1), precise_cos(state.angle_2), precise_sin(state.angle_2), state.velocity_1, state.velocity_2);
}

fn acrobot_link(point: vec2<f32>, start: vec2<f32>, end: vec2<f32>) -> f32 {
    let along = end - start;
    return distance(point, start + along * clamp(dot(point - start, along) / dot(along, along), 0.0, 1.0));
}

// The links, their hinges, and the line to get above.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let point = vec2(uv.x * 2.0 - 1.0, 1.0 - uv.y * 2.0) * 2.3;
    let joint = parameters.length_1 * vec2(sin(state.angle_1), -cos(state.angle_1));
    let direction = acrobot_wrap(state.angle_1 + state.angle_2);
    let end = joint + vec2(sin(direction), -cos(direction));
    var colour = mix(vec3(0.55), vec3(0.97), smoothstep(0.01, 0.025, abs(point.y - 1.0)));
    colour = mix(vec3(0.10, 0.70, 0.72), colour, smoothstep(0.09, 0.11, acrobot_link(point, vec2(0.0), joint)));
    colour = mix(vec3(0.10, 0.55, 0.72), colour, smoothstep(0.09, 0.11, acrobot_link(point, joint, end)));
    let hinge = min(length(point), distance(point, joint));
    return mix(vec3(0.72, 0.72, 0.10), colour, smoothstep(0.09, 0.11, hinge));
}
