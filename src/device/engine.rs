//! The device's side of a run: buffers, compiled kernels, encoding. Training and shader tests both work through it.

use crate::device::cache::KernelCache;
use crate::device::compiled::Compiled;
use crate::device::gpu::{ALIGNMENT, Gpu, plan_limits};
use crate::device::wait;
use crate::environments::contract;
use crate::program::buffers::{BUFFERS, Buffer};
use crate::program::kernel::Kernel;
use crate::program::plan::Plan;
use crate::program::schedule::{self, Dispatch, Piece};
use crate::support::error::{DeviceFailure, Error, Result};
use crate::wgsl::{compose, reflect};
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

/// How an [`Engine`] differs from the one that trains; for tests.
#[derive(Default)]
pub struct EngineOptions {
    /// Compile with bounds checks and bounded loops.
    pub checked: bool,
    /// Words after each buffer that no kernel may touch.
    pub guard_words: usize,
    /// Changes a kernel's composed WGSL before it is compiled.
    pub rewrite: Option<Rewrite>,
    /// Compile these kernels only; all that the plan needs when empty.
    pub only: Vec<Kernel>,
    /// Keep compiled kernels on disk, and take them from there.
    pub cached: bool,
    /// Compile even what this device has compiled before: to measure how long that takes.
    pub anew: bool,
}

/// A change of a kernel's WGSL.
pub type Rewrite = Box<dyn Fn(Kernel, String) -> String + Send + Sync>;

/// What went between host and device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Writes of the host.
    pub writes: u64,
    /// Reads by the host.
    pub reads: u64,
    /// Bytes read by the host.
    pub bytes_read: u64,
}

/// A compiled kernel and what it binds.
struct Program {
    compiled: Arc<Compiled>,
    bind_group: wgpu::BindGroup,
    /// Binds the number of the first part, from the same buffer of integers as the dispatch's index.
    part: wgpu::BindGroup,
    /// Whether it reads its dispatch's index.
    indexed: bool,
    /// Workgroups in all, and in a part.
    workgroups: u32,
    grain: u32,
}

/// Buffers and kernels of one plan on one device.
pub struct Engine {
    gpu: Gpu,
    plan: Plan,
    buffers: BTreeMap<&'static str, wgpu::Buffer>,
    programs: BTreeMap<Kernel, Program>,
    traffic: Cell<Traffic>,
}

impl Engine {
    /// Allocates every buffer (zeroed) and compiles every kernel that `plan` needs.
    ///
    /// # Errors
    /// [`Error::Limit`] when the adapter cannot hold the plan, [`Error::Device`] naming the buffer when memory runs out,
    /// [`Error::Shader`] naming the kernel that does not compile.
    pub fn new(gpu: &Gpu, plan: &Plan, options: &EngineOptions) -> Result<Engine> {
        let memory = gpu.available_memory();
        plan.check_limits(&plan_limits(&gpu.limits), memory, &gpu.info.name)?;
        if gpu.is_software() {
            plan.check_software_loops()?;
        }
        if let Some(available) = memory {
            plan.check_memory(available, &gpu.info.name)?;
        }
        let mut buffers = BTreeMap::new();
        for buffer in BUFFERS {
            let size = buffer.bytes(plan) + 4 * options.guard_words as u64;
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
            buffers.insert(buffer.name, create_buffer(gpu, buffer.name, size, usage)?);
        }
        let indices = index_buffer(gpu, plan)?;
        let kernels = if options.only.is_empty() { schedule::kernels(plan) } else { options.only.clone() };
        let cache = if options.cached { KernelCache::open(gpu) } else { None };
        // Compilation is the longest part of start-up and every kernel's is independent.
        let compiled: Vec<Result<(Kernel, Program)>> = std::thread::scope(|scope| {
            let threads: Vec<_> = kernels
                .iter()
                .map(|&kernel| {
                    let (buffers, indices, cache) = (&buffers, &indices, cache.as_ref());
                    scope.spawn(move || Ok((kernel, compile(gpu, plan, kernel, options, buffers, indices, cache)?)))
                })
                .collect();
            let joined = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            joined.collect()
        });
        let programs = compiled.into_iter().collect::<Result<_>>()?;
        gpu.check(|| "compiled kernels".into())?;
        if let Some(cache) = &cache {
            cache.save();
        }
        Ok(Engine { gpu: gpu.clone(), plan: plan.clone(), buffers, programs, traffic: Cell::default() })
    }

