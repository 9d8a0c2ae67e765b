//! The kernel compiler.

use crate::device::cache::KernelCache;
use crate::device::compiled::Compiled;
use crate::device::gpu::Gpu;
use crate::device::wait;
use crate::support::error::{Error, Result};
use crate::wgsl::{loops, reflect};
use sha2::{Digest, Sha256};
use std::sync::{Arc, PoisonError};

/// What of a kernel is not trusted, and compiled with bounds checks and bounded loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checks {
    /// Nothing.
    None,
    /// The code of an environment: its indices, and its loops unless their form says that they end.
    Environment,
    /// All of it.
    All,
}

/// Compiles kernels for a device.
pub(super) struct Compiler<'a> {
    pub(super) gpu: &'a Gpu,
    /// The driver's cache on disk, if there is one.
    pub(super) cache: Option<&'a KernelCache>,
    /// Compile kernels again that the device has compiled before.
    pub(super) anew: bool,
}

impl Compiler<'_> {
    /// The kernel `name` of this WGSL, compiled now or before.
    ///
    /// # Errors
    /// [`Error::Shader`] when it does not compile.
    pub(super) fn compile(&self, name: &str, source: &str, checks: Checks) -> Result<Arc<Compiled>> {
        if self.anew {
            return Ok(Arc::new(self.compile_now(name, source, checks)?));
        }
        let slot = self.gpu.compiled.slot(Sha256::digest(format!("{name}\0{checks:?}\0{source}")).into());
        let mut known = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(compiled) => Ok(compiled.clone()),
            None => Ok(known.insert(Arc::new(self.compile_now(name, source, checks)?)).clone()),
        }
    }

    fn compile_now(&self, name: &str, source: &str, checks: Checks) -> Result<Compiled> {
        let device = &self.gpu.device;
        // wgpu validates every module again; this cannot be turned off.
        let mut module = reflect::for_drivers(name, source)?;
        let runtime_checks = match checks {
            Checks::None => wgpu::ShaderRuntimeChecks::unchecked(),
            Checks::Environment if loops::environment_ends(&module) => {
                wgpu::ShaderRuntimeChecks { force_loop_bounding: false, ..wgpu::ShaderRuntimeChecks::checked() }
            }
            Checks::Environment | Checks::All => wgpu::ShaderRuntimeChecks::checked(),
        };
        // Group 1 is the same for all kernels: the number of the first part.
        let bindings: Vec<reflect::Binding> = reflect::module_bindings(&module).into_iter().filter(|binding| binding.group == 0).collect();
        // Mesa's software driver compiles a kernel again for each dispatch if some condition depends on nothing but uniform buffers. In an environment's code
        // one may: what is divided by is hidden behind a number that is one (see part.wgsl), and of a robot's first pose much is constant. The bindings, with
        // that of group 1, must be within the limit then.
        let fits = (bindings.len() as u32) < device.limits().max_storage_buffers_per_shader_stage;
        let no_uniforms = self.gpu.is_llvmpipe() && checks != Checks::None && fits;
        if no_uniforms {
            reflect::store_uniforms(&mut module);
        }
        let number = if no_uniforms { wgpu::BufferBindingType::Storage { read_only: true } } else { wgpu::BufferBindingType::Uniform };
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let descriptor = wgpu::ShaderModuleDescriptor { label: Some(name), source: wgpu::ShaderSource::Naga(std::borrow::Cow::Owned(module)) };
        // SAFETY: kernels without checks are this crate's own. Each guards its indices by the plan's sizes, from which the buffers were made, or has buffers that
        // are made for its grid, and every loop in them ends; the shader tests run those that learn with guard words around every buffer. Loops are not
        // bounded around an environment's code whose own loops end.
        let module = unsafe { device.create_shader_module_trusted(descriptor, runtime_checks) };
        let layout_entry = |binding: u32, ty: wgpu::BufferBindingType, has_dynamic_offset: bool| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None },
            count: None,
        };
        let entries: Vec<wgpu::BindGroupLayoutEntry> = bindings
            .iter()
            .map(|binding| {
                let storage = wgpu::BufferBindingType::Storage { read_only: !binding.writable };
                layout_entry(binding.index, if binding.uniform { number } else { storage }, binding.uniform)
            })
            .collect();
        let layout_of =
            |entries: &[wgpu::BindGroupLayoutEntry]| device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(name), entries });
        let (layout, part_layout) = (layout_of(&entries), layout_of(&[layout_entry(0, number, true)]));
        let bind_group_layouts = &[Some(&layout), Some(&part_layout)];
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor { label: Some(name), bind_group_layouts, immediate_size: 0 });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(name),
            // Not needed: the kernels write workgroup memory before they read it.
            compilation_options: wgpu::PipelineCompilationOptions { zero_initialize_workgroup_memory: false, ..Default::default() },
            cache: self.cache.map(KernelCache::pipelines),
        });
        match wait::caught(scope) {
            // wgpu has not seen the text, so our own validation reports errors with their lines.
            Some(error) => Err(reflect::parse(name, source).err().unwrap_or_else(|| Error::Shader { kernel: name.into(), report: error.to_string() })),
            None => Ok(Compiled { pipeline, bindings, layout, part_layout }),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::program::kernel;
    use crate::program::plan::Plan;
    use crate::program::profile::PROFILES;
    use crate::spec::config::Config;
    use crate::wgsl::compose;

    /// Exactly the kernels that contain the text of the environment's file, through any chain of imports.
    #[test]
    fn kernels_with_the_environments_code_are_foreign() {
        for profile in PROFILES {
            let plan = Plan::new(&Config::default(), *profile).expect("the defaults fit together");
            let mut foreign = Vec::new();
            for kernel in kernel::all(&plan).into_iter().chain([kernel::draw(64)]) {
                let composed = compose::compose_with(kernel, &plan, &[]);
                assert_eq!(composed.has("environment"), composed.text.contains(&plan.environment.source), "{}", kernel.name);
                foreign.extend(composed.has("environment").then_some(kernel.name));
            }
            assert_eq!(foreign, ["reset", "rollout", "draw"]);
        }
    }
}
