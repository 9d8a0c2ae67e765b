//! Faults of an agent on the device: the codes of shaders/shared/fault.wgsl, and their names.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The first fault of an agent, as found by the device: a code, with a detail (such as the number of a choice) in its low bits.
///
/// Output and files contain its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault(u32);

/// The divergence of an agent, after which it stopped learning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What it is, as a clause. Runs of older versions have none.
    #[serde(default)]
    pub what: String,
}

/// The value of `faults` for an agent without a fault.
pub const NONE: u32 = u32::MAX;
/// No kernel writes this code: it is found in memory that a device has not written.
pub const NEVER_WRITTEN: u32 = 0;

macro_rules! faults {
    ($($constant:ident $code:literal $name:literal;)*) => {
        $(#[doc = $name] pub const $constant: Fault = Fault($code);)*

        /// Every fault, in the order of the pipeline, with its name.
        const NAMES: &[(Fault, &str)] = &[$(($constant, $name),)*];
    };
}

faults! {
    LOOP 0x10000 "loop: the driver ended one early";
    DATA 0x18000 "data: an index is out of range";
    OBSERVATION 0x20000 "observation";
    NO_LEGAL_ACTION 0x30000 "action: none is legal";
    POLICY_OUTPUT 0x40000 "policy output";
    REWARD 0x50000 "reward";
    VALUE 0x60000 "value";
    ADVANTAGE 0x70000 "advantage";
    POLICY_LOSS 0x80000 "policy loss";
    ENTROPY 0x90000 "entropy";
    VALUE_LOSS 0xA0000 "value loss";
    GRADIENT 0xB0000 "gradient";
    PARAMETER 0xC0000 "parameter";
    OBSERVATION_MOMENTS 0xD0000 "running moments of the observations";
    RETURN_MOMENTS 0xE0000 "running moments of the discounted return";
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

    /// The fault that the last byte of a picture's pixel stands for (shaders/draw.wgsl).
    pub fn of_pixel(byte: u32) -> Fault {
        if byte == 254 { LOOP } else { DATA.with_detail(byte) }
    }

    /// Its detail: for [`NO_LEGAL_ACTION`] the number of the choice, for [`DATA`] that of the array.
    pub fn detail(self) -> u32 {
        self.0 & ((1 << DETAIL_BITS) - 1)
    }

    /// The fault without its detail.
    pub fn kind(self) -> Fault {
        Fault(self.0 >> DETAIL_BITS << DETAIL_BITS)
    }

    /// This fault with a detail.
    pub fn with_detail(self, detail: u32) -> Fault {
        Fault(self.0 | detail)
    }

    /// Whether the environment causes it, independent of learning: its functions, or the driver that runs them.
    pub fn is_of_the_environment(self) -> bool {
        [LOOP, DATA, OBSERVATION, NO_LEGAL_ACTION, REWARD].contains(&self.kind())
    }

    /// How an agent with it ends: "diverged" where a quantity is not finite, else "stopped".
    pub fn end(self) -> &'static str {
        if [LOOP, DATA, NO_LEGAL_ACTION].contains(&self.kind()) { "stopped" } else { "diverged" }
    }

    /// A description of the fault, as a complete clause. [`crate::spec::environment::Environment::sentence`] also knows the names of arrays.
    pub fn sentence(self) -> String {
        match self.kind() {
            LOOP => "the driver ended a loop early".into(),
            DATA => format!("an index is out of range in array {} of the environment's data (from 0, as `env show` lists them)", self.detail()),
            NO_LEGAL_ACTION => format!("no action is legal in choice {}", self.detail()),
            _ => format!("the first quantity that is not finite is the {self}"),
        }
    }

    /// What to do about it, if the environment causes it.
    pub fn help(self) -> String {
        match self.kind() {
            LOOP => LOOPS,
            DATA => {
                "compare indices with NAME_shape before they are used; `select` evaluates both sides, so write `if` or `min`; `ppo-gpu env show FILE` lists the \
                 arrays"
            }
            NO_LEGAL_ACTION => "env_action_mask must allow an action of every choice; end the episode in a state that has none",
            _ => {
                "look in the environment for a division by zero, a root or logarithm of a negative number, or a state that grows without bound; \
                 `ppo-gpu env check FILE` shows where"
            }
        }
        .into()
    }

    /// The fault with this name.
    fn named(name: &str) -> Option<Fault> {
        let known = |name: &str| NAMES.iter().find(|(_, known)| *known == name).map(|(fault, _)| *fault);
        known(name).or_else(|| {
            DETAILED.iter().find_map(|(fault, separator)| {
                let (name, detail) = name.rsplit_once(separator)?;
                let detail = detail.parse().ok().filter(|detail: &u32| detail >> DETAIL_BITS == 0)?;
                known(name).filter(|known| known == fault).map(|fault| fault.with_detail(detail))
            })
        })
    }
}

/// What to do about loops that a driver ends early.
const LOOPS: &str = "results would be wrong. Software drivers end all loops of an invocation after 65,535 rounds together: let env_reset, env_step and \
    env_observe make fewer rounds, or spread the work over several steps of an episode; a GPU has no such limit";

/// Bits of a code that hold its detail.
const DETAIL_BITS: u32 = 15;

/// The faults with details, and the words between their names and those.
const DETAILED: [(Fault, &str); 2] = [(NO_LEGAL_ACTION, " in choice "), (DATA, " in array ")];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(fault, _)| *fault == self.kind()).map_or(UNKNOWN, |(_, name)| name);
        f.write_str(name)?;
        match DETAILED.iter().find(|(fault, _)| *fault == self.kind()) {
            Some((_, separator)) => write!(f, "{separator}{}", self.detail()),
            None => Ok(()),
        }
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
    fn details_are_named_and_read_back() {
        for (fault, name) in
            [(NO_LEGAL_ACTION.with_detail(3), "action: none is legal in choice 3"), (DATA.with_detail(0), "data: an index is out of range in array 0")]
        {
            assert_eq!((fault.to_string().as_str(), fault.kind().with_detail(fault.detail())), (name, fault));
            let json = serde_json::to_string(&fault).expect("a text");
            assert_eq!(serde_json::from_str::<Fault>(&json).expect("a fault"), fault);
        }
        assert_eq!(serde_json::from_str::<Fault>("\"something else\"").expect("a fault").to_string(), UNKNOWN);
        assert!(NO_LEGAL_ACTION.with_detail(3).is_of_the_environment() && !PARAMETER.is_of_the_environment());
    }
}
