//! Tasks that `env new NAME --mjcf FILE.xml` writes, on the device, against what they say.

use crate::harness::{Words, plan, profile};
use crate::probe::probe;
use ppo_gpu::environments::robot_task::{self, Task};
use ppo_gpu::mjcf::compile;
use ppo_gpu::physics::integrate::{State, Stepper};
use ppo_gpu::physics::model::Model;
use ppo_gpu::physics::scales::Scales;
use ppo_gpu::physics::sense::Sensor;
use std::sync::OnceLock;

/// Steps of each environment.
const STEPS: usize = 12;
/// Environments.
const ENVS: usize = 256;
/// Positions, velocities, actuators and observation of the dog.
const SIZES: [usize; 4] = [13, 12, 6, 27];
/// Physics steps of a control step.
const SUBSTEPS: usize = 5;

const HEAD: &str = "//! import rng\n//! import environment\n@group(0) @binding(0) var<storage, read_write> observations: array<f32>;\n\
    fn store(place: ptr<function, u32>, x: f32) {\n    observations[*place] = x;\n    *place += 1u;\n}\n";

/// A state, what is observed of it, the action and the reward that led to it, and whether it ends an episode.
#[derive(Debug, Clone, Default)]
struct Record {
    q: Vec<f32>,
    v: Vec<f32>,
    observation: Vec<f32>,
    action: Vec<f32>,
    reward: f32,
    ended: bool,
    /// Time in the air of the front and the rear foot, of joystick tasks.
    air: Vec<f32>,
}

fn dog() -> Model {
    compile::model(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/robots/dog.xml")).expect("a robot")
}

/// The first state and `STEPS` steps of each environment, in a task of the dog. `varied` are parameters that `setup`, WGSL, sets for environment `n` after the
/// first state; `act` sets the `action` of step `k`.
fn rollouts(task: Task, varied: &[&str], setup: &str, act: &str) -> Vec<Vec<Record>> {
    let xml = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/robots/dog.xml");
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("dog.wgsl");
    std::fs::write(&path, robot_task::wgsl(&dog(), "dog", &xml.display().to_string(), task).expect("a task")).expect("a file");
    let varied: String = varied.iter().map(|name| format!(" env_parameters.{name}=[0,1]")).collect();
    let plan = plan(&format!("env={} envs={ENVS} steps=64 minibatches=1 hidden=1{varied}", path.display()), profile("software"));
    let [q, v, u, o] = SIZES;
    let (observed, feet) = if task == Task::Joystick { (o + 3, 2) } else { (o, 0) };
    let width = q + v + observed + u + 2 + feet;
    let air = if feet == 0 { "" } else { "store(&place, state.air[0]); store(&place, state.air[1]);" };
    let body = format!(
        "        parameters = DEFAULT_PARAMETERS;
        var first_rng = rng_stream(vec2(7u, 1u), RESET_DOMAIN, 3u, 0u);
        var state = env_reset(&first_rng);
        {setup}
        var place = n * {}u;
        var outcome = Outcome(0.0, false);
        var action: array<f32, {u}>;
        for (var k = 0u; k <= {STEPS}u; k++) {{
            if (k > 0u) {{
                {act}
                var rng = rng_stream(vec2(5u, 1u), STEP_DOMAIN, k, n);
                outcome = env_step(&state, action, &rng);
            }}
            for (var i = 0u; i < {q}u; i++) {{ store(&place, state.physics.q[i]); }}
            for (var i = 0u; i < {v}u; i++) {{ store(&place, state.physics.v[i]); }}
            var observation = env_observe(state);
            for (var i = 0u; i < {observed}u; i++) {{ store(&place, observation[i]); }}
            for (var i = 0u; i < {u}u; i++) {{ store(&place, action[i]); }}
            store(&place, outcome.reward);
            store(&place, select(0.0, 1.0, outcome.terminated));
            {air}
        }}",
        (STEPS + 1) * width
    );
    let words = probe(&plan, HEAD, &body, &Words::new(), "observations");
    let records = words[..ENVS * (STEPS + 1) * width].chunks(width).map(|words| {
        let mut rest = words.iter().map(|word| f32::from_bits(*word));
        let mut take = |count: usize| rest.by_ref().take(count).collect::<Vec<f32>>();
        let (q, v, observation, action, outcome) = (take(q), take(v), take(observed), take(u), take(2));
        Record { q, v, observation, action, reward: outcome[0], ended: outcome[1] == 1.0, air: take(feet) }
    });
    let records: Vec<Record> = records.collect();
    records.chunks(STEPS + 1).map(<[Record]>::to_vec).collect()
}

const ACT: &str = "for (var i = 0u; i < 6u; i++) { action[i] = rng_between(&action_rng, -1.0, 1.0); }";

/// High above the floor, with the same actions: environment 0 as it is; 1 to 4 with actions 1, 2, 3 and 9 steps late; 5 to 7 with actions that are chosen 1, 2
/// and 3 steps later; 8 to 63 with pushes of 0.7 m/s every 0.1 s (5 steps); the others with half of the observation's noise.
fn in_the_air() -> &'static [Vec<Record>] {
    static RECORDS: OnceLock<Vec<Vec<Record>>> = OnceLock::new();
    RECORDS.get_or_init(|| {
        let setup = "state.physics.q[2] += 3.0;
        let later = select(0u, n - 4u, n >= 5u && n <= 7u);
        parameters.action_delay = select(select(0u, n, n <= 3u), 9u, n == 4u);
        parameters.push_interval = 0.1;
        if (n >= 8u && n < 64u) { parameters.push_speed = 0.7; }
        if (n >= 64u) { parameters.observation_noise = 0.5; }";
        let act = format!("if (k > later) {{ var action_rng = rng_stream(vec2(6u, 1u), ACTION_DOMAIN, k - later, 0u); {ACT} }}");
        rollouts(Task::Walk, &["push_speed", "observation_noise", "action_delay"], setup, &act)
    })
}

