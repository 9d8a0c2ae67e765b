//! What `weight_gradient` imports: for the layers that are taped, products of their inputs and slopes, in blocks of weights.

use crate::program::plan::Plan;
use crate::program::tape::{self, LANES, ROW, SIDE, VECTORS};
use crate::wgsl::network::parts::{self, XYZW};
use crate::wgsl::writer::{Writer, line};

/// `block_of` and `sum_block`.
pub(crate) fn text(plan: &Plan) -> String {
    let mut w = Writer::default();
    w.comment("Written for this plan's layers by src/wgsl/network/products.rs.");
    w.gap();
    w.line("struct Block {");
    w.line("    inputs: u32,       // the layer's first input, in a tile of the tape");
    w.line("    input_count: u32,");
    w.line("    slopes: u32,       // the slopes at its first output");
    w.line("    slope_count: u32,");
    w.line("    weights: u32,      // its first weight, in the network's block");
    w.line("    input: u32,        // the block's first input and output, in the layer");
    w.line("    output: u32,");
    w.line("}");
    blocks(&mut w, plan);
    sums(&mut w, plan);
    w.finish()
}

/// The blocks of one layer after the other, those of an input beside each other.
fn blocks(w: &mut Writer, plan: &Plan) {
    w.function("The block of weights with this number.", "block_of(number: u32) -> Block", |w| {
        let mut first = 0;
        let (layers, [down, across]) = (plan.taped(), plan.tape.block);
        for (i, taped) in layers.iter().enumerate() {
            let [of_inputs, of_outputs] = tape::blocks_of(&taped.layer, plan.tape.block);
            let before = first;
            first += of_inputs * of_outputs;
            let block = |w: &mut Writer| {
                line!(w, "let i = number - {before}u;");
                line!(
                    w,
                    "return Block({}u, {}u, {}u, {}u, {}u, i / {of_outputs}u * {}u, i % {of_outputs}u * {}u);",
                    taped.inputs,
                    taped.layer.inputs,
                    taped.slopes,
                    taped.layer.columns(),
                    taped.weights().start,
                    SIDE * down,
                    SIDE * across
                );
            };
            if i + 1 < layers.len() { w.when(format_args!("number < {first}u"), block) } else { block(w) }
        }
    });
}

