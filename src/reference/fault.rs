//! Faults, as stored in `faults`: the smallest code of an agent is its first fault in the order of the pipeline.
//! Two faults have no place here: loops all end by themselves, and without a legal action the reference panics.

use crate::reference::decision::{Ambiguous, Site};
use crate::reference::memory::Memory;
use crate::reference::real::Real;
pub use crate::support::fault::*;

/// Whether `quantity` is finite; notes `fault` for the site's agent where it is not.
///
/// # Errors
/// When rounding could decide it either way.
pub fn check<R: Real>(memory: &mut Memory<R>, site: Site, quantity: R, fault: Fault, name: &'static str) -> Result<bool, Ambiguous> {
    let finite = site.decide(quantity.finite(), name)?;
    let faults = memory.buffer_mut("faults");
    if !finite && fault.code() < faults.u(site.agent) {
        faults.write_word(site.agent, fault.code());
    }
    Ok(finite)
}
