//! Import lines of environment files, which become one text.
//!
//! A line `//! import PATH.wgsl` imports the file at PATH, from the directory of the file that the line is in. It begins a line, after spaces at
//! most, anywhere in the file, since the order of WGSL's declarations does not matter. The text is that of the environment's own file, in which lines keep
//! their numbers; imported ones follow, each once. Everything that comes later (kernels, digests, the copy in a run's directory) has this text, in which no import is left.

use crate::spec::sources::{Sources, TEXT_OF};
use crate::support::error::{Error, Result};
use crate::support::files;
use crate::support::text::did_you_mean;
use crate::wgsl::compose;
use std::path::{Path, PathBuf};

/// Most files that an environment may import, directly or through others.
const MOST_FILES: usize = 64;
/// Most bytes of their texts together.
const MOST_BYTES: usize = 1 << 20;

/// The text of the environment in the file at `path`, with the files that it imports.
///
/// # Errors
/// [`Error::Unreadable`] when the file itself cannot be read; [`Error::Environment`] at the line of an import that cannot be used.
pub fn read(path: &str) -> Result<(String, Sources)> {
    let own = files::read_text(Path::new(path))?;
    if own.lines().all(|line| import(line).is_none()) {
        return Ok((own, Sources::file(path)));
    }
    let name = Path::new(path).file_name().map_or(path.into(), |name| name.to_string_lossy().into_owned());
    let file = files::resolve(Path::new(path)).map_err(|error| Error::unreadable(path, error))?;
    let mut flattened = Flattened { path, text: String::new(), bytes: 0, files: Vec::new() };
    flattened.add(&own, &mut vec![Link { file, name }])?;
    let sources = Sources::flattened(path, &flattened.text);
    Ok((flattened.text, sources))
}

/// What a line imports, if it is an import line; it may also be one of the kernels' own texts, as in the files of the built-in environments.
fn import(line: &str) -> Option<&str> {
    let name = line.trim_start().strip_prefix("//!")?.trim_start().strip_prefix("import")?;
    let is_word = name.is_empty() || name.starts_with(char::is_whitespace);
    Some(name.trim()).filter(|name| is_word && !compose::is_shared(name))
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
        for line in text.split_inclusive('\n') {
            self.text += &match import(line) {
                Some(_) => line.replacen("import", "imported", 1),
                // Such lines are in files that were flattened before.
                None if line.starts_with(TEXT_OF) => line.replacen("//!", "//", 1),
                None => line.into(),
            };
        }
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        for (number, import) in text.lines().zip(1..).filter_map(|(line, number)| Some((number, import(line)?))) {
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
        if let Some(problem) = malformed(import) {
            let help =
                "write //! import PATH.wgsl, with nothing else on the line; the path begins in the directory of this file, and has / between directories";
            return Err(error(problem, help.into()));
        }
        let imported = name.rsplit_once('/').map_or(import.into(), |(directory, _)| format!("{directory}/{import}"));
        let path = shown(&imported);
        let cannot = |reason: std::io::Error| {
            let problem = format!("cannot import {}: {reason}", path.display());
            let (own, wanted) = (name.rsplit('/').next().unwrap_or(name), import.rsplit('/').next().unwrap_or(import));
            let neighbours = files::neighbours(&path);
            let candidates = neighbours.iter().map(String::as_str).filter(|other| other.ends_with(".wgsl") && (*other != own || import.contains('/')));
            let near = did_you_mean(wanted, candidates);
            error(problem, Error::unreadable(&path, reason).help() + &near)
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

/// Why no file can have the name on an import line, if none can.
fn malformed(import: &str) -> Option<String> {
    let path = Path::new(import);
    let stem = import.rsplit('/').next().unwrap_or_default();
    let is_quoted = import.contains(['"', '\'', '`', '<', '>']);
    Some(match import {
        "" => "the import line names no file".into(),
        _ if is_quoted => format!("the import line names {import}, which has quotes"),
        _ if import.contains(',') => format!("the import line names {import}, and one line imports one file"),
        _ if import.contains('\\') => format!("the import line names {import}, with a backslash"),
        _ if path.is_absolute() || path.has_root() => format!("the import line names {import}, which is not a path from the directory of this file"),
        _ if !stem.ends_with(".wgsl") || stem == ".wgsl" => format!("the import line names {import}, and imported files are called NAME.wgsl"),
        _ => return None,
    })
}
