//! Choosing the network generator for a plan.

use crate::program::plan::Plan;
use crate::wgsl::network::samples::Samples;
use crate::wgsl::network::text::NetworkText;
use crate::wgsl::network::units::text::Units;

/// The networks' text for `plan`.
pub fn network_text(plan: &Plan) -> Box<dyn NetworkText + '_> {
    if plan.lanes_are_units { Box::new(Units { plan }) } else { Box::new(Samples { plan }) }
}
