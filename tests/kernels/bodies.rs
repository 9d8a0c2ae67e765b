//! Gymnasium's robots on the device, against what MuJoCo and Gymnasium recorded (`tests/conformance/bodies.py`).

use crate::environment::{Stepped, step_with};
use crate::harness::{plan, profile};
use ppo_gpu::mjcf::compile;
use ppo_gpu::physics::integrate::{State, Stepper};
use ppo_gpu::physics::scales::Scales;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::spec::environment::Environment;
use serde::Deserialize;

const ROBOTS: [(&str, &str); 8] = [
    ("InvertedPendulum-v5", "inverted_pendulum"),
    ("InvertedDoublePendulum-v5", "inverted_double_pendulum"),
    ("Reacher-v5", "reacher"),
    ("Swimmer-v5", "swimmer"),
    ("HalfCheetah-v5", "half_cheetah"),
    ("Hopper-v5", "hopper"),
    ("Walker2d-v5", "walker2d"),
    ("Ant-v5", "ant"),
];

#[derive(Deserialize)]
struct Recorded {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    q: Vec<f64>,
    v: Vec<f64>,
    control: Vec<f64>,
    next_q: Vec<f64>,
    next_v: Vec<f64>,
    observation: Vec<f64>,
    reward: f64,
    terminated: bool,
}

/// The recording `name`; of more states, if `PPO_GPU_BODIES` says where they are.
fn recorded(name: &str) -> Vec<Step> {
    let folder = std::env::var("PPO_GPU_BODIES").unwrap_or_else(|_| format!("{}/tests/conformance/bodies", env!("CARGO_MANIFEST_DIR")));
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).expect("a recording");
    serde_json::from_str::<Recorded>(&text).expect("a recording").steps
}

/// An environment step of `plan` from each state.
fn stepped(plan: &Plan, steps: &[Step]) -> Vec<Stepped> {
    let words = |step: &Step| {
        let mut words: Vec<f32> = step.q.iter().chain(&step.v).map(|&x| x as f32).collect();
        // What was sensed before, and the like.
        words.resize(plan.environment.state_words, 0.0);
        words
    };
    let states: Vec<Vec<f32>> = steps.iter().map(words).collect();
    let actions: Vec<u32> = steps.iter().flat_map(|step| &step.control).map(|&x| (x as f32).to_bits()).collect();
    step_with(plan, &states, &actions)
}

fn plan_for(env: &str, count: usize) -> Plan {
    plan(&format!("env={env} envs={count} steps=1 minibatches=1 hidden=1"), profile("software"))
}

/// The farthest of `found` from `expected`, relative to the largest of them if that is more than 1.
fn far(found: &[f32], expected: &[f64]) -> f64 {
    let size = expected.iter().fold(1.0f64, |most, x| most.max(x.abs()));
    found.iter().zip(expected).map(|(&found, expected)| (f64::from(found) - expected).abs() / size).fold(0.0, f64::max)
}

/// For each state, how far positions, velocities, observations and the reward are off.
fn errors(env: &str, plan: &Plan, steps: &[Step]) -> [Vec<f64>; 4] {
    let mut errors: [Vec<f64>; 4] = Default::default();
    for (step, found) in steps.iter().zip(stepped(plan, steps)) {
        let n = step.q.len();
        errors[0].push(far(&found.state[..n], &step.next_q));
        errors[1].push(far(&found.state[n..n + step.v.len()], &step.next_v));
        errors[2].push(far(&found.observation, &step.observation));
        errors[3].push(far(&[found.reward], &[step.reward]));
        // No recorded state is within 1e-4 of a threshold.
        assert_eq!(found.terminated, step.terminated, "{env}");
    }
    errors.iter_mut().for_each(|errors| errors.sort_by(f64::total_cmp));
    errors
}

fn at(errors: &[f64], share: f64) -> f64 {
    errors[((errors.len() - 1) as f64 * share) as usize]
}

