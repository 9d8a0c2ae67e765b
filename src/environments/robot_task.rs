//! A first task for a robot: the file that `ppo-gpu env new NAME --mjcf FILE.xml` writes.

use crate::physics::collide;
use crate::physics::kinematics::Pose;
use crate::physics::model::{Actuator, Joint, JointKind, Model, identifier};
use crate::support::error::{Error, Result};
use std::collections::BTreeMap;

/// Control steps a second, about.
const RATE: f64 = 50.0;
/// Farthest that an action of 1 moves the target of a position actuator, rad or m.
const REACH: f64 = 0.5;
/// Most steps of physics for an action.
const MOST_SUBSTEPS: f64 = 1000.0;
/// Bodies that are no higher above the lowest point of the robot are feet; share of the root's height.
const FOOT: f64 = 0.1;

/// What a robot is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// To walk forwards at a constant speed; or, if it is fixed to the world, to hold its first pose.
    Walk,
    /// To follow commanded velocities.
    Joystick,
}

/// The WGSL of an environment in which the robot of the file called `xml` has a task.
///
/// # Errors
/// [`Error::Config`] when the robot cannot have that task.
pub fn wgsl(model: &Model, name: &str, xml: &str, task: Task) -> Result<String> {
    let root_body = model.joints[0].body;
    let of_root = || model.joints.iter().zip(model.addresses()).filter(|(joint, _)| joint.body == root_body);
    let floating = model.joints[0].kind == JointKind::Free;
    if task == Task::Joystick && !floating {
        let problem = format!("the robot in {xml} has no free joint at its first body, and cannot move in all directions");
        return Err(Error::config("--task joystick", problem, "add <freejoint/> to that body, or leave out --task"));
    }
    let slides = |joint: &Joint, axes: [usize; 2]| joint.kind == JointKind::Slide && axes.iter().any(|&k| joint.axis[k].abs() > 0.9);
    // One that slides up and down, as planar robots do, can fall, too.
    let stands = floating || model.bodies[root_body].parent == 0 && of_root().any(|(joint, _)| slides(joint, [2, 2]));
    let forward = of_root().find(|(joint, _)| stands && slides(joint, [0, 0])).map(|(_, address)| address.v);
    let key = model.keys.iter().find(|key| !key.name.is_empty());
    let (positions, freedoms, controls) = (model.positions(), model.freedoms(), model.actuators.len());
    // Of the root: its direction downwards and its velocities, in place of its positions.
    let (first_q, first_v) = if floating { (7, 6) } else { (0, 0) };
    let (joints, speeds) = (positions - first_q, freedoms - first_v);
    let root = identifier(&model.bodies[root_body].label(root_body));
    let start: Vec<f64> = key.map_or_else(|| model.reference(), |key| key.q.clone());
    let pose = Pose::new(model, &start);
    let height = pose.origins[root_body][2] + pose.positions[root_body][2];
    // How far a robot has come is none of its business, unless there is an end to it.
    let is_unseen = |joint: &Joint| joint.body == root_body && slides(joint, [0, 1]) && !joint.limited;
    let seen = model.joints.iter().flat_map(|joint| vec![if is_unseen(joint) { 0.0 } else { 1.0 }; joint.kind.positions()]);
    let seen: Vec<f64> = seen.skip(first_q).collect();
    let number = |x: f64| format!("{:?}", x as f32);
    let list = |numbers: Vec<f64>| numbers.into_iter().map(number).collect::<Vec<_>>().join(", ");
    let addresses = model.addresses();
    let (centres, scales): (Vec<f64>, Vec<f64>) =
        model.actuators.iter().enumerate().map(|(a, actuator)| reach(actuator, start[addresses[actuator.joint].q], key.map(|key| &key.control[..]), a)).unzip();
    let substeps = (1.0 / RATE / model.timestep).round().max(1.0);
    if substeps > MOST_SUBSTEPS {
        let problem = format!("{xml} has time steps of {} s, of which an action would take {substeps}", model.timestep);
        return Err(Error::config("--mjcf", problem, format!("write a `timestep` of at least {} s", 1.0 / RATE / MOST_SUBSTEPS)));
    }
    let seconds = substeps * model.timestep;
    let feet = if task == Task::Joystick { feet(model, &pose, root_body, FOOT * height) } else { Vec::new() };
    let fields = |names: &[String], kind: &str| names.iter().map(|name| format!("\n        physics.{name}_{kind},")).collect::<String>() + "\n    ";
    let feet_bodies: Vec<String> = feet.iter().map(|&b| format!("body_{}", identifier(&model.bodies[b].label(b)))).collect();
    let moved = model.joints.iter().enumerate().filter(|(j, _)| model.actuators.iter().any(|actuator| actuator.joint == *j));
    let motors: Vec<String> = moved.map(|(j, joint)| format!("joint_{}", joint.label(j))).collect();
    let roots = model.roots();
    let mass: f64 = model.bodies.iter().zip(&roots).filter(|(_, root)| **root == roots[root_body]).map(|(body, _)| body.mass).sum();
    let weight = mass * model.gravity.iter().map(|g| g * g).sum::<f64>().sqrt();
    let joystick = task == Task::Joystick;
    let holds = |condition: &str| match condition {
        "FLOATING" => floating,
        "PLANAR" => stands && !floating,
        "STANDING" => stands,
        "FIXED" => !stands,
        "PUSHED" => floating || forward.is_some(),
        "WALK" => !joystick,
        "JOYSTICK" => joystick,
        "FEET" => !feet.is_empty(),
        _ => unreachable!("the template has no other conditions"),
    };
    let (text, defaults) = chosen(include_str!("template_robot.wgsl"), holds);
    let values = [
        ("NAME", name.to_string()),
        ("XML", xml.to_string()),
        ("ROOT", root),
        ("OBSERVED", (if floating { 9 } else { 0 } + joints + speeds + controls + if joystick { 3 } else { 0 }).to_string()),
        ("CONTROLS", controls.to_string()),
        ("LOW", vec!["-1.0f"; controls].join(", ")),
        ("HIGH", vec!["1.0f"; controls].join(", ")),
        ("LIMIT", ((20.0 / seconds).round() as u32).to_string()),
        ("SUBSTEPS", (substeps as u32).to_string()),
        ("STEP_SECONDS", number(seconds)),
        ("CENTRES", list(centres)),
        ("SCALES", list(scales)),
        ("START", key.map_or("physics_start()".into(), |key| format!("physics_key_{}()", identifier(&key.name)))),
        ("START_Q", list(start[first_q..].to_vec())),
        ("SEEN", list(seen)),
        ("HEIGHT", number(height)),
        ("JOINTS", joints.to_string()),
        ("SPEEDS", speeds.to_string()),
        ("FIRST_Q", first_q.to_string()),
        ("FIRST_V", first_v.to_string()),
        ("FORWARD_V", forward.unwrap_or_default().to_string()),
        ("FEET", feet.len().to_string()),
        ("FEET_NAMES", feet.iter().map(|&b| model.bodies[b].label(b)).collect::<Vec<_>>().join(", ")),
        ("FORCES", fields(&feet_bodies, "contact_force")),
        ("TOUCH", number(0.01 * weight)),
        ("MOTORS", motors.len().to_string()),
        ("TORQUES", fields(&motors, "actuator_force")),
        ("TORQUE", number(weight * height)),
        ("DEFAULTS", defaults.join(", ")),
    ];
    Ok(values.into_iter().fold(text, |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), &value)))
}

