//! Writes out the networks' forward and backward pass for a workgroup that is one subgroup, as WGSL without memory shared between lanes.
//!
//! A lane owns every `lanes`-th unit of each hidden layer (unit `b * lanes + lane` of block b) and holds, in registers, its units' weights for the whole
//! dispatch, their values for all samples of a tile (four to a vector), and the sums of their gradients over the tiles. What the other
//! side of a product needs comes from the lane that has it by `subgroupBroadcast` of a lane known when the text is written:
//! - forward: `y[i] += w[m] · x[m][i]`, w the weights into the lane's unit, `x[m]` broadcast from the owner of unit m of the layer below;
//! - backward: `d[i] += w[k] · e[k][i]`, w the weights out of the lane's unit, `e[k]`, the slope at output k, broadcast from its owner;
//! - weight gradient: `g[k] += Σ_i x[i] · e[k][i]` beside it, so that one broadcast serves both;
//! - head: each lane adds up its own units, then all lanes' sums, sample by sample.
//!
//! For `learn` the lanes keep Adam's moments as well ([`learner`]), and make the step themselves.
//!
//! The first layer of long observations is a loop instead ([`crate::program::lanes::first_is_loop`]): weights come from memory for all samples of the tile, sums go back there.
//!
//! This is for drivers that run a subgroup as one vector of the processor (Mesa's llvmpipe): a broadcast is an operand of the multiplication there, while
//! memory at an address of each lane's own costs six times and more the price of a multiplication. Here only samples, weights and sums take that way: the
//! first once a tile, the others once a dispatch.

use crate::program::lanes::vectors;
use crate::program::plan::Plan;
use crate::spec::network::{ACTOR, Layer};
use crate::wgsl::dense::{self, XYZW, activation};
use std::fmt::Write;

/// What the text is written for.
struct Shape<'a> {
    layers: &'a [Layer],
    lanes: usize,
    /// Vectors that the samples take.
    row: usize,
    /// [`Plan::first_layer_is_loop`].
    loops: bool,
    /// Whether observations are stored as bits.
    packed: bool,
}

impl<'a> Shape<'a> {
    fn new(plan: &'a Plan, tile: usize) -> Self {
        Shape { layers: &plan.network.layers, lanes: plan.lanes, row: tile / 4, loops: plan.first_layer_is_loop, packed: plan.packs_observations() }
    }

    fn last(&self) -> usize {
        self.layers.len() - 1
    }

    /// Whether lanes keep layer `l`'s weights from each input, and the sums of their gradients.
    fn keeps_inputs(&self, l: usize) -> bool {
        l > 0 || !self.loops
    }

    /// What the functions of layer `l` are called with.
    fn argument(&self, l: usize) -> &'static str {
        if self.keeps_inputs(l) { "" } else { "lane" }
    }

    /// Units of h_l.
    fn width(&self, l: usize) -> usize {
        self.layers[l - 1].outputs
    }

    /// Whether lanes own four consecutive units of h_l at a time, which come from memory as a vector, rather than every `lanes`-th one.
    fn in_fours(&self, l: usize) -> bool {
        l == 1 && self.loops
    }

    /// Units of each lane in h_l.
    fn blocks(&self, l: usize) -> usize {
        if self.in_fours(l) { 4 * self.width(l).div_ceil(4 * self.lanes) } else { self.width(l).div_ceil(self.lanes) }
    }

    /// The lane's unit of block `b` of h_l, as an expression, and the first one past all lanes'.
    fn unit(&self, l: usize, b: usize) -> (String, usize) {
        if self.in_fours(l) {
            (format!("({}u + lane * 4u)", b / 4 * 4 * self.lanes + b % 4), (b / 4 + 1) * 4 * self.lanes)
        } else {
            (format!("({}u + lane)", b * self.lanes), (b + 1) * self.lanes)
        }
    }

    /// `statement`, for lanes whose unit of block `b` of h_l is one of `width`.
    fn owned(&self, l: usize, b: usize, width: usize, statement: &str) -> String {
        let (unit, end) = self.unit(l, b);
        if end <= width { format!("    {statement}\n") } else { format!("    if ({unit} < {width}u) {{\n        {statement}\n    }}\n") }
    }

    /// `value(unit)` of the lane's unit of block `b` of h_l; `zero` for lanes past the last of `width` units.
    fn padded(&self, l: usize, b: usize, width: usize, zero: &str, value: impl Fn(&str) -> String) -> String {
        let (unit, end) = self.unit(l, b);
        if end <= width {
            value(&unit)
        } else {
            let inside = value(&format!("min({unit}, {}u)", width - 1));
            format!("select({zero}, {inside}, {unit} < {width}u)")
        }
    }

    /// The block and the lane that have unit `k` of h_l.
    fn owner(&self, l: usize, k: usize) -> (usize, usize) {
        if self.in_fours(l) { (k / (4 * self.lanes) * 4 + k % 4, k / 4 % self.lanes) } else { (k / self.lanes, k % self.lanes) }
    }

    /// Values of unit `k` of h_l for the samples of vector `v`, from the lane that owns it; `array` holds h_l or its slopes.
    fn of_unit(&self, array: &str, l: usize, k: usize, v: usize) -> String {
        let (block, lane) = self.owner(l, k);
        format!("subgroupBroadcast({array}{l}[{}], {lane}u)", block * self.row + v)
    }

    /// Component `k` of what lanes hold of their samples, for the samples of vector `v`.
    fn of_samples(&self, array: &str, k: usize, v: usize) -> String {
        let of = |i: usize| format!("subgroupBroadcast({array}[{}].{}, {}u)", k / 4, XYZW[k % 4], 4 * v + i);
        format!("vec4({}, {}, {}, {})", of(0), of(1), of(2), of(3))
    }

    /// Values of the layer below, `l`'s inputs.
    fn input(&self, l: usize, m: usize, v: usize) -> String {
        if l == 0 { self.of_samples("h0", m, v) } else { self.of_unit("h", l, m, v) }
    }

    /// Slopes at `l`'s outputs.
    fn slope(&self, l: usize, k: usize, v: usize) -> String {
        if l == self.last() { self.of_samples("head_slope", k, v) } else { self.of_unit("d", l + 1, k, v) }
    }
}

