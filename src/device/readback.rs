//! Copies of an engine's buffers that the host can read, made with a submission.

use crate::device::engine::{Engine, create_buffer, map_error};
use crate::device::wait::{Mapping, block_on};
use crate::program::schedule::Piece;
use crate::support::error::Result;
use std::collections::BTreeMap;

/// A staging buffer that holds copies of several buffers, one after the other.
pub(crate) struct Readback {
    /// The buffers that are copied.
    buffers: Vec<wgpu::Buffer>,
    copy: wgpu::Buffer,
}

impl Readback {
    /// A staging buffer called `label` for the buffers `names` of `engine`, with their guard words.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Device`] when memory runs out.
    pub(crate) fn new(engine: &Engine, label: &str, names: &[&str]) -> Result<Readback> {
        let buffers: Vec<wgpu::Buffer> = names.iter().map(|name| engine.buffer(name).clone()).collect();
        let size = buffers.iter().map(wgpu::Buffer::size).sum();
        let copy = create_buffer(&engine.gpu, label, size, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)?;
        Ok(Readback { buffers, copy })
    }

    /// Records the copies. Only one readback may be in flight at a time.
    pub(crate) fn record(&self, encoder: &mut wgpu::CommandEncoder) -> Mapping {
        let mut offset = 0;
        for buffer in &self.buffers {
            encoder.copy_buffer_to_buffer(buffer, 0, &self.copy, offset, buffer.size());
            offset += buffer.size();
        }
        Mapping::on_submit(encoder, &self.copy)
    }

    /// The words that each buffer held when `mapping` was recorded. The submission is done by now.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Device`] when the device failed.
    pub(crate) async fn read(&self, engine: &Engine, mapping: Mapping, activity: impl Fn() -> String) -> Result<Vec<Vec<u32>>> {
        let split = |mut bytes: &[u8]| {
            let words =
                self.buffers.iter().map(|buffer| bytemuck::pod_collect_to_vec(bytes.split_off(..buffer.size() as usize).expect("all of them were copied")));
            words.collect()
        };
        let words = mapping.read(split).await.map_err(|message| map_error(activity(), message))?;
        engine.count_read(self.copy.size());
        Ok(words)
    }

    /// Submits `pieces` and the copies together, and waits for the words that each buffer then holds.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Device`] when the device failed.
    pub(crate) async fn after(&self, engine: &Engine, pieces: &[Piece], activity: impl Fn() -> String) -> Result<Vec<Vec<u32>>> {
        let mut mapping = None;
        let submission = engine.submit(pieces, |encoder| mapping = Some(self.record(encoder)));
        engine.gpu.done(Some(submission), &activity).await?;
        self.read(engine, mapping.expect("submitting calls the closure"), activity).await
    }
}

impl Engine {
    /// Reads a whole buffer, guard words included.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Device`] when the device failed.
    pub fn read(&self, name: &str) -> Result<Vec<u32>> {
        self.read_all(&[name]).map(|mut words| words.remove(0))
    }

    /// Reads whole buffers, guard words included, in one submission.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Device`] when the device failed.
    pub fn read_all(&self, names: &[&str]) -> Result<Vec<Vec<u32>>> {
        let copied = Readback::new(self, "readback", names)?;
        block_on(copied.after(self, &[], || format!("read buffer `{}`", names.join("`, `"))))
    }

    /// Reads every buffer of the program, as [`Engine::read_all`] does: meant for small programs, as one staging buffer holds all copies.
    ///
    /// # Errors
    /// [`crate::support::error::Error::Device`] when the device failed.
    pub fn download(&self) -> Result<BTreeMap<&'static str, Vec<u32>>> {
        let names: Vec<&'static str> = self.program().buffers.iter().map(|(name, _)| *name).collect();
        Ok(names.iter().copied().zip(self.read_all(&names)?).collect())
    }
}
