//! Codes of quantities that were found not finite. The smallest code of an agent is the first such quantity in the order of the pipeline.

use super::memory::Memory;
use super::real::Real;
use super::{Ambiguous, Site};

/// An observation.
pub const OBSERVATION: u32 = 1;
/// No action is legal. The reference panics instead.
pub const NO_LEGAL_ACTION: u32 = 2;
/// The policy's distribution.
pub const POLICY_OUTPUT: u32 = 3;
/// A reward.
pub const REWARD: u32 = 4;
/// A value.
pub const VALUE: u32 = 5;
/// An advantage.
pub const ADVANTAGE: u32 = 6;
/// The policy loss.
pub const POLICY_LOSS: u32 = 7;
/// The entropy.
pub const ENTROPY: u32 = 8;
/// The value loss.
pub const VALUE_LOSS: u32 = 9;
/// The gradient.
pub const GRADIENT: u32 = 10;
/// A parameter after its step.
pub const PARAMETER: u32 = 11;
/// Nothing was found.
pub const NONE: u32 = u32::MAX;

/// Whether `quantity` is finite; notes `code` for the site's agent where it is not.
///
/// # Errors
/// When rounding could decide it either way.
pub fn check<R: Real>(memory: &mut Memory<R>, site: Site, quantity: R, code: u32, name: &'static str) -> Result<bool, Ambiguous> {
    let finite = site.decide(quantity.finite(), name)?;
    let faults = memory.buffer_mut("faults");
    if !finite && code < faults.u(site.agent) {
        faults.write_word(site.agent, code);
    }
    Ok(finite)
}
