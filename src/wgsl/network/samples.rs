//! Lanes map to samples: each lane runs one sample through the networks.
//!
//! One product serves all three passes, `Y[k] += X[m] · U[m][k]` with X and Y in a lane's registers and U in workgroup memory
//! (`scratch`) at an address that all lanes share:
//! - forward: a lane is a sample, U the layer's weights;
//! - backward to the layer below: a lane is a sample, U the same weights read along the other axis;
//! - weight gradient: a lane is a unit, X the unit's values over the tile's samples, U the tile's values on the other side of the layer.
//!
//! Products up to the profile's limit are straight-line code, larger ones loops. Both add in the same order.

use crate::program::lanes::{LOOP_BODY_LIMIT, vectors, weight_gradient_shape};
use crate::program::plan::Plan;
use crate::spec::network::Layer;
use crate::wgsl::network::parts::{self, XYZW, element};
use crate::wgsl::network::text::{Forward, NetworkText};
use crate::wgsl::writer::{Writer, line};
use std::ops::Range;

/// The networks of `plan`, with samples on the lanes.
pub(crate) struct Samples<'a> {
    pub(crate) plan: &'a Plan,
}

impl NetworkText for Samples<'_> {
    fn forward(&self, _kernel: Forward) -> String {
        let mut w = Writer::default();
        self.write_forward(&mut w);
        w.finish()
    }

    fn take(&self) -> &'static str {
        parts::TAKE_INTO_REGISTERS
    }

    fn tile(&self) -> String {
        let mut w = Writer::default();
        self.write_forward(&mut w);
        self.write_backward(&mut w);
        w.finish()
    }

    fn learner(&self) -> String {
        unreachable!("plans whose lanes are samples have no `learn` (src/program/plan.rs)")
    }
}

