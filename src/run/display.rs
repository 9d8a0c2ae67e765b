//! What a person sees of a run while it trains, and how they end it.

use crate::program::plan::Plan;
use crate::run::device::DeviceSummary;
use crate::spec::metrics::Row;
use crate::support::error::Result;
use crate::train::trainer::Shares;

/// How far a run has come.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Updates done.
    pub updates: u32,
    /// Environment steps done, of each agent that still learns.
    pub env_steps: u64,
    /// Environment steps per second, all agents together.
    pub sps: f64,
    /// Mean return, averaged over agents that have finished an episode.
    pub mean_return: Option<f32>,
    /// Seconds since training began.
    pub seconds: f64,
    /// The first agent's row, of those that still learn.
    pub row: Option<Row>,
}

/// Whoever shows a run. All methods have a default: nothing is shown.
pub trait Display {
    /// A device was found for the run of `plan`, and is being prepared.
    fn prepare(&mut self, _plan: &Plan) {}

    /// Training begins on `device`. `shares` is what is known of the kernels' shares in the time of an update, then and later.
    ///
    /// # Errors
    /// When there is no showing it; the run then ends before it has begun.
    fn begin(&mut self, _plan: &Plan, _device: &DeviceSummary, _shares: Shares) -> Result<()> {
        Ok(())
    }

    /// Says something once.
    fn note(&mut self, _text: &str) {}

    /// Shows how far the run has come.
    fn show(&mut self, _state: &State) {}

    /// Whether a person asks for an end: training then stops after the updates in flight, with everything saved. Asked after each update; once is enough.
    fn is_ended(&mut self) -> bool {
        false
    }

    /// Training is over: leaves the last state for the person to see.
    fn finish(&mut self) {}
}

/// Shows nothing.
pub struct Silent;

impl Display for Silent {}

/// Who follows a run besides its own files.
pub struct Observers {
    /// What a person sees.
    pub display: Box<dyn Display>,
    /// Where rows go.
    pub sinks: Vec<Box<dyn crate::run::rows::Sink>>,
}

impl Default for Observers {
    /// Nobody.
    fn default() -> Observers {
        Observers { display: Box::new(Silent), sinks: Vec::new() }
    }
}
