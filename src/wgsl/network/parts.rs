//! Code shared by the network generators.

use crate::program::plan::Plan;
use crate::spec::config::Activation;

/// The names of a vector's components.
pub(crate) const XYZW: [&str; 4] = ["x", "y", "z", "w"];

/// Number `i` of an array of vectors.
pub(crate) fn element(array: &str, i: usize) -> String {
    format!("{array}[{}].{}", i / 4, XYZW[i % 4])
}

/// `count` as the end of a loop: one that compilers do not know, if the profile keeps loops.
pub(crate) fn loop_end(plan: &Plan, count: usize) -> String {
    if plan.profile.keeps_loops { format!("{count}u + hidden_zero()") } else { format!("{count}u") }
}

/// The text of `shaders/network/NAME.wgsl`.
macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("../../../shaders/network/", $name, ".wgsl"))
    };
}

/// `activation` and `activation_slope`.
pub(crate) fn activation(activation: Activation) -> &'static str {
    match activation {
        Activation::Tanh => file!("activation_tanh"),
        Activation::Relu => file!("activation_relu"),
    }
}

/// `network_fetch` and `network_take`, which copy the observation to `h0`.
pub(crate) const INTO_REGISTERS: [&str; 2] = [file!("fetch_into_registers"), file!("take_into_registers")];

/// The same, to a tile in workgroup memory.
pub(crate) const INTO_TILE: [&str; 2] = [file!("fetch_into_tile"), file!("take_into_tile")];

/// `network_fetch`, which only notes where the observation is.
pub(crate) const FETCH_PLACE: &str = file!("fetch_place");

/// The same, as bits, and what turns them so that a mask tells in which samples a component is 1.
pub(crate) const BITS_INTO_TILE: [&str; 2] = [file!("fetch_bits_into_tile"), file!("take_bits_into_tile")];
pub(crate) const TURN_BITS: &str = file!("turn_bits");

/// The same, for a first layer that reads observations from memory.
pub(crate) const FROM_MEMORY: [&str; 2] = [file!("fetch_from_memory"), file!("take_from_memory")];

pub(crate) const SAMPLES_STAGE: &str = file!("samples_stage");
pub(crate) const SAMPLES_PARTIALS: &str = file!("samples_partials");
pub(crate) const ADD_LOSSES: &str = file!("add_losses");
pub(crate) const UNITS_COMPONENT: &str = file!("units_component");
pub(crate) const UNITS_PARAMETER: &str = file!("units_parameter");
pub(crate) const UNITS_LOSSES: &str = file!("units_losses");
