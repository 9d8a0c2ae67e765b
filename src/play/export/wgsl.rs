//! The WGSL functions of a policy.

use crate::play::export::policy::{Dense, Policy};
use crate::program::plan::OBSERVATION_CLIP;
use crate::spec::config::{Activation, Onto};
use crate::spec::environment::{Actions, product};
use std::fmt::Write;
use std::ops::Range;

/// The functions of `policy`, which are self-contained. Every name begins with `policy_` or `POLICY_`. Weights are constants in the code: arrays of constants
/// that are read at a variable index would be copied to every invocation's memory.
pub(super) fn functions(policy: &Policy) -> String {
    let (inputs, outputs) = (policy.observation(), policy.actions.outputs());
    let observed = format!("array<f32, {inputs}>");
    let mut text = format!("// {}.\n// Made by `ppo-gpu export`; needs nothing else.\n", policy.about());
    if policy.shape.len() > 1 {
        let _ = writeln!(text, "// An observation has {} components, the last axis is the fastest.", product(&policy.shape));
    }
    text.push('\n');
    let _ = writeln!(text, "const POLICY_INPUTS: u32 = {inputs}u;   // components of an observation");
    let _ = writeln!(text, "const POLICY_OUTPUTS: u32 = {outputs}u;  // {}\n", outputs_of(policy));
    text += match policy.activation {
        // WGSL does not require tanh of large numbers to work.
        Activation::Tanh => "fn policy_activation(x: vec4<f32>) -> vec4<f32> {\n    return tanh(clamp(x, vec4(-15.0), vec4(15.0)));\n}\n\n",
        Activation::Relu => "fn policy_activation(x: vec4<f32>) -> vec4<f32> {\n    return max(x, vec4(0.0));\n}\n\n",
    };
    text += &input(policy, "policy_input", inputs);
    // Where the value depends on privileged components, too.
    let of_value = policy.critic[0].inputs;
    let value_input = if policy.privileged > 0 { "policy_value_input" } else { "policy_input" };
    if policy.privileged > 0 {
        text += &input(policy, value_input, of_value);
    }
    for (name, layers) in [("actor", &policy.actor), ("critic", &policy.critic)] {
        for (l, dense) in layers.iter().enumerate() {
            text += &layer(&format!("policy_{name}_{l}"), dense, l + 1 < layers.len());
        }
    }
    let chain = |name: &str, layers: &[Dense], input: &str| (0..layers.len()).fold(format!("{input}(observation)"), |x, l| format!("policy_{name}_{l}({x})"));
    let _ = write!(text, "// {}.\nfn policy_outputs(observation: {observed}) -> array<f32, {outputs}> {{\n", outputs_of(policy));
    let _ = writeln!(text, "    var head = {};", chain("actor", &policy.actor, "policy_input"));
    let heads = (0..policy.actions.weighted()).map(|k| format!("head[{}].{}", k / 4, XYZW[k % 4]));
    let all: Vec<String> = heads.chain(policy.log_std.iter().map(|&value| number(value))).collect();
    let _ = write!(text, "    return array<f32, {outputs}>({});\n}}\n\n", all.join(", "));
    let privileged = if policy.privileged > 0 { ", its privileged components, which are the last, included" } else { "" };
    let _ = write!(text, "// The value of an observation{privileged}.\nfn policy_value(observation: array<f32, {of_value}>) -> f32 {{\n");
    let _ = write!(text, "    var head = {};\n    return head[0].x;\n}}\n\n", chain("critic", &policy.critic, value_input));
    text + &action(policy)
}

const XYZW: [&str; 4] = ["x", "y", "z", "w"];

fn outputs_of(policy: &Policy) -> &'static str {
    match policy.actions {
        Actions::Discrete(_) => "Logits of the actions",
        Actions::MultiDiscrete(_) => "Logits of the actions, one choice after the other",
        Actions::Continuous { .. } => "Means of the actions, then logarithms of their standard deviations",
    }
}

/// A number in WGSL, with the same bits.
fn number(value: f32) -> String {
    format!("{value:e}f")
}

fn vector(values: impl Iterator<Item = f32>) -> String {
    format!("vec4({})", values.map(number).collect::<Vec<_>>().join(", "))
}

/// A function for the networks' input for an observation of `inputs` components: normalised if the policy was trained so, four components to a vector.
fn input(policy: &Policy, name: &str, inputs: usize) -> String {
    let vectors = inputs.div_ceil(4);
    let mut text = format!("fn {name}(observation: array<f32, {inputs}>) -> array<vec4<f32>, {vectors}> {{\n    var o = observation;\n");
    let _ = writeln!(text, "    var x: array<vec4<f32>, {vectors}>;");
    for i in 0..vectors {
        let parts: Vec<String> = (4 * i..4 * i + 4).map(|k| if k < inputs { format!("o[{k}]") } else { "0.0".into() }).collect();
        let raw = format!("vec4({})", parts.join(", "));
        let value = match &policy.normalization {
            None => raw,
            Some(normalization) => {
                let part = |values: &[f32]| vector((4 * i..4 * i + 4).map(|k| if k < inputs { values[k] } else { 0.0 }));
                let (mean, scale) = (part(&normalization.mean), part(&normalization.scale));
                format!("clamp(({raw} - {mean}) * {scale}, vec4(-{OBSERVATION_CLIP:?}), vec4({OBSERVATION_CLIP:?}))")
            }
        };
        let _ = writeln!(text, "    x[{i}] = {value};");
    }
    text + "    return x;\n}\n\n"
}