/// The functions that [`crate::wgsl::network::forward`] promises, for the samples of the first `samples` lanes, and what [`backward`] needs if asked to.
pub fn forward(plan: &Plan, samples: usize, for_backward: bool) -> String {
    let shape = Shape::new(plan, samples);
    network(plan, &shape, &load_weights(&shape, for_backward), for_backward)
}

/// [`forward`], of which `begin` is `network_begin`.
fn network(plan: &Plan, shape: &Shape, begin: &str, for_backward: bool) -> String {
    let last = shape.last();
    let mut text = String::from(
        "// Written out for this plan's layers by src/wgsl/units.rs.\n\n\
         // Component `i` mod 4.\n\
         fn component(x: vec4<f32>, i: u32) -> f32 {\n    return select(select(x.x, x.y, i % 4u == 1u), select(x.z, x.w, i % 4u == 3u), i % 4u > 1u);\n}\n\n\
         // The observation of the lane's sample",
    );
    text += if shape.loops {
        ": where it begins in `observations`; and the first layer's weights in params.\nvar<private> observation_at: u32;\nvar<private> weights_at: u32;\n"
    } else {
        ".\nvar<private> h0: array<vec4<f32>, INPUT>;\n"
    };
    text += "// Of the lane's units: activations, biases, weights from each input (`in`) and to each output (`out`).\n";
    for l in 1..=last {
        let _ = writeln!(text, "var<private> h{l}: array<vec4<f32>, {}>;", shape.blocks(l) * shape.row);
        if l < last {
            let _ = writeln!(text, "var<private> in{l}: array<f32, {}>;", shape.blocks(l + 1) * shape.width(l));
        }
    }
    text += &WEIGHTS.declare(shape);
    text += "\n";
    text += activation(plan.network.activation);
    text += dense::fetch(shape.loops);
    text += begin;
    for l in 0..last {
        text += &if shape.keeps_inputs(l) { hidden_forward(shape, l) } else { first_forward_loop(shape) };
    }
    text += &head_forward(shape);
    text += "// The head's outputs for the observation in h0; keeps the hidden activations.\n\
        fn network_forward(base: u32, lane: u32) -> array<vec4<f32>, HEAD> {\n";
    if for_backward {
        // Makes LLVM keep weights and sums in memory between tiles, rather than look for registers.
        text += "    workgroupBarrier();\n";
    }
    (0..last).for_each(|l| text += &format!("    forward_{l}({});\n", shape.argument(l)));
    text + "    return forward_head(lane);\n}\n"
}

