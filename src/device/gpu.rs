//! The device: adapter choice, limits, and failures.

use crate::device::clock::{self, Clock};
use crate::device::compiled::CompiledKernels;
use crate::device::{choose, memory, process, wait};
use crate::program::limits::Limits;
use crate::program::plan::Plan;
use crate::program::profile::Profile;
use crate::support::error::{DeviceFailure, Error, Result};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Binding alignment that every device satisfies, in bytes.
pub const ALIGNMENT: u64 = 256;

/// An open device. Clones share it.
#[derive(Clone)]
pub struct Gpu {
    /// The device.
    pub device: wgpu::Device,
    /// Its queue.
    pub queue: wgpu::Queue,
    /// Name, driver, kind.
    pub info: wgpu::AdapterInfo,
    /// Limits of the adapter.
    pub limits: wgpu::Limits,
    /// The clock that times work on this device.
    pub clock: Clock,
    /// The first failure that was reported outside a call, if any.
    failure: Arc<Mutex<Option<(DeviceFailure, String)>>>,
    /// Kernels compiled for it.
    pub(super) compiled: Arc<CompiledKernels>,
}

/// Adapters of a backend ("auto" for all), best first: discrete, integrated, virtual, then software.
pub fn adapters(backend: &str) -> Vec<(wgpu::AdapterInfo, wgpu::Limits)> {
    wait::block_on(enumerate(backend, wgpu::InstanceFlags::empty())).iter().map(|adapter| (adapter.get_info(), adapter.limits())).collect()
}

async fn enumerate(backend: &str, flags: wgpu::InstanceFlags) -> Vec<wgpu::Adapter> {
    // If it is too late for that, drivers run with their defaults.
    process::prepare();
    let backends = match backend {
        "vulkan" => wgpu::Backends::VULKAN,
        "metal" => wgpu::Backends::METAL,
        "dx12" => wgpu::Backends::DX12,
        "gl" => wgpu::Backends::GL,
        // OpenGL only by name: its compute support is too uneven for a silent fallback.
        _ => wgpu::Backends::PRIMARY,
    };
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    (descriptor.backends, descriptor.flags) = (backends, flags);
    let mut adapters = wgpu::Instance::new(descriptor).enumerate_adapters(backends).await;
    // A stable sort: the driver's own order breaks ties.
    adapters.sort_by_key(|adapter| rank(adapter.get_info().device_type));
    adapters
}

/// The error for a missing backend or adapter, with a list of the available ones.
pub fn no_adapter(backend: &str, adapter: &str) -> Error {
    wait::block_on(none_found(backend, adapter))
}

async fn none_found(backend: &str, adapter: &str) -> Error {
    let name = if adapter.is_empty() { String::new() } else { format!(", adapter '{adapter}'") };
    let others = if backend == "auto" && adapter.is_empty() { Vec::new() } else { enumerate("auto", wgpu::InstanceFlags::empty()).await };
    let found = others.iter().enumerate().map(|(index, other)| format!("  {}", choose::line(index, &other.get_info()))).collect();
    Error::NoAdapter { looked_for: format!("backend {backend}{name}"), found }
}

fn rank(kind: wgpu::DeviceType) -> u32 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

/// Whether the adapter computes on the CPU.
pub fn is_software(info: &wgpu::AdapterInfo) -> bool {
    info.device_type == wgpu::DeviceType::Cpu
}

/// Whether the adapter is Mesa's software driver, for which the profile `software` is made. Others (SwiftShader, WARP) are like GPUs in what they compile well.
fn is_llvmpipe(info: &wgpu::AdapterInfo) -> bool {
    is_software(info) && info.name.contains("llvmpipe")
}

/// Storage buffers that `learn` binds: more than WebGPU promises.
pub const LEARN_BUFFERS: u32 = 10;
/// Storage buffers that a kernel binds at most: on Mesa's software driver, two may be uniform buffers elsewhere.
const MOST_BUFFERS: u32 = LEARN_BUFFERS + 2;

/// The limits that this program requests: WebGPU's defaults, all the memory that the adapter allows, and more buffers if it supports them.
pub fn required_limits(adapter: &wgpu::Limits) -> wgpu::Limits {
    let default = wgpu::Limits::default();
    wgpu::Limits {
        max_storage_buffers_per_shader_stage: adapter.max_storage_buffers_per_shader_stage.clamp(default.max_storage_buffers_per_shader_stage, MOST_BUFFERS),
        max_buffer_size: adapter.max_buffer_size,
        max_storage_buffer_binding_size: adapter.max_storage_buffer_binding_size,
        max_compute_workgroup_storage_size: adapter.max_compute_workgroup_storage_size,
        ..default
    }
}

