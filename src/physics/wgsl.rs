//! A model's step as WGSL: what an environment's file gets from its line `//! import mujoco NAME`.

use crate::physics::integrate::{State, Stepper};
use crate::physics::kinematics::Pose;
use crate::physics::model::{Model, Shape, identifier};
use crate::physics::number::Number;
use crate::physics::parts::{self, Cut};
use crate::physics::print;
use crate::physics::scales::Scales;
use crate::physics::sense::Sensor;
use crate::physics::spatial::plus;
use crate::physics::traced::{Traced, record};
use std::collections::HashSet;

/// Declarations for a model: `struct Physics`, `physics_start`, `physics_step`, and of the rest what `code`, that of an environment, mentions: constants
/// `PHYSICS_TIME_STEP`, `PHYSICS_POSITIONS`, `PHYSICS_VELOCITIES`, `PHYSICS_CONTROLS`, `Q_JOINT` and `V_JOINT`, fields of sensors, `physics_key_NAME`, `physics_sense`, `physics_sense_motion` and `physics_picture`.
pub fn text(model: &Model, code: &str) -> String {
    let words: HashSet<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let sensors: Vec<(String, Sensor)> = Sensor::all(model).into_iter().filter(|(name, _)| words.contains(name.as_str())).collect();
    let writer = Text { model, stepper: Stepper::new(model, sensors.iter().map(|&(_, sensor)| sensor).collect()), sensors: &sensors, words: &words };
    let mut text = "//! import trigonometry\n\n".to_string() + &writer.constants() + &writer.structure() + &writer.start() + &writer.keys() + &writer.step();
    if words.contains("physics_sense") {
        text += &writer.sense("physics_sense", "Senses the state as it is, with controls of 0.", |_| true);
    }
    if words.contains("physics_sense_motion") {
        text +=
            &writer.sense("physics_sense_motion", "Senses the state as it is, but for forces, whose fields stay as they are.", |sensor| !sensor.is_of_forces());
    }
    if words.contains("physics_picture") {
        text += &writer.picture();
    }
    text
}

struct Text<'a> {
    model: &'a Model,
    stepper: Stepper<'a>,
    sensors: &'a [(String, Sensor)],
    /// The words of the environment's code.
    words: &'a HashSet<&'a str>,
}