/// Fetches weights in loops with one access to memory for each block, since drivers write out a loop over the lanes for each access.
fn load_weights(shape: &Shape, keep_out: bool) -> String {
    let mut text = String::from(
        "fn parameter(index: u32) -> f32 {\n    return params[index / 4u][index % 4u];\n}\n\n\
         // Fetches the lane's weights of the network whose block begins at float `base` of params.\nfn network_begin(base: u32, lane: u32) {\n",
    );
    for (l, layer) in shape.layers.iter().enumerate() {
        let (inputs, outputs, columns) = (layer.inputs, layer.outputs, vectors(layer.outputs));
        if l < shape.last() {
            for b in 0..shape.blocks(l + 1) {
                let bias = shape.padded(l + 1, b, outputs, "0.0", |unit| format!("parameter(base + {}u + {unit})", layer.offset));
                let _ = writeln!(text, "    bias{l}[{b}] = {bias};");
            }
        }
        if l == 0 && shape.loops {
            let _ = writeln!(text, "    weights_at = base + {}u;", layer.offset + layer.columns());
            continue;
        }
        if l == 0 {
            let _ = writeln!(text, "    for (var m = 0u; m < {inputs}u; m++) {{");
            for b in 0..shape.blocks(l + 1) {
                let row = format!("base + {}u + m * {}u", layer.offset + layer.columns(), layer.columns());
                let _ = writeln!(text, "        let w{b} = {};", shape.padded(l + 1, b, outputs, "0.0", |unit| format!("parameter({row} + {unit})")));
                (0..inputs)
                    .for_each(|m| text += &format!("        {};\n", select_into(&format!("in0[{}]", b * inputs + m), &format!("w{b}"), &format!("m == {m}u"))));
            }
            text += "    }\n";
            continue;
        }
        let _ = writeln!(text, "    for (var c = 0u; c < {columns}u; c++) {{");
        for b in 0..shape.blocks(l) {
            let first = format!("base / 4u + {}u + c", layer.offset / 4 + columns);
            let _ = writeln!(text, "        let w{b} = {};", shape.padded(l, b, inputs, "vec4(0.0)", |unit| format!("params[{first} + {unit} * {columns}u]")));
            if keep_out || l == shape.last() {
                (0..columns).for_each(|c| {
                    text += &format!("        {};\n", select_into(&format!("out{l}[{}]", b * columns + c), &format!("w{b}"), &format!("c == {c}u")))
                });
            }
        }
        if l < shape.last() {
            text += &transpose(shape, l);
        }
        text += "    }\n";
    }
    let head = &shape.layers[shape.last()];
    (0..vectors(head.outputs)).for_each(|c| text += &format!("    head_bias[{c}] = params[base / 4u + {}u];\n", head.offset / 4 + c));
    text + "}\n\n"
}

fn select_into(place: &str, value: &str, condition: &str) -> String {
    format!("{place} = select({place}, {value}, {condition})")
}

/// Weights into the lane's units of h_{l+1}, from vector `c` of the weights out of those of h_l, which lanes have in `w0`, `w1` and so on. A row of weights, unit
/// by unit, is four rows of the matrix whose columns lanes want: each lane takes one of the four, if it is one of its own.
fn transpose(shape: &Shape, l: usize) -> String {
    let inputs = shape.layers[l].inputs;
    let mut text = String::new();
    for m in 0..inputs {
        let (block, owner) = shape.owner(l, m);
        let _ = writeln!(text, "        let x{m} = component(subgroupBroadcast(w{block}, {owner}u), lane);");
        for b in 0..shape.blocks(l + 1) {
            let own = format!("c == {}u + lane / 4u", b * shape.lanes / 4);
            let _ = writeln!(text, "        {};", select_into(&format!("in{l}[{}]", b * inputs + m), &format!("x{m}"), &own));
        }
    }
    text
}

/// h_{l+1} of the lane's units.
fn hidden_forward(shape: &Shape, l: usize) -> String {
    let layer = &shape.layers[l];
    let blocks = shape.blocks(l + 1);
    let mut text = format!("// h{} from {} inputs.\nfn forward_{l}() {{\n", l + 1, layer.inputs);
    for v in 0..shape.row {
        text += "    {\n";
        (0..blocks).for_each(|b| text += &format!("        var y{b} = vec4(bias{l}[{b}]);\n"));
        for m in 0..layer.inputs {
            let _ = writeln!(text, "        let x{m} = {};", shape.input(l, m, v));
            (0..blocks).for_each(|b| text += &format!("        y{b} += in{l}[{}] * x{m};\n", b * layer.inputs + m));
        }
        (0..blocks).for_each(|b| text += &format!("        h{}[{}] = activation(y{b});\n", l + 1, b * shape.row + v));
        text += "    }\n";
    }
    text + "}\n\n"
}

