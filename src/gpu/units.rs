//! Writes out a tile's forward and backward pass with the *units* of a layer on the lanes, as WGSL without any control flow.
//!
//! A lane owns one unit of every layer (two of a layer wider than the workgroup) and holds its values for all samples of the tile in registers, four
//! to a vector. What the other side of a product needs lies in `scratch`, a row a unit, at addresses that all lanes share:
//! - forward: `y[i] += w[m] · U[m][i]`, w the lane's column of the weights, U the activations of the layer below;
//! - weight gradient: `g[k] += Σ_i x[i] · U[k][i]`, x the lane's own activations, U the slopes at the layer's outputs;
//! - backward to the layer below: `d[i] += w[k] · U[k][i]`, w the lane's row of the weights, U the same slopes.
//!
//! What software drivers charge most for is memory at an address of each lane's own, six times and more the price of a multiplication, and only
//! the observations, the head's inputs and a row of each layer change lanes here. (With samples on the lanes, as [`super::dense`] has them, every
//! value changes lanes twice for the weight gradient.) Stores to one component of a shared vector by several lanes must not disturb each other,
//! which Metal does not promise; see [`crate::gpu::profile`].

use super::dense::{XYZW, activation, vectors};
use crate::network::{Layer, Network};
use crate::plan::{Plan, Profile};
use std::fmt::Write;

/// Samples of a minibatch from which on a lane gets two of each tile: a fifth faster, for code that takes twice as long to compile.
const LARGE_MINIBATCH: usize = 1 << 14;

/// Samples for each lane with which `network` fits the profile's scratch memory and its limit of straight-line code. None where it does not fit, or the
/// profile has samples on its lanes.
pub fn samples_per_lane(profile: &Profile, network: &Network, minibatch: usize) -> Option<usize> {
    let lanes = profile.lanes as usize;
    let fits = |samples: usize| {
        let tile = lanes * samples;
        let rows = profile.scratch_bytes as usize / 4 / tile;
        let layer_fits = |layer: &Layer| {
            let product = layer.inputs * tile * layer.outputs.div_ceil(lanes);
            layer.inputs.next_multiple_of(lanes) <= rows && layer.outputs <= rows && product * samples <= profile.straight_line_limit
        };
        // Observations take a row each, without filling up.
        let (first, others) = network.layers.split_first().expect("networks have layers");
        profile.lanes_are_units && first.inputs <= rows && first.inputs * tile <= profile.straight_line_limit && others.iter().all(layer_fits)
    };
    if minibatch >= LARGE_MINIBATCH && fits(2) { Some(2) } else { fits(1).then_some(1) }
}

/// What the text is written for.
struct Shape<'a> {
    layers: &'a [Layer],
    lanes: usize,
    samples: usize,
    /// Vectors of a row of scratch: the tile's samples, four to a vector.
    row: usize,
}

