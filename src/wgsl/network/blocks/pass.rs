//! The networks as a team takes samples through them: what the passes share.

use crate::program::blocks::{self, Block, Team};
use crate::program::plan::Plan;
use crate::program::tape::Rows;
use crate::spec::network::Layer;
use crate::wgsl::network::blocks::expressions::{factor, over, plus, times};
use crate::wgsl::network::parts::{self, XYZW};
use crate::wgsl::writer::{Writer, line};

/// The networks as a team takes samples through them.
pub(super) struct Pass<'a> {
    pub(super) plan: &'a Plan,
    pub(super) team: Team,
    /// Whether weights of hidden layers are kept in workgroup memory.
    pub(super) staged: bool,
    /// Whether each lane follows a sample, whose outputs it needs.
    pub(super) followed: bool,
    /// The rows of the tape, if it holds the activations.
    pub(super) rows: Option<Rows>,
}

impl Pass<'_> {
    pub(super) fn layers(&self) -> &[Layer] {
        &self.plan.network.layers
    }

    /// Index of the head.
    pub(super) fn head(&self) -> usize {
        self.layers().len() - 1
    }

    pub(super) fn head_vectors(&self) -> usize {
        self.layers()[self.head()].columns() / 4
    }

    /// Vectors of a unit's row.
    pub(super) fn row(&self) -> usize {
        blocks::row(self.team.samples)
    }

    /// Whether observations are stored as bits, most of them 0.
    pub(super) fn is_packed(&self) -> bool {
        self.plan.packs_observations()
    }

    /// Whether the weights of layer `l` are copied to workgroup memory: those of a hidden layer after the first.
    pub(super) fn is_staged(&self, l: usize) -> bool {
        self.staged && l > 0 && l < self.head()
    }

    /// Four samples of an activation: vector `at` of input `m` of layer `l`.
    pub(super) fn inputs(&self, l: usize, m: &str, at: &str) -> String {
        match self.rows.as_ref().and_then(|rows| rows.inputs[l]) {
            Some(row) => self.on_tape(row, m, at),
            None if l == 0 => format!("observed({m} * ROW + {at})"),
            None => format!("h{l}[{m} * ROW + {at}]"),
        }
    }

    /// Four samples of the slope at an output: vector `at` of output `k` of layer `l`.
    pub(super) fn slopes(&self, l: usize, k: &str, at: &str) -> String {
        match self.rows.as_ref().and_then(|rows| rows.slopes[l]) {
            Some(row) if l < self.head() => self.on_tape(row, k, at),
            _ if l == self.head() => format!("sloped({k} * ROW + {at})"),
            _ => format!("h{}[{k} * ROW + {at}]", l + 1),
        }
    }

    /// Stores `value`, the slope behind the activation of input `unit` of layer `l`, one of `units`, as the slope before it.
    pub(super) fn store_slope(&self, w: &mut Writer, l: usize, units: usize, [unit, at]: [&str; 2], value: &str) {
        let number = factor(unit);
        let (inputs, slope) = (self.layers()[l].inputs, format!("{value} * activation_slope({})", self.inputs(l, &number, at)));
        // Units that only fill up the last vector have no slope.
        let real = if units > inputs { format!("select(vec4(0.0), {slope}, {unit} < {inputs}u)") } else { slope };
        line!(w, "{} = {real};", self.slopes(l - 1, &number, at));
    }

    /// Vector `at` of row `row` + `unit` of the tile on the tape.
    pub(super) fn on_tape(&self, row: usize, unit: &str, at: &str) -> String {
        let vectors = self.team.samples / 4;
        format!("tape[tape_at() + {}u + {unit} * {vectors}u + {at}]", row * vectors)
    }

    /// A barrier behind which other lanes see activations and slopes.
    pub(super) fn settle(&self, w: &mut Writer) {
        w.line(if self.rows.is_some() { "storageBarrier();" } else { "workgroupBarrier();" });
    }

    /// The same, if workgroup memory is in use besides.
    pub(super) fn settle_all(&self, w: &mut Writer) {
        if self.rows.is_some() {
            self.settle(w);
        }
        w.line("workgroupBarrier();");
    }

    /// Vector `vector` of the weights out of input `m` of layer `l`.
    pub(super) fn weights(&self, l: usize, m: &str, vector: &str) -> String {
        let layer = self.layers()[l];
        let columns = layer.columns() / 4;
        if self.is_staged(l) {
            format!("weights{l}[{m} * {}u + {vector}]", columns + 1)
        } else {
            format!("params[base + {}u + {} + {vector}]", layer.offset / 4 + columns, times(m, columns))
        }
    }

    /// `body(block)` for each block of the lane, where the variables `unit` and `at` are the first unit and the first vector of its samples.
    pub(super) fn each_block(&self, w: &mut Writer, units: usize, block: Block, body: impl FnOnce(&mut Writer)) {
        let (count, lanes) = (block.count(self.team, units), self.team.lanes);
        let across = self.team.samples / block.samples;
        let place = |w: &mut Writer, index: &str| {
            line!(w, "let unit = {};", times(&over(index, across), block.units));
            line!(w, "let at = {};", times(&format!("{index} % {across}u"), block.samples / 4));
        };
        if count > lanes {
            w.block(format_args!("for (var block = lane; block < {count}u; block += {lanes}u)"), |w| {
                place(w, "block");
                body(w);
            });
        } else {
            self.first_lanes(w, count, |w| {
                place(w, "lane");
                body(w);
            });
        }
    }

    /// `body` in a block of its own, for the first `count` lanes only if there are more.
    pub(super) fn first_lanes(&self, w: &mut Writer, count: usize, body: impl FnOnce(&mut Writer)) {
        if count < self.team.lanes {
            w.when(format_args!("lane < {count}u"), body);
        } else {
            w.scope(body);
        }
    }

    /// The values that a block's units have in `vector`, as expressions.
    pub(super) fn of_units(w: &mut Writer, name: &str, vector: impl Fn(&str) -> String, block: Block) -> Vec<String> {
        if block.units.is_multiple_of(4) {
            (0..block.units / 4).for_each(|v| line!(w, "let {name}_{v} = {};", vector(&plus("unit / 4u", v))));
            return (0..block.units).map(|j| format!("{name}_{}.{}", j / 4, XYZW[j % 4])).collect();
        }
        // Loads of single components, rather than of a vector that would have to be indexed in registers.
        (0..block.units).for_each(|j| line!(w, "let {name}_{j} = {}[{}];", vector("unit / 4u"), plus("unit % 4u", j)));
        (0..block.units).map(|j| format!("{name}_{j}")).collect()
    }

    /// `body(i, number)` for all numbers below `count`: a loop over groups of which number `i` is `number`, and the remainder.
    pub(super) fn in_a_loop(&self, w: &mut Writer, index: &str, count: usize, group: usize, body: impl Fn(&mut Writer, usize, &str)) {
        let whole = if count < 2 * group { 0 } else { count / group * group };
        if whole > 0 {
            let end = parts::loop_end(self.plan, whole);
            w.block(format_args!("for (var {index} = 0u; {index} < {end}; {index} += {group}u)"), |w| {
                (0..group).for_each(|i| body(w, i, &if i == 0 { index.to_string() } else { format!("({index} + {i}u)") }));
            });
        }
        (whole..count).for_each(|i| body(w, i, &format!("{i}u")));
    }
}
