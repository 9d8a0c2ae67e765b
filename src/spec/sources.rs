//! The text of an environment: the files that it was put together from, its lines that name files, and its code without comments.

use std::ops::Range;
use std::path::Path;

/// How the line begins that stands before the text of an imported file; the file follows, as a path from the directory of the environment's own file.
pub const TEXT_OF: &str = "//! text of ";

/// The lines `//! ...` of `text` that are not in block comments, without the marks: for each its number, from 1, and what is on it.
pub fn marked_lines(text: &str) -> Vec<(usize, &str)> {
    fn content(line: &str) -> Option<&str> {
        Some(line.trim_start().strip_prefix("//!")?.trim())
    }
    let outside = without_comments(text, false);
    let lines = text.lines().zip(outside.lines()).zip(1..);
    lines.filter_map(|((line, outside), number)| content(outside).and(Some((number, content(line)?)))).collect()
}

/// The paths on the lines `//! WORD PATH` of this `word`, with the lines' numbers; a path is empty if none is on its line.
pub fn paths_after<'a>(word: &str, text: &'a str) -> Vec<(usize, &'a str)> {
    let path = |line: &'a str| line.strip_prefix(word).filter(|path| path.is_empty() || path.starts_with(char::is_whitespace)).map(str::trim);
    marked_lines(text).into_iter().filter_map(|(number, line)| Some((number, path(line)?))).collect()
}

/// `text` with spaces in place of its comments: every byte of its code is where it was.
pub fn code(text: &str) -> String {
    without_comments(text, true)
}

/// `text` with spaces in place of block comments, which may contain others, and, if `to_line_ends`, of those that end with their line.
fn without_comments(text: &str, to_line_ends: bool) -> String {
    let mut code = String::with_capacity(text.len());
    // Block comments that have begun, and whether a comment to the end of the line has.
    let (mut depth, mut in_line) = (0, false);
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let mut taken = char.len_utf8();
        let (was_in_block, ends_line) = (depth > 0, LINE_BREAKS.contains(&char));
        in_line &= !ends_line;
        if !in_line && rest.starts_with("/*") {
            (depth, taken) = (depth + 1, 2);
        } else if was_in_block && rest.starts_with("*/") {
            (depth, taken) = (depth - 1, 2);
        } else if !was_in_block && rest.starts_with("//") {
            in_line = true;
        }
        let is_comment = was_in_block || depth > 0 || (in_line && to_line_ends);
        match is_comment && !ends_line {
            true => code.extend(std::iter::repeat_n(' ', taken)),
            false => code.push_str(&rest[..taken]),
        }
        rest = &rest[taken..];
    }
    code
}

/// The characters that end a line in WGSL (specification, section "Blankspace and Line Breaks").
const LINE_BREAKS: [char; 7] = ['\n', '\u{b}', '\u{c}', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: String,
    /// Its line, counted from 1.
    pub line: usize,
}

/// A file in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    path: String,
    /// Lines of the text before its own first line.
    before: usize,
}

/// The files that a text was put together from, in the order of the text. The first one is the environment's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    parts: Vec<Part>,
}

impl Sources {
    /// A text that is that of the file at `path`, or of the built-in environment of that name.
    pub fn file(path: &str) -> Sources {
        Sources { parts: vec![Part { path: path.into(), before: 0 }] }
    }

    /// A text that begins with that of the file at `path`; the texts of imported files follow, each after a line that begins with [`TEXT_OF`].
    pub fn flattened(path: &str, text: &str) -> Sources {
        let mut sources = Sources::file(path);
        let imported = text.lines().zip(1..).filter_map(|(line, number)| Some((line.strip_prefix(TEXT_OF)?, number)));
        sources.parts.extend(imported.map(|(name, before)| Part { path: Path::new(path).with_file_name(name).display().to_string(), before }));
        sources
    }

    /// The imported files.
    pub fn imported(&self) -> impl ExactSizeIterator<Item = &str> {
        self.parts[1..].iter().map(|part| part.path.as_str())
    }

    /// The place of a line of the text, counted from 1.
    pub fn place(&self, line: usize) -> Place {
        let part = self.parts.iter().rev().find(|part| part.before < line).unwrap_or(&self.parts[0]);
        Place { path: part.path.clone(), line: line - part.before }
    }

