//! Which elements and attributes there are, and what becomes of them.

use crate::mjcf::element::Element;
use crate::support::error::Result;
use crate::support::text::did_you_mean;

/// An element that this program knows.
struct Known {
    tag: &'static str,
    /// Attributes that are read.
    read: &'static str,
    /// Attributes that change nothing here.
    passed: &'static str,
}

/// The attributes that all actuators have, and some more.
macro_rules! of_actuators {
    ($more:literal) => {
        concat!(
            "name class joint gear ctrlrange ctrllimited forcerange forcelimited armature damping jointinparent tendon site refsite body slidersite cranksite delay nsample interp ",
            $more
        )
    };
}

const KNOWN: &[Known] = &[
    Known { tag: "mujoco", read: "", passed: "model" },
    Known {
        tag: "compiler",
        read: "angle eulerseq inertiafromgeom inertiagrouprange autolimits settotalmass boundmass boundinertia balanceinertia coordinate fusestatic alignfree",
        passed: "meshdir texturedir assetdir strippath discardvisual convexhull usethread fitaabb saveinertial exactmeshinertia",
    },
    Known {
        tag: "option",
        read: "timestep integrator gravity density viscosity wind impratio cone noslip_iterations actuatorgroupdisable",
        passed: "iterations tolerance solver ls_iterations ls_tolerance jacobian magnetic ccd_iterations ccd_tolerance sdf_iterations sdf_initpoints noslip_tolerance mpr_iterations mpr_tolerance apirate collision o_margin o_solref o_solimp o_friction",
    },
    Known {
        tag: "flag",
        read: "eulerdamp gravity contact limit constraint equality frictionloss passive spring damper clampctrl filterparent actuation refsafe override island",
        passed: "warmstart sensor energy fwdinv invdiscrete multiccd nativeccd midphase autoreset sleep",
    },
    Known { tag: "default", read: "class", passed: "" },
    Known { tag: "worldbody", read: "", passed: "" },
    Known { tag: "body", read: "name childclass pos quat axisangle xyaxes zaxis euler mocap gravcomp", passed: "user sleep" },
    Known { tag: "frame", read: "childclass pos quat axisangle xyaxes zaxis euler", passed: "name" },
    Known { tag: "inertial", read: "pos quat axisangle xyaxes zaxis euler mass diaginertia fullinertia", passed: "" },
    Known {
        tag: "joint",
        read: "name class type pos axis range limited stiffness damping frictionloss armature springref ref margin solreflimit solimplimit solreffriction solimpfriction actuatorfrcrange actuatorfrclimited springdamper actuatorgravcomp",
        passed: "group user",
    },
    Known { tag: "freejoint", read: "name align", passed: "group" },
    Known {
        tag: "geom",
        read: "name class type size pos quat axisangle xyaxes zaxis euler fromto mass density friction condim contype conaffinity priority solmix solref solimp margin gap group shellinertia fluidshape mesh",
        passed: "rgba material user hfield fluidcoef fitscale",
    },
    Known { tag: "site", read: "name class pos quat axisangle xyaxes zaxis euler fromto", passed: "type size rgba material group user" },
    Known { tag: "camera", read: "", passed: "*" },
    Known { tag: "light", read: "", passed: "*" },
    Known { tag: "motor", read: of_actuators!(""), passed: PASSED_OF_ACTUATORS },
    Known { tag: "position", read: of_actuators!("kp kv dampratio timeconst inheritrange"), passed: PASSED_OF_ACTUATORS },
    Known { tag: "velocity", read: of_actuators!("kv"), passed: PASSED_OF_ACTUATORS },
    Known {
        tag: "general",
        read: of_actuators!("gaintype gainprm biastype biasprm dyntype dynprm actlimited actrange actdim actearly"),
        passed: PASSED_OF_ACTUATORS,
    },
    Known { tag: "actuator", read: "", passed: "" },
    Known { tag: "contact", read: "", passed: "" },
    Known { tag: "exclude", read: "name body1 body2", passed: "" },
    Known { tag: "pair", read: "name class geom1 geom2 condim friction solref solimp margin gap solreffriction", passed: "" },
    Known { tag: "keyframe", read: "", passed: "" },
    Known { tag: "key", read: "name qpos qvel ctrl", passed: "time act mpos mquat" },
];

