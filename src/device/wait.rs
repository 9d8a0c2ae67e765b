//! Waiting for the device. Nothing else in the crate polls a device, maps a buffer, or waits for an answer.
//!
//! A native device makes progress while it is polled, and polling may wait: these futures block the thread that polls them, and are then ready. In a browser
//! nothing may block, and answers arrive by themselves. Only this file would have to change for that, without the few functions that call [`block_on`].

use futures_channel::oneshot;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Runs a future to its end in this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    pollster::block_on(future)
}

/// Waits until `submission`, or everything that was submitted when it is `None`, has been carried out.
///
/// # Errors
/// When the device has failed.
pub(super) async fn done(device: &wgpu::Device, submission: Option<wgpu::SubmissionIndex>) -> Result<(), wgpu::PollError> {
    device.poll(wgpu::PollType::Wait { submission_index: submission, timeout: None }).map(|_| ())
}

/// The error that a scope caught. Native devices know it at once; where one does not, it is reported by [`crate::device::gpu::Gpu::check`] or not at all.
pub(super) fn caught(scope: wgpu::ErrorScopeGuard) -> Option<wgpu::Error> {
    match pin!(scope.pop()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(error) => error,
        Poll::Pending => None,
    }
}

/// A buffer that is about to be mapped.
pub(crate) struct Mapping {
    buffer: wgpu::Buffer,
    answer: oneshot::Receiver<Result<(), wgpu::BufferAsyncError>>,
}

impl Mapping {
    /// Asks for `buffer` to be mapped for reading, once the device has done everything that was submitted.
    pub(crate) fn new(buffer: &wgpu::Buffer) -> Mapping {
        let (sender, answer) = oneshot::channel();
        // Sending fails only if the waiting future was dropped.
        buffer.map_async(wgpu::MapMode::Read, .., |result| drop(sender.send(result)));
        Mapping { buffer: buffer.clone(), answer }
    }

    /// Asks for `buffer` to be mapped for reading, once the device has done what `encoder` records.
    pub(crate) fn on_submit(encoder: &wgpu::CommandEncoder, buffer: &wgpu::Buffer) -> Mapping {
        let (sender, answer) = oneshot::channel();
        encoder.map_buffer_on_submit(buffer, wgpu::MapMode::Read, .., |result| drop(sender.send(result)));
        Mapping { buffer: buffer.clone(), answer }
    }

    /// Passes the contents of the buffer to `take`, and unmaps it. Await this after [`done`], which makes a native device answer.
    ///
    /// # Errors
    /// Why the buffer could not be mapped.
    pub(crate) async fn read<T>(self, take: impl FnOnce(&[u8]) -> T) -> Result<T, String> {
        self.answer.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let taken = take(&self.buffer.get_mapped_range(..).map_err(|error| error.to_string())?);
        self.buffer.unmap();
        Ok(taken)
    }
}
