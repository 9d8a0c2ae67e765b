//! `ppo-gpu devices`: the adapters of this machine and their properties.

use crate::cli::inspect::topics::{Adapter, chosen};
use crate::device::gpu;
use crate::run::device::driver;
use crate::spec::config::Config;
use crate::support::error::Result;
use crate::support::text::columns;
use crate::support::text::mebibytes;

/// The properties of an adapter.
#[derive(Debug, serde::Serialize)]
struct Device {
    index: usize,
    name: String,
    /// Id of its PCI slot, if the driver reports it.
    id: String,
    kind: &'static str,
    backend: String,
    driver: String,
    /// Whether a run with the same flags would use it.
    used: bool,
    profile: &'static str,
    max_storage_binding_bytes: u64,
    max_buffer_bytes: u64,
    max_workgroup_memory_bytes: u32,
    max_invocations_per_workgroup: u32,
    max_storage_buffers_per_stage: u32,
    /// Smallest and largest subgroup size.
    subgroup_lanes: [u32; 2],
    /// Limits below the program's requirements.
    too_small: Vec<String>,
}

impl Device {
    fn new(index: usize, (info, limits): &Adapter, used: bool, config: &Config) -> Device {
        let too_small = gpu::too_small(limits);
        Device {
            index,
            name: info.name.clone(),
            id: info.device_pci_bus_id.clone(),
            kind: kind(info.device_type),
            backend: info.backend.to_string(),
            driver: driver(info),
            used,
            profile: gpu::profile(&config.profile, info, limits).name,
            max_storage_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            max_workgroup_memory_bytes: limits.max_compute_workgroup_storage_size,
            max_invocations_per_workgroup: limits.max_compute_invocations_per_workgroup,
            max_storage_buffers_per_stage: limits.max_storage_buffers_per_shader_stage,
            subgroup_lanes: [info.subgroup_min_size, info.subgroup_max_size],
            too_small,
        }
    }
}

pub(crate) fn kind(kind: wgpu::DeviceType) -> &'static str {
    match kind {
        wgpu::DeviceType::DiscreteGpu => "discrete GPU",
        wgpu::DeviceType::IntegratedGpu => "integrated GPU",
        wgpu::DeviceType::VirtualGpu => "virtual GPU",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    }
}

/// The adapters of the configured backend, as a JSON list or as text; the one that a run would use is marked.
///
/// # Errors
/// [`crate::Error::NoAdapter`] when there is none.
pub fn devices(config: &Config, json: bool) -> Result<String> {
    let adapters = gpu::adapters(&config.backend);
    if adapters.is_empty() {
        return Err(gpu::no_adapter(&config.backend, ""));
    }
    // A user may need the list to find a name: a name that matches none or several adapters is not an error here.
    let used = chosen(&adapters, config).unwrap_or_default();
    let devices: Vec<Device> = adapters.iter().enumerate().map(|(index, adapter)| Device::new(index, adapter, used == Some(index), config)).collect();
    if json { Ok(to_json(&devices)) } else { Ok(to_text(&devices)) }
}

fn to_json(devices: &[Device]) -> String {
    serde_json::to_string_pretty(devices).expect("numbers, texts and lists are representable in JSON") + "\n"
}

fn to_text(devices: &[Device]) -> String {
    let heads = ["", "index", "name", "id", "kind", "backend", "driver", "profile", "binding", "buffer", "workgroup memory", "invocations", "storage buffers"];
    let cells: Vec<_> = devices
        .iter()
        .map(|device| {
            [
                if device.used { "*".into() } else { String::new() },
                device.index.to_string(),
                device.name.clone(),
                device.id.clone(),
                device.kind.into(),
                device.backend.clone(),
                device.driver.clone(),
                device.profile.into(),
                mebibytes(device.max_storage_binding_bytes),
                mebibytes(device.max_buffer_bytes),
                format!("{} bytes", device.max_workgroup_memory_bytes),
                device.max_invocations_per_workgroup.to_string(),
                device.max_storage_buffers_per_stage.to_string(),
            ]
        })
        .collect();
    let mut rows = vec![heads];
    rows.extend(cells.iter().map(|cells| cells.each_ref().map(String::as_str)));
    let mut text = columns(&rows, "lrllllllrrrrr");
    text += match devices.iter().any(|device| device.used) {
        true => "\n* is what a run with these flags uses; --adapter with another's index, id or a part of its name picks that one.\n",
        false => "\n--adapter matches none of these, or several: give an index, an id, or part of a name that only one of them has.\n",
    };
    for device in devices {
        for problem in &device.too_small {
            text += &format!("{} cannot be used: {problem}\n", device.name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, kind: wgpu::DeviceType, limits: wgpu::Limits) -> Adapter {
        (wgpu::AdapterInfo { name: name.into(), ..wgpu::AdapterInfo::new(kind, wgpu::Backend::Noop) }, limits)
    }

    #[test]
    fn the_adapter_of_a_run_is_marked_and_what_is_too_small_is_named() {
        let small = wgpu::Limits { max_storage_buffers_per_shader_stage: 4, ..wgpu::Limits::default() };
        let adapters = [adapter("First", wgpu::DeviceType::DiscreteGpu, wgpu::Limits::default()), adapter("llvmpipe", wgpu::DeviceType::Cpu, small)];
        for (wanted, index) in [("", Some(0)), ("LLVM", Some(1)), ("third", None)] {
            let config = Config { adapter: wanted.into(), ..Config::default() };
            assert_eq!(chosen(&adapters, &config).expect("not several"), index);
            let devices = [0, 1].map(|i| Device::new(i, &adapters[i], index == Some(i), &config));
            assert_eq!([devices[0].profile, devices[1].profile], ["small", "software"]);
            let text = to_text(&devices);
            let marked: Vec<bool> = text.lines().skip(1).take(2).map(|line| line.starts_with('*')).collect();
            assert_eq!(marked, [index == Some(0), index == Some(1)], "{text}");
            assert!(text.contains("llvmpipe cannot be used: max_storage_buffers_per_shader_stage is 4, but 8 are needed"), "{text}");
            assert!(!text.contains("First cannot"), "{text}");
            let json: serde_json::Value = serde_json::from_str(&to_json(&devices)).expect("JSON");
            assert_eq!(json[0]["used"], index == Some(0));
        }
    }
}
