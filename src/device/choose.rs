//! Choosing the adapter that `--adapter` names.

use crate::support::error::{Error, Result};

/// The adapter that `wanted` names: by its index, the id of its PCI slot, its name, or a part of its name that no other adapter has. Empty text selects the
/// first, which is the best. None when nothing matches.
///
/// # Errors
/// [`Error::Config`] when several match, with how to name each.
pub fn choose(adapters: &[wgpu::AdapterInfo], wanted: &str) -> Result<Option<usize>> {
    let wanted = wanted.trim().to_lowercase();
    if wanted.is_empty() {
        return Ok((!adapters.is_empty()).then_some(0));
    }
    // A number is only ever an index: names are full of digits.
    if wanted.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(wanted.parse().ok().filter(|&index| index < adapters.len()));
    }
    let name = |info: &wgpu::AdapterInfo| info.name.to_lowercase();
    let exact = |info: &wgpu::AdapterInfo| info.device_pci_bus_id.to_lowercase() == wanted || name(info) == wanted;
    let matching = |matches: &dyn Fn(&wgpu::AdapterInfo) -> bool| -> Vec<usize> { (0..adapters.len()).filter(|&i| matches(&adapters[i])).collect() };
    let mut found = matching(&exact);
    if found.is_empty() {
        found = matching(&|info| name(info).contains(&wanted));
    }
    // A device that several graphics APIs offer counts once, through the first of them.
    let same = |a: &wgpu::AdapterInfo, b: &wgpu::AdapterInfo| a.backend != b.backend && (&a.name, a.vendor, a.device) == (&b.name, b.vendor, b.device);
    let distinct: Vec<usize> = found.iter().copied().filter(|&i| !found.iter().any(|&other| other < i && same(&adapters[other], &adapters[i]))).collect();
    match distinct[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => {
            let lines: Vec<String> = distinct.iter().map(|&i| format!("  --adapter {}", line(i, &adapters[i]))).collect();
            let problem = format!("'{wanted}' matches {} adapters", distinct.len());
            Err(Error::config("adapter", problem, format!("name one of them by its index, as `ppo-gpu devices` lists them:\n{}", lines.join("\n"))))
        }
    }
}

/// An adapter in a list of them, by its index.
pub fn line(index: usize, info: &wgpu::AdapterInfo) -> String {
    let id = if info.device_pci_bus_id.is_empty() { String::new() } else { format!(", id {}", info.device_pci_bus_id) };
    format!("{index}  {} ({}{id})", info.name, info.backend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wgpu::{AdapterInfo, Backend, DeviceType};

    fn adapter(name: &str, backend: Backend, device: u32, id: &str) -> AdapterInfo {
        AdapterInfo { name: name.into(), device, device_pci_bus_id: id.into(), ..AdapterInfo::new(DeviceType::DiscreteGpu, backend) }
    }

    #[test]
    fn an_adapter_is_named_by_index_id_name_or_a_part_that_no_other_has() {
        let adapters = [
            adapter("GeForce RTX 4090", Backend::Vulkan, 1, "0000:01:00.0"),
            adapter("GeForce RTX 4090", Backend::Vulkan, 1, "0000:02:00.0"),
            adapter("Radeon 1", Backend::Vulkan, 2, "0000:03:00.0"),
            adapter("Radeon 1 Pro", Backend::Vulkan, 3, ""),
            adapter("llvmpipe (LLVM 15.0.6, 256 bits)", Backend::Vulkan, 4, ""),
            adapter("Radeon 1", Backend::Dx12, 2, ""),
        ];
        for (wanted, expected) in [
            ("", Some(0)),
            ("0", Some(0)),
            ("1", Some(1)),
            ("5", Some(5)),
            // Digits never match a part of a name.
            ("15", None),
            ("4090", None),
            ("99999999999999999999999", None),
            ("0000:02:00.0", Some(1)),
            // A full name takes precedence over parts of other names, and one device under two APIs counts once.
            ("radeon 1", Some(2)),
            ("PRO", Some(3)),
            (" llvm ", Some(4)),
            ("arc", None),
        ] {
            assert_eq!(choose(&adapters, wanted).unwrap_or_else(|error| panic!("{wanted}: {error}")), expected, "{wanted}");
        }
        for (wanted, lines) in [("geforce", &["--adapter 0  ", "--adapter 1  ", "0000:02:00.0"][..]), ("radeon", &["--adapter 2 ", "--adapter 3 "])] {
            let error = choose(&adapters, wanted).expect_err(wanted);
            assert!(error.exit_code() == 2 && lines.iter().all(|line| error.help().contains(line)), "{error}: {}", error.help());
            assert!(!error.help().contains("--adapter 5"), "{}", error.help());
        }
        assert_eq!(choose(&[], "").expect("no choice"), None);
    }
}
