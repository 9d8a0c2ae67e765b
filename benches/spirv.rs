//! Writes the kernels of a configuration as SPIR-V, for compilers that `scripts/gpu-lab.sh` runs:
//!
//! ```text
//! cargo bench --bench spirv -- OUT PREFIX PROFILE env=Pendulum-v1 envs=4096 ...
//! ```
//!
//! Each kernel becomes the file OUT/PREFIX.KERNEL.spv, as wgpu 30 has it written for Vulkan.

#[path = "../tests/common/to_spirv.rs"]
mod to_spirv;

use ppo_gpu::program::profile::Profile;
use ppo_gpu::program::schedule;
use ppo_gpu::wgsl::{compose, reflect};
use ppo_gpu::{Config, Plan};
use std::path::Path;
use to_spirv::to_spirv;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // cargo says by this flag that it benches.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [out, prefix, profile, keys @ ..] = &arguments[..] else {
        // A plain `cargo bench` gets here.
        println!("spirv: writes nothing without OUT PREFIX PROFILE KEY=VALUE ...");
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
        let module = reflect::for_drivers(kernel.name, &compose::compose(kernel, &plan).text)?;
        std::fs::write(Path::new(out).join(format!("{prefix}.{}.spv", kernel.name)), bytemuck::cast_slice(&to_spirv(&module)))?;
    }
    Ok(())
}