/// A loop over the components of the observations: in its `body`, `x{v}` is component `m` of the samples of vector `v`. Of those that are stored as bits it
/// takes only what is 1 in some of the samples, which of games on boards are few. (Older software drivers carry out what is in an `if` in any case.)
fn each_component(shape: &Shape, body: &str) -> String {
    let mut text = if shape.packed {
        "    for (var w = 0u; w < OBSERVATION_WORDS; w++) {\n        let word = observations[observation_at + w];\n        var some = subgroupOr(word);\n        \
         while (some != 0u) {\n            let bit = firstTrailingBit(some);\n            some &= some - 1u;\n            let m = 32u * w + bit;\n            \
         let x = f32((word >> bit) & 1u);\n"
            .to_string()
    } else {
        "    for (var m = 0u; m < OBSERVATION; m++) {\n        let x = stored_component(observation_at, m);\n        if (subgroupAny(x != 0.0)) {\n".to_string()
    };
    for v in 0..shape.row {
        let of: Vec<String> = (4 * v..4 * v + 4).map(|i| format!("subgroupBroadcast(x, {i}u)")).collect();
        let _ = writeln!(text, "            let x{v} = vec4({});", of.join(", "));
    }
    text + body + "        }\n    }\n"
}

/// Vectors of a row of the first layer, as an index relative to its start: the lane's of group `g` of four blocks; and whether all lanes have one.
fn vector_of_group(shape: &Shape, g: usize) -> (String, bool) {
    (format!("{}u + lane", g * shape.lanes), (g + 1) * shape.lanes <= vectors(shape.layers[0].outputs))
}

/// h_1 of the lane's units, with weights from memory.
fn first_forward_loop(shape: &Shape) -> String {
    let layer = &shape.layers[0];
    let (blocks, columns) = (shape.blocks(1), vectors(layer.outputs));
    let mut text = format!("// h1 from {} inputs.\nfn forward_0(lane: u32) {{\n", layer.inputs);
    for v in 0..shape.row {
        (0..blocks).for_each(|b| text += &format!("    var y{b}_{v} = vec4(bias0[{b}]);\n"));
    }
    let mut body = String::new();
    for g in 0..blocks / 4 {
        // Lanes without a unit take some other one's weights; nothing reads what comes of it.
        let (at, all) = vector_of_group(shape, g);
        let at = if all { at } else { format!("min({at}, {}u)", columns - 1) };
        let _ = writeln!(body, "            let w{g} = params[weights_at / 4u + m * {columns}u + {at}];");
        for (b, component) in XYZW.iter().enumerate() {
            (0..shape.row).for_each(|v| body += &format!("            y{}_{v} += w{g}.{component} * x{v};\n", 4 * g + b));
        }
    }
    text += &each_component(shape, &body);
    for v in 0..shape.row {
        (0..blocks).for_each(|b| text += &format!("    h1[{}] = activation(y{b}_{v});\n", b * shape.row + v));
    }
    text + "}\n\n"
}

/// The head's outputs of the lane's sample: the lane's units' share of every sample, then the lanes' shares of the lane's.
fn head_forward(shape: &Shape) -> String {
    let l = shape.last();
    let layer = &shape.layers[l];
    let (blocks, columns) = (shape.blocks(l), vectors(layer.outputs));
    let mut text = String::from("fn forward_head(lane: u32) -> array<vec4<f32>, HEAD> {\n    var head = head_bias;\n");
    for k in 0..layer.outputs {
        text += "    {\n        var y = 0.0;\n";
        for v in 0..shape.row {
            let own: Vec<String> = (0..blocks).map(|b| format!("h{l}[{}] * out{l}[{}].{}", b * shape.row + v, b * columns + k / 4, XYZW[k % 4])).collect();
            let _ = writeln!(text, "        let share{v} = {};\n        var sum{v} = subgroupBroadcast(share{v}, 0u);", own.join(" + "));
            (1..shape.lanes).for_each(|i| text += &format!("        sum{v} += subgroupBroadcast(share{v}, {i}u);\n"));
            for (i, component) in XYZW.iter().enumerate() {
                let _ = writeln!(text, "        y = select(y, sum{v}.{component}, lane == {}u);", 4 * v + i);
            }
        }
        let _ = write!(text, "        head[{}].{} += y;\n    }}\n", k / 4, XYZW[k % 4]);
    }
    text + "    return head;\n}\n\n"
}

