//! SPIR-V of kernels, as drivers are given it: for the test that validates it, and for `benches/translate.rs`.

use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use ppo_gpu::wgsl::reflect;

/// SPIR-V as wgpu-hal 30 has it written for a Vulkan 1.2 driver from a module that is trusted (wgpu-hal, src/vulkan/adapter.rs and device.rs).
pub fn to_spirv(module: &naga::Module) -> Vec<u32> {
    let info = reflect::validator().validate(module).unwrap();
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
    spv::write_vec(module, &info, &options, Some(&pipeline)).unwrap()
}
