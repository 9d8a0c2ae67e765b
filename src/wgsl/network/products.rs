//! What `weight_gradient` imports: for the layers that are taped, products of their inputs and slopes, in blocks of weights.

use crate::program::blocks::SUBGROUP_ROWS;
use crate::program::plan::Plan;
use crate::program::tape::{self, LANES, SIDE, VECTORS};
use crate::wgsl::network::blocks::expressions::plus;
use crate::wgsl::network::blocks::subgroups::multiply;
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
    w.line("    sums: u32,         // its first weight among the network's in taped layers, in vectors");
    w.line("    input: u32,        // the block's first input and output, in the layer");
    w.line("    output: u32,");
    w.line("}");
    blocks(&mut w, plan);
    if plan.profile.broadcasts() {
        sums_of_subgroups(&mut w, plan)
    } else {
        sums(&mut w, plan)
    }
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
                    taped.sums / 4,
                    SIDE * down,
                    SIDE * across
                );
            };
            if i + 1 < layers.len() { w.when(format_args!("number < {first}u"), block) } else { block(w) }
        }
    });
}

/// What `sum_block` does, and its signature.
const SUM_BLOCK: [&str; 2] = [
    "Stores the products' sums over the vectors from `first` to before `end`, or adds them to those of earlier passes.",
    "sum_block(block: Block, base: u32, first: u32, end: u32, columns: u32, accumulate: bool, lane: u32)",
];

/// The lanes are a square: a lane's vectors of four inputs are [`SIDE`] apart, and so are those of its outputs. Lanes hold the sums of their weights in
/// registers, and workgroup memory some samples' inputs and slopes, a row for each sample.
fn sums(w: &mut Writer, plan: &Plan) {
    let [down, across] = plan.tape.block.map(|weights| weights / 4);
    // What a lane fetches is four units' vector `vector`, and puts down as four samples' vectors of these units.
    let lanes = [down, across].map(|vectors| SIDE * vectors * VECTORS);
    let row = |vectors: usize| SIDE * vectors + 1;
    w.gap();
    line!(w, "var<workgroup> inputs: array<vec4<f32>, {}>;  // [sample][input/4], one of them unused", 4 * VECTORS * row(down));
    line!(w, "var<workgroup> slopes: array<vec4<f32>, {}>;  // [sample][output/4]", 4 * VECTORS * row(across));
    taped(w, plan);
    w.function(SUM_BLOCK[0], SUM_BLOCK[1], |w| {
        line!(w, "let row = lane / {SIDE}u;");
        line!(w, "let column = lane % {SIDE}u;");
        for j in 0..4 * down {
            (0..across).for_each(|q| line!(w, "var g{j}_{q} = vec4(0.0);"));
        }
        w.comment("The first lanes fetch inputs, the next ones slopes: neighbours read neighbouring vectors of a tile.");
        line!(w, "let is_input = lane < {}u;", lanes[0]);
        line!(w, "let own = select(lane - {}u, lane, is_input);", lanes[0]);
        line!(w, "let vector = own % {VECTORS}u;");
        line!(w, "let four = own / {VECTORS}u;");
        w.line("let unit = select(block.output, block.input, is_input) + 4u * four;");
        w.line("let last = select(block.slope_count, block.input_count, is_input) - 1u;");
        w.line("let begin = select(block.slopes, block.inputs, is_input);");
        let fetch = |w: &mut Writer, declared: &str, at: &str| {
            for i in 0..4 {
                line!(w, "{declared}next{i} = taped(base, min({at} + vector, end - 1u), begin + min({}, last));", plus("unit", i));
            }
        };
        fetch(w, "var ", "first");
        w.block(format_args!("for (var at = first; at < end; at += {VECTORS}u)"), |w| {
            w.line("workgroupBarrier();");
            let turned = |c: &str| (0..4).map(|i| format!("next{i}.{c}")).collect::<Vec<_>>().join(", ");
            let put = |w: &mut Writer, name: &str, row: usize, value: &dyn Fn(&str) -> String| {
                for (i, component) in XYZW.iter().enumerate() {
                    line!(w, "{name}[({}) * {row}u + four] = {};", plus("4u * vector", i), value(component));
                }
            };
            w.when("is_input", |w| put(w, "inputs", row(down), &|c| format!("vec4({})", turned(c))));
            // Past the end, samples have no slopes.
            let slopes = |w: &mut Writer| put(w, "slopes", row(across), &|c| format!("select(vec4(0.0), vec4({}), at + vector < end)", turned(c)));
            w.when(format_args!("!is_input && lane < {}u", lanes[0] + lanes[1]), slopes);
            w.line("workgroupBarrier();");
            w.comment("The next ones, while these are multiplied.");
            fetch(w, "", &format!("at + {VECTORS}u"));
            w.block(format_args!("for (var i = 0u; i < {}; i++)", parts::loop_end(plan, 4 * VECTORS)), |w| {
                (0..across).for_each(|q| line!(w, "let e{q} = slopes[i * {}u + {}];", row(across), plus("column", q * SIDE)));
                for v in 0..down {
                    line!(w, "let x{v} = inputs[i * {}u + {}];", row(down), plus("row", v * SIDE));
                    for (c, component) in XYZW.iter().enumerate() {
                        (0..across).for_each(|q| line!(w, "g{}_{q} += x{v}.{component} * e{q};", 4 * v + c));
                    }
                }
            });
        });
        let each = |w: &mut Writer, statement: &dyn Fn(usize, usize, &str) -> String| {
            for j in 0..4 * down {
                let input = plus(&format!("block.input + 4u * {}", if j < 4 { "row".into() } else { format!("(row + {}u)", j / 4 * SIDE) }), j % 4);
                w.when(format_args!("{input} < block.input_count"), |w| {
                    line!(w, "let place = columns + block.sums + ({input}) * (block.slope_count / 4u) + block.output / 4u + column;");
                    for q in 0..across {
                        w.when(format_args!("block.output / 4u + {} < block.slope_count / 4u", plus("column", q * SIDE)), |w| {
                            w.line(statement(j, q, &format!("tape_sums[{}]", plus("place", q * SIDE))));
                        });
                    }
                });
            }
        };
        w.comment("All loads before the first store, so that none waits for another.");
        w.when("accumulate", |w| each(w, &|j, q, place| format!("g{j}_{q} += {place};")));
        each(w, &|j, q, place| format!("{place} = g{j}_{q};"));
    });
}

