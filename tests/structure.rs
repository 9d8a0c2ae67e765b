//! The rule of dependence: a folder of `src/` imports only what stands to its left, and no file imports itself in a circle. The rule is explained in
//! ARCHITECTURE.md; this reads every path that begins with `crate::`, and those of the standard library that a browser does not have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The folders, from left to right.
const ORDER: &[&str] = &["support", "spec", "physics", "mjcf", "program", "wgsl", "environments", "device", "train", "play", "check", "run", "bench", "cli"];
/// The folders that `reference` imports, and those that import it.
const OF_REFERENCE: [&[&str]; 2] = [&["support", "spec", "physics", "program"], &["check"]];
/// Crates that are named in some folders only.
const CRATES: &[(&str, &[&str])] = &[
    ("wgpu", &["device", "train", "play", "check", "run", "bench", "cli"]),
    ("clap", &["cli"]),
    ("ratatui", &["cli"]),
    ("plotters", &["cli"]),
    ("indicatif", &["cli"]),
    ("signal_hook", &["cli"]),
    ("ctrlc", &["cli"]),
];

/// The folders in which everything of the standard library may be named.
const WHOLE_STD: &[&str] = &["run", "bench", "cli"];
/// What a browser does not have, and the files outside of [`WHOLE_STD`] that name it all the same.
const STD: &[(&str, &[&str])] = &[
    // `clock`: the system's clock, unless the code that opens the device supplies another one.
    ("time::Instant", &["device::clock"]),
    ("time::SystemTime", &[]),
    // `engine`: kernels are compiled on all cores.
    ("thread", &["device::engine"]),
    // `files` and `checkpoint`: files that a caller names. `cache`: compiled kernels that are kept on disk; `memory`, `process`: what Linux tells below /proc.
    ("fs", &["support::files", "train::checkpoint", "device::cache", "device::memory", "device::process"]),
    // `cache`: where the user's caches are. `process`: what drivers read, which is set before they are loaded.
    ("env", &["device::cache", "device::process"]),
    ("process", &[]),
    ("net", &[]),
    // Channels that block.
    ("sync::mpsc", &[]),
    ("sync::Condvar", &[]),
    ("sync::Barrier", &[]),
];
/// What waits for a device, and the files that name it: the one that waits, and for `block_on` those with functions that wrap a future.
const WAITS: &[(&str, &[&str])] = &[
    ("PollType", &["device::wait"]),
    ("map_async", &["device::wait"]),
    ("map_buffer_on_submit", &["device::wait"]),
    ("on_submitted_work_done", &["device::wait"]),
    ("pollster", &["device::wait"]),
    ("block_on", &["device::wait", "device::gpu", "device::engine", "device::readback", "train::trainer", "play::player", "bench::stopwatch"]),
];

/// The code of a file, without comments and without its unit tests.
fn code(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The paths that follow `root` (`crate::`) in `code`, with groups in braces written out.
fn paths(root: &str, code: &str) -> Vec<String> {
    fn expand(prefix: &str, rest: &str, found: &mut Vec<String>) {
        if rest.is_empty() {
            return; // behind the last comma of a group
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
        let path = format!("{prefix}{}", rest[..end].trim_end_matches(':'));
        if !rest[end..].starts_with('{') || !rest[..end].ends_with("::") && end > 0 {
            return found.push(path);
        }
        let prefix = if path.is_empty() { String::new() } else { format!("{path}::") };
        let (mut depth, mut start) = (0, end + 1);
        for (i, c) in rest.char_indices().skip_while(|(i, _)| *i < end) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if (c == ',' && depth == 1 || depth == 0) && i > start {
                expand(&prefix, rest[start..i].trim(), found);
                start = i + 1;
            }
            if depth == 0 {
                return;
            }
        }
    }
    let mut found = Vec::new();
    code.match_indices(root).filter(|(i, _)| !code[..*i].ends_with("pub(in ")).for_each(|(i, word)| expand("", &code[i + word.len()..], &mut found));
    found
}

/// Every file of `src/` by its module path (`program::plan`), with its code.
fn modules() -> BTreeMap<String, String> {
    fn collect(directory: &Path, module: &str, modules: &mut BTreeMap<String, String>) {
        for entry in directory.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            let stem = entry.file_stem().unwrap().to_str().unwrap();
            let inner = if module.is_empty() { stem.to_string() } else { format!("{module}::{stem}") };
            if entry.is_dir() {
                collect(&entry, &inner, modules);
            } else if entry.extension().is_some_and(|extension| extension == "rs") && stem != "tests" {
                let name = if stem == "mod" { module.to_string() } else { inner };
                modules.insert(name, code(&std::fs::read_to_string(&entry).unwrap()));
            }
        }
    }
    let mut modules = BTreeMap::new();
    collect(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), "", &mut modules);
    modules.retain(|name, _| name != "lib" && name != "main");
    modules
}

/// The module that `path` is in: the longest one that it begins with.
fn module_of<'a>(path: &str, modules: &'a BTreeMap<String, String>) -> Option<&'a str> {
    modules.keys().filter(|module| path == **module || path.starts_with(&format!("{module}::"))).max_by_key(|module| module.len()).map(String::as_str)
}

