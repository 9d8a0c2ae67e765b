//! The first layer where observations are bits, most of them 0: a mask for each component tells in which samples of the tile it is 1, and only components
//! that occur in the tile are looked at. Sums of gradients are kept in `partials`; there are too many for registers.

use crate::program::blocks::{self, LISTED_AT_ONCE};
use crate::wgsl::network::blocks::expressions::plus;
use crate::wgsl::network::blocks::pass::Pass;
use crate::wgsl::writer::{Writer, line};

/// See [`Pass::own_columns`].
#[derive(Clone, Copy)]
pub(super) struct OwnColumns {
    /// Outputs, padding included.
    pub(super) columns: usize,
    /// Lanes that share an output ([`blocks::groups`]).
    pub(super) groups: usize,
    /// Outputs of a lane, one after the other.
    pub(super) blocks: usize,
}

impl Pass<'_> {
    /// The weights of the first layer that a lane sums in `partials`, where observations are bits.
    pub(super) fn own_columns(&self) -> OwnColumns {
        let columns = self.layers()[0].columns();
        OwnColumns { columns, groups: blocks::groups(self.team, &self.plan.network), blocks: columns.div_ceil(self.team.lanes) }
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
    pub(super) fn first_weight(&self, m: &str) -> String {
        let columns = self.layers()[0].columns();
        format!("row + {columns}u + {m} * {columns}u + k")
    }

    /// Sets the sums of the first layer to 0.
    pub(super) fn clear_bits(&self, w: &mut Writer) {
        let of = self.own_columns();
        self.each_own_column(w, of, |w| {
            w.block(format_args!("for (var m = group; m < {}u; m += {}u)", self.layers()[0].inputs, of.groups), |w| {
                line!(w, "partials[{}] = 0.0;", self.first_weight("m"));
            });
        });
    }

    /// The gradient of the first layer where observations are bits: only weights of components that are 1 in some sample get anything.
    pub(super) fn weight_gradient_of_bits(&self, w: &mut Writer) {
        let of = self.own_columns();
        // With one tile in a row, there are no sums yet.
        let once = self.plan.tiles_per_pass * self.plan.passes == 1;
        let comment = "Gradient of layer 0, whose inputs are bits, in partials: a lane has an output, or several, and a share of the inputs.";
        w.function(comment, "weight_gradient_0(row: u32, lane: u32)", |w| {
            w.scope(|w| {
                self.each_own_column(w, of, |w| {
                    (0..self.team.samples / 4).for_each(|i| line!(w, "let e{i} = {};", self.slopes(0, "k", &format!("{i}u"))));
                    let groups = of.groups;
                    w.block(format_args!("for (var i = group; i < listed_number; i += {}u)", groups * LISTED_AT_ONCE), |w| {
                        // Addresses, masks and old sums first: they come from memory.
                        for j in 0..LISTED_AT_ONCE {
                            line!(w, "let m{j} = listed[{}];", plus("i", j * groups));
                            line!(w, "let mask{j} = masks[m{j}];");
                            line!(w, "let place{j} = {};", self.first_weight(&format!("m{j}")));
                            if !once {
                                line!(w, "let before{j} = partials[place{j}];");
                            }
                        }
                        for j in 0..LISTED_AT_ONCE {
                            line!(w, "var sum{j} = vec4(0.0);");
                            (0..self.team.samples / 4).for_each(|i| line!(w, "sum{j} += e{i} * of_mask(mask{j}, {i}u);"));
                            w.when(format_args!("m{j} < OBSERVATION"), |w| {
                                let before = if once { String::new() } else { format!("before{j} + ") };
                                line!(w, "partials[place{j}] = {before}((sum{j}.x + sum{j}.y) + (sum{j}.z + sum{j}.w));");
                            });
                        }
                    });
                });
            });
            self.bias_gradient(w, 0);
        });
    }
}
