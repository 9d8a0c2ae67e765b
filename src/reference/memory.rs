//! The device's buffers in the reference: cells that record whether they were written, and with which kind of value.

use crate::reference::real::Real;
use std::collections::BTreeMap;
use std::ops::Range;

/// One 32-bit word of a buffer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<R> {
    /// As uploaded.
    Untouched(u32),
    /// Written as a whole number (or flags), which has exactly one correct value.
    Word(u32),
    /// Written as a real number.
    Real(R),
}

/// The cells of one buffer.
#[derive(Debug, Clone)]
pub struct Cells<R> {
    name: &'static str,
    cells: Vec<Cell<R>>,
}

impl<R: Real> Cells<R> {
    /// The real number in cell `i`.
    ///
    /// # Panics
    /// When there is no such cell.
    pub fn f(&self, i: usize) -> R {
        match self.cells[i] {
            Cell::Untouched(word) | Cell::Word(word) => R::from_f32(f32::from_bits(word)),
            Cell::Real(real) => real,
        }
    }

    /// The word in cell `i`.
    ///
    /// # Panics
    /// When there is no such cell, or it was written as a real number, whose bits are unknown.
    pub fn u(&self, i: usize) -> u32 {
        match self.cells[i] {
            Cell::Untouched(word) | Cell::Word(word) => word,
            Cell::Real(real) => panic!("{}[{i}] was written as the real number {real:?} and is read as a word", self.name),
        }
    }

    /// The real numbers in the cells `range`.
    pub fn reals(&self, range: Range<usize>) -> Vec<R> {
        range.map(|i| self.f(i)).collect()
    }

    /// Writes a real number to cell `i`.
    pub fn write(&mut self, i: usize, real: R) {
        self.cells[i] = Cell::Real(real);
    }

    /// Writes real numbers to the cells from `first` on.
    pub fn write_all(&mut self, first: usize, reals: impl IntoIterator<Item = R>) {
        reals.into_iter().enumerate().for_each(|(k, real)| self.write(first + k, real));
    }

    /// Writes a word to cell `i`.
    pub fn write_word(&mut self, i: usize, word: u32) {
        self.cells[i] = Cell::Word(word);
    }

    /// All cells, in order.
    pub fn cells(&self) -> &[Cell<R>] {
        &self.cells
    }
}

/// All buffers, by name.
#[derive(Debug, Clone)]
pub struct Memory<R> {
    buffers: BTreeMap<&'static str, Cells<R>>,
}

impl<R: Real> Memory<R> {
    /// Buffers with the given words, the same as on a device.
    pub fn from_words(words: BTreeMap<&'static str, Vec<u32>>) -> Self {
        let cells = |words: Vec<u32>| words.into_iter().map(Cell::Untouched).collect();
        Memory { buffers: words.into_iter().map(|(name, words)| (name, Cells { name, cells: cells(words) })).collect() }
    }

    /// The buffer called `name`.
    ///
    /// # Panics
    /// When there is none: a kernel's buffers are all given to its reference.
    pub fn buffer(&self, name: &str) -> &Cells<R> {
        self.buffers.get(name).unwrap_or_else(|| panic!("the reference was not given the buffer `{name}`"))
    }

    /// The buffer called `name`, to write to.
    ///
    /// # Panics
    /// As [`Memory::buffer`].
    pub fn buffer_mut(&mut self, name: &str) -> &mut Cells<R> {
        self.buffers.get_mut(name).unwrap_or_else(|| panic!("the reference was not given the buffer `{name}`"))
    }

    /// Replaces the words of the buffer called `name`, and returns its old contents.
    ///
    /// # Panics
    /// As [`Memory::buffer`].
    pub fn replace(&mut self, name: &str, words: Vec<u32>) -> Cells<R> {
        let buffer = self.buffer_mut(name);
        let cells = words.into_iter().map(Cell::Untouched).collect();
        std::mem::replace(buffer, Cells { name: buffer.name, cells })
    }

    /// Every buffer's name and cells.
    pub fn buffers(&self) -> impl Iterator<Item = (&'static str, &[Cell<R>])> {
        self.buffers.iter().map(|(&name, buffer)| (name, buffer.cells()))
    }

    /// Every buffer's words, real numbers rounded to f32: a state from which a device could continue.
    pub fn to_words(&self) -> BTreeMap<&'static str, Vec<u32>> {
        let word = |cell: &Cell<R>| match *cell {
            Cell::Untouched(word) | Cell::Word(word) => word,
            Cell::Real(real) => (real.value() as f32).to_bits(),
        };
        self.buffers().map(|(name, cells)| (name, cells.iter().map(word).collect())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory<f64> {
        Memory::from_words([("params", vec![1.5f32.to_bits(), 7, f32::NAN.to_bits()])].into())
    }

    #[test]
    fn cells_know_how_they_were_written() {
        let mut memory = memory();
        let params = memory.buffer_mut("params");
        assert_eq!((params.f(0), params.u(1)), (1.5, 7));
        params.write(0, 0.1);
        params.write_word(1, 9);
        assert_eq!(params.cells()[..2], [Cell::Real(0.1), Cell::Word(9)]);
        assert!(matches!(params.cells()[2], Cell::Untouched(_)) && params.f(2).is_nan());
        assert_eq!(memory.to_words()["params"], [0.1f32.to_bits(), 9, f32::NAN.to_bits()]);
    }

    #[test]
    #[should_panic(expected = "params[0] was written as the real number 0.1 and is read as a word")]
    fn bits_of_a_real_number_are_not_readable() {
        let mut memory = memory();
        memory.buffer_mut("params").write(0, 0.1);
        memory.buffer("params").u(0);
    }
}
