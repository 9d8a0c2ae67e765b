//! Sizes of kernels that a person, or `ppo-gpu tune`, chooses instead of the program.

use crate::support::text::did_you_mean;
use std::fmt::{Display, Formatter};
use std::str::FromStr;

/// Sizes of kernels; None where the program chooses. They change the order of sums, hence rounding, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tuning {
    /// Lanes of a workgroup of `gradient` and `evaluate`, where lanes share a tile.
    pub lanes: Option<u32>,
    /// Samples of such a tile.
    pub tile: Option<u32>,
    /// Most rows of partial gradients; a row is a workgroup for each network.
    pub rows: Option<u32>,
    /// Lanes of a workgroup of `rollout`, where lanes share a tile.
    pub rollout_lanes: Option<u32>,
    /// Environments of such a workgroup.
    pub rollout_tile: Option<u32>,
}

/// The value that leaves the choice to what `ppo-gpu tune` remembered, and else to the program.
pub const AUTO: &str = "auto";
/// The value that leaves the choice to the program.
pub const NONE: &str = "none";

/// Each size: its name, its values, and its place.
type Size = (&'static str, &'static [u32], fn(&mut Tuning) -> &mut Option<u32>);
const SIZES: [Size; 5] = [
    ("lanes", &[64, 128, 256], |tuning| &mut tuning.lanes),
    ("tile", &[4, 8, 16, 32, 64, 128], |tuning| &mut tuning.tile),
    ("rows", &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024], |tuning| &mut tuning.rows),
    ("rollout_lanes", &[32, 64, 128, 256], |tuning| &mut tuning.rollout_lanes),
    ("rollout_tile", &[4, 8, 16, 32], |tuning| &mut tuning.rollout_tile),
];

impl Tuning {
    /// The values that the size called `name` may have.
    pub fn values(name: &str) -> &'static [u32] {
        SIZES.iter().find(|(known, ..)| *known == name).map_or(&[], |(_, values, _)| values)
    }

    /// This one with `other`'s sizes where it has them.
    pub fn with(mut self, mut other: Tuning) -> Tuning {
        for (.., place) in SIZES {
            *place(&mut self) = place(&mut other).or(*place(&mut self));
        }
        self
    }

    /// Those of kernels whose sizes fit: of `gradient` and `evaluate`, and of `rollout`. Rows always do.
    pub fn only(self, gradient: bool, rollout: bool) -> Tuning {
        let [lanes, tile] = [self.lanes, self.tile].map(|size| size.filter(|_| gradient));
        let [rollout_lanes, rollout_tile] = [self.rollout_lanes, self.rollout_tile].map(|size| size.filter(|_| rollout));
        Tuning { lanes, tile, rollout_lanes, rollout_tile, ..self }
    }
}

/// Sizes as the key `tuning` takes them: `lanes=64,tile=16`; `none` for none.
impl Display for Tuning {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let mut tuning = *self;
        let sizes: Vec<String> = SIZES.iter().filter_map(|(name, _, place)| place(&mut tuning).map(|value| format!("{name}={value}"))).collect();
        f.write_str(if sizes.is_empty() { NONE.into() } else { sizes.join(",") }.as_str())
    }
}

impl FromStr for Tuning {
    /// What is wrong, and what to do.
    type Err = (String, String);

    /// Reads the value of the key `tuning`. `auto` and `none` have no sizes.
    fn from_str(text: &str) -> Result<Tuning, Self::Err> {
        let mut tuning = Tuning::default();
        if [AUTO, NONE].contains(&text) {
            return Ok(tuning);
        }
        for part in text.split(',').map(str::trim) {
            let (name, value) = part.split_once('=').map_or((part, ""), |(name, value)| (name.trim(), value.trim()));
            let Some((_, values, place)) = SIZES.iter().find(|(known, ..)| *known == name) else {
                let names: Vec<&str> = SIZES.iter().map(|(name, ..)| *name).collect();
                let help = format!("auto, none, or some of {}, as in lanes=64,tile=16{}", names.join(", "), did_you_mean(name, names.iter().copied()));
                return Err((format!("there is no size '{name}'"), help));
            };
            let allowed = || values.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            let value = value.parse().ok().filter(|value| values.contains(value));
            let value = value.ok_or_else(|| (format!("'{part}' does not give {name} a size"), format!("write {name}=N, N being one of {}", allowed())))?;
            if place(&mut tuning).replace(value).is_some() {
                return Err((format!("{name} is given twice"), "give each size once".into()));
            }
        }
        Ok(tuning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        let tuning = Tuning { tile: Some(16), rows: Some(1), rollout_lanes: Some(128), ..Tuning::default() };
        assert_eq!(tuning.to_string(), "tile=16,rows=1,rollout_lanes=128");
        assert_eq!(tuning.to_string().parse(), Ok(tuning));
        assert_eq!(" rows = 1 ,tile=16, rollout_lanes=128".parse(), Ok(tuning));
        assert_eq!(["auto", "none"].map(str::parse), [Ok(Tuning::default()), Ok(Tuning::default())]);
        assert_eq!(Tuning::default().to_string(), "none");
        assert_eq!(tuning.with(Tuning { rows: Some(8), lanes: Some(64), ..Tuning::default() }).to_string(), "lanes=64,tile=16,rows=8,rollout_lanes=128");
    }

    #[test]
    fn other_sizes_are_refused() {
        for (text, problem) in [
            ("", "no size ''"),
            ("tiel=8", "no size 'tiel'"),
            ("tile", "'tile' does not give tile a size"),
            ("tile=7", "'tile=7' does not give tile a size"),
            ("rows=0", "'rows=0' does not give rows a size"),
            ("tile=8,tile=16", "tile is given twice"),
            ("auto,tile=8", "no size 'auto'"),
        ] {
            let (found, help) = text.parse::<Tuning>().expect_err(text);
            assert!(found.contains(problem) && !help.is_empty(), "{text}: {found}");
        }
        assert!("tiel=8".parse::<Tuning>().expect_err("a typo").1.contains("did you mean 'tile'"));
    }
}
