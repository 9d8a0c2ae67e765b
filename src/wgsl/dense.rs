//! Writes out the dense products of the networks as WGSL.
//!
//! One micro-kernel serves all three products, `Y[k] += X[m] · U[m][k]` with X and Y in a lane's registers and U in workgroup memory
//! (`scratch`) at an address that all lanes share:
//! - forward: a lane is a sample, U the layer's weights;
//! - backward to the layer below: a lane is a sample, U the same weights read along the other axis;
//! - weight gradient: a lane is a unit, X the unit's values over the tile's samples, U the tile's values on the other side of the layer.
//!
//! Products up to the profile's limit are straight-line code, larger ones loops. Both add in the same order.

use crate::program::lanes::{LOOP_BODY_LIMIT, vectors, weight_gradient_shape};
use crate::program::plan::Plan;
use crate::spec::config::Activation;
use crate::spec::network::Layer;
use std::fmt::Write;

pub(super) const XYZW: [&str; 4] = ["x", "y", "z", "w"];

/// `activation` and `activation_slope`.
pub(super) fn activation(activation: Activation) -> &'static str {
    match activation {
        // Drivers' own tanh costs two exponentials, and is NaN for large arguments on some. This one overflows nowhere.
        Activation::Tanh => {
            "fn activation(x: vec4<f32>) -> vec4<f32> {\n    let e = exp(-2.0 * abs(x));\n    return sign(x) * ((1.0 - e) / (1.0 + e));  // tanh\n}\n\n\
             // d activation / d x, from the activation's value h.\nfn activation_slope(h: vec4<f32>) -> vec4<f32> {\n    return 1.0 - h * h;\n}\n\n"
        }
        Activation::Relu => {
            "fn activation(x: vec4<f32>) -> vec4<f32> {\n    return max(x, vec4(0.0));\n}\n\n\
             // d activation / d x, from the activation's value h.\nfn activation_slope(h: vec4<f32>) -> vec4<f32> {\n    \
             return select(vec4(0.0), vec4(1.0), h > vec4(0.0));\n}\n\n"
        }
    }
}

/// `network_fetch`, which says that the observation of the lane's sample begins at `base` in `observations`; it stays there where the first layer reads it
/// from memory.
pub(super) fn fetch(stays: bool) -> &'static str {
    if stays {
        "//! import observation\n\nfn network_fetch(base: u32) {\n    observation_at = base;\n}\n\n"
    } else {
        "//! import observation\n\nfn network_fetch(base: u32) {\n    for (var k = 0u; k < OBSERVATION; k++) {\n        \
         h0[k / 4u][k % 4u] = stored_component(base, k);\n    }\n}\n\n"
    }
}

pub(super) fn network_forward(plan: &Plan) -> String {
    let layers = &plan.network.layers;
    let mut text = String::from(
        "// Written out for this plan's layers by src/wgsl/dense.rs.\n\nvar<workgroup> scratch: array<vec4<f32>, SCRATCH>;  // weights, or activations and slopes\n\n",
    );
    // Private variables rather than arguments: pointers to parts of a variable cannot be passed to functions everywhere.
    text += "// The lane's sample: its observation, then the outputs of each hidden layer, padded with zeros.\n";
    for (l, layer) in layers.iter().enumerate() {
        let _ = writeln!(text, "var<private> h{l}: array<vec4<f32>, {}>;", vectors(layer.inputs));
    }
    let _ = writeln!(text, "var<private> h{}: array<vec4<f32>, HEAD>;  // the head's outputs\n", layers.len());
    text += "// Copies `count` vectors of params from `offset` on into scratch. Uniform control flow only.\n\
        fn stage(offset: u32, count: u32, lane: u32) {\n    workgroupBarrier();\n    \
        for (var i = lane; i < count; i += LANES) {\n        scratch[i] = params[offset + i];\n    }\n    workgroupBarrier();\n}\n\n";
    text += activation(plan.network.activation);
    text += fetch(false);
    for (l, layer) in layers.iter().enumerate() {
        text += &forward_layer(plan, l, layer);
    }
    text += "// Weights are fetched by each layer.\nfn network_begin(base: u32, lane: u32) {\n}\n\n\
        // The head's outputs for the observation in h0; keeps the hidden activations.\n\
        fn network_forward(base: u32, lane: u32) -> array<vec4<f32>, HEAD> {\n";
    for l in 0..layers.len() {
        let _ = writeln!(text, "    forward_{l}(base / 4u, lane);");
    }
    let _ = writeln!(text, "    return h{};\n}}", layers.len());
    text
}

