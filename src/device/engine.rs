//! The device side of a run: buffers, compiled kernels, encoding. Training and shader tests both use it.

use crate::device::cache::KernelCache;
use crate::device::compiled::Compiled;
use crate::device::compiler::{Checks, Compiler};
use crate::device::gpu::{ALIGNMENT, Gpu, check_plan};
use crate::device::wait;
use crate::program::kernel::Kernel;
use crate::program::plan::Plan;
use crate::program::schedule::{Dispatch, Piece, Program, Step};
use crate::support::error::{DeviceFailure, Error, Result};
use crate::wgsl::{compose, reflect};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// Options of an [`Engine`]; only tests and benchmarks change the defaults.
#[derive(Default)]
pub struct EngineOptions {
    /// Compile with bounds checks and bounded loops.
    pub checked: bool,
    /// Guard words after each buffer, which no kernel may touch.
    pub guard_words: usize,
    /// Changes a kernel's composed WGSL before it is compiled.
    pub rewrite: Option<Rewrite>,
    /// Cache compiled kernels on disk.
    pub cached: bool,
    /// Compile kernels again that this device has compiled before, to measure the time.
    pub anew: bool,
}

/// A change to the WGSL of the kernel of this name.
pub type Rewrite = Box<dyn Fn(&str, String) -> String + Send + Sync>;

/// Counters of the traffic between host and device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Writes of the host.
    pub writes: u64,
    /// Reads by the host.
    pub reads: u64,
    /// Bytes read by the host.
    pub bytes_read: u64,
}

/// A compiled kernel and its bindings.
struct Bound {
    kernel: Kernel,
    compiled: Arc<Compiled>,
    bind_group: wgpu::BindGroup,
    /// Binds the number of the first part, from the buffer of integers that also holds the dispatch's index.
    part: wgpu::BindGroup,
    /// Whether it reads its dispatch's index.
    indexed: bool,
    /// Workgroups in total and in a part.
    workgroups: u32,
    grain: u32,
}

/// A program on a device: its buffers and its compiled kernels.
pub struct Engine {
    pub(super) gpu: Gpu,
    plan: Plan,
    program: Program,
    buffers: BTreeMap<&'static str, wgpu::Buffer>,
    /// The kernels of the program.
    bound: Vec<Bound>,
    traffic: Cell<Traffic>,
}

impl Engine {
    /// Allocates the buffers of `program` (zeroed) and compiles its kernels. `plan` is the plan of the program.
    ///
    /// # Errors
    /// [`Error::Limit`] when the adapter cannot hold the plan, [`Error::Device`] naming the buffer when memory runs out,
    /// [`Error::Shader`] naming the kernel that does not compile.
    pub fn new(gpu: &Gpu, plan: &Plan, program: Program, options: &EngineOptions) -> Result<Engine> {
        check_plan(plan, &gpu.info, &gpu.limits)?;
        Self::with_buffers(gpu, plan, program, options, BTreeMap::new())
    }

    /// An engine for another program of the same plan. It shares the buffers of this one, and allocates those that this one lacks.
    ///
    /// # Errors
    /// Those of [`Engine::new`] except the first.
    pub fn beside(&self, program: Program, options: &EngineOptions) -> Result<Engine> {
        Self::with_buffers(&self.gpu, &self.plan, program, options, self.buffers.clone())
    }

