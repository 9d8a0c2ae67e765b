//! The ONNX model of a policy. Only the messages and fields of onnx.proto (IR version 8) that are in use are declared here.

use crate::play::export::policy::{Dense, Policy};
use crate::program::plan::OBSERVATION_CLIP;
use crate::spec::config::{Activation, Onto};
use crate::spec::environment::Actions;
use prost::Message;

/// Version of the intermediate representation, and of the operators: those of ONNX 1.12 (2022), which every current runtime has.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
/// Values of TensorProto.DataType.
const FLOAT: i32 = 1;
const INT64: i32 = 7;
const BOOL: i32 = 9;
/// Value of AttributeProto.AttributeType.
const INT_ATTRIBUTE: i32 = 2;
/// Stands for the logit of an action that is not legal, as in the kernels.
const ILLEGAL_LOGIT: f32 = -1e30;

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(string, tag = "2")]
    producer_name: String,
    #[prost(string, tag = "3")]
    producer_version: String,
    #[prost(string, tag = "6")]
    doc_string: String,
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "14")]
    metadata_props: Vec<StringStringEntryProto>,
}

#[derive(Clone, PartialEq, Message)]
struct StringStringEntryProto {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorSetIdProto {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, tag = "3")]
    i: i64,
    #[prost(int32, tag = "20")]
    kind: i32,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    raw_data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueInfoProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TypeProto {
    #[prost(message, optional, tag = "1")]
    tensor_type: Option<TensorType>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorType {
    #[prost(int32, tag = "1")]
    elem_type: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<TensorShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
struct Dimension {
    #[prost(int64, optional, tag = "1")]
    dim_value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    dim_param: Option<String>,
}

/// A graph under construction.
#[derive(Default)]
struct Graph(GraphProto);

impl Graph {
    /// Adds an operation with a result called `output`.
    fn node(&mut self, operation: &str, inputs: &[&str], output: &str, attributes: &[(&str, i64)]) {
        let attribute = attributes.iter().map(|&(name, i)| AttributeProto { name: name.into(), i, kind: INT_ATTRIBUTE }).collect();
        let input = inputs.iter().map(ToString::to_string).collect();
        self.0.node.push(NodeProto { input, output: vec![output.into()], name: output.into(), op_type: operation.into(), attribute });
    }

    /// Adds the index of the largest of `logits` in each row, or -1 if a mask leaves none. The result is `[batch, 1]`, or `[batch]` if `flat`.
    fn most_probable(&mut self, policy: &Policy, logits: &str, output: &str, flat: bool) {
        if !policy.masked {
            return self.node("ArgMax", &[logits], output, &[("axis", 1), ("keepdims", i64::from(!flat))]);
        }
        let [best, largest, some, choice, none, axis] = ["best", "largest", "some", "choice", "none", "axis"].map(|name| format!("{output}.{name}"));
        self.integers(&none, &[-1]);
        self.node("ArgMax", &[logits], &best, &[("axis", 1), ("keepdims", 1)]);
        self.node("GatherElements", &[logits, &best], &largest, &[("axis", 1)]);
        self.node("Greater", &[&largest, "illegal"], &some, &[]);
        self.node("Where", &[&some, &best, &none], if flat { &choice } else { output }, &[]);
        if flat {
            self.integers(&axis, &[1]);
            self.node("Squeeze", &[&choice, &axis], output, &[]);
        }
    }

    /// Adds the values between the bounds `low` and `high` that `x` stands for, as kernels compute them: those from -1 to 1 are mapped linearly.
    fn scaled(&mut self, x: &str) -> &'static str {
        for (name, value) in [("minus_one", -1.0), ("one", 1.0), ("one_half", 0.5)] {
            self.floats(name, &[], &[value]);
        }
        self.node("Clip", &[x, "minus_one", "one"], "unscaled", &[]);
        self.node("Mul", &["unscaled", "one_half"], "half", &[]);
        self.node("Sub", &["one_half", "half"], "share_of_low", &[]);
        self.node("Add", &["one_half", "half"], "share_of_high", &[]);
        self.node("Mul", &["share_of_low", "low"], "from_low", &[]);
        self.node("Mul", &["share_of_high", "high"], "from_high", &[]);
        self.node("Add", &["from_low", "from_high"], "scaled_mean", &[]);
        "scaled_mean"
    }

    fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, dims, FLOAT, raw_data);
    }

    fn integers(&mut self, name: &str, values: &[i64]) {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, &[values.len()], INT64, raw_data);
    }

    fn constant(&mut self, name: &str, dims: &[usize], data_type: i32, raw_data: Vec<u8>) {
        let dims = dims.iter().map(|&dim| dim as i64).collect();
        self.0.initializer.push(TensorProto { dims, data_type, name: name.into(), raw_data });
    }

    fn input(&mut self, name: &str, elem_type: i32, columns: usize) {
        self.0.input.push(tensor(name, elem_type, Some(columns)));
    }

    fn output(&mut self, name: &str, elem_type: i32, columns: Option<usize>) {
        self.0.output.push(tensor(name, elem_type, columns));
    }

    /// Adds the layers of a network with input `x`; the result is called `output`.
    fn network(&mut self, name: &str, layers: &[Dense], activation: Activation, x: &str, output: &str) {
        let mut below = x.to_string();
        for (l, layer) in layers.iter().enumerate() {
            let (weight, bias) = (format!("{name}.{}.weight", 2 * l), format!("{name}.{}.bias", 2 * l));
            self.floats(&weight, &[layer.inputs, layer.outputs], &layer.weights);
            self.floats(&bias, &[layer.outputs], &layer.bias);
            let last = l + 1 == layers.len();
            let sum = if last { output.to_string() } else { format!("{name}.{}", 2 * l) };
            self.node("Gemm", &[&below, &weight, &bias], &sum, &[]);
            if !last {
                below = format!("{name}.{}", 2 * l + 1);
                let operation = match activation {
                    Activation::Tanh => "Tanh",
                    Activation::Relu => "Relu",
                };
                self.node(operation, &[&sum], &below, &[]);
            }
        }
    }
}

