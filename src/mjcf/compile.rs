//! From the elements of a robot's XML to the numbers that a step needs.

use crate::mjcf::actuators;
use crate::mjcf::defaults::{Defaults, MAIN};
use crate::mjcf::element::{self, Element};
use crate::mjcf::frame::{IDENTITY, Quaternion, from_z};
use crate::mjcf::inertia::{Part, moments, placed, principal, together, volume};
use crate::mjcf::schema;
use crate::mjcf::values::Angles;
use crate::physics::collide::{Pair, is_supported, pairs};
use crate::physics::constraint::LEAST_FRICTION;
use crate::physics::model::{Actuator, Body, ExplicitPair, Geom, Integrator, Joint, JointKind, Key, Model, Shape, Site, Without, identifier};
use crate::physics::spatial::{apply, dot, quaternion_product, rotation, unit};
use crate::physics::weights;
use crate::support::error::Result;
use crate::support::text::did_you_mean;
use std::collections::HashMap;
use std::path::Path;

/// Impedance that elements have unless they say otherwise.
const SOLIMP: [f64; 5] = [0.9, 0.95, 0.001, 0.5, 2.0];
/// Reference acceleration, likewise.
const SOLREF: [f64; 2] = [0.02, 1.0];
/// Pairs of geoms: each is some 60 lines of a step at least.
const MOST_PAIRS: usize = 1000;
/// Least impedance of a constraint that is fully violated: stiffness grows with its inverse square.
const LEAST_IMPEDANCE: f64 = 0.01;
/// The least mass and inertia of what moves.
const LEAST: f64 = 1e-15;

/// The model of the robot in the file at `path`.
///
/// # Errors
/// Those of [`element::read`]; [`crate::support::error::Error::Environment`] at the line of what is wrong or not supported.
pub fn model(path: &Path) -> Result<Model> {
    of_root(&element::read(path)?)
}

/// The model of a robot whose XML is `text`, which includes no other files; errors call it `name`.
///
/// # Errors
/// As [`model`].
pub fn model_of(name: &str, text: &str) -> Result<Model> {
    of_root(&element::parse(name, text)?)
}

fn of_root(root: &Element) -> Result<Model> {
    schema::check(root)?;
    unique(root, &mut HashMap::new())?;
    Compiler::new(root)?.compile(root)
}

/// Refuses names that two things of a kind have, and those that become the same in WGSL.
fn unique<'a>(element: &'a Element, seen: &mut HashMap<(&'a str, String), &'a str>) -> Result<()> {
    let kind = match element.tag.as_str() {
        "freejoint" => "joint",
        tag if actuators::TAGS.contains(&tag) => "actuator",
        tag => tag,
    };
    if let Some(name) = element.get("name").filter(|_| ["body", "joint", "geom", "site", "actuator", "key"].contains(&kind)) {
        // Constants have the names of joints in capitals. Geoms and actuators have none.
        let shown = match kind {
            "joint" => identifier(name).to_uppercase(),
            "body" | "site" | "key" => identifier(name),
            _ => name.into(),
        };
        if kind == "body" && name == "world" {
            return Err(element.error("a body is called 'world', as the world itself", "give it another name"));
        }
        match seen.insert((kind, shown), name) {
            Some(other) if other == name => return Err(element.error(format!("two elements <{kind}> are called '{name}'"), "give each a name of its own")),
            Some(other) => {
                let problem = format!("'{name}' and '{other}', of two elements <{kind}>, are the same name in WGSL");
                return Err(
                    element.error(problem, "rename one: in WGSL, what is neither letter nor digit becomes an underscore, and joints are written in capitals")
                );
            }
            None => {}
        }
    }
    element.children.iter().filter(|child| child.tag != "default").try_for_each(|child| unique(child, seen))
}

/// Whether a body's inertia comes from its geoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FromGeoms {
    Always,
    Never,
    WithoutInertial,
}

/// The attributes of `compiler`, defaults, and the model as far as it is compiled.
struct Compiler {
    angles: Angles,
    auto_limits: bool,
    from_geoms: FromGeoms,
    groups: [f64; 2],
    least_mass: f64,
    least_inertia: f64,
    balance: bool,
    total_mass: f64,
    defaults: Defaults,
    model: Model,
    /// For each body, its inertia, if an element gives it.
    inertials: Vec<Option<Part>>,
    /// For each body, its geoms' parts.
    parts: Vec<Vec<Part>>,
    /// The elements of bodies, for errors.
    elements: Vec<Element>,
    /// Those of geoms.
    geom_elements: Vec<Element>,
}

/// A frame within a body.
type Pose = ([f64; 3], Quaternion);

fn within((position, orientation): Pose, (point, turn): Pose) -> Pose {
    (placed(position, orientation, point), unit(quaternion_product(orientation, turn)))
}

