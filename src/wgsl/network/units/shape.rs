//! The owner of each unit and sample, as WGSL expressions.

use crate::program::plan::Plan;
use crate::spec::network::{ACTOR, Layer, Network};
use crate::wgsl::network::parts::element;
use crate::wgsl::writer::Writer;
use std::ops::Range;

/// The networks of the text, and the lanes and samples of a workgroup.
pub(crate) struct Shape<'a> {
    pub(crate) network: &'a Network,
    pub(crate) lanes: usize,
    /// Vectors for the samples of a tile.
    pub(crate) row: usize,
    /// [`Plan::first_layer_is_loop`].
    pub(crate) loops: bool,
    /// Whether observations are stored as bits.
    pub(crate) packed: bool,
}

impl<'a> Shape<'a> {
    pub(crate) fn new(plan: &'a Plan, tile: usize) -> Self {
        Shape { network: &plan.network, lanes: plan.lanes, row: tile / 4, loops: plan.first_layer_is_loop, packed: plan.packs_observations() }
    }

    pub(crate) fn layers(&self) -> &'a [Layer] {
        &self.network.layers
    }

    pub(crate) fn last(&self) -> usize {
        self.layers().len() - 1
    }

    pub(crate) fn head(&self) -> &'a Layer {
        &self.layers()[self.last()]
    }

    /// The actor's outputs that are only biases.
    pub(crate) fn unweighted(&self) -> Range<usize> {
        self.network.weighted..self.network.heads[ACTOR]
    }

    /// Components of the observation that the actor does not see.
    pub(crate) fn unseen(&self) -> Range<usize> {
        self.network.seen..self.layers()[0].inputs
    }

    /// Whether lanes keep layer `l`'s weights from each input, and the sums of their gradients.
    pub(crate) fn keeps_inputs(&self, l: usize) -> bool {
        l > 0 || !self.loops
    }

    /// Arguments of the functions of layer `l`.
    pub(crate) fn argument(&self, l: usize) -> &'static str {
        if self.keeps_inputs(l) { "" } else { "lane" }
    }

    /// Units of h_l.
    pub(crate) fn width(&self, l: usize) -> usize {
        self.layers()[l - 1].outputs
    }

    /// Whether lanes own four consecutive units of h_l at a time, which come from memory as a vector, rather than every `lanes`-th one.
    fn in_fours(&self, l: usize) -> bool {
        l == 1 && self.loops
    }

    /// Units of each lane in h_l.
    pub(crate) fn blocks(&self, l: usize) -> usize {
        if self.in_fours(l) { 4 * self.width(l).div_ceil(4 * self.lanes) } else { self.width(l).div_ceil(self.lanes) }
    }

    /// The lane's unit of block `b` of h_l, as an expression, and the first one past all lanes'.
    pub(crate) fn unit(&self, l: usize, b: usize) -> (String, usize) {
        if self.in_fours(l) {
            (format!("({}u + lane * 4u)", b / 4 * 4 * self.lanes + b % 4), (b / 4 + 1) * 4 * self.lanes)
        } else {
            (format!("({}u + lane)", b * self.lanes), (b + 1) * self.lanes)
        }
    }

    /// `statement`, for lanes whose unit of block `b` of h_l is one of `width`.
    pub(crate) fn owned(&self, w: &mut Writer, l: usize, b: usize, width: usize, statement: &str) {
        let (unit, end) = self.unit(l, b);
        if end <= width { w.line(statement) } else { w.when(format_args!("{unit} < {width}u"), |w| w.line(statement)) }
    }

    /// `value(unit)` of the lane's unit of block `b` of h_l; `zero` for lanes past the last of `width` units.
    pub(crate) fn padded(&self, l: usize, b: usize, width: usize, zero: &str, value: impl Fn(&str) -> String) -> String {
        let (unit, end) = self.unit(l, b);
        if end <= width {
            value(&unit)
        } else {
            let inside = value(&format!("min({unit}, {}u)", width - 1));
            format!("select({zero}, {inside}, {unit} < {width}u)")
        }
    }

    /// The block and the lane of unit `k` of h_l.
    pub(crate) fn owner(&self, l: usize, k: usize) -> (usize, usize) {
        if self.in_fours(l) { (k / (4 * self.lanes) * 4 + k % 4, k / 4 % self.lanes) } else { (k / self.lanes, k % self.lanes) }
    }

    /// Values of unit `k` of h_l for the samples of vector `v`, from the lane that owns it; `array` holds h_l or its slopes.
    fn of_unit(&self, array: &str, l: usize, k: usize, v: usize) -> String {
        let (block, lane) = self.owner(l, k);
        format!("subgroupBroadcast({array}{l}[{}], {lane}u)", block * self.row + v)
    }

    /// Number `k` of what lanes hold of their samples, for the samples of vector `v`.
    fn of_samples(&self, array: &str, k: usize, v: usize) -> String {
        let of = |i: usize| format!("subgroupBroadcast({}, {}u)", element(array, k), 4 * v + i);
        format!("vec4({}, {}, {}, {})", of(0), of(1), of(2), of(3))
    }

    /// Values of the layer below, `l`'s inputs.
    pub(crate) fn input(&self, l: usize, m: usize, v: usize) -> String {
        if l == 0 { self.of_samples("h0", m, v) } else { self.of_unit("h", l, m, v) }
    }

    /// Slopes at `l`'s outputs.
    pub(crate) fn slope(&self, l: usize, k: usize, v: usize) -> String {
        if l == self.last() { self.of_samples("head_slope", k, v) } else { self.of_unit("d", l + 1, k, v) }
    }
}
