//! The compiler of robots' XML files, against MuJoCo's own (`tests/conformance/bodies.py`).

use ppo_gpu::Error;
use ppo_gpu::environments::robot_task::{self, Task};
use ppo_gpu::mjcf::compile;
use ppo_gpu::physics::integrate::Stepper;
use ppo_gpu::physics::model::{Body, Model};
use ppo_gpu::physics::scales::Scales;
use ppo_gpu::physics::sense::Sensor;
use ppo_gpu::physics::spatial::{Matrix, product, rotation, transposed};
use ppo_gpu::physics::wgsl;
use ppo_gpu::spec::environment::Environment;
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The XML of each robot with a recording, and the recording.
fn robots() -> Vec<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("tests/conformance/bodies");
    let mut recordings: Vec<PathBuf> = std::fs::read_dir(folder).expect("the recordings").map(|entry| entry.expect("a file").path()).collect();
    recordings.sort();
    let xml = |recording: &Path| {
        let name = recording.with_extension("xml");
        let name = name.file_name().expect("a name");
        let ours = root.join("tests/conformance/robots").join(name);
        if ours.exists() { ours } else { root.join("shaders/robots").join(name) }
    };
    recordings.into_iter().map(|recording| (xml(&recording), recording)).collect()
}

#[derive(Deserialize)]
struct Recorded {
    model: Value,
}

/// Both compute in f64: a few hundred roundings of 1e-16, in sums whose terms are at most some thousand times the result.
const F64: f64 = 1e-12;

/// Notes where `found` differs from `expected`, relative to the largest number of the same list.
fn compare(place: &str, found: &Value, expected: &Value, differences: &mut Vec<String>) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            // The frame of an inertia is not unique, and is compared as a matrix.
            for (key, value) in expected.iter().filter(|(key, _)| !["inertia_orientation", "inertia"].contains(&key.as_str())) {
                compare(&format!("{place}.{key}"), found.get(key).unwrap_or(&Value::Null), value, differences);
            }
        }
        (Value::Array(found), Value::Array(expected)) if found.len() == expected.len() => {
            let size = expected.iter().filter_map(Value::as_f64).fold(0.0f64, |most, x| most.max(x.abs()));
            for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
                match (found.as_f64(), expected.as_f64()) {
                    (Some(a), Some(b)) if (a - b).abs() <= F64 * size => {}
                    _ => compare(&format!("{place}[{i}]"), found, expected, differences),
                }
            }
        }
        _ => {
            let near = matches!((found.as_f64(), expected.as_f64()), (Some(a), Some(b)) if (a - b).abs() <= F64 * b.abs());
            if !near && found != expected {
                differences.push(format!("{place}: {found} instead of {expected}"));
            }
        }
    }
}

fn tensor(body: &Body) -> Matrix<f64> {
    let axes: Matrix<f64> = rotation(body.inertia_orientation);
    let scaled: Matrix<f64> = std::array::from_fn(|i| std::array::from_fn(|j| axes[i][j] * body.inertia[j]));
    product(&scaled, &transposed(&axes))
}

