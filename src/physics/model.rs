//! A compiled model: the numbers of MuJoCo's `mjModel` that a step needs.

use serde::{Deserialize, Serialize};

/// Bodies, joints, geoms and actuators. Indices count them in MuJoCo's order, in which parents come before their children; body 0 is the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Seconds of a step.
    pub timestep: f64,
    /// How states are integrated.
    pub integrator: Integrator,
    /// Whether Euler's method takes the dampers' force at the end of the step.
    pub euler_damping: bool,
    /// Acceleration of gravity, m/s².
    pub gravity: [f64; 3],
    /// Density of the medium, kg/m³.
    pub density: f64,
    /// Viscosity of the medium, Pa s.
    pub viscosity: f64,
    /// Ratio of the impedances of friction and of the normal force.
    pub impratio: f64,
    /// The bodies; the first is the world.
    pub bodies: Vec<Body>,
    /// The joints, those of a body together.
    pub joints: Vec<Joint>,
    /// The geoms.
    pub geoms: Vec<Geom>,
    /// The actuators.
    pub actuators: Vec<Actuator>,
    /// The sites.
    pub sites: Vec<Site>,
    /// Pairs of bodies whose geoms do not touch each other.
    #[serde(default)]
    pub excludes: Vec<[usize; 2]>,
    /// Pairs of geoms that touch, whatever their bits say.
    #[serde(default)]
    pub pairs: Vec<ExplicitPair>,
    /// States with names.
    #[serde(default)]
    pub keys: Vec<Key>,
    /// Constraints that are left out.
    #[serde(default)]
    pub without: Without,
}

/// Kinds of constraints that a model leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Without {
    /// Contacts.
    pub contacts: bool,
    /// Limits of joints.
    pub limits: bool,
    /// Friction loss.
    pub friction_loss: bool,
}

/// How states are integrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Integrator {
    /// Semi-implicit Euler.
    Euler,
    /// Runge-Kutta of fourth order.
    Rk4,
}

/// A rigid body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// Its name, which may be empty.
    pub name: String,
    /// Index of its parent.
    pub parent: usize,
    /// Position in its parent, m.
    pub position: [f64; 3],
    /// Orientation in its parent: a unit quaternion w, x, y, z.
    pub orientation: [f64; 4],
    /// Mass, kg.
    pub mass: f64,
    /// Principal moments of inertia, kg m².
    pub inertia: [f64; 3],
    /// Centre of mass, m.
    pub inertia_position: [f64; 3],
    /// Orientation of the principal axes.
    pub inertia_orientation: [f64; 4],
    /// Mean inverse inertia of translations in the reference pose (MuJoCo's `body_invweight0`), 1/kg.
    pub inverse_weight: f64,
}

/// The degrees of freedom of a joint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JointKind {
    /// All six: a position and a quaternion; linear velocity in the world and angular velocity in the body.
    Free,
    /// A translation along the axis.
    Slide,
    /// A rotation about the axis.
    Hinge,
}

/// A joint between a body and its parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Joint {
    /// Its name, which may be empty.
    pub name: String,
    /// Index of the body that it moves.
    pub body: usize,
    /// Its kind.
    pub kind: JointKind,
    /// Axis of length 1, in the body.
    pub axis: [f64; 3],
    /// A point of the axis, in the body, m.
    pub position: [f64; 3],
    /// Whether `range` is enforced.
    pub limited: bool,
    /// Least and largest position, m or rad.
    pub range: [f64; 2],
    /// Distance from a limit at which its constraint begins.
    pub margin: f64,
    /// Reference acceleration of the limits: time constant and damping ratio, or the negatives of stiffness and damping.
    pub limit_solref: [f64; 2],
    /// Impedance of the limits: d0, d1, width, midpoint, power.
    pub limit_solimp: [f64; 5],
    /// Stiffness of its spring, N/m or N m/rad.
    pub stiffness: f64,
    /// Positions in the reference pose.
    pub reference: Vec<f64>,
    /// Positions in which its spring is relaxed.
    pub spring_reference: Vec<f64>,
    /// Range of the sum of its actuators' forces, if it is limited.
    pub actuator_force_range: Option<[f64; 2]>,
    /// Damping, N s/m or N m s/rad.
    pub damping: f64,
    /// Inertia of its motor, kg or kg m².
    pub armature: f64,
    /// Friction loss, N or N m.
    pub friction_loss: f64,
    /// Like `limit_solref`, of the friction loss.
    pub friction_solref: [f64; 2],
    /// Like `limit_solimp`, of the friction loss.
    pub friction_solimp: [f64; 5],
    /// For each degree of freedom, its inverse inertia in the reference pose (MuJoCo's `dof_invweight0`).
    pub inverse_weights: Vec<f64>,
}

