//! A first task for a robot: the file that `ppo-gpu env new NAME --mjcf FILE.xml` writes.

use crate::physics::kinematics::Pose;
use crate::physics::model::{Actuator, Joint, JointKind, Key, Model, identifier};

/// Control steps a second, about.
const RATE: f64 = 50.0;
/// Farthest that an action of 1 moves the target of a position actuator, rad or m.
const REACH: f64 = 0.5;

/// The WGSL of an environment in which the robot of the file called `xml` stands and walks.
pub fn wgsl(model: &Model, name: &str, xml: &str) -> String {
    let template = include_str!("template_robot.wgsl");
    let root_body = model.joints[0].body;
    let of_root = || model.joints.iter().filter(|joint| joint.body == root_body);
    let floating = model.joints[0].kind == JointKind::Free;
    let slides = |joint: &Joint, axes: [usize; 2]| joint.kind == JointKind::Slide && axes.iter().any(|&k| joint.axis[k].abs() > 0.9);
    // One that slides up and down, as planar robots do, can fall, too.
    let stands = floating || model.bodies[root_body].parent == 0 && of_root().any(|joint| slides(joint, [2, 2]));
    let key = model.keys.iter().find(|key| !key.name.is_empty());
    let (positions, freedoms, controls) = (model.positions(), model.freedoms(), model.actuators.len());
    // Of the root: its direction downwards and its velocities, in place of its positions.
    let (first_q, first_v) = if floating { (7, 6) } else { (0, 0) };
    let (joints, speeds) = (positions - first_q, freedoms - first_v);
    let root = identifier(&model.bodies[root_body].label(root_body));
    let start: Vec<f64> = key.map_or_else(|| model.reference(), |key| key.q.clone());
    let pose = Pose::new(model, &start);
    let height = pose.origins[root_body][2] + pose.positions[root_body][2];
    // How far a robot has come is none of its business.
    let seen = model.joints.iter().flat_map(|joint| vec![if joint.body == root_body && slides(joint, [0, 1]) { 0.0 } else { 1.0 }; joint.kind.positions()]);
    let seen: Vec<f64> = seen.skip(first_q).collect();
    let list = |numbers: Vec<f64>| numbers.iter().map(|x| format!("{:?}", *x as f32)).collect::<Vec<_>>().join(", ");
    let (centres, scales): (Vec<f64>, Vec<f64>) = model.actuators.iter().enumerate().map(|(a, actuator)| reach(actuator, a, key)).unzip();
    let substeps = (1.0 / RATE / model.timestep).round().max(1.0);
    let values = [
        ("NAME", name.to_string()),
        ("XML", xml.to_string()),
        ("ROOT", root),
        ("OBSERVED", (if floating { 9 } else { 0 } + joints + speeds + controls).to_string()),
        ("CONTROLS", controls.to_string()),
        ("LOW", vec!["-1.0f"; controls].join(", ")),
        ("HIGH", vec!["1.0f"; controls].join(", ")),
        ("LIMIT", ((20.0 / (substeps * model.timestep)).round() as u32).to_string()),
        ("SUBSTEPS", (substeps as u32).to_string()),
        ("CENTRES", list(centres)),
        ("SCALES", list(scales)),
        ("START", key.map_or("physics_start()".into(), |key| format!("physics_key_{}()", identifier(&key.name)))),
        ("START_Q", list(start[first_q..].to_vec())),
        ("SEEN", list(seen)),
        ("HEIGHT", format!("{:?}", height as f32)),
        ("JOINTS", joints.to_string()),
        ("SPEEDS", speeds.to_string()),
        ("FIRST_Q", first_q.to_string()),
        ("FIRST_V", first_v.to_string()),
    ];
    let mut text = String::new();
    // Parts for robots with a free joint, for those that can fall, and for others.
    let mut wanted = true;
    for line in template.lines() {
        match line.trim() {
            "// {{IF FLOATING}}" => wanted = floating,
            "// {{IF PLANAR}}" => wanted = stands && !floating,
            "// {{IF STANDING}}" => wanted = stands,
            "// {{IF FIXED}}" => wanted = !stands,
            "// {{END}}" => wanted = true,
            _ if wanted => {
                text += line;
                text.push('\n');
            }
            _ => {}
        }
    }
    values.into_iter().fold(text, |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), &value))
}

/// A configuration to train on that environment, whose file is called `wgsl`.
pub fn config(wgsl: &str) -> String {
    format!(
        "# Train with: ppo-gpu --config THIS_FILE.toml\n\nenv = \"{wgsl}\"\nenvs = 256\nsteps = 64\nminibatches = 16\nepochs = 5\nlr = 1e-3\ngamma = 0.99\nentropy_coef = 0.0\n\
         normalize_observations = true\nnormalize_rewards = true\ntotal_steps = 10_000_000\n"
    )
}

/// The control that an action of 0 stands for, and what an action of 1 adds.
fn reach(actuator: &Actuator, a: usize, key: Option<&Key>) -> (f64, f64) {
    let [low, high] = actuator.control_range.unwrap_or([-1.0, 1.0]);
    let half = 0.5 * (high - low);
    let is_position = actuator.bias[1] != 0.0;
    if is_position {
        let centre = key.map_or(0.0, |key| key.control[a]).clamp(low, high);
        let reach = if actuator.control_range.is_some() { half.min(REACH) } else { REACH };
        return (centre, reach);
    }
    (0.5 * (low + high), half)
}
