//! The device of a run, as the run's files describe it.

use crate::device::gpu::Gpu;

/// The device of a run.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DeviceSummary {
    /// The adapter's name.
    pub device: String,
    /// Graphics API.
    pub backend: String,
    /// Driver and its version.
    pub driver: String,
    /// Whether it computes on the CPU.
    pub software: bool,
}

impl DeviceSummary {
    /// The description of `gpu`.
    pub fn new(gpu: &Gpu) -> DeviceSummary {
        let (info, software) = (&gpu.info, gpu.is_software());
        DeviceSummary { device: info.name.clone(), backend: info.backend.to_string(), driver: driver(info), software }
    }
}

/// Driver and version as one text.
pub fn driver(info: &wgpu::AdapterInfo) -> String {
    format!("{} {}", info.driver, info.driver_info).trim().to_string()
}