const PASSED_OF_ACTUATORS: &str = "group user lengthrange cranklength";

/// Elements that change nothing here, with all that they contain.
const PASSED: &[&str] = &["visual", "statistic", "asset", "custom", "size", "sensor", "mesh", "material", "texture", "skin", "plugin"];

/// Elements that would change what a robot does, why they are refused, and what to do.
const REFUSED: &[(&str, &str, &str)] = &[
    ("equality", "equality constraints are not supported", "remove them; build closed chains as open ones"),
    ("tendon", "tendons are not supported", "drive joints directly, and remove the element <tendon>"),
    ("deformable", "deformable bodies are not supported", "remove them"),
    ("extension", "plugins are not supported", "remove the element"),
    ("composite", "composite bodies are not supported", "write their bodies out"),
    ("flexcomp", "deformable bodies are not supported", "remove them"),
    ("replicate", "replicated bodies are not supported", "write them out"),
    ("attach", "attached models are not supported", "write an <include> or the bodies themselves"),
    ("muscle", "muscles are not supported", "write <motor>, <position>, <velocity>, or <general> with a fixed gain"),
    ("cylinder", "actuators with states are not supported", "write <motor>, <position>, <velocity>, or <general> with a fixed gain"),
    ("intvelocity", "actuators with states are not supported", "write <motor>, <position>, <velocity>, or <general> with a fixed gain"),
    ("damper", "dampers as actuators are not supported", "write <motor>, <position>, <velocity>, or <general> with a fixed gain"),
    ("adhesion", "adhesion is not supported", "write <motor>, <position>, <velocity>, or <general> with a fixed gain"),
    ("dcmotor", "motors with states are not supported", "write <motor>, <position>, <velocity>, or <general> with a fixed gain"),
];

/// Checks that an element and all in it are known.
///
/// # Errors
/// [`crate::support::error::Error::Environment`] at the first one that is not, or that is refused.
pub fn check(element: &Element) -> Result<()> {
    if PASSED.contains(&element.tag.as_str()) || is_idle_tendon(element) {
        return Ok(());
    }
    if let Some((_, problem, help)) = REFUSED.iter().find(|(tag, _, _)| *tag == element.tag) {
        return Err(element.error(*problem, *help));
    }
    let Some(known) = KNOWN.iter().find(|known| known.tag == element.tag) else {
        let tags = KNOWN.iter().map(|known| known.tag).chain(PASSED.iter().copied());
        return Err(element.error(format!("there is no element <{}>", element.tag), format!("check its spelling{}", did_you_mean(&element.tag, tags))));
    };
    let attributes = || known.read.split_whitespace().chain(known.passed.split_whitespace());
    for (name, _) in element.attributes.iter().filter(|_| known.passed != "*") {
        if !attributes().any(|known| known == name) {
            let help = format!("check its spelling{}", did_you_mean(name, attributes()));
            return Err(element.error(format!("<{}> has no attribute `{name}`", element.tag), help));
        }
    }
    element.children.iter().try_for_each(check)
}

/// Whether an element `tendon` has only sums of joint positions that exert no force.
fn is_idle_tendon(element: &Element) -> bool {
    let exerts_nothing = |tendon: &Element| tendon.attributes.iter().all(|(name, _)| ["name", "class", "group", "user"].contains(&name.as_str()));
    let idle = |tendon: &Element| tendon.tag == "fixed" && exerts_nothing(tendon);
    // In a class of defaults, the attributes are its own.
    element.tag == "tendon" && exerts_nothing(element) && element.children.iter().all(idle)
}
