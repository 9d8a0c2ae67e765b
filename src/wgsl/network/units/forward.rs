//! The forward pass.

use crate::program::lanes::vectors;
use crate::wgsl::network::parts::{self, XYZW, element};
use crate::wgsl::network::units::held::{WEIGHTS, select_into};
use crate::wgsl::network::units::shape::Shape;
use crate::wgsl::writer::{Writer, line};

/// The functions of [`crate::wgsl::network::text::NetworkText::forward`], of which `begin` writes `network_begin`.
pub(crate) fn write(w: &mut Writer, shape: &Shape, for_backward: bool, begin: impl FnOnce(&mut Writer)) {
    let last = shape.last();
    let (lanes, samples) = (shape.lanes, 4 * shape.row);
    w.comment("Written for this plan's layers by src/wgsl/network/units: a lane has units of each layer.");
    w.comment(format_args!("A workgroup's {lanes} lanes take {samples} samples at a time; a vector holds one unit's values for four of them."));
    w.file(parts::UNITS_COMPONENT);
    w.gap();
    if shape.loops {
        w.comment("The observation of the lane's sample: where it begins in `observations`; and the first layer's weights in params.");
        w.line("var<private> observation_at: u32;");
        w.line("var<private> weights_at: u32;");
    } else {
        w.comment("The observation of the lane's sample, filled up to whole vectors.");
        w.line("var<private> h0: array<vec4<f32>, INPUT>;");
    }
    w.comment(
        "Of the lane's units, b counting them: activations h of each vector v of samples, biases, weights from each input m (`in`) and to each vector k of\n\
         outputs (`out`); and the biases of the head.",
    );
    for l in 1..=last {
        line!(w, "var<private> h{l}: array<vec4<f32>, {}>;  // [b][v]", shape.blocks(l) * shape.row);
        if l < last {
            line!(w, "var<private> in{l}: array<f32, {}>;  // [b][m]", shape.blocks(l + 1) * shape.width(l));
        }
    }
    WEIGHTS.declare(w, shape);
    w.file(parts::activation(shape.network.activation));
    if shape.loops {
        w.file(parts::FROM_MEMORY[0]);
    } else {
        parts::fetch_into_registers(w, shape.layers()[0].inputs);
    }
    begin(w);
    for l in 0..last {
        if shape.keeps_inputs(l) { hidden(w, shape, l) } else { first_in_a_loop(w, shape) }
    }
    head(w, shape);
    w.function(
        "The head's outputs for the observation of the lane's sample; keeps the hidden activations.",
        "network_forward(base: u32, lane: u32) -> array<vec4<f32>, HEAD>",
        |w| {
            if for_backward {
                // Makes LLVM keep weights and sums in memory between tiles instead of allocating registers.
                w.line("workgroupBarrier();");
            }
            (0..last).for_each(|l| line!(w, "forward_{l}({});", shape.argument(l)));
            w.line("return forward_head(lane);");
        },
    );
}

/// `network_begin`, in loops with one memory access for each block, since drivers generate a loop over the lanes for each access. `keep_out`: also weights
/// out of units of hidden layers, which the backward pass needs.
pub(crate) fn load_weights(w: &mut Writer, shape: &Shape, keep_out: bool) {
    w.file(parts::UNITS_PARAMETER);
    let comment = "Fetches the lane's weights of the network whose block begins at float `base` of params.";
    w.function(comment, "network_begin(base: u32, lane: u32)", |w| {
        for l in 0..=shape.last() {
            if l < shape.last() {
                load_biases(w, shape, l);
            }
            match l {
                0 if shape.loops => line!(w, "weights_at = base + {}u;", shape.layers()[0].offset + shape.layers()[0].columns()),
                0 => load_inputs(w, shape),
                _ => load_outputs(w, shape, l, keep_out),
            }
        }
        let head = shape.head();
        (0..vectors(head.outputs)).for_each(|c| line!(w, "head_bias[{c}] = params[base / 4u + {}u];", head.offset / 4 + c));
    });
}

