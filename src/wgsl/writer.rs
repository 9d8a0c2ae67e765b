//! Writes WGSL: lines, indented by their blocks.

use std::fmt::{Display, Write};

/// A buffer of WGSL.
#[derive(Default)]
pub(crate) struct Writer {
    text: String,
    depth: usize,
}

impl Writer {
    /// A line: a statement, a declaration or a comment.
    pub(crate) fn line(&mut self, line: impl Display) {
        let _ = writeln!(self.text, "{:1$}{line}", "", 4 * self.depth);
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// `head { body }`.
    pub(crate) fn block(&mut self, head: impl Display, body: impl FnOnce(&mut Writer)) {
        self.line(format_args!("{head} {{"));
        self.rest_of_block(body);
    }

    /// `{ body }`: its own scope.
    pub(crate) fn scope(&mut self, body: impl FnOnce(&mut Writer)) {
        self.line("{");
        self.rest_of_block(body);
    }

    fn rest_of_block(&mut self, body: impl FnOnce(&mut Writer)) {
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.line("}");
    }

    /// `if (condition) { body }`.
    pub(crate) fn when(&mut self, condition: impl Display, body: impl FnOnce(&mut Writer)) {
        self.block(format_args!("if ({condition})"), body);
    }

    /// A loop in which `index`, a u32, goes from 0 to `count` - 1.
    pub(crate) fn repeat(&mut self, index: &str, count: impl Display, body: impl FnOnce(&mut Writer)) {
        self.block(format_args!("for (var {index} = 0u; {index} < {count}; {index}++)"), body);
    }

    /// A function after an empty line: a comment on what it computes, and `fn signature { body }`.
    pub(crate) fn function(&mut self, comment: impl Display, signature: impl Display, body: impl FnOnce(&mut Writer)) {
        self.gap();
        self.comment(comment);
        self.block(format_args!("fn {signature}"), body);
    }

    /// A comment, of one line or several.
    pub(crate) fn comment(&mut self, comment: impl Display) {
        comment.to_string().lines().for_each(|line| self.line(format_args!("// {line}")));
    }

    /// Declarations from a file, after an empty line.
    pub(crate) fn file(&mut self, text: &str) {
        self.gap();
        self.text += text;
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// Writes a line of WGSL, formatted.
macro_rules! line {
    ($writer:expr, $($format:tt)*) => { $writer.line(format_args!($($format)*)) };
}
pub(crate) use line;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_indented_by_their_blocks() {
        let mut w = Writer::default();
        w.line("const N: u32 = 3u;");
        w.function("Twice.\nOf N.", "twice() -> u32", |w| {
            w.line("var sum = 0u;");
            w.repeat("i", "N", |w| w.when("i > 0u", |w| line!(w, "sum += {}u;", 2)));
            w.scope(|w| w.line("let own = 1u;"));
            w.line("return sum;");
        });
        w.file("const M: u32 = N;\n");
        let expected = "const N: u32 = 3u;\n\n// Twice.\n// Of N.\nfn twice() -> u32 {\n    var sum = 0u;\n    for (var i = 0u; i < N; i++) {\n        \
            if (i > 0u) {\n            sum += 2u;\n        }\n    }\n    {\n        let own = 1u;\n    }\n    return sum;\n}\n\nconst M: u32 = N;\n";
        assert_eq!(w.finish(), expected);
    }
}