/// The lanes are a square: a lane's inputs are [`SIDE`] apart, and so are its outputs. Lanes hold the sums of their weights in registers, and workgroup memory
/// some samples' inputs and slopes.
fn sums(w: &mut Writer, plan: &Plan) {
    let [down, across] = plan.tape.block;
    let of_tile = plan.tile / 4;
    w.gap();
    line!(w, "var<workgroup> inputs: array<vec4<f32>, {}>;  // [input][vector], one of them unused", SIDE * down * ROW);
    line!(w, "var<workgroup> slopes: array<vec4<f32>, {}>;", SIDE * across * ROW);
    w.function(
        "Vector `at` of the samples of the tape that begins at `base`, in row `unit` of its tile.",
        "taped(base: u32, at: u32, unit: u32) -> vec4<f32>",
        |w| line!(w, "return tape[base + (at / {of_tile}u * TAPE_UNITS + unit) * {of_tile}u + at % {of_tile}u];"),
    );
    w.function(
        "Stores the products' sums over the vectors from `first` to before `end`, or adds them to those of earlier passes.",
        "sum_block(block: Block, base: u32, first: u32, end: u32, columns: u32, accumulate: bool, lane: u32)",
        |w| {
            line!(w, "let row = lane / {SIDE}u;");
            line!(w, "let column = lane % {SIDE}u;");
            for j in 0..down {
                (0..across).for_each(|q| line!(w, "var g{j}_{q} = 0.0;"));
            }
            // A lane's part of what the workgroup holds: which unit and vector, by number.
            let parts = [("inputs", down, "input", "input_count"), ("slopes", across, "output", "slope_count")];
            let run = of_tile.min(VECTORS);
            for (name, of_lane, first, count) in parts {
                let units = SIDE * of_lane;
                for i in 0..units * VECTORS / LANES {
                    // Neighbouring lanes read neighbouring vectors of a tile.
                    let index = format!("(lane + {}u)", i * LANES);
                    line!(w, "let {name}_unit{i} = {index} / {run}u % {units}u;");
                    line!(w, "let {name}_vector{i} = {index} / {}u * {run}u + {index} % {run}u;", units * run);
                    line!(w, "let {name}_row{i} = block.{name} + min(block.{first} + {name}_unit{i}, block.{count} - 1u);");
                }
            }
            let fetch = |w: &mut Writer, declared: &str, at: &str| {
                for (name, of_lane, ..) in parts {
                    for i in 0..SIDE * of_lane * VECTORS / LANES {
                        line!(w, "{declared}{name}{i} = taped(base, min({at} + {name}_vector{i}, end - 1u), {name}_row{i});");
                    }
                }
            };
            fetch(w, "var ", "first");
            w.block(format_args!("for (var at = first; at < end; at += {VECTORS}u)"), |w| {
                w.line("workgroupBarrier();");
                for (name, of_lane, ..) in parts {
                    for i in 0..SIDE * of_lane * VECTORS / LANES {
                        // Past the end, samples have no slopes.
                        let value =
                            if name == "slopes" { format!("select(vec4(0.0), {name}{i}, at + {name}_vector{i} < end)") } else { format!("{name}{i}") };
                        line!(w, "{name}[{name}_unit{i} * {ROW}u + {name}_vector{i}] = {value};");
                    }
                }
                w.line("workgroupBarrier();");
                w.line("// The next ones, while these are multiplied.");
                fetch(w, "", &format!("at + {VECTORS}u"));
                w.block(format_args!("for (var v = 0u; v < {}; v++)", parts::loop_end(plan, VECTORS)), |w| {
                    (0..across).for_each(|q| line!(w, "let e{q} = slopes[(column + {}u) * {ROW}u + v];", q * SIDE));
                    for j in 0..down {
                        line!(w, "let x{j} = inputs[(row + {}u) * {ROW}u + v];", j * SIDE);
                        for component in XYZW {
                            (0..across).for_each(|q| line!(w, "g{j}_{q} += x{j}.{component} * e{q}.{component};"));
                        }
                    }
                });
            });
            let each = |w: &mut Writer, statement: &dyn Fn(usize, usize, &str) -> String| {
                for j in 0..down {
                    w.when(format_args!("block.input + row + {}u < block.input_count", j * SIDE), |w| {
                        line!(w, "let place = columns + block.weights + (block.input + row + {}u) * block.slope_count + block.output + column;", j * SIDE);
                        for q in 0..across {
                            w.when(format_args!("block.output + column + {}u < block.slope_count", q * SIDE), |w| {
                                w.line(statement(j, q, &format!("partials[place + {}u]", q * SIDE)));
                            });
                        }
                    });
                }
            };
            // All loads before the first store, so that none waits for another.
            w.when("accumulate", |w| each(w, &|j, q, place| format!("g{j}_{q} += {place};")));
            each(w, &|j, q, place| format!("{place} = g{j}_{q};"));
        },
    );
}

/// What `sum_gradient` imports: `rows_of(column)`, the rows of `partials` that hold sums of four columns.
pub(crate) fn rows(plan: &Plan) -> String {
    let mut w = Writer::default();
    w.comment("The rows of partials that hold sums of these four columns.");
    w.block("fn rows_of(column: u32) -> u32", |w| {
        for weights in plan.taped().iter().map(|taped| taped.weights()) {
            let condition =
                format!("column < PARAMETERS / 4u && column % (BLOCK / 4u) >= {}u && column % (BLOCK / 4u) < {}u", weights.start / 4, weights.end / 4);
            w.when(condition, |w| w.line("return TAPE_ROWS;"));
        }
        w.line("return GRADIENT_ROWS;");
    });
    w.finish()
}
