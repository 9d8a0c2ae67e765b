//! The line `//! import mujoco NAME` of an environment's file, which brings the physics of a robot.

use crate::mjcf::compile;
use crate::physics::wgsl;
use crate::spec::sources::{Place, Sources, TEXT_OF, code, paths_after};
use crate::support::error::{Error, Result};
use crate::support::text::did_you_mean;

macro_rules! models {
    ($($name:literal),* $(,)?) => {
        const MODELS: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../shaders/robots/", $name, ".xml"))),)*];
    };
}

models!("ant", "half_cheetah", "hopper", "humanoid", "inverted_double_pendulum", "inverted_pendulum", "reacher", "swimmer", "walker2d");

/// How a line begins, after `//! import`, that names a robot of this program.
const MUJOCO: &str = "mujoco";

/// Whether an import names a robot, not a file.
pub fn is_robot(import: &str) -> bool {
    import.split_whitespace().next() == Some(MUJOCO)
}

/// `text`, that of the environment at `path`, followed by the physics of the robot that it imports, if it does.
///
/// # Errors
/// [`Error::Environment`] when there is no such robot, or more than one line.
pub fn with_physics(path: &str, text: String, sources: Sources) -> Result<(String, Sources)> {
    let lines: Vec<(usize, &str)> = paths_after("import", &text).into_iter().filter(|(_, import)| is_robot(import)).collect();
    let Some(&(number, line)) = lines.first() else { return Ok((text, sources)) };
    let error = |number: usize, problem: String, help: String| {
        let Place { path, line } = sources.place(number);
        Error::Environment { path, line: Some(line), problem, help }
    };
    if let Some(&(number, _)) = lines.get(1) {
        return Err(error(number, "a second robot is imported".into(), "import one; a model may contain several".into()));
    }
    let name = line[MUJOCO.len()..].trim();
    let Some((_, model)) = MODELS.iter().find(|(known, _)| *known == name) else {
        let names = MODELS.iter().map(|(name, _)| *name);
        let help = format!("one of {}{}", names.clone().collect::<Vec<_>>().join(", "), did_you_mean(name, names));
        return Err(error(number, format!("there is no robot '{name}'"), help));
    };
    let model = compile::model_of(&format!("{name}.xml"), model)?;
    let renamed = |(line, at): (&str, usize)| if at == number { line.replacen("import", "imported", 1) } else { line.into() };
    let mut all: String = text.split_inclusive('\n').zip(1..).map(renamed).collect();
    all += &format!("{TEXT_OF}physics of {name}\n{}", wgsl::text(&model, &code(&text)));
    let sources = Sources::flattened(path, &all);
    Ok((all, sources))
}
