//! Lanes share a tile of samples ([`crate::program::blocks`]).
//!
//! Workgroup memory holds the activations of the tile: `h0`, the observations, as floats, because lanes store single components (on some devices a store to
//! a vector's component rewrites the whole vector); `h1` and so on, the hidden layers, as vectors of four samples; and `slopes` of the head, floats again.
//! A hidden layer's activations are replaced by their slopes once nothing reads them any more. Weights are read from `params`, where neighbouring lanes read
//! neighbouring words; sums of gradients stay in the registers of the lane that owns the weight until the dispatch ends. No variable that a lane keeps in
//! registers is an array: drivers put indexed arrays in memory, or unroll everything that indexes them.

use crate::program::blocks::{self, Block, Owned, Team};
use crate::program::lanes::vectors;
use crate::program::plan::Plan;
use crate::spec::network::Layer;
use crate::wgsl::network::parts::{self, XYZW};
use crate::wgsl::network::text::NetworkText;
use crate::wgsl::writer::{Writer, line};

/// The networks of `plan`, with lanes that share tiles.
pub(crate) struct Blocks<'a> {
    pub(crate) plan: &'a Plan,
}

/// Inputs in the body of the loop of a product's forward pass.
const INPUTS_AT_ONCE: usize = 8;
/// Most chunks of inputs that the head's products are summed in; a power of two.
const MOST_CHUNKS: usize = 16;
/// Vectors of outputs in the body of the loop of a product's backward pass.
const OUTPUTS_AT_ONCE: usize = 2;

impl NetworkText for Blocks<'_> {
    fn forward(&self, team: Team) -> String {
        let mut w = Writer::default();
        let staged = team == self.plan.rollout_team && blocks::stages(team, &self.plan.profile, &self.plan.network, self.plan.packs_observations());
        Pass { plan: self.plan, team, staged }.write_forward(&mut w, false);
        w.finish()
    }

    fn take(&self) -> &'static str {
        if self.plan.packs_observations() { parts::FROM_MEMORY[1] } else { parts::INTO_TILE[1] }
    }

    fn tile(&self) -> String {
        let mut w = Writer::default();
        let pass = Pass { plan: self.plan, team: self.plan.team(), staged: false };
        pass.write_forward(&mut w, true);
        pass.write_backward(&mut w);
        w.finish()
    }

    fn learner(&self) -> String {
        unreachable!("plans whose lanes share tiles have no `learn` (src/program/plan.rs)")
    }
}

/// The networks as a team takes samples through them.
struct Pass<'a> {
    plan: &'a Plan,
    team: Team,
    /// Whether weights of hidden layers are kept in workgroup memory.
    staged: bool,
}

