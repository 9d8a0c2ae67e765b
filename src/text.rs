//! Numbers as a person reads them.

/// A quantity of unknown size, such as a return: three significant digits, and at least one decimal. "0.00293", "1.25", "123.4"; with an exponent where
/// the digits would be mostly zeros.
pub fn quantity(value: impl Into<f64>) -> String {
    let value = value.into();
    let size = value.abs();
    if !value.is_finite() {
        return value.to_string();
    }
    if size != 0.0 && !(1e-4..1e9).contains(&size) {
        return format!("{value:.2e}");
    }
    // Zero has no first digit.
    let first_digit = if size == 0.0 { 1 } else { size.log10().floor() as i32 };
    let decimals = (2 - first_digit).max(1) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_keep_their_significant_digits_whatever_their_size() {
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