/// y = activation(bias + x W) of layer `l` (no activation at the head).
fn forward_layer(plan: &Plan, l: usize, layer: &Layer) -> String {
    let (inputs, columns) = (layer.inputs, vectors(layer.outputs));
    let rows_at_once = (plan.profile.scratch_bytes as usize / 16 / columns).min(layer.rows());
    let straight = layer.inputs * layer.outputs <= plan.profile.straight_line_limit;
    let hidden = l + 1 < plan.network.layers.len();
    let mut text = format!("// h{} from h{l}: {inputs} inputs, {} outputs.\nfn forward_{l}(base: u32, lane: u32) {{\n", l + 1, layer.outputs);
    let (x, y) = (format!("h{l}"), format!("h{}", l + 1));
    let mut row = 0;
    while row < layer.rows() {
        let rows = rows_at_once.min(layer.rows() - row);
        let _ = writeln!(text, "    stage(base + {}u, {}u, lane);", layer.offset / 4 + row * columns, rows * columns);
        if row == 0 {
            text += &each_column(columns, straight, |k| format!("{y}[{k}] = scratch[{k}];"));
        }
        // Row r of the layer is input r - 1; row 0 is the bias, already in y.
        let (first, end) = (row.max(1) - 1, row + rows - 1);
        let product = Product { first, end, columns, straight, origin: first + 1 - row, stride: columns, skip: 0 };
        text += &product.accumulate(&x, &y);
        row += rows;
    }
    if hidden {
        text += &each_column(columns, straight, |k| format!("{y}[{k}] = activation({y}[{k}]);"));
    }
    text + "}\n\n"
}

/// A statement for each column: written out, or as a loop when the layer is one.
fn each_column(columns: usize, straight: bool, statement: impl Fn(&str) -> String) -> String {
    if straight || columns <= LOOP_BODY_LIMIT {
        (0..columns).map(|k| format!("    {}\n", statement(&k.to_string()))).collect()
    } else {
        format!("    for (var k = 0u; k < {columns}u; k++) {{\n        {}\n    }}\n", statement("k"))
    }
}

/// `Y[k] += Σ_m X[m] U[m][k]` for m in `first..end`, where `U[m][k]` is `scratch[(origin + m - first) * stride + skip + k]`, k counting vectors.
struct Product {
    first: usize,
    end: usize,
    columns: usize,
    straight: bool,
    origin: usize,
    stride: usize,
    skip: usize,
}

impl Product {
    fn accumulate(&self, x: &str, y: &str) -> String {
        let mut text = String::new();
        let at = |m: usize, k: usize| (self.origin + m - self.first) * self.stride + self.skip + k;
        if self.straight {
            // Columns outside, so that one accumulator lives at a time and X is read from registers.
            for k in 0..self.columns {
                let _ = write!(text, "    {{\n        var sum = {y}[{k}];\n");
                for m in self.first..self.end {
                    let _ = writeln!(text, "        sum += {x}[{}].{} * scratch[{}];", m / 4, XYZW[m % 4], at(m, k));
                }
                let _ = write!(text, "        {y}[{k}] = sum;\n    }}\n");
            }
            return text;
        }
        // Inputs outside, whole vectors of them in a loop; the rest written out.
        let row = |text: &mut String, x: &str, base: &str, indent: &str| {
            if self.columns <= LOOP_BODY_LIMIT {
                for k in 0..self.columns {
                    let _ = writeln!(text, "{indent}{y}[{k}] += {x} * scratch[{base} + {}u];", self.skip + k);
                }
            } else {
                let _ = writeln!(
                    text,
                    "{indent}for (var k = 0u; k < {}u; k++) {{\n{indent}    {y}[k] += {x} * scratch[{base} + {}u + k];\n{indent}}}",
                    self.columns, self.skip
                );
            }
        };
        let mut m = self.first;
        while m < self.end && !m.is_multiple_of(4) {
            row(&mut text, &format!("{x}[{}].{}", m / 4, XYZW[m % 4]), &format!("{}u", at(m, 0) - self.skip), "    ");
            m += 1;
        }
        let whole = (self.end - m) / 4;
        if whole > 0 {
            let _ = write!(
                text,
                "    for (var m = 0u; m < {whole}u; m++) {{\n        let x4 = {x}[{}u + m];\n        let row = {}u + m * {}u;\n",
                m / 4,
                at(m, 0) - self.skip,
                4 * self.stride
            );
            for (i, component) in XYZW.iter().enumerate() {
                row(&mut text, &format!("x4.{component}"), &format!("row + {}u", i * self.stride), "        ");
            }
            text += "    }\n";
            m += 4 * whole;
        }
        while m < self.end {
            row(&mut text, &format!("{x}[{}].{}", m / 4, XYZW[m % 4]), &format!("{}u", at(m, 0) - self.skip), "    ");
            m += 1;
        }
        text
    }
}