/// The type of a tensor with one row of `columns` for each observation, or one number if there are no columns.
fn tensor(name: &str, elem_type: i32, columns: Option<usize>) -> ValueInfoProto {
    let batch = Dimension { dim_value: None, dim_param: Some("batch".into()) };
    let columns = columns.map(|columns| Dimension { dim_value: Some(columns as i64), dim_param: None });
    let shape = TensorShapeProto { dim: [batch].into_iter().chain(columns).collect() };
    ValueInfoProto { name: name.into(), kind: Some(TypeProto { tensor_type: Some(TensorType { elem_type, shape: Some(shape) }) }) }
}

/// The model of `policy`, encoded.
pub(super) fn model(policy: &Policy) -> Vec<u8> {
    let mut graph = Graph::default();
    graph.0.name = "policy".into();
    graph.input("observation", FLOAT, policy.observation());
    let mut x = "observation";
    if let Some(normalization) = &policy.normalization {
        let seen = policy.observation();
        graph.floats("observation_mean", &[seen], &normalization.mean[..seen]);
        graph.floats("observation_scale", &[seen], &normalization.scale[..seen]);
        graph.floats("least_observation", &[], &[-OBSERVATION_CLIP]);
        graph.floats("most_observation", &[], &[OBSERVATION_CLIP]);
        graph.node("Sub", &[x, "observation_mean"], "centred", &[]);
        graph.node("Mul", &["centred", "observation_scale"], "scaled", &[]);
        graph.node("Clip", &["scaled", "least_observation", "most_observation"], "normalized", &[]);
        x = "normalized";
    }
    match &policy.actions {
        Actions::Continuous { low, high } => {
            graph.network("actor", &policy.actor, policy.activation, x, "mean");
            graph.floats("low", &[low.len()], low);
            graph.floats("high", &[high.len()], high);
            let within = if policy.onto == Onto::Scale { graph.scaled("mean") } else { "mean" };
            graph.node("Max", &[within, "low"], "at_least_low", &[]);
            graph.node("Min", &["at_least_low", "high"], "action", &[]);
            // The same for each row.
            graph.floats("log_stds", &[low.len()], &policy.log_std);
            graph.floats("zero", &[], &[0.0]);
            graph.node("Mul", &["mean", "zero"], "zeros", &[]);
            graph.node("Add", &["zeros", "log_stds"], "log_std", &[]);
            for name in ["action", "mean", "log_std"] {
                graph.output(name, FLOAT, Some(low.len()));
            }
        }
        discrete => {
            let outputs = discrete.outputs();
            if policy.masked {
                graph.input("action_mask", BOOL, outputs);
                graph.network("actor", &policy.actor, policy.activation, x, "all_logits");
                graph.floats("illegal", &[], &[ILLEGAL_LOGIT]);
                graph.node("Where", &["action_mask", "all_logits", "illegal"], "logits", &[]);
            } else {
                graph.network("actor", &policy.actor, policy.activation, x, "logits");
            }
            if let Actions::MultiDiscrete(counts) = discrete {
                graph.integers("columns", &[1]);
                let mut choices = Vec::new();
                for (d, logits) in discrete.choices().into_iter().enumerate() {
                    let [start, end, part, choice] = ["start", "end", "logits", "choice"].map(|name| format!("{name}.{d}"));
                    graph.integers(&start, &[logits.start as i64]);
                    graph.integers(&end, &[logits.end as i64]);
                    graph.node("Slice", &["logits", &start, &end, "columns"], &part, &[]);
                    graph.most_probable(policy, &part, &choice, false);
                    choices.push(choice);
                }
                let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
                graph.node("Concat", &choices, "action", &[("axis", 1)]);
                graph.output("action", INT64, Some(counts.len()));
            } else {
                graph.most_probable(policy, "logits", "action", true);
                graph.output("action", INT64, None);
            }
            graph.output("logits", FLOAT, Some(outputs));
        }
    }
    // It would need what the policy does not see.
    if policy.privileged == 0 {
        graph.network("critic", &policy.critic, policy.activation, x, "value");
        graph.output("value", FLOAT, Some(1));
    }
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "ppo-gpu".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        doc_string: policy.about(),
        graph: Some(graph.0),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props: policy.entries().into_iter().map(|(key, value)| StringStringEntryProto { key, value }).collect(),
    };
    model.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::play::export::policy::Normalization;
    use std::collections::HashMap;

    /// What the encoded `model` makes of one row of each input, by the definitions of the operators that policies with continuous actions use.
    fn outputs(model: &[u8], inputs: &[(&str, Vec<f32>)]) -> HashMap<String, Vec<f32>> {
        let graph = ModelProto::decode(model).expect("a model").graph.expect("a graph");
        let declared: Vec<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
        assert_eq!(declared, inputs.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        let mut values: HashMap<String, Vec<f32>> = inputs.iter().map(|(name, row)| (name.to_string(), row.clone())).collect();
        for tensor in graph.initializer.iter().filter(|tensor| tensor.data_type == FLOAT) {
            values.insert(tensor.name.clone(), tensor.raw_data.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("4 bytes"))).collect());
        }
        for node in &graph.node {
            let x: Vec<&Vec<f32>> = node.input.iter().map(|name| &values[name]).collect();
            // A single number stands for any number of them.
            let at = |of: usize, i: usize| x[of][i % x[of].len()];
            let each = |f: &dyn Fn(usize) -> f32| (0..x.iter().map(|x| x.len()).max().unwrap_or(0)).map(f).collect::<Vec<f32>>();
            let y = match node.op_type.as_str() {
                "Gemm" => {
                    assert_eq!(x[1].len(), x[0].len() * x[2].len(), "{}", node.name);
                    (0..x[2].len()).map(|k| x[2][k] + x[0].iter().enumerate().map(|(m, x0)| x0 * x[1][m * x[2].len() + k]).sum::<f32>()).collect()
                }
                "Tanh" => each(&|i| at(0, i).tanh()),
                "Relu" => each(&|i| at(0, i).max(0.0)),
                "Add" => each(&|i| at(0, i) + at(1, i)),
                "Sub" => each(&|i| at(0, i) - at(1, i)),
                "Mul" => each(&|i| at(0, i) * at(1, i)),
                "Max" => each(&|i| at(0, i).max(at(1, i))),
                "Min" => each(&|i| at(0, i).min(at(1, i))),
                "Clip" => each(&|i| at(0, i).clamp(x[1][0], x[2][0])),
                other => panic!("{other} is not known here"),
            };
            values.insert(node.output[0].clone(), y);
        }
        graph.output.iter().map(|output| (output.name.clone(), values[&output.name].clone())).collect()
    }

    /// A layer whose output k is input k times `scale`; inputs and outputs beyond the fewer of the two have no part in it.
    fn diagonal(inputs: usize, outputs: usize, scale: f32) -> Dense {
        let weights = (0..inputs * outputs).map(|i| if i / outputs == i % outputs { scale } else { 0.0 }).collect();
        Dense { inputs, outputs, weights, bias: vec![0.0; outputs] }
    }

    /// Two actions between bounds that are not those of the policy; the means are the observation.
    fn policy(onto: Onto) -> Policy {
        Policy {
            environment: "Test".into(),
            world: Vec::new(),
            updates: 1,
            shape: vec![2],
            history: 1,
            privileged: 0,
            actions: Actions::Continuous { low: vec![-3.0, 2.0], high: vec![5.0, 2.5] },
            onto,
            masked: false,
            activation: Activation::Relu,
            normalization: None,
            actor: vec![diagonal(2, 2, 1.0)],
            critic: vec![diagonal(2, 1, 2.0)],
            log_std: vec![-1.0, 0.5],
        }
    }

    /// What the policy observes is normalised by its own moments, and nothing asks for more.
    #[test]
    fn a_policy_needs_no_privileged_components() {
        let normalization = Normalization { mean: vec![1.0, 2.0, 50.0], variance: vec![0.0; 3], scale: vec![2.0, 0.5, 50.0] };
        let policy = Policy { privileged: 1, normalization: Some(normalization), critic: vec![diagonal(3, 1, 1.0)], ..policy(Onto::Clip) };
        let model = model(&policy);
        let found = outputs(&model, &[("observation", vec![3.0, 8.0])]);
        assert_eq!((found["mean"].as_slice(), found.contains_key("value")), (&[4.0, 3.0][..], false));
        let model = ModelProto::decode(model.as_slice()).expect("a model");
        let entries: Vec<(&str, &str)> = model.metadata_props.iter().map(|entry| (entry.key.as_str(), entry.value.as_str())).collect();
        assert_eq!(entries, [("observation_shape", "[2]"), ("privileged_observation", "1")]);
        assert!(model.doc_string.contains("all but the environment's last 1 components"), "{}", model.doc_string);
    }

    #[test]
    fn actions_can_be_applied_as_they_are() {
        for (onto, means, action) in [
            (Onto::Clip, [0.5, 1.0], [0.5, 2.0]),
            (Onto::Clip, [-9.0, 3.0], [-3.0, 2.5]),
            // 0 stands for the middle, -1 and 1 for the bounds, and so does what lies beyond.
            (Onto::Scale, [0.0, 0.0], [1.0, 2.25]),
            (Onto::Scale, [0.5, -0.5], [3.0, 2.125]),
            (Onto::Scale, [-1.0, 1.0], [-3.0, 2.5]),
            (Onto::Scale, [7.0, -7.0], [5.0, 2.0]),
        ] {
            let model = model(&policy(onto));
            let found = outputs(&model, &[("observation", means.to_vec())]);
            assert_eq!((&found["action"], &found["mean"], &found["log_std"]), (&action.to_vec(), &means.to_vec(), &vec![-1.0, 0.5]), "{onto:?} {means:?}");
            assert_eq!(found["value"], [2.0 * means[0]]);
            let metadata = ModelProto::decode(model.as_slice()).expect("a model").metadata_props;
            let entries: Vec<(&str, &str)> = metadata.iter().map(|entry| (entry.key.as_str(), entry.value.as_str())).collect();
            assert_eq!(entries, [("observation_shape", "[2]"), ("actions", "scale")][..if onto == Onto::Scale { 2 } else { 1 }]);
        }
    }
}
