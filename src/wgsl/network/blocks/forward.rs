//! The forward pass.

use crate::program::blocks::{self, Block, HeadSums, LISTED_AT_ONCE, Team};
use crate::program::lanes::vectors;
use crate::wgsl::network::blocks::expressions::{plus, sum_of, times, within};
use crate::wgsl::network::blocks::pass::Pass;
use crate::wgsl::network::parts;
use crate::wgsl::writer::{Writer, line};

/// Inputs in the body of the loop of a product's forward pass.
const INPUTS_AT_ONCE: usize = 8;

impl Pass<'_> {
    /// The functions of a forward pass. `tape` is the number of the tape's binding, if it is bound; with `slopes` a backward pass follows.
    pub(super) fn write_forward(&self, w: &mut Writer, tape: Option<usize>, slopes: bool) {
        let Team { lanes, samples } = self.team;
        w.comment("Written for this plan's layers by src/wgsl/network/blocks/: the lanes of a workgroup take a tile of samples through the network.");
        w.gap();
        let spare = if 4 * self.row() > samples { ", one of them unused" } else { "" };
        line!(w, "const ROW: u32 = {}u;  // vectors of a unit's samples{spare}", self.row());
        w.comment("A tile: for each unit a row of its samples.");
        let observation = self.layers()[0].inputs;
        if self.is_packed() {
            let beyond = blocks::listed_beyond(self.team, &self.plan.network);
            line!(w, "var<workgroup> bits: array<u32, {}>;  // observations: [word][sample]", self.plan.observation_words() * samples);
            line!(w, "var<workgroup> some: array<atomic<u32>, {}>;  // components that are 1 in some sample, a bit for each", self.plan.observation_words());
            line!(w, "var<workgroup> masks: array<u32, {}>;  // the samples in which a component is 1, a bit for each", observation + 1);
            line!(w, "var<workgroup> listed: array<u32, {}>;  // the components that are 1 in some sample", observation + beyond);
            w.line("var<workgroup> listed_number: u32;");
            line!(w, "const LISTED_BEYOND: u32 = {beyond}u;");
        } else if self.gathers() {
            line!(w, "var<workgroup> observed_at: array<u32, {samples}>;  // where each sample's observation begins");
        } else {
            line!(w, "var<workgroup> h0: array<f32, {}>;  // observations", 4 * self.row() * observation);
        }
        for (l, layer) in self.layers().iter().enumerate().skip(1).filter(|_| self.rows.is_none()) {
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
        if self.rows.is_some() {
            self.declare_slices(w);
        }
        let scratch = blocks::scratch(self.team, &self.plan.network);
        line!(w, "var<workgroup> scratch: array<vec4<f32>, {scratch}>;  // parts of the head's sums: [part][sample][HEAD]");
        if let Some(binding) = tape {
            line!(w, "@group(0) @binding({binding}) var<storage, read_write> tape: array<vec4<f32>>;  // [s][net][tile][unit][sample/4]");
            w.function("Where the tile begins on the tape.", "tape_at() -> u32", |w| {
                line!(w, "return tape_place * {}u;", self.plan.tape.units * samples / 4);
            });
        }
        w.file(parts::activation(self.plan.network.activation));
        if self.is_packed() {
            w.file(parts::BITS_INTO_TILE[0]);
            w.file(parts::TURN_BITS);
        } else if self.gathers() {
            w.file(parts::FETCH_PLACE);
        } else {
            w.function("Four observations' values of one component.", "observed(at: u32) -> vec4<f32>", |w| {
                w.line("return vec4(h0[4u * at], h0[4u * at + 1u], h0[4u * at + 2u], h0[4u * at + 3u]);");
            });
            w.file(parts::INTO_TILE[0]);
        }
        for l in 0..self.head() {
            let is_sliced = self.rows.as_ref().is_some_and(|rows| rows.has_inputs(l));
            if is_sliced { self.forward_in_slices(w, l) } else { self.forward_layer(w, l) }
        }
        self.forward_head(w);
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
                    w.line("workgroupBarrier();");
                }
            },
        );
        let comment = format!("The head's outputs for the observations of the first {samples} lanes; keeps the hidden activations.");
        w.function(comment, "network_forward(base: u32, lane: u32) -> array<vec4<f32>, HEAD>", |w| {
            (0..self.head()).for_each(|l| line!(w, "forward_{l}(base / 4u, lane);"));
            w.line("return forward_head(base / 4u, lane);");
        });
    }

    /// y = activation(bias + x W) of hidden layer `l`.
    pub(super) fn forward_layer(&self, w: &mut Writer, l: usize) {
        let layer = self.layers()[l];
        let block = Block::of(self.team, layer.columns());
        let halves = block.samples / 4;
        let comment =
            format!("Layer {l}: {} outputs from {} inputs; its weights begin at vector `base` + {} of params.", layer.outputs, layer.inputs, layer.offset / 4);
        w.function(comment, format_args!("forward_{l}(base: u32, lane: u32)"), |w| {
            w.line(if l == 0 && self.is_packed() { "turn_bits(lane);" } else { "workgroupBarrier();" });
            if self.plan.profile.broadcasts() && !(l == 0 && self.is_packed()) {
                return self.forward_in_subgroups(w, l);
            }
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
                    w.block(format_args!("for (var i = 0u; i < listed_number; i += {LISTED_AT_ONCE}u)"), |w| {
                        for i in 0..LISTED_AT_ONCE {
                            line!(w, "let m{i} = listed[{}];", plus("i", i));
                            line!(w, "let mask{i} = masks[m{i}];");
                        }
                        for i in 0..LISTED_AT_ONCE {
                            add(w, i, &format!("m{i}"), &|half| format!("of_mask(mask{i}, {})", plus("at", half)));
                        }
                    });
                } else {
                    self.inputs_in_a_loop(w, layer.inputs, |w, i, m| add(w, i, m, &|half| self.inputs(l, m, &plus("at", half))));
                }
                for j in 0..block.units {
                    for half in 0..halves {
                        line!(w, "{} = activation(y{j}_{half});", self.inputs(l + 1, &format!("({})", plus("unit", j)), &plus("at", half)));
                    }
                }
            });
        });
    }

    /// `body(i, input)` for all inputs of a product.
    pub(super) fn inputs_in_a_loop(&self, w: &mut Writer, inputs: usize, body: impl Fn(&mut Writer, usize, &str)) {
        self.in_a_loop(w, "m", inputs, INPUTS_AT_ONCE, body);
    }

    /// The head's outputs: lanes sum chunks of the units for one sample, and the sample's own lane adds their sums. All teams add in the same order, so that
    /// the probabilities of a rollout are bit-identical in the first gradient step.
    pub(super) fn forward_head(&self, w: &mut Writer) {
        let Team { lanes, samples } = self.team;
        let (layer, head) = (self.layers()[self.head()], self.head_vectors());
        let base = layer.offset / 4;
        let HeadSums { parts, chunks, length } = HeadSums::of(self.team, &self.plan.network);
        let comment = format!("The head: {} outputs from {} inputs; its weights begin at vector `base` + {base} of params.", layer.outputs, layer.inputs);
        w.function(comment, "forward_head(base: u32, lane: u32) -> array<vec4<f32>, HEAD>", |w| {
            self.settle_all(w);
            line!(w, "let sample = lane % {samples}u;");
            // Lanes beyond the parts repeat the last one, and store nothing.
            let part = within(&format!("lane / {samples}u"), lanes / samples, parts);
            line!(w, "let first = {};", times(&part, chunks * length));
            // Product `i` of a chunk, with input `number` from the chunk's first on.
            let add = |w: &mut Writer, chunk: usize, i: &str, number: &str| {
                let input = format!("{}[sample % 4u]", self.inputs(self.head(), &format!("m{i}"), "sample / 4u"));
                if parts * chunks * length > layer.inputs {
                    line!(w, "let m{i} = min({number}, {}u);", layer.inputs - 1);
                    line!(w, "let x{i} = select(0.0, {input}, {number} < {}u);", layer.inputs);
                } else {
                    line!(w, "let m{i} = {number};");
                    line!(w, "let x{i} = {input};");
                }
                (0..head).for_each(|k| line!(w, "y{chunk}_{k} += x{i} * params[base + {}u + m{i} * HEAD];", base + head + k));
            };
            for chunk in 0..chunks {
                (0..head).for_each(|k| line!(w, "var y{chunk}_{k} = vec4(0.0);"));
                if self.rows.is_none() {
                    (chunk * length..(chunk + 1) * length).for_each(|i| add(w, chunk, &i.to_string(), &plus("first", i)));
                }
            }
            if self.rows.is_some() {
                // In a loop: compilers for GPUs would fetch all first, and spill.
                self.in_a_loop(w, "i", length, 1, |w, _, i| {
                    w.scope(|w| (0..chunks).for_each(|chunk| add(w, chunk, &chunk.to_string(), &format!("{} + {i}", plus("first", chunk * length)))));
                });
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
            let outputs = |w: &mut Writer| {
                for k in 0..head {
                    let sums: Vec<String> = (0..parts).map(|part| format!("scratch[{}]", plus("sample * HEAD", part * samples * head + k))).collect();
                    line!(w, "y[{k}] = params[base + {}u] + {};", base + k, sum_of(&sums));
                }
            };
            if self.followed {
                outputs(w)
            } else {
                w.when(format_args!("lane < {samples}u"), outputs)
            }
            w.line("return y;");
        });
    }
}