impl Pass<'_> {
    fn layers(&self) -> &[Layer] {
        &self.plan.network.layers
    }

    /// Index of the head.
    fn head(&self) -> usize {
        self.layers().len() - 1
    }

    /// Vectors of a unit's row.
    fn row(&self) -> usize {
        blocks::row(self.team.samples)
    }

    /// Four samples of a unit's activations: those of vector `at` of the inputs of layer `l`.
    fn inputs(&self, l: usize, at: &str) -> String {
        if l == 0 { format!("observed({at})") } else { format!("h{l}[{at}]") }
    }

    /// Four samples of the slopes at a unit: those of vector `at` of the outputs of layer `l`.
    fn slopes(&self, l: usize, at: &str) -> String {
        if l == self.head() { format!("sloped({at})") } else { format!("h{}[{at}]", l + 1) }
    }

    fn write_forward(&self, w: &mut Writer, slopes: bool) {
        let Team { lanes, samples } = self.team;
        w.comment("Written for this plan's layers by src/wgsl/network/blocks.rs: the lanes of a workgroup take a tile of samples through the network.");
        w.gap();
        line!(w, "const ROW: u32 = {}u;  // vectors of a unit's samples, one of them unused", self.row());
        w.comment("A tile: for each unit a row of its samples.");
        let observation = self.layers()[0].inputs;
        if self.is_packed() {
            line!(w, "var<workgroup> bits: array<u32, {}>;  // observations: [word][sample]", self.plan.observation_words() * samples);
            line!(w, "var<workgroup> some: array<atomic<u32>, {}>;  // components that are 1 in some sample, a bit for each", self.plan.observation_words());
            line!(w, "var<workgroup> masks: array<u32, {observation}>;  // the samples in which a component is 1, a bit for each");
        } else {
            line!(w, "var<workgroup> h0: array<f32, {}>;  // observations", 4 * self.row() * observation);
        }
        for (l, layer) in self.layers().iter().enumerate().skip(1) {
            let use_ = if slopes { "activations, then the loss's slopes before them" } else { "activations" };
            line!(w, "var<workgroup> h{l}: array<vec4<f32>, {}>;  // {} units: {use_}", self.row() * 4 * vectors(layer.inputs), layer.inputs);
        }
        for l in (0..self.head()).filter(|&l| self.is_staged(l)) {
            let layer = self.layers()[l];
            line!(w, "var<workgroup> weights{l}: array<vec4<f32>, {}>;", layer.inputs * (layer.columns() / 4 + 1));
        }
        if slopes {
            line!(w, "var<workgroup> head_slopes: array<f32, {}>;", 4 * self.row() * self.layers()[self.head()].columns());
        }
        line!(w, "var<workgroup> scratch: array<vec4<f32>, {}>;  // parts of the head's sums: [part][sample][HEAD]", lanes * self.head_vectors());
        w.file(parts::activation(self.plan.network.activation));
        if self.is_packed() {
            w.file(parts::BITS_INTO_TILE);
            w.file(parts::TURN_BITS);
        } else {
            w.function("Four observations' values of one component.", "observed(at: u32) -> vec4<f32>", |w| {
                w.line("return vec4(h0[4u * at], h0[4u * at + 1u], h0[4u * at + 2u], h0[4u * at + 3u]);");
            });
            w.file(parts::INTO_TILE[0]);
        }
        for l in 0..self.head() {
            self.forward_layer(w, l);
        }
        self.forward_head(w, slopes);
        w.function(
            if self.staged { "Copies weights to workgroup memory." } else { "Weights are read where they are used." },
            "network_begin(base: u32, lane: u32)",
            |w| {
                for l in (0..self.head()).filter(|&l| self.is_staged(l)) {
                    let (layer, columns) = (self.layers()[l], self.layers()[l].columns() / 4);
                    w.block(format_args!("for (var i = lane; i < {}u; i += {lanes}u)", layer.inputs * columns), |w| {
                        let place = format!("i / {columns}u * {}u + i % {columns}u", columns + 1);
                        line!(w, "weights{l}[{place}] = params[base / 4u + {}u + i];", layer.offset / 4 + columns);
                    });
                }
                if self.is_packed() {
                    w.line("forget_bits(lane);");
                }
            },
        );
        let comment = format!("The head's outputs for the observations of the first {samples} lanes; keeps the hidden activations.");
        w.function(comment, "network_forward(base: u32, lane: u32) -> array<vec4<f32>, HEAD>", |w| {
            (0..self.head()).for_each(|l| line!(w, "forward_{l}(base / 4u, lane);"));
            w.line("return forward_head(base / 4u, lane);");
        });
    }

    fn head_vectors(&self) -> usize {
        self.layers()[self.head()].columns() / 4
    }

    /// `body(block)` for each block of the lane, where the variables `unit` and `at` are the first unit and the first vector of its samples.
    fn each_block(&self, w: &mut Writer, units: usize, block: Block, body: impl FnOnce(&mut Writer)) {
        let (count, lanes) = (block.count(self.team, units), self.team.lanes);
        let across = self.team.samples / block.samples;
        let place = |w: &mut Writer, index: &str| {
            line!(w, "let unit = {};", times(&over(index, across), block.units));
            line!(w, "let at = {};", times(&format!("{index} % {across}u"), block.samples / 4));
        };
        if count > lanes {
            w.block(format_args!("for (var block = lane; block < {count}u; block += {lanes}u)"), |w| {
                place(w, "block");
                body(w);
            });
        } else if count < lanes {
            w.when(format_args!("lane < {count}u"), |w| {
                place(w, "lane");
                body(w);
            });
        } else {
            w.scope(|w| {
                place(w, "lane");
                body(w);
            });
        }
    }

    /// The values that a block's units have in `vector`, as expressions.
    fn of_units(w: &mut Writer, name: &str, vector: impl Fn(&str) -> String, block: Block) -> Vec<String> {
        if block.units.is_multiple_of(4) {
            (0..block.units / 4).for_each(|v| line!(w, "let {name}_{v} = {};", vector(&plus("unit / 4u", v))));
            return (0..block.units).map(|j| format!("{name}_{}.{}", j / 4, XYZW[j % 4])).collect();
        }
        // Loads of single components, rather than of a vector that would have to be indexed in registers.
        (0..block.units).for_each(|j| line!(w, "let {name}_{j} = {}[{}];", vector("unit / 4u"), plus("unit % 4u", j)));
        (0..block.units).map(|j| format!("{name}_{j}")).collect()
    }

    /// Whether the weights of layer `l` are copied to workgroup memory: those of a hidden layer after the first.
    fn is_staged(&self, l: usize) -> bool {
        self.staged && l > 0 && l < self.head()
    }

    /// Vector `vector` of the weights out of input `m` of layer `l`.
    fn weights(&self, l: usize, m: &str, vector: &str) -> String {
        let layer = self.layers()[l];
        let columns = layer.columns() / 4;
        if self.is_staged(l) {
            format!("weights{l}[{m} * {}u + {vector}]", columns + 1)
        } else {
            format!("params[base + {}u + {} + {vector}]", layer.offset / 4 + columns, times(m, columns))
        }
    }

    /// y = activation(bias + x W) of hidden layer `l`.
    fn forward_layer(&self, w: &mut Writer, l: usize) {
        let layer = self.layers()[l];
        let block = Block::of(self.team, layer.columns());
        let halves = block.samples / 4;
        let comment =
            format!("Layer {l}: {} outputs from {} inputs; its weights begin at vector `base` + {} of params.", layer.outputs, layer.inputs, layer.offset / 4);
        w.function(comment, format_args!("forward_{l}(base: u32, lane: u32)"), |w| {
            w.line(if l == 0 && self.is_packed() { "turn_bits(lane);" } else { "workgroupBarrier();" });
            self.each_block(w, layer.columns(), block, |w| {
                let biases = Self::of_units(w, "bias", |vector| format!("params[{} + {vector}]", plus("base", layer.offset / 4)), block);
                for (j, bias) in biases.iter().enumerate() {
                    (0..halves).for_each(|half| line!(w, "var y{j}_{half} = vec4({bias});"));
                }
                let add = |w: &mut Writer, i: usize, m: &str, x: &dyn Fn(usize) -> String| {
                    let factors = Self::of_units(w, &format!("w{i}"), |vector| self.weights(l, m, vector), block);
                    for half in 0..halves {
                        line!(w, "let x{i}_{half} = {};", x(half));
                        factors.iter().enumerate().for_each(|(j, factor)| line!(w, "y{j}_{half} += {factor} * x{i}_{half};"));
                    }
                };
                if l == 0 && self.is_packed() {
                    self.each_set_bit(w, "0xffffffffu", |w| {
                        w.line("let mask = masks[m];");
                        add(w, 0, "m", &|half| format!("of_mask(mask, {})", plus("at", half)));
                    });
                } else {
                    self.inputs_in_a_loop(w, layer.inputs, |w, i, m| add(w, i, m, &|half| self.inputs(l, &plus(&format!("{m} * ROW + at"), half))));
                }
                for j in 0..block.units {
                    (0..halves).for_each(|half| line!(w, "h{}[({}) * ROW + {}] = activation(y{j}_{half});", l + 1, plus("unit", j), plus("at", half)));
                }
            });
        });
    }

    /// `body` for each component `m` that is 1 in some sample of the tile, among those whose place in their word is in `places`.
    fn each_set_bit(&self, w: &mut Writer, places: &str, body: impl FnOnce(&mut Writer)) {
        w.repeat("word", format_args!("{}u", self.plan.observation_words()), |w| {
            w.block(format_args!("for (var left = some_of(word) & {places}; left != 0u; left &= left - 1u)"), |w| {
                w.line("let m = 32u * word + firstTrailingBit(left);");
                body(w);
            });
        });
    }

    /// Whether observations are stored as bits, most of them 0.
    fn is_packed(&self) -> bool {
        self.plan.packs_observations()
    }

    /// `body(i, input)` for all inputs of a product.
    fn inputs_in_a_loop(&self, w: &mut Writer, inputs: usize, body: impl Fn(&mut Writer, usize, &str)) {
        self.in_a_loop(w, "m", inputs, INPUTS_AT_ONCE, body);
    }

    /// `body(i, number)` for all numbers below `count`: a loop over groups of which number `i` is `number`, and the remainder.
    fn in_a_loop(&self, w: &mut Writer, index: &str, count: usize, group: usize, body: impl Fn(&mut Writer, usize, &str)) {
        let whole = if count < 2 * group { 0 } else { count / group * group };
        if whole > 0 {
            w.block(format_args!("for (var {index} = 0u; {index} < {whole}u; {index} += {group}u)"), |w| {
                (0..group).for_each(|i| body(w, i, &if i == 0 { index.to_string() } else { format!("({index} + {i}u)") }));
            });
        }
        (whole..count).for_each(|i| body(w, i, &format!("{i}u")));
    }

    /// The head's outputs: lanes sum chunks of the units for one sample, and the sample's own lane adds their sums. All teams add in the same order, so that
    /// the probabilities of a rollout are bit-identical in the first gradient step.
    fn forward_head(&self, w: &mut Writer, slopes: bool) {
        let Team { lanes, samples } = self.team;
        let (layer, head) = (self.layers()[self.head()], self.head_vectors());
        let base = layer.offset / 4;
        // At least two products each: compilers may fuse a single one with the addition that follows, and which that is depends on the team.
        let all = 1 << (layer.inputs / 2).clamp(1, MOST_CHUNKS).ilog2();
        let (parts, length) = ((lanes / samples).min(all), layer.inputs.div_ceil(all));
        let chunks = all / parts;
        let comment = format!("The head: {} outputs from {} inputs; its weights begin at vector `base` + {base} of params.", layer.outputs, layer.inputs);
        w.function(comment, "forward_head(base: u32, lane: u32) -> array<vec4<f32>, HEAD>", |w| {
            w.line("workgroupBarrier();");
            if self.is_packed() && !slopes {
                w.line("forget_bits(lane);");
            }
            line!(w, "let sample = lane % {samples}u;");
            line!(w, "let first = {};", times(&format!("lane / {samples}u"), chunks * length));
            for chunk in 0..chunks {
                (0..head).for_each(|k| line!(w, "var y{chunk}_{k} = vec4(0.0);"));
                for i in chunk * length..(chunk + 1) * length {
                    if parts * chunks * length > layer.inputs {
                        line!(w, "let m{i} = min({}, {}u);", plus("first", i), layer.inputs - 1);
                        line!(w, "let x{i} = select(0.0, h{}[m{i} * ROW + sample / 4u][sample % 4u], {} < {}u);", self.head(), plus("first", i), layer.inputs);
                    } else {
                        line!(w, "let m{i} = {};", plus("first", i));
                        line!(w, "let x{i} = h{}[m{i} * ROW + sample / 4u][sample % 4u];", self.head());
                    }
                    (0..head).for_each(|k| line!(w, "y{chunk}_{k} += x{i} * params[base + {}u + m{i} * HEAD];", base + head + k));
                }
            }
            let store = |w: &mut Writer| {
                for k in 0..head {
                    let sums: Vec<String> = (0..chunks).map(|chunk| format!("y{chunk}_{k}")).collect();
                    line!(w, "scratch[{}] = {};", plus("lane * HEAD", k), sum_of(&sums));
                }
            };
            if parts * samples < lanes {
                w.when(format_args!("lane < {}u", parts * samples), store)
            } else {
                store(w)
            }
            w.line("workgroupBarrier();");
            w.line("var y: array<vec4<f32>, HEAD>;");
            w.when(format_args!("lane < {samples}u"), |w| {
                for k in 0..head {
                    let sums: Vec<String> = (0..parts).map(|part| format!("scratch[{}]", plus("lane * HEAD", part * samples * head + k))).collect();
                    line!(w, "y[{k}] = params[base + {}u] + {};", base + k, sum_of(&sums));
                }
            });
            w.line("return y;");
        });
    }

    /// `network_backward` and the functions around it.
    fn write_backward(&self, w: &mut Writer) {
        let samples = self.team.samples;
        w.file(parts::SAMPLES_PARTIALS);
        w.function("Four samples' slopes at one output of the head.", "sloped(at: u32) -> vec4<f32>", |w| {
            w.line("return vec4(head_slopes[4u * at], head_slopes[4u * at + 1u], head_slopes[4u * at + 2u], head_slopes[4u * at + 3u]);");
        });
        let owned: Vec<Owned> = self.layers().iter().map(|layer| Owned::of(self.team.lanes, layer)).collect();
        w.gap();
        w.comment("Sums of the gradients of the weights that the lane owns: g, its layer, input, output. Those of biases: b, its layer.");
        for (l, (layer, owned)) in self.layers().iter().zip(&owned).enumerate() {
            for j in 0..if l == 0 && self.is_packed() { 0 } else { owned.down } {
                (0..owned.across).for_each(|q| line!(w, "var<private> g{l}_{j}_{q}: f32;"));
            }
            (0..layer.columns().div_ceil(self.team.lanes)).for_each(|r| line!(w, "var<private> b{l}_{r}: f32;"));
        }
        for l in (0..=self.head()).rev() {
            self.weight_gradient(w, l, owned[l]);
            if l > 0 {
                self.backward_layer(w, l);
            }
        }
        let begin = "gradient_begin(row: u32, accumulate: bool, lane: u32)";
        if self.is_packed() {
            w.function("Sums of the first layer are kept in partials, the others in registers; all are 0 at first.", begin, |w| {
                w.when("!accumulate", |w| {
                    let of = self.own_columns();
                    self.each_own_column(w, of, |w| {
                        w.block(format_args!("for (var m = group; m < {}u; m += {}u)", self.layers()[0].inputs, of.groups), |w| {
                            line!(w, "partials[{}] = 0.0;", self.first_weight());
                        });
                    });
                });
            });
        } else {
            w.function("Sums are kept in registers, and are 0 at first.", begin, |_| ());
        }
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
                    line!(w, "weight_gradient_{l}({}lane);", if l == 0 && self.is_packed() { "row, " } else { "" });
                    if l > 0 {
                        line!(w, "backward_{l}(base / 4u, lane);");
                    }
                }
                w.line("workgroupBarrier();");
                if self.is_packed() {
                    w.line("forget_bits(lane);");
                }
            },
        );
        self.store(w, &owned);
        w.file(parts::ADD_LOSSES);
    }

    /// Adds the tile's part of the gradient of layer `l`'s weights to the lane's sums.
    fn weight_gradient(&self, w: &mut Writer, l: usize, owned: Owned) {
        if l == 0 && self.is_packed() {
            return self.weight_gradient_of_bits(w);
        }
        let (layer, lanes) = (self.layers()[l], self.team.lanes);
        let Owned { down, across, rows, columns } = owned;
        let comment = format!("Gradient of layer {l}: a lane owns weights from {down} of {} inputs to {across} of {} outputs.", layer.inputs, layer.outputs);
        w.function(comment, format_args!("weight_gradient_{l}(lane: u32)"), |w| {
            let sum = |w: &mut Writer| {
                for j in 0..down {
                    line!(w, "let m{j} = {} * ROW;", within(&plus(&over("lane", columns), j * rows), (j + 1) * rows, layer.inputs));
                }
                for q in 0..across {
                    line!(w, "let k{q} = {} * ROW;", within(&plus(&format!("lane % {columns}u"), q * columns), (q + 1) * columns, layer.outputs));
                }
                self.in_a_loop(w, "i", self.team.samples / 4, 1, |w, i, at| {
                    (0..across).for_each(|q| line!(w, "let e{i}_{q} = {};", self.slopes(l, &format!("k{q} + {at}"))));
                    for j in 0..down {
                        line!(w, "let x{i}_{j} = {};", self.inputs(l, &format!("m{j} + {at}")));
                        for component in XYZW {
                            (0..across).for_each(|q| line!(w, "g{l}_{j}_{q} += x{i}_{j}.{component} * e{i}_{q}.{component};"));
                        }
                    }
                });
            };
            if rows * columns < lanes {
                w.when(format_args!("lane < {}u", rows * columns), sum);
            } else {
                w.scope(sum);
            }
            self.bias_gradient(w, l);
        });
    }

    /// Adds the tile's part of the gradient of layer `l`'s biases: a lane sums those of the outputs `lane`, `lane` + LANES and so on.
    fn bias_gradient(&self, w: &mut Writer, l: usize) {
        let (layer, lanes) = (self.layers()[l], self.team.lanes);
        for r in 0..layer.columns().div_ceil(lanes) {
            w.scope(|w| {
                line!(w, "let k = {} * ROW;", within(&plus("lane", r * lanes), (r + 1) * lanes, layer.columns()));
                (0..self.team.samples / 4).for_each(|i| line!(w, "let e{i} = {};", self.slopes(l, &plus("k", i))));
                let terms: Vec<String> = (0..self.team.samples / 4).map(|i| format!("e{i}")).collect();
                line!(w, "let e = {};", terms.join(" + "));
                line!(w, "b{l}_{r} += (e.x + e.y) + (e.z + e.w);");
            });
        }
    }

    /// The weights of the first layer that a lane sums in `partials`, where observations are bits. Always the same lane adds to a weight's sum.
    fn own_columns(&self) -> OwnColumns {
        let (columns, lanes) = (self.layers()[0].columns(), self.team.lanes);
        // A power of two divides the components of a word evenly.
        let groups = 1 << (lanes / columns).max(1).ilog2();
        OwnColumns { columns, groups, blocks: columns.div_ceil(lanes) }
    }

    /// `body` for each output `k` of the first layer that the lane has, and the number `group` of its inputs among the groups.
    fn each_own_column(&self, w: &mut Writer, of: OwnColumns, body: impl FnOnce(&mut Writer)) {
        let (OwnColumns { columns, groups, blocks }, lanes) = (of, self.team.lanes);
        if blocks > 1 {
            w.line("let group = 0u;");
            w.block(format_args!("for (var k = lane; k < {columns}u; k += {lanes}u)"), body);
        } else if columns * groups < lanes {
            w.when(format_args!("lane < {}u", columns * groups), |w| {
                line!(w, "let group = lane / {columns}u;");
                line!(w, "let k = lane % {columns}u;");
                body(w);
            });
        } else {
            line!(w, "let group = lane / {columns}u;");
            line!(w, "let k = lane % {columns}u;");
            body(w);
        }
    }

    /// Index in `partials` of the sum for the weight from component `m` to output `k`.
    fn first_weight(&self) -> String {
        let columns = self.layers()[0].columns();
        format!("row + {columns}u + m * {columns}u + k")
    }

    /// The same for the first layer where observations are bits: only weights of components that are 1 in some sample get anything.
    fn weight_gradient_of_bits(&self, w: &mut Writer) {
        let of = self.own_columns();
        // Every `groups`-th place of a word, from the group's number on.
        let every = (0..32 / of.groups).fold(0u32, |places, i| places | 1 << (i * of.groups));
        let comment = "Gradient of layer 0, whose inputs are bits, in partials: a lane has an output, or several, and a share of the inputs.";
        w.function(comment, "weight_gradient_0(row: u32, lane: u32)", |w| {
            w.scope(|w| {
                self.each_own_column(w, of, |w| {
                    (0..self.team.samples / 4).for_each(|i| line!(w, "let e{i} = h1[{}];", plus("k * ROW", i)));
                    self.each_set_bit(w, &format!("({every:#x}u << group)"), |w| {
                        w.line("let mask = masks[m];");
                        w.line("var sum = vec4(0.0);");
                        (0..self.team.samples / 4).for_each(|i| line!(w, "sum += e{i} * of_mask(mask, {i}u);"));
                        line!(w, "partials[{}] += (sum.x + sum.y) + (sum.z + sum.w);", self.first_weight());
                    });
                });
            });
            self.bias_gradient(w, 0);
        });
    }

    /// Replaces the activations h_l by the slopes before them: (d W^T) * activation'(h_l), d being the slopes at the outputs of layer `l`.
    fn backward_layer(&self, w: &mut Writer, l: usize) {
        let layer = self.layers()[l];
        let (units, columns) = (4 * vectors(layer.inputs), layer.columns() / 4);
        let block = Block::of(self.team, units);
        let halves = block.samples / 4;
        let rounds = block.rounds(self.team, units);
        let comment =
            format!("Slopes before the {} activations in h{l}, in place of these, from those at the {} outputs of layer {l}.", layer.inputs, layer.outputs);
        w.function(comment, format_args!("backward_{l}(base: u32, lane: u32)"), |w| {
            // Every block is stored where only its own lane reads; the barrier is for lanes that still sum gradients from h_l.
            w.line("workgroupBarrier();");
            debug_assert!(rounds > 0);
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
                            line!(w, "let e{i}_{c}_{half} = {};", self.slopes(l, &plus(&format!("({}) * ROW + at", plus(&format!("4u * {k}"), c)), half)));
                            (0..block.units).for_each(|j| line!(w, "d{j}_{half} += w{i}_{j}.{component} * e{i}_{c}_{half};"));
                        }
                    }
                });
                for j in 0..block.units {
                    for half in 0..halves {
                        let place = format!("h{l}[{}]", plus(&format!("unit{j} * ROW + at"), half));
                        let slope = format!("d{j}_{half} * activation_slope({place})");
                        // Units that only fill up the last vector have no slope.
                        let real = if units > layer.inputs { format!("select(vec4(0.0), {slope}, unit{j} < {}u)", layer.inputs) } else { slope };
                        line!(w, "{place} = {real};");
                    }
                }
            });
            w.line("workgroupBarrier();");
        });
    }

    /// `gradient_end`: stores the sums, and 0 where weights only fill up a vector.
    fn store(&self, w: &mut Writer, owned: &[Owned]) {
        let lanes = self.team.lanes;
        w.function("Stores the sums, or adds them to those of earlier dispatches.", "gradient_end(row: u32, accumulate: bool, lane: u32)", |w| {
            for (l, (layer, owned)) in self.layers().iter().zip(owned).enumerate() {
                let Owned { down, across, rows, columns } = *owned;
                let width = layer.columns();
                let in_partials = l == 0 && self.is_packed();
                w.scope(|w| {
                    for j in 0..if in_partials { 0 } else { down } {
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
                            let place = format!("row + {}u + ({m}) * {width}u + {k}", layer.offset + width);
                            let add = |w: &mut Writer| line!(w, "add_partial({place}, g{l}_{j}_{q}, accumulate, lane);");
                            if conditions.is_empty() { add(w) } else { w.when(conditions.join(" && "), add) }
                        }
                    }
                    for r in 0..width.div_ceil(lanes) {
                        let add = |w: &mut Writer| line!(w, "add_partial({} + lane, b{l}_{r}, accumulate, lane);", plus("row", layer.offset + r * lanes));
                        if (r + 1) * lanes > width { w.when(format_args!("{} < {width}u", plus("lane", r * lanes)), add) } else { add(w) }
                    }
                    let filling = width - layer.outputs;
                    if filling > 0 && !in_partials {
                        w.block(format_args!("for (var i = lane; i < {}u; i += {lanes}u)", layer.inputs * filling), |w| {
                            let place = format!(
                                "row + {}u + {} * {width}u{}",
                                layer.offset + width + layer.outputs,
                                over("i", filling),
                                if filling > 1 { format!(" + i % {filling}u") } else { String::new() }
                            );
                            line!(w, "add_partial({place}, 0.0, accumulate, lane);");
                        });
                    }
                });
            }
        });
    }
}

