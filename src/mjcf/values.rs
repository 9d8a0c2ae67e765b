//! Values of attributes.

use crate::mjcf::element::Element;
use crate::mjcf::frame::{IDENTITY, Quaternion, about, from_euler, from_xy, from_z};
use crate::physics::spatial::unit;
use crate::support::error::Result;
use crate::support::text::did_you_mean;

/// The largest number that a model may have: products of two fit into an f32.
const LARGEST: f64 = 1e19;

/// How angles are written.
#[derive(Debug, Clone)]
pub struct Angles {
    /// Radians of a unit.
    pub unit: f64,
    /// Order and kind of Euler angles.
    pub sequence: String,
}

impl Element {
    /// The numbers of an attribute.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Environment`] when one is not a finite number.
    pub fn numbers(&self, name: &str) -> Result<Option<Vec<f64>>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = |what: String, help: &str| self.error(format!("`{name}` of <{}> is \"{text}\", where {what}", self.tag), help);
        let parse = |word: &str| match word.parse::<f64>() {
            Ok(number) if number.abs() <= LARGEST => Ok(number),
            Ok(_) => Err(wrong(format!("{word} is not a finite number that a device can hold"), "write numbers up to 1e19")),
            Err(_) => Err(wrong(format!("{word} is not a number"), "write numbers with spaces between them")),
        };
        Ok(Some(text.split_whitespace().map(parse).collect::<Result<_>>()?))
    }

    /// Exactly `N` numbers.
    ///
    /// # Errors
    /// As [`Element::numbers`], and when there are fewer or more.
    pub fn exactly<const N: usize>(&self, name: &str) -> Result<Option<[f64; N]>> {
        let Some(numbers) = self.numbers(name)? else { return Ok(None) };
        let count = numbers.len();
        let array = numbers.try_into().map_err(|_| {
            let value = self.get(name).unwrap_or_default();
            self.error(format!("`{name}` of <{}> is \"{value}\", which has {count} numbers", self.tag), format!("write {N}"))
        })?;
        Ok(Some(array))
    }

    /// The first of `standard` replaced by the numbers that are there.
    ///
    /// # Errors
    /// As [`Element::numbers`], and when there are more.
    pub fn at_most<const N: usize>(&self, name: &str, standard: [f64; N]) -> Result<[f64; N]> {
        let Some(numbers) = self.numbers(name)? else { return Ok(standard) };
        if numbers.len() > N {
            return Err(self.error(format!("`{name}` of <{}> has {} numbers", self.tag, numbers.len()), format!("write at most {N}")));
        }
        let mut array = standard;
        array[..numbers.len()].copy_from_slice(&numbers);
        Ok(array)
    }

    /// One number, or `standard`.
    ///
    /// # Errors
    /// As [`Element::exactly`].
    pub fn number(&self, name: &str, standard: f64) -> Result<f64> {
        Ok(self.exactly::<1>(name)?.map_or(standard, |[number]| number))
    }

    /// One number that is not negative, or `standard`.
    ///
    /// # Errors
    /// As [`Element::number`], and when it is negative.
    pub fn positive(&self, name: &str, standard: f64) -> Result<f64> {
        let number = self.number(name, standard)?;
        if number < 0.0 {
            return Err(self.error(format!("`{name}` of <{}> is {number}", self.tag), "write a number that is not negative"));
        }
        Ok(number)
    }

    /// A whole number, or `standard`.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Environment`] when it is not one.
    pub fn whole(&self, name: &str, standard: i64) -> Result<i64> {
        let Some(text) = self.get(name) else { return Ok(standard) };
        let number = text.trim().parse::<i32>().map(i64::from);
        number.map_err(|_| self.error(format!("`{name}` of <{}> is \"{text}\"", self.tag), "write a whole number of at most 31 bits"))
    }

    /// One of `choices`, or the first.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Environment`] when it is none of them.
    pub fn choice<'a>(&self, name: &str, choices: &[&'a str]) -> Result<&'a str> {
        let Some(text) = self.get(name) else { return Ok(choices[0]) };
        choices.iter().find(|choice| **choice == text).copied().ok_or_else(|| {
            let help = format!("one of {}{}", choices.join(", "), did_you_mean(text, choices.iter().copied()));
            self.error(format!("`{name}` of <{}> is \"{text}\"", self.tag), help)
        })
    }

    /// A range, if it is to be enforced: where `flag` is true, or where it is "auto", which is the standard, and the range is given and `auto` allows that.
    ///
    /// # Errors
    /// As [`Element::exactly`]; also when the range has no extent, or is missing where it is to be enforced.
    pub fn range(&self, name: &str, flag: &str, auto: bool) -> Result<Option<[f64; 2]>> {
        // Two zeros stand for no range, as in MuJoCo.
        let range = self.exactly::<2>(name)?.filter(|range| *range != [0.0, 0.0]);
        let enforced = match self.choice(flag, &["auto", "true", "false"])? {
            "true" => true,
            "false" => false,
            _ => auto && range.is_some(),
        };
        match range {
            Some(_) if !auto && self.get(flag).is_none() => {
                Err(self.error(format!("`{name}` of <{}> is given, and autolimits is false", self.tag), format!("write {flag}=\"true\" or \"false\"")))
            }
            _ if !enforced => Ok(None),
            None => Err(self.error(format!("`{flag}` of <{}> is true, and there is no `{name}`", self.tag), format!("write {name}=\"LOW HIGH\""))),
            Some([low, high]) if low >= high => {
                Err(self.error(format!("`{name}` of <{}> is from {low} to {high}", self.tag), "write the smaller number first"))
            }
            range => Ok(range),
        }
    }

    /// The orientation, by whichever attribute gives it.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Environment`] when there are two, or one is no rotation.
    pub fn orientation(&self, angles: &Angles) -> Result<Option<Quaternion>> {
        const WAYS: [&str; 4] = ["axisangle", "xyaxes", "zaxis", "euler"];
        let given: Vec<&str> = WAYS.into_iter().filter(|name| self.get(name).is_some()).collect();
        if let [first, second, ..] = given[..] {
            return Err(self.error(format!("<{}> has an orientation by `{first}` and by `{second}`", self.tag), "write one of them"));
        }
        let none = |name: &str| {
            self.error(
                format!("`{name}` of <{}> is no direction: \"{}\"", self.tag, self.get(name).unwrap_or_default()),
                "write axes that are not null, and not parallel",
            )
        };
        let null = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>() < 1e-28;
        if let Some([x, y, z, angle]) = self.exactly::<4>("axisangle")? {
            return if null(&[x, y, z]) { Err(none("axisangle")) } else { Ok(Some(about([x, y, z], angle * angles.unit))) };
        }
        if let Some([a, b, c, d, e, f]) = self.exactly::<6>("xyaxes")? {
            return from_xy([a, b, c], [d, e, f]).ok_or_else(|| none("xyaxes")).map(Some);
        }
        if let Some(direction) = self.exactly::<3>("zaxis")? {
            return if null(&direction) { Err(none("zaxis")) } else { Ok(Some(from_z(direction))) };
        }
        if let Some(turns) = self.exactly::<3>("euler")? {
            return Ok(Some(from_euler(turns.map(|turn| turn * angles.unit), &angles.sequence)));
        }
        match self.exactly::<4>("quat")? {
            Some(q) if null(&q) => Err(none("quat")),
            q => Ok(q.map(unit)),
        }
    }

    /// Position and orientation.
    ///
    /// # Errors
    /// As [`Element::orientation`] and [`Element::exactly`].
    pub fn pose(&self, angles: &Angles) -> Result<([f64; 3], Quaternion)> {
        Ok((self.exactly::<3>("pos")?.unwrap_or_default(), self.orientation(angles)?.unwrap_or(IDENTITY)))
    }

    /// Refuses an attribute that is there with another value than those in `allowed`.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Environment`] with `help`.
    pub fn only(&self, name: &str, allowed: &[&str], help: &str) -> Result<()> {
        match self.get(name) {
            Some(value) if !allowed.contains(&value.trim()) => Err(self.error(format!("{name}=\"{value}\" of <{}> is not supported", self.tag), help)),
            _ => Ok(()),
        }
    }
}