/// The functions of a backward pass that [`crate::wgsl::network::tile`] promises, beside those of [`forward`].
pub fn backward(plan: &Plan) -> String {
    let shape = Shape::new(plan, plan.tile);
    let first = if shape.loops { first_sums_begin(&shape) } else { String::new() };
    let (load, store) = (SUMS.exchange(&shape, false), SUMS.exchange(&shape, true));
    let mut text = format!("//! import whole\n\nalias Partial = vec4<f32>;\n\n{}", slopes_and_sums(&shape));
    // Sums begin as zeros, as private variables do.
    let _ = write!(
        text,
        "fn gradient_begin(row: u32, accumulate: bool, lane: u32) {{\n{first}    if (PASSES > 1u && accumulate) {{\n{load}    }}\n}}\n\n\
         fn gradient_end(row: u32, lane: u32) {{\n{store}}}\n\n\
         fn add_losses(row: u32, value: vec4<f32>, accumulate: bool, lane: u32) {{\n    let sum = select(vec4(0.0), partials[row / 4u], accumulate) + of_all(value);\n    \
         if (lane == 0u) {{\n        partials[row / 4u] = whole(sum, lane);\n    }}\n}}\n"
    );
    text
}

/// `network_backward` and what it writes to.
fn slopes_and_sums(shape: &Shape) -> String {
    let last = shape.last();
    let mut text = String::from(
        "// Of the lane's units: slopes of the loss before activation; sums over tiles of the gradients of biases, of weights from each input of the first\n\
         // layer, of weights to each output of the others.\n",
    );
    (1..=last).for_each(|l| text += &format!("var<private> d{l}: array<vec4<f32>, {}>;\n", shape.blocks(l) * shape.row));
    if shape.loops {
        text += "var<private> sums_at: u32;  // where those of the first layer's weights are, in partials\n";
    }
    text += &SUMS.declare(shape);
    text += "var<private> head_slope: array<vec4<f32>, HEAD>;  // of the lane's sample\n\n";
    for l in (1..=last).rev() {
        text += &hidden_backward(shape, l);
    }
    text += &if shape.loops { first_backward_loop(shape) } else { first_backward(shape) };
    text += "// Adds the tile's gradient to the sums, from the loss's slope at the head.\n\
        fn network_backward(base: u32, row: u32, accumulate: bool, lane: u32, slope: array<vec4<f32>, HEAD>) {\n    head_slope = slope;\n";
    (0..=last).rev().for_each(|l| text += &format!("    backward_{l}({});\n", shape.argument(l)));
    text += "}\n\n// The sum of all lanes' values.\nfn of_all(value: vec4<f32>) -> vec4<f32> {\n    var sum = subgroupBroadcast(value, 0u);\n";
    (1..shape.lanes).for_each(|i| text += &format!("    sum += subgroupBroadcast(value, {i}u);\n"));
    text + "    return sum;\n}\n\n"
}

/// What `learn` has beside [`forward`]: `network_backward`, and a step of Adam on all that lanes hold. Parameters, moments and sums stay with their lanes for
/// as many gradient steps as a dispatch makes.
pub fn learner(plan: &Plan) -> String {
    let shape = Shape::new(plan, plan.tile);
    let between = 1..shape.last();
    let mut begin = format!(
        "// Fetches the lane's parameters and moments of the network whose block begins at float `base`.\n\
         fn network_begin(base: u32, lane: u32) {{\n{}    transpose_weights(lane);\n{}{}}}\n\n// Stores them.\nfn network_end(base: u32, lane: u32) {{\n",
        WEIGHTS.exchange(&shape, false),
        FIRST_MOMENTS.exchange(&shape, false),
        SECOND_MOMENTS.exchange(&shape, false)
    );
    [WEIGHTS, FIRST_MOMENTS, SECOND_MOMENTS].iter().for_each(|held| begin += &held.exchange(&shape, true));
    begin += "}\n\n// Weights into the lane's units, from those that lanes have to each output of theirs.\nfn transpose_weights(lane: u32) {\n";
    for l in between {
        let columns = vectors(shape.layers[l].outputs);
        let _ = writeln!(begin, "    for (var c = 0u; c < {columns}u; c++) {{");
        for b in 0..shape.blocks(l) {
            let _ = writeln!(begin, "        var w{b} = out{l}[{}];", b * columns);
            (1..columns).for_each(|c| {
                begin += &format!("        {};\n", select_into(&format!("w{b}"), &format!("out{l}[{}]", b * columns + c), &format!("c == {c}u")));
            });
        }
        begin += &transpose(&shape, l);
        begin += "    }\n";
    }
    begin += "}\n\n";
    let mut text = network(plan, &shape, &begin, true) + "\n//! import whole\n\n" + &slopes_and_sums(&shape);
    [FIRST_MOMENTS, SECOND_MOMENTS].iter().for_each(|held| text += &held.declare(&shape));
    text += &learner_steps(plan, &shape);
    text
}