    /// The buffer called `name`.
    pub fn buffer(&self, name: &str) -> &wgpu::Buffer {
        &self.buffers[Buffer::named(name).name]
    }

    /// What a kernel of this engine binds.
    pub fn bindings(&self, kernel: Kernel) -> &[reflect::Binding] {
        &self.programs[&kernel].compiled.bindings
    }

    /// What went between host and device so far.
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

    /// Reads a whole buffer, guard words included.
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed.
    pub fn read(&self, name: &str) -> Result<Vec<u32>> {
        let source = self.buffer(name);
        self.count_read(source.size());
        read_buffer(&self.gpu, source, name)
    }

    /// Records a dispatch.
    pub fn encode(&self, pass: &mut wgpu::ComputePass<'_>, dispatch: Dispatch) {
        self.encode_piece(pass, &dispatch.whole(&self.plan));
    }

    fn encode_piece(&self, pass: &mut wgpu::ComputePass<'_>, piece: &Piece) {
        let program = &self.programs[&piece.dispatch.kernel];
        pass.set_pipeline(&program.compiled.pipeline);
        let offset = [piece.dispatch.index * ALIGNMENT as u32];
        pass.set_bind_group(0, &program.bind_group, if program.indexed { &offset } else { &[] });
        // WebGPU allows 65,535 workgroups along an axis.
        let at_once = (65_535 / program.grain).max(1);
        for first in piece.parts.clone().step_by(at_once as usize) {
            let end = piece.parts.end.min(first + at_once);
            pass.set_bind_group(1, &program.part, &[first * ALIGNMENT as u32]);
            pass.dispatch_workgroups(program.workgroups.min(end * program.grain) - first * program.grain, 1, 1);
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
            [one] => format!("ran kernel `{}`", one.dispatch.kernel.name()),
            _ => "ran kernels".into(),
        };
        self.gpu.done(Some(submission), activity).await
    }

    /// Runs dispatches and waits for them.
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed.
    pub fn run(&self, dispatches: &[Dispatch]) -> Result<()> {
        let pieces: Vec<Piece> = dispatches.iter().map(|dispatch| dispatch.whole(&self.plan)).collect();
        self.run_pieces(&pieces)
    }
}

/// Reads a whole buffer, called `name`.
pub(crate) fn read_buffer(gpu: &Gpu, source: &wgpu::Buffer, name: &str) -> Result<Vec<u32>> {
    let staging = create_buffer(gpu, "readback", source.size(), wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(source, 0, &staging, 0, source.size());
    let submission = gpu.queue.submit([encoder.finish()]);
    let mapping = wait::Mapping::new(&staging);
    let activity = || format!("read buffer `{name}`");
    gpu.wait(Some(submission), activity)?;
    wait::block_on(mapping.read(bytemuck::pod_collect_to_vec)).map_err(|error| map_error(activity(), error))
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

/// A uniform buffer that holds 0, 1, 2 ... at aligned offsets: a dispatch picks its index, and its first part, by dynamic offset, so nothing is written
/// while training.
fn index_buffer(gpu: &Gpu, plan: &Plan) -> Result<wgpu::Buffer> {
    let indices = schedule::update(plan).into_iter().map(|dispatch| dispatch.index);
    let largest = indices.chain(Kernel::ALL.iter().map(|kernel| kernel.grid(plan).parts(plan))).max().unwrap_or(0);
    let buffer = create_buffer(gpu, "dispatch", (u64::from(largest) + 1) * ALIGNMENT, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST)?;
    let mut words = vec![0u32; (largest as usize + 1) * ALIGNMENT as usize / 4];
    for index in 0..=largest {
        words[index as usize * ALIGNMENT as usize / 4] = index;
    }
    gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&words));
    Ok(buffer)
}

/// An error of a kernel in terms of the environment's file, where the file compiles with its standard parameters: constants are folded, so that, say, the root
/// of a parameter below 0 is found here.
fn with_parameters(plan: &Plan, kernel: &str, composed: &str, error: Error) -> Error {
    match error {
        Error::Shader { report, .. } if !plan.config.env_parameters.is_empty() => {
            let settings: Vec<String> = plan.config.env_parameters.iter().map(|(name, setting)| format!("{name} = {setting}")).collect();
            let why = format!("the file compiles with its standard parameters, and not with {}", settings.join(", "));
            contract::in_terms_of_the_file(&plan.environment, kernel, composed, &report, &why)
        }
        other => other,
    }
}

