//! Small kernels of tests' own, which call one function of the shaders on many values. They take the place of `reset`, whose grid is one lane an
//! environment, and bind the device's buffers by name as any kernel does.

use crate::harness::{Words, gpu};
use ppo_gpu::device::engine::{Engine, EngineOptions};
use ppo_gpu::program::kernel;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::schedule;
use ppo_gpu::wgsl::compose::compose_source;

/// Runs `body`, WGSL statements that know `s` and `n`, for every environment of every agent. `head` holds imports and bindings.
pub fn probe(plan: &Plan, head: &str, body: &str, given: &Words, wanted: &str) -> Vec<u32> {
    let source = format!(
        "{head}\n//! import grid\n@compute @workgroup_size(LANES)\nfn reset(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {{\n    \
         let place = place_of(workgroup);\n    let s = place.s;\n    let n = place.group * LANES + lane;\n    if (n < ENVS) {{\n{body}\n    }}\n}}\n"
    );
    let composed = compose_source(&source, kernel::reset(plan).grid, plan).text;
    let options = EngineOptions { rewrite: Some(Box::new(move |_, _| composed.clone())), ..EngineOptions::default() };
    let engine = Engine::new(gpu(), plan, schedule::alone(plan, kernel::reset(plan), 0), &options).unwrap_or_else(|error| panic!("{error}\n{}", error.help()));
    for (name, words) in given {
        engine.write(name, words);
    }
    engine.run(&engine.program().update).unwrap();
    engine.read(wanted).unwrap()
}
