//! Faults of an agent on the device: the codes of shaders/shared/fault.wgsl, and their names.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The first fault of an agent, as found by the device: a code, with a detail (such as the number of a choice) in its low 16 bits.
///
/// Output and files contain its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault(u32);

/// The divergence of an agent, after which it stopped learning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// Agent, counted from 0.
    pub agent: u32,
    /// Its seed.
    pub seed: u64,
    /// The update, counted from 1.
    pub update: u32,
    /// The first fault.
    #[serde(rename = "quantity")]
    pub fault: Fault,
}

/// The value of `faults` for an agent without a fault.
pub const NONE: u32 = u32::MAX;

macro_rules! faults {
    ($($constant:ident $code:literal $name:literal;)*) => {
        $(#[doc = $name] pub const $constant: Fault = Fault($code << 16);)*

        /// Every fault, in the order of the pipeline, with its name.
        const NAMES: &[(Fault, &str)] = &[$(($constant, $name),)*];
    };
}

faults! {
    LOOP 1 "loop: the driver ended one early";
    OBSERVATION 2 "observation";
    NO_LEGAL_ACTION 3 "action: none is legal";
    POLICY_OUTPUT 4 "policy output";
    REWARD 5 "reward";
    VALUE 6 "value";
    ADVANTAGE 7 "advantage";
    POLICY_LOSS 8 "policy loss";
    ENTROPY 9 "entropy";
    VALUE_LOSS 10 "value loss";
    GRADIENT 11 "gradient";
    PARAMETER 12 "parameter";
    OBSERVATION_MOMENTS 13 "running moments of the observations";
    RETURN_MOMENTS 14 "running moments of the discounted return";
}

/// Name for a code that fault.wgsl does not define. It still counts as a fault.
const UNKNOWN: &str = "unknown quantity";

impl Fault {
    /// The fault for a word of `faults`; `None` if there was none.
    pub fn of_code(code: u32) -> Option<Fault> {
        (code != NONE).then_some(Fault(code))
    }

    /// Its code on the device.
    pub fn code(self) -> u32 {
        self.0
    }

    /// Its detail: for [`NO_LEGAL_ACTION`] the number of the choice.
    pub fn detail(self) -> u32 {
        self.0 & 0xFFFF
    }

    /// The fault without its detail.
    pub fn kind(self) -> Fault {
        Fault(self.0 & !0xFFFF)
    }

    /// This fault with a detail.
    pub fn with_detail(self, detail: u32) -> Fault {
        Fault(self.0 | detail)
    }

    /// Whether the environment causes it, independent of learning: its functions, or the driver that runs them.
    pub fn is_of_the_environment(self) -> bool {
        [LOOP, OBSERVATION, NO_LEGAL_ACTION, REWARD].contains(&self.kind())
    }

    /// A description of the fault, as a complete clause.
    pub fn sentence(self) -> String {
        match self.kind() {
            LOOP => "the driver ended a loop early".into(),
            NO_LEGAL_ACTION => format!("no action is legal in choice {}", self.detail()),
            _ => format!("the first quantity that is not finite is the {self}"),
        }
    }

    /// The fault with this name.
    fn named(name: &str) -> Option<Fault> {
        let known = |name: &str| NAMES.iter().find(|(_, known)| *known == name).map(|(fault, _)| *fault);
        known(name).or_else(|| {
            let (name, choice) = name.rsplit_once(CHOICE)?;
            Some(known(name)?.with_detail(choice.parse::<u16>().ok()?.into()))
        })
    }
}

/// Separates the name of [`NO_LEGAL_ACTION`] from the choice.
const CHOICE: &str = " in choice ";

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(fault, _)| *fault == self.kind()).map_or(UNKNOWN, |(_, name)| name);
        f.write_str(name)?;
        if self.kind() == NO_LEGAL_ACTION { write!(f, "{CHOICE}{}", self.detail()) } else { Ok(()) }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fault, D::Error> {
        // A name unknown to this version still counts as a fault.
        Ok(Fault::named(&String::deserialize(deserializer)?).unwrap_or(Fault(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_the_kernels_has_a_name() {
        let source = include_str!("../../shaders/shared/fault.wgsl");
        let codes: Vec<u32> = source
            .lines()
            .filter_map(|line| line.strip_prefix("const FAULT_"))
            .map(|line| u32::from_str_radix(line.split_once("= 0x").expect("a number").1.split_once("u;").expect("its end").0, 16).expect("a number"))
            .collect();
        assert_eq!(codes, NAMES.iter().map(|(fault, _)| fault.code()).collect::<Vec<_>>());
        for (code, (_, name)) in codes.into_iter().zip(NAMES) {
            let fault = Fault::of_code(code).expect("a fault");
            assert_eq!(Fault::named(&fault.to_string()), Some(fault));
            assert!(fault.to_string().starts_with(name));
        }
        assert!(source.contains("const NO_FAULT: u32 = 0xFFFFFFFFu;") && Fault::of_code(NONE).is_none());
    }

    #[test]
    fn a_choice_without_legal_actions_is_named_and_read_back() {
        let fault = NO_LEGAL_ACTION.with_detail(3);
        assert_eq!(fault.to_string(), "action: none is legal in choice 3");
        let json = serde_json::to_string(&fault).expect("a text");
        assert_eq!(serde_json::from_str::<Fault>(&json).expect("a fault"), fault);
        assert_eq!(serde_json::from_str::<Fault>("\"something else\"").expect("a fault").to_string(), UNKNOWN);
        assert!(fault.is_of_the_environment() && !PARAMETER.is_of_the_environment());
    }
}
