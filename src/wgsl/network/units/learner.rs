//! Gradient steps in registers: parameters, moments and sums stay with their lanes for all steps of a dispatch.

use crate::program::lanes::vectors;
use crate::wgsl::network::units::held::{Array, FIRST_MOMENTS, HEAD_BIAS, SECOND_MOMENTS, WEIGHTS, arrays, drop_fixed, select_into};
use crate::wgsl::network::units::shape::Shape;
use crate::wgsl::network::units::{backward, forward};
use crate::wgsl::writer::{Writer, line};

/// The functions of [`crate::wgsl::network::text::NetworkText::learner`].
pub(crate) fn write(w: &mut Writer, shape: &Shape) {
    forward::write(w, shape, true, |w| {
        begin_and_end(w, shape);
        transpose_weights(w, shape);
    });
    w.line("\n//! import whole");
    backward::slopes_and_sums(w, shape);
    w.gap();
    w.comment("Adam's moments of the lane's parameters.");
    FIRST_MOMENTS.declare(w, shape);
    SECOND_MOMENTS.declare(w, shape);
    sums(w, shape);
    step(w, shape);
}

fn begin_and_end(w: &mut Writer, shape: &Shape) {
    let comment = "Fetches the lane's parameters and moments of the network whose block begins at float `base`.";
    w.function(comment, "network_begin(base: u32, lane: u32)", |w| {
        WEIGHTS.fetch(w, shape);
        w.line("transpose_weights(lane);");
        FIRST_MOMENTS.fetch(w, shape);
        SECOND_MOMENTS.fetch(w, shape);
    });
    w.function("Stores them.", "network_end(base: u32, lane: u32)", |w| {
        [WEIGHTS, FIRST_MOMENTS, SECOND_MOMENTS].iter().for_each(|held| held.store(w, shape));
    });
}

fn transpose_weights(w: &mut Writer, shape: &Shape) {
    let comment = "Weights into the lane's units, from those that lanes have to each output of theirs.";
    w.function(comment, "transpose_weights(lane: u32)", |w| {
        for l in 1..shape.last() {
            let columns = vectors(shape.layers()[l].outputs);
            w.repeat("c", format_args!("{columns}u"), |w| {
                for b in 0..shape.blocks(l) {
                    line!(w, "var w{b} = out{l}[{}];", b * columns);
                    (1..columns).for_each(|c| select_into(w, &format!("w{b}"), &format!("out{l}[{}]", b * columns + c), &format!("c == {c}u")));
                }
                forward::transpose(w, shape, l);
            });
        }
    });
}

/// `sums_begin` and `sums_end`.
fn sums(w: &mut Writer, shape: &Shape) {
    let arrays = arrays(shape);
    w.function("The sums of gradients begin at 0.", "sums_begin()", |w| arrays.iter().for_each(|array| array.clear(w, "sums_")));
    let comment = "The squared norm of the network's gradient, of which those of fixed weights are dropped.";
    w.function(comment, "sums_end(network: u32) -> f32", |w| {
        drop_fixed(w, shape);
        w.line("var squares = vec4(0.0);");
        let (own, of_every_lane): (Vec<&Array>, Vec<&Array>) = arrays.iter().partition(|array| array.name != HEAD_BIAS);
        for vector in own.iter().flat_map(|array| array.vectors("sums_")) {
            w.scope(|w| {
                line!(w, "let g = {vector};");
                w.line("squares += g * g;");
            });
        }
        w.line("let sum = of_all(squares);");
        w.line("var square = (sum.x + sum.y) + (sum.z + sum.w);");
        for vector in of_every_lane.iter().flat_map(|array| array.vectors("sums_")) {
            line!(w, "square += dot({vector}, {vector});");
        }
        w.line("return square;");
    });
}

/// `parameters_step`.
fn step(w: &mut Writer, shape: &Shape) {
    w.function("Moves all that the lane holds, four parameters at a time.", "parameters_step(step: AdamStep)", |w| {
        for array in arrays(shape) {
            let [values, sums, firsts, seconds] = ["", "sums_", FIRST_MOMENTS.prefix, SECOND_MOMENTS.prefix].map(|prefix| array.vectors(prefix));
            for i in 0..values.len() {
                w.scope(|w| {
                    line!(w, "let x = moved(step, {}, {}, {}, {});", values[i], firsts[i], seconds[i], sums[i]);
                    for (held, field) in [(WEIGHTS, "value"), (FIRST_MOMENTS, "first"), (SECOND_MOMENTS, "second")] {
                        array.assign(w, held.prefix, i, &format!("x.{field}"));
                    }
                });
            }
        }
    });
}