/// Compiles a kernel, or takes it from those that the device has compiled before, and binds the buffers that its WGSL names.
fn compile(
    gpu: &Gpu,
    plan: &Plan,
    kernel: Kernel,
    options: &EngineOptions,
    buffers: &BTreeMap<&'static str, wgpu::Buffer>,
    indices: &wgpu::Buffer,
    cache: Option<&KernelCache>,
) -> Result<Program> {
    let name = kernel.name();
    let grid = kernel.grid(plan);
    let composed = compose::compose(kernel, plan);
    // A user's environment may contain anything.
    let foreign = !plan.environment.built_in && composed.has("environment");
    let source = match &options.rewrite {
        Some(rewrite) => rewrite(kernel, composed.text),
        None => composed.text,
    };
    let checked = options.checked || foreign;
    let compiles = || compile_source(gpu, name, &source, checked, cache).map_err(|error| with_parameters(plan, name, &source, error));
    let compiled = if options.anew {
        Arc::new(compiles()?)
    } else {
        let slot = gpu.compiled.slot(Sha256::digest(format!("{name}\0{checked}\0{source}")).into());
        let mut known = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(compiled) => compiled.clone(),
            None => known.insert(Arc::new(compiles()?)).clone(),
        }
    };

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
    let bind = |layout: &wgpu::BindGroupLayout, entries: &[wgpu::BindGroupEntry]| {
        gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(name), layout, entries })
    };
    let bind_group = bind(&compiled.layout, &resources);
    let part = bind(&compiled.part_layout, &[wgpu::BindGroupEntry { binding: 0, resource: integer() }]);
    if let Some(error) = wait::caught(scope) {
        return Err(Error::Shader { kernel: name.into(), report: error.to_string() });
    }
    let indexed = compiled.bindings.iter().any(|binding| binding.uniform);
    Ok(Program { compiled, bind_group, part, indexed, workgroups: grid.workgroups(plan) as u32, grain: grid.grain(plan) as u32 })
}

/// Compiles the WGSL of the kernel `name`; `checked`: with bounds checks and bounded loops.
fn compile_source(gpu: &Gpu, name: &str, source: &str, checked: bool, cache: Option<&KernelCache>) -> Result<Compiled> {
    // Group 1 is the same for all kernels: the first part.
    let module = reflect::parse(name, source)?;
    let bindings: Vec<reflect::Binding> = reflect::module_bindings(&module).into_iter().filter(|binding| binding.group == 0).collect();
    let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
    let descriptor = wgpu::ShaderModuleDescriptor { label: Some(name), source: wgpu::ShaderSource::Naga(std::borrow::Cow::Owned(module)) };
    let module = if checked {
        gpu.device.create_shader_module(descriptor)
    } else {
        // SAFETY: the kernels are this crate's own. Each guards its indices by the plan's sizes, from which the buffers were made, and every loop in
        // them ends; the shader tests run the same kernels with guard words around every buffer.
        unsafe { gpu.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
    };
    let layout_entry = |binding: u32, ty: wgpu::BufferBindingType| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: ty == wgpu::BufferBindingType::Uniform, min_binding_size: None },
        count: None,
    };
    let entries: Vec<wgpu::BindGroupLayoutEntry> = bindings
        .iter()
        .map(|binding| {
            let storage = wgpu::BufferBindingType::Storage { read_only: !binding.writable };
            layout_entry(binding.index, if binding.uniform { wgpu::BufferBindingType::Uniform } else { storage })
        })
        .collect();
    let layout_of =
        |entries: &[wgpu::BindGroupLayoutEntry]| gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(name), entries });
    let (layout, part_layout) = (layout_of(&entries), layout_of(&[layout_entry(0, wgpu::BufferBindingType::Uniform)]));
    let bind_group_layouts = &[Some(&layout), Some(&part_layout)];
    let pipeline_layout = gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor { label: Some(name), bind_group_layouts, immediate_size: 0 });
    let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(name),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some(name),
        // The kernels write workgroup memory before they read it.
        compilation_options: wgpu::PipelineCompilationOptions { zero_initialize_workgroup_memory: false, ..Default::default() },
        cache: cache.map(KernelCache::pipelines),
    });
    match wait::caught(scope) {
        Some(error) => Err(Error::Shader { kernel: name.into(), report: error.to_string() }),
        None => Ok(Compiled { pipeline, bindings, layout, part_layout }),
    }
}
