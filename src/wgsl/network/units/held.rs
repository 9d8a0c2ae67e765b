//! The values that lanes hold for each parameter of their units (weights, sums of gradients, Adam's moments), and their exchange with memory.

use crate::program::lanes::vectors;
use crate::wgsl::network::parts::{XYZW, element};
use crate::wgsl::network::units::shape::Shape;
use crate::wgsl::writer::{Writer, line};

/// An array of numbers, one for each of the parameters of the lane's units.
pub(crate) struct Array {
    /// Its name, without a prefix.
    pub(crate) name: String,
    length: usize,
    /// Whether its elements are vectors rather than floats.
    is_vectors: bool,
    /// Its dimensions: b the lane's units, m inputs, k vectors of outputs.
    indices: &'static str,
}

/// The array that is the same in every lane.
pub(crate) const HEAD_BIAS: &str = "head_bias";

impl Array {
    /// All elements as vectors, padded with zeros.
    pub(crate) fn vectors(&self, prefix: &str) -> Vec<String> {
        let element = |i: usize| if i < self.length { format!("{prefix}{}[{i}]", self.name) } else { "0.0".into() };
        if self.is_vectors {
            return (0..self.length).map(element).collect();
        }
        (0..self.length).step_by(4).map(|i| format!("vec4({})", (i..i + 4).map(element).collect::<Vec<_>>().join(", "))).collect()
    }

    /// Assigns `value` to vector `i` of [`Array::vectors`].
    pub(crate) fn assign(&self, w: &mut Writer, prefix: &str, i: usize, value: &str) {
        if self.is_vectors {
            line!(w, "{prefix}{}[{i}] = {value};", self.name);
        } else {
            (4 * i..self.length.min(4 * i + 4)).for_each(|k| line!(w, "{prefix}{}[{k}] = {};", self.name, component(value, k)));
        }
    }

    /// Sets all of it to 0.
    pub(crate) fn clear(&self, w: &mut Writer, prefix: &str) {
        let zero = if self.is_vectors { "vec4(0.0)" } else { "0.0" };
        (0..self.length).for_each(|i| line!(w, "{prefix}{}[{i}] = {zero};", self.name));
    }
}

/// Component `k` mod 4 of a vector.
fn component(vector: &str, k: usize) -> String {
    format!("{vector}.{}", XYZW[k % 4])
}

/// The arrays of the values that lanes hold for each parameter.
pub(crate) fn arrays(shape: &Shape) -> Vec<Array> {
    let mut list = Vec::new();
    for (l, layer) in shape.layers().iter().enumerate() {
        if l < shape.last() {
            list.push(Array { name: format!("bias{l}"), length: shape.blocks(l + 1), is_vectors: false, indices: "[b]" });
        }
        if l > 0 {
            list.push(Array { name: format!("out{l}"), length: shape.blocks(l) * vectors(layer.outputs), is_vectors: true, indices: "[b][k]" });
        } else if shape.keeps_inputs(0) {
            list.push(Array { name: "in0".into(), length: shape.blocks(1) * layer.inputs, is_vectors: false, indices: "[b][m]" });
        }
    }
    list.push(Array { name: HEAD_BIAS.into(), length: vectors(shape.head().outputs), is_vectors: true, indices: "[k]" });
    list
}

/// Numbers that lanes hold, one for each parameter of their units, in the arrays of [`arrays`] with a prefix; and the buffer that they are exchanged with.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    pub(crate) prefix: &'static str,
    buffer: &'static str,
    /// The variable with the offset, in floats, of the network's block in the buffer.
    base: &'static str,
}

pub(crate) const WEIGHTS: Held = Held { prefix: "", buffer: "params", base: "base" };
pub(crate) const SUMS: Held = Held { prefix: "sums_", buffer: "partials", base: "row" };
pub(crate) const FIRST_MOMENTS: Held = Held { prefix: "first_", buffer: "first_moments", base: "base" };
pub(crate) const SECOND_MOMENTS: Held = Held { prefix: "second_", buffer: "second_moments", base: "base" };

impl Held {
    pub(crate) fn declare(self, w: &mut Writer, shape: &Shape) {
        for array in arrays(shape) {
            let element = if array.is_vectors { "vec4<f32>" } else { "f32" };
            line!(w, "var<private> {}{}: array<{element}, {}>;  // {}", self.prefix, array.name, array.length, array.indices);
        }
    }

    /// Fetches them, in loops with one memory access for each block, since drivers generate a loop over the lanes for each access.
    pub(crate) fn fetch(self, w: &mut Writer, shape: &Shape) {
        for exchange in self.exchanges(shape) {
            let Exchange { layer, rounds, width, .. } = exchange;
            w.repeat("i", format_args!("{rounds}u"), |w| {
                for b in 0..shape.blocks(layer) {
                    line!(w, "let x{b} = {};", shape.padded(layer, b, width, exchange.zero(), |unit| exchange.place(self, unit)));
                    (0..rounds).for_each(|i| select_into(w, &exchange.held(b * rounds + i), &format!("x{b}"), &format!("i == {i}u")));
                }
            });
        }
        (0..vectors(shape.head().outputs)).for_each(|c| line!(w, "{}{HEAD_BIAS}[{c}] = {};", self.prefix, self.head_bias(shape, c)));
    }

