//! Writes the kernels of a configuration as drivers' compilers are given them, for the scripts of the laboratory, `scripts/gpu-lab.sh` and
//! `scripts/gpu-lab/windows.sh`:
//!
//! ```text
//! cargo bench --bench translate -- OUT PREFIX PROFILE env=Pendulum-v1 envs=4096 ...
//! ```
//!
//! Each kernel becomes three files in OUT, as wgpu 30 has them written: PREFIX.KERNEL.spv is SPIR-V for Vulkan; PREFIX.KERNEL.fxc.hlsl and
//! PREFIX.KERNEL.dxc.hlsl are HLSL for DX12's older compiler, FXC, and its newer one, DXC. The entry point has the kernel's name.

#[path = "../tests/common/to_hlsl.rs"]
mod to_hlsl;
#[path = "../tests/common/to_spirv.rs"]
mod to_spirv;

use naga::back::hlsl::ShaderModel;
use ppo_gpu::program::profile::Profile;
use ppo_gpu::program::schedule;
use ppo_gpu::wgsl::{compose, reflect};
use ppo_gpu::{Config, Plan};
use std::path::Path;
use to_hlsl::to_hlsl;
use to_spirv::to_spirv;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // cargo says by this flag that it benches.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [out, prefix, profile, keys @ ..] = &arguments[..] else {
        // A plain `cargo bench` gets here.
        println!("translate: writes nothing without OUT PREFIX PROFILE KEY=VALUE ...");
        return Ok(());
    };
    let layers = keys.iter().map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Config::assignment(key, value)
    });
    let layers = layers.collect::<ppo_gpu::Result<Vec<_>>>()?;
    let profile = Profile::named(profile).ok_or("the profile is gpu, small or software")?;
    let plan = Plan::new(&Config::from_layers(layers)?, profile)?;
    std::fs::create_dir_all(out)?;
    for kernel in schedule::training(&plan).kernels {
        let composed = compose::compose(kernel, &plan);
        let module = reflect::for_drivers(kernel.name, &composed.text)?;
        let checked = composed.is_foreign(&plan);
        let path = |extension: &str| Path::new(out).join(format!("{prefix}.{}.{extension}", kernel.name));
        std::fs::write(path("spv"), bytemuck::cast_slice(&to_spirv(&module)))?;
        std::fs::write(path("fxc.hlsl"), to_hlsl(&module, ShaderModel::V5_1, checked)?)?;
        std::fs::write(path("dxc.hlsl"), to_hlsl(&module, ShaderModel::V6_6, checked)?)?;
    }
    Ok(())
}
