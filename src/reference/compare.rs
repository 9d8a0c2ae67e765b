//! Compares a device's results with the reference's bounds, word by word.

use crate::reference::memory::{Cell, Memory};
use crate::reference::tracked::Tracked;
use std::collections::BTreeMap;

/// A NaN that no kernel computes: words that were never written still hold it.
pub const POISON: u32 = 0x7FC0_5EED;
/// The value of guard words after a buffer.
pub const GUARD: u32 = 0xA5A5_5A5A;

/// All buffers' words.
pub type Words = BTreeMap<&'static str, Vec<u32>>;

/// A kind of failure of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// A real number is outside the reference's bound, or not a number.
    Value,
    /// A whole number differs from the reference's.
    Word,
    /// The reference writes it, the kernel did not.
    Unwritten,
    /// The kernel changed a word that the reference does not write.
    Foreign,
    /// The kernel wrote past a buffer's end.
    Guard,
}

/// A word that is wrong.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The kind of failure.
    pub check: Check,
    /// Where it is.
    pub buffer: &'static str,
    /// Index of the word in the buffer.
    pub index: usize,
    /// The actual and the expected value.
    pub detail: String,
}

/// All words of `actual` outside the reference's bounds. Words past the reference's last are guard words.
///
/// # Panics
/// When a buffer of `expected` is missing in `actual`, or shorter there.
pub fn compare(expected: &Memory<Tracked>, actual: &Words) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, cells) in expected.buffers() {
        let words = &actual[name];
        assert!(words.len() >= cells.len(), "{name} has {} words instead of {}", words.len(), cells.len());
        for (index, (cell, &word)) in cells.iter().zip(words).enumerate() {
            let value = f32::from_bits(word);
            let wrong = match *cell {
                Cell::Untouched(before) if word != before => Some((Check::Foreign, format!("{before:#x} became {word:#x} ({value})"))),
                Cell::Word(_) | Cell::Real(_) if word == POISON => Some((Check::Unwritten, "still poisoned".into())),
                Cell::Word(right) if word != right => Some((Check::Word, format!("{word} instead of {right}"))),
                Cell::Real(right) if !right.admits(value) => Some((Check::Value, format!("{value:e} instead of {:e} +- {:e}", right.value, right.error))),
                _ => None,
            };
            if let Some((check, detail)) = wrong {
                findings.push(Finding { check, buffer: name, index, detail });
            }
        }
        for (index, &word) in words.iter().enumerate().skip(cells.len()).filter(|(_, word)| **word != GUARD) {
            findings.push(Finding { check: Check::Guard, buffer: name, index, detail: format!("guard became {word:#x}") });
        }
    }
    findings
}

/// The first few findings, one per line.
pub fn describe(findings: &[Finding]) -> String {
    let lines: Vec<String> =
        findings.iter().take(12).map(|finding| format!("  {:?}: {}[{}] {}", finding.check, finding.buffer, finding.index, finding.detail)).collect();
    format!("{} findings\n{}", findings.len(), lines.join("\n"))
}
