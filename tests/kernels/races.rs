//! Races and barriers: every kernel executed by [`crate::simt`], which finds none, and finds one wherever a barrier is removed.

use crate::harness::{describe, named, plan, profile, updated_in_place};
use crate::inputs::inputs;
use crate::kernels::{dispatches, plans_of};
use crate::simt::{Buffers, Simt};
use naga::{Block, Module, Statement};
use ppo_gpu::program::buffers::BUFFERS;
use ppo_gpu::program::kernel;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::profile::Profile;
use ppo_gpu::program::schedule::{self, Dispatch, Step};
use ppo_gpu::reference::compare::{Finding, POISON, Words, compare};
use ppo_gpu::reference::memory::Memory;
use ppo_gpu::reference::tracked::Tracked;
use ppo_gpu::reference::{self};
use ppo_gpu::wgsl::{compose::compose, reflect};
use std::collections::BTreeSet;

/// What executing a dispatch found, and in which words its results differ from the reference. The inputs are those that devices are given.
fn execute(plan: &Plan, dispatch: Dispatch, most: usize, change: impl FnOnce(&mut Module)) -> (BTreeSet<String>, Vec<Finding>) {
    let kernel = named(plan, dispatch.kernel);
    let text = compose(kernel, plan).text;
    let mut module = reflect::for_drivers(kernel.name, &text).unwrap();
    change(&mut module);
    let info = reflect::validator().validate(&module).unwrap();
    let in_place = updated_in_place(kernel.name, dispatch.index, plan);
    let bindings = reflect::module_bindings(&module);
    let reads = |name: &str| bindings.iter().any(|binding| binding.name == name && !binding.writable) || in_place.contains(&name);
    for seed in 17 + u64::from(dispatch.index).. {
        let given = inputs(plan, seed);
        let filled = |name: &'static str, words: usize| {
            let mut all = given.get(name).filter(|_| reads(name)).cloned().unwrap_or_default();
            all.resize(words, POISON);
            all
        };
        let words: Words = BUFFERS.iter().map(|buffer| (buffer.name, filled(buffer.name, (buffer.bytes(plan) / 4) as usize))).collect();
        let mut memory = Memory::<Tracked>::from_words(words.clone());
        if reference::run(plan, dispatch, &mut memory).is_ok() {
            let mut buffers: Buffers = words.into_iter().map(|(name, words)| (name.into(), words)).collect();
            let simt = Simt::new(&module, &info, &text, plan.profile.subgroup as usize, plan.lanes_are_units()).with_most(most);
            let found = simt.run(&mut buffers, kernel.grid.workgroups(), dispatch.index);
            let words = BUFFERS.iter().map(|buffer| (buffer.name, buffers.remove(buffer.name).unwrap())).collect();
            return (found, compare(&memory, &words));
        }
    }
    unreachable!("seeds do not end")
}

/// The blocks inside a statement.
fn blocks(statement: &mut Statement) -> Vec<&mut Block> {
    match statement {
        Statement::Block(block) => vec![block],
        Statement::If { accept, reject, .. } => vec![accept, reject],
        Statement::Loop { body, continuing, .. } => vec![body, continuing],
        Statement::Switch { cases, .. } => cases.iter_mut().map(|case| &mut case.body).collect(),
        _ => Vec::new(),
    }
}

/// Removes barrier `number` of a block, counted from 0 in the order of the text; how many there are.
fn remove_barrier(block: &mut Block, number: usize) -> usize {
    let mut count = 0;
    let mut gone = None;
    for (i, statement) in block.iter_mut().enumerate() {
        if matches!(statement, Statement::ControlBarrier(_)) {
            if count == number {
                gone = Some(i);
            }
            count += 1;
        }
        for inner in blocks(statement) {
            count += remove_barrier(inner, number.wrapping_sub(count));
        }
    }
    if let Some(i) = gone {
        block.cull(i..i + 1);
    }
    count
}