/// `sums_begin`, `sums_end` and `parameters_step`.
fn learner_steps(plan: &Plan, shape: &Shape) -> String {
    let mut text = String::from("\nfn sums_begin() {\n");
    let arrays = arrays(shape);
    for Array { name, length, vectors } in &arrays {
        let zero = if *vectors { "vec4(0.0)" } else { "0.0" };
        (0..*length).for_each(|i| text += &format!("    sums_{name}[{i}] = {zero};\n"));
    }
    text += "}\n\n// The squared norm of the network's gradient, of which those of fixed weights are dropped.\nfn sums_end(network: u32) -> f32 {\n";
    let (last, network) = (shape.last(), &plan.network);
    let columns = vectors(shape.layers[last].outputs);
    for b in 0..shape.blocks(last) {
        for k in network.weighted..network.heads[ACTOR] {
            let place = format!("sums_out{last}[{}].{}", b * columns + k / 4, XYZW[k % 4]);
            let _ = writeln!(text, "    {};", select_into(&place, "0.0", "network == 0u"));
        }
    }
    text += "    var squares = vec4(0.0);\n";
    let (own, of_every_lane): (Vec<&Array>, Vec<&Array>) = arrays.iter().partition(|array| array.name != HEAD_BIAS);
    for vector in own.iter().flat_map(|array| array.vectors("sums_")) {
        let _ = writeln!(text, "    {{\n        let g = {vector};\n        squares += g * g;\n    }}");
    }
    text += "    let sum = of_all(squares);\n    var square = (sum.x + sum.y) + (sum.z + sum.w);\n";
    for vector in of_every_lane.iter().flat_map(|array| array.vectors("sums_")) {
        let _ = writeln!(text, "    square += dot({vector}, {vector});");
    }
    text += "    return square;\n}\n\nfn parameters_step(step: AdamStep) {\n";
    for array in &arrays {
        let of = |prefix: &str| array.vectors(prefix);
        for (i, (((value, sum), first), second)) in of("").into_iter().zip(of("sums_")).zip(of("first_")).zip(of("second_")).enumerate() {
            let _ = writeln!(text, "    {{\n        let x = moved(step, {value}, {first}, {second}, {sum});");
            for (prefix, field) in [("", "value"), ("first_", "first"), ("second_", "second")] {
                text += &array.assign(prefix, i, &format!("x.{field}"));
            }
            text += "    }\n";
        }
    }
    text + "}\n"
}

/// An array of numbers, one for each of the parameters of the lane's units.
struct Array {
    /// Its name, without a prefix.
    name: String,
    length: usize,
    /// Whether its elements are vectors rather than floats.
    vectors: bool,
}

/// The array that is the same in every lane.
const HEAD_BIAS: &str = "head_bias";

impl Array {
    /// All of it as vectors, filled up with zeros.
    fn vectors(&self, prefix: &str) -> Vec<String> {
        let element = |i: usize| if i < self.length { format!("{prefix}{}[{i}]", self.name) } else { "0.0".into() };
        if self.vectors {
            return (0..self.length).map(element).collect();
        }
        (0..self.length).step_by(4).map(|i| format!("vec4({})", (i..i + 4).map(element).collect::<Vec<_>>().join(", "))).collect()
    }

    /// Assigns `value` to vector `i` of [`Array::vectors`].
    fn assign(&self, prefix: &str, i: usize, value: &str) -> String {
        if self.vectors {
            return format!("        {prefix}{}[{i}] = {value};\n", self.name);
        }
        (4 * i..self.length.min(4 * i + 4)).map(|k| format!("        {prefix}{}[{k}] = {value}.{};\n", self.name, XYZW[k % 4])).collect()
    }
}

/// The arrays of what lanes hold of each parameter.
fn arrays(shape: &Shape) -> Vec<Array> {
    let mut list = Vec::new();
    for (l, layer) in shape.layers.iter().enumerate() {
        if l < shape.last() {
            list.push(Array { name: format!("bias{l}"), length: shape.blocks(l + 1), vectors: false });
        }
        if l > 0 {
            list.push(Array { name: format!("out{l}"), length: shape.blocks(l) * vectors(layer.outputs), vectors: true });
        } else if shape.keeps_inputs(0) {
            list.push(Array { name: "in0".into(), length: shape.blocks(1) * layer.inputs, vectors: false });
        }
    }
    list.push(Array { name: HEAD_BIAS.into(), length: vectors(shape.layers[shape.last()].outputs), vectors: true });
    list
}