impl Samples<'_> {
    fn layers(&self) -> &[Layer] {
        &self.plan.network.layers
    }

    fn write_forward(&self, w: &mut Writer) {
        let last = self.layers().len();
        w.comment("Written for this plan's layers by src/wgsl/network/samples.rs: a lane takes a sample through the network.");
        w.gap();
        w.line("var<workgroup> scratch: array<vec4<f32>, SCRATCH>;  // weights, or activations and slopes");
        w.gap();
        // Private variables rather than arguments: pointers to parts of a variable cannot be passed to functions everywhere.
        w.comment("The lane's sample: its observation, then the outputs of each hidden layer, padded with zeros.");
        for (l, layer) in self.layers().iter().enumerate() {
            line!(w, "var<private> h{l}: array<vec4<f32>, {}>;  // {} numbers", vectors(layer.inputs), layer.inputs);
        }
        line!(w, "var<private> h{last}: array<vec4<f32>, HEAD>;  // the head's outputs");
        w.file(parts::SAMPLES_STAGE);
        w.file(parts::activation(self.plan.network.activation));
        parts::fetch_into_registers(w, self.layers()[0].inputs);
        for (l, layer) in self.layers().iter().enumerate() {
            self.forward_layer(w, l, layer);
        }
        w.function("Weights are fetched by each layer.", "network_begin(base: u32, lane: u32)", |_| ());
        w.function(
            "The head's outputs for the observation in h0; keeps the hidden activations.",
            "network_forward(base: u32, lane: u32) -> array<vec4<f32>, HEAD>",
            |w| {
                (0..last).for_each(|l| line!(w, "forward_{l}(base / 4u, lane);"));
                line!(w, "return h{last};");
            },
        );
    }

    /// y = activation(bias + x W) of layer `l` (no activation at the head).
    fn forward_layer(&self, w: &mut Writer, l: usize, layer: &Layer) {
        let (inputs, columns) = (layer.inputs, vectors(layer.outputs));
        let rows_at_once = (self.plan.profile.scratch_bytes as usize / 16 / columns).min(layer.rows());
        let straight = self.is_straight(inputs * layer.outputs);
        let (x, y) = (format!("h{l}"), format!("h{}", l + 1));
        let comment = format!("{y}[{}] from {x}[{inputs}]; the weights begin at vector `base` + {} of params.", layer.outputs, layer.offset / 4);
        w.function(comment, format_args!("forward_{l}(base: u32, lane: u32)"), |w| {
            for rows in chunks(layer.rows(), rows_at_once) {
                line!(w, "stage(base + {}u, {}u, lane);", layer.offset / 4 + rows.start * columns, rows.len() * columns);
                if rows.start == 0 {
                    each_column(w, columns, straight, |k| format!("{y}[{k}] = scratch[{k}];"));
                }
                // Row r of the layer is input r - 1; row 0 is the bias, already in y.
                let (first, end) = (rows.start.max(1) - 1, rows.end - 1);
                let product = Product { first, end, columns, straight, origin: first + 1 - rows.start, stride: columns, skip: 0 };
                product.accumulate(w, &x, &y);
            }
            if l + 1 < self.layers().len() {
                each_column(w, columns, straight, |k| format!("{y}[{k}] = activation({y}[{k}]);"));
            }
        });
    }

    fn is_straight(&self, products: usize) -> bool {
        products <= self.plan.profile.straight_line_limit
    }

    /// `network_backward` and the functions around it.
    fn write_backward(&self, w: &mut Writer) {
        w.file(parts::SAMPLES_PARTIALS);
        w.gap();
        w.comment("Slopes of the loss at each layer's outputs before activation, for the lane's sample.");
        for (l, layer) in self.layers().iter().enumerate() {
            line!(w, "var<private> d{}: array<vec4<f32>, {}>;  // {} numbers", l + 1, vectors(layer.outputs), layer.outputs);
        }
        for (l, layer) in self.layers().iter().enumerate() {
            WeightGradient::new(self.plan, l, layer).write(w);
            if l > 0 {
                self.backward_layer(w, l, layer);
            }
        }
        w.function("Sums are kept in partials.", "gradient_begin(row: u32, accumulate: bool, lane: u32)", |_| ());
        w.function(
            "Adds the tile's gradient to partials, from the loss's slope at the head.",
            "network_backward(base: u32, row: u32, accumulate: bool, lane: u32, slope: array<vec4<f32>, HEAD>)",
            |w| {
                line!(w, "d{} = slope;", self.layers().len());
                for l in (0..self.layers().len()).rev() {
                    line!(w, "weight_gradient_{l}(row, accumulate, lane);");
                    if l > 0 {
                        line!(w, "backward_{l}(base / 4u, lane);");
                    }
                }
            },
        );
        w.function("The sums are in partials already.", "gradient_end(row: u32, accumulate: bool, lane: u32)", |_| ());
        w.file(parts::ADD_LOSSES);
    }

    /// d_l = (d_{l+1} Wᵀ) ∘ activation'(h_l): the slope at the outputs of the layer below, before its activation.
    fn backward_layer(&self, w: &mut Writer, l: usize, layer: &Layer) {
        let (inputs, columns) = (layer.inputs, vectors(layer.outputs));
        let straight = self.is_straight(inputs * layer.outputs);
        let rows_at_once = (self.plan.profile.scratch_bytes as usize / 16 / columns / 4 * 4).max(4);
        let (delta, down) = (format!("d{}", l + 1), format!("d{l}"));
        w.function(format_args!("{down}[{inputs}] from {delta}[{}].", layer.outputs), format_args!("backward_{l}(base: u32, lane: u32)"), |w| {
            for rows in chunks(inputs, rows_at_once) {
                let first = rows.start;
                line!(w, "stage(base + {}u, {}u, lane);", layer.offset / 4 + (first + 1) * columns, rows.len() * columns);
                if straight {
                    for m in rows {
                        let term = |k: usize| format!("{delta}[{k}] * scratch[{}]", (m - first) * columns + k);
                        w.scope(|w| {
                            line!(w, "var sum = {};", term(0));
                            (1..columns).for_each(|k| line!(w, "sum += {};", term(k)));
                            line!(w, "{} = (sum.x + sum.y) + (sum.z + sum.w);", element(&down, m));
                        });
                    }
                } else {
                    w.repeat("m", format_args!("{}u", rows.len()), |w| {
                        line!(w, "var sum = {delta}[0] * scratch[m * {columns}u];");
                        w.block(format_args!("for (var k = 1u; k < {columns}u; k++)"), |w| line!(w, "sum += {delta}[k] * scratch[m * {columns}u + k];"));
                        line!(w, "{down}[({first}u + m) / 4u][m % 4u] = (sum.x + sum.y) + (sum.z + sum.w);");
                    });
                }
            }
            each_column(w, vectors(inputs), straight, |k| format!("{down}[{k}] *= activation_slope(h{l}[{k}]);"));
        });
    }
}

/// `0..count` in ranges of `most` and a remainder.
fn chunks(count: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(most).map(move |first| first..count.min(first + most))
}

