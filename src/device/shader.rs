//! A compute shader beside the update (benchmarks, pictures), bound by the names in its WGSL.

use crate::device::gpu::Gpu;
use crate::device::wait;
use crate::program::kernel::Grid;
use crate::program::plan::Plan;
use crate::support::error::{Error, Result};
use crate::wgsl::{compose, reflect};

/// A compiled shader, its buffers and its grid.
pub(crate) struct Program {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    groups: [u32; 3],
}

/// What a [`Program`] is made from.
pub(crate) struct Shader<'a> {
    /// File stem and entry point.
    pub name: &'a str,
    /// The WGSL file.
    pub source: &'a str,
    /// Constants besides those of the plan.
    pub constants: String,
    /// Lanes of a workgroup, and what else it is composed for.
    pub grid: Grid,
    /// Workgroups that are dispatched.
    pub groups: [u32; 3],
}

impl Program {
    /// Compiles `shader` with the constants of `plan`, and binds what `buffers` has under the names in the WGSL.
    ///
    /// # Errors
    /// [`Error::Shader`] when it does not compile or names a buffer that is not there.
    pub(crate) fn new<'b>(gpu: &Gpu, plan: &Plan, shader: &Shader<'_>, buffers: impl Fn(&str) -> Option<&'b wgpu::Buffer>) -> Result<Program> {
        let name = shader.name;
        let source = compose::compose_source(shader.source, shader.grid, plan).text + &shader.constants;
        let module = reflect::parse(name, &source)?;
        let bindings = reflect::module_bindings(&module);
        let error = |report: String| Error::Shader { kernel: name.into(), report };
        let entries: Vec<wgpu::BindGroupEntry<'_>> = bindings
            .iter()
            .map(|binding| {
                let buffer = buffers(&binding.name).ok_or_else(|| error(format!("no buffer is called `{}`", binding.name)))?;
                Ok(wgpu::BindGroupEntry { binding: binding.index, resource: buffer.as_entire_binding() })
            })
            .collect::<Result<_>>()?;

        let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let descriptor = wgpu::ShaderModuleDescriptor { label: Some(name), source: wgpu::ShaderSource::Naga(std::borrow::Cow::Owned(module)) };
        let module = if plan.environment.built_in {
            // SAFETY: these shaders are this crate's own; their buffers are made for their grids or guarded by the plan's sizes, and their loops end.
            unsafe { gpu.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
        } else {
            gpu.device.create_shader_module(descriptor)
        };
        let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: None,
            module: &module,
            entry_point: Some(name),
            compilation_options: wgpu::PipelineCompilationOptions { zero_initialize_workgroup_memory: false, ..Default::default() },
            cache: None,
        });
        let layout = pipeline.get_bind_group_layout(0);
        let bind_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(name), layout: &layout, entries: &entries });
        match wait::caught(scope) {
            Some(report) => Err(error(report.to_string())),
            None => Ok(Program { pipeline, bind_group, groups: shader.groups }),
        }
    }

    /// Records a dispatch.
    pub(crate) fn encode(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        let [x, y, z] = self.groups;
        pass.dispatch_workgroups(x, y, z);
    }
}
