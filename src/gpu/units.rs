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
//! This is for drivers that run a subgroup as one vector of the processor (Mesa's llvmpipe): a broadcast is an operand of the multiplication there, while
//! memory at an address of each lane's own costs six times and more the price of a multiplication. Here only samples, weights and sums take that way: the
//! first once a tile, the others once a dispatch.

use super::dense::{XYZW, activation, vectors};
use crate::network::{Layer, Network};
use crate::plan::{Plan, Profile};
use std::fmt::Write;

/// Whether `network` can be written out for the profile: its lanes are units, and no product exceeds the limit of straight-line code.
pub fn fits(profile: &Profile, network: &Network) -> bool {
    let lanes = profile.subgroup as usize;
    let fits = |layer: &Layer| layer.inputs * layer.outputs.next_multiple_of(lanes) <= profile.straight_line_limit;
    lanes > 0 && network.layers.len() > 1 && network.layers.iter().all(fits)
}

/// Rounds of loops for each tile: of the observation, of the permutation (some thirty), and what is left over for others.
pub fn tile_rounds(observation: usize) -> usize {
    observation + 64
}

/// At most as many rounds of loops as an invocation of `gradient`, the kernel with most, makes.
pub fn loop_rounds(plan: &Plan) -> usize {
    // Sums begin and end; weights are fetched.
    let exchanged = |layer: &Layer| 3 * (layer.inputs + vectors(layer.outputs) + 1);
    plan.network.layers.iter().map(exchanged).sum::<usize>() + plan.tiles_per_pass * tile_rounds(plan.environment.observation)
}

/// What the text is written for.
struct Shape<'a> {
    layers: &'a [Layer],
    lanes: usize,
    /// Vectors that the samples take.
    row: usize,
}

impl<'a> Shape<'a> {
    fn new(plan: &'a Plan, tile: usize) -> Self {
        Shape { layers: &plan.network.layers, lanes: plan.lanes, row: tile / 4 }
    }

    fn last(&self) -> usize {
        self.layers.len() - 1
    }

    /// Units of each lane in a layer of `width` units.
    fn blocks(&self, width: usize) -> usize {
        width.div_ceil(self.lanes)
    }

    /// `statement`, for lanes whose unit of block `b` is one of `width`.
    fn owned(&self, b: usize, width: usize, statement: &str) -> String {
        let first = b * self.lanes;
        if first + self.lanes <= width {
            format!("    {statement}\n")
        } else {
            format!("    if ({first}u + lane < {width}u) {{\n        {statement}\n    }}\n")
        }
    }

    /// `value(unit)` of the lane's unit of block `b`; `zero` for lanes past the last of `width` units.
    fn padded(&self, b: usize, width: usize, zero: &str, value: impl Fn(&str) -> String) -> String {
        let unit = format!("({}u + lane)", b * self.lanes);
        if (b + 1) * self.lanes <= width {
            value(&unit)
        } else {
            let inside = value(&format!("min({unit}, {}u)", width - 1));
            format!("select({zero}, {inside}, {unit} < {width}u)")
        }
    }

    /// Values of unit `k` for the samples of vector `v`, from the lane that owns it; `array` holds units of a hidden layer.
    fn of_unit(&self, array: &str, k: usize, v: usize) -> String {
        format!("subgroupBroadcast({array}[{}], {}u)", k / self.lanes * self.row + v, k % self.lanes)
    }

    /// Component `k` of what lanes hold of their samples, for the samples of vector `v`.
    fn of_samples(&self, array: &str, k: usize, v: usize) -> String {
        let of = |i: usize| format!("subgroupBroadcast({array}[{}].{}, {}u)", k / 4, XYZW[k % 4], 4 * v + i);
        format!("vec4({}, {}, {}, {})", of(0), of(1), of(2), of(3))
    }

    /// Values of the layer below, `l`'s inputs.
    fn input(&self, l: usize, m: usize, v: usize) -> String {
        if l == 0 { self.of_samples("h0", m, v) } else { self.of_unit(&format!("h{l}"), m, v) }
    }

    /// Slopes at `l`'s outputs.
    fn slope(&self, l: usize, k: usize, v: usize) -> String {
        if l == self.last() { self.of_samples("head_slope", k, v) } else { self.of_unit(&format!("d{}", l + 1), k, v) }
    }
}