    /// Stores them, in the same loops.
    pub(crate) fn store(self, w: &mut Writer, shape: &Shape) {
        for exchange in self.exchanges(shape) {
            let Exchange { layer, rounds, width, .. } = exchange;
            w.repeat("i", format_args!("{rounds}u"), |w| {
                for b in 0..shape.blocks(layer) {
                    let x = format!("x{b}");
                    line!(w, "var {x} = {};", exchange.held(b * rounds));
                    (1..rounds).for_each(|i| select_into(w, &x, &exchange.held(b * rounds + i), &format!("i == {i}u")));
                    let own = exchange.place(self, &shape.unit(layer, b).0);
                    shape.owned(w, layer, b, width, &format!("{own} = {};", exchange.stored(&x)));
                }
            });
        }
        for c in 0..vectors(shape.head().outputs) {
            w.when("lane == 0u", |w| line!(w, "{} = whole({}{HEAD_BIAS}[{c}], lane);", self.head_bias(shape, c), self.prefix));
        }
    }

    fn head_bias(self, shape: &Shape, c: usize) -> String {
        format!("{}[{} / 4u + {}u]", self.buffer, self.base, shape.head().offset / 4 + c)
    }

    fn exchanges(self, shape: &Shape) -> Vec<Exchange> {
        let mut list = Vec::new();
        for (l, layer) in shape.layers().iter().enumerate() {
            let name = |array: &str| format!("{}{array}{l}", self.prefix);
            let floats = |array: &str, first_row: usize, rounds: usize| Exchange {
                layer: l + 1,
                array: name(array),
                rounds,
                width: layer.columns(),
                floats: true,
                first: layer.offset + first_row * layer.columns(),
                columns: layer.columns(),
            };
            if l < shape.last() {
                list.push(floats("bias", 0, 1));
            }
            if l > 0 {
                let columns = vectors(layer.outputs);
                let first = layer.offset / 4 + columns;
                list.push(Exchange { layer: l, array: name("out"), rounds: columns, width: layer.inputs, floats: false, first, columns });
            } else if shape.keeps_inputs(0) {
                list.push(floats("in", 1, layer.inputs));
            }
        }
        list
    }
}

/// An array that lanes exchange with memory in a loop of `rounds`: round i that of index i in each block of units.
struct Exchange {
    /// The l of the h_l whose units the lanes' are.
    layer: usize,
    /// Its name: block b's part from b * rounds on.
    array: String,
    rounds: usize,
    /// Units that have a place in memory.
    width: usize,
    /// Whether it holds weights into units, as floats; else weights out of units, as vectors.
    floats: bool,
    /// In memory, relative to the network's block, in floats or vectors: where the units' numbers begin, and columns of a row.
    first: usize,
    columns: usize,
}

impl Exchange {
    fn held(&self, i: usize) -> String {
        format!("{}[{i}]", self.array)
    }

    fn zero(&self) -> &'static str {
        if self.floats { "0.0" } else { "vec4(0.0)" }
    }

    /// The place in memory of a unit (an expression) in round `i`.
    fn place(&self, Held { buffer, base, .. }: Held, unit: &str) -> String {
        let Exchange { first, columns, .. } = self;
        if self.floats {
            let at = format!("{base} + {first}u + i * {columns}u + {unit}");
            format!("{buffer}[({at}) / 4u][({at}) % 4u]")
        } else {
            format!("{buffer}[{base} / 4u + {first}u + {unit} * {columns}u + i]")
        }
    }

    /// The part of a held value that goes there.
    fn stored(&self, x: &str) -> String {
        if self.floats { format!("whole(vec4({x}), lane).x") } else { format!("whole({x}, lane)") }
    }
}

/// `place = value`, where `condition` holds.
pub(crate) fn select_into(w: &mut Writer, place: &str, value: &str, condition: &str) {
    line!(w, "{place} = select({place}, {value}, {condition});");
}

/// Sets the gradient sums of fixed weights to 0: those of the actor's outputs that are only biases, and those from components of the observation that it does not
/// see.
pub(crate) fn drop_fixed(w: &mut Writer, shape: &Shape) {
    let (last, columns) = (shape.last(), vectors(shape.head().outputs));
    for b in 0..shape.blocks(last) {
        for k in shape.unweighted() {
            select_into(w, &element(&format!("sums_out{last}"), 4 * b * columns + k), "0.0", "network == 0u");
        }
    }
    for b in 0..shape.blocks(1) {
        for m in shape.unseen() {
            select_into(w, &format!("sums_in0[{}]", b * shape.layers()[0].inputs + m), "0.0", "network == 0u");
        }
    }
}