/// `taped`, which reads the tape.
fn taped(w: &mut Writer, plan: &Plan) {
    let of_tile = plan.tile / 4;
    w.function(
        "Vector `at` of the samples of the tape that begins at `base`, in row `unit` of its tile.",
        "taped(base: u32, at: u32, unit: u32) -> vec4<f32>",
        |w| line!(w, "return tape[base + (at / {of_tile}u * TAPE_UNITS + unit) * {of_tile}u + at % {of_tile}u];"),
    );
}

/// The same as [`sums`] where a subgroup is a vector of the processor: a subgroup has the weights from [`SUBGROUP_ROWS`] inputs to a vector of outputs for each
/// lane.
fn sums_of_subgroups(w: &mut Writer, plan: &Plan) {
    let lanes = plan.profile.subgroup as usize;
    let [down, across] = plan.tape.block.map(|weights| SIDE * weights);
    let [of_inputs, of_outputs] = [down.div_ceil(SUBGROUP_ROWS), (across / 4).div_ceil(lanes)];
    w.gap();
    taped(w, plan);
    w.function(SUM_BLOCK[0], SUM_BLOCK[1], |w| {
        line!(w, "let own = lane % {lanes}u;");
        w.block(format_args!("for (var part = lane / {lanes}u; part < {}u; part += {}u)", of_inputs * of_outputs, LANES / lanes), |w| {
            line!(w, "let input = block.input + part / {of_outputs}u * {SUBGROUP_ROWS}u;");
            line!(w, "let vector = part % {of_outputs}u * {lanes}u + own;");
            w.line("let output = min(block.output / 4u + vector, block.slope_count / 4u - 1u) * 4u;");
            (0..SUBGROUP_ROWS).for_each(|i| line!(w, "var g{i} = vec4(0.0);"));
            w.block("for (var at = first; at < end; at++)", |w| {
                for j in 0..SUBGROUP_ROWS.div_ceil(lanes) {
                    line!(w, "let x{j} = taped(base, at, block.inputs + min({} + own, block.input_count - 1u));", plus("input", j * lanes));
                }
                (0..4).for_each(|c| line!(w, "let e{c} = taped(base, at, block.slopes + {});", plus("output", c)));
                for (c, component) in XYZW.iter().enumerate() {
                    line!(w, "let w{c} = vec4(e0.{component}, e1.{component}, e2.{component}, e3.{component});");
                }
                multiply(w, "g", SUBGROUP_ROWS, 4, |i, c| (format!("x{}.{}", i / lanes, XYZW[c]), i % lanes));
            });
            let beyond = if across / 4 % lanes == 0 { String::new() } else { format!("vector < {}u && ", across / 4) };
            w.when(format_args!("{beyond}block.output / 4u + vector < block.slope_count / 4u"), |w| {
                w.line("let place = columns + block.sums + input * (block.slope_count / 4u) + block.output / 4u + vector;");
                for i in 0..SUBGROUP_ROWS {
                    w.when(format_args!("{} < block.input_count", plus("input", i)), |w| {
                        let sum = format!("tape_sums[place + {i}u * (block.slope_count / 4u)]");
                        w.when("accumulate", |w| line!(w, "g{i} += {sum};"));
                        line!(w, "{sum} = g{i};");
                    });
                }
            });
        });
    });
}

