//! Showing a run to a person while it trains, and letting them end it.

use crate::program::plan::Plan;
use crate::run::device::DeviceSummary;
use crate::spec::metrics::Row;
use crate::support::error::Result;
use crate::train::trainer::Shares;

/// Progress of a run.
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
    /// Row of the first agent that still learns.
    pub row: Option<Row>,
}

/// Shows a run. All methods have a default that shows nothing.
pub trait Display {
    /// A device was found for the run of `plan`, and is being prepared.
    fn prepare(&mut self, _plan: &Plan) {}

    /// Training begins on `device`. `shares` holds the kernels' known shares of an update's time, and is kept up to date.
    ///
    /// # Errors
    /// When the display fails; the run then ends before training begins.
    fn begin(&mut self, _plan: &Plan, _device: &DeviceSummary, _shares: Shares) -> Result<()> {
        Ok(())
    }

    /// Shows a note.
    fn note(&mut self, _text: &str) {}

    /// Shows the progress of the run.
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

/// The observers of a run, in addition to its own files.
pub struct Observers {
    /// The display for a person.
    pub display: Box<dyn Display>,
    /// More destinations of rows.
    pub sinks: Vec<Box<dyn crate::run::rows::Sink>>,
}

impl Default for Observers {
    /// No observers.
    fn default() -> Observers {
        Observers { display: Box::new(Silent), sinks: Vec::new() }
    }
}
