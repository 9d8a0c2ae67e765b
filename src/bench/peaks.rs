//! What the device can do at most, measured by two kernels: arithmetic and memory.

use crate::bench::stopwatch::Stopwatch;
use crate::device::engine::create_buffer;
use crate::device::gpu::Gpu;
use crate::device::shader::{Program, Shader};
use crate::program::kernel::Grid;
use crate::program::plan::Plan;
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

/// Measures the peaks, and makes the stopwatch, whose clock is tried on them.
///
/// # Errors
/// [`crate::Error::Device`] when the device fails.
pub(super) fn measure(gpu: &Gpu, plan: &Plan, budget: Duration) -> Result<(Stopwatch, Peaks)> {
    let software = gpu.is_software();
    // A dispatch of some milliseconds on either kind of device.
    let (groups, rounds) = if software { (256, 8) } else { (8192, 8) };
    let unrolled = plan.profile.straight_line_limit > 0;
    let shader = Shader {
        name: "peak_fma",
        source: include_str!("../../shaders/bench/peak_fma.wgsl"),
        constants: format!("const UNROLLED: bool = {unrolled};\nconst ROUNDS: u32 = {rounds}u;\n"),
        grid: Grid { lanes: LANES, groups: groups as usize, networks: 1 },
        groups: [groups, 1, 1],
    };
    let storage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let factors = create_buffer(gpu, "factors", 16, storage)?;
    // Both far from where numbers become denormal: x converges to b / (1 - a) = 1.
    gpu.queue.write_buffer(&factors, 0, bytemuck::cast_slice(&[0.75f32, 0.25, 0.0, 0.0]));
    let sums = create_buffer(gpu, "sums", u64::from(groups) * LANES as u64 * 16, storage)?;
    let fma = Program::new(gpu, plan, &shader, |name| Some(if name == "factors" { &factors } else { &sums }))?;
    let stopwatch = Stopwatch::new(gpu, budget, &|pass, _| fma.encode(pass))?;
    let bodies = if unrolled { UNROLLED_BODIES } else { rounds };
    let operations = f64::from(groups) * LANES as f64 * BODY_OPERATIONS * f64::from(bodies);
    let gflops = operations / stopwatch.seconds(&|pass, _| fma.encode(pass))? * 1e-9;

    let allowed = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size);
    // Above the caches of either: 50 MiB in the largest GPUs, a core's share in processors.
    let wanted = if software { 64 << 20 } else { 256 << 20 };
    let groups = wanted.min(allowed) / (LANES as u64 * COPIED_BYTES);
    let copy_bytes = groups * LANES as u64 * COPIED_BYTES;
    let shader = Shader {
        name: "peak_copy",
        source: include_str!("../../shaders/bench/peak_copy.wgsl"),
        constants: String::new(),
        grid: Grid { lanes: LANES, groups: groups as usize, networks: 1 },
        groups: [groups as u32, 1, 1],
    };
    let source = create_buffer(gpu, "source", copy_bytes, storage)?;
    let destination = create_buffer(gpu, "destination", copy_bytes, storage)?;
    let copy = Program::new(gpu, plan, &shader, |name| Some(if name == "source" { &source } else { &destination }))?;
    let gbytes = 2.0 * copy_bytes as f64 / stopwatch.seconds(&|pass, _| copy.encode(pass))? * 1e-9;
    Ok((stopwatch, Peaks { gflops, gbytes, copy_bytes }))
}
