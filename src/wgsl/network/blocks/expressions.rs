//! Expressions of indices and sums.

/// The sum of `terms`, a power of two of them, added in pairs.
pub(super) fn sum_of(terms: &[String]) -> String {
    match terms {
        [term] => term.clone(),
        _ => {
            let (left, right) = terms.split_at(terms.len() / 2);
            format!("({} + {})", sum_of(left), sum_of(right))
        }
    }
}

/// `index` + `more`.
pub(crate) fn plus(index: &str, more: usize) -> String {
    if more == 0 { index.to_string() } else { format!("{index} + {more}u") }
}

/// `index` / `by`.
pub(super) fn over(index: &str, by: usize) -> String {
    if by == 1 { index.to_string() } else { format!("{index} / {by}u") }
}

/// `index` * `by`.
pub(super) fn times(index: &str, by: usize) -> String {
    if by == 1 { index.to_string() } else { format!("{index} * {by}u") }
}

/// `term` where it is a factor or a dividend.
pub(super) fn factor(term: &str) -> String {
    if term.contains(' ') { format!("({term})") } else { term.to_string() }
}

/// An index below `most`, as an expression that stays below `count` if `most` is larger.
pub(super) fn within(index: &str, most: usize, count: usize) -> String {
    if most > count { format!("min({index}, {}u)", count - 1) } else { format!("({index})") }
}