/// All elements of a kind, whose attributes count together; a later one wins.
fn merged(root: &Element, tag: &str) -> Element {
    let mut all = Element { tag: tag.into(), attributes: Vec::new(), children: Vec::new(), ..root.clone() };
    for element in root.all(tag) {
        for (name, value) in &element.attributes {
            all.attributes.retain(|(known, _)| known != name);
            all.attributes.push((name.clone(), value.clone()));
        }
        all.children.extend(element.children.iter().cloned());
        all.line = element.line;
        all.file = element.file.clone();
    }
    all
}

impl Compiler {
    fn new(root: &Element) -> Result<Self> {
        let settings = merged(root, "compiler");
        settings.only("coordinate", &["local"], "write positions in the frame of the parent")?;
        settings.only("fusestatic", &["false"], "leave it out; bodies without joints cost nothing here")?;
        settings.only("alignfree", &["false"], "leave it out")?;
        let sequence = settings.get("eulerseq").unwrap_or("xyz");
        if sequence.len() != 3 || !sequence.chars().all(|letter| "xyzXYZ".contains(letter)) {
            return Err(settings.error(format!("`eulerseq` is \"{sequence}\""), "write three letters of x, y, z, X, Y, Z"));
        }
        let from_geoms = match settings.choice("inertiafromgeom", &["auto", "true", "false"])? {
            "true" => FromGeoms::Always,
            "false" => FromGeoms::Never,
            _ => FromGeoms::WithoutInertial,
        };
        Ok(Compiler {
            angles: Angles {
                unit: if settings.choice("angle", &["degree", "radian"])? == "degree" { std::f64::consts::PI / 180.0 } else { 1.0 },
                sequence: sequence.into(),
            },
            auto_limits: settings.choice("autolimits", &["true", "false"])? == "true",
            from_geoms,
            groups: settings.exactly::<2>("inertiagrouprange")?.unwrap_or([0.0, 5.0]),
            least_mass: settings.positive("boundmass", 0.0)?,
            least_inertia: settings.positive("boundinertia", 0.0)?,
            balance: settings.choice("balanceinertia", &["false", "true"])? == "true",
            total_mass: settings.number("settotalmass", -1.0)?,
            defaults: Defaults::read(root)?,
            model: options(&merged(root, "option"))?,
            inertials: Vec::new(),
            parts: Vec::new(),
            elements: Vec::new(),
            geom_elements: Vec::new(),
        })
    }

    fn compile(mut self, root: &Element) -> Result<Model> {
        let mut world = merged(root, "worldbody");
        world.attributes.clear();
        self.body(&world, None, (<[f64; 3]>::default(), IDENTITY), MAIN)?;
        // Those of a body are together.
        self.model.joints.sort_by_key(|joint| joint.body);
        let bodies: Vec<usize> = self.model.geoms.iter().map(|geom| geom.body).collect();
        self.model.geoms.sort_by_key(|geom| geom.body);
        let mut order: Vec<usize> = (0..bodies.len()).collect();
        order.sort_by_key(|&g| bodies[g]);
        self.geom_elements = order.into_iter().map(|g| self.geom_elements[g].clone()).collect();
        self.model.sites.sort_by_key(|site| site.body);
        self.masses()?;
        for element in merged(root, "actuator").children {
            self.actuator(&element)?;
        }
        for element in merged(root, "contact").children {
            self.contact(&element)?;
        }
        self.colliders()?;
        weights::set(&mut self.model);
        self.regular()?;
        for element in merged(root, "keyframe").children {
            self.key(&element)?;
        }
        if self.model.joints.is_empty() {
            return Err(root.error("nothing in the robot can move", "give bodies joints"));
        }
        Ok(self.model)
    }

    /// The element `body` or `worldbody`, and what is in it.
    fn body(&mut self, element: &Element, parent: Option<usize>, around: Pose, class: &str) -> Result<()> {
        element.only("mocap", &["false"], "give the body joints, or move its parent")?;
        element.only("gravcomp", &["0", "0.0"], "leave it out")?;
        if element.get("quat").is_some() && ["axisangle", "xyaxes", "zaxis", "euler"].iter().any(|name| element.get(name).is_some()) {
            return Err(element.error("<body> has two orientations", "write one of them"));
        }
        let class = self.class(element, class)?;
        let (position, orientation) = within(around, element.pose(&self.angles)?);
        let index = self.model.bodies.len();
        self.model.bodies.push(Body {
            name: element.get("name").unwrap_or(if parent.is_none() { "world" } else { "" }).into(),
            parent: parent.unwrap_or(0),
            position,
            orientation,
            mass: 0.0,
            inertia: [0.0; 3],
            inertia_position: [0.0; 3],
            inertia_orientation: IDENTITY,
            inverse_weight: 0.0,
        });
        self.inertials.push(None);
        self.parts.push(Vec::new());
        self.elements.push(Element { children: Vec::new(), ..element.clone() });
        self.contents(element, index, (<[f64; 3]>::default(), IDENTITY), &class)
    }

    fn class(&self, element: &Element, around: &str) -> Result<String> {
        let class = element.get("childclass").unwrap_or(around);
        self.defaults.known(element, class)?;
        Ok(class.into())
    }