/// The functions that [`super::dense::forward`] promises, for the samples of the first `samples` lanes, and what [`backward`] needs if asked to.
pub fn forward(plan: &Plan, samples: usize, for_backward: bool) -> String {
    let shape = Shape::new(plan, samples);
    let last = shape.last();
    let mut text = String::from(
        "// Written out for this plan's layers by src/gpu/units.rs.\n\n\
         fn parameter(index: u32) -> f32 {\n    return params[index / 4u][index % 4u];\n}\n\n\
         // Component `i` mod 4.\n\
         fn component(x: vec4<f32>, i: u32) -> f32 {\n    return select(select(x.x, x.y, i % 4u == 1u), select(x.z, x.w, i % 4u == 3u), i % 4u > 1u);\n}\n\n\
         // The observation of the lane's sample.\nvar<private> h0: array<vec4<f32>, INPUT>;\n\
         // Of the lane's units: activations, biases, weights from each input (`in`) and to each output (`out`).\n",
    );
    for (l, layer) in shape.layers.iter().enumerate() {
        if l > 0 {
            let blocks = shape.blocks(layer.inputs);
            let _ = writeln!(text, "var<private> h{l}: array<vec4<f32>, {}>;", blocks * shape.row);
            let _ = writeln!(text, "var<private> out{l}: array<vec4<f32>, {}>;", blocks * vectors(layer.outputs));
        }
        if l < last {
            let blocks = shape.blocks(layer.outputs);
            let _ = writeln!(text, "var<private> bias{l}: array<f32, {blocks}>;\nvar<private> in{l}: array<f32, {}>;", blocks * layer.inputs);
        }
    }
    text += "var<private> head_bias: array<vec4<f32>, HEAD>;\n\n";
    text += activation(plan.network.activation);
    text += &load_weights(&shape, for_backward);
    for l in 0..last {
        text += &hidden_forward(&shape, l);
    }
    text += &head_forward(&shape);
    text += "// The head's outputs for the observation in h0; keeps the hidden activations.\n\
        fn network_forward(base: u32, lane: u32) -> array<vec4<f32>, HEAD> {\n";
    if for_backward {
        // Makes LLVM keep weights and sums in memory between tiles, rather than look for registers.
        text += "    workgroupBarrier();\n";
    }
    (0..last).for_each(|l| text += &format!("    forward_{l}();\n"));
    text + "    return forward_head(lane);\n}\n"
}

