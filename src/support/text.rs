//! Numbers and tables as text.

/// A quantity of unknown size, such as a return: three significant digits, and at least one decimal. "0.00293", "1.25", "123.4"; with an exponent if
/// most digits would be zeros.
pub fn quantity(value: impl Into<f64>) -> String {
    let value = value.into();
    let size = value.abs();
    if !value.is_finite() {
        return value.to_string();
    }
    if size != 0.0 && !(1e-4..1e9).contains(&size) {
        return format!("{value:.2e}");
    }
    // Zero has no leading digit.
    let first_digit = if size == 0.0 { 1 } else { size.log10().floor() as i32 };
    let decimals = (2 - first_digit).max(1) as usize;
    format!("{value:.decimals$}")
}

/// `rows` as aligned columns, two spaces apart. `align` has an `l` or an `r` for each column but those on the right that are to be left-aligned;
/// the last column is not padded.
pub fn columns<const N: usize>(rows: &[[&str; N]], align: &str) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                let width = if column + 1 == N { 0 } else { widths[column] };
                if align.as_bytes().get(column) == Some(&b'r') { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            })
            .collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// "0:07", "12:40", "3:05:09".
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// "1,234,567".
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}

/// "1 tile", "2 tiles".
pub fn plural(number: usize, one: &str, more: &str) -> String {
    format!("{} {}", grouped(number as u64), if number == 1 { one } else { more })
}

/// A number as it is typed: all of its digits, and an exponent only if most of them would be zeros. "0.1", "1000000", "1e-6".
pub fn typed(value: f64) -> String {
    format!("{value:?}").trim_end_matches(".0").to_string()
}

/// "12.5 MiB".
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64)
}

/// "; did you mean 'x'?" for the choice nearest to `name`, or nothing when none is near.
pub fn did_you_mean<'a>(name: &str, choices: impl IntoIterator<Item = &'a str>) -> String {
    nearest_name(name, choices, 0.7).map(|choice| format!("; did you mean '{choice}'?")).unwrap_or_default()
}

/// The choice nearest to `name`, but not `name` itself, if their similarity is more than `least`; equal names have a similarity of 1.
pub fn nearest_name<'a>(name: &str, choices: impl IntoIterator<Item = &'a str>, least: f64) -> Option<&'a str> {
    choices
        .into_iter()
        .filter(|choice| *choice != name)
        .map(|choice| (strsim::jaro_winkler(&name.to_lowercase(), &choice.to_lowercase()), choice))
        .filter(|(similarity, _)| *similarity > least)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, choice)| choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggestion_is_another_name_that_is_near() {
        assert_eq!(did_you_mean("mean_retrun", ["mean_return", "entropy"]), "; did you mean 'mean_return'?");
        assert_eq!(did_you_mean("mean_return", ["mean_return", "entropy"]), "");
    }

    #[test]
    fn numbers_are_typed_without_needless_digits() {
        assert_eq!([0.1, 1e6, 1e-6, -4.0, 1e300, f64::INFINITY, f64::NAN].map(typed), ["0.1", "1000000", "1e-6", "-4", "1e300", "inf", "NaN"]);
    }

    #[test]
    fn numbers_are_in_groups_of_three_digits() {
        assert_eq!([0, 7, 999, 1000, 1_234_567].map(grouped), ["0", "7", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn quantities_have_three_significant_digits_at_every_size() {
        let shown = [0.0, 0.002934, -0.002934, 0.5, 1.25, 9.87654, 50.0, 123.45, -1234.56, 12_345_678.9, 2.5e-7, -3.4e38].map(quantity);
        assert_eq!(shown, ["0.0", "0.00293", "-0.00293", "0.500", "1.25", "9.88", "50.0", "123.5", "-1234.6", "12345678.9", "2.50e-7", "-3.40e38"]);
        assert_eq!([quantity(f32::NAN), quantity(f32::INFINITY), quantity(-0.0)], ["NaN", "inf", "-0.0"]);
        // The same digits for numbers that differ by a factor of ten.
        for exponent in -3..8 {
            let digits: String = quantity(2.46 * 10_f64.powi(exponent)).chars().filter(char::is_ascii_digit).collect();
            assert!(digits.trim_start_matches('0').starts_with("246"), "{exponent}: {digits}");
        }
    }
}