/// The lines of a template between `{{IF A B}}` and `{{END}}` if A and B hold, and all others; and the standard values, which the template has at the fields of
/// `EnvParameters`.
fn chosen(template: &str, holds: impl Fn(&str) -> bool) -> (String, Vec<String>) {
    let (mut text, mut defaults) = (String::new(), Vec::new());
    let mut wanted = true;
    for line in template.lines() {
        let condition = line.trim().strip_prefix("// {{IF ").and_then(|line| line.strip_suffix("}}"));
        if let Some(condition) = condition {
            wanted = condition.split(' ').all(&holds);
        } else if line.trim() == "// {{END}}" {
            wanted = true;
        } else if wanted {
            match line.split_once("32 = ").and_then(|(field, rest)| Some((field, rest.split_once(',')?))) {
                Some((field, (default, comment))) if line.starts_with("    ") && !field.contains("let ") => {
                    defaults.push(default.to_string());
                    text += &format!("{field}32,{comment}\n");
                }
                _ => text += &format!("{line}\n"),
            }
        }
    }
    (text, defaults)
}

/// The bodies that stand on the floor in a pose, or would if the robot were lower: those that planes touch within `reach` of the lowest point, m.
fn feet(model: &Model, pose: &Pose<f64>, root_body: usize, reach: f64) -> Vec<usize> {
    let roots = model.roots();
    let mut distances: BTreeMap<usize, f64> = BTreeMap::new();
    for pair in collide::pairs(model) {
        let [plane, other] = pair.geoms.map(|g| model.geoms[g].body);
        if plane == 0 && other != root_body && roots[other] == roots[root_body] {
            for contact in collide::contacts(model, pose, &pair) {
                let nearest = distances.entry(other).or_insert(f64::INFINITY);
                *nearest = nearest.min(contact.distance);
            }
        }
    }
    let lowest = distances.values().fold(f64::INFINITY, |a, &b| a.min(b));
    distances.into_iter().filter(|(_, distance)| *distance <= lowest + reach).map(|(body, _)| body).collect()
}

/// A configuration to train on that environment, whose file is called `wgsl`.
pub fn config(wgsl: &str, task: Task) -> String {
    let sizes = match task {
        Task::Walk => "envs = 256\nsteps = 64\nminibatches = 16\nepochs = 5\nlr = 1e-3\ngamma = 0.99\nentropy_coef = 0.0\n",
        Task::Joystick => "envs = 256\nsteps = 32\nminibatches = 8\nepochs = 5\nlr = 1e-3\ngamma = 0.99\nentropy_coef = 0.0\n",
    };
    format!(
        "# Train with: ppo-gpu --config THIS_FILE.toml\n\nenv = \"{wgsl}\"\n{sizes}normalize_observations = true\nnormalize_rewards = true\ntotal_steps = 10_000_000\n"
    )
}

/// The control of actuator `a` that an action of 0 stands for, and what an action of 1 adds. Its joint is at `start` in the first pose, of which `control` are the
/// controls.
fn reach(actuator: &Actuator, start: f64, control: Option<&[f64]>, a: usize) -> (f64, f64) {
    let [low, high] = actuator.control_range.unwrap_or([-1.0, 1.0]);
    let half = 0.5 * (high - low);
    let is_position = actuator.bias[1] != 0.0;
    if is_position {
        // Poses often come without controls; then the pose itself is the target.
        let given = control.filter(|control| control.iter().any(|&x| x != 0.0));
        let centre = given.map_or(actuator.gear * start, |control| control[a]).clamp(low, high);
        let reach = if actuator.control_range.is_some() { half.min(REACH) } else { REACH };
        return (centre, reach);
    }
    (0.5 * (low + high), half)
}
