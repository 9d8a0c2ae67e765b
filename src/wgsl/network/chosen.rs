//! Choosing the network generator for a plan.

use crate::program::lanes::Mapping;
use crate::program::plan::Plan;
use crate::wgsl::network::blocks::text::Blocks;
use crate::wgsl::network::samples::Samples;
use crate::wgsl::network::text::NetworkText;
use crate::wgsl::network::units::text::Units;

/// The networks' text for `plan`.
pub fn network_text(plan: &Plan) -> Box<dyn NetworkText + '_> {
    match plan.mapping {
        Mapping::Samples => Box::new(Samples { plan }),
        Mapping::Units => Box::new(Units { plan }),
        Mapping::Blocks => Box::new(Blocks { plan }),
    }
}