impl Shape<'_> {
    /// Blocks of lanes that the units of a layer with `width` units take.
    fn blocks(&self, width: usize) -> usize {
        width.div_ceil(self.lanes)
    }

    /// The lane's unit of block `b` of `width` units. Lanes past the last one repeat it.
    fn unit(&self, b: usize, width: usize) -> String {
        let first = b * self.lanes;
        if first + self.lanes <= width { format!("{first}u + lane") } else { format!("min({first}u + lane, {}u)", width - 1) }
    }

    /// `statement`, for lanes that have a unit of their own in block `b`.
    fn owned(&self, b: usize, width: usize, statement: &str) -> String {
        let first = b * self.lanes;
        if first + self.lanes <= width {
            format!("    {statement}\n")
        } else {
            format!("    if ({first}u + lane < {width}u) {{\n        {statement}\n    }}\n")
        }
    }

    /// Shares what lanes hold of samples: row m gets component m of `source` of each sample.
    fn share_samples(&self, source: &str, width: usize) -> String {
        let mut text = String::from("    workgroupBarrier();\n");
        for j in 0..self.samples {
            for m in 0..width {
                let place = m * self.row + j * self.lanes / 4;
                let _ = writeln!(text, "    scratch[{place}u + lane / 4u][lane % 4u] = {source}[{j}][{}].{};", m / 4, XYZW[m % 4]);
            }
        }
        text + "    workgroupBarrier();\n"
    }

    /// Shares what lanes hold of units: row k gets unit k of `source`.
    fn share_units(&self, source: &str, width: usize) -> String {
        let mut text = String::from("    workgroupBarrier();\n");
        for b in 0..self.blocks(width) {
            for v in 0..self.row {
                let _ = writeln!(text, "    scratch[({}u + lane) * {}u + {v}u] = whole({source}_{b}[{v}], lane);", b * self.lanes, self.row);
            }
        }
        text + "    workgroupBarrier();\n"
    }

    /// `Σ_i x[i] · U[k][i]` into `target(k)` for `count` rows, two rows at a time, so that x is fetched half as often.
    fn dot_rows(&self, x: &str, count: usize, target: impl Fn(usize) -> String) -> String {
        let mut text = String::new();
        let rows: Vec<usize> = (0..count).collect();
        for pair in rows.chunks(2) {
            text += "    {\n";
            for v in 0..self.row {
                for k in pair {
                    let (sign, place) = if v == 0 { (format!("var sum{k} ="), k * self.row) } else { (format!("sum{k} +="), k * self.row + v) };
                    let _ = writeln!(text, "        {sign} {x}[{v}] * scratch[{place}];");
                }
            }
            for &k in pair {
                let _ = writeln!(text, "        {} = sum_of(sum{k});", target(k));
            }
            text += "    }\n";
        }
        text
    }

    /// `y[i] = f(start + Σ_m w[m] · U[m][i])` for the row's vectors, `w` given for each m.
    fn combine_rows(&self, y: &str, start: &str, terms: usize, w: impl Fn(usize) -> String, f: impl Fn(&str, usize) -> String) -> String {
        let mut text = String::new();
        for v in 0..self.row {
            let _ = write!(text, "    {{\n        var sum = {start};\n");
            for m in 0..terms {
                let _ = writeln!(text, "        sum += {} * scratch[{}];", w(m), m * self.row + v);
            }
            let _ = write!(text, "        {y}[{v}] = {};\n    }}\n", f("sum", v));
        }
        text
    }
}

/// The functions that [`super::dense::tile`] promises.
pub fn tile(plan: &Plan) -> String {
    let layers = &plan.network.layers[..];
    let lanes = plan.profile.lanes as usize;
    let shape = Shape { layers, lanes, samples: plan.samples_per_lane, row: plan.tile / 4 };
    let mut text = String::from(
        "// Written out for this plan's layers by src/gpu/units.rs.\n\n//! import whole\n\n\
         alias Partial = vec4<f32>;\n\n\
         fn parameter(index: u32) -> f32 {\n    return params[index / 4u][index % 4u];\n}\n\n\
         // Stores a vector of partial sums, or adds it to the earlier passes' sums.\n\
         fn add_vector(index: u32, value: vec4<f32>, accumulate: bool, lane: u32) {\n    if (PASSES > 1u) {\n        \
         partials[index] = whole(select(vec4(0.0), partials[index], accumulate) + value, lane);\n    } else {\n        \
         partials[index] = whole(value, lane);\n    }\n}\n\n\
         // The same for one float.\n\
         fn add_partial(index: u32, value: f32, accumulate: bool, lane: u32) {\n    if (PASSES > 1u) {\n        \
         partials[index / 4u][index % 4u] = whole(vec4(select(0.0, partials[index / 4u][index % 4u], accumulate) + value), lane).x;\n    } else {\n        \
         partials[index / 4u][index % 4u] = whole(vec4(value), lane).x;\n    }\n}\n\n\
         fn sum_of(x: vec4<f32>) -> f32 {\n    return (x.x + x.y) + (x.z + x.w);\n}\n\n",
    );
    text += activation(plan.network.activation);
    text += "// The values of the lane's units for all samples of the tile: activations, and slopes of the loss before activation.\n";
    for (l, layer) in layers.iter().enumerate().skip(1) {
        for b in 0..shape.blocks(layer.inputs) {
            let _ = writeln!(text, "var<private> h{l}_{b}: array<vec4<f32>, {row}>;\nvar<private> d{l}_{b}: array<vec4<f32>, {row}>;", row = shape.row);
        }
    }
    text += "\n";
    let last = layers.len() - 1;
    for l in 0..last {
        text += &hidden_forward(&shape, l);
    }
    text += &head_forward(&shape);
    text += "fn tile_forward(base: u32, lane: u32) {\n";
    text += &shape.share_samples("tile_inputs", layers[0].inputs);
    (0..=last).for_each(|l| text += &format!("    forward_{l}(base, lane);\n"));
    text += "}\n\n";
    for l in (1..=last).rev() {
        text += &backward(&shape, l);
    }
    text += &first_backward(&shape);
    text += "fn tile_backward(base: u32, row: u32, accumulate: bool, lane: u32) {\n";
    text += &shape.share_samples("tile_slopes", layers[last].outputs);
    text += &head_bias(&shape);
    (0..=last).rev().for_each(|l| text += &format!("    backward_{l}(base, row, accumulate, lane);\n"));
    text += "}\n\nfn tile_losses(row: u32, value: vec4<f32>, accumulate: bool, lane: u32) {\n    workgroupBarrier();\n    scratch[lane] = value;\n    \
        workgroupBarrier();\n    var sum = scratch[0];\n";
    (1..lanes).for_each(|i| text += &format!("    sum += scratch[{i}];\n"));
    text + "    if (lane == 0u) {\n        add_vector(row / 4u, sum, accumulate, lane);\n    }\n}\n"
}

