//! The kernels that a device has compiled so far.

use crate::wgsl::reflect;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A kernel that a device has compiled, before buffers are bound to it.
pub(super) struct Compiled {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) bindings: Vec<reflect::Binding>,
    /// Layouts of the group of buffers and of the group that holds the number of the first part.
    pub(super) layout: wgpu::BindGroupLayout,
    pub(super) part_layout: wgpu::BindGroupLayout,
}

/// The kernels that a device has compiled, by the digest of everything that a compiled kernel depends on. An engine that needs one again gets it without
/// delay: drivers take seconds to compile a kernel, and their own caches save only a part of that.
#[derive(Default)]
pub(super) struct CompiledKernels(Mutex<HashMap<[u8; 32], Slot>>);

/// A kernel, once it is compiled. Threads that need it meanwhile wait for the lock.
pub(super) type Slot = Arc<Mutex<Option<Arc<Compiled>>>>;

impl CompiledKernels {
    /// Once there are this many kernels, all are dropped (engines keep theirs), so that a process that keeps making new plans does not fill the memory.
    const MOST: usize = 1024;

    /// The place of the kernel with this digest.
    pub(super) fn slot(&self, digest: [u8; 32]) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= Self::MOST {
            slots.clear();
        }
        slots.entry(digest).or_default().clone()
    }
}