impl Text<'_> {
    /// The factors that are parameters of the environment.
    fn scales(&self) -> Scales<Traced> {
        Scales::of(|name| if self.words.contains(name) { Traced::input(format!("parameters.{name}")).named(|| name.into()) } else { Traced::one() })
    }

    fn constants(&self) -> String {
        let mut text = format!("const PHYSICS_TIME_STEP: f32 = {:?};  // s\n", self.model.timestep as f32);
        let counts =
            [("PHYSICS_POSITIONS", self.model.positions()), ("PHYSICS_VELOCITIES", self.model.freedoms()), ("PHYSICS_CONTROLS", self.model.actuators.len())];
        for (name, count) in counts.into_iter().filter(|(name, _)| self.words.contains(name)) {
            text += &format!("const {name} = {count}u;\n");
        }
        for (joint, address) in self.model.joints.iter().zip(self.model.addresses()) {
            for (prefix, index) in [("Q", address.q), ("V", address.v)] {
                let name = format!("{prefix}_{}", identifier(&joint.name).to_uppercase());
                if self.words.contains(name.as_str()) {
                    text += &format!("const {name} = {index}u;\n");
                }
            }
        }
        text
    }

    fn structure(&self) -> String {
        let (positions, freedoms) = (self.model.positions(), self.model.freedoms());
        let mut text = format!(
            "\n// The state of the robot, and what was sensed in the last step.\nstruct Physics {{\n    q: array<f32, {positions}>,  // positions, m and rad\n    v: array<f32, {freedoms}>,  // velocities, m/s and rad/s\n"
        );
        for (name, sensor) in self.sensors {
            let kind = match sensor.size() {
                1 => "f32".into(),
                3 => "vec3<f32>".into(),
                9 => "mat3x3<f32>".into(),
                numbers => format!("array<f32, {numbers}>"),
            };
            text += &format!("    {name}: {kind},\n");
        }
        text + "}\n"
    }

    fn start(&self) -> String {
        let mut text = "\n// The reference pose, at rest. Nothing is sensed.\nfn physics_start() -> Physics {\n    var physics: Physics;\n".to_string();
        for (i, position) in self.model.reference().iter().enumerate().filter(|(_, position)| **position != 0.0) {
            text += &format!("    physics.q[{i}] = {:?};\n", *position as f32);
        }
        text + "    return physics;\n}\n"
    }

    /// The poses that the model has names for.
    fn keys(&self) -> String {
        let mut text = String::new();
        for key in &self.model.keys {
            let name = format!("physics_key_{}", identifier(&key.name));
            if !self.words.contains(name.as_str()) {
                continue;
            }
            text += &format!("\n// The key '{}' of the model. Nothing is sensed.\nfn {name}() -> Physics {{\n    var physics: Physics;\n", key.name);
            for (field, values) in [("q", &key.q), ("v", &key.v)] {
                for (i, value) in values.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                    text += &format!("    physics.{field}[{i}] = {:?};\n", *value as f32);
                }
            }
            text += "    return physics;\n}\n";
        }
        text
    }

    fn inputs(&self, name: &str, count: usize) -> Vec<Traced> {
        (0..count).map(|i| Traced::input(format!("{name}[{i}]"))).collect()
    }

    /// Positions, velocities and controls.
    fn state(&self) -> (State<Traced>, Vec<Traced>) {
        let state = State { q: self.inputs("(*physics).q", self.model.positions()), v: self.inputs("(*physics).v", self.model.freedoms()), sensed: Vec::new() };
        (state, self.inputs("control", self.model.actuators.len()))
    }

    /// Where what sensors read is stored.
    fn fields(&self, sensed: &[Traced]) -> Vec<(String, Traced)> {
        let places = self.sensors.iter().flat_map(|(name, sensor)| {
            (0..sensor.size()).map(move |i| match sensor.size() {
                1 => format!("(*physics).{name}"),
                9 => format!("(*physics).{name}[{}][{}]", i / 3, i % 3),
                _ => format!("(*physics).{name}[{i}]"),
            })
        });
        places.zip(sensed.iter().copied()).collect()
    }

    fn step(&self) -> String {
        let (trace, next) = record(|| {
            let (state, control) = self.state();
            self.stepper.step(&self.scales(), &state, &control)
        });
        let stored =
            |name: &str, values: &[Traced]| values.iter().enumerate().map(|(i, &value)| (format!("(*physics).{name}[{i}]"), value)).collect::<Vec<_>>();
        let outputs = [stored("q", &next.q), stored("v", &next.v), self.fields(&next.sensed)].concat();
        let comment = format!("{} seconds with constant controls, as MuJoCo 4.0 computes them.", self.model.timestep);
        let control = format!(", control: array<f32, {}>", self.model.actuators.len());
        function(&comment, "physics_step", &control, print::body(&trace, &outputs))
    }

    fn sense(&self, name: &str, comment: &str, is_wanted: impl Fn(Sensor) -> bool) -> String {
        let (trace, sensed) = record(|| {
            let (State { q, v, .. }, _) = self.state();
            self.stepper.sense(&self.scales(), &q, &v, &vec![Traced::Constant(0.0); self.model.actuators.len()])
        });
        let wanted = self.sensors.iter().flat_map(|&(_, sensor)| std::iter::repeat_n(is_wanted(sensor), sensor.size()));
        let fields: Vec<_> = self.fields(&sensed).into_iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(field, _)| field).collect();
        function(comment, name, "", print::body(&trace, &fields))
    }

    /// The geoms, as the ray sees them.
    fn picture(&self) -> String {
        let geoms = &self.model.geoms;
        let (trace, outputs) = record(|| {
            let (State { q, .. }, _) = self.state();
            let pose = Pose::new(self.model, &q);
            let mut outputs = Vec::new();
            for (g, geom) in geoms.iter().enumerate() {
                let centre = plus(pose.origins[geom.body], pose.point(geom.body, geom.position));
                let axes = pose.frame(geom.body, geom.orientation);
                outputs.extend((0..3).map(|i| (format!("centre_{g}[{i}]"), centre[i])));
                outputs.extend((0..9).map(|i| (format!("axes_{g}[{}][{}]", i / 3, i % 3), axes[i % 3][i / 3])));
            }
            outputs
        });
        let mut text =
            "\n//! import rays\n\n// The robot and its world, seen from `eye`, with `centre` in the middle; in `uv`, (0, 0) is the upper left corner.\n\
             fn physics_picture(physics: ptr<function, Physics>, uv: vec2<f32>, eye: vec3<f32>, centre: vec3<f32>) -> vec3<f32> {\n"
                .to_string();
        for g in 0..geoms.len() {
            text += &format!("    var centre_{g}: vec3<f32>;\n    var axes_{g}: mat3x3<f32>;\n");
        }
        text += &print::body(&trace, &outputs).0;
        text += "    let ray = ray_through(uv, eye, centre);\n    var hit = Hit(RAY_END, vec3(0.0, 0.0, 1.0), RAY_SKY);\n";
        for (g, geom) in geoms.iter().enumerate() {
            let size = geom.size.map(|x| format!("{:?}", x as f32)).join(", ");
            let colour = COLOURS[geom.body % COLOURS.len()];
            text += &match geom.kind {
                Shape::Plane => format!("    hit = ray_plane(hit, ray, centre_{g}, axes_{g});\n"),
                Shape::Sphere => format!("    hit = ray_sphere(hit, ray, centre_{g}, {:?}, {colour});\n", geom.size[0] as f32),
                Shape::Capsule => format!("    hit = ray_capsule(hit, ray, centre_{g}, axes_{g}, vec3({size}), {colour});\n"),
                Shape::Cylinder => format!("    hit = ray_cylinder(hit, ray, centre_{g}, axes_{g}, vec3({size}), {colour});\n"),
                Shape::Box => format!("    hit = ray_box(hit, ray, centre_{g}, axes_{g}, vec3({size}), {colour});\n"),
            };
        }
        text + "    return ray_colour(hit);\n}\n"
    }
}

/// A function of the robot's state, and of more `arguments`; in parts if it is long.
fn function(comment: &str, name: &str, arguments: &str, (body, conditions): (String, HashSet<String>)) -> String {
    let Cut { body, functions } = parts::cut(name, body, &["physics", "control"], &conditions);
    format!("\n// {comment}\nfn {name}(physics: ptr<function, Physics>{arguments}) {{\n{body}}}\n{functions}")
}

/// Colours of bodies in pictures, one after the other.
const COLOURS: [&str; 4] = ["vec3(0.24, 0.45, 0.70)", "vec3(0.84, 0.46, 0.25)", "vec3(0.36, 0.62, 0.42)", "vec3(0.80, 0.66, 0.28)"];
