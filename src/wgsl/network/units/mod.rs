//! Lanes map to units: forward and backward pass for a workgroup of one subgroup, without memory shared between lanes.
//!
//! A lane owns every `lanes`-th unit of each hidden layer (unit `b * lanes + lane` of block b) and holds, in registers, its units' weights for the whole
//! dispatch, their values for all samples of a tile (four to a vector), and the sums of their gradients over the tiles. The other
//! operand of a product comes from its owner by `subgroupBroadcast`, from a lane known when the text is generated:
//! - forward: `y[i] += w[m] · x[m][i]`, w the weights into the lane's unit, `x[m]` broadcast from the owner of unit m of the layer below;
//! - backward: `d[i] += w[k] · e[k][i]`, w the weights out of the lane's unit, `e[k]`, the slope at output k, broadcast from its owner;
//! - weight gradient: `g[k] += Σ_i x[i] · e[k][i]` beside it, so that one broadcast serves both;
//! - head: each lane sums over its own units; then the lanes' sums are added, sample by sample.
//!
//! For `learn` the lanes keep Adam's moments as well ([`learner`]), and make the step themselves.
//!
//! The first layer of long observations is a loop instead ([`crate::program::lanes::first_is_loop`]): weights come from memory for all samples of the tile,
//! sums go back there.
//!
//! This is for drivers that run a subgroup as one vector of the processor (Mesa's llvmpipe). There a broadcast is an operand of the multiplication, while
//! a memory access with a different address for each lane costs at least six times as much as a multiplication. Only samples, weights and sums are accessed
//! in this way: samples once per tile, the others once per dispatch.

pub(crate) mod backward;
pub(crate) mod forward;
pub(crate) mod held;
pub(crate) mod learner;
pub(crate) mod shape;
pub(crate) mod text;
