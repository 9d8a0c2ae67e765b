//! Code shared by the network generators.

use crate::program::lanes::vectors;
use crate::program::plan::Plan;
use crate::spec::config::Activation;
use crate::wgsl::writer::{Writer, line};

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

/// `network_take`, which copies the observation to `h0`.
pub(crate) const TAKE_INTO_REGISTERS: &str = file!("take_into_registers");

/// Longest loop over the components of an observation that drivers unroll.
const UNROLLED: usize = 32;

/// `network_fetch`, which copies the observation of `inputs` components to `h0`. Where drivers would not unroll the loop, its indices are constants all the same: an
/// array that is indexed dynamically is slow to assign to, and to compile.
pub(crate) fn fetch_into_registers(w: &mut Writer, inputs: usize) {
    if inputs <= UNROLLED {
        return w.file(file!("fetch_into_registers"));
    }
    w.line("\n//! import observation");
    w.function(
        "Copies the observation of the lane's sample, which begins at word `base` of `observations`, to h0.",
        "network_fetch(base: u32, lane: u32)",
        |w| {
            w.repeat("i", format_args!("{}u", vectors(inputs)), |w| {
                let component = |k: usize| format!("stored_component(base, min(4u * i + {k}u, OBSERVATION - 1u))");
                line!(w, "let x = vec4({});", (0..4).map(component).collect::<Vec<_>>().join(", "));
                (0..vectors(inputs)).for_each(|i| line!(w, "h0[{i}] = select(h0[{i}], x, i == {i}u);"));
            });
        },
    );
}

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
