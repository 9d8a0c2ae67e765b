//! Descriptions of models.

use crate::physics::collide::pairs;
use crate::physics::model::{Integrator, JointKind, Model};
use crate::physics::sense::Sensor;
use crate::support::text::{columns, plural, quantity};

impl Model {
    /// What the model has, under a title.
    pub fn to_text(&self, title: &str) -> String {
        let total: f64 = self.bodies.iter().map(|body| body.mass).sum();
        let integrator = if self.integrator == Integrator::Euler { "Euler" } else { "Runge-Kutta" };
        let mut text = format!(
            "{title}\n\n{}, {} kg; {}; {}; {}; steps of {} s, {integrator}; physics of MuJoCo 4.0\n",
            plural(self.bodies.len() - 1, "body", "bodies"),
            quantity(total),
            plural(self.positions(), "position", "positions"),
            plural(self.freedoms(), "velocity", "velocities"),
            plural(self.actuators.len(), "control", "controls"),
            self.timestep,
        );
        let range = |range: Option<[f64; 2]>| range.map_or("none".into(), |[low, high]| format!("{} to {}", quantity(low), quantity(high)));
        let mut rows = vec![["joint".to_string(), "kind".into(), "body".into(), "q".into(), "v".into(), "range".into()]];
        for (j, (joint, address)) in self.joints.iter().zip(self.addresses()).enumerate() {
            let kind = match joint.kind {
                JointKind::Free => "free",
                JointKind::Slide => "slide",
                JointKind::Hinge => "hinge",
            };
            let body = self.bodies[joint.body].label(joint.body);
            rows.push([joint.label(j), kind.into(), body, address.q.to_string(), address.v.to_string(), range(joint.limited.then_some(joint.range))]);
        }
        text += "\nJoints, with the index of their first position and velocity\n";
        text += &table(&rows, "lllrrl");
        let mut rows = vec![["control".to_string(), "joint".into(), "range".into(), "force".into()]];
        for (a, actuator) in self.actuators.iter().enumerate() {
            let name = if actuator.name.is_empty() { String::new() } else { format!(" {}", actuator.name) };
            rows.push([format!("{a}{name}"), self.joints[actuator.joint].label(actuator.joint), range(actuator.control_range), range(actuator.force_range)]);
        }
        text += "\nControls\n";
        text += &table(&rows, "llll");
        let pairs = pairs(self);
        text += &format!("\nContacts: {} that may touch\n", plural(pairs.len(), "pair of geoms", "pairs of geoms"));
        let labels: Vec<[String; 2]> = pairs.iter().map(|pair| pair.geoms.map(|g| self.geom_label(g))).collect();
        /// Longer lists are cut.
        const MOST: usize = 40;
        labels.iter().take(MOST).for_each(|[a, b]| text += &format!("  {a} - {b}\n"));
        if labels.len() > MOST {
            text += &format!("  and {} more\n", labels.len() - MOST);
        }
        if !self.keys.is_empty() {
            let names: Vec<String> = self.keys.iter().map(|key| format!("physics_key_{}", key.name)).collect();
            text += &format!("\nPoses: {}\n", names.join(", "));
        }
        text += "\nFields of Physics beside q and v, for those that the environment's file mentions\n";
        Sensor::all(self).iter().for_each(|(name, _)| text += &format!("  {name}\n"));
        text
    }
}

fn table<const N: usize>(rows: &[[String; N]], align: &str) -> String {
    let rows: Vec<[&str; N]> = rows.iter().map(|row| std::array::from_fn(|i| row[i].as_str())).collect();
    columns(&rows, align).lines().map(|line| format!("  {line}\n")).collect()
}