    /// For each file, the beginning of `text`, the whole, that ends with it.
    pub fn prefixes<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let ends = self.parts[1..].iter().map(|part| text.split_inclusive('\n').take(part.before - 1).map(str::len).sum());
        ends.chain([text.len()]).map(|end: usize| &text[..end])
    }

    /// A compiler's report on a text whose `lines` are those of this one, with the files' names and lines in place of those.
    pub fn in_report(&self, report: &str, lines: Range<usize>) -> String {
        let place = |line: &str| line.trim().parse().ok().filter(|line| lines.contains(line)).map(|line: usize| self.place(line + 1 - lines.start));
        // The file whose lines are being shown.
        let mut shown = String::new();
        let mut text = String::new();
        for row in report.lines() {
            if let Some((margin, at)) = row.split_once("┌─ ") {
                let mut from_behind = at.rsplitn(3, ':');
                if let (Some(column), Some(Place { path, line })) = (from_behind.next(), from_behind.next().and_then(place)) {
                    text += &format!("{margin}┌─ {path}:{line}:{column}\n");
                    shown = path;
                    continue;
                }
            } else if let Some((number, code)) = row.split_once(" │")
                && let Some(Place { path, line }) = place(number)
            {
                let width = number.len();
                if path != shown {
                    text += &format!("{:width$} ┌─ {path}:{line}\n", "");
                    shown = path;
                }
                text += &format!("{line:>width$} │{code}\n");
                continue;
            }
            text += row;
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_blank_and_code_keeps_its_place() {
        for (text, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b\n// c */ d", "a     \n        d"),
            ("/* a /* b */ c */ d", "                  d"),
            ("// /*\na // */", "     \na      "),
            ("a /* é */ b", "a          b"),
            ("// a\u{2028}b", "    \u{2028}b"),
            ("a / b * c /* d", "a / b * c     "),
            ("/*/ a */ b", "         b"),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
    }

    #[test]
    fn lines_in_block_comments_are_not_marked() {
        let text = "//! import a.wgsl\n/*\n//! import b.wgsl\n*/\n  //!data \n// //! import c.wgsl\n//! imports d\n";
        assert_eq!(marked_lines(text), [(1, "import a.wgsl"), (5, "data"), (7, "imports d")]);
        assert_eq!(paths_after("import", text), [(1, "a.wgsl")]);
        assert_eq!(paths_after("data", text), [(5, "")]);
    }

    const TEXT: &str = "a\nb\n//! text of lib/c.wgsl\nc\n//! text of d.wgsl\nd\ne\n";

    fn place(path: &str, line: usize) -> Place {
        Place { path: path.into(), line }
    }

    #[test]
    fn lines_are_those_of_the_files() {
        let sources = Sources::flattened("envs/mine.wgsl", TEXT);
        let places = [1, 2, 4, 6, 7].map(|line| sources.place(line));
        let (mine, c, d) = ("envs/mine.wgsl", "envs/lib/c.wgsl", "envs/d.wgsl");
        assert_eq!(places, [place(mine, 1), place(mine, 2), place(c, 1), place(d, 1), place(d, 2)]);
        assert_eq!(sources.imported().collect::<Vec<_>>(), [c, d]);
        assert_eq!(sources.prefixes(TEXT).collect::<Vec<_>>(), ["a\nb\n", "a\nb\n//! text of lib/c.wgsl\nc\n", TEXT]);
        // A file that is read as it is has the lines that it has.
        let sources = Sources::file("copy.wgsl");
        assert_eq!((sources.place(6), sources.imported().len()), (place("copy.wgsl", 6), 0));
        assert_eq!(sources.prefixes(TEXT).collect::<Vec<_>>(), [TEXT]);
    }

    #[test]
    fn reports_show_the_lines_of_the_files() {
        let sources = Sources::flattened("mine.wgsl", TEXT);
        let report = "error: x\n    ┌─ rollout.wgsl:106:3\n    │\n102 │ b\n    │ ^ here\n    ·\n106 │ d\n108 │ kernel\n";
        let expected = "error: x\n    ┌─ d.wgsl:1:3\n    │\n    ┌─ mine.wgsl:2\n  2 │ b\n    │ ^ here\n    ·\n    ┌─ d.wgsl:1\n  1 │ d\n108 │ kernel\n";
        assert_eq!(sources.in_report(report, 101..108), expected);
        // Other lines are the kernel's.
        assert_eq!(sources.in_report(report, 1..8), report);
    }
}
