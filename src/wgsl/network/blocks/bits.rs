//! The first layer where observations are bits, most of them 0: a mask for each component tells in which samples of the tile it is 1, and only components
//! that occur in the tile are looked at. Sums of gradients are kept in `partials`; there are too many for registers.

use crate::wgsl::network::blocks::expressions::plus;
use crate::wgsl::network::blocks::pass::Pass;
use crate::wgsl::writer::{Writer, line};

/// See [`Pass::own_columns`].
#[derive(Clone, Copy)]
pub(super) struct OwnColumns {
    /// Outputs, padding included.
    pub(super) columns: usize,
    /// Lanes that share an output: each has the inputs whose number, modulo this, is the number of its group.
    pub(super) groups: usize,
    /// Outputs of a lane, one after the other.
    pub(super) blocks: usize,
}

impl Pass<'_> {
    /// `body` for each component `m` that is 1 in some sample of the tile, among those whose place in their word is in `places`.
    pub(super) fn each_set_bit(&self, w: &mut Writer, places: &str, body: impl FnOnce(&mut Writer)) {
        w.repeat("word", format_args!("{}u", self.plan.observation_words()), |w| {
            w.block(format_args!("for (var left = some_of(word) & {places}; left != 0u; left &= left - 1u)"), |w| {
                w.line("let m = 32u * word + firstTrailingBit(left);");
                body(w);
            });
        });
    }

    /// The weights of the first layer that a lane sums in `partials`, where observations are bits. Always the same lane adds to a weight's sum.
    pub(super) fn own_columns(&self) -> OwnColumns {
        let (columns, lanes) = (self.layers()[0].columns(), self.team.lanes);
        // A power of two divides the components of a word evenly.
        let groups = 1 << (lanes / columns).max(1).ilog2();
        OwnColumns { columns, groups, blocks: columns.div_ceil(lanes) }
    }

    /// `body` for each output `k` of the first layer that the lane has, and the number `group` of its inputs among the groups.
    pub(super) fn each_own_column(&self, w: &mut Writer, of: OwnColumns, body: impl FnOnce(&mut Writer)) {
        let (OwnColumns { columns, groups, blocks }, lanes) = (of, self.team.lanes);
        if blocks > 1 {
            w.line("let group = 0u;");
            w.block(format_args!("for (var k = lane; k < {columns}u; k += {lanes}u)"), body);
        } else if columns * groups < lanes {
            w.when(format_args!("lane < {}u", columns * groups), |w| {
                line!(w, "let group = lane / {columns}u;");
                line!(w, "let k = lane % {columns}u;");
                body(w);
            });
        } else {
            line!(w, "let group = lane / {columns}u;");
            line!(w, "let k = lane % {columns}u;");
            body(w);
        }
    }

    /// Index in `partials` of the sum for the weight from component `m` to output `k`.
    pub(super) fn first_weight(&self) -> String {
        let columns = self.layers()[0].columns();
        format!("row + {columns}u + m * {columns}u + k")
    }

    /// The same for the first layer where observations are bits: only weights of components that are 1 in some sample get anything.
    pub(super) fn weight_gradient_of_bits(&self, w: &mut Writer) {
        let of = self.own_columns();
        // Every `groups`-th place of a word, from the group's number on.
        let every = (0..32 / of.groups).fold(0u32, |places, i| places | 1 << (i * of.groups));
        let comment = "Gradient of layer 0, whose inputs are bits, in partials: a lane has an output, or several, and a share of the inputs.";
        w.function(comment, "weight_gradient_0(row: u32, lane: u32)", |w| {
            w.scope(|w| {
                self.each_own_column(w, of, |w| {
                    (0..self.team.samples / 4).for_each(|i| line!(w, "let e{i} = h1[{}];", plus("k * ROW", i)));
                    self.each_set_bit(w, &format!("({every:#x}u << group)"), |w| {
                        w.line("let mask = masks[m];");
                        w.line("var sum = vec4(0.0);");
                        (0..self.team.samples / 4).for_each(|i| line!(w, "sum += e{i} * of_mask(mask, {i}u);"));
                        line!(w, "partials[{}] += (sum.x + sum.y) + (sum.z + sum.w);", self.first_weight());
                    });
                });
            });
            self.bias_gradient(w, 0);
        });
    }
}
