//! Import lines of environment files, which become one text, and lines that name files of data.
//!
//! A line `//! import PATH.wgsl` imports the file at PATH, from the directory of the file that the line is in. It begins a line, after spaces at
//! most, anywhere in the file, since the order of WGSL's declarations does not matter. The text is that of the environment's own file, in which lines keep
//! their numbers; imported ones follow, each once. Everything that comes later (kernels, digests, the copy in a run's directory) has this text, in which no import is left.

use crate::environments::bodies;
use crate::spec::data::{DATA_COPY, Data, data_lines};
use crate::spec::sources::{Place, Sources, TEXT_OF, marked_lines, paths_after};
use crate::support::error::{Error, Result};
use crate::support::files;
use crate::support::text::did_you_mean;
use crate::wgsl::compose;
use std::path::{Path, PathBuf};

/// Most files that an environment may import, directly or through others.
const MOST_FILES: usize = 64;
/// Most bytes of their texts together.
const MOST_BYTES: usize = 1 << 20;

/// The text of the environment in the file at `path`, with the files that it imports, and its data.
///
/// # Errors
/// [`Error::Unreadable`] when the file itself cannot be read; [`Error::Environment`] at the line of an import, or of data, that cannot be used.
pub fn read(path: &str) -> Result<(String, Sources, Data)> {
    let own = files::read_text(Path::new(path))?;
    let (text, sources) = if imports(&own).is_empty() { (own, Sources::file(path)) } else { flatten(path, &own)? };
    refuse_unknown_lines(&text, &sources)?;
    let (text, sources) = bodies::with_physics(path, text, sources)?;
    let lines = data_lines(&text);
    if lines.is_empty() {
        return Ok((text, sources, Data::default()));
    }
    let data = data(&lines, &sources)?;
    let renamed = |(line, number): (&str, usize)| match on(number, &lines) {
        Some(name) => line.replacen(name, DATA_COPY, 1),
        None => line.into(),
    };
    Ok((text.split_inclusive('\n').zip(1..).map(renamed).collect(), sources, data))
}

/// Refuses lines that were meant to name a file, by a word that none begins with.
fn refuse_unknown_lines(text: &str, sources: &Sources) -> Result<()> {
    // Import lines of files that were flattened.
    let known = ["import", "imported", "data"];
    for (number, line) in marked_lines(text) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let names_a_file =
            words.last().is_some_and(|last| [".wgsl", ".safetensors"].iter().any(|ending| last.trim_end_matches(['"', '\'', '`', ';']).ends_with(ending)));
        if names_a_file && words.len() <= 2 && !known.contains(&words[0]) {
            let Place { path, line: place } = sources.place(number);
            let help = "write //! import PATH.wgsl or //! data PATH.safetensors; comments begin with // alone".into();
            return Err(Error::Environment { path, line: Some(place), problem: format!("`//! {line}` is no line that ppo-gpu knows"), help });
        }
    }
    Ok(())
}

/// The text of the environment in the file at `path`, which is `own`, with the files that it imports.
fn flatten(path: &str, own: &str) -> Result<(String, Sources)> {
    let name = Path::new(path).file_name().map_or(path.into(), |name| name.to_string_lossy().into_owned());
    let file = files::resolve(Path::new(path)).map_err(|error| Error::unreadable(path, error))?;
    let mut flattened = Flattened { path, text: String::new(), bytes: 0, files: Vec::new() };
    flattened.add(own, &mut vec![Link { file, name }])?;
    let sources = Sources::flattened(path, &flattened.text);
    Ok((flattened.text, sources))
}

/// The arrays of the files that the `lines` of data name.
fn data(lines: &[(usize, &str)], sources: &Sources) -> Result<Data> {
    // The line of each file, its path, and its contents.
    let mut read: Vec<(usize, PathBuf)> = Vec::new();
    let mut contents: Vec<(String, Vec<u8>)> = Vec::new();
    let error = |number: usize, problem: String, help: String| {
        let Place { path, line } = sources.place(number);
        Error::Environment { path, line: Some(line), problem, help }
    };
    for &(number, name) in lines {
        if let Some(problem) = malformed(name, "data line", "files of data", ".safetensors") {
            return Err(error(number, problem, help_with_path("data PATH.safetensors")));
        }
        let path = Path::new(&sources.place(number).path).with_file_name(name);
        let cannot = |reason: std::io::Error| {
            let near = neighbour(&path, name, ".safetensors", None);
            let (reason, help) = (reason.to_string(), Error::unreadable(&path, reason).help());
            error(number, format!("cannot read {}: {reason}", path.display()), help + &near)
        };
        let file = files::resolve(&path).map_err(cannot)?;
        if read.iter().any(|(_, other)| *other == file) {
            continue;
        }
        contents.push((path.display().to_string(), files::read(&path).map_err(cannot)?));
        read.push((number, file));
    }
    Data::read(&contents).map_err(|(file, (problem, help))| error(read[file].0, problem, help))
}

/// What the import lines of a text import, with their numbers. Others are of the kernels' own texts, as in the files of the built-in environments.
fn imports(text: &str) -> Vec<(usize, &str)> {
    let mut lines = paths_after("import", text);
    lines.retain(|(_, name)| !compose::is_shared(name) && !bodies::is_robot(name));
    lines
}

/// The path on a line of this number, if it is among the `lines` with paths.
fn on<'a>(number: usize, lines: &[(usize, &'a str)]) -> Option<&'a str> {
    lines.iter().find(|(other, _)| *other == number).map(|(_, path)| *path)
}

