//! Actuators. MuJoCo keeps each as a `general`, of which `motor`, `position` and `velocity` are short forms; all of them share the defaults of a class.

use crate::mjcf::element::{Attributes, Element, over, value};
use crate::support::error::Result;

/// Their tags.
pub const TAGS: [&str; 4] = ["motor", "position", "velocity", "general"];

/// The attribute, none of MJCF, that says which tag gave an actuator its law.
const LAST: &str = "last tag";
/// The attributes of the law, by which short forms are written out.
const LAW: [&str; 4] = ["gaintype", "gainprm", "biastype", "biasprm"];

/// Whether `tag` goes on from the law of `attributes`: a position servo does not from a motor or a velocity servo.
fn goes_on(tag: &str, attributes: &Attributes) -> bool {
    match (tag, value(attributes, LAST)) {
        ("position" | "velocity", Some(last)) => last == tag || last == "general",
        _ => true,
    }
}

/// The attributes of the actuator `own` as those of a `general`, over those that its class gives. `around` has those of the classes around that one, the nearest
/// first.
///
/// # Errors
/// Those of [`Element::positive`], and [`crate::support::error::Error::Environment`] where a range is given and inherited.
pub fn written_out(own: &Element, class: &Attributes, around: &[&Attributes]) -> Result<Attributes> {
    let tag = own.tag.as_str();
    let mut base = class.clone();
    if !goes_on(tag, class) {
        base.retain(|(name, _)| !LAW.contains(&name.as_str()));
        let source = around.iter().find(|attributes| goes_on(tag, attributes));
        base.extend(source.into_iter().flat_map(|attributes| attributes.iter()).filter(|(name, _)| LAW.contains(&name.as_str())).cloned());
    }
    let inherits = own.positive("inheritrange", 0.0)? > 0.0;
    if inherits && own.get("ctrlrange").is_some() {
        return Err(own.error("the actuator has a range of its own, and inherits one", "write ctrlrange or inheritrange"));
    }
    base.retain(|(name, _)| match name.as_str() {
        "inheritrange" => own.get("ctrlrange").is_none(),
        "ctrlrange" => !inherits,
        LAST => false,
        _ => true,
    });
    let law = Element { attributes: base.clone(), ..own.clone() };
    let gain = law.numbers("gainprm")?.and_then(|numbers| numbers.first().copied()).unwrap_or(1.0);
    let (gain, bias) = match tag {
        "motor" => (1.0, None),
        "position" => {
            let kept = law.numbers("biasprm")?.and_then(|numbers| numbers.get(2).copied()).unwrap_or(0.0);
            let gain = own.positive("kp", gain)?;
            let damping = if own.get("kv").is_some() { -own.positive("kv", 0.0)? } else { kept };
            (gain, Some([0.0, -gain, damping]))
        }
        "velocity" => {
            let gain = own.positive("kv", gain)?;
            (gain, Some([0.0, 0.0, -gain]))
        }
        _ => {
            let mut attributes = over(&base, &own.attributes);
            attributes.push((LAST.into(), tag.into()));
            return Ok(attributes);
        }
    };
    let law = [
        ("gaintype", "fixed".into()),
        ("gainprm", gain.to_string()),
        ("biastype", if bias.is_some() { "affine" } else { "none" }.into()),
        ("biasprm", bias.unwrap_or_default().map(|x| x.to_string()).join(" ")),
        (LAST, tag.into()),
    ];
    base.retain(|(name, _)| !LAW.contains(&name.as_str()));
    let others: Attributes = own.attributes.iter().filter(|(name, _)| !["kp", "kv"].contains(&name.as_str())).cloned().collect();
    let mut attributes = over(&base, &others);
    attributes.extend(law.map(|(name, value): (&str, String)| (name.into(), value)));
    Ok(attributes)
}