/// What `sum_gradient` imports: `rows_of(column)` and `summand(s, row, column)`.
pub(crate) fn rows(plan: &Plan) -> String {
    let mut w = Writer::default();
    w.comment("The rows that hold sums of these four columns.");
    w.block("fn rows_of(column: u32) -> u32", |w| {
        for weights in plan.taped().iter().map(|taped| taped.weights()) {
            let condition =
                format!("column < PARAMETERS / 4u && column % (BLOCK / 4u) >= {}u && column % (BLOCK / 4u) < {}u", weights.start / 4, weights.end / 4);
            w.when(condition, |w| w.line("return TAPE_ROWS;"));
        }
        w.line("return GRADIENT_ROWS;");
    });
    w.function("Row `row` of the sums of these four columns.", "summand(s: u32, row: u32, column: u32) -> vec4<f32>", |w| {
        if plan.tape.units == 0 {
            return w.line("return partials[(s * GRADIENT_ROWS + row) * (PARTIAL_COLUMNS / 4u) + column];");
        }
        w.line("let network = min(column / (BLOCK / 4u), 2u);");
        w.line("let own = column - network * (BLOCK / 4u);");
        w.line("var place = network * (PARTIAL_BLOCK / 4u) + own;");
        w.when("network < 2u", |w| {
            for taped in plan.taped() {
                let weights = taped.weights();
                w.when(format_args!("own >= {}u && own < {}u", weights.start / 4, weights.end / 4), |w| {
                    let place = format!("network * (TAPE_COLUMNS / 8u) + {}u + own - {}u", taped.sums / 4, weights.start / 4);
                    line!(w, "return tape_sums[(s * TAPE_ROWS + row) * (TAPE_COLUMNS / 4u) + {place}];");
                });
            }
            for taped in plan.taped() {
                w.when(format_args!("own >= {}u", taped.weights().end / 4), |w| line!(w, "place -= {}u;", taped.weights().len() / 4));
            }
        });
        w.line("return partials[(s * GRADIENT_ROWS + row) * (PARTIAL_COLUMNS / 4u) + place];");
    });
    w.finish()
}