/// Numbers that lanes hold, one for each parameter of their units, in the arrays of [`arrays`] with a prefix; and the buffer that they are exchanged with.
#[derive(Clone, Copy)]
struct Held {
    prefix: &'static str,
    buffer: &'static str,
    /// The variable that says at which float of the buffer the network's block begins.
    base: &'static str,
}

const WEIGHTS: Held = Held { prefix: "", buffer: "params", base: "base" };
const SUMS: Held = Held { prefix: "sums_", buffer: "partials", base: "row" };
const FIRST_MOMENTS: Held = Held { prefix: "first_", buffer: "first_moments", base: "base" };
const SECOND_MOMENTS: Held = Held { prefix: "second_", buffer: "second_moments", base: "base" };

impl Held {
    fn declare(self, shape: &Shape) -> String {
        let one = |array: Array| {
            let element = if array.vectors { "vec4<f32>" } else { "f32" };
            format!("var<private> {}{}: array<{element}, {}>;\n", self.prefix, array.name, array.length)
        };
        arrays(shape).into_iter().map(one).collect()
    }

    /// Statements that fetch them, or `store` them. In loops, as [`load_weights`].
    fn exchange(self, shape: &Shape, store: bool) -> String {
        let mut text = String::new();
        for Exchange { layer, array, rounds, width, zero, place, stored } in exchanges(shape, self) {
            let _ = writeln!(text, "    for (var i = 0u; i < {rounds}u; i++) {{");
            for b in 0..shape.blocks(layer) {
                let held = |i: usize| format!("{array}[{}]", b * rounds + i);
                if store {
                    let _ = writeln!(text, "        var x{b} = {};", held(0));
                    (1..rounds).for_each(|i| text += &format!("        {};\n", select_into(&format!("x{b}"), &held(i), &format!("i == {i}u"))));
                    let own = place(&shape.unit(layer, b).0);
                    text += &shape.owned(layer, b, width, &format!("{own} = {};", stored(&format!("x{b}"))));
                } else {
                    let _ = writeln!(text, "        let x{b} = {};", shape.padded(layer, b, width, zero, &place));
                    (0..rounds).for_each(|i| text += &format!("        {};\n", select_into(&held(i), &format!("x{b}"), &format!("i == {i}u"))));
                }
            }
            text += "    }\n";
        }
        let Held { prefix, buffer, base } = self;
        let head = &shape.layers[shape.last()];
        for c in 0..vectors(head.outputs) {
            let place = format!("{buffer}[{base} / 4u + {}u]", head.offset / 4 + c);
            text += &if store {
                format!("    if (lane == 0u) {{\n        {place} = whole({prefix}{HEAD_BIAS}[{c}], lane);\n    }}\n")
            } else {
                format!("    {prefix}{HEAD_BIAS}[{c}] = {place};\n")
            };
        }
        text
    }
}

/// An array that lanes exchange with memory in a loop of `rounds`: round i that of index i in each block of units.
struct Exchange<'a> {
    /// The l of the h_l whose units the lanes' are.
    layer: usize,
    /// Its name: block b's part from b * rounds on.
    array: String,
    rounds: usize,
    /// Units that have a place in memory.
    width: usize,
    zero: &'static str,
    /// The place of a unit (an expression) in round `i`.
    place: Box<dyn Fn(&str) -> String + 'a>,
    /// What of a number that is held goes there.
    stored: fn(&str) -> String,
}

fn exchanges<'a>(shape: &'a Shape, held: Held) -> Vec<Exchange<'a>> {
    let Held { prefix, buffer, base } = held;
    let floats = |l: usize, array: String, rounds: usize, first_row: usize, layer: &'a Layer| Exchange {
        layer: l + 1,
        array,
        rounds,
        width: layer.columns(),
        zero: "0.0",
        place: Box::new(move |unit| {
            let at = format!("{base} + {}u + i * {}u + {unit}", layer.offset + first_row * layer.columns(), layer.columns());
            format!("{buffer}[({at}) / 4u][({at}) % 4u]")
        }),
        stored: |x| format!("whole(vec4({x}), lane).x"),
    };
    let mut list = Vec::new();
    for (l, layer) in shape.layers.iter().enumerate() {
        if l < shape.last() {
            list.push(floats(l, format!("{prefix}bias{l}"), 1, 0, layer));
        }
        if l == 0 && shape.loops {
            continue;
        } else if l == 0 {
            list.push(floats(l, format!("{prefix}in0"), layer.inputs, 1, layer));
        } else {
            let columns = vectors(layer.outputs);
            list.push(Exchange {
                layer: l,
                array: format!("{prefix}out{l}"),
                rounds: columns,
                width: layer.inputs,
                zero: "vec4(0.0)",
                place: Box::new(move |unit| format!("{buffer}[{base} / 4u + {}u + {unit} * {columns}u + i]", layer.offset / 4 + columns)),
                stored: |x| format!("whole({x}, lane)"),
            });
        }
    }
    list
}

