//! The implementation of the contract with lanes that share tiles.

use crate::program::blocks;
use crate::program::plan::Plan;
use crate::wgsl::network::blocks::pass::Pass;
use crate::wgsl::network::parts;
use crate::wgsl::network::text::{Forward, NetworkText};
use crate::wgsl::writer::Writer;

/// The networks of `plan`, with lanes that share tiles.
pub(crate) struct Blocks<'a> {
    pub(crate) plan: &'a Plan,
}

impl NetworkText for Blocks<'_> {
    fn forward(&self, kernel: Forward) -> String {
        let (plan, mut w) = (self.plan, Writer::default());
        let pass = match kernel {
            Forward::Rollout => {
                let staged = blocks::stages(plan.rollout_team, &plan.profile, &plan.network, plan.packs_observations());
                Pass { plan, team: plan.rollout_team, staged, followed: plan.lanes_follow(), rows: None }
            }
            Forward::Evaluate => Pass { plan, team: plan.evaluate_team(), staged: false, followed: false, rows: plan.activation_rows() },
        };
        pass.write_forward(&mut w, Some(3).filter(|_| pass.rows.is_some()), false);
        w.finish()
    }

    fn take(&self) -> &'static str {
        if self.plan.packs_observations() { parts::BITS_INTO_TILE[1] } else { parts::INTO_TILE[1] }
    }

    fn tile(&self) -> String {
        let mut w = Writer::default();
        let plan = self.plan;
        let pass = Pass { plan, team: plan.team(), staged: false, followed: false, rows: plan.activation_rows() };
        pass.write_forward(&mut w, Some(8).filter(|_| plan.tape.units > 0), true);
        pass.write_backward(&mut w);
        w.finish()
    }

    fn learner(&self) -> String {
        unreachable!("plans whose lanes share tiles have no `learn` (src/program/plan.rs)")
    }
}