/// A file on the way from the environment's own file to an import.
struct Link {
    /// The file itself, whichever path leads to it.
    file: PathBuf,
    /// Its path from the directory of the environment's own file, with slashes on every system: digests contain it.
    name: String,
}

/// A text that grows by imported files.
struct Flattened<'a> {
    /// The environment's own file.
    path: &'a str,
    text: String,
    /// Bytes of imported files.
    bytes: usize,
    /// The files that are in it.
    files: Vec<PathBuf>,
}

impl Flattened<'_> {
    /// Adds the text of the last file of `chain`, and what it imports. The files before it in `chain` are those through which it is imported.
    fn add(&mut self, text: &str, chain: &mut Vec<Link>) -> Result<()> {
        let Some(Link { file, name }) = chain.last() else { return Ok(()) };
        let name = name.clone();
        self.files.push(file.clone());
        if chain.len() > 1 {
            self.text += &format!("{TEXT_OF}{name}\n");
        }
        let imports = imports(text);
        for (line, number) in text.split_inclusive('\n').zip(1..) {
            self.text += &match on(number, &imports) {
                Some(_) => line.replacen("import", "imported", 1),
                // Such lines are in files that were flattened before.
                None if line.starts_with(TEXT_OF) => line.replacen("//!", "//", 1),
                None => line.into(),
            };
        }
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        for (number, import) in imports {
            self.follow(&name, number, import, chain)?;
        }
        Ok(())
    }

    /// Adds what line `number` of the last file of `chain`, which is called `name`, imports.
    fn follow(&mut self, name: &str, number: usize, import: &str, chain: &mut Vec<Link>) -> Result<()> {
        let shown = |name: &str| Path::new(self.path).with_file_name(name);
        let error = |problem: String, help: String| {
            let path = if chain.len() > 1 { shown(name).display().to_string() } else { self.path.into() };
            Error::Environment { path, line: Some(number), problem, help }
        };
        if let Some(problem) = malformed(import, "import line", "imported files", ".wgsl") {
            return Err(error(problem, help_with_path("import PATH.wgsl")));
        }
        let imported = name.rsplit_once('/').map_or(import.into(), |(directory, _)| format!("{directory}/{import}"));
        let path = shown(&imported);
        let cannot = |reason: std::io::Error| {
            let problem = format!("cannot import {}: {reason}", path.display());
            let own = name.rsplit('/').next().filter(|_| !import.contains('/'));
            error(problem, Error::unreadable(&path, reason).help() + &neighbour(&path, import, ".wgsl", own))
        };
        let file = files::resolve(&path).map_err(&cannot)?;
        if let Some(first) = chain.iter().position(|link| link.file == file) {
            let circle: Vec<&str> = chain[first..].iter().map(|link| link.name.as_str()).chain([chain[first].name.as_str()]).collect();
            let help = "remove this line, or move what both files need into one that imports neither";
            return Err(error(format!("imports form a circle: {}", circle.join(" -> ")), help.into()));
        }
        if self.files.contains(&file) {
            return Ok(());
        }
        // The first one is the environment's own.
        if self.files.len() > MOST_FILES {
            return Err(error(format!("more than {MOST_FILES} files are imported"), "join some of them".into()));
        }
        let bytes = files::size(&file).map_err(&cannot)?;
        if bytes > (MOST_BYTES - self.bytes) as u64 {
            let problem = format!("imported files have more than {MOST_BYTES} bytes together");
            return Err(error(problem, "import only what the environment uses".into()));
        }
        let text = match files::read_text(&path) {
            Err(Error::Unreadable { source, .. }) => return Err(cannot(source)),
            text => text?,
        };
        self.bytes += bytes as usize;
        chain.push(Link { file, name: imported });
        self.add(&text, chain)?;
        chain.pop();
        Ok(())
    }
}

/// How to write a line with a path.
fn help_with_path(line: &str) -> String {
    format!("write //! {line}, with nothing else on the line; the path begins in the directory of this file, and has / between directories")
}

/// "; did you mean 'x'?" with the file beside the missing `path` whose name is nearest to that in `wanted`, has the same `ending`, and is not `own`.
fn neighbour(path: &Path, wanted: &str, ending: &str, own: Option<&str>) -> String {
    // What is there and cannot be used needs no other name.
    if path.exists() {
        return String::new();
    }
    let neighbours = files::neighbours(path);
    let candidates = neighbours.iter().map(String::as_str).filter(|other| other.ends_with(ending) && own != Some(other));
    did_you_mean(wanted.rsplit('/').next().unwrap_or(wanted), candidates)
}

/// Why no file can have the `name` on a line, if none can. `line` is the kind of line, `files` are those that it may name, whose names have this `ending`.
fn malformed(name: &str, line: &str, files: &str, ending: &str) -> Option<String> {
    let path = Path::new(name);
    let stem = name.rsplit('/').next().unwrap_or_default();
    let is_quoted = name.contains(['"', '\'', '`', '<', '>']);
    Some(match name {
        "" => format!("the {line} names no file"),
        _ if is_quoted => format!("the {line} names {name}, which has quotes"),
        _ if name.contains(',') || name.matches(ending).count() > 1 => format!("the {line} names {name}, and one line names one file"),
        _ if name.contains('\\') => format!("the {line} names {name}, with a backslash"),
        _ if path.is_absolute() || path.has_root() => format!("the {line} names {name}, which is not a path from the directory of this file"),
        _ if !stem.ends_with(ending) || stem == ending => format!("the {line} names {name}, and {files} are called NAME{ending}"),
        _ => return None,
    })
}
