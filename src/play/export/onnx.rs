//! The ONNX model of a policy. Only the messages and fields of onnx.proto (IR version 8) that are in use are declared here.

use crate::play::export::policy::{Dense, Policy};
use crate::program::plan::OBSERVATION_CLIP;
use crate::spec::config::Activation;
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
        graph.floats("observation_mean", &[normalization.mean.len()], &normalization.mean);
        graph.floats("observation_scale", &[normalization.scale.len()], &normalization.scale);
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
            graph.node("Max", &["mean", "low"], "at_least_low", &[]);
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
    graph.network("critic", &policy.critic, policy.activation, x, "value");
    graph.output("value", FLOAT, Some(1));
    let (key, value) = policy.shape_entry();
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "ppo-gpu".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        doc_string: policy.about(),
        graph: Some(graph.0),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props: vec![StringStringEntryProto { key, value }],
    };
    model.encode_to_vec()
}