/// Positions and velocities of the dog after a control step from `before`.
fn stepped(model: &Model, sensors: &[Sensor], before: &Record, control: &[f64]) -> State<f64> {
    let wide = |numbers: &[f32]| numbers.iter().map(|&x| f64::from(x)).collect();
    let stepper = Stepper::new(model, sensors.to_vec());
    let mut state = State { q: wide(&before.q), v: wide(&before.v), sensed: Vec::new() };
    (0..SUBSTEPS).for_each(|_| state = stepper.step(&Scales::none(), &state, control));
    state
}

/// Controls of the dog: targets within 0.5 rad of 0 for positions; the whole range of velocities and motors.
fn control(action: &[f32]) -> Vec<f64> {
    action.iter().zip([0.5, 0.5, 0.5, 0.5, 4.0, 1.0]).map(|(&a, scale)| f64::from(a) * scale).collect()
}

#[test]
fn without_variation_a_task_is_the_robots_physics() {
    let (model, records) = (dog(), &in_the_air()[0]);
    for (before, after) in records.iter().zip(&records[1..]) {
        let expected = stepped(&model, &[], before, &control(&after.action));
        // The tolerances of `bodies.rs`, for the same computation.
        assert!(after.q.iter().zip(&expected.q).all(|(&a, b)| (f64::from(a) - b).abs() <= 2e-6 * 4.0), "{after:?}, {expected:?}");
        assert!(after.v.iter().zip(&expected.v).all(|(&a, b)| (f64::from(a) - b).abs() <= 1e-4 * 10.0), "{after:?}, {expected:?}");
        // Joints, a tenth of their velocities, the action.
        let observed: Vec<f32> = after.q[7..].iter().copied().chain(after.v[6..].iter().map(|v| 0.1 * v)).chain(after.action.iter().copied()).collect();
        assert_eq!(after.observation[9..], observed);
    }
}

#[test]
fn pushes_change_the_velocity_of_the_base_and_nothing_else() {
    let plain = &in_the_air()[0];
    let mut sums = [0.0f32; 2];
    for pushed in &in_the_air()[8..64] {
        let off = |k: usize| [0, 1].map(|i| pushed[k].v[i] - plain[k].v[i]);
        for k in 0..=STEPS {
            // Physics does not depend on a uniform velocity, but its roundings do.
            let [x, y] = off(k);
            let [before_x, before_y] = off(k.max(1) - 1);
            let kick = (x - before_x).hypot(y - before_y);
            // Before the sixth and the eleventh step.
            let expected = if [6, 11].contains(&k) { 0.7 } else { 0.0 };
            assert!((kick - expected).abs() < 1e-3, "step {k}: {kick}");
            assert!((2..12).all(|i| (pushed[k].v[i] - plain[k].v[i]).abs() < 1e-3), "step {k}: {:?}, {:?}", pushed[k].v, plain[k].v);
            sums[0] += x - before_x;
            sums[1] += y - before_y;
        }
    }
    // The mean of 112 random directions of length 0.7: components deviate by 0.7 / sqrt(2 * 112) = 0.047; five of these.
    assert!(sums.iter().all(|sum| (sum / 112.0).abs() < 5.0 * 0.047), "{sums:?}");
}