/// Checks that an adapter with these `limits` can train `plan`.
///
/// # Errors
/// [`Error::Limit`] and [`Error::Config`] with what to lower.
pub fn check_plan(plan: &Plan, info: &wgpu::AdapterInfo, limits: &wgpu::Limits) -> Result<()> {
    let memory = available_memory(info);
    let buffer_bytes = limits.max_buffer_size.min(limits.max_storage_buffer_binding_size);
    let limits =
        Limits { buffer_bytes, workgroup_bytes: limits.max_compute_workgroup_storage_size, storage_buffers: limits.max_storage_buffers_per_shader_stage };
    plan.check_limits(&limits, memory, &info.name)?;
    if is_software(info) {
        plan.check_software_loops()?;
    }
    memory.map_or(Ok(()), |available| plan.check_memory(available, &info.name))
}

/// Bytes of free memory, in the machine and in the containers of this process. None if the device has its own memory or the system does not report it.
pub fn available_memory(info: &wgpu::AdapterInfo) -> Option<u64> {
    is_software(info).then(|| memory::available(std::path::Path::new("/")))?
}

/// The limits of an adapter that are below the program's requirements, as text.
pub fn too_small(limits: &wgpu::Limits) -> Vec<String> {
    let mut too_small = Vec::new();
    required_limits(limits).check_limits_with_fail_fn(limits, false, |name, needed, allowed| {
        too_small.push(format!("{name} is {allowed}, but {needed} are needed"));
    });
    too_small
}

/// The profile that `name` (a profile's name, or "auto") selects on an adapter.
pub fn profile(name: &str, info: &wgpu::AdapterInfo, limits: &wgpu::Limits) -> Profile {
    let automatic = match is_llvmpipe(info) {
        true => "software",
        false if limits.max_compute_workgroup_storage_size < 32_768 => "small",
        false => "gpu",
    };
    let profile = Profile::named(name).or(Profile::named(automatic)).expect("the automatic profiles exist");
    // Several steps in a dispatch are a loop, and software drivers limit the rounds of all loops together (see `Plan::check_software_loops`).
    let steps_per_dispatch = if is_software(info) { 1 } else { profile.steps_per_dispatch };
    let subgroup = if profile.subgroup == 0 { 0 } else { fixed_subgroup(info) };
    let tiles_learned = if limits.max_storage_buffers_per_shader_stage < LEARN_BUFFERS { 0 } else { profile.tiles_learned };
    // NVIDIA's own driver was measured with counts that it knows. Software drivers take minutes to compile blocks in loops.
    let keeps_loops = profile.keeps_loops && info.vendor != NVIDIA && !is_software(info);
    // SwiftShader needs gigabytes of memory to compile the default network as straight-line code, and DX12's compilers for WARP minutes.
    let straight_line_limit = if is_llvmpipe(info) { profile.straight_line_limit } else { 0 };
    let wide_bytes = if profile.name == "gpu" { wide_bytes(limits.max_compute_workgroup_storage_size) } else { profile.wide_bytes };
    Profile { straight_line_limit, steps_per_dispatch, subgroup, tiles_learned, keeps_loops, wide_bytes, ..profile }
}

/// Bytes of workgroup memory for wide networks on a GPU that has `bytes` for a workgroup: several workgroups should share a processor.
pub(crate) fn wide_bytes(bytes: u32) -> u32 {
    bytes.clamp(32_768, 49_152)
}

/// NVIDIA's PCI vendor id.
const NVIDIA: u32 = 0x10DE;

/// Subgroup size of the adapter, if it is Mesa's software driver and the size is fixed and fills whole vectors; otherwise 0.
fn fixed_subgroup(info: &wgpu::AdapterInfo) -> u32 {
    let lanes = info.subgroup_min_size;
    if is_llvmpipe(info) && lanes == info.subgroup_max_size && lanes.is_multiple_of(4) && lanes <= 64 { lanes } else { 0 }
}

impl Gpu {
    /// Opens the adapter of `backend` ("auto" for any) that `adapter` names (see [`choose::choose`]); the best one when that is empty. Programs that start
    /// threads before they do this should call [`process::prepare`] first.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] when there is none; [`Error::Config`] when there are several; [`Error::Device`] when the driver refuses to open it.
    pub fn open(backend: &str, adapter: &str) -> Result<Gpu> {
        Self::open_with(backend, adapter, wgpu::InstanceFlags::empty(), required_limits)
    }

    /// [`Gpu::open`] with instance flags and a choice of limits, for tests.
    ///
    /// # Errors
    /// Those of [`Gpu::open`].
    pub fn open_with(backend: &str, adapter: &str, flags: wgpu::InstanceFlags, limits: impl Fn(&wgpu::Limits) -> wgpu::Limits) -> Result<Gpu> {
        wait::block_on(Self::request(backend, adapter, flags, limits, clock::system))
    }

    /// [`Gpu::open`] as a future, where nothing may block; `clock` supplies the time.
    ///
    /// # Errors
    /// Those of [`Gpu::open`].
    pub async fn open_async(backend: &str, adapter: &str, clock: Clock) -> Result<Gpu> {
        Self::request(backend, adapter, wgpu::InstanceFlags::empty(), required_limits, clock).await
    }

