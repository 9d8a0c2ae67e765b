//! Puts a kernel's WGSL together: its own file first, so that error lines stay true, then what it imports, then the plan's constants.
//!
//! A line `//! import NAME` asks for `shaders/shared/NAME.wgsl`, once however often it is named. Four names are not files there: `environment`
//! is the environment's file, `network`, `rollout_network` and `tile` are written out by [`super::dense`] for the plan's layers. Where the plan uses subgroups, `reduce`
//! is `reduce_subgroups`.

use super::dense;
use crate::kernel::{Grid, Kernel};
use crate::plan::{Constant, Plan};

macro_rules! shared {
    ($($name:literal),* $(,)?) => {
        const SHARED: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../shaders/shared/", $name, ".wgsl"))),)*];
    };
}

shared!(
    "agent",
    "categorical",
    "env_lane",
    "env_statistics",
    "fault",
    "grid",
    "moments_of",
    "observation",
    "permute",
    "reduce",
    "reduce_moments",
    "reduce_subgroups",
    "rng",
    "sample",
    "transition",
    "whole",
);

/// The text of `shaders/shared/NAME.wgsl`.
fn shared(name: &str) -> Option<String> {
    SHARED.iter().find(|(known, _)| *known == name).map(|(_, text)| text.to_string())
}

/// The WGSL of `kernel`, exactly as it is compiled.
pub fn compose(kernel: Kernel, plan: &Plan) -> String {
    compose_source(kernel.source(), kernel.grid(plan), plan)
}

/// `source` with its imports and all constants, for a kernel of this grid. Tests compose kernels of their own with it.
pub fn compose_source(source: &str, grid: Grid, plan: &Plan) -> String {
    let lookup = |name: &str| match name {
        "environment" => Some(plan.environment.source.clone()),
        "network" => Some(dense::forward(plan, plan.lanes)),
        // Few environments leave most lanes without one.
        "rollout_network" => Some(dense::forward(plan, plan.lanes.min(plan.envs.next_multiple_of(4)))),
        "tile" => Some(dense::tile(plan)),
        "reduce" if plan.profile.subgroup > 0 => shared("reduce_subgroups"),
        _ => None,
    };
    let (mut text, imported) = expand(source, lookup);
    text += "\n// ---- constants of the plan\n\n";
    if source.contains("Dispatch;") {
        text += "struct Dispatch {\n    index: u32,  // which part of the kernel's work is meant\n}\n\n";
    }
    let mut constants = plan.constants();
    let of_grid = [("LANES", grid.lanes), ("GROUPS", grid.groups), ("GRID_NETWORKS", grid.networks), ("GRAIN", grid.grain(plan))];
    constants.extend(of_grid.map(|(name, value)| (name, Constant::U32(value as u32))));
    if !imported.iter().any(|name| name == "environment") {
        let environment = &plan.environment;
        for (name, value) in [("OBSERVATION", environment.observation), ("ACTIONS", environment.actions), ("TIME_LIMIT", environment.time_limit as usize)] {
            constants.push((name, Constant::U32(value as u32)));
        }
    }
    for (name, value) in constants {
        text += &match value {
            Constant::U32(value) => format!("const {name}: u32 = {value}u;\n"),
            Constant::F32(value) => format!("const {name}: f32 = {value:e};\n"),
            Constant::Bool(value) => format!("const {name}: bool = {value};\n"),
        };
    }
    text
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
