//! The elements of a robot's XML, of its own file and of those that it includes.

use crate::support::error::{Error, Result};
use crate::support::files;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Most bytes of a file.
const MOST_BYTES: u64 = 4 << 20;
/// Most files that one may include, directly or through others.
const MOST_FILES: usize = 64;
/// Most elements within each other.
const DEEPEST: usize = 128;

/// Attributes and their values.
pub type Attributes = Vec<(String, String)>;

/// The value of an attribute.
pub fn value<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// `own` attributes over `inherited` ones. Lists of numbers that are shorter replace the beginning of those inherited.
pub fn over(inherited: &Attributes, own: &Attributes) -> Attributes {
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

/// An element with its attributes, and where it is.
#[derive(Debug, Clone)]
pub struct Element {
    /// Its tag.
    pub tag: String,
    /// Names and values of its attributes.
    pub attributes: Attributes,
    /// What it contains.
    pub children: Vec<Element>,
    /// The file.
    pub file: Rc<str>,
    /// The line, from 1.
    pub line: usize,
}

impl Element {
    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        value(&self.attributes, name)
    }

    /// The error that `problem` is in this element, with a remedy.
    pub fn error(&self, problem: impl Into<String>, help: impl Into<String>) -> Error {
        Error::Environment { path: self.file.to_string(), line: Some(self.line), problem: problem.into(), help: help.into() }
    }

    /// The children with a tag.
    pub fn all<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.tag == tag)
    }
}

/// The root of the robot in the file at `path`.
///
/// # Errors
/// [`Error::Unreadable`] when the file cannot be read; [`Error::Environment`] at the line of what is wrong with it, or with a file that it includes.
pub fn read(path: &Path) -> Result<Element> {
    let root = file(path, &mut Some(Vec::new()))?;
    is_robot(root)
}

/// The root of the robot whose XML is `text`. Errors call it `name`.
///
/// # Errors
/// As [`read`]; also when it includes another file.
pub fn parse(name: &str, text: &str) -> Result<Element> {
    is_robot(document(Path::new(name), text, &mut None)?)
}

fn is_robot(root: Element) -> Result<Element> {
    if root.tag == "mujoco" {
        return Ok(root);
    }
    let help = "a robot's file has one element <mujoco> with all others in it; MuJoCo's own compiler converts other formats, such as URDF";
    Err(root.error(format!("the file begins with <{}>", root.tag), help))
}

/// The files that were read, or nothing where none can be included.
type Files = Option<Vec<PathBuf>>;

fn file(path: &Path, files: &mut Files) -> Result<Element> {
    let unreadable = |error| Error::unreadable(path, error);
    let resolved = files::resolve(path).map_err(unreadable)?;
    let bytes = files::size(&resolved).map_err(unreadable)?;
    if bytes > MOST_BYTES {
        let problem = format!("the file has {bytes} bytes, more than {MOST_BYTES}");
        let help = "a robot's file describes bodies and joints; meshes are files of their own".into();
        return Err(Error::Environment { path: path.display().to_string(), line: None, problem, help });
    }
    files.as_mut().into_iter().for_each(|files| files.push(resolved.clone()));
    document(path, &files::read_text(path)?, files)
}

fn document(path: &Path, text: &str, files: &mut Files) -> Result<Element> {
    let name: Rc<str> = path.display().to_string().into();
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    let text = without_comments(text);
    let document = roxmltree::Document::parse_with_options(&text, options).map_err(|problem| {
        // The library's message ends with the place.
        let message = problem.to_string();
        let message = message.rsplit_once(" at ").map_or(message.as_str(), |(message, _)| message);
        let line = Some(problem.pos().row as usize);
        let help = "every element is closed, and every value is in quotes".into();
        Error::Environment { path: name.to_string(), line, problem: format!("the file is not XML: {message}"), help }
    })?;
    element(document.root_element(), &name, path, files, 0)
}

/// `text` with spaces in place of comments. XML allows no `--` in them, and robots' files have it.
fn without_comments(text: &str) -> String {
    let mut blank = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("<!--") {
        let end = rest[start..].find("-->").map_or(rest.len(), |end| start + end + 3);
        blank += &rest[..start];
        blank.extend(rest[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }));
        rest = &rest[end..];
    }
    blank + rest
}

fn element(node: roxmltree::Node, name: &Rc<str>, path: &Path, files: &mut Files, depth: usize) -> Result<Element> {
    let line = node.document().text_pos_at(node.range().start).row as usize;
    let attributes = node.attributes().map(|attribute| (attribute.name().to_string(), attribute.value().to_string())).collect();
    let mut element = Element { tag: node.tag_name().name().into(), attributes, children: Vec::new(), file: name.clone(), line };
    if depth > DEEPEST {
        return Err(element.error(format!("more than {DEEPEST} elements are within each other"), "flatten the tree of bodies"));
    }
    for child in node.children() {
        if !child.is_element() {
            continue;
        }
        let read = self::element(child, name, path, files, depth + 1)?;
        if read.tag == "include" {
            element.children.extend(included(&read, path, files)?);
        } else {
            element.children.push(read);
        }
    }
    Ok(element)
}

/// What the file of an element `include` has in its root.
fn included(include: &Element, path: &Path, files: &mut Files) -> Result<Vec<Element>> {
    let Some(wanted) = include.get("file") else {
        return Err(include.error("<include> names no file", "write <include file=\"PATH.xml\"/>"));
    };
    // From the directory of this file, or of the robot's own.
    let beside = path.with_file_name(wanted);
    let from_main = files.as_ref().and_then(|files| files.first()).map(|main| main.with_file_name(wanted));
    let path = from_main.filter(|other| !beside.exists() && other.exists()).unwrap_or(beside);
    let resolved = files::resolve(&path).map_err(|error| {
        let problem = format!("cannot include {}: {error}", path.display());
        include.error(problem, "the path begins in the directory of this file, or of the robot's own")
    })?;
    let Some(read) = files else {
        return Err(include.error("this text cannot include other files", "write it to a file"));
    };
    if read.contains(&resolved) {
        return Err(include.error(format!("{wanted} is included a second time"), "include each file once; a file cannot include itself"));
    }
    if read.len() >= MOST_FILES {
        return Err(include.error(format!("more than {MOST_FILES} files are included"), "join some of them"));
    }
    Ok(file(&path, files)?.children)
}