/// The shape of a geom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// The half-space below the x-y plane.
    Plane,
    /// Radius.
    Sphere,
    /// Radius and half the length of the cylinder between its ends, along z.
    Capsule,
    /// Half the lengths along the axes.
    Box,
    /// Radius and half the length, along z.
    Cylinder,
}

/// A shape that is fixed to a body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Geom {
    /// Its name, which may be empty.
    pub name: String,
    /// Index of its body.
    pub body: usize,
    /// Its shape.
    pub kind: Shape,
    /// Position in its body, m.
    pub position: [f64; 3],
    /// Orientation in its body.
    pub orientation: [f64; 4],
    /// Sizes, as the shape defines them, m.
    pub size: [f64; 3],
    /// Bits that are compared with those of `conaffinity`: two geoms touch if one's `contype` has a bit of the other's `conaffinity`.
    pub contype: u32,
    /// See `contype`.
    pub conaffinity: u32,
    /// Dimension of its contacts: 1 without friction, 3 with sliding friction.
    pub condim: u32,
    /// The geom of higher priority sets a contact's parameters.
    pub priority: i32,
    /// Coefficients of sliding, torsional and rolling friction.
    pub friction: [f64; 3],
    /// Weight of its `solref` and `solimp` among the two of a contact.
    pub solmix: f64,
    /// Reference acceleration of its contacts, like a joint's.
    pub solref: [f64; 2],
    /// Impedance of its contacts, like a joint's.
    pub solimp: [f64; 5],
    /// Its part of the distance at which contacts begin to act, m.
    pub margin: f64,
}

/// A frame that is fixed to a body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Its name, which may be empty.
    pub name: String,
    /// Index of its body.
    pub body: usize,
    /// Position in its body, m.
    pub position: [f64; 3],
    /// Orientation in its body.
    pub orientation: [f64; 4],
}

/// Two geoms that touch whatever their bits say, with parameters that do not depend on theirs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplicitPair {
    /// Indices of the geoms.
    pub geoms: [usize; 2],
    /// See [`Geom::condim`].
    pub condim: u32,
    /// Coefficient of sliding friction.
    pub friction: f64,
    /// See [`Geom::solref`].
    pub solref: [f64; 2],
    /// See [`Geom::solimp`].
    pub solimp: [f64; 5],
    /// Distance at which contacts begin to act, m.
    pub margin: f64,
}

/// A state with a name, such as a pose to begin with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// Its name, which may be empty.
    pub name: String,
    /// Positions.
    pub q: Vec<f64>,
    /// Velocities.
    pub v: Vec<f64>,
    /// Controls.
    pub control: Vec<f64>,
}

/// An actuator of a slide or hinge. Its force is gain × control + bias₀ + bias₁ × length + bias₂ × velocity, times its gear at the joint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Actuator {
    /// Its name, which may be empty.
    pub name: String,
    /// Index of its joint.
    pub joint: usize,
    /// Ratio of its length to the joint's position.
    pub gear: f64,
    /// Factor of the control.
    pub gain: f64,
    /// Constant force, factor of its length, factor of its velocity.
    pub bias: [f64; 3],
    /// Range of the control, if it is limited.
    pub control_range: Option<[f64; 2]>,
    /// Range of the force, if it is limited.
    pub force_range: Option<[f64; 2]>,
}

/// The place of a joint among positions and velocities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// First position.
    pub q: usize,
    /// First degree of freedom.
    pub v: usize,
}

impl JointKind {
    /// Numbers of positions.
    pub fn positions(self) -> usize {
        if self == JointKind::Free { 7 } else { 1 }
    }

    /// Number of degrees of freedom.
    pub fn freedoms(self) -> usize {
        if self == JointKind::Free { 6 } else { 1 }
    }
}

