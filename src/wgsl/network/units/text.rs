//! The implementation of the contract with lanes that map to units.

use crate::program::plan::Plan;
use crate::wgsl::network::parts;
use crate::wgsl::network::text::{Forward, NetworkText};
use crate::wgsl::network::units::shape::Shape;
use crate::wgsl::network::units::{backward, forward, learner};
use crate::wgsl::writer::Writer;

/// The networks of `plan`, with lanes that map to units.
pub(crate) struct Units<'a> {
    pub(crate) plan: &'a Plan,
}

impl NetworkText for Units<'_> {
    fn forward(&self, kernel: Forward) -> String {
        let team = match kernel {
            Forward::Rollout => self.plan.rollout_team,
            Forward::Evaluate => self.plan.evaluate_team(),
        };
        let shape = Shape::new(self.plan, team.samples);
        let mut w = Writer::default();
        forward::write(&mut w, &shape, false, |w| forward::load_weights(w, &shape, false));
        w.finish()
    }

    fn take(&self) -> &'static str {
        if self.plan.first_layer_is_loop { parts::FROM_MEMORY[1] } else { parts::TAKE_INTO_REGISTERS }
    }

    fn tile(&self) -> String {
        let shape = Shape::new(self.plan, self.plan.tile);
        let mut w = Writer::default();
        forward::write(&mut w, &shape, true, |w| forward::load_weights(w, &shape, true));
        backward::write(&mut w, &shape);
        w.finish()
    }

    fn learner(&self) -> String {
        let shape = Shape::new(self.plan, self.plan.tile);
        let mut w = Writer::default();
        learner::write(&mut w, &shape);
        w.finish()
    }
}
