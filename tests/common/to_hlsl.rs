//! HLSL of kernels, as Microsoft's compilers are given it: for the test that every kernel translates, and for `benches/translate.rs`.

use naga::back::hlsl;
use ppo_gpu::wgsl::reflect;

/// HLSL as wgpu-hal 30 has it written for DX12 (its dx12/device.rs): shader model 5.1 for FXC, 6.0 and higher for DXC. `checked`: with bounds checks and
/// bounded loops. The entry point has the kernel's name.
///
/// # Errors
/// When naga cannot say it in HLSL.
pub fn to_hlsl(module: &naga::Module, shader_model: hlsl::ShaderModel, checked: bool) -> Result<String, Box<dyn std::error::Error>> {
    let info = reflect::validator().validate(module)?;
    let entry = &module.entry_points[0];
    let (binding_map, special_constants) = registers(module);
    let options = hlsl::Options {
        shader_model,
        binding_map,
        fake_missing_bindings: false,
        special_constants_binding: Some(special_constants),
        zero_initialize_workgroup_memory: false,
        restrict_indexing: checked,
        force_loop_bounding: checked,
        ..hlsl::Options::default()
    };
    let pipeline = hlsl::PipelineOptions { entry_point: Some((entry.stage, entry.name.clone())) };
    let mut text = String::new();
    let written = hlsl::Writer::new(&mut text, &options, &pipeline).write(module, &info, None)?;
    match &written.entry_point_names[..] {
        [Ok(name)] if *name == entry.name => Ok(text),
        names => Err(format!("the entry point {} became {names:?}", entry.name).into()),
    }
}

/// The registers of a kernel's buffers, and the one of the constants that wgpu adds to every pipeline. Registers are numbered by kind, group and binding.
fn registers(module: &naga::Module) -> (hlsl::BindingMap, hlsl::BindTarget) {
    let (mut constants, mut read, mut written) = (0, 0, 0);
    let mut map = hlsl::BindingMap::default();
    let mut bind = |group, binding, uniform, writable| {
        let next = match (uniform, writable) {
            (true, _) => &mut constants,
            (false, true) => &mut written,
            (false, false) => &mut read,
        };
        // Uniform buffers have dynamic offsets, so nothing but the shader knows their sizes.
        let target = hlsl::BindTarget { register: *next, restrict_indexing: uniform, ..hlsl::BindTarget::default() };
        map.insert(naga::ResourceBinding { group, binding }, target);
        *next += 1;
    };
    for binding in reflect::module_bindings(module).into_iter().filter(|binding| binding.group == 0) {
        bind(0, binding.index, binding.uniform, binding.writable);
    }
    // In every kernel's layout, whether it uses it or not: the number of the first part.
    bind(1, 0, true, false);
    (map, hlsl::BindTarget { register: constants, ..hlsl::BindTarget::default() })
}