fn folder(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// What is wrong with an import, if anything is.
fn offence(from: &str, to: &str) -> Option<String> {
    let (from_folder, to_folder) = (folder(from), folder(to));
    let place = |name: &str| ORDER.iter().position(|folder| *folder == name);
    let allowed = match (from_folder, to_folder) {
        _ if from_folder == to_folder => true,
        ("reference", _) => OF_REFERENCE[0].contains(&to_folder),
        (_, "reference") => OF_REFERENCE[1].contains(&from_folder),
        _ => place(to_folder).unwrap_or_else(|| panic!("{to_folder} has no place in the order")) <= place(from_folder).unwrap(),
    };
    (!allowed).then(|| format!("{from} imports {to}: `{from_folder}` may not know `{to_folder}`"))
}

/// What `from` names of the standard library that a browser does not have, and of what waits for a device, where it may not.
fn blocks(from: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for path in paths("std::", code).iter().filter(|_| !WHOLE_STD.contains(&folder(from))) {
        // `use std::time` alone would let anything behind it be named.
        let reaches = |name: &str| *path == name || path.starts_with(&format!("{name}::")) || name.starts_with(&format!("{path}::"));
        let refused = STD.iter().filter(|(name, files)| reaches(name) && !files.contains(&from));
        found.extend(refused.map(|(name, _)| format!("{from} names std::{path}: std::{name} is not there in a browser")));
    }
    let words: BTreeSet<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let refused = WAITS.iter().filter(|(name, files)| words.contains(name) && !files.contains(&from));
    found.extend(refused.map(|(name, files)| format!("{from} names `{name}`, which only {} may", files.join(", "))));
    found
}

/// What `from` imports, directly or through others.
fn reached<'a>(from: &str, imports: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = imports[from].iter().copied().collect();
    while let Some(module) = next.pop() {
        if reached.insert(module) {
            next.extend(&imports[module]);
        }
    }
    reached
}

/// The modules that import themselves through others, each with what it imports of that circle.
fn circles(imports: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let inside = imports.keys().filter(|module| reached(module, imports).contains(*module));
    let within = |module: &str| imports[module].iter().copied().filter(|to| reached(to, imports).contains(module)).collect::<Vec<_>>();
    inside.map(|module| format!("{module} -> {}", within(module).join(", "))).collect()
}

#[test]
fn folders_import_only_those_to_their_left_and_there_are_no_import_cycles() {
    let modules = modules();
    assert!(modules.len() > 80, "only {} files were found", modules.len());
    let (mut offences, mut imports) = (Vec::new(), BTreeMap::new());
    for (from, code) in &modules {
        let is_folder = modules.keys().any(|module| module.starts_with(&format!("{from}::")));
        let lines = code.lines().map(str::trim).filter(|line| !line.is_empty());
        let declares = |line: &str| ["mod ", "pub mod ", "pub(crate) mod ", "pub(super) mod ", "pub use ", "#["].iter().any(|start| line.starts_with(start));
        if is_folder {
            offences.extend(lines.filter(|line| !declares(line)).map(|line| format!("{from}/mod.rs has code, which belongs into a file of its own: {line}")));
            continue;
        }
        if code.contains("super::") {
            offences.push(format!("{from} names a module by `super::`; write its path from `crate::`"));
        }
        for (name, folders) in CRATES {
            if code.contains(&format!("{name}::")) && !folders.contains(&folder(from)) {
                offences.push(format!("{from} names the crate {name}, which only {} may", folders.join(", ")));
            }
        }
        offences.extend(blocks(from, code));
        let to: BTreeSet<&str> = paths("crate::", code).iter().filter_map(|path| module_of(path, &modules)).filter(|to| to != from).collect();
        offences.extend(to.iter().filter_map(|to| offence(from, to)));
        imports.insert(from.as_str(), to);
    }
    // Naming a folder imports every file in it.
    let files: Vec<&str> = imports.keys().copied().collect();
    for to in imports.values_mut() {
        let folders: Vec<&str> = to.iter().copied().filter(|module| !files.contains(module)).collect();
        to.retain(|module| files.contains(module));
        to.extend(files.iter().copied().filter(|file| folders.iter().any(|folder| file.starts_with(&format!("{folder}::")))));
    }
    offences.extend(circles(&imports).into_iter().map(|line| format!("in a circle: {line}")));
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn offences_are_found() {
    let groups = paths(
        "crate::",
        &code("use crate::spec::{config::Config, network};\nlet x = crate::train::trainer::Trainer::new(); // crate::cli::main\npub(in crate::cli) fn f() {}"),
    );
    assert_eq!(groups, ["spec::config::Config", "spec::network", "train::trainer::Trainer::new"]);
    assert!(offence("program::plan", "wgsl::units").is_some() && offence("wgsl::units", "program::plan").is_none());
    assert!(offence("reference::gae", "device::gpu").is_some() && offence("play::player", "reference::layouts").is_some());
    assert!(offence("check::selftest", "reference::walk").is_none());
    for (from, code, count) in [
        ("train::trainer", "use std::time::Duration;\nuse std::sync::{Arc, Mutex};\nlet x = wait::block_on(future);", 0),
        ("train::trainer", "use std::time::{Duration, Instant};", 1),
        ("train::trainer", "use std::time;", 2),
        ("play::eval", "std::process::exit(1); std::fs::write(path, text); std::thread::sleep(long)", 3),
        ("run::session", "use std::{fs, thread, time::Instant};", 0),
        ("device::clock", "use std::time::Instant;", 0),
        ("device::gpu", "device.poll(wgpu::PollType::Wait { .. }); buffer.map_async(mode, .., f);", 2),
        ("play::picture", "let words = pollster::block_on(future); let (a, b) = std::sync::mpsc::channel();", 3),
    ] {
        assert_eq!(blocks(from, code).len(), count, "{from}, {code}: {:?}", blocks(from, code));
    }
    let imports = |pairs: &[(&'static str, &[&'static str])]| pairs.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect::<BTreeMap<_, _>>();
    assert!(circles(&imports(&[("a", &["b"]), ("b", &["c"]), ("c", &[])])).is_empty());
    assert_eq!(circles(&imports(&[("a", &["b"]), ("b", &["a"]), ("c", &[])])), ["a -> b", "b -> a"]);
}
