//! Symmetric matrices with structural zeros, and their systems.

use crate::physics::number::Number;

/// A symmetric matrix, as its lower triangle. Entries that nothing was added to are zeros that cost nothing.
#[derive(Debug, Clone)]
pub struct Symmetric<N> {
    rows: Vec<Vec<Option<N>>>,
}

impl<N: Number> Symmetric<N> {
    /// The null matrix with `n` rows.
    pub fn new(n: usize) -> Self {
        Symmetric { rows: (0..n).map(|i| vec![None; i + 1]).collect() }
    }

    /// The entry of row `i` and column `j`, if it is not a structural zero.
    pub fn get(&self, i: usize, j: usize) -> Option<N> {
        self.rows[i.max(j)][i.min(j)]
    }

    /// Replaces an entry, and its mirror image.
    pub fn set(&mut self, i: usize, j: usize, value: N) {
        self.rows[i.max(j)][i.min(j)] = Some(value);
    }

    /// Adds to an entry, and to its mirror image.
    pub fn add(&mut self, i: usize, j: usize, value: N) {
        if value.is_zero() {
            return;
        }
        let entry = &mut self.rows[i.max(j)][i.min(j)];
        *entry = Some(entry.map_or(value, |old| old + value));
    }

    /// The product with a vector.
    pub fn apply(&self, x: &[N]) -> Vec<N> {
        let n = self.rows.len();
        let row = |i: usize| (0..n).filter_map(|j| self.get(i, j).map(|entry| entry * x[j])).reduce(|a, b| a + b).unwrap_or(N::zero());
        (0..n).map(row).collect()
    }

    /// The solution of `self` x = `right`, for a positive definite matrix: L' D L, from the last row to the first. If rows are degrees of freedom of a tree and
    /// entries couple each one with those before it in its chain, this creates no new entries (Featherstone 2008, section 6.5).
    pub fn solve(mut self, right: &[N]) -> Vec<N> {
        let mut x = right.to_vec();
        let n = x.len();
        for k in (0..n).rev() {
            let pivot = self.rows[k][k].expect("a positive definite matrix");
            for i in 0..k {
                let Some(entry) = self.rows[k][i] else { continue };
                let factor = entry / pivot;
                for j in 0..=i {
                    if let Some(other) = self.rows[k][j] {
                        self.add(i, j, -(factor * other));
                    }
                }
                x[i] = x[i] - factor * x[k];
            }
            // Later rows use the original entries of row k, so factors replace them only now.
            for i in 0..k {
                self.rows[k][i] = self.rows[k][i].map(|entry| entry / pivot);
            }
            x[k] = x[k] / pivot;
        }
        for k in 0..n {
            for i in 0..k {
                if let Some(factor) = self.rows[k][i] {
                    x[k] = x[k] - factor * x[i];
                }
            }
        }
        x
    }
}
