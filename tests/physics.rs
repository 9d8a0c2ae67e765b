//! The physics of rigid bodies, in f64, against what MuJoCo 4.0 recorded (`tests/conformance/bodies.py`).

use ppo_gpu::mjcf::compile;
use ppo_gpu::physics::integrate::{State, Stepper};
use ppo_gpu::physics::scales::Scales;
use ppo_gpu::physics::sense::Sensor;
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
    #[serde(default)]
    observation: Vec<f64>,
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
    assert_eq!(names.len(), 14);
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

/// What Gymnasium's Humanoid-v5 observes beside positions and velocities: inertias and velocities of bodies about the centre of mass, torques of motors, and contacts.
#[test]
fn sensors_read_what_gymnasium_observes_of_the_humanoid() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = compile::model(&root.join("shaders/robots/humanoid.xml")).expect("a robot");
    let text = std::fs::read_to_string(root.join("tests/conformance/bodies/humanoid.json")).expect("a recording");
    let recorded: Recorded = serde_json::from_str(&text).expect("a recording");
    let bodies = || 1..model.bodies.len();
    let motors = (0..model.joints.len()).filter(|&j| model.joints[j].kind.freedoms() == 1).map(Sensor::ActuatorForce);
    let contacts = bodies().flat_map(|b| [Sensor::ContactTorque(b), Sensor::ContactForce(b)]);
    let sensors: Vec<Sensor> = bodies().map(Sensor::Inertia).chain(bodies().map(Sensor::CentralVelocity)).chain(motors).chain(contacts).collect();
    let stepper = Stepper::new(&model, sensors);
    let mut touched = 0;
    for step in &recorded.steps {
        let mut state = State { q: step.q.clone(), v: step.v.clone(), sensed: Vec::new() };
        (0..recorded.frame_skip).for_each(|_| state = stepper.step(&Scales::none(), &state, &step.control));
        let found = [&state.q[2..], &state.v, &state.sensed].concat();
        assert_eq!((found.len(), step.observation.len()), (348, 348));
        touched += usize::from(step.observation[270..].iter().any(|&force| force != 0.0));
        for (k, (found, expected)) in found.iter().zip(&step.observation).enumerate() {
            // Nine digits are recorded. Contact forces reach 1e4 N.
            assert!((found - expected).abs() <= 1e-8 * expected.abs().max(1.0), "component {k}: {found}, recorded {expected}");
        }
    }
    assert!(touched > 20, "{touched} states with contacts");
}

/// The centre of mass of what the torso carries is that of the whole robot: its bodies' shares, from their inertias.
#[test]
fn the_subtree_of_the_root_is_the_robot() {
    let model = compile::model(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders/robots/humanoid.xml")).expect("a robot");
    let q = model.reference();
    let mut sensors = vec![Sensor::SubtreeCentre(1), Sensor::SubtreeCentre(6)];
    sensors.extend((1..model.bodies.len()).map(Sensor::Inertia));
    let stepper = Stepper::new(&model, sensors);
    let sensed: Vec<f64> = stepper.sense(&Scales::none(), &q, &vec![0.0; model.freedoms()], &vec![0.0; model.actuators.len()]);
    // About the centre of mass of the tree, all first moments cancel.
    let inertias: Vec<&[f64]> = sensed[6..].chunks(10).collect();
    for axis in 6..9 {
        assert!(inertias.iter().map(|inertia| inertia[axis]).sum::<f64>().abs() < 1e-12);
    }
    // The sixth body, a foot, carries nothing: its share leads from the one centre to the other.
    let foot = inertias[5];
    for axis in 0..3 {
        assert!((sensed[axis] + foot[6 + axis] / foot[9] - sensed[3 + axis]).abs() < 1e-12);
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
