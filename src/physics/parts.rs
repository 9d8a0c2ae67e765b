//! Cuts the body of a long function into functions of its own. naga's front end takes a time for each function that grows with the square of its expressions: the
//! step of a humanoid, whose contacts are many, took six seconds in one piece.

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Numbers of lines.
struct Limits {
    /// A body that is longer is cut.
    long: usize,
    /// About the most of a part. The parts of a loop that is longer are in the loop.
    most: usize,
    /// Fewer stay where they are.
    least: usize,
}

const LIMITS: Limits = Limits { long: 12_000, most: 1_500, least: 50 };

/// The body of a function, and the functions that it calls.
pub struct Cut {
    /// The statements.
    pub body: String,
    /// The functions, `NAME_part_1` and so on.
    pub functions: String,
}

/// Cuts the `body` of the function `name`, as [`crate::physics::print`] writes it. What mentions one of its `arguments` stays in it. `conditions` are the names of
/// the values that are conditions; all others are numbers.
pub fn cut(name: &str, body: String, arguments: &[&str], conditions: &HashSet<String>) -> Cut {
    cut_at(&LIMITS, name, body, arguments, conditions)
}

fn cut_at(limits: &Limits, name: &str, body: String, arguments: &[&str], conditions: &HashSet<String>) -> Cut {
    if body.lines().count() <= limits.long {
        return Cut { body, functions: String::new() };
    }
    let lines: Vec<Line> = body.lines().map(Line::new).collect();
    let mut cutter = Cutter { limits, lines: &lines, arguments, of: vec![None; lines.len()], parts: 0 };
    cutter.region(0, lines.len());
    let of = cutter.of;

    // What several functions mention has a place that they share.
    let mut defined = BTreeSet::new();
    let mut mentioned: BTreeMap<&str, BTreeSet<Option<usize>>> = BTreeMap::new();
    for (line, part) in lines.iter().zip(&of) {
        line.words.iter().for_each(|word| {
            mentioned.entry(word).or_default().insert(*part);
        });
        defined.extend(line.defines().filter(|_| !line.is_loop()));
    }
    let shared: Vec<&str> = mentioned.iter().filter(|(word, parts)| parts.len() > 1 && defined.contains(*word)).map(|(word, _)| *word).collect();
    let place = |word: &str| shared.binary_search(&word).ok();
    let load = |word: &str, i: usize| if conditions.contains(word) { format!("((*between)[{i}] != 0.0)") } else { format!("(*between)[{i}]") };
    let store = |word: &str, i: usize, value: &str| {
        let value = if conditions.contains(word) { format!("select(0.0, 1.0, {value})") } else { value.into() };
        format!("(*between)[{i}] = {value};")
    };

    let mut body = format!("    var shared_numbers: array<f32, {}>;  // of this function and its parts\n    let between = &shared_numbers;\n", shared.len());
    let mut functions = String::new();
    let mut at = 0;
    while at < lines.len() {
        let part = of[at];
        let end = (at..lines.len()).find(|&i| of[i] != part).unwrap_or(lines.len());
        let own = &lines[at..end];
        at = end;
        let Some(part) = part else {
            for line in own {
                body += &line.indent();
                body += &match line.assigned().and_then(|(word, value)| Some((word, value, place(word)?))) {
                    Some((word, value, i)) => store(word, i, &replaced(value, |word| place(word).map(|i| load(word, i)))),
                    None => replaced(line.text, |word| place(word).map(|i| load(word, i))),
                };
                body.push('\n');
            }
            continue;
        };
        body += &format!("{}{name}_part_{part}(between);\n", own[0].indent());
        let here: BTreeSet<&str> = own.iter().flat_map(Line::defines).collect();
        let assigned: BTreeSet<&str> = own.iter().filter_map(Line::assigned).map(|(word, _)| word).collect();
        let words: BTreeSet<&str> = own.iter().flat_map(|line| line.words.iter().copied()).collect();
        functions += &format!("\n// A part of {name}.\nfn {name}_part_{part}(between: ptr<function, array<f32, {}>>) {{\n", shared.len());
        for word in words.difference(&here) {
            if let Some(i) = place(word) {
                functions += &format!("    {} {word} = {};\n", if assigned.contains(word) { "var" } else { "let" }, load(word, i));
            }
        }
        let depth = own[0].depth;
        own.iter().for_each(|line| functions += &format!("{}{}\n", "    ".repeat(1 + line.depth - depth), line.text));
        for word in &assigned {
            if let Some(i) = place(word) {
                functions += &format!("    {}\n", store(word, i, word));
            }
        }
        functions += "}\n";
    }
    Cut { body, functions }
}

struct Line<'a> {
    text: &'a str,
    depth: usize,
    words: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn new(line: &'a str) -> Self {
        let text = line.trim_start();
        let code = text.split("//").next().unwrap_or_default();
        let words = tokens(code).filter(|(_, is_name)| *is_name).map(|(word, _)| word).collect();
        Line { text, depth: (line.len() - text.len()) / 4, words }
    }

    fn indent(&self) -> String {
        "    ".repeat(self.depth)
    }

    fn is_loop(&self) -> bool {
        self.text.starts_with("for ")
    }

    /// The name that it declares.
    fn defines(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let name = match self.words[..] {
            ["let" | "var", name, ..] => Some(name),
            ["for", "var", name, ..] => Some(name),
            _ => None,
        };
        name.into_iter()
    }

    /// The name that it gives a value, and the value.
    fn assigned(&self) -> Option<(&'a str, &'a str)> {
        let statement = self.text.strip_prefix("let ").or(self.text.strip_prefix("var ")).unwrap_or(self.text);
        let (name, value) = statement.split_once(" = ")?;
        let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
        is_name.then_some((name, value.trim_end_matches(';')))
    }
}