/// `network_backward`, and what it needs: `add_partial`, `tile_sum`.
pub(super) fn network_backward(plan: &Plan) -> String {
    let layers = &plan.network.layers;
    let mut text = String::from(
        "//! import whole\n\nalias Partial = f32;\n\n\
         // Stores a partial sum, or adds it to the earlier passes' sum.\n\
         fn add_partial(index: u32, value: f32, accumulate: bool, lane: u32) {\n    if (PASSES > 1u) {\n        \
         partials[index] = whole(vec4(select(0.0, partials[index], accumulate) + value), lane).x;\n    } else {\n        partials[index] = whole(vec4(value), lane).x;\n    }\n}\n\n\
         // The sum over the lanes of a tile, added in lane order, in the first four lanes. Uniform control flow only.\n\
         fn tile_sum(value: vec4<f32>, lane: u32) -> vec4<f32> {\n    workgroupBarrier();\n    scratch[lane] = value;\n    workgroupBarrier();\n    \
         var sum = vec4(0.0);\n    if (lane < 4u) {\n        for (var i = 0u; i < LANES; i++) {\n            sum += scratch[i];\n        }\n    }\n    return sum;\n}\n\n",
    );
    text += "// Slopes of the loss at each layer's outputs before activation, for the lane's sample.\n";
    for (l, layer) in layers.iter().enumerate() {
        let _ = writeln!(text, "var<private> d{}: array<vec4<f32>, {}>;", l + 1, vectors(layer.outputs));
    }
    text += "\n";
    for (l, layer) in layers.iter().enumerate() {
        text += &weight_gradient(plan, l, layer);
        if l > 0 {
            text += &backward_layer(plan, l, layer);
        }
    }
    text += "// Sums are kept in partials.\nfn gradient_begin(row: u32, accumulate: bool, lane: u32) {\n}\n\n\
        fn network_backward(base: u32, row: u32, accumulate: bool, lane: u32, slope: array<vec4<f32>, HEAD>) {\n";
    let _ = writeln!(text, "    d{} = slope;", layers.len());
    for l in (0..layers.len()).rev() {
        let _ = writeln!(text, "    weight_gradient_{l}(row, accumulate, lane);");
        if l > 0 {
            let _ = writeln!(text, "    backward_{l}(base / 4u, lane);");
        }
    }
    text + "}\n\nfn gradient_end(row: u32, lane: u32) {\n}\n\n\
        fn add_losses(row: u32, value: vec4<f32>, accumulate: bool, lane: u32) {\n    let sums = tile_sum(value, lane);\n    \
        if (lane < 4u) {\n        add_partial(row + lane, sums[lane], accumulate, lane);\n    }\n}\n"
}

/// d_l = (d_{l+1} Wᵀ) ∘ activation'(h_l): the slope at the outputs of the layer below, before its activation.
fn backward_layer(plan: &Plan, l: usize, layer: &Layer) -> String {
    let (inputs, columns) = (layer.inputs, vectors(layer.outputs));
    let below = vectors(inputs);
    let straight = layer.inputs * layer.outputs <= plan.profile.straight_line_limit;
    let rows_at_once = (plan.profile.scratch_bytes as usize / 16 / columns / 4 * 4).max(4);
    let (delta, down) = (format!("d{}", l + 1), format!("d{l}"));
    let mut text = format!("// {down} from {delta}.\nfn backward_{l}(base: u32, lane: u32) {{\n");
    let mut first = 0;
    while first < inputs {
        let rows = rows_at_once.min(inputs - first);
        let _ = writeln!(text, "    stage(base + {}u, {}u, lane);", layer.offset / 4 + (first + 1) * columns, rows * columns);
        if straight {
            for m in first..first + rows {
                let terms: Vec<String> = (0..columns).map(|k| format!("{delta}[{k}] * scratch[{}]", (m - first) * columns + k)).collect();
                let _ = writeln!(text, "    {{\n        var sum = {};", terms[0]);
                for term in &terms[1..] {
                    let _ = writeln!(text, "        sum += {term};");
                }
                let _ = writeln!(text, "        {down}[{}].{} = (sum.x + sum.y) + (sum.z + sum.w);\n    }}", m / 4, XYZW[m % 4]);
            }
        } else {
            let _ = writeln!(
                text,
                "    for (var m = 0u; m < {rows}u; m++) {{\n        var sum = {delta}[0] * scratch[m * {columns}u];\n        \
                 for (var k = 1u; k < {columns}u; k++) {{\n            sum += {delta}[k] * scratch[m * {columns}u + k];\n        }}\n        \
                 {down}[({first}u + m) / 4u][m % 4u] = (sum.x + sum.y) + (sum.z + sum.w);\n    }}"
            );
        }
        first += rows;
    }
    text += &each_column(below, straight, |k| format!("{down}[{k}] *= activation_slope(h{l}[{k}]);"));
    text + "}\n\n"
}

