//! Every kernel translates to the languages of all backends, and compiles under WebGPU's own rules and default limits.

#[path = "../common/to_hlsl.rs"]
mod to_hlsl;

use crate::harness::{plan, profile};
use crate::kernels::plans;
use naga::back::{hlsl::ShaderModel, msl, spv};
use ppo_gpu::device::engine::{Engine, EngineOptions};
use ppo_gpu::device::gpu::Gpu;
use ppo_gpu::program::{kernel, schedule};
use ppo_gpu::wgsl::{compose::compose, reflect};
use to_hlsl::to_hlsl;

#[test]
fn kernels_translate_to_spirv_msl_and_hlsl() {
    for (name, plan) in plans() {
        for kernel in kernel::all(&plan) {
            let module = reflect::for_drivers(kernel.name, &compose(kernel, &plan).text).unwrap();
            let info = reflect::validator().validate(&module).unwrap();
            let context = |language: &str| format!("{} of plan '{name}' to {language}", kernel.name);

            let words = spv::write_vec(&module, &info, &spv::Options::default(), None).unwrap_or_else(|error| panic!("{}: {error}", context("SPIR-V")));
            assert!(words.len() > 100);

            let options = msl::Options { fake_missing_bindings: true, ..Default::default() };
            let (text, _) = msl::write_string(&module, &info, &options, &Default::default()).unwrap_or_else(|error| panic!("{}: {error}", context("MSL")));
            assert!(text.contains("kernel void"));

            let text = to_hlsl(&module, ShaderModel::V5_1, false).unwrap_or_else(|error| panic!("{}: {error}", context("HLSL")));
            assert!(text.contains("numthreads"));
        }
    }
}

#[test]
fn kernels_compile_under_strict_webgpu_rules_and_default_limits() {
    let gpu = Gpu::open_with("auto", "", wgpu::InstanceFlags::STRICT_WEBGPU_COMPLIANCE, |_| wgpu::Limits::default()).unwrap();
    for assignments in ["envs=8 steps=4 hidden=20,20", "envs=8 steps=4 hidden=128 activation=relu", "envs=8 steps=4 hidden=12,12,12 agents=2"] {
        let plan = plan(assignments, profile("small"));
        let options = EngineOptions { checked: true, ..EngineOptions::default() };
        Engine::new(&gpu, &plan, schedule::training(&plan), &options).unwrap_or_else(|error| panic!("{assignments}: {error}\n{}", error.help()));
    }
}
