//! Khronos' own validator, `spirv-val`, accepts the SPIR-V that Vulkan drivers are given of every kernel. Drivers themselves check little: a module that is
//! not valid may run on one and crash another.

#[path = "../common/to_spirv.rs"]
mod to_spirv;

use crate::harness::{self, config};
use ppo_gpu::program::kernel::{self, Grid};
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::profile::Profile;
use ppo_gpu::spec::data::Data;
use ppo_gpu::spec::environment::Environment;
use ppo_gpu::wgsl::{compose, reflect};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;
use to_spirv::to_spirv;

/// Shaders beside the update, with the constants that the program adds to them.
const OTHERS: [(&str, &str, &str); 4] = [
    ("draw", include_str!("../../shaders/draw.wgsl"), "const PICTURE_SIZE: u32 = 64u;\n"),
    ("peak_fma", include_str!("../../shaders/bench/peak_fma.wgsl"), "const UNROLLED: bool = true;\nconst ROUNDS: u32 = 8u;\n"),
    ("peak_copy", include_str!("../../shaders/bench/peak_copy.wgsl"), ""),
    ("step_environments", include_str!("../../shaders/bench/step_environments.wgsl"), ""),
];

/// A module's text without the values of its constants, but for which of them are 0 or 1. Two modules with one such shape have the same statements and types,
/// and arrays of other sizes.
fn shape(source: &str) -> String {
    let line = |line: &str| match line.strip_prefix("const ").and_then(|rest| rest.split_once(": u32 = ")) {
        Some((name, value)) if value.trim_end_matches("u;").parse::<u32>().is_ok_and(|value| value > 1) => format!("const {name}: u32 = some\n"),
        _ => format!("{line}\n"),
    };
    source.lines().map(line).collect()
}

/// Every module that the built-in environments come to under each profile, one of each [`shape`]: shape, WGSL, and what it is. Beside them what the sizes of
/// networks and runs, and what is normalised, decide; with an environment for each kind of policy.
pub(crate) fn modules() -> BTreeMap<String, (String, String)> {
    let mut modules = BTreeMap::new();
    let mut add = |plan: &Plan, what: &str| {
        for kernel in kernel::all(plan) {
            let source = compose::compose(kernel, plan).text;
            modules.entry(shape(&source)).or_insert_with(|| (source, format!("{} of {what}", kernel.name)));
        }
        for (name, source, constants) in OTHERS.into_iter().filter(|(name, ..)| *name != "draw" || plan.environment.pictured) {
            let grid = if name == "step_environments" { kernel::reset(plan).grid } else { Grid { lanes: 64, samples: 64, groups: 64, networks: 1, agents: 1 } };
            let source = compose::compose_source(source, grid, plan).text + constants;
            modules.entry(shape(&source)).or_insert_with(|| (source, format!("{name} of {what}")));
        }
    };
    for profile in ["gpu", "small", "software"] {
        let of = |keys: &str| Plan::new(&config(keys), Profile::named(profile).unwrap()).unwrap();
        for name in Environment::names() {
            add(&of(&format!("env={name} envs=64 steps=32 hidden=3 normalize_rewards=true")), &format!("{name}, profile {profile}"));
        }
        let all = "hidden=8,8 activation=relu agents=2 normalize_observations=true normalize_rewards=true target_kl=0.1";
        let policies = ["Probe/Choice", "Probe/Masked", "Probe/Target", "PlanarQuadrotor-v0"].map(|name| format!("env={name} {all}"));
        for keys in ["envs=4096", "hidden=130,4", all].map(String::from).iter().chain(&policies) {
            add(&of(keys), &format!("{keys}, profile {profile}"));
        }
    }
    modules
}

/// What `spirv-val` says against a module; empty if nothing.
fn objections(words: &[u32]) -> std::io::Result<String> {
    harness::objections("spirv-val", &["--target-env", "vulkan1.2", "-"], bytemuck::cast_slice(words))
}

fn is_installed() -> bool {
    let help = "it is in the package `spirv-tools` of Debian, Ubuntu, Fedora and Arch (apt install spirv-tools)";
    harness::is_installed("spirv-val", cfg!(target_os = "linux"), help)
}

/// naga makes two types of an alias and what it stands for. A person's file may use both.
#[test]
fn aliases_in_a_file_are_the_same_as_their_targets() {
    if !is_installed() {
        return;
    }
    let source = "alias Seen = array<f32, 2>;\nalias Row = array<u32, 3>;\nalias Board = array<Row, 2>;\n\
        const OBSERVATION: u32 = 2u;\nconst ACTION_COUNTS = array(2u, 3u);\nconst TIME_LIMIT: u32 = 9u;\n\
        struct EnvState { board: Board, other: array<array<u32, 3>, 2> }\nfn row(x: u32) -> Row { return array<u32, 3>(x, x, x); }\n\
        fn env_reset(rng: ptr<function, Rng>) -> EnvState { return EnvState(Board(), Board(row(1u), Row(1u, 2u, 3u))); }\n\
        fn env_step(state: ptr<function, EnvState>, action: array<u32, 2>, rng: ptr<function, Rng>) -> Outcome {\n    \
            (*state).board = (*state).other;\n    (*state).other[action[0]] = row(action[1]);\n    return Outcome(1.0, false);\n}\n\
        fn env_observe(state: EnvState) -> Seen { return array<f32, 2>(f32(state.board[0][1]), 0.0); }\n";
    // And arrays, which other environments do not have.
    let view = TensorView::new(Dtype::I32, vec![1, 2], bytemuck::cast_slice(&[0i32, 1])).unwrap();
    let data = Data::from_safetensors("a file", &safetensors::serialize([("gains", view)], None).unwrap()).unwrap();
    let source = &source.replace("Outcome(1.0,", "Outcome(f32(gains(0u, action[0])),");
    let environment = Environment::with_data("aliases.wgsl", source, data).unwrap();
    for profile in ["gpu", "small", "software"] {
        let plan = Plan::with_environment(&config("envs=8 steps=4 hidden=8"), environment.clone(), Profile::named(profile).unwrap()).unwrap();
        for kernel in kernel::all(&plan) {
            let module = reflect::for_drivers(kernel.name, &compose::compose(kernel, &plan).text).unwrap();
            let objections = objections(&to_spirv(&module)).unwrap();
            assert!(objections.is_empty() || objections.contains("10684"), "{} under {profile}: {objections}", kernel.name);
        }
    }
}

#[test]
fn spirv_val_accepts_every_kernel() {
    if !is_installed() {
        return;
    }
    let modules = modules();
    let (queue, wrong) = (Mutex::new(modules.values()), Mutex::new(Vec::new()));
    let (mut layouts, count) = (0, modules.len());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((source, what)) = queue.lock().unwrap().next() else { break };
                    // Straight from the text, without what the program does about aliases: our own text is to be right by itself.
                    let module = naga::front::wgsl::parse_str(source).unwrap_or_else(|error| panic!("{what}: {}", error.emit_to_string(source)));
                    let objections = objections(&to_spirv(&module)).unwrap();
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
    // Not `println!`, which the harness captures.
    let _ = writeln!(std::io::stderr(), "spirv-val: {count} modules validated, {layouts} of them with explicit layouts where there should be none");
    assert!(count > 300, "{count} modules");
    wrong.sort();
    assert!(wrong.is_empty(), "spirv-val rejects {} of {count} modules:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}
