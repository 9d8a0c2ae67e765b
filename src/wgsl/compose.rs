//! Puts a kernel's WGSL together: its own file first, so that error lines stay true, then what it imports, then the plan's constants.
//!
//! A line `//! import NAME` asks for `shaders/shared/NAME.wgsl`, once however often it is named. Six names are not files there: `environment`
//! is the environment's file and what stands between it and the kernels, `policy` the file for its kind of actions, and `network`, `rollout_network`, `tile` and `learner`
//! are written out by [`crate::wgsl::dense`] and [`crate::wgsl::units`] for the plan's layers. Where the plan uses subgroups, `reduce` is `reduce_subgroups`.

use crate::program::kernel::{Grid, Kernel};
use crate::program::plan::{Constant, Plan};
use crate::spec::environment::Actions;
use crate::wgsl::{environment, network, units};

macro_rules! shared {
    ($($name:literal),* $(,)?) => {
        const SHARED: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../shaders/shared/", $name, ".wgsl"))),)*];
    };
}

shared!(
    "adam_step",
    "add_tile",
    "agent",
    "canary",
    "categorical",
    "env_lane",
    "env_statistics",
    "fault",
    "grid",
    "legal",
    "moments_of",
    "network_input",
    "normalizer",
    "observation",
    "outcome",
    "permute",
    "policy_continuous",
    "policy_discrete",
    "policy_multi_discrete",
    "reduce",
    "reduce_moments",
    "reduce_subgroups",
    "rng",
    "running_sum",
    "sample",
    "transition",
    "whole",
);

/// The text of `shaders/shared/NAME.wgsl`.
fn shared(name: &str) -> Option<String> {
    SHARED.iter().find(|(known, _)| *known == name).map(|(_, text)| text.to_string())
}

/// The WGSL of a kernel, and what it consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// All of it, as it is compiled.
    pub text: String,
    /// Names that it imports, directly or through others.
    pub imports: Vec<String>,
}

/// The WGSL of `kernel`, exactly as it is compiled.
pub fn compose(kernel: Kernel, plan: &Plan) -> String {
    compose_with(kernel, plan, &[]).text
}

/// The WGSL of `kernel` in a program that has constants of its own.
pub fn compose_with(kernel: Kernel, plan: &Plan, constants: &[(&'static str, Constant)]) -> Composed {
    let mut composed = composed(kernel.source, kernel.grid, plan);
    composed.text += &declarations(constants);
    composed
}

/// `source` with its imports and all constants, for a kernel of this grid. Tests compose kernels of their own with it.
pub fn compose_source(source: &str, grid: Grid, plan: &Plan) -> String {
    composed(source, grid, plan).text
}

fn composed(source: &str, grid: Grid, plan: &Plan) -> Composed {
    let lookup = |name: &str| match name {
        "environment" => {
            Some(format!("{}\n// ---- parameters and legal actions\n\n{}", plan.environment.source, environment::glue(&plan.environment, &plan.config)))
        }
        "policy" => shared(match plan.environment.actions {
            Actions::Discrete(_) => "policy_discrete",
            Actions::MultiDiscrete(_) => "policy_multi_discrete",
            Actions::Continuous { .. } => "policy_continuous",
        }),
        "network" => Some(network::forward(plan, plan.lanes)),
        // Few environments leave most lanes without one.
        "rollout_network" => Some(network::forward(plan, plan.lanes.min(plan.envs.next_multiple_of(4))) + "\n" + network::take(plan)),
        "tile" => Some(network::tile(plan)),
        "learner" => Some(units::learner(plan)),
        "reduce" if plan.profile.subgroup > 0 => shared("reduce_subgroups"),
        _ => None,
    };
    let (mut text, imports) = expand(source, lookup);
    text += "\n// ---- constants of the plan\n\n";
    if source.contains("Dispatch;") {
        text += "struct Dispatch {\n    index: u32,  // which part of the kernel's work is meant\n}\n\n";
    }
    let mut constants = plan.constants();
    let of_grid = [("LANES", grid.lanes), ("GROUPS", grid.groups), ("GRID_NETWORKS", grid.networks), ("GRAIN", grid.grain())];
    constants.extend(of_grid.map(|(name, value)| (name, Constant::U32(value as u32))));
    if !imports.iter().any(|name| name == "environment") {
        constants.push(("OBSERVATION", Constant::U32(plan.environment.observation as u32)));
    }
    text += &declarations(&constants);
    if imports.iter().any(|name| name == "policy") {
        text += &of_actions(&plan.environment.actions);
    }
    Composed { text, imports }
}

/// Constants as WGSL declares them.
fn declarations(constants: &[(&'static str, Constant)]) -> String {
    let declaration = |(name, value): &(&str, Constant)| match value {
        Constant::U32(value) => format!("const {name}: u32 = {value}u;\n"),
        Constant::F32(value) => format!("const {name}: f32 = {value:e};\n"),
        Constant::Bool(value) => format!("const {name}: bool = {value};\n"),
    };
    constants.iter().map(declaration).collect()
}

/// Constants that the policy has beside its numbers of dimensions and outputs.
fn of_actions(actions: &Actions) -> String {
    let array = |name: &str, element: &str, values: Vec<String>| format!("const {name} = array<{element}, {}>({});\n", values.len(), values.join(", "));
    match actions {
        Actions::Discrete(_) => String::new(),
        Actions::MultiDiscrete(counts) => {
            let firsts = counts.iter().scan(0, |next, count| Some(std::mem::replace(next, *next + count)));
            array("ACTION_FIRSTS", "u32", firsts.map(|first| format!("{first}u")).collect())
                + &array("ACTION_SIZES", "u32", counts.iter().map(|count| format!("{count}u")).collect())
        }
        Actions::Continuous { low, high } => {
            let bounds = |bounds: &[f32]| bounds.iter().map(|bound| format!("{bound:e}")).collect();
            array("ACTION_LEAST", "f32", bounds(low)) + &array("ACTION_MOST", "f32", bounds(high))
        }
    }
}

/// `source` followed by the shared files that it imports.
pub fn with_imports(source: &str) -> String {
    expand(source, |_| None).0
}

/// `source` followed by its imports, each once; and their names.
fn expand(source: &str, lookup: impl Fn(&str) -> Option<String>) -> (String, Vec<String>) {
    let mut text = source.to_string();
    let mut pending: Vec<String> = imports(source);
    let mut done: Vec<String> = Vec::new();
    while !pending.is_empty() {
        let name = pending.remove(0);
        if done.contains(&name) {
            continue;
        }
        // A name that is found nowhere is left out: the compiler's report then names what is missing.
        let body = lookup(&name).or_else(|| shared(&name)).unwrap_or_default();
        pending.extend(imports(&body));
        text += &format!("\n// ---- {name}\n\n{body}");
        done.push(name);
    }
    (text, done)
}

/// Names on the import lines of `source`.
fn imports(source: &str) -> Vec<String> {
    source.lines().filter_map(|line| line.trim().strip_prefix("//! import ")).map(|name| name.trim().to_string()).collect()
}
