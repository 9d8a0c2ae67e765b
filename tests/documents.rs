//! The documents say what the program does.

use ppo_gpu::cli::inspect::tables;
use ppo_gpu::device::gpu::LEARN_BUFFERS;
use ppo_gpu::program::buffers::BUFFERS;
use ppo_gpu::program::kernel::{self, Kernel};
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::profile::Profile;
use ppo_gpu::spec::config::Config;
use ppo_gpu::spec::environment::Environment;
use ppo_gpu::spec::records::{AGENT_WORDS, ENV_STATISTICS_WORDS, METRICS_WORDS, NORMALIZER_WORDS, TRANSITION_WORDS};
use ppo_gpu::wgsl::{compose, reflect};

fn read(name: &str) -> String {
    std::fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn tables_in_the_documents_are_those_of_the_program() {
    for (document, table) in [
        ("ARCHITECTURE.md", tables::kernels().unwrap()),
        ("ARCHITECTURE.md", tables::buffers()),
        ("README.md", tables::keys()),
        ("README.md", tables::metrics()),
    ] {
        assert!(read(document).contains(&table), "{document} lacks the current table; `ppo-gpu inspect tables` prints it:\n{table}");
    }
}

/// Sizes of structures that the host knows are those that the WGSL declares.
#[test]
fn structures_have_the_words_that_the_host_counts() {
    let plan = Plan::new(&Config::default(), Profile::named("gpu").unwrap()).unwrap();
    let words = |kernel: fn(&Plan) -> Kernel, name: &str| {
        let kernel = kernel(&plan);
        let module = reflect::parse(kernel.name, &compose::compose(kernel, &plan)).unwrap();
        reflect::structure(&module, name).unwrap_or_else(|| panic!("{} declares no {name}", kernel.name)).1
    };
    assert_eq!(words(kernel::report, "Agent"), AGENT_WORDS);
    assert_eq!(words(kernel::report, "MetricsRow"), METRICS_WORDS);
    for name in Environment::names() {
        let config = Config { env: name.into(), ..Config::default() };
        let plan = Plan::new(&config, Profile::named("gpu").unwrap()).unwrap();
        let module = reflect::parse("reset", &compose::compose(kernel::reset(&plan), &plan)).unwrap();
        assert_eq!(reflect::structure(&module, "EnvLane").unwrap().1, plan.environment.lane_words, "{name}");
    }
    assert_eq!(words(kernel::rollout, "Transition"), TRANSITION_WORDS);
    assert_eq!(words(kernel::gae, "EnvStatistics"), ENV_STATISTICS_WORDS);
    assert_eq!(words(kernel::update_normalizers, "Normalizer"), NORMALIZER_WORDS);
}

/// Names of fields, in order, are the same in WGSL and in the host's rows.
#[test]
fn rows_have_the_fields_of_the_wgsl() {
    let plan = Plan::new(&Config::default(), Profile::named("gpu").unwrap()).unwrap();
    let module = reflect::parse("report", &compose::compose(kernel::report(&plan), &plan)).unwrap();
    for (structure, file, first) in [("MetricsRow", "src/spec/metrics.rs", "pub struct RawRow {"), ("Agent", "src/train/agents.rs", "pub struct AgentRow {")] {
        let (fields, _) = reflect::structure(&module, structure).unwrap();
        let source = read(file);
        let body = source.split_once(first).unwrap().1.split_once("\n}").unwrap().0;
        let host = body.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.is_empty());
        let host = host.map(|line| line.trim_start_matches("pub ").split_once(':').unwrap_or_else(|| panic!("{file}: {line}")).0);
        let host: Vec<&str> = host.collect();
        let wgsl: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(host, wgsl, "{structure}");
    }
}

/// Files that documents, shaders and code name are there.
#[test]
fn files_that_are_named_exist() {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut texts = vec!["README.md".into(), "ARCHITECTURE.md".into(), "benches/NOTES.md".into()];
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
    let plan = Plan::new(&Config { envs: 4, hidden: vec![16], ..Config::default() }, Profile::named("software").unwrap()).unwrap();
    let mut used = std::collections::BTreeSet::new();
    let kernels = kernel::all(&plan);
    assert_eq!(kernels.len(), kernel::NAMES.len(), "a plan that every kernel can be written for");
    for kernel in kernels {
        let bindings = reflect::bindings(kernel, &plan).unwrap();
        // What WebGPU promises; `learn` is only used where there are more.
        let most = if kernel.name == "learn" { LEARN_BUFFERS as usize } else { 8 };
        assert!(bindings.iter().filter(|binding| !binding.uniform).count() <= most, "{} binds more than {most} storage buffers", kernel.name);
        used.extend(bindings.into_iter().filter(|binding| !binding.uniform).map(|binding| binding.name));
    }
    let known: std::collections::BTreeSet<String> = BUFFERS.iter().map(|buffer| buffer.name.to_string()).collect();
    assert_eq!(used, known);
}