/// Fetches weights in loops with one access to memory for each block, since drivers write out a loop over the lanes for each access.
fn load_weights(shape: &Shape, keep_out: bool) -> String {
    let mut text =
        String::from("// Fetches the lane's weights of the network whose block begins at float `base` of params.\nfn network_begin(base: u32, lane: u32) {\n");
    for (l, layer) in shape.layers.iter().enumerate() {
        let (inputs, outputs, columns) = (layer.inputs, layer.outputs, vectors(layer.outputs));
        if l < shape.last() {
            for b in 0..shape.blocks(outputs) {
                let bias = shape.padded(b, outputs, "0.0", |unit| format!("parameter(base + {}u + {unit})", layer.offset));
                let _ = writeln!(text, "    bias{l}[{b}] = {bias};");
            }
        }
        if l == 0 {
            let _ = writeln!(text, "    for (var m = 0u; m < {inputs}u; m++) {{");
            for b in 0..shape.blocks(outputs) {
                let row = format!("base + {}u + m * {}u", layer.offset + layer.columns(), layer.columns());
                let _ = writeln!(text, "        let w{b} = {};", shape.padded(b, outputs, "0.0", |unit| format!("parameter({row} + {unit})")));
                (0..inputs)
                    .for_each(|m| text += &format!("        {};\n", select_into(&format!("in0[{}]", b * inputs + m), &format!("w{b}"), &format!("m == {m}u"))));
            }
            text += "    }\n";
            continue;
        }
        let _ = writeln!(text, "    for (var c = 0u; c < {columns}u; c++) {{");
        for b in 0..shape.blocks(inputs) {
            let first = format!("base / 4u + {}u + c", layer.offset / 4 + columns);
            let _ = writeln!(text, "        let w{b} = {};", shape.padded(b, inputs, "vec4(0.0)", |unit| format!("params[{first} + {unit} * {columns}u]")));
            if keep_out || l == shape.last() {
                (0..columns).for_each(|c| {
                    text += &format!("        {};\n", select_into(&format!("out{l}[{}]", b * columns + c), &format!("w{b}"), &format!("c == {c}u")))
                });
            }
        }
        if l < shape.last() {
            // A row of weights, unit by unit, is four rows of the matrix whose columns lanes want: each lane takes one of the four, if it is one of its own.
            for m in 0..inputs {
                let _ = writeln!(text, "        let x{m} = component(subgroupBroadcast(w{}, {}u), lane);", m / shape.lanes, m % shape.lanes);
                for b in 0..shape.blocks(outputs) {
                    let own = format!("c == {}u + lane / 4u", b * shape.lanes / 4);
                    let _ = writeln!(text, "        {};", select_into(&format!("in{l}[{}]", b * inputs + m), &format!("x{m}"), &own));
                }
            }
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

/// h_{l+1} of the lane's units.
fn hidden_forward(shape: &Shape, l: usize) -> String {
    let layer = &shape.layers[l];
    let blocks = shape.blocks(layer.outputs);
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

/// The head's outputs of the lane's sample: the lane's units' share of every sample, then the lanes' shares of the lane's.
fn head_forward(shape: &Shape) -> String {
    let l = shape.last();
    let layer = &shape.layers[l];
    let (blocks, columns) = (shape.blocks(layer.inputs), vectors(layer.outputs));
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

/// The functions of a backward pass that [`super::dense::tile`] promises, beside those of [`forward`].
pub fn backward(plan: &Plan) -> String {
    let shape = Shape::new(plan, plan.tile);
    let last = shape.last();
    let mut text = String::from(
        "//! import whole\n\nalias Partial = vec4<f32>;\n\n\
         // Of the lane's units: slopes of the loss before activation; sums over tiles of the gradients of biases, of weights from each input of the first\n\
         // layer, of weights to each output of the others.\n",
    );
    for (l, layer) in shape.layers.iter().enumerate() {
        if l == 0 {
            let _ = writeln!(text, "var<private> sums0: array<f32, {}>;", shape.blocks(layer.outputs) * layer.inputs);
        } else {
            let blocks = shape.blocks(layer.inputs);
            let _ = writeln!(text, "var<private> d{l}: array<vec4<f32>, {}>;", blocks * shape.row);
            let _ = writeln!(text, "var<private> bias_sums{}: array<f32, {blocks}>;", l - 1);
            let _ = writeln!(text, "var<private> sums{l}: array<vec4<f32>, {}>;", blocks * vectors(layer.outputs));
        }
    }
    text += "var<private> head_slope: array<vec4<f32>, HEAD>;  // of the lane's sample\nvar<private> head_bias_sums: array<vec4<f32>, HEAD>;\n\n";
    text += &exchange_sums(&shape);
    for l in (1..=last).rev() {
        text += &hidden_backward(&shape, l);
    }
    text += &first_backward(&shape);
    text += "// Adds the tile's gradient to the sums, from the loss's slope at the head.\n\
        fn network_backward(base: u32, row: u32, accumulate: bool, lane: u32, slope: array<vec4<f32>, HEAD>) {\n    head_slope = slope;\n";
    (0..=last).rev().for_each(|l| text += &format!("    backward_{l}();\n"));
    text += "}\n\nfn add_losses(row: u32, value: vec4<f32>, accumulate: bool, lane: u32) {\n    var sum = select(vec4(0.0), partials[row / 4u], accumulate);\n";
    (0..shape.lanes).for_each(|i| text += &format!("    sum += subgroupBroadcast(value, {i}u);\n"));
    text + "    if (lane == 0u) {\n        partials[row / 4u] = whole(sum, lane);\n    }\n}\n"
}

/// Sums that lanes exchange with partials in a loop of `rounds`: round i that of index i in each block of units.
struct Exchange<'a> {
    /// The array of sums: block b's from b * rounds on.
    sums: String,
    rounds: usize,
    /// Units that have a place in partials.
    width: usize,
    zero: &'static str,
    /// The place of a unit (an expression) in round `i`.
    place: Box<dyn Fn(&str) -> String + 'a>,
    /// What of a stored sum goes there.
    stored: fn(&str) -> String,
}

fn exchanges<'a>(shape: &'a Shape) -> Vec<Exchange<'a>> {
    let floats = |sums: String, rounds: usize, first_row: usize, layer: &'a Layer| Exchange {
        sums,
        rounds,
        width: layer.columns(),
        zero: "0.0",
        place: Box::new(move |unit| {
            let at = format!("row + {}u + i * {}u + {unit}", layer.offset + first_row * layer.columns(), layer.columns());
            format!("partials[({at}) / 4u][({at}) % 4u]")
        }),
        stored: |x| format!("whole(vec4({x}), lane).x"),
    };
    let mut list = Vec::new();
    for (l, layer) in shape.layers.iter().enumerate() {
        if l < shape.last() {
            list.push(floats(format!("bias_sums{l}"), 1, 0, layer));
        }
        if l == 0 {
            list.push(floats("sums0".into(), layer.inputs, 1, layer));
        } else {
            let columns = vectors(layer.outputs);
            list.push(Exchange {
                sums: format!("sums{l}"),
                rounds: columns,
                width: layer.inputs,
                zero: "vec4(0.0)",
                place: Box::new(move |unit| format!("partials[row / 4u + {}u + {unit} * {columns}u + i]", layer.offset / 4 + columns)),
                stored: |x| format!("whole({x}, lane)"),
            });
        }
    }
    list
}

/// `gradient_begin` and `gradient_end`: the sums begin as what `partials` holds, or as 0, and end there. In loops, as [`load_weights`].
fn exchange_sums(shape: &Shape) -> String {
    let (mut begin, mut end) = (String::new(), String::new());
    for exchange in exchanges(shape) {
        let Exchange { sums, rounds, width, zero, place, stored } = &exchange;
        for text in [&mut begin, &mut end] {
            let _ = writeln!(text, "    for (var i = 0u; i < {rounds}u; i++) {{");
        }
        for b in 0..shape.blocks(*width) {
            let sum = |i: usize| format!("{sums}[{}]", b * rounds + i);
            let _ = writeln!(begin, "        let x{b} = {};", shape.padded(b, *width, zero, place));
            let _ = writeln!(end, "        var x{b} = {};", sum(0));
            for i in 0..*rounds {
                let _ = writeln!(begin, "        {};", select_into(&sum(i), &format!("x{b}"), &format!("i == {i}u")));
                if i > 0 {
                    let _ = writeln!(end, "        {};", select_into(&format!("x{b}"), &sum(i), &format!("i == {i}u")));
                }
            }
            let own = place(&format!("({}u + lane)", b * shape.lanes));
            end += &shape.owned(b, *width, &format!("{own} = {};", stored(&format!("x{b}"))));
        }
        begin += "    }\n";
        end += "    }\n";
    }
    let head = &shape.layers[shape.last()];
    for c in 0..vectors(head.outputs) {
        let place = format!("partials[row / 4u + {}u]", head.offset / 4 + c);
        let _ = writeln!(begin, "    head_bias_sums[{c}] = {place};");
        let _ = writeln!(end, "    if (lane == 0u) {{\n        {place} = whole(head_bias_sums[{c}], lane);\n    }}");
    }
    // Sums begin as zeros, as private variables do.
    format!(
        "fn gradient_begin(row: u32, accumulate: bool, lane: u32) {{\n    if (PASSES > 1u && accumulate) {{\n{begin}    }}\n}}\n\n\
         fn gradient_end(row: u32, lane: u32) {{\n{end}}}\n\n"
    )
}

/// The gradient of layer `l`'s weights; the slopes at the layer below's outputs, and the gradient of its biases.
fn hidden_backward(shape: &Shape, l: usize) -> String {
    let layer = &shape.layers[l];
    let (blocks, columns) = (shape.blocks(layer.inputs), vectors(layer.outputs));
    let mut text = format!("// d{l} from {} outputs.\nfn backward_{l}() {{\n", layer.outputs);
    for v in 0..shape.row {
        text += "    {\n";
        (0..blocks).for_each(|b| text += &format!("        var down{b} = vec4(0.0);\n        let own{b} = h{l}[{}];\n", b * shape.row + v));
        for k in 0..layer.outputs {
            let _ = writeln!(text, "        let e{k} = {};", shape.slope(l, k, v));
            for b in 0..blocks {
                let (place, component) = (b * columns + k / 4, XYZW[k % 4]);
                let _ = writeln!(text, "        sums{l}[{place}].{component} += dot(own{b}, e{k});\n        down{b} += out{l}[{place}].{component} * e{k};");
            }
        }
        for b in 0..blocks {
            let _ = writeln!(text, "        down{b} *= activation_slope(own{b});\n        d{l}[{}] = down{b};", b * shape.row + v);
            let _ = writeln!(text, "        bias_sums{}[{b}] += (down{b}.x + down{b}.y) + (down{b}.z + down{b}.w);", l - 1);
        }
        text += "    }\n";
    }
    if l == shape.last() {
        for k in 0..layer.outputs {
            let terms: Vec<String> = (0..shape.row).map(|v| shape.slope(l, k, v)).collect();
            let _ = writeln!(text, "    head_bias_sums[{}].{} += dot({}, vec4(1.0));", k / 4, XYZW[k % 4], terms.join(" + "));
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
            for b in 0..shape.blocks(layer.outputs) {
                let _ = writeln!(text, "        sums0[{}] += dot(d1[{}], x);", b * layer.inputs + m, b * shape.row + v);
            }
            text += "    }\n";
        }
    }
    text + "}\n\n"
}