fn load_biases(w: &mut Writer, shape: &Shape, l: usize) {
    let layer = &shape.layers()[l];
    for b in 0..shape.blocks(l + 1) {
        let bias = shape.padded(l + 1, b, layer.outputs, "0.0", |unit| format!("parameter(base + {}u + {unit})", layer.offset));
        line!(w, "bias{l}[{b}] = {bias};");
    }
}

/// Weights of the first layer into the lane's units.
fn load_inputs(w: &mut Writer, shape: &Shape) {
    let layer = &shape.layers()[0];
    let inputs = layer.inputs;
    let row = format!("base + {}u + m * {}u", layer.offset + layer.columns(), layer.columns());
    w.repeat("m", format_args!("{inputs}u"), |w| {
        for b in 0..shape.blocks(1) {
            line!(w, "let w{b} = {};", shape.padded(1, b, layer.outputs, "0.0", |unit| format!("parameter({row} + {unit})")));
            (0..inputs).for_each(|m| select_into(w, &format!("in0[{}]", b * inputs + m), &format!("w{b}"), &format!("m == {m}u")));
        }
    });
}

/// Weights of layer `l` out of the lane's units of h_l; and from them those into its units of h_{l+1}.
fn load_outputs(w: &mut Writer, shape: &Shape, l: usize, keep_out: bool) {
    let layer = &shape.layers()[l];
    let columns = vectors(layer.outputs);
    let first = format!("base / 4u + {}u + c", layer.offset / 4 + columns);
    w.repeat("c", format_args!("{columns}u"), |w| {
        for b in 0..shape.blocks(l) {
            line!(w, "let w{b} = {};", shape.padded(l, b, layer.inputs, "vec4(0.0)", |unit| format!("params[{first} + {unit} * {columns}u]")));
            if keep_out || l == shape.last() {
                (0..columns).for_each(|c| select_into(w, &format!("out{l}[{}]", b * columns + c), &format!("w{b}"), &format!("c == {c}u")));
            }
        }
        if l < shape.last() {
            transpose(w, shape, l);
        }
    });
}

/// Weights into the lane's units of h_{l+1}, from vector `c` of the weights out of those of h_l, which lanes have in `w0`, `w1` and so on. A row of weights, unit
/// by unit, is four rows of the matrix whose columns lanes want: each lane takes one of the four, if it is one of its own.
pub(crate) fn transpose(w: &mut Writer, shape: &Shape, l: usize) {
    let inputs = shape.layers()[l].inputs;
    for m in 0..inputs {
        let (block, owner) = shape.owner(l, m);
        line!(w, "let x{m} = component(subgroupBroadcast(w{block}, {owner}u), lane);");
        for b in 0..shape.blocks(l + 1) {
            let own = format!("c == {}u + lane / 4u", b * shape.lanes / 4);
            select_into(w, &format!("in{l}[{}]", b * inputs + m), &format!("x{m}"), &own);
        }
    }
}

/// h_{l+1} of the lane's units.
fn hidden(w: &mut Writer, shape: &Shape, l: usize) {
    let (inputs, blocks) = (shape.layers()[l].inputs, shape.blocks(l + 1));
    w.function(format_args!("h{} from {inputs} inputs.", l + 1), format_args!("forward_{l}()"), |w| {
        for v in 0..shape.row {
            w.scope(|w| {
                (0..blocks).for_each(|b| line!(w, "var y{b} = vec4(bias{l}[{b}]);"));
                for m in 0..inputs {
                    line!(w, "let x{m} = {};", shape.input(l, m, v));
                    (0..blocks).for_each(|b| line!(w, "y{b} += in{l}[{}] * x{m};", b * inputs + m));
                }
                (0..blocks).for_each(|b| line!(w, "h{}[{}] = activation(y{b});", l + 1, b * shape.row + v));
            });
        }
    });
}

