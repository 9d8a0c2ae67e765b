//! Decisions of kernels, some of which depend on rounding.

/// A decision that rounding could make either way. Later results cannot be compared; another seed avoids it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kernel}: within rounding, {quantity} could go either way (agent {agent}, index {index})")]
pub struct Ambiguous {
    /// The kernel that decides.
    pub kernel: &'static str,
    /// The agent.
    pub agent: usize,
    /// Index of the step, sample or parameter in the agent's part of the buffer.
    pub index: usize,
    /// The decision.
    pub quantity: &'static str,
}

/// The place of a decision.
#[derive(Debug, Clone, Copy)]
pub struct Site {
    /// The kernel.
    pub kernel: &'static str,
    /// The agent.
    pub agent: usize,
    /// Index of the step, sample or parameter in the agent's part of the buffer.
    pub index: usize,
}

impl Site {
    /// The outcome of a comparison.
    ///
    /// # Errors
    /// When rounding could decide it either way.
    pub fn decide(self, outcome: Option<bool>, quantity: &'static str) -> Result<bool, Ambiguous> {
        outcome.ok_or(Ambiguous { kernel: self.kernel, agent: self.agent, index: self.index, quantity })
    }
}