/// The words of `text` and what is between them, and which of them are names of values: neither fields nor numbers.
fn tokens(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = text;
    let mut before = ' ';
    std::iter::from_fn(move || {
        let next = rest.chars().next()?;
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()).max(next.len_utf8());
        let (word, after) = rest.split_at(end);
        let is_name = (next.is_alphabetic() || next == '_') && before != '.';
        (rest, before) = (after, word.chars().next_back()?);
        Some((word, is_name))
    })
}

/// `text` with names replaced.
fn replaced(text: &str, by: impl Fn(&str) -> Option<String>) -> String {
    tokens(text).map(|(word, is_name)| by(word).filter(|_| is_name).unwrap_or_else(|| word.into())).collect()
}

struct Cutter<'a> {
    limits: &'a Limits,
    lines: &'a [Line<'a>],
    arguments: &'a [&'a str],
    /// The part that each line is in.
    of: Vec<Option<usize>>,
    parts: usize,
}

impl Cutter<'_> {
    /// Cuts the statements of these lines, which have the same depth.
    fn region(&mut self, first: usize, end: usize) {
        let depth = self.lines[first].depth;
        let mut start = first;
        let mut at = first;
        while at < end {
            let after = (at + 1..end).find(|&i| self.lines[i].depth == depth && self.lines[i].text != "}").unwrap_or(end);
            let stays = self.lines[at..after].iter().any(|line| line.words.iter().any(|word| self.arguments.contains(word)))
                || self.lines[at + 1..after].iter().any(|line| line.text == "break;" && line.depth == depth + 1) && !self.lines[at].is_loop();
            let is_long = after - at > self.limits.most;
            if stays || is_long {
                self.part(start, at);
                if is_long {
                    self.region(at + 1, after - 1);
                }
                start = after;
            } else if after - start > self.limits.most {
                self.part(start, at);
                start = at;
            }
            at = after;
        }
        self.part(start, end);
    }

    fn part(&mut self, first: usize, end: usize) {
        if end - first >= self.limits.least {
            self.parts += 1;
            self.of[first..end].fill(Some(self.parts));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wgsl::reflect;

    const BODY: &str = "    let x = (*physics).q[0];
    var s = x;
    for (var round = 0u; round < 4u; round++) {
        let a = s * 2.0;
        let b = a + 1.0;
        let below = a < b;
        if (b < 0.0) {
            break;
        }
        var t = 0.0;
        if (below) {
            let inner = a * parameters.a;
            t = inner + b;
        }
        let c = select(t, b, below);
        s = c + t;
    }
    let y = s + 1.0;
    (*physics).q[0] = y;
";

    /// Every line is there once, and what several functions mention is loaded where it is needed, and stored where it changes.
    #[test]
    fn parts_share_what_they_mention() {
        let conditions = HashSet::from(["below".to_string()]);
        let of = |limits| cut_at(&limits, "step", BODY.into(), &["physics"], &conditions);
        let whole = of(Limits { long: 20, most: 4, least: 2 });
        assert_eq!((whole.body.as_str(), whole.functions.as_str()), (BODY, ""));
        let Cut { body, functions } = of(Limits { long: 10, most: 6, least: 2 });
        let source = format!(
            "struct Parameters {{ a: f32 }}\nconst parameters = Parameters(2.0);\nstruct Physics {{ q: array<f32, 1> }}\n\
             fn step(physics: ptr<function, Physics>) {{\n{body}}}\n{functions}"
        );
        reflect::parse("step", &source).unwrap_or_else(|error| panic!("{}\n{source}", error.help()));
        let shared = "array<f32, 6>";
        assert_eq!(
            body,
            format!(
                "    var shared_numbers: {shared};  // of this function and its parts
    let between = &shared_numbers;
    let x = (*physics).q[0];
    (*between)[4] = x;
    for (var round = 0u; round < 4u; round++) {{
        step_part_1(between);
        if ((*between)[1] < 0.0) {{
            break;
        }}
        step_part_2(between);
        (*between)[4] = (*between)[3] + (*between)[5];
    }}
    let y = (*between)[4] + 1.0;
    (*physics).q[0] = y;
"
            )
        );
        assert_eq!(
            functions,
            format!(
                "
// A part of step.
fn step_part_1(between: ptr<function, {shared}>) {{
    let s = (*between)[4];
    let a = s * 2.0;
    let b = a + 1.0;
    let below = a < b;
    (*between)[0] = a;
    (*between)[1] = b;
    (*between)[2] = select(0.0, 1.0, below);
}}

// A part of step.
fn step_part_2(between: ptr<function, {shared}>) {{
    let a = (*between)[0];
    let b = (*between)[1];
    let below = ((*between)[2] != 0.0);
    var t = 0.0;
    if (below) {{
        let inner = a * parameters.a;
        t = inner + b;
    }}
    let c = select(t, b, below);
    (*between)[3] = c;
    (*between)[5] = t;
}}
"
            )
        );
    }
}