/// A statement for each column: unrolled, or a loop if the layer is a loop.
fn each_column(w: &mut Writer, columns: usize, straight: bool, statement: impl Fn(&str) -> String) {
    if straight || columns <= LOOP_BODY_LIMIT {
        (0..columns).for_each(|k| w.line(statement(&k.to_string())));
    } else {
        w.repeat("k", format_args!("{columns}u"), |w| w.line(statement("k")));
    }
}

/// A statement for each sample: unrolled with known vectors and components, `value(i)` being the number of sample `i`, or as a loop.
fn each_sample(w: &mut Writer, samples: usize, straight: bool, statement: impl Fn(&str, &str) -> String) {
    if straight {
        (0..samples).for_each(|i| w.line(statement(&element("x", i), &format!("{i}u"))));
    } else {
        w.repeat("i", format_args!("{samples}u"), |w| w.line(statement("x[i / 4u][i % 4u]", "i")));
    }
}

/// `Y[k] += Σ_m X[m] U[m][k]` for m in `first..end`, where `U[m][k]` is `scratch[(origin + m - first) * stride + skip + k]`, k counting vectors.
struct Product {
    first: usize,
    end: usize,
    columns: usize,
    straight: bool,
    origin: usize,
    stride: usize,
    skip: usize,
}

impl Product {
    fn accumulate(&self, w: &mut Writer, x: &str, y: &str) {
        if self.straight {
            // Columns in the outer loop, so that only one accumulator is live and X is read from registers.
            for k in 0..self.columns {
                w.scope(|w| {
                    line!(w, "var sum = {y}[{k}];");
                    (self.first..self.end).for_each(|m| line!(w, "sum += {} * scratch[{}];", element(x, m), self.row(m) + self.skip + k));
                    line!(w, "{y}[{k}] = sum;");
                });
            }
            return;
        }
        // Inputs in the outer loop, in full vectors; the remainder is unrolled.
        let start = self.first.next_multiple_of(4).min(self.end);
        let whole = (self.end - start) / 4;
        let written_out = |w: &mut Writer, inputs: Range<usize>| inputs.for_each(|m| self.add_row(w, y, &element(x, m), &format!("{}u", self.row(m))));
        written_out(w, self.first..start);
        if whole > 0 {
            w.repeat("m", format_args!("{whole}u"), |w| {
                line!(w, "let x4 = {x}[{}u + m];", start / 4);
                line!(w, "let row = {}u + m * {}u;", self.row(start), 4 * self.stride);
                for (i, component) in XYZW.iter().enumerate() {
                    self.add_row(w, y, &format!("x4.{component}"), &format!("row + {}u", i * self.stride));
                }
            });
        }
        written_out(w, start + 4 * whole..self.end);
    }

    /// Start of row `m` of U, without `skip`.
    fn row(&self, m: usize) -> usize {
        (self.origin + m - self.first) * self.stride
    }

    /// `Y[k] += x U[k]` for the row of U that begins at `row`, all columns.
    fn add_row(&self, w: &mut Writer, y: &str, x: &str, row: &str) {
        if self.columns <= LOOP_BODY_LIMIT {
            (0..self.columns).for_each(|k| line!(w, "{y}[{k}] += {x} * scratch[{row} + {}u];", self.skip + k));
        } else {
            w.repeat("k", format_args!("{}u", self.columns), |w| line!(w, "{y}[k] += {x} * scratch[{row} + {}u + k];", self.skip));
        }
    }
}

/// Gradient of layer `l`'s weights and biases over the tile: `dW[m][k] = Σ_i h[i][m] d[i][k]`, `db[k] = Σ_i d[i][k]`. Lanes map to the units of
/// the layer's wider side, each to its row or column of dW. Scratch holds the tile's values, one row per sample: its h, then its delta.
struct WeightGradient<'a> {
    l: usize,
    layer: &'a Layer,
    lanes: usize,
    /// Whether lanes are outputs, and sum a column of dW and its bias; else inputs, and sum a row.
    by_output: bool,
    /// Vectors of the lanes' side, and of the other one, for which a lane keeps sums.
    own: usize,
    other: usize,
    /// Samples that fit in scratch at once.
    samples: usize,
    straight: bool,
}

impl<'a> WeightGradient<'a> {
    fn new(plan: &Plan, l: usize, layer: &'a Layer) -> Self {
        let (own, other, samples) = weight_gradient_shape(&plan.profile, layer);
        let straight = samples * other * 4 <= plan.profile.straight_line_limit;
        WeightGradient { l, layer, lanes: plan.profile.lanes as usize, by_output: layer.outputs >= layer.inputs, own, other, samples, straight }
    }

