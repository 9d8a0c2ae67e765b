//! Classes of defaults.

use crate::mjcf::actuators;
use crate::mjcf::element::{Attributes, Element, over};
use crate::support::error::Result;
use crate::support::text::did_you_mean;
use std::collections::HashMap;

/// The name of the class that all others inherit from.
pub const MAIN: &str = "main";

/// Attributes, by the kind of element that they are of.
type Class = HashMap<&'static str, Attributes>;

/// Attributes by tag, by class.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    classes: HashMap<String, Class>,
    /// The class around each.
    parents: HashMap<String, String>,
}

/// The kind of all actuators.
const ACTUATOR: &str = "actuator";

/// The key of an element's defaults.
fn kind(tag: &str) -> Option<&'static str> {
    if actuators::TAGS.contains(&tag) {
        return Some(ACTUATOR);
    }
    ["geom", "joint", "site", "pair"].into_iter().find(|known| *known == tag)
}

/// The attributes of an element over those of its class, and for actuators of the classes around it.
fn attributes(element: &Element, class: &Attributes, around: &[&Attributes]) -> Result<Attributes> {
    if kind(&element.tag) == Some(ACTUATOR) { actuators::written_out(element, class, around) } else { Ok(over(class, &element.attributes)) }
}

impl Defaults {
    /// Those of all elements `default` in a file's root.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Environment`] when a class has no name, or one that another has.
    pub fn read(root: &Element) -> Result<Self> {
        let mut defaults = Defaults::default();
        defaults.classes.insert(MAIN.into(), HashMap::new());
        for default in root.all("default") {
            if default.get("class").is_none_or(|name| name == MAIN) {
                defaults.class(default, MAIN, None)?;
            } else {
                let name = default.get("class").unwrap_or_default();
                defaults.class(default, name, Some(MAIN))?;
            }
        }
        Ok(defaults)
    }

    fn class(&mut self, default: &Element, name: &str, parent: Option<&str>) -> Result<()> {
        let mut kinds = match parent {
            Some(parent) => self.classes[parent].clone(),
            None => self.classes.get(name).cloned().unwrap_or_default(),
        };
        for element in default.children.iter().filter(|element| element.tag != "default") {
            if let Some(kind) = kind(&element.tag) {
                let inherited = kinds.remove(kind).unwrap_or_default();
                let around = parent.map(|parent| self.around(parent, kind)).unwrap_or_default();
                kinds.insert(kind, attributes(element, &inherited, &around)?);
            }
        }
        if self.classes.insert(name.into(), kinds).is_some() && parent.is_some() {
            return Err(default.error(format!("there are two classes '{name}'"), "give one of them another name"));
        }
        self.parents.extend(parent.map(|parent| (name.into(), parent.into())));
        for nested in default.all("default") {
            let Some(nested_name) = nested.get("class") else {
                return Err(nested.error("a class of defaults has no name", "write <default class=\"NAME\">"));
            };
            self.class(nested, nested_name, Some(name))?;
        }
        Ok(())
    }

    /// The defaults of a class for a kind of element, then those of the classes around it.
    fn around(&self, class: &str, kind: &str) -> Vec<&Attributes> {
        let classes = std::iter::successors(Some(class), |class| self.parents.get(*class).map(String::as_str));
        classes.filter_map(|class| self.classes.get(class)?.get(kind)).collect()
    }

    /// Checks that there is a class of that name.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Environment`] at `element` when there is none.
    pub fn known(&self, element: &Element, class: &str) -> Result<()> {
        if self.classes.contains_key(class) {
            return Ok(());
        }
        let help = format!("declare it in <default>, or check its spelling{}", did_you_mean(class, self.classes.keys().map(String::as_str)));
        Err(element.error(format!("there is no class '{class}'"), help))
    }

    /// An element with the defaults of its class, or of the class `around` it.
    ///
    /// # Errors
    /// As [`Defaults::known`].
    pub fn resolved(&self, element: &Element, around: &str) -> Result<Element> {
        let class = element.get("class").unwrap_or(around);
        self.known(element, class)?;
        let Some(kind) = kind(&element.tag) else { return Ok(Element { children: Vec::new(), ..element.clone() }) };
        let inherited = self.classes[class].get(kind).cloned().unwrap_or_default();
        let around = self.parents.get(class).map(|parent| self.around(parent, kind)).unwrap_or_default();
        Ok(Element { attributes: attributes(element, &inherited, &around)?, children: Vec::new(), ..element.clone() })
    }
}
