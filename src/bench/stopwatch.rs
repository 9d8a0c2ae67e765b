//! Times repeated dispatches: by the device's clock where it has one that can be believed, else by the host's.

use crate::device::engine::{create_buffer, map_error};
use crate::device::gpu::Gpu;
use crate::device::wait::{Mapping, block_on};
use crate::support::error::Result;
use std::time::{Duration, Instant};

/// A submission grows until it takes this long: far above what the clocks and the submission itself add, and far below a desktop's watchdog.
const LONG_ENOUGH: f64 = 0.02;
/// Most repetitions in a submission; recording more takes longer than running them tells.
const MOST_REPEATS: usize = 1 << 14;
/// Submissions of which the median is taken.
const SAMPLES: std::ops::RangeInclusive<usize> = 3..=25;
/// What the host measures of a submission in which the device's clock is checked may differ from the device's by these factors.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = 0.5..=1.05;

/// Encodes repetition `r` of what is timed.
pub(super) type Encode<'a> = dyn Fn(&mut wgpu::ComputePass<'_>, usize) + 'a;

/// Measures how long work takes on a device.
pub(super) struct Stopwatch {
    gpu: Gpu,
    /// Time to spend on one figure.
    budget: Duration,
    /// The device's clock, where it is used.
    timestamps: Option<Timestamps>,
    /// Seconds that the host measures of a submission without work.
    empty: f64,
}

/// A pair of timestamps around a pass.
struct Timestamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    readback: wgpu::Buffer,
    seconds_per_tick: f64,
}

impl Timestamps {
    fn new(gpu: &Gpu) -> Result<Option<Timestamps>> {
        if !gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Ok(None);
        }
        let queries = gpu.device.create_query_set(&wgpu::QuerySetDescriptor { label: Some("timestamps"), ty: wgpu::QueryType::Timestamp, count: 2 });
        Ok(Some(Timestamps {
            queries,
            resolved: create_buffer(gpu, "timestamps", 16, wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC)?,
            readback: create_buffer(gpu, "timestamps readback", 16, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)?,
            seconds_per_tick: f64::from(gpu.queue.get_timestamp_period()) * 1e-9,
        }))
    }

    /// Seconds between the two timestamps of the last submission.
    fn read(&self, gpu: &Gpu) -> Result<f64> {
        let activity = || "read timestamps".to_string();
        let mapping = Mapping::new(&self.readback);
        gpu.wait(None, activity)?;
        let ticks: Vec<u64> = block_on(mapping.read(bytemuck::pod_collect_to_vec)).map_err(|error| map_error(activity(), error))?;
        Ok(ticks[1].wrapping_sub(ticks[0]) as f64 * self.seconds_per_tick)
    }
}

impl Stopwatch {
    /// A stopwatch that uses the device's clock if that agrees with the host's about `known`, work of which many repetitions keep the device busy.
    pub(super) fn new(gpu: &Gpu, budget: Duration, known: &Encode<'_>) -> Result<Stopwatch> {
        let mut stopwatch = Stopwatch { gpu: gpu.clone(), budget, timestamps: Timestamps::new(gpu)?, empty: 0.0 };
        let (mut empty, mut ratios) = (Vec::new(), Vec::new());
        let repeats = stopwatch.repeats(known)?;
        for _ in 0..*SAMPLES.start() {
            empty.push(stopwatch.submit(0, known)?.0);
        }
        stopwatch.empty = median(&mut empty);
        for _ in 0..*SAMPLES.start() {
            let (host, device) = stopwatch.submit(repeats, known)?;
            ratios.extend(device.map(|device| device / host));
        }
        // Some drivers write both timestamps when the work is recorded, or when it was submitted.
        if !ratios.is_empty() && !PLAUSIBLE.contains(&median(&mut ratios)) {
            stopwatch.timestamps = None;
        }
        Ok(stopwatch)
    }

    /// Which clock is used, in words.
    pub(super) fn clock(&self) -> &'static str {
        if self.timestamps.is_some() { "device timestamps" } else { "wall clock of submissions" }
    }

    /// Time to spend on one figure.
    pub(super) fn budget(&self) -> Duration {
        self.budget
    }

    /// Median seconds of one repetition of what `encode` records.
    pub(super) fn seconds(&self, encode: &Encode<'_>) -> Result<f64> {
        let began = Instant::now();
        let repeats = self.repeats(encode)?;
        let mut samples = Vec::new();
        while samples.len() < *SAMPLES.start() || (samples.len() < *SAMPLES.end() && began.elapsed() < self.budget) {
            samples.push(self.measure(repeats, encode)? / repeats as f64);
        }
        Ok(median(&mut samples))
    }

    /// Repetitions that keep the device busy for long enough. Also warms up: drivers compile at the first dispatch, and clocks rise under load.
    fn repeats(&self, encode: &Encode<'_>) -> Result<usize> {
        let mut repeats = 1;
        self.submit(1, encode)?;
        loop {
            // By the host's clock, which is never stuck.
            let seconds = self.submit(repeats, encode)?.0 - self.empty;
            if seconds >= LONG_ENOUGH.min(self.budget.as_secs_f64()) || repeats >= MOST_REPEATS {
                return Ok(repeats);
            }
            let factor = (1.2 * LONG_ENOUGH / seconds.max(1e-9)).clamp(2.0, 16.0);
            repeats = ((repeats as f64 * factor).ceil() as usize).min(MOST_REPEATS);
        }
    }

    /// Seconds of `repeats` repetitions.
    fn measure(&self, repeats: usize, encode: &Encode<'_>) -> Result<f64> {
        let (host, device) = self.submit(repeats, encode)?;
        // Where noise makes an empty submission the longer one, nothing better is known than no time at all.
        Ok(device.unwrap_or((host - self.empty).max(1e-9)))
    }

    /// Runs `repeats` repetitions in one pass of one submission: seconds by the host's clock, and by the device's.
    fn submit(&self, repeats: usize, encode: &Encode<'_>) -> Result<(f64, Option<f64>)> {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        {
            let timestamp_writes = self.timestamps.as_ref().map(|timestamps| wgpu::ComputePassTimestampWrites {
                query_set: &timestamps.queries,
                beginning_of_pass_write_index: Some(0),
                end_of_pass_write_index: Some(1),
            });
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some("bench"), timestamp_writes });
            for r in 0..repeats {
                encode(&mut pass, r);
            }
        }
        if let Some(timestamps) = &self.timestamps {
            encoder.resolve_query_set(&timestamps.queries, 0..2, &timestamps.resolved, 0);
            encoder.copy_buffer_to_buffer(&timestamps.resolved, 0, &timestamps.readback, 0, 16);
        }
        let commands = encoder.finish();
        let began = Instant::now();
        let submission = self.gpu.queue.submit([commands]);
        self.gpu.wait(Some(submission), || "ran what is timed".into())?;
        let host = began.elapsed().as_secs_f64();
        let device = self.timestamps.as_ref().map(|timestamps| timestamps.read(&self.gpu)).transpose()?;
        Ok((host, device))
    }
}

/// The median; the mean of the middle two of an even number.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn median_is_the_middle() {
        assert_eq!([median(&mut [3.0, 1.0, 2.0]), median(&mut [4.0, 1.0, 3.0, 2.0])], [2.0, 2.5]);
        assert!(median(&mut []).is_nan());
    }
}
