//! Products on software drivers, where a subgroup is a vector of the processor. A load at an address of each lane's own is a loop over the lanes there, and so is
//! one at a common address, wherever there is control flow; broadcasts from a lane that is known when the text is written are free. So lanes load different
//! numbers, and each is broadcast to all lanes of the subgroup.

use crate::program::blocks::SUBGROUP_ROWS;
use crate::program::lanes::vectors;
use crate::spec::network::Layer;
use crate::wgsl::network::blocks::expressions::{over, plus};
use crate::wgsl::network::blocks::pass::Pass;
use crate::wgsl::network::parts::XYZW;
use crate::wgsl::writer::{Writer, line};

/// Adds `terms` products to each of `rows` sums, vectors called `y0`, `y1` and so on if `sum` is "y": a number that a lane has, by `broadcast(row, term)`, times the
/// vector `w0`, `w1` and so on of each lane's own.
pub(crate) fn multiply(w: &mut Writer, sum: &str, rows: usize, terms: usize, broadcast: impl Fn(usize, usize) -> (String, usize)) {
    for row in 0..rows {
        for term in 0..terms {
            let (number, lane) = broadcast(row, term);
            line!(w, "{sum}{row} += subgroupBroadcast({number}, {lane}u) * w{term};");
        }
    }
}

/// A product of the weights of a layer with activations or slopes.
pub(super) struct SubgroupProduct<'a> {
    /// Rows of what is multiplied, and four samples of one of them.
    pub(super) inner: usize,
    pub(super) source: &'a dyn Fn(&str, &str) -> String,
    /// Outputs, a multiple of four; and the first value of vector `v` of them.
    pub(super) outputs: usize,
    pub(super) begin: &'a dyn Fn(&str) -> String,
    /// Whether a row of `params` has the weights of an output, rather than those of a row of the source.
    pub(super) transposed: bool,
}

impl Pass<'_> {
    /// y = activation(bias + x W) of hidden layer `l`.
    pub(super) fn forward_in_subgroups(&self, w: &mut Writer, l: usize) {
        let layer = self.layers()[l];
        let product = SubgroupProduct {
            inner: layer.inputs,
            source: &|row, at| self.inputs(l, row, at),
            outputs: layer.columns(),
            begin: &|vector| format!("params[base + {}u + {vector}]", layer.offset / 4),
            transposed: false,
        };
        self.product_of_subgroups(w, l, &product, |w, unit, at, value| line!(w, "{} = activation({value});", self.inputs(l + 1, &format!("({unit})"), at)));
    }

    /// The slopes before the activations h_l: (d W^T) * activation'(h_l), d being the slopes at the outputs of layer `l`.
    pub(super) fn backward_in_subgroups(&self, w: &mut Writer, l: usize) {
        let layer = self.layers()[l];
        let units = 4 * vectors(layer.inputs);
        let product = SubgroupProduct {
            inner: layer.columns(),
            source: &|row, at| self.slopes(l, row, at),
            outputs: units,
            begin: &|_| "vec4(0.0)".into(),
            transposed: true,
        };
        self.product_of_subgroups(w, l, &product, |w, unit, at, value| self.store_slope(w, l, units, [unit, at], value));
    }

    /// The product of layer `l`; `store(unit, vector of samples, value)` for each output of the lane.
    pub(super) fn product_of_subgroups(&self, w: &mut Writer, l: usize, product: &SubgroupProduct, store: impl Fn(&mut Writer, &str, &str, &str)) {
        let &SubgroupProduct { inner, source, outputs, begin, .. } = product;
        let lanes = self.plan.profile.subgroup as usize;
        let samples = self.team.samples.min(SUBGROUP_ROWS);
        let across = self.team.samples / samples;
        let blocks = (outputs / 4).div_ceil(lanes) * across;
        // Lanes without outputs compute the last ones, and store nothing.
        let ragged = !(outputs / 4).is_multiple_of(lanes);
        line!(w, "let own = lane % {lanes}u;");
        w.block(format_args!("for (var block = lane / {lanes}u; block < {blocks}u; block += {}u)", self.team.lanes.div_ceil(lanes)), |w| {
            line!(w, "let vector = {} * {lanes}u + own;", over("block", across));
            line!(w, "let first = {};", if across == 1 { "0u".into() } else { format!("block % {across}u * {}u", samples / 4) });
            let known = if ragged { format!("min(vector, {}u)", outputs / 4 - 1) } else { "vector".into() };
            line!(w, "let known = {known};");
            line!(w, "let initial = {};", begin("known"));
            (0..samples).for_each(|s| line!(w, "var y{s} = initial;"));
            w.block(format_args!("for (var i = 0u; i < {inner}u; i += {lanes}u)"), |w| {
                line!(w, "let row = min(i + own, {}u);", inner - 1);
                for q in 0..samples / 4 {
                    let x = source("row", &format!("({})", plus("first", q)));
                    let x = if inner.is_multiple_of(lanes) { x } else { format!("select(vec4(0.0), {x}, i + own < {inner}u)") };
                    line!(w, "let x{q} = {x};");
                }
                self.weights_of_lane(w, l, product);
                multiply(w, "y", samples, lanes, |s, k| (format!("x{}.{}", s / 4, XYZW[s % 4]), k));
            });
            let all = |w: &mut Writer| {
                for q in 0..samples / 4 {
                    for (c, component) in XYZW.iter().enumerate() {
                        let four = (4 * q..4 * q + 4).map(|s| format!("y{s}.{component}")).collect::<Vec<_>>().join(", ");
                        store(w, &plus("4u * vector", c), &plus("first", q), &format!("vec4({four})"));
                    }
                }
            };
            if ragged { w.when(format_args!("vector < {}u", outputs / 4), all) } else { w.scope(all) }
        });
    }

    /// `w0`, `w1` and so on: the weights from as many rows as a subgroup has lanes, from row `i` on, to vector `known` of the outputs.
    fn weights_of_lane(&self, w: &mut Writer, l: usize, product: &SubgroupProduct) {
        let (lanes, inner) = (self.plan.profile.subgroup as usize, product.inner);
        let Layer { inputs, .. } = self.layers()[l];
        if !product.transposed {
            return (0..lanes).for_each(|k| line!(w, "let w{k} = {};", self.weights(l, &format!("min({}, {}u)", plus("i", k), inner - 1), "known")));
        }
        (0..4).for_each(|j| line!(w, "let m{j} = min({}, {}u);", plus("4u * known", j), inputs - 1));
        for k in 0..lanes / 4 {
            let vector = format!("min({}, {}u)", plus("i / 4u", k), inner / 4 - 1);
            (0..4).for_each(|j| line!(w, "let t{k}_{j} = {};", self.weights(l, &format!("m{j}"), &vector)));
            for (c, component) in XYZW.iter().enumerate() {
                let four = (0..4).map(|j| format!("t{k}_{j}.{component}")).collect::<Vec<_>>().join(", ");
                line!(w, "let w{} = vec4({four});", 4 * k + c);
            }
        }
    }
}