#[test]
fn models_are_those_of_mujoco() {
    let robots = robots();
    assert_eq!(robots.len(), 14);
    let mut differences = Vec::new();
    for (xml, recording) in robots {
        let text = std::fs::read_to_string(&recording).expect("a recording");
        let recorded: Recorded = serde_json::from_str(&text).expect("a recording");
        let found = compile::model(&xml).unwrap_or_else(|error| panic!("{error}\n{}", error.help()));
        let name = xml.file_stem().expect("a name").display().to_string();
        compare(&name, &serde_json::to_value(&found).expect("JSON"), &recorded.model, &mut differences);
        let expected: Model = serde_json::from_value(recorded.model).expect("a model");
        for (b, (found, expected)) in found.bodies.iter().zip(&expected.bodies).enumerate() {
            let most = expected.inertia.iter().fold(0.0f64, |most, x| most.max(*x));
            let [found, expected] = [found, expected].map(tensor);
            let far = (0..9).map(|k| (found[k / 3][k % 3] - expected[k / 3][k % 3]).abs()).fold(0.0, f64::max);
            if far > F64 * most {
                differences.push(format!("{name}: the inertia of body {b} is {found:?} instead of {expected:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

const ROBOT: &str = r#"<mujoco>
  <compiler angle="degree"/>
  <option timestep="0.01"/>
  <default>
    <joint damping="1"/>
    <default class="leg"><geom type="capsule" size="0.02"/></default>
  </default>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 1"/>
    <body name="trunk" pos="0 0 1">
      <freejoint/>
      <geom name="trunk" size="0.1"/>
      <body name="leg" childclass="leg">
        <joint name="hip" axis="0 1 0" range="-30 30"/>
        <geom name="leg" fromto="0 0 0 0 0 -0.3"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor joint="hip" ctrlrange="-1 1"/>
  </actuator>
</mujoco>
"#;

/// Mistakes in a robot's XML: what is replaced, with what, and the line, problem and remedy of the message.
const MISTAKES: &[(&str, &str, usize, &str, &str)] = &[
    ("<motor", "<motr", 20, "there is no element <motr>", "did you mean 'motor'?"),
    ("ctrlrange", "ctrlrang", 20, "<motor> has no attribute `ctrlrang`", "did you mean 'ctrlrange'?"),
    ("joint=\"hip\"", "joint=\"hipp\"", 20, "there is no joint 'hipp'", "did you mean 'hip'?"),
    (" joint=\"hip\"", "", 20, "the actuator names no joint", "write joint="),
    ("ctrlrange=\"-1 1\"", "ctrlrange=\"1 -1\"", 20, "`ctrlrange` of <motor> is from 1 to -1", "the smaller number first"),
    ("<motor joint", "<motor tendon=\"t\" joint", 20, "the actuator acts on a `tendon`", "act on a joint"),
    ("childclass=\"leg\"", "childclass=\"legs\"", 13, "there is no class 'legs'", "did you mean 'leg'?"),
    ("axis=\"0 1 0\"", "axis=\"0 0 0\"", 14, "the joint's axis is null", "the direction that it turns about"),
    ("axis=\"0 1 0\"", "axis=\"0 1\"", 14, "`axis` of <joint> is \"0 1\", which has 2 numbers", "write 3"),
    ("axis=\"0 1 0\"", "axis=\"0 1 o\"", 14, "where o is not a number", "with spaces between them"),
    ("axis=\"0 1 0\"", "type=\"ball\"", 14, "ball joints are not supported", "three hinges"),
    ("<freejoint/>", "<freejoint/><joint/>", 11, "a body with a free joint has another joint", "remove the others"),
    ("<geom name=\"leg\"", "<freejoint/><geom name=\"leg\"", 15, "a body with a free joint has another joint", "remove the others"),
    ("size=\"0.1\"", "size=\"-0.1\"", 12, "the sphere's size is \"-0.1\"", "size=\"RADIUS\""),
    ("size=\"0.1\"", "type=\"box\" size=\"0.1\"", 12, "the box's size is", "half the lengths of its sides"),
    ("size=\"0.1\"", "size=\"nan\"", 12, "not a finite number", "numbers"),
    ("size=\"0.1\"", "size=\"0.1\" mass=\"-2\"", 12, "the geom's mass is -2", "not negative"),
    ("size=\"0.1\"", "size=\"0.1\" friction=\"0.001\" priority=\"1\"", 12, "floor and trunk touch with a friction of 0.001", "condim=\"1\""),
    ("size=\"0.1\"", "size=\"0.1\" solimp=\"0.9 -0.3\"", 12, "`solimp` of <geom> has an impedance of -0.3", "from 0 to 1"),
    ("size=\"0.1\"", "size=\"0.1\" solimp=\"0 0\"", 12, "an impedance of 0 where it is full", "at least 0.01"),
    ("size=\"0.1\"", "size=\"0.1\" contype=\"4294967296\"", 12, "`contype` of <geom> is \"4294967296\"", "31 bits"),
    ("size=\"0.1\"", "size=\"0.1\" condim=\"6\"", 12, "`condim` is 6", "write 1"),
    ("size=\"0.1\"", "type=\"mesh\" mesh=\"m\"", 12, "a geom of the type mesh can touch others", "sphere, capsule or box touch in its place"),
    ("size=\"0.1\"", "type=\"cylinder\" size=\"0.1 0.2\"", 12, "floor (plane) and trunk (cylinder) can touch", "exclude, contype, conaffinity"),
    ("<geom name=\"trunk\" size=\"0.1\"/>", "", 10, "body 'trunk' moves and has no mass or inertia", "<inertial>"),
    ("name=\"leg\" fromto=\"0 0 0 0 0 -0.3\"", "name=\"leg\" fromto=\"0 0 0 0 0 0\"", 15, "`fromto` has no extent", "two points"),
    (
        "<geom name=\"leg\" fromto=\"0 0 0 0 0 -0.3\"/>",
        "<inertial pos=\"0 0 0\" mass=\"1\" diaginertia=\"1 1 5\"/>",
        13,
        "one is more than the other two together",
        "balanceinertia",
    ),
    ("<geom name=\"leg\" fromto=\"0 0 0 0 0 -0.3\"/>", "<inertial pos=\"0 0 0\" mass=\"x\"/>", 15, "x is not a number", "numbers"),
    ("name=\"leg\" fromto", "name=\"trunk\" fromto", 15, "two elements <geom> are called 'trunk'", "a name of its own"),
    ("timestep=\"0.01\"", "timestep=\"0\"", 3, "the time step is 0", "SECONDS"),
    ("timestep=\"0.01\"", "cone=\"elliptic\"", 3, "cone=\"elliptic\" of <option> is not supported", "pyramidal"),
    ("timestep=\"0.01\"", "integrator=\"implicit\"", 3, "the integrator implicit is not supported", "Euler"),
    ("angle=\"degree\"", "angle=\"degrees\"", 2, "`angle` of <compiler> is \"degrees\"", "did you mean 'degree'?"),
    ("<compiler angle=\"degree\"/>", "<include file=\"missing.xml\"/>", 2, "cannot include", "directory of this file"),
    ("<compiler angle=\"degree\"/>", "<include file=\"robot.xml\"/>", 2, "robot.xml is included a second time", "each file once"),
    ("<compiler angle=\"degree\"/>", "<compiler autolimits=\"false\"/>", 14, "`range` of <joint> is given, and autolimits is false", "limited="),
    (
        "name=\"leg\" childclass",
        "name=\"tru-nk\"/><body name=\"tru nk\" childclass",
        13,
        "'tru nk' and 'tru-nk', of two elements <body>, are the same name in WGSL",
        "rename one",
    ),
    ("name=\"leg\" childclass", "name=\"world\" childclass", 13, "a body is called 'world'", "another name"),
    ("name=\"leg\" childclass", "name=\"leg\" quat=\"1 0 0 0\" euler=\"0 0 0\" childclass", 13, "<body> has two orientations", "one of them"),
    ("<joint name=\"hip\"", "<joint axis=\"0 1 0\"/><joint name=\"hip\"", 13, "the joints of body 'leg' move it alike", "armature"),
    ("pos=\"0 0 1\"", "pos=\"0 0 1e300\"", 10, "1e300 is not a finite number that a device can hold", "up to 1e19"),
    (
        "<motor joint=\"hip\" ctrlrange=\"-1 1\"/>",
        "<motor name=\"m\" joint=\"hip\"/><motor name=\"m\" joint=\"hip\"/>",
        20,
        "two elements <actuator> are called 'm'",
        "a name of its own",
    ),
    ("range=\"-30 30\"", "range=\"-30 30\" solreflimit=\"0 1\"", 14, "one number is positive, the other is not", "both positive"),
    ("size=\"0.1\"", "size=\"0.1\" solref=\"-500 1\"", 12, "one number is positive, the other is not", "both positive"),
    ("timestep=\"0.01\"", "actuatorgroupdisable=\"2\"", 3, "actuatorgroupdisable=\"2\" of <option> is not supported", "remove the actuators"),
    ("<compiler angle=\"degree\"/>", "<default><tendon stiffness=\"5\"/></default>", 2, "tendons are not supported", "drive joints directly"),
    ("<motor joint", "<motor kp=\"3\" joint", 20, "<motor> has no attribute `kp`", "check its spelling"),
    ("<motor joint", "<motor armature=\"3\" joint", 20, "armature=\"3\" of <motor> is not supported", "write it at the joint"),
    ("<motor joint=\"hip\"", "<position inheritrange=\"1\" joint=\"hip\"", 20, "has a range of its own, and inherits one", "ctrlrange or inheritrange"),
    ("size=\"0.1\"", "type=\"ellipsoid\" size=\"0.1 0.2 0.3\" contype=\"0\" conaffinity=\"0\"", 10, "depends on a mesh or another shape", "mass=\"0\""),
    ("<compiler angle=\"degree\"/>", "<equality/>", 2, "equality constraints are not supported", "remove them"),
    ("</body>\n    </body>", "</body>", 17, "the file is not XML", "every element is closed"),
    ("range=\"-30 30\"", "range=\"-30 30", 15, "the file is not XML", "every value is in quotes"),
    ("<mujoco>", "<robot>", 22, "the file is not XML", "every element is closed"),
];

/// The error that a mistake leads to names the place, the problem and the remedy.
fn check_message(mistake: &str, error: &Error, place: &str, problem: &str, remedy: &str) {
    let message = error.to_string();
    assert!(message.contains(&format!("{place}: ")) && message.contains(problem), "{mistake}: {message}");
    assert!(error.help().contains(remedy), "{mistake}: {}", error.help());
}

#[test]
fn mistakes_in_a_robot_have_a_line_and_a_remedy() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("robot.xml");
    std::fs::write(&path, ROBOT).expect("a file");
    compile::model(&path).expect("a robot without mistakes");
    // What XML forbids in comments, and robots' files have.
    std::fs::write(&path, ROBOT.replacen("  <default>", "  <!-- left -- right -->\n  <default>", 1)).expect("a file");
    compile::model(&path).expect("a robot without mistakes");
    for &(old, new, line, problem, remedy) in MISTAKES {
        assert!(ROBOT.contains(old), "{old}");
        std::fs::write(&path, ROBOT.replacen(old, new, 1)).expect("a file");
        check_message(new, &compile::model(&path).expect_err(new), &format!("robot.xml:{line}"), problem, remedy);
    }
}

/// A step has a text for each pair of geoms.
#[test]
fn a_robot_with_too_many_pairs_is_refused() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("robot.xml");
    let stones: String = (0..600).map(|i| format!("<geom size=\"0.1\" pos=\"{i} 3 0\"/>")).collect();
    std::fs::write(&path, ROBOT.replacen("<geom name=\"floor\"", &format!("{stones}<geom name=\"floor\""), 1)).expect("a file");
    check_message(
        "stones",
        &compile::model(&path).expect_err("1,202 pairs"),
        "robot.xml:15",
        "1202 pairs of geoms can touch, more than 1000, and leg is in 601",
        "contype",
    );
}

/// A body that is fixed to the world, and has no mass, is touched: its torque is about itself.
#[test]
fn contacts_of_what_has_no_mass_are_finite() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("robot.xml");
    let fixed = "<body name=\"table\" pos=\"0.2 0 0\"><geom name=\"floor\" type=\"plane\" size=\"5 5 1\"/></body>";
    std::fs::write(&path, ROBOT.replacen("<geom name=\"floor\" type=\"plane\" size=\"5 5 1\"/>", fixed, 1)).expect("a file");
    let model = compile::model(&path).expect("a robot");
    let mut q = model.reference();
    q[2] = 0.05;
    let sensed = Stepper::new(&model, vec![Sensor::ContactForce(1), Sensor::ContactTorque(1)]).sense(&Scales::none(), &q, &vec![0.0; model.freedoms()], &[0.0]);
    assert!(sensed.iter().all(|x| x.is_finite()) && sensed[2] < -1.0, "{sensed:?}");
    assert!(!wgsl::text(&model, "physics.body_table_contact_torque").contains("NaN"));
}

/// Mistakes in the line of a task that imports its robot.
#[test]
fn mistakes_in_a_robots_import_have_a_line_and_a_remedy() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("task.wgsl");
    std::fs::write(folder.path().join("robot.xml"), ROBOT.replacen("<motor", "<motr", 1)).expect("a file");
    for (line, place, problem, remedy) in [
        ("//! import mujoco", "task.wgsl:2", "there is no robot ''", "one of ant"),
        ("//! import mujoco half_cheeta", "task.wgsl:2", "there is no robot 'half_cheeta'", "did you mean 'half_cheetah'?"),
        ("//! import mjcf", "task.wgsl:2", "which is no XML file", "import mjcf PATH.xml"),
        ("//! import mjcf robot.urdf", "task.wgsl:2", "which is no XML file", "import mjcf PATH.xml"),
        ("//! import mjcf missing.xml", "task.wgsl:2", "cannot import", "the file exists"),
        ("//! import mjcf robot.xml", "robot.xml:20", "there is no element <motr>", "did you mean 'motor'?"),
        ("//! import mujoco ant\n//! import mujoco ant", "task.wgsl:3", "a second robot is imported", "import one"),
    ] {
        std::fs::write(&path, format!("// A task.\n{line}\nconst OBSERVATION: u32 = 1u;\n")).expect("a file");
        check_message(line, &Environment::named(&path.display().to_string()).expect_err(line), place, problem, remedy);
    }
}

/// Names that a task takes from its robot, which lacks them.
#[test]
fn names_that_a_robot_lacks_are_refused_with_a_remedy() {
    let folder = tempfile::tempdir().expect("a directory");
    let xml = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/robots/dog.xml");
    let task = robot_task::wgsl(&compile::model(&xml).expect("a robot"), "dog", &xml.display().to_string(), Task::Walk).expect("a task");
    let given = "let velocity = in_root(physics, physics.body_trunk_velocity);";
    let line = 1 + task.lines().position(|line| line.trim() == given).unwrap_or_else(|| panic!("{task}"));
    let path = folder.path().join("task.wgsl");
    for (name, problem, remedy) in [
        ("physics.body_trnk_velocity", "`body_trnk_velocity`", "lists the names that a robot has"),
        ("physics.geom_trunk_velocity", "`geom_trunk_velocity`", "take those of the body that has it"),
        ("physics_key_home().body_trunk_velocity", "`physics_key_home`", "lists the names that a robot has"),
        ("physics.q[Q_NECK] * physics.body_trunk_velocity", "`Q_NECK`", "lists the names that a robot has"),
    ] {
        std::fs::write(&path, task.replacen(given, &given.replace("physics.body_trunk_velocity", name), 1)).expect("a file");
        check_message(name, &Environment::named(&path.display().to_string()).expect_err(name), &format!("task.wgsl:{line}"), problem, remedy);
    }
}

/// Two zeros are no range, and mixing weights of 0 count equally, as in MuJoCo.
#[test]
fn zeros_stand_for_what_is_not_given() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("robot.xml");
    let read = |old: &str, new: &str| {
        assert!(ROBOT.contains(old), "{old}");
        std::fs::write(&path, ROBOT.replace(old, new)).expect("a file");
        compile::model(&path).unwrap_or_else(|error| panic!("{new}: {error}"))
    };
    assert_eq!(read("ctrlrange=\"-1 1\"", "ctrlrange=\"0 0\" forcerange=\"0 0\"").actuators[0].control_range, None);
    assert!(!read("range=\"-30 30\"", "range=\"0 0\"").joints[1].limited);
    let model = read("<geom name=\"floor\"", "<geom name=\"floor\" solmix=\"0\" solref=\"0.04 1\"");
    assert_eq!(ppo_gpu::physics::collide::pairs(&model)[0].solref[0], 0.02);
    let both =
        ROBOT.replace("name=\"trunk\" size", "name=\"trunk\" solmix=\"0\" size").replace("name=\"floor\"", "name=\"floor\" solmix=\"0\" solref=\"0.04 1\"");
    std::fs::write(&path, both).expect("a file");
    assert_eq!(ppo_gpu::physics::collide::pairs(&compile::model(&path).expect("a robot"))[0].solref[0], 0.03);
}

/// A task that was written for a robot with other joints or motors, and one whose standard values are out of range.
#[test]
fn a_task_that_does_not_fit_its_robot_is_refused() {
    let folder = tempfile::tempdir().expect("a directory");
    let (xml, path) = (folder.path().join("robot.xml"), folder.path().join("task.wgsl"));
    std::fs::write(&xml, ROBOT).expect("a file");
    let task = robot_task::wgsl(&compile::model(&xml).expect("a robot"), "task", "robot.xml", Task::Walk).expect("a task");
    let line = |text: &str| format!("task.wgsl:{}", 1 + task.lines().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{task}")));
    let refused = |robot: &str, task: &str, place: &str, problem: &str, remedy: &str| {
        std::fs::write(&xml, robot).expect("a file");
        std::fs::write(&path, task).expect("a file");
        check_message(problem, &Environment::named(&path.display().to_string()).map(|_| ()).expect_err(problem), place, problem, remedy);
    };
    let motor = ROBOT.replacen("<motor ", "<motor joint=\"hip\"/><motor ", 1);
    refused(&motor, &task, &line("const_assert CONTROLS"), "const_assert", "the comment there");
    let joint = ROBOT.replacen("<joint name", "<joint name=\"more\" axis=\"1 0 0\"/><joint name", 1);
    refused(&joint, &task, &line("const_assert FIRST_Q"), "const_assert", "the comment there");
    let fields = task.split_once("struct EnvParameters {").expect("parameters").1.lines().skip(1);
    let index = fields
        .take_while(|line| !line.starts_with('}'))
        .filter(|line| !line.trim_start().starts_with("//"))
        .position(|line| line.contains("mass_scale"))
        .expect("a factor");
    let given = task.lines().find(|line| line.starts_with("const DEFAULT_PARAMETERS")).expect("standard values");
    let (start, values) = given.split_once('(').expect("values");
    let mut values: Vec<&str> = values.trim_end_matches(");").split(", ").collect();
    values[index] = "0.0";
    let edited = task.replace(given, &format!("{start}({});", values.join(", ")));
    refused(ROBOT, &edited, &line("const DEFAULT_PARAMETERS"), "the standard value of `mass_scale` is 0", "nearest that works: 0.01");
}

/// What `env new NAME --mjcf FILE.xml` writes compiles, for robots that float and for one that does not.
#[test]
fn tasks_for_robots_keep_the_contract() {
    let folder = tempfile::tempdir().expect("a directory");
    for (name, task, floats) in
        [("dog", Task::Walk, true), ("arm", Task::Walk, false), ("zoo", Task::Walk, true), ("dog", Task::Joystick, true), ("zoo", Task::Joystick, true)]
    {
        let xml = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/conformance/robots/{name}.xml"));
        let model = compile::model(&xml).expect("a robot");
        let path = folder.path().join(format!("{name}.wgsl"));
        std::fs::write(&path, robot_task::wgsl(&model, name, &xml.display().to_string(), task).expect("a task")).expect("a file");
        let environment = Environment::named(&path.display().to_string()).unwrap_or_else(|error| panic!("{error}\n{}", error.help()));
        let expected = if floats { 9 + model.positions() - 7 + model.freedoms() - 6 } else { model.positions() + model.freedoms() } + model.actuators.len();
        let commands = if task == Task::Joystick { 3 } else { 0 };
        assert_eq!((environment.observation, environment.pictured), (expected + commands, true), "{name}");
        assert!(!environment.source.contains("{{"), "{name}");
        let standard = |name: &str| environment.parameters.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.default);
        assert_eq!(["observation_noise", "action_delay", "mass_scale"].map(standard), [Some(0.0), Some(0.0), Some(1.0)], "{name}");
        assert_eq!(standard("push_speed"), floats.then_some(0.0), "{name}");
    }
}

/// A planar robot is pushed along its slide; a robot that cannot move freely has no joystick; feet are what the floor would touch first; a pose without controls
/// is its own target.
#[test]
fn tasks_suit_their_robots() {
    let task = |xml: &Path, task: Task| robot_task::wgsl(&compile::model(xml).expect("a robot"), "task", "robot.xml", task);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let planar = task(&root.join("shaders/robots/walker2d.xml"), Task::Walk).expect("a task");
    assert!(planar.contains("(*physics).v[0] += select(-parameters.push_speed, parameters.push_speed"), "{planar}");
    let error = task(&root.join("tests/conformance/robots/arm.xml"), Task::Joystick).expect_err("an arm");
    assert!(error.to_string().contains("has no free joint at its first body") && error.help().contains("leave out --task"), "{error}");
    // An action of 0 holds the first pose, also where joints do not begin at 0.
    let bent = tempfile::tempdir().expect("a directory");
    let bent = bent.path().join("robot.xml");
    let servo = ROBOT.replacen("<motor joint=\"hip\" ctrlrange=\"-1 1\"/>", "<position joint=\"hip\" kp=\"9\"/>", 1).replacen(
        "axis=\"0 1 0\" range",
        "axis=\"0 1 0\" ref=\"-20\" range",
        1,
    );
    std::fs::write(&bent, servo).expect("a file");
    assert!(task(&bent, Task::Walk).expect("a task").contains("const CENTRES = array<f32, CONTROLS>(-0.34906584);"));
    let dog = root.join("tests/conformance/robots/dog.xml");
    assert!(task(&dog, Task::Joystick).expect("a task").contains("const FEET: u32 = 2u;  // front_calf, rear_calf\n"));
    let folder = tempfile::tempdir().expect("a directory");
    let posed = folder.path().join("dog.xml");
    let key = "<keyframe><key name=\"low\" qpos=\"0 0 0.2 1 0 0 0 0.1 0.6 -1.2 0.2 0 -1\"/></keyframe></mujoco>";
    std::fs::write(&posed, std::fs::read_to_string(dog).expect("the dog").replace("</mujoco>", key)).expect("a file");
    // The second position actuator has a gear of 2, and a range of 1.5; the last two are no position actuators.
    let posed = task(&posed, Task::Walk).expect("a task");
    assert!(posed.contains("const CENTRES = array<f32, CONTROLS>(0.1, 1.2, -1.2, 0.2, 0.0, 0.0);\n"), "{posed}");
}