/// How far the 99th percentile may be. A step of up to 20 stages adds up roundings of 6e-8 with random signs, where positions are the sum of 20 increments: some
/// 4 roundings. Velocities are shaken by stiff contacts and masses of 1e-2 to 1e1 kg: factors up to 1e3. Of 2,000 states of each robot, 99 % were within 1.2e-6 and
/// 1.4e-5; the others are contacts and limits that begin in one computation and not in the other.
const PERCENTILE: [f64; 4] = [2e-6, 1e-4, 1e-4, 1e-4];

#[test]
fn robots_follow_mujoco_and_gymnasium() {
    for (env, name) in ROBOTS {
        let steps = recorded(name);
        let errors = errors(env, &plan_for(env, steps.len()), &steps);
        for ((what, errors), allowed) in ["positions", "velocities", "observations", "rewards"].iter().zip(&errors).zip(PERCENTILE) {
            println!("{env}, {what}: median {:.1e}, 99 % {:.1e}, most {:.1e}", at(errors, 0.5), at(errors, 0.99), at(errors, 1.0));
            assert!(at(errors, 0.99) <= allowed, "{env}: {what} are off by {:e}", at(errors, 0.99));
        }
    }
}

/// A sum of the physics that became a difference is found.
#[test]
fn mistakes_in_the_physics_are_found() {
    let steps = recorded("half_cheetah");
    let right = plan_for("HalfCheetah-v5", steps.len());
    let source = &right.environment.source;
    let start = source.find("fn physics_step").expect("the step");
    // Up to the constraints, of which some are in no recorded state.
    let end = source.find("// Limit").expect("constraints");
    let sums: Vec<usize> = source[start..end].match_indices(" + ").map(|(place, _)| start + place).collect();
    let mutants = 12;
    for k in 0..mutants {
        let place = sums[k * sums.len() / mutants];
        let mutant = format!("{} - {}", &source[..place], &source[place + 3..]);
        let environment = Environment::parse("mutant", &mutant).expect("WGSL");
        let plan = Plan::with_environment(&right.config, environment, profile("software")).expect("a plan");
        let errors = errors("mutant", &plan, &steps);
        assert!((0..4).any(|i| at(&errors[i], 1.0) > PERCENTILE[i]), "mutant {k} of the sum at byte {place}, {}", &source[place - 60..place + 40]);
    }
}

/// Factors of the robot's numbers are parameters that kernels read.
#[test]
fn factors_follow_the_reference() {
    let factors = [("gravity", 0.8), ("mass", 1.25), ("friction", 0.75), ("damping", 1.5), ("armature", 0.5), ("gain", 0.9)];
    let steps = recorded("hopper");
    let set: Vec<String> = factors.iter().map(|(name, factor)| format!("env_parameters.{name}_scale={factor}")).collect();
    let plan = plan(&format!("env=Hopper-v5 envs={} steps=1 minibatches=1 hidden=1 {}", steps.len(), set.join(" ")), profile("software"));
    let xml = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders/robots/hopper.xml");
    let model = compile::model(&xml).expect("a robot");
    let stepper = Stepper::new(&model, Vec::new());
    let scales = Scales::of(|name| factors.iter().find(|(factor, _)| name.strip_suffix("_scale") == Some(factor)).expect("a factor").1);
    let (mut off, mut moved) = (Vec::new(), 0.0f64);
    for (step, found) in steps.iter().zip(stepped(&plan, &steps)) {
        let mut state = State { q: step.q.clone(), v: step.v.clone(), sensed: Vec::new() };
        (0..4).for_each(|_| state = stepper.step(&scales, &state, &step.control));
        off.push(far(&found.state[step.q.len()..step.q.len() + step.v.len()], &state.v));
        moved = moved.max(state.v.iter().zip(&step.next_v).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max));
    }
    off.sort_by(f64::total_cmp);
    assert!(at(&off, 0.99) <= PERCENTILE[1] && moved > 0.1, "{:e}, {moved}", at(&off, 0.99));
}