    /// Vectors of a sample's h, and of its h and delta.
    fn inputs_and_stride(&self) -> (usize, usize) {
        let inputs = vectors(self.layer.inputs);
        (inputs, inputs + vectors(self.layer.outputs))
    }

    fn write(&self, w: &mut Writer) {
        let Layer { inputs, outputs, .. } = self.layer;
        let sides = if self.by_output { "a lane sums the weights into an output" } else { "a lane sums the weights out of an input" };
        let comment = format!("Gradient of the weights [{inputs}][{outputs}] and biases between h{} and d{}: {sides}.", self.l, self.l + 1);
        w.function(comment, format_args!("weight_gradient_{}(row: u32, accumulate: bool, lane: u32)", self.l), |w| {
            for block in 0..(self.own * 4).div_ceil(self.lanes) {
                w.scope(|w| {
                    line!(w, "let unit = min({}u + lane, {}u);", block * self.lanes, self.own * 4 - 1);
                    line!(w, "var sums: array<vec4<f32>, {}>;", self.other);
                    w.line("var bias = 0.0;");
                    for chunk in 0..self.lanes / self.samples {
                        self.share(w, chunk);
                        w.scope(|w| self.sum(w, block == 0));
                    }
                    self.store(w, block);
                });
            }
        });
    }

    /// Copies the chunk's samples to scratch.
    fn share(&self, w: &mut Writer, chunk: usize) {
        let (inputs, stride) = self.inputs_and_stride();
        let Self { l, samples, straight, .. } = *self;
        let copy = |w: &mut Writer| {
            line!(w, "let place = lane % {samples}u * {stride}u;");
            each_column(w, inputs, straight, |m| format!("scratch[place + {m}] = h{l}[{m}];"));
            each_column(w, stride - inputs, straight, |k| format!("scratch[place + {inputs}u + {k}] = d{}[{k}];", l + 1));
        };
        w.comment(format_args!("A row of scratch is a sample: its h{l}, then its d{}.", l + 1));
        w.line("workgroupBarrier();");
        if samples < self.lanes {
            w.when(format_args!("lane / {samples}u == {chunk}u"), copy);
        } else {
            copy(w);
        }
        w.line("workgroupBarrier();");
    }

    /// Adds the chunk's samples to the lane's sums.
    fn sum(&self, w: &mut Writer, first_block: bool) {
        let (inputs, stride) = self.inputs_and_stride();
        let Self { samples, straight, .. } = *self;
        let (own_skip, other_skip) = if self.by_output { (inputs, 0) } else { (0, inputs) };
        line!(w, "var x: array<vec4<f32>, {}>;  // the unit's value in each sample", vectors(samples));
        each_sample(w, samples, straight, |x, i| format!("{x} = scratch[{i} * {stride}u + {own_skip}u + unit / 4u][unit % 4u];"));
        Product { first: 0, end: samples, columns: self.other, straight, origin: 0, stride, skip: other_skip }.accumulate(w, "x", "sums");
        if self.by_output {
            each_sample(w, samples, straight, |x, _| format!("bias += {x};"));
        } else if first_block {
            let output = format!("min(lane, {}u)", self.layer.columns() - 1);
            w.repeat("i", format_args!("{samples}u"), |w| {
                line!(w, "bias += scratch[i * {stride}u + {inputs}u + {output} / 4u][{output} % 4u];");
            });
        }
    }

    /// Writes the unit's row or column of dW, and the bias.
    fn store(&self, w: &mut Writer, block: usize) {
        let Layer { inputs, offset, .. } = *self.layer;
        let width = self.layer.columns();
        let units = if self.by_output { width } else { inputs };
        w.comment(if self.by_output { "The output's bias and its weight from each input." } else { "The input's weight to each output; then the biases." });
        w.when(format_args!("{}u + lane < {units}u", block * self.lanes), |w| {
            let add = |w: &mut Writer, place: String, i: usize| line!(w, "add_partial({place}, {}, accumulate, lane);", element("sums", i));
            if self.by_output {
                line!(w, "add_partial(row + {offset}u + unit, bias, accumulate, lane);");
                (0..inputs).for_each(|m| add(w, format!("row + {}u + unit", offset + (m + 1) * width), m));
            } else {
                line!(w, "let first = row + {offset}u + (unit + 1u) * {width}u;");
                (0..width).for_each(|k| add(w, format!("first + {k}u"), k));
            }
        });
        if !self.by_output && block == 0 {
            w.when(format_args!("lane < {width}u"), |w| line!(w, "add_partial(row + {offset}u + lane, bias, accumulate, lane);"));
        }
    }
}