/// `statement(place)` of the lane's sums, in partials, for the weights from input `m` to group `g` of four blocks.
fn first_sums(shape: &Shape, g: usize, statement: impl Fn(&str) -> String) -> String {
    let columns = vectors(shape.layers[0].outputs);
    let (at, all) = vector_of_group(shape, g);
    let statement = statement(&format!("partials[sums_at / 4u + m * {columns}u + {at}]"));
    if all { format!("            {statement}\n") } else { format!("            if ({at} < {columns}u) {{\n                {statement}\n            }}\n") }
}

fn first_sums_begin(shape: &Shape) -> String {
    let layer = &shape.layers[0];
    let mut text =
        format!("    sums_at = row + {}u;\n    if (!accumulate) {{\n        for (var m = 0u; m < OBSERVATION; m++) {{\n", layer.offset + layer.columns());
    (0..shape.blocks(1) / 4).for_each(|g| text += &first_sums(shape, g, |place| format!("{place} = whole(vec4(0.0), lane);")));
    text + "        }\n    }\n"
}

/// The gradient of the first layer's weights, added to what partials hold.
fn first_backward_loop(shape: &Shape) -> String {
    let mut body = String::new();
    for g in 0..shape.blocks(1) / 4 {
        let of_block = |b: usize| (0..shape.row).map(|v| format!("dot(d1[{}], x{v})", b * shape.row + v)).collect::<Vec<_>>().join(" + ");
        let sums: Vec<String> = (4 * g..4 * g + 4).map(of_block).collect();
        let _ = writeln!(body, "            let g{g} = vec4({});", sums.join(",\n                "));
        body += &first_sums(shape, g, |place| format!("{place} = whole({place} + g{g}, lane);"));
    }
    format!("fn backward_0(lane: u32) {{\n{}}}\n\n", each_component(shape, &body))
}

/// The gradient of layer `l`'s weights; the slopes at the layer below's outputs, and the gradient of its biases.
fn hidden_backward(shape: &Shape, l: usize) -> String {
    let layer = &shape.layers[l];
    let (blocks, columns) = (shape.blocks(l), vectors(layer.outputs));
    let mut text = format!("// d{l} from {} outputs.\nfn backward_{l}() {{\n", layer.outputs);
    for v in 0..shape.row {
        text += "    {\n";
        (0..blocks).for_each(|b| text += &format!("        var down{b} = vec4(0.0);\n        let own{b} = h{l}[{}];\n", b * shape.row + v));
        for k in 0..layer.outputs {
            let _ = writeln!(text, "        let e{k} = {};", shape.slope(l, k, v));
            for b in 0..blocks {
                let (place, component) = (b * columns + k / 4, XYZW[k % 4]);
                let _ =
                    writeln!(text, "        sums_out{l}[{place}].{component} += dot(own{b}, e{k});\n        down{b} += out{l}[{place}].{component} * e{k};");
            }
        }
        for b in 0..blocks {
            let _ = writeln!(text, "        down{b} *= activation_slope(own{b});\n        d{l}[{}] = down{b};", b * shape.row + v);
            let _ = writeln!(text, "        sums_bias{}[{b}] += (down{b}.x + down{b}.y) + (down{b}.z + down{b}.w);", l - 1);
        }
        text += "    }\n";
    }
    if l == shape.last() {
        for k in 0..layer.outputs {
            let terms: Vec<String> = (0..shape.row).map(|v| shape.slope(l, k, v)).collect();
            let _ = writeln!(text, "    sums_head_bias[{}].{} += dot({}, vec4(1.0));", k / 4, XYZW[k % 4], terms.join(" + "));
        }
    }
    text + "}\n\n"
}

/// The gradient of the first layer's weights.
fn first_backward(shape: &Shape) -> String {
    let layer = &shape.layers[0];
    let mut text = String::from("fn backward_0() {\n");
    for v in 0..shape.row {
        for m in 0..layer.inputs {
            let _ = writeln!(text, "    {{\n        let x = {};", shape.input(0, m, v));
            for b in 0..shape.blocks(1) {
                let _ = writeln!(text, "        sums_in0[{}] += dot(d1[{}], x);", b * layer.inputs + m, b * shape.row + v);
            }
            text += "    }\n";
        }
    }
    text + "}\n\n"
}