/// See [`Pass::own_columns`].
#[derive(Clone, Copy)]
struct OwnColumns {
    /// Outputs, padding included.
    columns: usize,
    /// Lanes that share an output: each has the inputs whose number, modulo this, is the number of its group.
    groups: usize,
    /// Outputs of a lane, one after the other.
    blocks: usize,
}

/// The sum of `terms`, a power of two of them, added in pairs.
fn sum_of(terms: &[String]) -> String {
    match terms {
        [term] => term.clone(),
        _ => {
            let (left, right) = terms.split_at(terms.len() / 2);
            format!("({} + {})", sum_of(left), sum_of(right))
        }
    }
}

/// `index` + `more`.
fn plus(index: &str, more: usize) -> String {
    if more == 0 { index.to_string() } else { format!("{index} + {more}u") }
}

/// `index` / `by`.
fn over(index: &str, by: usize) -> String {
    if by == 1 { index.to_string() } else { format!("{index} / {by}u") }
}

/// `index` * `by`.
fn times(index: &str, by: usize) -> String {
    if by == 1 { index.to_string() } else { format!("{index} * {by}u") }
}

/// An index below `most`, as an expression that stays below `count` if `most` is larger.
fn within(index: &str, most: usize, count: usize) -> String {
    if most > count { format!("min({index}, {}u)", count - 1) } else { format!("({index})") }
}