    /// What is in a body, or in a frame within it.
    fn contents(&mut self, element: &Element, body: usize, frame: Pose, class: &str) -> Result<()> {
        for child in &element.children {
            match child.tag.as_str() {
                "body" => self.body(child, Some(body), frame, class)?,
                "frame" => {
                    let inner = within(frame, child.pose(&self.angles)?);
                    let class = self.class(child, class)?;
                    self.contents(child, body, inner, &class)?;
                }
                "joint" | "freejoint" => {
                    let joint = self.joint(child, body, frame, class)?;
                    self.model.joints.push(joint);
                }
                "geom" => self.geom(child, body, frame, class)?,
                "site" => self.site(child, body, frame, class)?,
                "inertial" => self.inertial(child, body, frame)?,
                "camera" | "light" | "plugin" => {}
                _ => return Err(child.error(format!("<{}> cannot be in <{}>", child.tag, element.tag), "move it to where the XML reference has it")),
            }
        }
        Ok(())
    }

    fn inertial(&mut self, element: &Element, body: usize, frame: Pose) -> Result<()> {
        if self.inertials[body].is_some() || body == 0 {
            let problem = if body == 0 { "the world has no inertia" } else { "the body has two elements <inertial>" };
            return Err(element.error(problem, "remove this one"));
        }
        let Some(mass) = element.exactly::<1>("mass")?.map(|[mass]| mass).filter(|mass| *mass >= 0.0) else {
            return Err(element.error("<inertial> has no mass that is 0 or more", "write mass=\"KILOGRAMS\""));
        };
        let pose = within(frame, element.pose(&self.angles)?);
        let (turn, moments) = match (element.exactly::<3>("diaginertia")?, element.exactly::<6>("fullinertia")?) {
            (Some(moments), None) => (IDENTITY, moments),
            (None, Some([xx, yy, zz, xy, xz, yz])) => principal(&[[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]),
            (None, None) => (IDENTITY, [0.0; 3]),
            (Some(_), Some(_)) => return Err(element.error("<inertial> has `diaginertia` and `fullinertia`", "write one of them")),
        };
        if moments.iter().any(|moment| *moment < 0.0) {
            return Err(element.error("a principal moment of inertia is negative", "check the signs of the inertia"));
        }
        let (position, orientation) = within(pose, (<[f64; 3]>::default(), turn));
        self.inertials[body] = Some(Part { mass, position, orientation, moments });
        Ok(())
    }

    fn joint(&self, element: &Element, body: usize, frame: Pose, class: &str) -> Result<Joint> {
        let free = element.tag == "freejoint";
        // Defaults of joints are not those of <freejoint>.
        let e = &if free { element.clone() } else { self.defaults.resolved(element, class)? };
        e.only("align", &["false", "auto"], "leave it out")?;
        e.only("springdamper", &["0 0"], "write stiffness and damping")?;
        e.only("actuatorgravcomp", &["false"], "leave it out")?;
        if body == 0 {
            return Err(element.error("the world has a joint", "put the joint into a <body>"));
        }
        let kind = match if free { "free" } else { e.choice("type", &["hinge", "slide", "free", "ball"])? } {
            "free" => JointKind::Free,
            "slide" => JointKind::Slide,
            "hinge" => JointKind::Hinge,
            _ => return Err(element.error("ball joints are not supported", "write three hinges with orthogonal axes")),
        };
        let others = self.model.joints.iter().filter(|joint| joint.body == body).map(|joint| joint.kind);
        if others.clone().any(|other| other == JointKind::Free) || (kind == JointKind::Free && others.count() > 0) {
            return Err(element.error("a body with a free joint has another joint", "a free joint is all that a body can have: remove the others"));
        }
        if kind == JointKind::Free && self.model.bodies[body].parent != 0 {
            return Err(element.error("a free joint is in a body within another one", "put the body directly into <worldbody>"));
        }
        let unit = if kind == JointKind::Hinge { self.angles.unit } else { 1.0 };
        let axis = e.exactly::<3>("axis")?.unwrap_or([0.0, 0.0, 1.0]);
        let length = dot(axis, axis).sqrt();
        if length < 1e-10 {
            return Err(element.error("the joint's axis is null", "write the direction that it turns about, or slides along"));
        }
        let axis = apply(&rotation(frame.1), axis.map(|x| x / length));
        let limits = if kind == JointKind::Free { None } else { e.range("range", "limited", self.auto_limits)? };
        let range = limits.unwrap_or_default().map(|x| x * unit);
        let place = &self.model.bodies[body];
        let reference = if kind == JointKind::Free { [&place.position[..], &place.orientation].concat() } else { vec![e.number("ref", 0.0)? * unit] };
        let spring = if kind == JointKind::Free { reference.clone() } else { vec![e.number("springref", 0.0)? * unit] };
        let linear = |name: &str| {
            let [first, rest @ ..] = e.at_most::<3>(name, [0.0; 3])?;
            if rest != [0.0; 2] || first < 0.0 {
                return Err(element.error(
                    format!("`{name}` is \"{}\"", e.get(name).unwrap_or_default()),
                    "write one number that is not negative; polynomials are not supported",
                ));
            }
            Ok(first)
        };
        let stiffness = linear("stiffness")?;
        if kind == JointKind::Free && stiffness > 0.0 {
            return Err(element.error("a free joint has a spring", "leave `stiffness` out"));
        }
        Ok(Joint {
            name: e.get("name").unwrap_or_default().into(),
            body,
            kind,
            axis,
            position: placed(frame.0, frame.1, e.exactly::<3>("pos")?.unwrap_or_default()),
            limited: limits.is_some(),
            range,
            // MuJoCo takes it in radians whatever the unit of angles.
            margin: e.positive("margin", 0.0)?,
            limit_solref: self.reference(e, "solreflimit")?,
            limit_solimp: self.impedance(e, "solimplimit")?,
            stiffness,
            reference,
            spring_reference: spring,
            actuator_force_range: e.range("actuatorfrcrange", "actuatorfrclimited", self.auto_limits)?,
            damping: linear("damping")?,
            armature: e.positive("armature", 0.0)?,
            friction_loss: e.positive("frictionloss", 0.0)?,
            friction_solref: self.reference(e, "solreffriction")?,
            friction_solimp: self.impedance(e, "solimpfriction")?,
            inverse_weights: vec![0.0; kind.freedoms()],
        })
    }

    fn condim(&self, e: &Element) -> Result<u32> {
        match e.whole("condim", 3)? {
            1 => Ok(1),
            3 => Ok(3),
            other => {
                let help = "write 1 (without friction) or 3 (with sliding friction); torsional and rolling friction are not supported";
                Err(e.error(format!("`condim` is {other}"), help))
            }
        }
    }

    /// The reference acceleration of a constraint.
    fn reference(&self, e: &Element, name: &str) -> Result<[f64; 2]> {
        let solref = e.at_most(name, SOLREF)?;
        if (solref[0] > 0.0) != (solref[1] > 0.0) {
            let help = "write a time constant and a damping ratio, both positive, or the negatives of stiffness and damping";
            return Err(e.error(format!("`{name}` of <{}> is {} {}: one number is positive, the other is not", e.tag, solref[0], solref[1]), help));
        }
        Ok(solref)
    }

    fn impedance(&self, e: &Element, name: &str) -> Result<[f64; 5]> {
        let solimp = e.at_most(name, SOLIMP)?;
        if ![1.0, 2.0].contains(&solimp[4].max(1.0)) {
            return Err(e.error(format!("the power of `{name}` is {}", solimp[4]), "write 1 or 2 (the fifth number)"));
        }
        if let Some(d) = solimp[..2].iter().find(|d| !(0.0..=1.0).contains(*d)) {
            let help = "write two numbers from 0 to 1 first, the second one 0.01 or more";
            return Err(e.error(format!("`{name}` of <{}> has an impedance of {d}", e.tag), help));
        }
        if solimp[1] < LEAST_IMPEDANCE {
            let help = "write at least 0.01 as the second number: softer constraints cannot be computed in 32 bits";
            return Err(e.error(format!("`{name}` of <{}> has an impedance of {} where it is full", e.tag, solimp[1]), help));
        }
        Ok(solimp)
    }

    fn geom(&mut self, element: &Element, body: usize, frame: Pose, class: &str) -> Result<()> {
        let e = &self.defaults.resolved(element, class)?;
        e.only("shellinertia", &["false"], "leave it out, or give the body an <inertial>")?;
        e.only("fluidshape", &["none"], "leave it out: the medium acts on boxes with the bodies' inertia")?;
        let kind = e.choice("type", &["sphere", "plane", "capsule", "cylinder", "box", "mesh", "ellipsoid", "hfield", "sdf"])?;
        let (contype, conaffinity) = (e.whole("contype", 1)?, e.whole("conaffinity", 1)?);
        let touches = contype != 0 || conaffinity != 0;
        let mass = e.exactly::<1>("mass")?.map(|[mass]| mass);
        let shape = match kind {
            "plane" => Shape::Plane,
            "capsule" => Shape::Capsule,
            "cylinder" => Shape::Cylinder,
            "box" => Shape::Box,
            "sphere" if e.get("mesh").is_none() => Shape::Sphere,
            _ => {
                let (what, instead) = if e.get("mesh").is_some() { ("mesh", "meshes") } else { (kind, "such shapes") };
                if touches {
                    let help = format!(
                        "set its contype and conaffinity to 0 if it is only seen, and let a sphere, capsule or box touch in its place; {instead} cannot touch"
                    );
                    return Err(element.error(format!("a geom of the type {what} can touch others"), help));
                }
                let group = e.number("group", 0.0)?;
                let counts = group >= self.groups[0] && group <= self.groups[1] && mass != Some(0.0) && e.number("density", 1000.0)? != 0.0;
                // Only seen; its mass is not known. The body's element may follow.
                if counts && body > 0 {
                    self.parts[body].push(Part { mass: f64::NAN, position: [0.0; 3], orientation: IDENTITY, moments: [0.0; 3] });
                }
                return Ok(());
            }
        };
        let mut size = e.at_most::<3>("size", [0.0; 3])?;
        let mut pose = e.pose(&self.angles)?;
        if let Some([a, b, c, d, f, g]) = e.exactly::<6>("fromto")? {
            let way = [a - d, b - f, c - g];
            let length = dot(way, way).sqrt();
            if length < 1e-10 || !matches!(shape, Shape::Capsule | Shape::Cylinder | Shape::Box) {
                let problem = if length < 1e-10 { "`fromto` has no extent".to_string() } else { format!("a {kind} has no `fromto`") };
                return Err(element.error(problem, "write two points, of a capsule, cylinder or box"));
            }
            pose = ([0.5 * (a + d), 0.5 * (b + f), 0.5 * (c + g)], from_z(way));
            size = if shape == Shape::Box { [size[0], size[0], 0.5 * length] } else { [size[0], 0.5 * length, 0.0] };
        }
        let needed = match shape {
            Shape::Plane => 0,
            Shape::Sphere => 1,
            Shape::Capsule | Shape::Cylinder => 2,
            Shape::Box => 3,
        };
        if size[..needed].iter().any(|x| *x <= 0.0) {
            let help = match shape {
                Shape::Sphere => "write size=\"RADIUS\", which is positive",
                Shape::Box => "write size=\"X Y Z\", half the lengths of its sides, which are positive",
                _ => "write size=\"RADIUS HALF-LENGTH\", or size=\"RADIUS\" and fromto; sizes are positive",
            };
            return Err(element.error(format!("the {kind}'s size is \"{}\"", e.get("size").unwrap_or_default()), help));
        }
        if shape == Shape::Plane && self.moves(body) {
            return Err(element.error("a plane is in a body that moves", "put it into <worldbody>"));
        }
        let (position, orientation) = within(frame, pose);
        let mass = mass.unwrap_or(volume(shape, size) * e.positive("density", 1000.0)?);
        if mass < 0.0 {
            return Err(element.error(format!("the geom's mass is {mass}"), "write a number that is not negative"));
        }
        let group = e.number("group", 0.0)?;
        if body > 0 && mass > LEAST && group >= self.groups[0] && group <= self.groups[1] {
            self.parts[body].push(Part { mass, position, orientation, moments: moments(shape, mass, size) });
        }
        let condim = if touches { self.condim(e)? } else { e.whole("condim", 3)? as u32 };
        let friction = e.at_most("friction", [1.0, 0.005, 0.0001])?;
        self.geom_elements.push(element.clone());
        self.model.geoms.push(Geom {
            name: e.get("name").unwrap_or_default().into(),
            body,
            kind: shape,
            position,
            orientation,
            size,
            contype: contype as u32,
            conaffinity: conaffinity as u32,
            condim,
            priority: e.whole("priority", 0)? as i32,
            friction,
            solmix: e.positive("solmix", 1.0)?,
            solref: self.reference(e, "solref")?,
            solimp: self.impedance(e, "solimp")?,
            margin: e.positive("margin", 0.0)?,
        });
        Ok(())
    }

    /// Whether a joint moves a body.
    fn moves(&self, mut body: usize) -> bool {
        while body > 0 {
            if self.model.joints.iter().any(|joint| joint.body == body) {
                return true;
            }
            body = self.model.bodies[body].parent;
        }
        false
    }

    fn site(&mut self, element: &Element, body: usize, frame: Pose, class: &str) -> Result<()> {
        let e = &self.defaults.resolved(element, class)?;
        let mut pose = e.pose(&self.angles)?;
        if let Some([a, b, c, d, f, g]) = e.exactly::<6>("fromto")? {
            let way = [a - d, b - f, c - g];
            if dot(way, way) < 1e-20 {
                return Err(element.error("`fromto` has no extent", "write two points"));
            }
            pose = ([0.5 * (a + d), 0.5 * (b + f), 0.5 * (c + g)], from_z(way));
        }
        let (position, orientation) = within(frame, pose);
        self.model.sites.push(Site { name: e.get("name").unwrap_or_default().into(), body, position, orientation });
        Ok(())
    }

    /// Refuses joints that move a body alike, so that its accelerations are not defined.
    fn regular(&self) -> Result<()> {
        // Of a singular matrix, a pivot is 0 or what rounding left of it.
        const MOST: f64 = 1e12;
        let fits = |weight: &f64| weight.is_finite() && *weight < MOST;
        match self.model.joints.iter().rev().find(|joint| !joint.inverse_weights.iter().all(fits)) {
            None => Ok(()),
            Some(joint) => {
                let problem = format!(
                    "the joints of body '{}' move it alike in the reference pose, or against no inertia",
                    self.model.bodies[joint.body].label(joint.body)
                );
                Err(self.elements[joint.body].error(problem, "remove one of them, turn its axis, or give it armature"))
            }
        }
    }

    /// Refuses pairs of geoms for which there is no collider, and more of them than a step can be compiled with.
    fn colliders(&self) -> Result<()> {
        let pairs = pairs(&self.model);
        if pairs.len() > MOST_PAIRS {
            let of_geom = |g: &usize| pairs.iter().filter(|pair| pair.geoms.contains(g)).count();
            let busiest = (0..self.model.geoms.len()).max_by_key(of_geom).unwrap_or_default();
            let problem = format!(
                "{} pairs of geoms can touch, more than {MOST_PAIRS}, and {} is in {} of them",
                pairs.len(),
                self.model.geom_label(busiest),
                of_geom(&busiest)
            );
            return Err(self.geom_elements[busiest].error(problem, "set contype and conaffinity so that only those meet that matter"));
        }
        let slippery = |pair: &&Pair| pair.condim > 1 && pair.friction / self.model.impratio.sqrt() < LEAST_FRICTION;
        if let Some(pair) = pairs.iter().find(slippery) {
            let [a, b] = pair.geoms.map(|g| self.model.geom_label(g));
            let ratio = if self.model.impratio == 1.0 { String::new() } else { format!(", and `impratio` is {}", self.model.impratio) };
            let problem = format!("{a} and {b} touch with a friction of {}{ratio}, which is too little to be computed in 32 bits", pair.friction);
            let least = LEAST_FRICTION * self.model.impratio.sqrt();
            let help = format!("write condim=\"1\" for both if there is to be none, or a friction of at least {}", (1e6 * least).ceil() / 1e6);
            return Err(self.geom_elements[pair.geoms[1]].error(problem, help));
        }
        let Some(pair) = pairs.iter().find(|pair| !is_supported(&self.model, pair)) else { return Ok(()) };
        let [a, b] = pair.geoms.map(|g| (self.model.geom_label(g), format!("{:?}", self.model.geoms[g].kind).to_lowercase()));
        let problem = format!("{} ({}) and {} ({}) can touch, and such shapes are not supported together", a.0, a.1, b.0, b.1);
        let help = "planes touch spheres, capsules and boxes; spheres and capsules touch each other: let others not meet (exclude, contype, conaffinity), or replace a shape";
        Err(self.geom_elements[pair.geoms[1]].error(problem, help))
    }

    /// Masses and inertias of bodies.
    fn masses(&mut self) -> Result<()> {
        for b in 1..self.model.bodies.len() {
            let explicit = self.inertials[b].filter(|_| self.from_geoms != FromGeoms::Always);
            let parts = if self.from_geoms == FromGeoms::Never { &[][..] } else { &self.parts[b][..] };
            let mut part = match explicit {
                Some(part) => part,
                // Of a body without mass, MuJoCo takes its own frame in that of its parent once more; its inverse inertia is that of this point.
                None if parts.is_empty() => {
                    let Body { position, orientation, .. } = self.model.bodies[b];
                    Part { mass: 0.0, position, orientation, moments: [0.0; 3] }
                }
                None => together(parts),
            };
            if part.mass.is_nan() {
                let help = "give it an element <inertial>, or such geoms mass=\"0\"";
                return Err(self.elements[b].error("the body's mass depends on a mesh or another shape that has none here", help));
            }
            part.mass = part.mass.max(self.least_mass);
            part.moments = part.moments.map(|moment| moment.max(self.least_inertia));
            let [a, b_, c] = part.moments;
            if a + b_ < c || a + c < b_ || b_ + c < a {
                if !self.balance {
                    let problem = format!("the body's principal moments of inertia are {a}, {b_}, {c}: one is more than the other two together");
                    return Err(
                        self.elements[b].error(problem, "no rigid body is like that: correct the <inertial>, or set balanceinertia=\"true\" in <compiler>")
                    );
                }
                part.moments = [(a + b_ + c) / 3.0; 3];
            }
            let body = &mut self.model.bodies[b];
            (body.mass, body.inertia, body.inertia_position, body.inertia_orientation) = (part.mass, part.moments, part.position, part.orientation);
        }
        let total: f64 = self.model.bodies.iter().map(|body| body.mass).sum();
        if self.total_mass > 0.0 {
            for body in &mut self.model.bodies {
                body.mass *= self.total_mass / total;
                body.inertia = body.inertia.map(|moment| moment * self.total_mass / total);
            }
        }
        let welds = self.model.welds();
        for b in 1..self.model.bodies.len() {
            // With those that are fixed to it.
            let fixed = || (0..welds.len()).filter(|&other| welds[other] == b).map(|other| &self.model.bodies[other]);
            let has_inertia = fixed().any(|body| body.mass > LEAST && body.inertia.iter().all(|moment| *moment > LEAST));
            if welds[b] == b && !has_inertia {
                let name = self.model.bodies[b].label(b);
                return Err(self.elements[b].error(format!("body '{name}' moves and has no mass or inertia"), "give it a geom, or an element <inertial>"));
            }
        }
        Ok(())
    }

    fn actuator(&mut self, element: &Element) -> Result<()> {
        if !actuators::TAGS.contains(&element.tag.as_str()) {
            return Err(element.error(format!("<{}> cannot be in <actuator>", element.tag), format!("one of {}", actuators::TAGS.join(", "))));
        }
        let e = &self.defaults.resolved(element, MAIN)?;
        for target in ["jointinparent", "tendon", "site", "body", "slidersite", "cranksite", "refsite"] {
            if e.get(target).is_some() {
                return Err(element.error(format!("the actuator acts on a `{target}`"), "let it act on a joint: joint=\"NAME\""));
            }
        }
        for (name, allowed) in [
            ("dyntype", &["none"][..]),
            ("timeconst", &["0"]),
            ("dampratio", &["0"]),
            ("delay", &["0"]),
            ("nsample", &["0"]),
            ("actlimited", &["false", "auto"]),
            ("actdim", &["0", "-1"]),
            ("armature", &["0"]),
            ("damping", &["0"]),
        ] {
            let help = match name {
                "dampratio" => "write kv, the damping itself",
                "armature" | "damping" => "write it at the joint",
                _ => "actuators have no states here: leave it out",
            };
            e.only(name, allowed, help)?;
        }
        let names = || self.model.joints.iter().map(|joint| joint.name.as_str());
        let Some(name) = e.get("joint") else {
            return Err(element.error("the actuator names no joint", "write joint=\"NAME\""));
        };
        let Some(joint) = names().position(|other| other == name) else {
            return Err(element.error(format!("there is no joint '{name}'"), format!("check its spelling{}", did_you_mean(name, names()))));
        };
        if self.model.joints[joint].kind == JointKind::Free {
            return Err(element.error(format!("the actuator acts on the free joint '{name}'"), "let it act on a hinge or slide"));
        }
        let [gear, rest @ ..] = e.at_most::<6>("gear", [1.0, 0.0, 0.0, 0.0, 0.0, 0.0])?;
        if rest != [0.0; 5] {
            return Err(element.error("`gear` has more than one number that is not 0", "write one: a hinge or slide has one degree of freedom"));
        }
        e.only("gaintype", &["fixed"], "write gaintype=\"fixed\"")?;
        let gain = e.numbers("gainprm")?.and_then(|numbers| numbers.first().copied()).unwrap_or(1.0);
        let affine = match e.choice("biastype", &["none", "affine", "muscle", "user", "dcmotor"])? {
            "none" => false,
            "affine" => true,
            _ => return Err(element.error("the bias is not affine", "write biastype=\"none\" or \"affine\"")),
        };
        let numbers = e.numbers("biasprm")?.unwrap_or_default();
        let bias: [f64; 3] = std::array::from_fn(|i| if affine { numbers.get(i).copied().unwrap_or(0.0) } else { 0.0 });
        let mut control_range = e.range("ctrlrange", "ctrllimited", self.auto_limits)?;
        let inherit = e.positive("inheritrange", 0.0)?;
        // Only what is a position servo inherits, whatever its class says.
        if inherit > 0.0 && affine && gain == -bias[1] {
            let of = &self.model.joints[joint];
            if !of.limited {
                return Err(element
                    .error(format!("the actuator inherits its range from '{name}', which has none"), "give the joint a range, or the actuator ctrlrange"));
            }
            let [low, high] = of.range;
            let (middle, half) = (0.5 * (low + high), 0.5 * (high - low) * inherit);
            control_range = Some([middle - half, middle + half]);
        }
        self.model.actuators.push(Actuator {
            name: e.get("name").unwrap_or_default().into(),
            joint,
            gear,
            gain,
            bias,
            control_range,
            force_range: e.range("forcerange", "forcelimited", self.auto_limits)?,
        });
        Ok(())
    }

    fn contact(&mut self, element: &Element) -> Result<()> {
        let find = |attribute: &str, names: Vec<&str>| {
            let Some(name) = element.get(attribute) else {
                return Err(element.error(format!("<{}> has no `{attribute}`", element.tag), format!("write {attribute}=\"NAME\"")));
            };
            names.iter().position(|other| *other == name).ok_or_else(|| {
                let help = format!("check its spelling{}", did_you_mean(name, names.iter().copied()));
                element.error(format!("there is no '{name}'"), help)
            })
        };
        match element.tag.as_str() {
            "exclude" => {
                let bodies = || self.model.bodies.iter().map(|body| body.name.as_str()).collect::<Vec<_>>();
                let pair = [find("body1", bodies())?, find("body2", bodies())?];
                self.model.excludes.push(pair);
            }
            "pair" => {
                let geoms = || self.model.geoms.iter().map(|geom| geom.name.as_str()).collect::<Vec<_>>();
                let geoms = [find("geom1", geoms())?, find("geom2", geoms())?];
                let e = &self.defaults.resolved(element, MAIN)?;
                let [friction, second, ..] = e.at_most::<5>("friction", [1.0, 1.0, 0.005, 0.0001, 0.0001])?;
                if self.condim(e)? == 3 && friction != second {
                    return Err(element.error("the pair's friction differs with direction", "write two equal numbers"));
                }
                let solref = self.reference(e, "solref")?;
                let pair =
                    ExplicitPair { geoms, condim: self.condim(e)?, friction, solref, solimp: self.impedance(e, "solimp")?, margin: e.positive("margin", 0.0)? };
                self.model.pairs.push(pair);
            }
            tag => return Err(element.error(format!("<{tag}> cannot be in <contact>"), "one of exclude, pair")),
        }
        Ok(())
    }

    fn key(&mut self, element: &Element) -> Result<()> {
        let list = |name: &str, count: usize, standard: Vec<f64>| {
            let Some(numbers) = element.numbers(name)? else { return Ok(standard) };
            if numbers.len() != count {
                return Err(element.error(format!("`{name}` has {} numbers", numbers.len()), format!("the robot has {count}")));
            }
            Ok(numbers)
        };
        let reference = self.model.reference();
        let mut q = list("qpos", reference.len(), reference.clone())?;
        for (joint, address) in self.model.joints.iter().zip(self.model.addresses()).filter(|(joint, _)| joint.kind == JointKind::Free) {
            let turn = &mut q[address.q + 3..address.q + joint.kind.positions()];
            if turn.iter().all(|x| *x == 0.0) {
                return Err(element.error("the quaternion of a free joint is null", "write 1 0 0 0 for no rotation"));
            }
            turn.copy_from_slice(&unit([turn[0], turn[1], turn[2], turn[3]]));
        }
        let key = Key {
            name: element.get("name").unwrap_or_default().into(),
            q,
            v: list("qvel", self.model.freedoms(), vec![0.0; self.model.freedoms()])?,
            control: list("ctrl", self.model.actuators.len(), vec![0.0; self.model.actuators.len()])?,
        };
        self.model.keys.push(key);
        Ok(())
    }
}

/// The element `option`.
fn options(option: &Element) -> Result<Model> {
    option.only("actuatorgroupdisable", &[""], "leave it out, and remove the actuators that it disables")?;
    option.only("cone", &["pyramidal"], "write cone=\"pyramidal\"; elliptic cones are not supported")?;
    option.only("noslip_iterations", &["0"], "leave it out")?;
    if option.exactly::<3>("wind")?.is_some_and(|wind| wind != [0.0; 3]) {
        return Err(option.error("wind is not supported", "leave `wind` out"));
    }
    let integrator = match option.choice("integrator", &["Euler", "RK4", "implicit", "implicitfast"])? {
        "Euler" => Integrator::Euler,
        "RK4" => Integrator::Rk4,
        other => {
            return Err(
                option.error(format!("the integrator {other} is not supported"), "write integrator=\"Euler\" or \"RK4\"; Euler takes dampers implicitly, too")
            );
        }
    };
    let mut gravity = option.exactly::<3>("gravity")?.unwrap_or([0.0, 0.0, -9.81]);
    let mut euler_damping = true;
    let mut without = Without::default();
    for flag in option.all("flag") {
        for (name, value) in &flag.attributes {
            let disabled = match value.as_str() {
                "enable" => false,
                "disable" => true,
                _ => return Err(flag.error(format!("`{name}` is \"{value}\""), "write enable or disable")),
            };
            match name.as_str() {
                "eulerdamp" => euler_damping = !disabled,
                "gravity" if disabled => gravity = [0.0; 3],
                "contact" => without.contacts |= disabled,
                "limit" => without.limits |= disabled,
                "frictionloss" => without.friction_loss |= disabled,
                "constraint" if disabled => without = Without { contacts: true, limits: true, friction_loss: true },
                // There are none.
                "equality" => {}
                "override" if !disabled => return Err(flag.error("contacts are overridden", "leave `override` out")),
                "override" | "island" | "warmstart" | "sensor" | "energy" | "fwdinv" | "invdiscrete" | "multiccd" | "nativeccd" | "midphase" | "autoreset"
                | "sleep" => {}
                _ if disabled => return Err(flag.error(format!("`{name}` cannot be disabled"), "leave it out")),
                _ => {}
            }
        }
    }
    let timestep = option.number("timestep", 0.002)?;
    if timestep <= 0.0 {
        return Err(option.error(format!("the time step is {timestep}"), "write timestep=\"SECONDS\""));
    }
    let impratio = option.number("impratio", 1.0)?;
    if impratio <= 0.0 {
        return Err(option.error(format!("`impratio` is {impratio}"), "write a positive number"));
    }
    Ok(Model {
        timestep,
        integrator,
        euler_damping,
        gravity,
        density: option.positive("density", 0.0)?,
        viscosity: option.positive("viscosity", 0.0)?,
        impratio,
        bodies: Vec::new(),
        joints: Vec::new(),
        geoms: Vec::new(),
        actuators: Vec::new(),
        sites: Vec::new(),
        excludes: Vec::new(),
        pairs: Vec::new(),
        keys: Vec::new(),
        without,
    })
}
