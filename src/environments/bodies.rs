//! The line of an environment's file that brings the physics of a robot: `//! import mujoco NAME`, for one of this program, or `//! import mjcf FILE.xml`.

use crate::mjcf::compile;
use crate::physics::wgsl;
use crate::spec::sources::{Place, Sources, TEXT_OF, code, paths_after};
use crate::support::error::{Error, Result};
use crate::support::text::did_you_mean;
use std::path::Path;

macro_rules! robots {
    ($($name:literal),* $(,)?) => {
        const ROBOTS: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../shaders/robots/", $name, ".xml"))),)*];
    };
}

robots!("ant", "half_cheetah", "hopper", "humanoid", "inverted_double_pendulum", "inverted_pendulum", "reacher", "swimmer", "walker2d");

/// What an import line names: a robot of this program, or the XML file of one.
const KINDS: [&str; 2] = ["mujoco", "mjcf"];

/// Whether an import is of a robot, not of a WGSL file.
pub fn is_robot(import: &str) -> bool {
    import.split_whitespace().next().is_some_and(|word| KINDS.contains(&word))
}

/// How the name of the text begins that follows a task.
const PHYSICS_OF: &str = "physics of ";

/// `text`, that of the environment at `path`, followed by the physics of the robot that it imports, if it does.
///
/// # Errors
/// [`Error::Environment`] when there is no such robot, its XML is wrong, or there is more than one line; [`Error::Unreadable`] when the XML cannot be read.
pub fn with_physics(path: &str, text: String, sources: Sources) -> Result<(String, Sources)> {
    let lines: Vec<(usize, &str)> = paths_after("import", &text).into_iter().filter(|(_, import)| is_robot(import)).collect();
    let Some(&(number, line)) = lines.first() else { return Ok((text, sources)) };
    let place = sources.place(number);
    let error = |problem: String, help: String| Error::Environment { path: place.path.clone(), line: Some(place.line), problem, help };
    if let Some(&(number, _)) = lines.get(1) {
        let Place { path, line } = sources.place(number);
        let help = "import one; its world may contain several bodies".into();
        return Err(Error::Environment { path, line: Some(line), problem: "a second robot is imported".into(), help });
    }
    let (kind, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let name = name.trim();
    let model = match kind {
        "mujoco" => {
            let Some((_, xml)) = ROBOTS.iter().find(|(known, _)| *known == name) else {
                let names = ROBOTS.iter().map(|(name, _)| *name);
                let help = format!(
                    "one of {}{}; the XML of another robot is imported with //! import mjcf FILE.xml",
                    names.clone().collect::<Vec<_>>().join(", "),
                    did_you_mean(name, names)
                );
                return Err(error(format!("there is no robot '{name}'"), help));
            };
            compile::model_of(&format!("{name}.xml"), xml)?
        }
        _ if !name.to_lowercase().ends_with(".xml") => {
            return Err(error(
                format!("the import line names {name:?}, which is no XML file"),
                "write //! import mjcf PATH.xml, from the directory of this file".into(),
            ));
        }
        _ => {
            let file = Path::new(&place.path).with_file_name(name);
            match compile::model(&file) {
                Err(Error::Unreadable { source, .. }) => {
                    return Err(error(format!("cannot import {}: {source}", file.display()), Error::unreadable(&file, source).help()));
                }
                model => model?,
            }
        }
    };
    let renamed = |(line, at): (&str, usize)| if at == number { line.replacen("import", "imported", 1) } else { line.into() };
    let mut all: String = text.split_inclusive('\n').zip(1..).map(renamed).collect();
    if !all.ends_with('\n') {
        all.push('\n');
    }
    let robot = Path::new(name).file_name().unwrap_or_default().display();
    all += &format!("{TEXT_OF}{PHYSICS_OF}{robot} (MuJoCo 4.0)\n{}", wgsl::text(&model, &code(&text)));
    let sources = Sources::flattened(path, &all);
    Ok((all, sources))
}

/// `source` without the statements of a robot's physics, which are thousands, compiled when the file was read, and name nothing that kernels do.
pub fn without_physics(source: &str) -> String {
    let mut text = source.to_string();
    let Some(physics) = text.find(&format!("{TEXT_OF}{PHYSICS_OF}")) else { return text };
    for name in ["physics_step", "physics_sense", "physics_sense_motion"] {
        let Some(start) = text[physics..].find(&format!("\nfn {name}(")).map(|start| physics + start) else { continue };
        let body = text[start..].find("{\n").zip(text[start..].find("\n}\n"));
        let (open, close) = body.expect("a function as the physics is written");
        text.replace_range(start + open + 2..start + close + 1, "");
    }
    text
}
