//! The implementation of the contract with lanes that share tiles.

use crate::program::blocks::{self, Team};
use crate::program::plan::Plan;
use crate::wgsl::network::blocks::pass::Pass;
use crate::wgsl::network::parts;
use crate::wgsl::network::text::NetworkText;
use crate::wgsl::writer::Writer;

/// The networks of `plan`, with lanes that share tiles.
pub(crate) struct Blocks<'a> {
    pub(crate) plan: &'a Plan,
}

impl NetworkText for Blocks<'_> {
    fn forward(&self, team: Team) -> String {
        let mut w = Writer::default();
        let staged = team == self.plan.rollout_team && blocks::stages(team, &self.plan.profile, &self.plan.network, self.plan.packs_observations());
        let followed = team == self.plan.rollout_team && self.plan.lanes_follow();
        Pass { plan: self.plan, team, staged, followed }.write_forward(&mut w, false);
        w.finish()
    }

    fn take(&self) -> &'static str {
        if self.plan.packs_observations() { parts::BITS_INTO_TILE[1] } else { parts::INTO_TILE[1] }
    }

    fn tile(&self) -> String {
        let mut w = Writer::default();
        let pass = Pass { plan: self.plan, team: self.plan.team(), staged: false, followed: false };
        pass.write_forward(&mut w, true);
        pass.write_backward(&mut w);
        w.finish()
    }

    fn learner(&self) -> String {
        unreachable!("plans whose lanes share tiles have no `learn` (src/program/plan.rs)")
    }
}
