//! The specification as a program: plain sequential Rust, one file for each kernel, with the kernel's name.
//!
//! It walks the same programs as the device ([`crate::program::schedule`]) over the same buffers ([`memory`]), either in plain `f64` or in numbers
//! with error bounds for single precision ([`tracked`]; for the step of rigid bodies [`sampled`]). When a kernel makes a decision, the reference makes the same one, or reports that
//! rounding could decide it either way ([`Ambiguous`]).

pub mod act;
pub mod adam;
pub mod adapt_rate;
pub mod advance;
pub mod bound_deviations;
pub mod compare;
pub mod decision;
pub mod dense;
pub mod environments;
pub mod evaluate;
pub mod fault;
pub mod gae;
pub mod gradient;
pub mod layouts;
pub mod learn;
pub mod loss;
pub mod memory;
pub mod minibatch_moments;
pub mod minibatch_parts;
pub mod observation_moments;
pub mod observe;
pub mod policy;
pub mod real;
pub mod report;
pub mod rescale_values;
pub mod reset;
pub mod restart;
pub mod rollout;
pub mod sampled;
pub mod sum_gradient;
#[cfg(test)]
mod tests;
pub mod tracked;
pub mod update_normalizers;
pub mod walk;
pub mod weight_gradient;

pub use decision::{Ambiguous, Site};
pub use walk::{covers, run};
