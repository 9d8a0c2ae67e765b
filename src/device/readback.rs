//! Copies of an engine's buffers that the host can read, made with a submission.

use crate::device::engine::{Engine, create_buffer, map_error};
use crate::device::gpu::Gpu;
use crate::device::wait::Mapping;
use crate::program::buffers::Buffer;
use crate::program::plan::Plan;
use crate::support::error::Result;

/// A staging buffer that holds copies of several buffers, one after the other.
pub(crate) struct Readback {
    /// Name and size in bytes of each.
    parts: Vec<(&'static str, u64)>,
    copy: wgpu::Buffer,
}

impl Readback {
    /// A staging buffer called `label` for the buffers `names` of `plan`.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Device`] when memory runs out.
    pub(crate) fn new(gpu: &Gpu, plan: &Plan, label: &str, names: &[&'static str]) -> Result<Readback> {
        let parts: Vec<(&'static str, u64)> = names.iter().map(|&name| (name, Buffer::named(name).bytes(plan))).collect();
        let size = parts.iter().map(|(_, size)| size).sum();
        let copy = create_buffer(gpu, label, size, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)?;
        Ok(Readback { parts, copy })
    }

    /// Records the copies. Only one readback may be in flight at a time.
    pub(crate) fn record(&self, engine: &Engine, encoder: &mut wgpu::CommandEncoder) -> Mapping {
        let mut offset = 0;
        for (name, size) in &self.parts {
            encoder.copy_buffer_to_buffer(engine.buffer(name), 0, &self.copy, offset, *size);
            offset += size;
        }
        Mapping::on_submit(encoder, &self.copy)
    }

    /// The words that each buffer held when `mapping` was recorded. The submission is done by now.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Device`] when the device failed.
    pub(crate) async fn read(&self, engine: &Engine, mapping: Mapping, activity: impl Fn() -> String) -> Result<Vec<Vec<u32>>> {
        let split = |mut bytes: &[u8]| {
            let words = self.parts.iter().map(|(_, size)| bytemuck::pod_collect_to_vec(bytes.split_off(..*size as usize).expect("all parts were copied")));
            words.collect()
        };
        let words = mapping.read(split).await.map_err(|message| map_error(activity(), message))?;
        engine.count_read(self.copy.size());
        Ok(words)
    }
}