#[test]
fn noise_of_observations_has_its_size_and_leaves_the_state() {
    let plain = &in_the_air()[0];
    let mut errors: Vec<Vec<f64>> = vec![Vec::new(); SIZES[3]];
    for noisy in &in_the_air()[64..] {
        // Without the first state, whose noise has the same seed in all of them.
        for (noisy, plain) in noisy.iter().zip(plain).skip(1) {
            assert_eq!((&noisy.q, &noisy.v, noisy.reward), (&plain.q, &plain.v, plain.reward));
            for (i, errors) in errors.iter_mut().enumerate() {
                errors.push(f64::from(noisy.observation[i]) - f64::from(plain.observation[i]));
            }
        }
        // Drawn anew in each step.
        let first = |k: usize| noisy[k].observation[9] - plain[k].observation[9];
        assert!((1..=STEPS).all(|k| first(k) != first(k - 1)));
    }
    let count = ((ENVS - 64) * STEPS) as f64;
    for (i, errors) in errors.iter().enumerate() {
        let size = 0.5 * [0.05, 0.1, 0.2, 0.03, 0.1 * 1.5, 0.0][if i < 9 { i / 3 } else { 3 + (i - 9) / 6 }];
        // Roundings of numbers up to 10.
        assert!(errors.iter().all(|error| error.abs() <= size + 2e-6), "{i}");
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let variance = errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64;
        // Uniform: variance size^2 / 3, and squares deviate by size^2 sqrt(4/45). Five standard deviations.
        let deviation = 5.0 / count.sqrt();
        assert!(mean.abs() <= size * deviation / 3f64.sqrt(), "{i}: mean {mean}");
        assert!((variance - size * size / 3.0).abs() <= size * size * deviation * (4f64 / 45.0).sqrt(), "{i}: variance {variance}");
        assert_eq!(size == 0.0, errors.iter().all(|error| *error == 0.0), "{i}");
    }
}

#[test]
fn late_actions_arrive_late() {
    let records = in_the_air();
    for (late, shifted) in [(1, 5), (2, 6), (3, 7), (4, 7)] {
        for ((late, shifted), plain) in records[late].iter().zip(&records[shifted]).zip(&records[0]).skip(1) {
            assert_eq!((&late.q, &late.v), (&shifted.q, &shifted.v));
            assert_eq!(late.observation[21..], plain.observation[21..], "the action that was chosen is observed");
        }
        assert_ne!(records[late][STEPS].q, records[0][STEPS].q);
    }
}

/// Environments just above the floor, which act at random, with a weight that makes most rewards positive, and an end where the trunk is below 0.36 m; commands change every 0.1 s, and in the first 64 are always 0.3 m/s forwards and 0.2 rad/s to the right.
fn joystick() -> &'static [Vec<Record>] {
    static RECORDS: OnceLock<Vec<Vec<Record>>> = OnceLock::new();
    RECORDS.get_or_init(|| {
        let setup = "parameters.command_interval = 0.1;
        var own_rng = rng_stream(vec2(7u, 1u), RESET_DOMAIN, 4u, n);
        parameters.still_share = 0.25;
        parameters.pose_weight = 20.0;
        parameters.fallen = 1.2;
        if (n < 64u) {
            parameters.still_share = 0.0;
            parameters.forward_low = 0.3; parameters.forward_high = 0.3; parameters.left_low = 0.0; parameters.left_high = 0.0;
            parameters.turn_low = -0.2; parameters.turn_high = -0.2;
        }
        state = env_reset(&own_rng);
        state.physics.q[2] = 0.46;";
        let act = format!("var action_rng = rng_stream(vec2(6u, 1u), ACTION_DOMAIN, k, n); {ACT}");
        rollouts(Task::Joystick, &["pose_weight"], setup, &act)
    })
}

#[test]
fn commands_are_drawn_and_change_at_intervals() {
    let (mut still, mut drawn) = (0, 0);
    for (n, records) in joystick().iter().enumerate() {
        let command = |k: usize| &records[k].observation[SIZES[3]..];
        for k in 0..=STEPS {
            let [forward, left, turn] = [0, 1, 2].map(|i| command(k)[i]);
            if n < 64 {
                assert_eq!([forward, left, turn], [0.3, 0.0, -0.2]);
            } else {
                assert!(forward.abs() <= 1.0 && left.abs() <= 0.5 && turn.abs() <= 1.0);
                // The fifth and the tenth step draw anew.
                let changes = [5, 10].contains(&k);
                let zero = command(k) == [0.0; 3];
                assert!(k == 0 || (command(k) != command(k - 1)) == (changes && !(zero && command(k - 1) == [0.0; 3])));
                if k == 0 || changes {
                    drawn += 1;
                    still += usize::from(zero);
                }
            }
        }
    }
    // 576 draws with probability 0.25: deviation sqrt(0.25 * 0.75 / 576) = 0.018; five of these.
    let share = still as f64 / f64::from(drawn);
    assert!((share - 0.25).abs() < 5.0 * 0.018, "{share} of {drawn}");
}

