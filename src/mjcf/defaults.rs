//! Classes of defaults.

use crate::mjcf::element::Element;
use crate::support::error::Result;
use crate::support::text::did_you_mean;
use std::collections::HashMap;

/// The name of the class that all others inherit from.
pub const MAIN: &str = "main";
/// Tags of actuators, which share their defaults.
pub const ACTUATORS: [&str; 4] = ["motor", "position", "velocity", "general"];

/// Attributes, by the kind of element that they are of.
type Class = HashMap<&'static str, Vec<(String, String)>>;

/// Attributes by tag, by class.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    classes: HashMap<String, Class>,
}

/// The key of an element's defaults.
fn kind(tag: &str) -> Option<&'static str> {
    if ACTUATORS.contains(&tag) {
        return Some("actuator");
    }
    ["geom", "joint", "site", "pair"].into_iter().find(|known| *known == tag)
}

/// `own` attributes over `inherited` ones. Lists of numbers that are shorter replace the beginning of those inherited.
fn over(inherited: &[(String, String)], own: &[(String, String)]) -> Vec<(String, String)> {
    let mut merged = inherited.to_vec();
    for (name, value) in own {
        let Some(known) = merged.iter_mut().find(|(other, _)| other == name) else {
            merged.push((name.clone(), value.clone()));
            continue;
        };
        let (new, old): (Vec<&str>, Vec<&str>) = (value.split_whitespace().collect(), known.1.split_whitespace().collect());
        let numbers = |words: &[&str]| words.iter().all(|word| word.parse::<f64>().is_ok());
        let longer = new.len() < old.len() && numbers(&new) && numbers(&old);
        known.1 = if longer { [&new[..], &old[new.len()..]].concat().join(" ") } else { value.clone() };
    }
    merged
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
                kinds.insert(kind, over(&inherited, &element.attributes));
            }
        }
        if self.classes.insert(name.into(), kinds).is_some() && parent.is_some() {
            return Err(default.error(format!("there are two classes '{name}'"), "give one of them another name"));
        }
        for nested in default.all("default") {
            let Some(nested_name) = nested.get("class") else {
                return Err(nested.error("a class of defaults has no name", "write <default class=\"NAME\">"));
            };
            self.class(nested, nested_name, Some(name))?;
        }
        Ok(())
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
        let inherited = kind(&element.tag).and_then(|kind| self.classes[class].get(kind));
        let attributes = inherited.map_or_else(|| element.attributes.clone(), |inherited| over(inherited, &element.attributes));
        Ok(Element { attributes, children: Vec::new(), ..element.clone() })
    }
}
