//! Each kernel of an update: its time, its share, and how near it comes to what the device can do.

use crate::bench::model::Model;
use crate::bench::peaks::Peaks;
use crate::bench::stopwatch::Stopwatch;
use crate::bench::work::work;
use crate::device::engine::Engine;
use crate::program::plan::Plan;
use crate::support::error::Result;

/// One kernel of an update.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct KernelTime {
    /// Its name.
    pub kernel: &'static str,
    /// Dispatches in an update.
    pub dispatches: usize,
    /// Median seconds of a dispatch.
    pub seconds: f64,
    /// Its share of the time of all kernels of an update.
    pub share: f64,
    /// Billions of f32 operations a second, for kernels that run networks.
    pub gflops: Option<f64>,
    /// Billions of bytes a second that it has to move at least, where the data say how many those are.
    pub gbytes: Option<f64>,
    /// The larger of the two as a fraction of the device's measured peak.
    pub of_peak: Option<f64>,
    /// Seconds that [`crate::bench::model`] predicts from the measured peaks.
    pub predicted: f64,
}

/// Times every kernel of an update of `plan`, whose buffers hold what a first update left in them.
///
/// # Errors
/// [`crate::Error::Device`] when the device fails.
pub(super) fn measure(stopwatch: &Stopwatch, peaks: &Peaks, model: &Model, engine: &Engine, plan: &Plan) -> Result<Vec<KernelTime>> {
    let mut rows = Vec::new();
    let predictions = model.predict(plan);
    for kernel in engine.program().kernels.iter().map(|kernel| kernel.name) {
        let dispatches = engine.program().update_of(kernel);
        if dispatches.is_empty() {
            continue;
        }
        // In turn, so that each part of the work finds its data as cold as in an update.
        let seconds = stopwatch.seconds(&|pass, r| engine.encode(pass, dispatches[r % dispatches.len()]))?;
        let work = work(kernel, plan);
        let rate = |amount: f64| (amount > 0.0).then_some(amount / seconds * 1e-9);
        let (gflops, gbytes) = (rate(work.operations), rate(work.bytes));
        let of_peak = [gflops.map(|rate| rate / peaks.gflops), gbytes.map(|rate| rate / peaks.gbytes)].into_iter().flatten().reduce(f64::max);
        let predicted = predictions.iter().find(|row| row.kernel == kernel).map_or(0.0, |row| row.seconds);
        rows.push(KernelTime { kernel, dispatches: dispatches.len(), seconds, share: 0.0, gflops, gbytes, of_peak, predicted });
    }
    let total: f64 = rows.iter().map(|row| row.seconds * row.dispatches as f64).sum();
    for row in &mut rows {
        row.share = row.seconds * row.dispatches as f64 / total;
    }
    Ok(rows)
}
