//! Lanes share a tile of samples ([`crate::program::blocks`] has the sizes).
//!
//! Workgroup memory holds the activations of the tile: `h0`, the observations, as floats, because lanes store single components (on some devices a store to
//! a vector's component rewrites the whole vector); `h1` and so on, the hidden layers, as vectors of four samples; and `head_slopes`, floats again. A hidden
//! layer's activations are replaced by their slopes once nothing reads them any more. Weights are read from `params`, where neighbouring lanes read
//! neighbouring words; sums of gradients stay in the registers of the lane that owns the weight until the dispatch ends. No variable that a lane keeps in
//! registers is an array: drivers put indexed arrays in memory, or unroll everything that indexes them.
//!
//! Observations that are bits are kept as bits ([`bits`]). Where layers are wide, `gradient` and `evaluate` may keep activations on the tape instead, and take
//! slices of them through workgroup memory ([`slices`]). Where a subgroup is a vector of the processor, its lanes broadcast what they load ([`subgroups`]).

pub(crate) mod backward;
pub(crate) mod bits;
pub(crate) mod expressions;
pub(crate) mod forward;
pub(crate) mod pass;
pub(crate) mod slices;
pub(crate) mod subgroups;
pub(crate) mod text;