impl Body {
    /// Its name, or `b`, its index.
    pub fn label(&self, b: usize) -> String {
        label(&self.name, b)
    }
}

impl Joint {
    /// Its name, or `j`, its index, as a part of WGSL identifiers.
    pub fn label(&self, j: usize) -> String {
        identifier(&label(&self.name, j))
    }
}

impl Site {
    /// Its name, or `s`, its index, as a part of WGSL identifiers.
    pub fn label(&self, s: usize) -> String {
        identifier(&label(&self.name, s))
    }
}

fn label(name: &str, index: usize) -> String {
    if name.is_empty() { index.to_string() } else { name.into() }
}

/// A name of a model as a part of WGSL identifiers.
pub fn identifier(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

impl Model {
    /// The name of geom `g`, or its index and that of its body.
    pub fn geom_label(&self, g: usize) -> String {
        let geom = &self.geoms[g];
        if geom.name.is_empty() { format!("geom {g} of {}", self.bodies[geom.body].label(geom.body)) } else { geom.name.clone() }
    }

    /// The address of each joint.
    pub fn addresses(&self) -> Vec<Address> {
        let mut next = Address { q: 0, v: 0 };
        let place = |joint: &Joint| {
            let here = next;
            next = Address { q: here.q + joint.kind.positions(), v: here.v + joint.kind.freedoms() };
            here
        };
        self.joints.iter().map(place).collect()
    }

    /// Number of degrees of freedom.
    pub fn freedoms(&self) -> usize {
        self.joints.iter().map(|joint| joint.kind.freedoms()).sum()
    }

    /// The positions of the reference pose.
    pub fn reference(&self) -> Vec<f64> {
        self.joints.iter().flat_map(|joint| joint.reference.iter().copied()).collect()
    }

    /// Number of positions.
    pub fn positions(&self) -> usize {
        self.joints.iter().map(|joint| joint.kind.positions()).sum()
    }

    /// Indices of the joints of body `b`.
    pub fn joints_of(&self, b: usize) -> impl Iterator<Item = usize> + '_ {
        self.joints.iter().enumerate().filter(move |(_, joint)| joint.body == b).map(|(j, _)| j)
    }

    /// The last degree of freedom that moves body `b`, its parents' included; none for what is fixed to the world.
    pub fn last_freedom(&self, b: usize) -> Option<usize> {
        let addresses = self.addresses();
        let mut body = b;
        while body > 0 {
            if let Some(j) = self.joints_of(body).last() {
                return Some(addresses[j].v + self.joints[j].kind.freedoms() - 1);
            }
            body = self.bodies[body].parent;
        }
        None
    }

    /// The degree of freedom before each one, in the chain to the world.
    pub fn freedom_parents(&self) -> Vec<Option<usize>> {
        let mut parents = Vec::new();
        for (j, joint) in self.joints.iter().enumerate() {
            let first = self.joints_of(joint.body).next() == Some(j);
            let before = if first { self.last_freedom(self.bodies[joint.body].parent) } else { Some(parents.len() - 1) };
            parents.push(before);
            (1..joint.kind.freedoms()).for_each(|_| parents.push(Some(parents.len() - 1)));
        }
        parents
    }

    /// The degrees of freedom from `last` to the world.
    pub fn chain(&self, last: Option<usize>) -> impl Iterator<Item = usize> {
        let parents = self.freedom_parents();
        std::iter::successors(last, move |&i| parents[i])
    }

    /// The child of the world that each body belongs to; 0 for the world.
    pub fn roots(&self) -> Vec<usize> {
        let mut roots: Vec<usize> = Vec::new();
        for (b, body) in self.bodies.iter().enumerate() {
            roots.push(if body.parent == 0 { b } else { roots[body.parent] });
        }
        roots
    }

    /// The body that each one is fixed to: the next in the chain to the world that a joint moves, or the world.
    pub fn welds(&self) -> Vec<usize> {
        let mut welds: Vec<usize> = Vec::new();
        for (b, body) in self.bodies.iter().enumerate() {
            let moves = b == 0 || self.joints_of(b).next().is_some();
            welds.push(if moves { b } else { welds[body.parent] });
        }
        welds
    }
}
