//! The backward pass.

use crate::program::lanes::vectors;
use crate::wgsl::network::parts::{self, element};
use crate::wgsl::network::units::forward::{add_lanes, each_component, vector_of_group};
use crate::wgsl::network::units::held::SUMS;
use crate::wgsl::network::units::shape::Shape;
use crate::wgsl::writer::{Writer, line};

/// The functions of [`crate::wgsl::network::text::NetworkText::tile`] beside those of the forward pass.
pub(crate) fn write(w: &mut Writer, shape: &Shape) {
    w.line("\n//! import whole\n\nalias Partial = vec4<f32>;");
    slopes_and_sums(w, shape);
    let comment = "Sums begin at 0, as private variables do; or at what earlier passes left in partials.";
    w.function(comment, "gradient_begin(row: u32, accumulate: bool, lane: u32)", |w| {
        if shape.loops {
            first_sums_begin(w, shape);
        }
        w.when("PASSES > 1u && accumulate", |w| SUMS.fetch(w, shape));
    });
    w.function("Stores the sums.", "gradient_end(row: u32, accumulate: bool, lane: u32)", |w| SUMS.store(w, shape));
    w.file(parts::UNITS_LOSSES);
}

/// `network_backward` and what it writes to.
pub(crate) fn slopes_and_sums(w: &mut Writer, shape: &Shape) {
    let last = shape.last();
    w.gap();
    w.comment(
        "Of the lane's units: slopes of the loss before activation; sums over tiles of the gradients of biases, of weights from each input of the first\n\
         layer, of weights to each output of the others.",
    );
    (1..=last).for_each(|l| line!(w, "var<private> d{l}: array<vec4<f32>, {}>;  // [b][v]", shape.blocks(l) * shape.row));
    if shape.loops {
        w.line("var<private> sums_at: u32;  // where those of the first layer's weights are, in partials");
    }
    SUMS.declare(w, shape);
    w.line("var<private> head_slope: array<vec4<f32>, HEAD>;  // of the lane's sample");
    (1..=last).rev().for_each(|l| hidden(w, shape, l));
    if shape.loops {
        first_in_a_loop(w, shape)
    } else {
        first(w, shape)
    }
    w.function(
        "Adds the tile's gradient to the sums, from the loss's slope at the head.",
        "network_backward(base: u32, row: u32, accumulate: bool, lane: u32, slope: array<vec4<f32>, HEAD>)",
        |w| {
            w.line("head_slope = slope;");
            (0..=last).rev().for_each(|l| line!(w, "backward_{l}({});", shape.argument(l)));
        },
    );
    w.function("The sum of all lanes' values.", "of_all(value: vec4<f32>) -> vec4<f32>", |w| {
        add_lanes(w, shape, "sum", "value");
        w.line("return sum;");
    });
}

/// The gradient of layer `l`'s weights; the slopes at the layer below's outputs, and the gradient of its biases.
fn hidden(w: &mut Writer, shape: &Shape, l: usize) {
    let (outputs, blocks, columns) = (shape.layers()[l].outputs, shape.blocks(l), vectors(shape.layers()[l].outputs));
    w.function(format_args!("d{l} from {outputs} outputs."), format_args!("backward_{l}()"), |w| {
        for v in 0..shape.row {
            w.scope(|w| {
                for b in 0..blocks {
                    line!(w, "var down{b} = vec4(0.0);");
                    line!(w, "let own{b} = h{l}[{}];", b * shape.row + v);
                }
                for k in 0..outputs {
                    line!(w, "let e{k} = {};", shape.slope(l, k, v));
                    for b in 0..blocks {
                        let at = 4 * b * columns + k;
                        line!(w, "{} += dot(own{b}, e{k});", element(&format!("sums_out{l}"), at));
                        line!(w, "down{b} += {} * e{k};", element(&format!("out{l}"), at));
                    }
                }
                for b in 0..blocks {
                    line!(w, "down{b} *= activation_slope(own{b});");
                    line!(w, "d{l}[{}] = down{b};", b * shape.row + v);
                    line!(w, "sums_bias{}[{b}] += (down{b}.x + down{b}.y) + (down{b}.z + down{b}.w);", l - 1);
                }
            });
        }
        if l == shape.last() {
            for k in 0..outputs {
                let terms: Vec<String> = (0..shape.row).map(|v| shape.slope(l, k, v)).collect();
                line!(w, "{} += dot({}, vec4(1.0));", element("sums_head_bias", k), terms.join(" + "));
            }
        }
    });
}

/// The gradient of the first layer's weights.
fn first(w: &mut Writer, shape: &Shape) {
    let inputs = shape.layers()[0].inputs;
    w.function("Gradient of the weights from the observation.", "backward_0()", |w| {
        for v in 0..shape.row {
            for m in 0..inputs {
                w.scope(|w| {
                    line!(w, "let x = {};", shape.input(0, m, v));
                    (0..shape.blocks(1)).for_each(|b| line!(w, "sums_in0[{}] += dot(d1[{}], x);", b * inputs + m, b * shape.row + v));
                });
            }
        }
    });
}

/// The gradient of the first layer's weights, added to what partials hold.
fn first_in_a_loop(w: &mut Writer, shape: &Shape) {
    w.function("Gradient of the weights from the observation, added to what partials hold.", "backward_0(lane: u32)", |w| {
        each_component(w, shape, |w| {
            for g in 0..shape.blocks(1) / 4 {
                let of_block = |b: usize| (0..shape.row).map(|v| format!("dot(d1[{}], x{v})", b * shape.row + v)).collect::<Vec<_>>().join(" + ");
                let sums: Vec<String> = (4 * g..4 * g + 4).map(of_block).collect();
                line!(w, "let g{g} = vec4({});", sums.join(", "));
                first_sums(w, shape, g, |place| format!("{place} = whole({place} + g{g}, lane);"));
            }
        });
    });
}

/// `statement(place)` of the lane's sums, in partials, for the weights from input `m` to group `g` of four blocks.
fn first_sums(w: &mut Writer, shape: &Shape, g: usize, statement: impl Fn(&str) -> String) {
    let columns = vectors(shape.width(1));
    let (at, all) = vector_of_group(shape, g);
    let statement = statement(&format!("partials[sums_at / 4u + m * {columns}u + {at}]"));
    if all { w.line(statement) } else { w.when(format_args!("{at} < {columns}u"), |w| w.line(statement)) }
}

fn first_sums_begin(w: &mut Writer, shape: &Shape) {
    let layer = &shape.layers()[0];
    line!(w, "sums_at = row + {}u;", layer.offset + layer.columns());
    w.when("!accumulate", |w| {
        w.repeat("m", "OBSERVATION", |w| {
            (0..shape.blocks(1) / 4).for_each(|g| first_sums(w, shape, g, |place| format!("{place} = whole(vec4(0.0), lane);")));
        });
    });
}