/// A layer as a function from vectors to vectors: a product of 4 x 4 weights at a time.
fn layer(name: &str, layer: &Dense, hidden: bool) -> String {
    let (rows, columns) = (layer.inputs.div_ceil(4), layer.outputs.div_ceil(4));
    let weight = |m: usize, k: usize| if m < layer.inputs && k < layer.outputs { layer.weights[m * layer.outputs + k] } else { 0.0 };
    let mut text = format!("fn {name}(inputs: array<vec4<f32>, {rows}>) -> array<vec4<f32>, {columns}> {{\n    var x = inputs;\n");
    let _ = writeln!(text, "    var y: array<vec4<f32>, {columns}>;");
    for j in 0..columns {
        let bias = vector((4 * j..4 * j + 4).map(|k| layer.bias.get(k).copied().unwrap_or(0.0)));
        let _ = writeln!(text, "    y[{j}] = {bias};");
        for i in 0..rows {
            let weights: Vec<String> = (4 * i..4 * i + 4).map(|m| vector((4 * j..4 * j + 4).map(|k| weight(m, k)))).collect();
            let _ = writeln!(text, "    y[{j}] += mat4x4({}) * x[{i}];", weights.join(", "));
        }
        if hidden {
            let _ = writeln!(text, "    y[{j}] = policy_activation(y[{j}]);");
        }
    }
    text + "    return y;\n}\n\n"
}

const MOST_PROBABLE: &str = "// The most probable action.\n";

/// The function for the most probable action.
fn action(policy: &Policy) -> String {
    let outputs = policy.actions.outputs();
    // Unrolled: the most probable of these outputs, the first one on ties.
    let choice = |logits: Range<usize>| {
        let first = logits.start;
        let mut text = format!("    best = {first}u;\n");
        if policy.masked {
            let _ = writeln!(text, "    largest = select(-1e30, o[{first}], legal[{first}]);");
        } else {
            let _ = writeln!(text, "    largest = o[{first}];");
        }
        for k in logits.skip(1) {
            let better = if policy.masked { format!("legal[{k}] && (!legal[best] || o[{k}] > largest)") } else { format!("o[{k}] > largest") };
            let _ = writeln!(text, "    if ({better}) {{\n        best = {k}u;\n        largest = o[{k}];\n    }}");
        }
        text
    };
    let (mask, copy) = if policy.masked { (format!(", mask: array<bool, {outputs}>"), "    var legal = mask;\n") } else { (String::new(), "") };
    let begin = |result: &str| format!("fn policy_action(outputs: array<f32, {outputs}>{mask}) -> {result} {{\n    var o = outputs;\n{copy}");
    let chosen = |first: usize| if policy.masked { format!("select(0xffffffffu, best - {first}u, legal[best])") } else { format!("best - {first}u") };
    let variables = "    var best = 0u;\n    var largest = 0.0;\n";
    match &policy.actions {
        Actions::Discrete(count) => format!("{MOST_PROBABLE}{}{variables}{}    return {};\n}}\n", begin("u32"), choice(0..*count), chosen(0)),
        Actions::MultiDiscrete(counts) => {
            let dims = counts.len();
            let mut text = format!("{MOST_PROBABLE}{}{variables}    var action: array<u32, {dims}>;\n", begin(&format!("array<u32, {dims}>")));
            for (d, logits) in policy.actions.choices().into_iter().enumerate() {
                let _ = writeln!(text, "{}    action[{d}] = {};", choice(logits.clone()), chosen(logits.start));
            }
            text + "    return action;\n}\n"
        }
        Actions::Continuous { low, high } => {
            let dims = low.len();
            let within = |d: usize| match policy.onto {
                Onto::Clip => format!("o[{d}]"),
                Onto::Scale => {
                    format!("(0.5 - 0.5 * clamp(o[{d}], -1.0, 1.0)) * {} + (0.5 + 0.5 * clamp(o[{d}], -1.0, 1.0)) * {}", number(low[d]), number(high[d]))
                }
            };
            let parts: Vec<String> = (0..dims).map(|d| format!("clamp({}, {}, {})", within(d), number(low[d]), number(high[d]))).collect();
            let result = format!("array<f32, {dims}>");
            let comment = match policy.onto {
                Onto::Clip => "The mean, within the bounds",
                Onto::Scale => "The mean, of which -1 and 1 stand for the bounds",
            };
            format!("// {comment}.\n{}    return {result}({});\n}}\n", begin(&result), parts.join(", "))
        }
    }
}