    fn with_buffers(gpu: &Gpu, plan: &Plan, program: Program, options: &EngineOptions, mut buffers: BTreeMap<&'static str, wgpu::Buffer>) -> Result<Engine> {
        for &(name, bytes) in &program.buffers {
            if let Entry::Vacant(place) = buffers.entry(name) {
                let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
                let buffer = place.insert(create_buffer(gpu, name, bytes + 4 * options.guard_words as u64, usage)?);
                if name == "env_data" {
                    // The same for every agent and update.
                    gpu.queue.write_buffer(buffer, 0, bytemuck::cast_slice(plan.environment.data.words()));
                }
            }
        }
        let indices = index_buffer(gpu, &program)?;
        let cache = if options.cached { KernelCache::open(gpu) } else { None };
        let compiler = Compiler { gpu, cache: cache.as_ref(), anew: options.anew };
        // Compilation is the longest part of start-up, and kernels compile independently.
        let bound: Vec<Result<Bound>> = std::thread::scope(|scope| {
            let bind = |&kernel| {
                let (compiler, program, buffers, indices) = (&compiler, &program, &buffers, &indices);
                scope.spawn(move || {
                    let composed = compose::compose_with(kernel, plan, &program.constants);
                    // Text that a test rewrites may index anywhere, too.
                    let checks = match options.checked || options.rewrite.is_some() {
                        true => Checks::All,
                        false if composed.is_foreign(plan) => Checks::Environment,
                        false => Checks::None,
                    };
                    let source = match &options.rewrite {
                        Some(rewrite) => rewrite(kernel.name, composed.text),
                        None => composed.text,
                    };
                    bind(gpu, kernel, compiler.compile(kernel.name, &source, checks)?, buffers, indices)
                })
            };
            let threads: Vec<_> = program.kernels.iter().map(bind).collect();
            let joined = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            joined.collect()
        });
        let bound = bound.into_iter().collect::<Result<_>>()?;
        gpu.check(|| "compiled kernels".into())?;
        if let Some(cache) = &cache {
            cache.save();
        }
        Ok(Engine { gpu: gpu.clone(), plan: plan.clone(), program, buffers, bound, traffic: Cell::default() })
    }

    /// The program that it executes.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The buffer called `name`.
    ///
    /// # Panics
    /// When there is none.
    pub fn buffer(&self, name: &str) -> &wgpu::Buffer {
        self.buffers.get(name).unwrap_or_else(|| panic!("no buffer is called {name}"))
    }

    /// The kernel called `name`. A linear search: there are about ten.
    fn bound(&self, name: &str) -> &Bound {
        self.bound.iter().find(|bound| bound.kernel.name == name).unwrap_or_else(|| panic!("the program has no kernel {name}"))
    }

    /// The buffers that a kernel of this engine binds.
    pub fn bindings(&self, kernel: &str) -> &[reflect::Binding] {
        &self.bound(kernel).compiled.bindings
    }

    /// The traffic between host and device so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic.get()
    }

    /// Counts a read of `bytes` by the host.
    pub(crate) fn count_read(&self, bytes: u64) {
        let before = self.traffic.get();
        self.traffic.set(Traffic { reads: before.reads + 1, bytes_read: before.bytes_read + bytes, ..before });
    }

    /// Writes `words` at the start of a buffer.
    pub fn write(&self, name: &str, words: &[u32]) {
        let before = self.traffic.get();
        self.traffic.set(Traffic { writes: before.writes + 1, ..before });
        self.gpu.queue.write_buffer(self.buffer(name), 0, bytemuck::cast_slice(words));
    }

    /// Records a dispatch.
    pub fn encode(&self, pass: &mut wgpu::ComputePass<'_>, dispatch: Dispatch) {
        self.encode_piece(pass, &self.all_parts(dispatch));
    }

    fn encode_piece(&self, pass: &mut wgpu::ComputePass<'_>, piece: &Piece) {
        let bound = self.bound(piece.dispatch.kernel);
        pass.set_pipeline(&bound.compiled.pipeline);
        let offset = [piece.dispatch.index * ALIGNMENT as u32];
        pass.set_bind_group(0, &bound.bind_group, if bound.indexed { &offset } else { &[] });
        // WebGPU allows 65,535 workgroups along an axis.
        let at_once = (65_535 / bound.grain).max(1);
        for first in piece.parts.clone().step_by(at_once as usize) {
            let end = piece.parts.end.min(first + at_once);
            pass.set_bind_group(1, &bound.part, &[first * ALIGNMENT as u32]);
            pass.dispatch_workgroups(bound.workgroups.min(end * bound.grain) - first * bound.grain, 1, 1);
        }
    }

    /// Submits pieces together, and then `last`.
    pub fn submit(&self, pieces: &[Piece], last: impl FnOnce(&mut wgpu::CommandEncoder)) -> wgpu::SubmissionIndex {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        if !pieces.is_empty() {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pieces.iter().for_each(|piece| self.encode_piece(&mut pass, piece));
        }
        last(&mut encoder);
        self.gpu.queue.submit([encoder.finish()])
    }

    /// Submits pieces together and waits for them.
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed.
    pub fn run_pieces(&self, pieces: &[Piece]) -> Result<()> {
        wait::block_on(self.complete(pieces))
    }

    /// [`Engine::run_pieces`] as a future, where nothing may block.
    pub(crate) async fn complete(&self, pieces: &[Piece]) -> Result<()> {
        let submission = self.submit(pieces, |_| ());
        let activity = || match pieces {
            [one] => format!("ran kernel `{}`", one.dispatch.kernel),
            _ => "ran kernels".into(),
        };
        self.gpu.done(Some(submission), activity).await
    }

    /// A dispatch as one piece.
    pub fn all_parts(&self, dispatch: Dispatch) -> Piece {
        Piece { dispatch, parts: 0..self.bound(dispatch.kernel).kernel.grid.parts() }
    }

    /// Steps as pieces, none of them cut.
    pub fn pieces(&self, steps: &[Step]) -> Vec<Piece> {
        steps.iter().map(|&Step::Dispatch(dispatch)| self.all_parts(dispatch)).collect()
    }

    /// Runs steps and waits for them.
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed.
    pub fn run(&self, steps: &[Step]) -> Result<()> {
        self.run_pieces(&self.pieces(steps))
    }
}