/// Gradient of layer `l`'s weights and biases over the tile: `dW[m][k] = Σ_i h[i][m] d[i][k]`, `db[k] = Σ_i d[i][k]`. The lanes take the units of
/// the layer's wider side, each its row or column of dW; the tile's values lie in scratch, a row a sample: its h, then its delta.
fn weight_gradient(plan: &Plan, l: usize, layer: &Layer) -> String {
    let lanes = plan.profile.lanes as usize;
    let (inputs, columns) = (vectors(layer.inputs), vectors(layer.outputs));
    let stride = inputs + columns;
    let by_output = layer.outputs >= layer.inputs;
    let (own, other, samples) = weight_gradient_shape(&plan.profile, layer);
    let (own_skip, other_skip) = if by_output { (inputs, 0) } else { (0, inputs) };
    let straight = samples * other * 4 <= plan.profile.straight_line_limit;
    let mut text = format!("fn weight_gradient_{l}(row: u32, accumulate: bool, lane: u32) {{\n");
    for block in 0..(own * 4).div_ceil(lanes) {
        let _ = writeln!(
            text,
            "    {{\n    let unit = min({}u + lane, {}u);\n    var sums: array<vec4<f32>, {other}>;\n    var bias = 0.0;",
            block * lanes,
            own * 4 - 1
        );
        for chunk in 0..lanes / samples {
            // Share the chunk's samples.
            text += "    workgroupBarrier();\n";
            let guard = samples < lanes;
            if guard {
                let _ = writeln!(text, "    if (lane / {samples}u == {chunk}u) {{");
            }
            let _ = writeln!(text, "    let place = lane % {samples}u * {stride}u;");
            text += &each_column(inputs, straight, |m| format!("scratch[place + {m}] = h{l}[{m}];"));
            text += &each_column(columns, straight, |k| format!("scratch[place + {inputs}u + {k}] = d{}[{k}];", l + 1));
            if guard {
                text += "    }\n";
            }
            text += "    workgroupBarrier();\n";
            // The unit's values over the samples.
            let _ = writeln!(text, "    {{\n    var x: array<vec4<f32>, {}>;", vectors(samples));
            let value = |i: &str| format!("scratch[{i} * {stride}u + {own_skip}u + unit / 4u][unit % 4u]");
            if straight {
                for i in 0..samples {
                    let _ = writeln!(text, "    x[{}].{} = {};", i / 4, XYZW[i % 4], value(&format!("{i}u")));
                }
            } else {
                let _ = writeln!(text, "    for (var i = 0u; i < {samples}u; i++) {{\n        x[i / 4u][i % 4u] = {};\n    }}", value("i"));
            }
            let product = Product { first: 0, end: samples, columns: other, straight, origin: 0, stride, skip: other_skip };
            text += &product.accumulate("x", "sums");
            if by_output {
                if straight {
                    for i in 0..samples {
                        let _ = writeln!(text, "    bias += x[{}].{};", i / 4, XYZW[i % 4]);
                    }
                } else {
                    let _ = writeln!(text, "    for (var i = 0u; i < {samples}u; i++) {{\n        bias += x[i / 4u][i % 4u];\n    }}");
                }
            } else if block == 0 {
                let output = format!("min(lane, {}u)", columns * 4 - 1);
                let _ = writeln!(
                    text,
                    "    for (var i = 0u; i < {samples}u; i++) {{\n        bias += scratch[i * {stride}u + {inputs}u + {output} / 4u][{output} % 4u];\n    }}"
                );
            }
            text += "    }\n";
        }
        // Write the unit's row or column of dW, and the bias.
        let width = columns * 4;
        let units = if by_output { width } else { layer.inputs };
        let _ = writeln!(text, "    if ({}u + lane < {units}u) {{", block * lanes);
        let offset = layer.offset;
        if by_output {
            let _ = writeln!(text, "    add_partial(row + {offset}u + unit, bias, accumulate, lane);");
            for m in 0..layer.inputs {
                let _ = writeln!(text, "    add_partial(row + {}u + unit, sums[{}].{}, accumulate, lane);", offset + (m + 1) * width, m / 4, XYZW[m % 4]);
            }
        } else {
            let _ = writeln!(text, "    let first = row + {offset}u + (unit + 1u) * {width}u;");
            for k in 0..width {
                let _ = writeln!(text, "    add_partial(first + {k}u, sums[{}].{}, accumulate, lane);", k / 4, XYZW[k % 4]);
            }
        }
        text += "    }\n";
        if !by_output && block == 0 {
            let _ = writeln!(text, "    if (lane < {width}u) {{\n    add_partial(row + {offset}u + lane, bias, accumulate, lane);\n    }}");
        }
        text += "    }\n";
    }
    text + "}\n\n"
}
