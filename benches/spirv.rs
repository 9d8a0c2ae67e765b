//! Writes the kernels of a configuration as SPIR-V, for compilers that `scripts/gpu-lab.sh` runs:
//!
//! ```text
//! cargo bench --bench spirv -- OUT PREFIX PROFILE env=Pendulum-v1 envs=4096 ...
//! ```
//!
//! Each kernel becomes the file OUT/PREFIX.KERNEL.spv, as wgpu 30 has it written for Vulkan.

use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use ppo_gpu::program::profile::Profile;
use ppo_gpu::program::schedule;
use ppo_gpu::wgsl::{compose, reflect};
use ppo_gpu::{Config, Plan};
use std::path::Path;

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
        let info = reflect::validator().validate(&module)?;
        let unchecked = BoundsCheckPolicy::Unchecked;
        let options = spv::Options {
            lang_version: (1, 5),
            flags: spv::WriterFlags::FORCE_POINT_SIZE | spv::WriterFlags::ADJUST_COORDINATE_SPACE,
            bounds_check_policies: BoundsCheckPolicies { index: unchecked, buffer: unchecked, image_load: unchecked, binding_array: unchecked },
            zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
            force_loop_bounding: false,
            emit_int_div_checks: false,
            ..spv::Options::default()
        };
        let entry = &module.entry_points[0];
        let pipeline = spv::PipelineOptions { shader_stage: entry.stage, entry_point: entry.name.clone() };
        let words = spv::write_vec(&module, &info, &options, Some(&pipeline))?;
        std::fs::write(Path::new(out).join(format!("{prefix}.{}.spv", kernel.name)), bytemuck::cast_slice(&words))?;
    }
    Ok(())
}
