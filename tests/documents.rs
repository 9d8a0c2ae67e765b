//! The documents say what the program does.

use naga::common::wgsl::TypeContext;
use ppo_gpu::cli::inspect::tables;
use ppo_gpu::device::gpu::LEARN_BUFFERS;
use ppo_gpu::environments::built_in::template;
use ppo_gpu::program::buffers::{BUFFERS, Buffer};
use ppo_gpu::program::kernel::{self, Kernel};
use ppo_gpu::program::limits::Limits;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::profile::Profile;
use ppo_gpu::spec::config::Config;
use ppo_gpu::spec::data::Data;
use ppo_gpu::spec::environment::Environment;
use ppo_gpu::spec::records::{Agent, Losses, RECORDS, Stored, Type, word};
use ppo_gpu::wgsl::{compose, reflect};
use safetensors::tensor::{Dtype, TensorView};

fn read(name: &str) -> String {
    std::fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn tables_in_the_documents_are_those_of_the_program() {
    for (document, table) in [
        ("ARCHITECTURE.md", tables::kernels().unwrap()),
        ("ARCHITECTURE.md", tables::buffers()),
        ("docs/REFERENCE.md", tables::keys()),
        ("docs/REFERENCE.md", tables::metrics()),
    ] {
        assert!(read(document).contains(&table), "{document} lacks the current table; `ppo-gpu inspect tables` prints it:\n{table}");
    }
}

/// Every kernel as it is compiled for plans that use all buffers between them.
fn modules() -> Vec<(Kernel, naga::Module)> {
    let config = Config { envs: 4, normalize_observations: true, normalize_rewards: true, ..Config::default() };
    let plan = Plan::new(&config, Profile::named("software").unwrap()).unwrap();
    let split = Plan { splits_rollout: true, ..plan.clone() };
    let parsed = |plan: &Plan, kernel: Kernel| (kernel, reflect::parse(kernel.name, &compose::compose(kernel, plan).text).unwrap());
    [plan, split, wide()].iter().flat_map(|plan| kernel::all(plan).into_iter().map(move |kernel| parsed(plan, kernel))).collect()
}

/// Name, offset in words and type of each field.
type Fields = Vec<(String, usize, String)>;

/// The fields of a structure, and its size in words, as naga reads them.
fn layout(module: &naga::Module, name: &str) -> Option<(Fields, usize)> {
    let (fields, words) = reflect::structure(module, name)?;
    let structure = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name)).unwrap().1;
    let naga::TypeInner::Struct { members, .. } = &structure.inner else { unreachable!() };
    Some((fields.into_iter().zip(members).map(|((name, word), member)| (name, word, module.types.type_to_string(member.ty))).collect(), words))
}

/// The same as the host declares them, `first` words later.
fn declared(record: &Type, first: usize) -> Fields {
    record.fields.iter().map(|field| (field.name.into(), first + field.word, field.kind.name.into())).collect()
}

/// The host's records have the fields, the offsets and the size that every kernel gives the structure of the same name.
#[test]
fn records_have_the_layout_of_the_wgsl() {
    let modules = modules();
    for record in RECORDS {
        let in_kernels: Vec<_> = modules.iter().filter_map(|(kernel, module)| Some((kernel, layout(module, record.name)?))).collect();
        for (kernel, layout) in &in_kernels {
            assert_eq!((declared(record, 0), record.words), *layout, "{} in {}", record.name, kernel.name);
        }
        // One has no structure of its own; see below.
        assert_eq!(in_kernels.is_empty(), record.name == "Losses", "{}", record.name);
    }

    // `losses` is an array of numbers, or of vectors.
    let (_, adam) = modules.iter().find(|(kernel, _)| kernel.name == "adam").unwrap();
    let offsets = [word!(Losses.approx_kl), word!(Losses.grad_norm), word!(Losses.step_skipped), Losses::WORDS];
    assert_eq!(["APPROX_KL", "GRAD_NORM", "SKIPPED", "LOSSES"].map(|name| reflect::constant(adam, name)), offsets.map(|word| Some(word as f64)));

    // The running episode stands behind a state whose size is the environment's.
    for name in Environment::names() {
        let config = Config { env: name.into(), ..Config::default() };
        let plan = Plan::new(&config, Profile::named("gpu").unwrap()).unwrap();
        let module = reflect::parse("reset", &compose::compose(kernel::reset(&plan), &plan).text).unwrap();
        let (fields, words) = layout(&module, "EnvLane").unwrap();
        let episode = ("episode".into(), plan.environment.state_words(), "Episode".into());
        assert_eq!((&fields[1..], words.next_multiple_of(4)), (&[episode][..], plan.environment.lane_words()), "{name}");
    }
}

/// What the test above compares tells a field from its neighbour, also where both have the same type, and one type from another.
#[test]
fn a_record_with_its_fields_swapped_is_not_the_same() {
    let file = read("shaders/shared/agent.wgsl");
    let structure = &file[..file.find("\n}").unwrap() + 2];
    let fields = |text: &str| layout(&naga::front::wgsl::parse_str(text).unwrap(), "Agent").unwrap().0;
    assert_eq!(declared(&Agent::TYPE, 0), fields(structure));
    for (from, to) in [("gamma: f32,\n    gae_lambda: f32,", "gae_lambda: f32,\n    gamma: f32,"), ("recent: u32", "recent: f32")] {
        assert!(structure.contains(from));
        assert_ne!(declared(&Agent::TYPE, 0), fields(&structure.replace(from, to)), "{from}");
    }
}