/// h_{l+1} of the lane's units, from the rows of the layer below; shares them.
fn hidden_forward(shape: &Shape, l: usize) -> String {
    let layer = &shape.layers[l];
    let (inputs, width, stride) = (layer.inputs, layer.outputs, 4 * vectors(layer.outputs));
    let mut text = format!("// h{} from {inputs} inputs.\nfn forward_{l}(base: u32, lane: u32) {{\n", l + 1);
    for b in 0..shape.blocks(width) {
        let _ = writeln!(text, "    {{\n    let column = base + {}u + {};\n    var w: array<f32, {inputs}>;", layer.offset, shape.unit(b, width));
        for m in 0..inputs {
            let _ = writeln!(text, "    w[{m}] = parameter(column + {}u);", (m + 1) * stride);
        }
        text += "    let bias = vec4(parameter(column));\n";
        text += &shape.combine_rows(&format!("h{}_{b}", l + 1), "bias", inputs, |m| format!("w[{m}]"), |sum, _| format!("activation({sum})"));
        text += "    }\n";
    }
    text + &shape.share_units(&format!("h{}", l + 1), width) + "}\n\n"
}

/// The head's outputs of the lane's samples, from the rows of the last hidden layer.
fn head_forward(shape: &Shape) -> String {
    let l = shape.layers.len() - 1;
    let layer = &shape.layers[l];
    let stride = 4 * vectors(layer.outputs);
    let mut text = format!("// The head from {} inputs.\nfn forward_{l}(base: u32, lane: u32) {{\n    let first = base + {}u;\n", layer.inputs, layer.offset);
    for k in 0..layer.outputs {
        let _ = writeln!(text, "    let bias{k} = parameter(first + {k}u);");
        (0..shape.samples).for_each(|j| text += &format!("    var y{j}_{k} = bias{k};\n"));
    }
    for m in 0..layer.inputs {
        text += "    {\n";
        for j in 0..shape.samples {
            let place = m * shape.row + j * shape.lanes / 4;
            let _ = writeln!(text, "        let x{j} = scratch[{place}u + lane / 4u][lane % 4u];");
        }
        for k in 0..layer.outputs {
            let _ = writeln!(text, "        let w{k} = parameter(first + {}u);", (m + 1) * stride + k);
            (0..shape.samples).for_each(|j| text += &format!("        y{j}_{k} += x{j} * w{k};\n"));
        }
        text += "    }\n";
    }
    for (j, k) in (0..shape.samples).flat_map(|j| (0..layer.outputs).map(move |k| (j, k))) {
        let _ = writeln!(text, "    tile_outputs[{j}][{}].{} = y{j}_{k};", k / 4, XYZW[k % 4]);
    }
    text + "}\n\n"
}

/// The head's bias gradient: the sum of its slopes, which are in the rows.
fn head_bias(shape: &Shape) -> String {
    let layer = &shape.layers[shape.layers.len() - 1];
    let mut text = String::new();
    for c in 0..vectors(layer.outputs) {
        let _ = write!(text, "    {{\n    var bias = vec4(0.0);\n");
        for k in 4 * c..layer.outputs.min(4 * c + 4) {
            let terms: Vec<String> = (0..shape.row).map(|v| format!("scratch[{}]", k * shape.row + v)).collect();
            let _ = writeln!(text, "    bias.{} = sum_of({});", XYZW[k % 4], terms.join(" + "));
        }
        let _ = write!(text, "    if (lane == 0u) {{\n        add_vector(row / 4u + {}u, bias, accumulate, lane);\n    }}\n    }}\n", layer.offset / 4 + c);
    }
    text
}

