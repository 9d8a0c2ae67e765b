//! Khronos' own validator, `spirv-val`, accepts the SPIR-V that Vulkan drivers are given of every kernel. Drivers themselves check little: a module that is
//! not valid may run on one and crash another.

use crate::harness::{config, skip};
use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use ppo_gpu::environment::Environment;
use ppo_gpu::gpu::{compose, reflect};
use ppo_gpu::kernel::{Grid, Kernel};
use ppo_gpu::plan::{Plan, Profile};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Shaders beside the update, with the constants that the program adds to them.
const OTHERS: [(&str, &str, &str); 4] = [
    ("draw", include_str!("../../shaders/draw.wgsl"), "const PICTURE_SIZE: u32 = 64u;\n"),
    ("peak_fma", include_str!("../../shaders/bench/peak_fma.wgsl"), "const UNROLLED: bool = true;\nconst ROUNDS: u32 = 8u;\n"),
    ("peak_copy", include_str!("../../shaders/bench/peak_copy.wgsl"), ""),
    ("step_environments", include_str!("../../shaders/bench/step_environments.wgsl"), "const FOLD: u32 = 32768u;\n"),
];

/// Every module that the built-in environments come to under each profile, once: its WGSL, and what it is. Beside them what the sizes of networks and runs, and
/// what is normalised, decide; with an environment for each kind of policy.
fn modules() -> BTreeMap<String, String> {
    let mut modules = BTreeMap::new();
    let mut add = |plan: &Plan, what: &str| {
        for &kernel in Kernel::ALL.iter().filter(|kernel| kernel.is_for(plan)) {
            modules.entry(compose::compose(kernel, plan)).or_insert_with(|| format!("{} of {what}", kernel.name()));
        }
        for (name, source, constants) in OTHERS.into_iter().filter(|(name, ..)| *name != "draw" || plan.environment.pictured) {
            let grid = if name == "step_environments" { Kernel::Rollout.grid(plan) } else { Grid { lanes: 64, groups: 64, networks: 1 } };
            modules.entry(compose::compose_source(source, grid, plan) + constants).or_insert_with(|| format!("{name} of {what}"));
        }
    };
    for profile in ["gpu", "small", "software"] {
        let of = |keys: &str| Plan::new(&config(keys), Profile::named(profile).unwrap()).unwrap();
        for name in Environment::names() {
            add(&of(&format!("env={name} envs=64 steps=32 hidden=12 normalize_rewards=true")), &format!("{name}, profile {profile}"));
        }
        let all = "hidden=8,8 activation=relu agents=2 normalize_observations=true normalize_rewards=true target_kl=0.1";
        let policies = ["Probe/Choice", "Probe/Masked", "Probe/Target", "PlanarQuadrotor-v0"].map(|name| format!("env={name} {all}"));
        for keys in ["envs=4096", "hidden=130,20", all].map(String::from).iter().chain(&policies) {
            add(&of(keys), &format!("{keys}, profile {profile}"));
        }
    }
    modules
}

/// SPIR-V as wgpu-hal 30 has it written for a Vulkan 1.2 driver from a module that is trusted (wgpu-hal, src/vulkan/adapter.rs and device.rs).
fn to_spirv(name: &str, source: &str) -> Vec<u32> {
    let module = naga::front::wgsl::parse_str(source).unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(source)));
    let info = reflect::validator().validate(&module).unwrap();
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
    spv::write_vec(&module, &info, &options, Some(&pipeline)).unwrap()
}

/// What `spirv-val` says against a module; empty if nothing.
fn objections(words: &[u32]) -> std::io::Result<String> {
    let mut command = Command::new("spirv-val");
    let mut child = command.args(["--target-env", "vulkan1.2", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // It may have seen enough before the end.
    let _ = child.stdin.take().unwrap().write_all(bytemuck::cast_slice(words));
    let output = child.wait_with_output()?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(if output.status.success() { String::new() } else { format!("{}: {said}", output.status) })
}

#[test]
fn spirv_val_accepts_every_kernel() {
    match Command::new("spirv-val").arg("--version").output() {
        Ok(_) => (),
        Err(_) if cfg!(not(target_os = "linux")) => return skip("spirv-val is not installed, and this system's drivers take no SPIR-V"),
        Err(error) => panic!(
            "spirv-val cannot be run ({error}); it is in the package `spirv-tools` of Debian, Ubuntu, Fedora and Arch (apt install spirv-tools); scripts/test.sh \
             installs it where it may"
        ),
    }
    let modules = modules();
    let (queue, wrong) = (Mutex::new(modules.iter()), Mutex::new(Vec::new()));
    let (mut layouts, count) = (0, modules.len());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((source, what)) = queue.lock().unwrap().next() else { break };
                    let objections = objections(&to_spirv(what, source)).unwrap();
                    if !objections.is_empty() {
                        wrong.lock().unwrap().push(format!("{what}: {objections}"));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    // Newer validators object to explicit layouts of types outside buffers (VUID-StandaloneSpirv-None-10684), which naga writes: nothing of ours.
    wrong.retain(|objection| {
        let layout = objection.contains("10684");
        layouts += usize::from(layout);
        !layout
    });
    println!("{count} modules validated, {layouts} of them with explicit layouts where there should be none");
    assert!(count > 300, "{count} modules");
    wrong.sort();
    assert!(wrong.is_empty(), "spirv-val rejects {} of {count} modules:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}
