//! What the device can do at most, measured by two kernels: arithmetic and memory.

use crate::bench::stopwatch::Stopwatch;
use crate::device::engine::{Engine, EngineOptions};
use crate::device::gpu::Gpu;
use crate::program::kernel::{Grid, Kernel};
use crate::program::plan::{Constant, Plan};
use crate::program::schedule::{Dispatch, Program};
use crate::support::error::Result;
use std::time::Duration;

/// Lanes of a workgroup of both kernels.
const LANES: usize = 256;
/// Bytes that a lane of `peak_copy` reads, and writes.
const COPIED_BYTES: u64 = 64;
/// Operations of a lane in one body of `peak_fma`: 64 multiply-adds in 12 chains.
const BODY_OPERATIONS: f64 = 64.0 * 12.0 * 2.0;
/// Bodies that are written out under an unrolling profile.
const UNROLLED_BODIES: u32 = 4;

/// The device's measured peaks.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Peaks {
    /// Billions of f32 operations a second; a multiply-add is two.
    pub gflops: f64,
    /// Billions of bytes a second, read and written, of a copy that is larger than the caches.
    pub gbytes: f64,
    /// Bytes of that copy: of either buffer.
    pub copy_bytes: u64,
}

/// Measures the peaks beside the engine of `plan`, and makes the stopwatch, whose clock is tried on them.
///
/// # Errors
/// [`crate::Error::Device`] when the device fails.
pub(super) fn measure(gpu: &Gpu, plan: &Plan, beside: &Engine, budget: Duration) -> Result<(Stopwatch, Peaks)> {
    let software = gpu.is_software();
    // A dispatch of some milliseconds on either kind of device.
    let (groups, rounds) = if software { (256, 8) } else { (8192, 8) };
    let unrolled = plan.profile.straight_line_limit > 0;
    let mut program = Program::new(vec![("factors", 16), ("sums", (groups * LANES) as u64 * 16)]);
    program.constants = vec![("UNROLLED", Constant::Bool(unrolled)), ("ROUNDS", Constant::U32(rounds))];
    program.then(peak("peak_fma", "arithmetic", include_str!("../../shaders/bench/peak_fma.wgsl"), groups), 0);
    let engine = beside.beside(program, &EngineOptions::default())?;
    // Both far from where numbers become denormal: x converges to b / (1 - a) = 1.
    engine.write("factors", bytemuck::cast_slice(&[0.75f32, 0.25, 0.0, 0.0]));
    let fma = |pass: &mut wgpu::ComputePass<'_>, _| engine.encode(pass, Dispatch { kernel: "peak_fma", index: 0 });
    let stopwatch = Stopwatch::new(gpu, budget, &fma)?;
    let bodies = if unrolled { UNROLLED_BODIES } else { rounds };
    let operations = (groups * LANES) as f64 * BODY_OPERATIONS * f64::from(bodies);
    let gflops = operations / stopwatch.seconds(&fma)? * 1e-9;

    let allowed = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size);
    // Above the caches of either: 50 MiB in the largest GPUs, a core's share in processors.
    let wanted = if software { 64 << 20 } else { 256 << 20 };
    let groups = wanted.min(allowed) / (LANES as u64 * COPIED_BYTES);
    let copy_bytes = groups * LANES as u64 * COPIED_BYTES;
    let mut program = Program::new(vec![("source", copy_bytes), ("destination", copy_bytes)]);
    program.then(peak("peak_copy", "memory", include_str!("../../shaders/bench/peak_copy.wgsl"), groups as usize), 0);
    let engine = beside.beside(program, &EngineOptions::default())?;
    let copy = |pass: &mut wgpu::ComputePass<'_>, _| engine.encode(pass, Dispatch { kernel: "peak_copy", index: 0 });
    let gbytes = 2.0 * copy_bytes as f64 / stopwatch.seconds(&copy)? * 1e-9;
    Ok((stopwatch, Peaks { gflops, gbytes, copy_bytes }))
}

/// A kernel that takes `what` to its peak, in few enough workgroups for one dispatch.
fn peak(name: &'static str, what: &'static str, source: &'static str, groups: usize) -> Kernel {
    Kernel { name, summary: what, source, grid: Grid { lanes: LANES, samples: LANES, groups, networks: 1, agents: 1 } }
}