/// Files that documents, shaders and code name are there.
#[test]
fn files_that_are_named_exist() {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut texts = vec!["README.md".into(), "ARCHITECTURE.md".into(), "docs/REFERENCE.md".into(), "benches/NOTES.md".into()];
    let mut folders: Vec<String> = ["shaders", "src", "tests", "scripts"].map(String::from).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(format!("{root}/{folder}")).unwrap().map(|entry| entry.unwrap()) {
            let name = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            let is_text = [".rs", ".wgsl", ".sh", ".md"].iter().any(|ending| name.ends_with(ending));
            if entry.path().is_dir() {
                folders.push(name)
            } else if is_text {
                texts.push(name)
            }
        }
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || "/_.-".contains(c);
    for text in texts {
        for word in read(&text).split(|c: char| !is_name(c)) {
            let folder = ["src/", "shaders/", "tests/", "configs/", "scripts/"].iter().any(|folder| word.starts_with(folder));
            let file = [".rs", ".wgsl", ".toml", ".sh"].iter().any(|ending| word.ends_with(ending));
            // NAME stands for any name; wgpu-hal has a `src/`, too.
            let other = word.contains("NAME") || word.contains("...") || word == "src/vulkan/adapter.rs";
            assert!(!folder || !file || other || std::path::Path::new(root).join(word).exists(), "{text} names {word}, which does not exist");
        }
    }
}

/// Every buffer is used by some kernel, and every kernel's binding is a buffer or the dispatch's index.
#[test]
fn buffers_and_bindings_are_the_same_names() {
    let config = Config { envs: 4, hidden: vec![16], ..Config::default() };
    let plan = Plan::with_environment(&config, with_data(), Profile::named("software").unwrap()).unwrap();
    let plan = Plan { moment_parts: 2, ..plan };
    let split = Plan { splits_rollout: true, ..plan.clone() };
    let mut used = std::collections::BTreeSet::new();
    let kernels: Vec<_> =
        [&plan, &split, &wide()].into_iter().flat_map(|plan| kernel::all(plan).into_iter().map(move |kernel| (plan.clone(), kernel))).collect();
    assert!(kernel::NAMES.iter().all(|name| kernels.iter().any(|(_, kernel)| kernel.name == *name)), "plans that every kernel can be written for");
    for (plan, kernel) in &kernels {
        let bindings = reflect::bindings(*kernel, plan).unwrap();
        // What WebGPU promises; `learn` is only used where there are more, and data are refused where there are not.
        let most = match kernel.name {
            "learn" => LEARN_BUFFERS as usize,
            "rollout" => 9,
            _ => 8,
        };
        assert!(bindings.iter().filter(|binding| !binding.uniform).count() <= most, "{} binds more than {most} storage buffers", kernel.name);
        used.extend(bindings.into_iter().filter(|binding| !binding.uniform).map(|binding| binding.name));
    }
    let known: std::collections::BTreeSet<String> = BUFFERS.iter().map(|buffer| buffer.name.to_string()).collect();
    assert_eq!(used, known);

    let limits = |storage_buffers| Limits { buffer_bytes: 1 << 30, workgroup_bytes: 1 << 15, storage_buffers };
    plan.check_limits(&limits(9), None, "a device").unwrap();
    let error = plan.check_limits(&limits(8), None, "a device").unwrap_err();
    assert!(error.to_string().contains("an environment with data: 9 storage buffers in a kernel, but a device allows 8"), "{error}");
    let without = Plan { environment: Environment::named("CartPole-v1").unwrap(), ..plan };
    without.check_limits(&limits(8), None, "a device").unwrap();
}

/// A plan whose wide layers are taped.
fn wide() -> Plan {
    Plan::new(&Config { envs: 4, hidden: vec![256, 256], ..Config::default() }, Profile::named("gpu").unwrap()).unwrap()
}

/// The template, which reads an array.
fn with_data() -> Environment {
    let view = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
    let data = Data::from_safetensors("a file", &safetensors::serialize([("gains", view)], None).unwrap()).unwrap();
    let source = template(false).replace("return Outcome(reward,", "return Outcome(reward * gains(0u),");
    Environment::with_data("mine.wgsl", &source, data).unwrap()
}

/// The element that the memory map gives a buffer is that of its bindings: the same record or vector, or the same numbers, one or four at a time.
#[test]
fn buffers_hold_what_the_bindings_say() {
    for (kernel, module) in modules() {
        for (_, variable) in module.global_variables.iter().filter(|(_, variable)| matches!(variable.space, naga::AddressSpace::Storage { .. })) {
            let buffer = Buffer::named(variable.name.as_deref().unwrap());
            let bound = module.types.type_to_string(variable.ty);
            let views: &[&str] = match (buffer.name, buffer.element.name()) {
                // Bits, where each component is 0 or 1; any words, where the rollout is split.
                ("observations", "f32") => &["f32", "u32", "vec4<u32>"],
                ("faults", "u32") => &["atomic<u32>", "u32"],
                (_, "f32") => &["f32", "vec4<f32>"],
                (_, other) => &[other],
            };
            assert!(
                views.iter().any(|view| bound == format!("array<{view}>")),
                "{} binds {} as {bound}, which is {}",
                kernel.name,
                buffer.name,
                buffer.shape()
            );
        }
    }
}
