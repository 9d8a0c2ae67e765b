//! Products of wide layers, whose activations lie on the tape. A workgroup computes a block of outputs for all samples of its tile at once, each lane some
//! units for some samples in registers. Slices of [`DEPTH`] inputs, and of the weights out of them, pass through workgroup memory; while one is multiplied, each
//! lane fetches its part of the next.

use crate::program::blocks::{DEPTH, Sliced};
use crate::program::lanes::vectors;
use crate::wgsl::network::blocks::expressions::{factor, over, plus};
use crate::wgsl::network::blocks::pass::Pass;
use crate::wgsl::network::parts::{self, XYZW};
use crate::wgsl::writer::{Writer, line};

/// A product of a matrix of weights with the tile's rows on the tape.
struct Product<'a> {
    sliced: Sliced,
    /// First row of what is multiplied, and how many rows there are.
    source: usize,
    inner: usize,
    /// Outputs, a multiple of four.
    outputs: usize,
    /// The first value of vector `v` of the lane's outputs, of which `vector` is the number in the layer.
    begin: &'a dyn Fn(&str) -> String,
    weights: Weights,
}

/// How a slice of weights is fetched.
#[derive(Clone, Copy)]
enum Weights {
    /// A row of `params` for each input: vectors of outputs.
    Rows,
    /// A row of `params` for each output: four of them make four vectors of outputs.
    Columns,
}

impl Product<'_> {
    /// Vectors of a slice of the rows of `samples`.
    fn row_vectors(&self, samples: usize) -> usize {
        DEPTH * samples / 4
    }

    /// What lanes fetch of a slice of the weights: vectors of outputs, or four vectors that make four of these.
    fn weight_pieces(&self) -> usize {
        let vectors = self.sliced.units() / 4;
        match self.weights {
            Weights::Rows => DEPTH * vectors,
            Weights::Columns => DEPTH / 4 * vectors,
        }
    }
}