/// Layer `l`'s weight gradient and the slopes of the layer below, from the slopes at its outputs in the rows; the bias gradient of the layer below.
/// Shares the slopes, or the observations where the layer below is the first one.
fn backward(shape: &Shape, l: usize) -> String {
    let (layer, below) = (&shape.layers[l], &shape.layers[l - 1]);
    let (inputs, outputs, columns) = (layer.inputs, layer.outputs, vectors(layer.outputs));
    let mut text = format!("// Weight gradient of layer {l}, d{l} from the rows.\nfn backward_{l}(base: u32, row: u32, accumulate: bool, lane: u32) {{\n");
    for b in 0..shape.blocks(inputs) {
        let (h, d) = (format!("h{l}_{b}"), format!("d{l}_{b}"));
        let _ = writeln!(text, "    {{\n    let unit = {};\n    let place = {}u + (unit + 1u) * {columns}u;", shape.unit(b, inputs), layer.offset / 4);
        // All sums before the first store: behind a store, compilers would compute h anew.
        let _ = writeln!(text, "    var sums: array<vec4<f32>, {columns}>;");
        text += &shape.dot_rows(&h, outputs, |k| format!("sums[{}].{}", k / 4, XYZW[k % 4]));
        for c in 0..columns {
            text += &shape.owned(b, inputs, &format!("add_vector(row / 4u + place + {c}u, sums[{c}], accumulate, lane);"));
        }
        // The barrier keeps compilers from carrying every row over to the next product in registers that they do not have.
        let _ = writeln!(text, "    workgroupBarrier();\n    var w: array<vec4<f32>, {columns}>;");
        (0..columns).for_each(|c| text += &format!("    w[{c}] = params[base / 4u + place + {c}u];\n"));
        text +=
            &shape.combine_rows(&d, "vec4(0.0)", outputs, |k| format!("w[{}].{}", k / 4, XYZW[k % 4]), |sum, v| format!("{sum} * activation_slope({h}[{v}])"));
        let _ = writeln!(text, "    var bias = {d}[0];");
        (1..shape.row).for_each(|v| text += &format!("    bias += {d}[{v}];\n"));
        let padded = 4 * vectors(inputs);
        text += &shape.owned(b, inputs, &format!("add_partial(row + {}u + unit, sum_of(bias), accumulate, lane);", below.offset));
        text += &padding(shape, b, inputs, padded, &format!("add_partial(row + {}u + {}u + lane, 0.0, accumulate, lane);", below.offset, b * shape.lanes));
        text += "    }\n";
    }
    text += &if l > 1 { shape.share_units(&format!("d{l}"), inputs) } else { shape.share_samples("tile_inputs", below.inputs) };
    text + "}\n\n"
}

/// `statement` for the lanes whose unit of block `b` is padding.
fn padding(shape: &Shape, b: usize, width: usize, padded: usize, statement: &str) -> String {
    let first = b * shape.lanes;
    if width.max(first) >= padded.min(first + shape.lanes) {
        return String::new();
    }
    format!("    if ({first}u + lane >= {width}u && {first}u + lane < {padded}u) {{\n        {statement}\n    }}\n")
}

/// The first layer's weight gradient, from the observations in the rows.
fn first_backward(shape: &Shape) -> String {
    let layer = &shape.layers[0];
    let (width, stride) = (layer.outputs, 4 * vectors(layer.outputs));
    let mut text = String::from("// Weight gradient of layer 0.\nfn backward_0(base: u32, row: u32, accumulate: bool, lane: u32) {\n");
    for b in 0..shape.blocks(width) {
        let d = format!("d1_{b}");
        let _ = writeln!(text, "    {{\n    let unit = {};\n    let column = row + {}u;", shape.unit(b, width), layer.offset);
        let _ = writeln!(text, "    var sums: array<f32, {}>;", layer.inputs);
        text += &shape.dot_rows(&d, layer.inputs, |m| format!("sums[{m}]"));
        for m in 0..layer.inputs {
            let place = (m + 1) * stride;
            text += &shape.owned(b, width, &format!("add_partial(column + {place}u + unit, sums[{m}], accumulate, lane);"));
            text += &padding(shape, b, width, stride, &format!("add_partial(column + {place}u + {}u + lane, 0.0, accumulate, lane);", b * shape.lanes));
        }
        text += "    }\n";
    }
    text + "}\n\n"
}
