//! The physics of rigid bodies, in f64, against what MuJoCo 4.0 recorded (`tests/conformance/bodies.py`).

use ppo_gpu::mjcf::compile;
use ppo_gpu::physics::integrate::{State, Stepper};
use ppo_gpu::physics::scales::Scales;
use serde::Deserialize;

#[derive(Deserialize)]
struct Recorded {
    frame_skip: usize,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    q: Vec<f64>,
    v: Vec<f64>,
    control: Vec<f64>,
    acceleration: Vec<f64>,
    next_q: Vec<f64>,
    next_v: Vec<f64>,
}

fn farthest(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max)
}

#[test]
fn environment_steps_are_those_of_mujoco() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("tests/conformance/bodies");
    let mut names: Vec<_> = std::fs::read_dir(&folder).expect("the recordings").map(|entry| entry.expect("a file").path()).collect();
    names.sort();
    assert_eq!(names.len(), 12);
    for path in names {
        let text = std::fs::read_to_string(&path).expect("a recording");
        let recorded: Recorded = serde_json::from_str(&text).expect("a recording");
        let xml = path.with_extension("xml");
        let xml = ["tests/conformance/robots", "shaders/robots"].map(|folder| root.join(folder).join(xml.file_name().expect("a name")));
        let model = compile::model(xml.iter().find(|path| path.exists()).expect("the robot")).expect("a robot");
        let stepper = Stepper::new(&model, Vec::new());
        let mut worst = [0.0f64; 3];
        for step in &recorded.steps {
            let mut state = State { q: step.q.clone(), v: step.v.clone(), sensed: Vec::new() };
            let acceleration = stepper.acceleration(&state.q, &state.v, &step.control);
            (0..recorded.frame_skip).for_each(|_| state = stepper.step(&Scales::none(), &state, &step.control));
            let size = step.acceleration.iter().fold(1.0f64, |most, a| most.max(a.abs()));
            let found = [farthest(&acceleration, &step.acceleration) / size, farthest(&state.q, &step.next_q), farthest(&state.v, &step.next_v)];
            worst = std::array::from_fn(|i| worst[i].max(found[i]));
        }
        // Rounding in f64, 1e-16, grows by the condition of the mass matrix (up to 1e4) and by the stiffness of contacts over the step's up to 20 stages. With 2,000
        // states of each robot, the most was 1e-12, 2e-13 and 9e-11.
        let allowed = [1e-11, 1e-12, 1e-10];
        let name = path.file_stem().expect("a name").display();
        assert!(worst.iter().zip(allowed).all(|(&worst, allowed)| worst < allowed), "{name}: acceleration, q and v differ by {worst:?}");
    }
}

/// Factors do what changed numbers of the model do.
#[test]
fn scales_are_those_of_the_models_numbers() {
    let xml = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/robots/dog.xml");
    let model = compile::model(&xml).expect("a robot");
    let [gravity, mass, friction, damping, armature, gain] = [0.7, 1.3, 0.6, 1.8, 2.5, 0.9];
    let mut changed = model.clone();
    changed.gravity = changed.gravity.map(|g| g * gravity);
    for body in &mut changed.bodies {
        body.mass *= mass;
        body.inertia = body.inertia.map(|moment| moment * mass);
    }
    changed.geoms.iter_mut().for_each(|geom| geom.friction[0] *= friction);
    for joint in &mut changed.joints {
        joint.damping *= damping;
        joint.armature *= armature;
    }
    for actuator in &mut changed.actuators {
        actuator.gain *= gain;
        actuator.bias = actuator.bias.map(|bias| bias * gain);
    }
    let text = std::fs::read_to_string(xml.with_file_name("../bodies/dog.json")).expect("a recording");
    let recorded: Recorded = serde_json::from_str(&text).expect("a recording");
    let scales = Scales { gravity, mass, friction, damping, armature, gain };
    let mut moved = 0.0f64;
    for step in &recorded.steps {
        let state = State { q: step.q.clone(), v: step.v.clone(), sensed: Vec::new() };
        let scaled = Stepper::new(&model, Vec::new()).step(&scales, &state, &step.control);
        let expected = Stepper::new(&changed, Vec::new()).step(&Scales::none(), &state, &step.control);
        let plain = Stepper::new(&model, Vec::new()).step(&Scales::none(), &state, &step.control);
        // As between this and MuJoCo, for one step.
        assert!(farthest(&scaled.v, &expected.v) < 1e-10, "{:e}", farthest(&scaled.v, &expected.v));
        moved = moved.max(farthest(&scaled.v, &plain.v));
    }
    assert!(moved > 0.1);
}