/// The error for a buffer that could not be mapped.
pub(crate) fn map_error(activity: String, error: impl std::fmt::Display) -> Error {
    Error::Device { activity, message: error.to_string(), kind: DeviceFailure::Lost }
}

/// Allocates a buffer, with the error that names it.
pub(crate) fn create_buffer(gpu: &Gpu, name: &str, size: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
    let memory = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let validation = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: Some(name), size, usage, mapped_at_creation: false });
    let failure = |kind, error: wgpu::Error| Error::Device { activity: format!("created buffer `{name}` of {size} bytes"), message: error.to_string(), kind };
    let invalid = wait::caught(validation);
    if let Some(error) = wait::caught(memory) {
        return Err(failure(DeviceFailure::OutOfMemory, error));
    }
    match invalid {
        Some(error) => Err(failure(DeviceFailure::Validation, error)),
        None => Ok(buffer),
    }
}

/// A buffer that holds 0, 1, 2 ... at aligned offsets: a dispatch selects its index and its first part by dynamic offset, so nothing is written
/// while training.
fn index_buffer(gpu: &Gpu, program: &Program) -> Result<wgpu::Buffer> {
    let largest = program.largest_number();
    let usages = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let buffer = create_buffer(gpu, "dispatch", (u64::from(largest) + 1) * ALIGNMENT, usages)?;
    let mut words = vec![0u32; (largest as usize + 1) * ALIGNMENT as usize / 4];
    for index in 0..=largest {
        words[index as usize * ALIGNMENT as usize / 4] = index;
    }
    gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&words));
    Ok(buffer)
}

/// Binds the buffers that a compiled kernel's WGSL names.
fn bind(gpu: &Gpu, kernel: Kernel, compiled: Arc<Compiled>, buffers: &BTreeMap<&'static str, wgpu::Buffer>, indices: &wgpu::Buffer) -> Result<Bound> {
    let name = kernel.name;
    let integer = || wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: indices, offset: 0, size: std::num::NonZeroU64::new(4) });
    let resources: Vec<wgpu::BindGroupEntry> = compiled
        .bindings
        .iter()
        .map(|binding| {
            let resource = if binding.uniform {
                integer()
            } else {
                let unknown = || Error::Shader { kernel: name.into(), report: format!("no buffer is called `{}`", binding.name) };
                buffers.get(binding.name.as_str()).ok_or_else(unknown)?.as_entire_binding()
            };
            Ok(wgpu::BindGroupEntry { binding: binding.index, resource })
        })
        .collect::<Result<_>>()?;
    let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
    let group = |layout: &wgpu::BindGroupLayout, entries: &[wgpu::BindGroupEntry]| {
        gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(name), layout, entries })
    };
    let bind_group = group(&compiled.layout, &resources);
    let part = group(&compiled.part_layout, &[wgpu::BindGroupEntry { binding: 0, resource: integer() }]);
    if let Some(error) = wait::caught(scope) {
        return Err(Error::Shader { kernel: name.into(), report: error.to_string() });
    }
    let indexed = compiled.bindings.iter().any(|binding| binding.uniform);
    let (workgroups, grain) = (kernel.grid.workgroups() as u32, kernel.grid.grain() as u32);
    Ok(Bound { kernel, compiled, bind_group, part, indexed, workgroups, grain })
}