/// The barriers of a module: the functions that they are in, and their numbers there.
fn barriers(module: &mut Module) -> Vec<(String, usize)> {
    let mut all = Vec::new();
    let entry = module.entry_points.iter_mut().map(|entry| &mut entry.function);
    for function in module.functions.iter_mut().map(|(_, function)| function).chain(entry) {
        let name = function.name.clone().unwrap_or_default();
        all.extend((0..remove_barrier(&mut function.body, usize::MAX)).map(|number| (name.clone(), number)));
    }
    all
}

fn without(module: &mut Module, (name, number): &(String, usize)) {
    let entry = module.entry_points.iter_mut().map(|entry| &mut entry.function);
    let mut functions = module.functions.iter_mut().map(|(_, function)| function).chain(entry);
    let function = functions.find(|function| function.name.as_deref() == Some(name)).expect("it is there");
    remove_barrier(&mut function.body, *number);
}

/// Barriers that are in the text for another reason.
const NOT_MISSED: [(&str, usize); 2] = [
    // Keeps LLVM from allocating registers (src/wgsl/network/units/forward.rs); it also does the work of the one in `learn`, which should not depend on that.
    ("network_forward", 0),
    ("learn", 0),
];

/// A barrier without which no plan has a race is one too many.
#[test]
fn every_barrier_is_missed() {
    // The functions of all kernels: some texts are in several, and those with subgroups have their own. What one of them misses need not be tried again.
    let (mut all, mut missed) = (BTreeSet::new(), BTreeSet::new());
    for kernel in kernel::NAMES {
        for (_, plan) in plans_of(kernel) {
            for dispatch in dispatches(&plan, kernel).into_iter().take(1) {
                let text = compose(named(&plan, kernel), &plan).text;
                let own = barriers(&mut reflect::for_drivers(kernel, &text).unwrap());
                for barrier in own {
                    let text = (plan.profile.subgroup > 0, barrier.clone());
                    if all.insert(text.clone()) || !missed.contains(&text) {
                        let (found, _) = execute(&plan, dispatch, 1, |module| without(module, &barrier));
                        missed.extend((!found.is_empty()).then_some(text));
                    }
                }
            }
        }
    }
    let superfluous: Vec<_> = all.difference(&missed).map(|(_, (name, number))| (name.as_str(), *number)).collect();
    let mut expected = NOT_MISSED.to_vec();
    expected.retain(|(name, number)| all.contains(&(true, (name.to_string(), *number))));
    expected.sort_unstable();
    assert_eq!(superfluous, expected, "barriers that nothing misses, of {}", all.len());
    assert!(all.len() > 30, "{all:?}");
}

/// Whole updates, each step on what those before it left, of plans whose environments have no reference: observations that are bits; and of wide layers.
#[test]
fn no_update_has_a_race() {
    for (assignments, profile) in [
        ("env=2048 hidden=9,5 envs=19 steps=6", profile("gpu")),
        ("env=MinAtar/Breakout-v1 hidden=36,8 envs=9 steps=6 normalize_rewards=true", Profile { gradient_rows: 2, tiles_per_pass: 3, ..profile("gpu") }),
        ("env=2048 hidden=7 envs=19 steps=6", profile("software")),
        ("hidden=165,157 envs=9 steps=6", profile("gpu")),
    ] {
        let plan = plan(&format!("minibatches=2 epochs=1 agents=2 total_steps=900 {assignments}"), profile);
        let plan = &Plan { learn_steps: 0, ..plan };
        let program = schedule::training(plan);
        let given = inputs(plan, 31);
        let words = |name: &str, size: u64| {
            let mut words = given.get(name).cloned().unwrap_or_default();
            words.resize((size / 4) as usize, 0);
            words
        };
        let mut buffers: Buffers = program.buffers.iter().map(|&(name, size)| (name.into(), words(name, size))).collect();
        for &Step::Dispatch(Dispatch { kernel, index }) in program.once.iter().chain(&program.update) {
            let kernel = named(plan, kernel);
            let text = compose(kernel, plan).text;
            let module = reflect::for_drivers(kernel.name, &text).unwrap();
            let info = reflect::validator().validate(&module).unwrap();
            let simt = Simt::new(&module, &info, &text, plan.profile.subgroup as usize, plan.lanes_are_units());
            let found = simt.run(&mut buffers, kernel.grid.workgroups(), index);
            assert!(found.is_empty(), "{} {index} with {assignments}: {found:#?}", kernel.name);
        }
        assert!(buffers["faults"].iter().take(2).all(|&fault| fault == u32::MAX), "{assignments}: {:x?}", buffers["faults"]);
    }
}