#[test]
fn joystick_rewards_are_the_terms_that_they_name() {
    let model = dog();
    let trunk = 1;
    let frame = ppo_gpu::physics::sense::Frame::Body(trunk);
    let body = |name: &str| model.bodies.iter().position(|body| body.name == name).expect("a body");
    let mut sensors = vec![Sensor::Position(frame), Sensor::Rotation(frame), Sensor::Velocity(frame), Sensor::AngularVelocity(frame)];
    sensors.extend(["front_calf", "rear_calf"].map(|name| Sensor::ContactForce(body(name))));
    sensors.extend((1..7).map(Sensor::ActuatorForce));
    // kg: the trunk, and two legs of 0.6 + 0.9 + 0.15.
    let weight = (5.2 + 2.0 * 1.65) * 9.81;
    let (mut off, mut landed, mut ended, mut positive) = (Vec::new(), 0, 0, 0);
    for records in joystick() {
        for (before, after) in records.iter().zip(&records[1..]) {
            let sensed = stepped(&model, &sensors, before, &control(&after.action));
            let (position, rest) = sensed.sensed.split_at(3);
            let (axes, rest) = rest.split_at(9);
            let in_trunk = |w: &[f64]| [0, 1, 2].map(|i| (0..3).map(|k| axes[3 * i + k] * w[k]).sum::<f64>());
            let (velocity, turning) = (in_trunk(&rest[..3]), in_trunk(&rest[3..6]));
            let (forces, torques) = rest[6..].split_at(6);
            let command: Vec<f64> = before.observation[SIZES[3]..].iter().map(|&x| f64::from(x)).collect();
            let squares = |numbers: &[f64]| numbers.iter().map(|x| x * x).sum::<f64>();
            let mut reward = (-squares(&[velocity[0] - command[0], velocity[1] - command[1]]) / 0.25).exp();
            reward += 0.5 * (-(turning[2] - command[2]).powi(2) / 0.25).exp();
            reward += 20.0 * (-squares(&sensed.q[7..])).exp();
            reward -= 5.0 * squares(&axes[6..8]) + 0.5 * velocity[2].powi(2) + 0.02 * squares(&turning[..2]);
            reward -= 0.02 * squares(torques) / (weight * 0.3f64).powi(2);
            reward -= 0.01 * after.action.iter().zip(&before.observation[21..27]).map(|(&a, &b)| f64::from(a - b).powi(2)).sum::<f64>();
            let mut undecided = false;
            for foot in 0..2 {
                let force = squares(&forces[3 * foot..3 * foot + 3]).sqrt();
                undecided |= (force - 0.01 * weight).abs() < 0.1;
                let touches = force > 0.01 * weight;
                let air = f64::from(before.air[foot]);
                if touches && air > 0.0 {
                    landed += 1;
                    reward += if squares(&command) > 0.0 { 0.1 * (air - 0.1) / 0.02 } else { 0.0 };
                }
                let expected = if touches { 0.0 } else { air + 0.02 };
                assert!(undecided || (f64::from(after.air[foot]) - expected).abs() < 1e-6, "{} after {air}, {force} N", after.air[foot]);
            }
            let falls = position[2] < 1.2 * 0.3 || axes[8] < 0.3;
            let expected = if falls { 0.0 } else { 0.02 * reward.max(0.0) };
            positive += usize::from(expected > 0.0);
            ended += usize::from(falls);
            assert_eq!(after.ended, falls);
            if !undecided {
                off.push((f64::from(after.reward) - expected).abs());
            }
        }
    }
    off.sort_by(f64::total_cmp);
    // As in `bodies.rs`: but for contacts that begin in one computation and not in the other, velocities are within 1e-4 of their size, here up to 10 m/s and
    // rad/s; the steepest term is 5 (m/s)^-1, times 0.02.
    assert!(off[off.len() * 99 / 100] < 1e-4, "{}", off[off.len() * 99 / 100]);
    assert!(off.len() > ENVS * STEPS * 9 / 10 && landed > 100 && ended > 30 && positive > 1000, "{}, {landed}, {ended}, {positive}", off.len());
}