    async fn request(backend: &str, adapter: &str, flags: wgpu::InstanceFlags, limits: impl Fn(&wgpu::Limits) -> wgpu::Limits, clock: Clock) -> Result<Gpu> {
        let found = enumerate(backend, flags).await;
        let infos: Vec<wgpu::AdapterInfo> = found.iter().map(wgpu::Adapter::get_info).collect();
        match choose::choose(&infos, adapter)? {
            Some(chosen) => Self::of_adapter(&found[chosen], limits, clock).await,
            None => Err(none_found(backend, adapter).await),
        }
    }

    /// Every adapter of `backend` ("auto" for all), best first: an open device or the error.
    pub fn open_each(backend: &str) -> Vec<(wgpu::AdapterInfo, wgpu::Limits, Result<Gpu>)> {
        let found = wait::block_on(enumerate(backend, wgpu::InstanceFlags::empty()));
        let open = |adapter| wait::block_on(Self::of_adapter(adapter, required_limits, clock::system));
        found.iter().map(|adapter| (adapter.get_info(), adapter.limits(), open(adapter))).collect()
    }

    async fn of_adapter(chosen: &wgpu::Adapter, limits: impl Fn(&wgpu::Limits) -> wgpu::Limits, clock: Clock) -> Result<Gpu> {
        let info = chosen.get_info();
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("ppo-gpu"),
            required_limits: limits(&chosen.limits()),
            // Timestamps are for `bench`. Every requested feature is optional.
            required_features: chosen.features() & (wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::PIPELINE_CACHE | wgpu::Features::SUBGROUP),
            ..Default::default()
        };
        let (device, queue) = chosen.request_device(&descriptor).await.map_err(|error| Error::Device {
            activity: format!("opened {}", info.name),
            message: error.to_string(),
            kind: DeviceFailure::Lost,
        })?;
        let failure = Arc::new(Mutex::new(None));
        let record = |failure: &Arc<Mutex<Option<(DeviceFailure, String)>>>| {
            let failure = failure.clone();
            move |kind, message: String| {
                // The first failure is the cause; later ones follow from it.
                failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert((kind, message));
            }
        };
        let on_error = record(&failure);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let kind = match error {
                wgpu::Error::OutOfMemory { .. } => DeviceFailure::OutOfMemory,
                wgpu::Error::Validation { .. } => DeviceFailure::Validation,
                wgpu::Error::Internal { .. } => DeviceFailure::Lost,
            };
            on_error(kind, error.to_string());
        }));
        let on_loss = record(&failure);
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                on_loss(DeviceFailure::Lost, format!("the device was lost ({reason:?}) {message}"));
            }
        });
        Ok(Gpu { device, queue, info, limits: chosen.limits(), clock, failure, compiled: Arc::default() })
    }

    /// The time by its clock, in seconds.
    pub(crate) fn now(&self) -> f64 {
        (self.clock)()
    }

    /// The time since its clock showed `start`.
    pub(crate) fn since(&self, start: f64) -> Duration {
        Duration::try_from_secs_f64(self.now() - start).unwrap_or_default()
    }

    /// The profile that `name` selects on this device.
    pub fn profile(&self, name: &str) -> Profile {
        profile(name, &self.info, &self.limits)
    }

    /// Whether this device computes on the CPU.
    pub fn is_software(&self) -> bool {
        is_software(&self.info)
    }

    /// Whether the adapter is Mesa's software driver.
    pub(crate) fn is_llvmpipe(&self) -> bool {
        is_llvmpipe(&self.info)
    }

    /// Reports the first failure since the device was opened.
    ///
    /// # Errors
    /// [`Error::Device`] with that failure.
    pub fn check(&self, activity: impl FnOnce() -> String) -> Result<()> {
        match &*self.failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            None => Ok(()),
            Some((kind, message)) => Err(Error::Device { activity: activity(), message: message.clone(), kind: *kind }),
        }
    }

    /// Waits until `submission`, or everything when it is `None`, has been carried out.
    ///
    /// # Errors
    /// [`Error::Device`] when the device failed meanwhile.
    pub fn wait(&self, submission: Option<wgpu::SubmissionIndex>, activity: impl Fn() -> String) -> Result<()> {
        wait::block_on(self.done(submission, activity))
    }

    /// [`Gpu::wait`] as a future, where nothing may block.
    pub(crate) async fn done(&self, submission: Option<wgpu::SubmissionIndex>, activity: impl Fn() -> String) -> Result<()> {
        self.check(&activity)?;
        let done = wait::done(&self.device, submission).await;
        self.check(&activity)?;
        done.map_err(|error| Error::Device { activity: activity(), message: error.to_string(), kind: DeviceFailure::Lost })
    }
}