/// A loop over the components of the observations: in its `body`, `x{v}` is component `m` of the samples of vector `v`. For observations stored as bits, it
/// skips components that are 0 in all samples, which are most of them in board games. (Older software drivers execute the body of an `if` in any case.)
pub(crate) fn each_component(w: &mut Writer, shape: &Shape, body: impl FnOnce(&mut Writer)) {
    let body = |w: &mut Writer| {
        for v in 0..shape.row {
            let of: Vec<String> = (4 * v..4 * v + 4).map(|i| format!("subgroupBroadcast(x, {i}u)")).collect();
            line!(w, "let x{v} = vec4({});", of.join(", "));
        }
        body(w);
    };
    if shape.packed {
        w.repeat("w", "OBSERVATION_WORDS", |w| {
            w.line("let word = observations[observation_at + w];");
            w.line("var some = subgroupOr(word);");
            w.block("while (some != 0u)", |w| {
                w.line("let bit = firstTrailingBit(some);");
                w.line("some &= some - 1u;");
                w.line("let m = 32u * w + bit;");
                w.line("let x = f32((word >> bit) & 1u);");
                body(w);
            });
        });
    } else {
        w.repeat("m", "OBSERVATION", |w| {
            w.line("let x = stored_component(observation_at, m);");
            w.when("subgroupAny(x != 0.0)", body);
        });
    }
}

/// Vectors of a row of the first layer, as an index relative to its start: the lane's of group `g` of four blocks; and whether all lanes have one.
pub(crate) fn vector_of_group(shape: &Shape, g: usize) -> (String, bool) {
    (format!("{}u + lane", g * shape.lanes), (g + 1) * shape.lanes <= vectors(shape.width(1)))
}

/// h_1 of the lane's units, with weights from memory.
fn first_in_a_loop(w: &mut Writer, shape: &Shape) {
    let (blocks, columns) = (shape.blocks(1), vectors(shape.width(1)));
    w.function(format_args!("h1 from {} inputs.", shape.layers()[0].inputs), "forward_0(lane: u32)", |w| {
        for v in 0..shape.row {
            (0..blocks).for_each(|b| line!(w, "var y{b}_{v} = vec4(bias0[{b}]);"));
        }
        each_component(w, shape, |w| {
            for g in 0..blocks / 4 {
                // Lanes without a unit use another unit's weights; the result is never read.
                let (at, all) = vector_of_group(shape, g);
                let at = if all { at } else { format!("min({at}, {}u)", columns - 1) };
                line!(w, "let w{g} = params[weights_at / 4u + m * {columns}u + {at}];");
                for (b, component) in XYZW.iter().enumerate() {
                    (0..shape.row).for_each(|v| line!(w, "y{}_{v} += w{g}.{component} * x{v};", 4 * g + b));
                }
            }
        });
        for v in 0..shape.row {
            (0..blocks).for_each(|b| line!(w, "h1[{}] = activation(y{b}_{v});", b * shape.row + v));
        }
    });
}

/// The head's outputs of the lane's sample: the lane's units' share of every sample, then the lanes' shares of the lane's.
fn head(w: &mut Writer, shape: &Shape) {
    let l = shape.last();
    let (blocks, columns) = (shape.blocks(l), vectors(shape.head().outputs));
    let comment = "The head's outputs for the lane's sample: what the lane's units contribute to each sample (`share`), added over the lanes.";
    w.function(comment, "forward_head(lane: u32) -> array<vec4<f32>, HEAD>", |w| {
        w.line("var head = head_bias;");
        for k in 0..shape.head().outputs {
            w.scope(|w| {
                w.line("var y = 0.0;");
                for v in 0..shape.row {
                    let own = |b: usize| format!("h{l}[{}] * {}", b * shape.row + v, element(&format!("out{l}"), 4 * b * columns + k));
                    line!(w, "let share{v} = {};", (0..blocks).map(own).collect::<Vec<_>>().join(" + "));
                    add_lanes(w, shape, &format!("sum{v}"), &format!("share{v}"));
                    XYZW.iter().enumerate().for_each(|(i, component)| line!(w, "y = select(y, sum{v}.{component}, lane == {}u);", 4 * v + i));
                }
                line!(w, "{} += y;", element("head", k));
            });
        }
        w.line("return head;");
    });
}

/// Declares `sum`: `value` of all lanes, added in their order.
pub(crate) fn add_lanes(w: &mut Writer, shape: &Shape, sum: &str, value: &str) {
    line!(w, "var {sum} = subgroupBroadcast({value}, 0u);");
    (1..shape.lanes).for_each(|i| line!(w, "{sum} += subgroupBroadcast({value}, {i}u);"));
}