impl Pass<'_> {
    /// Whether observations are gathered on the tape: if the first layer is taped.
    pub(super) fn gathers(&self) -> bool {
        self.rows.as_ref().is_some_and(|rows| rows.has_inputs(0))
    }

    /// The slices in workgroup memory.
    pub(super) fn declare_slices(&self, w: &mut Writer) {
        if self.plan.profile.broadcasts() {
            return;
        }
        let slices = Sliced::largest(self.team);
        line!(
            w,
            "var<workgroup> rows: array<vec4<f32>, {}>;  // of what a product multiplies, {DEPTH} rows of the tile's samples",
            DEPTH * self.team.samples / 4
        );
        line!(w, "var<workgroup> weights: array<vec4<f32>, {}>;  // [row][output], one vector unused", DEPTH * slices.row());
    }

    /// y = activation(bias + x W) of hidden layer `l`.
    pub(super) fn forward_in_slices(&self, w: &mut Writer, l: usize) {
        let layer = self.layers()[l];
        let (first, columns) = (layer.offset / 4, layer.columns());
        let rows = self.rows.as_ref().expect("activations are on the tape");
        let comment = format!("Layer {l}: {} outputs from {} inputs; its weights begin at vector `base` + {first} of params.", layer.outputs, layer.inputs);
        w.function(comment, format_args!("forward_{l}(base: u32, lane: u32)"), |w| {
            if l == 0 {
                w.line("workgroupBarrier();");
                self.gather(w);
            }
            self.settle(w);
            if self.plan.profile.broadcasts() {
                return self.forward_in_subgroups(w, l);
            }
            let product = Product {
                sliced: Sliced::of(self.team, columns),
                source: rows.inputs[l].expect("its inputs are on the tape"),
                inner: layer.inputs,
                outputs: columns,
                begin: &|vector| format!("params[base + {first}u + {vector}]"),
                weights: Weights::Rows,
            };
            self.product(w, l, &product, |w, unit, half, value| {
                line!(w, "{} = activation({value});", self.inputs(l + 1, &format!("({unit})"), half));
            });
        });
    }

    /// Copies the tile's observations to the tape, a row for each component.
    fn gather(&self, w: &mut Writer) {
        let (observation, samples) = (self.layers()[0].inputs, self.team.samples);
        w.block(format_args!("for (var i = lane; i < {}u; i += {}u)", observation * samples / 4, self.team.lanes), |w| {
            // Neighbouring lanes read neighbouring components.
            line!(w, "let m = i % {observation}u;");
            line!(w, "let at = i / {observation}u;");
            let component = |i: usize| format!("stored_component(observed_at[{}], m)", plus("4u * at", i));
            line!(w, "{} = vec4({});", self.inputs(0, "m", "at"), (0..4).map(component).collect::<Vec<_>>().join(", "));
        });
    }

    /// The slopes before the activations h_l: (d W^T) * activation'(h_l), d being the slopes at the outputs of layer `l`, a hidden one.
    pub(super) fn backward_in_slices(&self, w: &mut Writer, l: usize) {
        let layer = self.layers()[l];
        let units = 4 * vectors(layer.inputs);
        let rows = self.rows.as_ref().expect("activations are on the tape");
        let comment = format!("Slopes before the {} activations in h{l}, from those at the {} outputs of layer {l}.", layer.inputs, layer.outputs);
        w.function(comment, format_args!("backward_{l}(base: u32, lane: u32)"), |w| {
            self.settle_all(w);
            if self.plan.profile.broadcasts() {
                self.backward_in_subgroups(w, l);
                return self.settle(w);
            }
            let product = Product {
                sliced: Sliced::of(self.team, units),
                source: rows.slopes[l].expect("slopes of hidden layers are on the tape"),
                inner: layer.columns(),
                outputs: units,
                begin: &|_| "vec4(0.0)".into(),
                weights: Weights::Columns,
            };
            self.product(w, l, &product, |w, unit, half, value| self.store_slope(w, l, units, [unit, half], value));
            self.settle(w);
        });
    }

    /// The product; `store(unit, vector of samples, value)` for each output of the lane.
    fn product(&self, w: &mut Writer, l: usize, product: &Product, store: impl Fn(&mut Writer, &str, &str, &str)) {
        let &Product { sliced, outputs, .. } = product;
        let of_layer = |w: &mut Writer| self.block_of_outputs(w, l, product, &store);
        line!(w, "let column = lane % {}u;", sliced.columns);
        line!(w, "let row = lane / {}u;", sliced.columns);
        if outputs > sliced.units() {
            w.block(format_args!("for (var first = 0u; first < {outputs}u; first += {}u)", sliced.units()), of_layer);
        } else {
            w.line("let first = 0u;");
            of_layer(w);
        }
    }

    /// The outputs from `first` on.
    fn block_of_outputs(&self, w: &mut Writer, l: usize, product: &Product, store: &impl Fn(&mut Writer, &str, &str, &str)) {
        let &Product { sliced, inner, outputs, begin, .. } = product;
        let halves = sliced.sample_vectors;
        // Outputs of the block that the layer does not have are computed like its last ones, and not stored.
        let ragged = !outputs.is_multiple_of(sliced.units());
        for v in 0..sliced.unit_vectors {
            let vector = plus("first / 4u + row", v * sliced.rows);
            let vector = if ragged { format!("min({vector}, {}u)", outputs / 4 - 1) } else { vector };
            line!(w, "let initial{v} = {};", begin(&vector));
            for (c, component) in XYZW.iter().enumerate() {
                (0..halves).for_each(|half| line!(w, "var y{}_{half} = vec4(initial{v}.{component});", 4 * v + c));
            }
        }
        self.declare_fetched(w, product);
        w.line("// The first slice.");
        self.fetch(w, l, product, "0u");
        w.block(format_args!("for (var begin = 0u; begin < {inner}u; begin += {DEPTH}u)"), |w| {
            w.line("workgroupBarrier();");
            self.put(w, product);
            w.line("workgroupBarrier();");
            w.line("// The next one; behind the end, nothing reads it.");
            self.fetch(w, l, product, &format!("begin + {DEPTH}u"));
            w.block(format_args!("for (var i = 0u; i < {}; i++)", parts::loop_end(self.plan, DEPTH)), |w| {
                for half in 0..halves {
                    line!(w, "let x{half} = rows[i * {}u + {}];", self.team.samples / 4, plus("column", half * sliced.columns));
                }
                for v in 0..sliced.unit_vectors {
                    line!(w, "let w{v} = weights[i * {}u + {}];", sliced.row(), plus("row", v * sliced.rows));
                    for (c, component) in XYZW.iter().enumerate() {
                        (0..halves).for_each(|half| line!(w, "y{}_{half} += w{v}.{component} * x{half};", 4 * v + c));
                    }
                }
            });
        });
        for v in 0..sliced.unit_vectors {
            let vector = plus("first / 4u + row", v * sliced.rows);
            let all = |w: &mut Writer| {
                for c in 0..4 {
                    let unit = plus(&format!("4u * ({vector})"), c);
                    (0..halves).for_each(|half| store(w, &unit, &plus("column", half * sliced.columns), &format!("y{}_{half}", 4 * v + c)));
                }
            };
            if ragged { w.when(format_args!("{vector} < {}u", outputs / 4), all) } else { w.scope(all) }
        }
    }

    /// Variables for what a lane fetches of a slice: vectors of rows, and of weights.
    fn declare_fetched(&self, w: &mut Writer, product: &Product) {
        let of_rows = product.row_vectors(self.team.samples).div_ceil(self.team.lanes);
        let vectors = if matches!(product.weights, Weights::Rows) { 1 } else { 4 };
        let of_weights = vectors * product.weight_pieces().div_ceil(self.team.lanes);
        (0..of_rows).for_each(|i| line!(w, "var next_row{i}: vec4<f32>;"));
        (0..of_weights).for_each(|i| line!(w, "var next_weight{i}: vec4<f32>;"));
    }

    /// Fetches the lane's part of the slice from row `from` on.
    fn fetch(&self, w: &mut Writer, l: usize, product: &Product, from: &str) {
        let &Product { sliced, source, inner, outputs, .. } = product;
        let (lanes, quarter) = (self.team.lanes, self.team.samples / 4);
        let layer = self.layers()[l];
        let first = layer.offset / 4 + layer.columns() / 4;
        for i in 0..product.row_vectors(self.team.samples).div_ceil(lanes) {
            let at = format!("{} * {quarter}u + {}", factor(from), plus("lane", i * lanes));
            line!(w, "next_row{i} = tape[tape_at() + {}u + min({at}, {}u)];", source * quarter, inner * quarter - 1);
        }
        match product.weights {
            Weights::Rows => {
                let vectors = sliced.units() / 4;
                for i in 0..product.weight_pieces().div_ceil(lanes) {
                    let index = factor(&plus("lane", i * lanes));
                    let row = format!("{from} + {}", over(&index, vectors));
                    let vector = format!("min(first / 4u + {index} % {vectors}u, {}u)", outputs / 4 - 1);
                    line!(w, "next_weight{i} = params[base + {first}u + min({row}, {}u) * {}u + {vector}];", inner - 1, outputs / 4);
                    if !inner.is_multiple_of(DEPTH) {
                        line!(w, "next_weight{i} = select(vec4(0.0), next_weight{i}, {row} < {inner}u);");
                    }
                }
            }
            Weights::Columns => {
                let groups = DEPTH / 4;
                for i in 0..product.weight_pieces().div_ceil(lanes) {
                    let index = factor(&plus("lane", i * lanes));
                    let vector = format!("{} / 4u + {index} % {groups}u", factor(from));
                    for j in 0..4 {
                        let unit = format!("min(first + {}, {}u)", plus(&format!("4u * ({})", over(&index, groups)), j), layer.inputs - 1);
                        let n = 4 * i + j;
                        line!(w, "next_weight{n} = params[base + {first}u + {unit} * {}u + min({vector}, {}u)];", inner / 4, inner / 4 - 1);
                        if !inner.is_multiple_of(DEPTH) {
                            line!(w, "next_weight{n} = select(vec4(0.0), next_weight{n}, {vector} < {}u);", inner / 4);
                        }
                    }
                }
            }
        }
    }

    /// Puts what the lane has fetched into the slices.
    fn put(&self, w: &mut Writer, product: &Product) {
        let sliced = product.sliced;
        let lanes = self.team.lanes;
        let (row_vectors, weight_pieces) = (product.row_vectors(self.team.samples), product.weight_pieces());
        let guarded = |w: &mut Writer, i: usize, count: usize, body: &dyn Fn(&mut Writer)| {
            if (i + 1) * lanes > count { w.when(format_args!("{} < {count}u", plus("lane", i * lanes)), body) } else { body(w) }
        };
        for i in 0..row_vectors.div_ceil(lanes) {
            guarded(w, i, row_vectors, &|w| line!(w, "rows[{}] = next_row{i};", plus("lane", i * lanes)));
        }
        match product.weights {
            Weights::Rows => {
                let vectors = sliced.units() / 4;
                for i in 0..weight_pieces.div_ceil(lanes) {
                    let index = factor(&plus("lane", i * lanes));
                    guarded(w, i, weight_pieces, &|w| {
                        line!(w, "weights[{} * {}u + {index} % {vectors}u] = next_weight{i};", over(&index, vectors), sliced.row());
                    });
                }
            }
            Weights::Columns => {
                let groups = DEPTH / 4;
                for i in 0..weight_pieces.div_ceil(lanes) {
                    let index = factor(&plus("lane", i * lanes));
                    guarded(w, i, weight_pieces, &|w| {
                        for (c, component) in XYZW.iter().enumerate() {
                            let four = (0..4).map(|j| format!("next_weight{}.{component}", 4 * i + j)).collect::<Vec<_>>().join(", ");
                            let row = plus(&format!("4u * ({index} % {groups}u)"), c);
                            line!(w, "weights[({row}) * {}u + {}] = vec4({four});", sliced.row(), over(&index, groups));
                        }
                    });
                }
            }
        }
    }
}