#[test]
fn no_kernel_has_a_race() {
    let mut failures = Vec::new();
    for kernel in kernel::NAMES {
        for (name, plan) in plans_of(kernel) {
            // Other dispatches of `gradient` are other passes.
            for dispatch in dispatches(&plan, kernel).into_iter().take(if *kernel == "gradient" { 3 } else { 1 }) {
                let (found, differ) = execute(&plan, dispatch, usize::MAX, |_| ());
                if !found.is_empty() || !differ.is_empty() {
                    let found: Vec<String> = found.into_iter().take(5).collect();
                    failures.push(format!("{kernel} of plan '{name}': {}\n{}", found.join("\n"), describe(&differ)));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Small kernels of two workgroups of four lanes, and what there is to find in them.
#[test]
fn what_is_wrong_is_found() {
    let all = "@group(0) @binding(0) var<storage, read_write> words: array<u32>;\nvar<workgroup> shared_: array<u32, 4>;\n\
        @compute @workgroup_size(4) fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) lane: u32) {\n let at = 4u * w.x + lane;\n";
    for (body, expected) in [
        ("shared_[lane] = lane; workgroupBarrier(); words[at] = shared_[3u - lane];", None),
        ("shared_[lane] = lane; words[at] = shared_[lane];", None),
        (
            "words[at] = lane; storageBarrier(); words[at] = words[4u * w.x + 3u - lane];",
            Some("race: writes a word of `words` that another lane has read in line 5"),
        ),
        ("words[at] = 1u; storageBarrier(); let x = words[4u * w.x + 3u - lane]; storageBarrier(); words[at] = x;", None),
        // A barrier for the other kind of memory.
        ("shared_[lane] = lane; storageBarrier(); words[at] = shared_[3u - lane];", Some("race: reads a word of `shared_` that another lane has written")),
        ("words[at] = lane; workgroupBarrier(); words[at] += words[4u * w.x + 3u - lane];", Some("race: reads a word of `words`")),
        ("shared_[lane / 2u] = lane;", Some("race: writes a word of `shared_` that another lane has written")),
        // Of the other workgroup.
        ("words[lane] = lane;", Some("race: writes a word of `words` that another lane has written")),
        ("words[at] = lane; storageBarrier(); words[at] += words[lane];", Some("race: ")),
        ("words[at] = shared_[lane];", Some("reads a word of `shared_` that nothing has written")),
        ("words[at] = 1u; if (lane < 2u) { workgroupBarrier(); }", Some("2 of 4 lanes reach a barrier")),
        ("for (var i = 0u; i < lane; i++) { workgroupBarrier(); }", Some("3 of 4 lanes reach a barrier")),
        ("words[at + 1u] = 1u;", Some("index 8 of 8")),
        ("var own: array<u32, 3>; words[at] = own[lane];", Some("index 3 of 3")),
        ("loop { if (words[at] == 7u) { break; } }", Some("a loop does not end")),
    ] {
        let text = format!("{all}{body}\n}}");
        let module = naga::front::wgsl::parse_str(&text).unwrap_or_else(|error| panic!("{body}: {error}"));
        // Uniform control flow is what is checked here.
        let flags = naga::valid::ValidationFlags::all() - naga::valid::ValidationFlags::CONTROL_FLOW_UNIFORMITY;
        let info = naga::valid::Validator::new(flags, naga::valid::Capabilities::empty()).validate(&module).unwrap();
        let mut buffers = Buffers::from([("words".to_string(), vec![0; 8])]);
        let found = Simt::new(&module, &info, &text, 1, false).run(&mut buffers, 2, 0);
        match expected {
            Some(expected) => assert!(found.iter().any(|it| it.contains(expected)), "{body}: {found:#?}"),
            None => assert!(found.is_empty(), "{body}: {found:#?}"),
        }
    }
}
