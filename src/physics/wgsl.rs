//! A model's step as WGSL: what an environment's file gets from its line `//! import mujoco NAME`.

use crate::physics::integrate::{State, Stepper};
use crate::physics::model::{Model, identifier};
use crate::physics::print;
use crate::physics::sense::Sensor;
use crate::physics::traced::{Traced, record};
use std::collections::HashSet;

/// Declarations for a model: `struct Physics`, `physics_start`, `physics_step`, and of the rest what `code`, that of an environment, mentions: constants
/// `PHYSICS_TIME_STEP`, `Q_JOINT` and `V_JOINT`, fields of sensors, and `physics_sense`.
pub fn text(model: &Model, code: &str) -> String {
    let words: HashSet<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let sensors: Vec<(String, Sensor)> = Sensor::all(model).into_iter().filter(|(name, _)| words.contains(name.as_str())).collect();
    let writer = Text { model, stepper: Stepper::new(model, sensors.iter().map(|&(_, sensor)| sensor).collect()), sensors: &sensors };
    let mut text = writer.constants(&words) + &writer.structure() + &writer.start() + &writer.step();
    if words.contains("physics_sense") {
        text += &writer.sense();
    }
    text
}

struct Text<'a> {
    model: &'a Model,
    stepper: Stepper<'a>,
    sensors: &'a [(String, Sensor)],
}

impl Text<'_> {
    fn constants(&self, words: &HashSet<&str>) -> String {
        let mut text = format!("const PHYSICS_TIME_STEP: f32 = {:?};  // s\n", self.model.timestep as f32);
        for (joint, address) in self.model.joints.iter().zip(self.model.addresses()) {
            for (prefix, index) in [("Q", address.q), ("V", address.v)] {
                let name = format!("{prefix}_{}", identifier(&joint.name).to_uppercase());
                if words.contains(name.as_str()) {
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
                1 => "f32",
                3 => "vec3<f32>",
                _ => "mat3x3<f32>",
            };
            text += &format!("    {name}: {kind},\n");
        }
        text + "}\n"
    }

    fn start(&self) -> String {
        let mut text = "\n// The reference pose, at rest. Nothing is sensed.\nfn physics_start() -> Physics {\n    var physics: Physics;\n".to_string();
        for (i, position) in self.model.joints.iter().flat_map(|joint| &joint.reference).enumerate().filter(|(_, position)| **position != 0.0) {
            text += &format!("    physics.q[{i}] = {:?};\n", *position as f32);
        }
        text + "    return physics;\n}\n"
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
            self.stepper.step(&state, &control)
        });
        let stored = |name: &str, values: &[Traced]| values.iter().enumerate().map(|(i, &value)| (format!("(*physics).{name}[{i}]"), value)).collect::<Vec<_>>();
        let outputs = [stored("q", &next.q), stored("v", &next.v), self.fields(&next.sensed)].concat();
        format!(
            "\n// {} seconds with constant controls, as MuJoCo 4.0 computes them.\nfn physics_step(physics: ptr<function, Physics>, control: array<f32, {}>) {{\n{}}}\n",
            self.model.timestep,
            self.model.actuators.len(),
            print::body(&trace, &outputs)
        )
    }

    fn sense(&self) -> String {
        let (trace, sensed) = record(|| {
            let (State { q, v, .. }, _) = self.state();
            self.stepper.sense(&q, &v, &vec![Traced::Constant(0.0); self.model.actuators.len()])
        });
        format!(
            "\n// Senses the state as it is, with controls of 0.\nfn physics_sense(physics: ptr<function, Physics>) {{\n{}}}\n",
            print::body(&trace, &self.fields(&sensed))
        )
    }
}
