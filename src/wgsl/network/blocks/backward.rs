//! The backward pass: slopes, sums of gradients, and what stores these.

use crate::program::blocks::{Block, Owned};
use crate::program::lanes::vectors;
use crate::program::tape::Taped;
use crate::wgsl::network::blocks::expressions::{over, plus, within};
use crate::wgsl::network::blocks::pass::Pass;
use crate::wgsl::network::parts::{self, XYZW};
use crate::wgsl::writer::{Writer, line};

/// Vectors of outputs in the body of the loop of a product's backward pass.
const OUTPUTS_AT_ONCE: usize = 2;

/// Most vectors of samples that the sum of a bias's gradient fetches at once.
const MOST_AT_ONCE: usize = 8;

impl Pass<'_> {
    /// `network_backward` and the functions around it.
    pub(super) fn write_backward(&self, w: &mut Writer) {
        let samples = self.team.samples;
        w.file(parts::SAMPLES_PARTIALS);
        w.function("Four samples' slopes at one output of the head.", "sloped(at: u32) -> vec4<f32>", |w| {
            w.line("return vec4(head_slopes[4u * at], head_slopes[4u * at + 1u], head_slopes[4u * at + 2u], head_slopes[4u * at + 3u]);");
        });
        let owned: Vec<Owned> = self.layers().iter().map(|layer| Owned::of(self.team.lanes, layer)).collect();
        w.gap();
        w.comment("Sums of the gradients of the weights that the lane owns: g, its layer, input, output. Those of biases: b, its layer.");
        for (l, (layer, owned)) in self.layers().iter().zip(&owned).enumerate() {
            for j in 0..if self.keeps_sums(l) { owned.down } else { 0 } {
                (0..owned.across).for_each(|q| line!(w, "var<private> g{l}_{j}_{q}: f32;"));
            }
            (0..layer.columns().div_ceil(self.team.lanes)).for_each(|r| line!(w, "var<private> b{l}_{r}: f32;"));
        }
        for l in (0..=self.head()).rev() {
            self.weight_gradient(w, l, owned[l]);
            if l > 0 {
                if self.rows.is_some() && l < self.head() { self.backward_in_slices(w, l) } else { self.backward_layer(w, l) }
            }
        }
        let begin = "gradient_begin(row: u32, accumulate: bool, lane: u32)";
        w.function("Sums are 0 at first. Those of observations that are bits are kept in partials, the others in registers.", begin, |w| {
            if self.is_packed() {
                w.when("!accumulate", |w| self.clear_bits(w));
                w.comment("Other lanes add to them.");
                w.line("storageBarrier();");
            }
        });
        w.function(
            "Adds the tile's gradient to the sums, from the loss's slope at the head.",
            "network_backward(base: u32, row: u32, accumulate: bool, lane: u32, slope: array<vec4<f32>, HEAD>)",
            |w| {
                w.when(format_args!("lane < {samples}u"), |w| {
                    for k in 0..self.layers()[self.head()].columns() {
                        line!(w, "head_slopes[{}] = slope[{}].{};", plus("lane", 4 * self.row() * k), k / 4, XYZW[k % 4]);
                    }
                });
                w.line("workgroupBarrier();");
                for l in (0..=self.head()).rev() {
                    match self.taped(l) {
                        Some(_) => line!(w, "tape_{l}(lane);"),
                        None => line!(w, "weight_gradient_{l}({}lane);", if self.keeps_sums(l) { "" } else { "row, " }),
                    }
                    if l > 0 {
                        line!(w, "backward_{l}(base / 4u, lane);");
                    }
                }
                if self.is_packed() {
                    // In the next tile, another lane may add to a weight's sum.
                    w.line("storageBarrier();");
                }
                w.line("workgroupBarrier();");
            },
        );
        self.store(w, &owned);
        w.file(parts::ADD_LOSSES);
    }

    /// Adds the tile's part of the gradient of layer `l`'s weights to the lane's sums.
    pub(super) fn weight_gradient(&self, w: &mut Writer, l: usize, owned: Owned) {
        if l == 0 && self.is_packed() {
            return self.weight_gradient_of_bits(w);
        }
        if let Some(taped) = self.taped(l) {
            return self.write_tape(w, taped);
        }
        let layer = self.layers()[l];
        let Owned { down, across, rows, columns } = owned;
        let comment = format!("Gradient of layer {l}: a lane owns weights from {down} of {} inputs to {across} of {} outputs.", layer.inputs, layer.outputs);
        w.function(comment, format_args!("weight_gradient_{l}(lane: u32)"), |w| {
            let sum = |w: &mut Writer| {
                for j in 0..down {
                    line!(w, "let m{j} = {};", within(&plus(&over("lane", columns), j * rows), (j + 1) * rows, layer.inputs));
                }
                for q in 0..across {
                    line!(w, "let k{q} = {};", within(&plus(&format!("lane % {columns}u"), q * columns), (q + 1) * columns, layer.outputs));
                }
                self.in_a_loop(w, "i", self.team.samples / 4, 1, |w, i, at| {
                    (0..across).for_each(|q| line!(w, "let e{i}_{q} = {};", self.slopes(l, &format!("k{q}"), at)));
                    for j in 0..down {
                        line!(w, "let x{i}_{j} = {};", self.inputs(l, &format!("m{j}"), at));
                        for component in XYZW {
                            (0..across).for_each(|q| line!(w, "g{l}_{j}_{q} += x{i}_{j}.{component} * e{i}_{q}.{component};"));
                        }
                    }
                });
            };
            self.first_lanes(w, rows * columns, sum);
            self.bias_gradient(w, l);
        });
    }

    /// Layer `l` as it is taped, if it is.
    fn taped(&self, l: usize) -> Option<Taped> {
        self.plan.taped().into_iter().find(|taped| taped.l == l)
    }

    /// Whether the lanes keep the sums of the gradients of layer `l`'s weights in registers.
    fn keeps_sums(&self, l: usize) -> bool {
        !(l == 0 && self.is_packed()) && self.taped(l).is_none()
    }

    /// Copies a layer's inputs and slopes to the tape, if they are not there already: neighbouring lanes have neighbouring vectors.
    fn write_tape(&self, w: &mut Writer, taped: Taped) {
        let (Taped { l, layer, .. }, vectors) = (taped, self.team.samples / 4);
        let comment = format!("Leaves the {} inputs of layer {l}, and the slopes at its {} outputs, on the tape.", layer.inputs, layer.columns());
        w.function(comment, format_args!("tape_{l}(lane: u32)"), |w| {
            let copy = |w: &mut Writer, first: usize, units: usize, value: &dyn Fn(&str, &str) -> String| {
                w.block(format_args!("for (var i = lane; i < {}u; i += {}u)", units * vectors, self.team.lanes), |w| {
                    line!(w, "tape[tape_at() + {}u + i] = {};", first * vectors, value(&over("i", vectors), &format!("i % {vectors}u")));
                });
            };
            if self.rows.is_none() {
                copy(w, taped.inputs, layer.inputs, &|m, at| self.inputs(l, m, at));
            }
            if self.rows.is_none() || l == self.head() {
                copy(w, taped.slopes, layer.columns(), &|k, at| self.slopes(l, k, at));
            }
            self.bias_gradient(w, l);
        });
    }

    /// Adds the tile's part of the gradient of layer `l`'s biases: a lane sums those of the outputs `lane`, `lane` + LANES and so on.
    pub(super) fn bias_gradient(&self, w: &mut Writer, l: usize) {
        let (layer, lanes) = (self.layers()[l], self.team.lanes);
        for r in 0..layer.columns().div_ceil(lanes) {
            w.scope(|w| {
                line!(w, "let k = {};", within(&plus("lane", r * lanes), (r + 1) * lanes, layer.columns()));
                let vectors = self.team.samples / 4;
                if vectors > MOST_AT_ONCE {
                    // In a loop: compilers for GPUs would fetch all first, and spill.
                    w.line("var e = vec4(0.0);");
                    self.in_a_loop(w, "i", vectors, MOST_AT_ONCE / 2, |w, _, at| line!(w, "e += {};", self.slopes(l, "k", at)));
                } else {
                    (0..vectors).for_each(|i| line!(w, "let e{i} = {};", self.slopes(l, "k", &format!("{i}u"))));
                    let terms: Vec<String> = (0..vectors).map(|i| format!("e{i}")).collect();
                    line!(w, "let e = {};", terms.join(" + "));
                }
                line!(w, "b{l}_{r} += (e.x + e.y) + (e.z + e.w);");
            });
        }
    }

    /// The slopes before the activations h_l: (d W^T) * activation'(h_l), d being the slopes at the outputs of layer `l`. In workgroup memory they replace
    /// the activations.
    pub(super) fn backward_layer(&self, w: &mut Writer, l: usize) {
        let layer = self.layers()[l];
        let (units, columns) = (4 * vectors(layer.inputs), layer.columns() / 4);
        let block = Block::of(self.team, units);
        let halves = block.samples / 4;
        let place = if self.rows.is_none() { ", in place of these" } else { "" };
        let comment = format!("Slopes before the {} activations in h{l}{place}, from those at the {} outputs of layer {l}.", layer.inputs, layer.outputs);
        w.function(comment, format_args!("backward_{l}(base: u32, lane: u32)"), |w| {
            // Every block is stored where only its own lane reads; the barrier is for lanes that still sum gradients from h_l.
            self.settle_all(w);
            self.each_block(w, units, block, |w| {
                for j in 0..block.units {
                    line!(w, "let unit{j} = {};", plus(&over("unit", block.units), j * units / block.units));
                    line!(w, "let m{j} = {};", within(&format!("unit{j}"), units, layer.inputs));
                    (0..halves).for_each(|half| line!(w, "var d{j}_{half} = vec4(0.0);"));
                }
                self.in_a_loop(w, "k", columns, OUTPUTS_AT_ONCE, |w, i, k| {
                    (0..block.units).for_each(|j| line!(w, "let w{i}_{j} = {};", self.weights(l, &format!("m{j}"), k)));
                    for (c, component) in XYZW.iter().enumerate() {
                        for half in 0..halves {
                            line!(w, "let e{i}_{c}_{half} = {};", self.slopes(l, &format!("({})", plus(&format!("4u * {k}"), c)), &plus("at", half)));
                            (0..block.units).for_each(|j| line!(w, "d{j}_{half} += w{i}_{j}.{component} * e{i}_{c}_{half};"));
                        }
                    }
                });
                for j in 0..block.units {
                    for half in 0..halves {
                        self.store_slope(w, l, units, [&format!("unit{j}"), &plus("at", half)], &format!("d{j}_{half}"));
                    }
                }
            });
            self.settle(w);
        });
    }

    /// `gradient_end`: stores the sums, and 0 where weights only fill up a vector.
    pub(super) fn store(&self, w: &mut Writer, owned: &[Owned]) {
        let lanes = self.team.lanes;
        w.function("Stores the sums, or adds them to those of earlier dispatches.", "gradient_end(row: u32, accumulate: bool, lane: u32)", |w| {
            w.comment("All loads before the first store, so that none waits for another.");
            w.when("PASSES > 1u && accumulate", |w| {
                self.each_sum(w, owned, |w, sum, place| line!(w, "{sum} += partials[{place}];"));
            });
            self.each_sum(w, owned, |w, sum, place| line!(w, "partials[{place}] = whole(vec4({sum}), lane).x;"));
            for (l, layer) in self.layers().iter().enumerate().filter(|(l, _)| self.keeps_sums(*l)) {
                let (width, filling) = (layer.columns(), layer.columns() - layer.outputs);
                if filling > 0 {
                    w.when("PASSES == 1u || !accumulate", |w| {
                        w.block(format_args!("for (var i = lane; i < {}u; i += {lanes}u)", layer.inputs * filling), |w| {
                            let place = format!(
                                "row + {}u + {} * {width}u{}",
                                self.plan.partial_offset(l) + width + layer.outputs,
                                over("i", filling),
                                if filling > 1 { format!(" + i % {filling}u") } else { String::new() }
                            );
                            line!(w, "partials[{place}] = whole(vec4(0.0), lane).x;");
                        });
                    });
                }
            }
        });
    }

    /// `body(sum, place)` for each sum that the lane keeps, and its place in `partials`.
    fn each_sum(&self, w: &mut Writer, owned: &[Owned], body: impl Fn(&mut Writer, &str, &str)) {
        let lanes = self.team.lanes;
        for (l, (layer, owned)) in self.layers().iter().zip(owned).enumerate() {
            let Owned { down, across, rows, columns } = *owned;
            let width = layer.columns();
            for j in 0..if self.keeps_sums(l) { down } else { 0 } {
                for q in 0..across {
                    let mut conditions = Vec::new();
                    if rows * columns < lanes {
                        conditions.push(format!("lane < {}u", rows * columns));
                    }
                    let (m, k) = (plus(&over("lane", columns), j * rows), plus(&format!("lane % {columns}u"), q * columns));
                    if (j + 1) * rows > layer.inputs {
                        conditions.push(format!("{m} < {}u", layer.inputs));
                    }
                    if (q + 1) * columns > layer.outputs {
                        conditions.push(format!("{k} < {}u", layer.outputs));
                    }
                    let place = format!("row + {}u + ({m}) * {width}u + {k}", self.plan.partial_offset(l) + width);
                    let sum = |w: &mut Writer| body(w, &format!("g{l}_{j}_{q}"), &place);
                    if conditions.is_empty() { sum(w) } else { w.when(conditions.join(" && "), sum) }
                }
            }
            for r in 0..width.div_ceil(lanes) {
                let sum = |w: &mut Writer| body(w, &format!("b{l}_{r}"), &format!("{} + lane", plus("row", self.plan.partial_offset(l) + r * lanes)));
                if (r + 1) * lanes > width { w.when(format_args!("{} < {width}u", plus("lane", r * lanes)), sum) } else { sum(w) }
            }
        }
    }
}
