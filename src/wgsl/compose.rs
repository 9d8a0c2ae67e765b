//! Composes a kernel's WGSL: its own file first, so that line numbers in errors stay correct, then its imports, then the plan's constants.
//!
//! A line `//! import NAME` includes `shaders/shared/NAME.wgsl`, but only once. Eight names are not files there: `environment`
//! is the environment's file, with its [`history`] and [`environment::glue`], `lane_words` is [`lane::text`], `policy` the file for its kind of actions, and `network`, `rollout_network`, `acting_network`, `tile` and `learner`
//! are generated for the plan's layers ([`crate::wgsl::network::text::NetworkText`]). If the plan uses subgroups, `reduce` is
//! `reduce_subgroups`, and `squared_norm` likewise; the latter is `squared_norm_of_many` if the plan has many parts of it.

use crate::program::kernel::{Grid, Kernel};
use crate::program::plan::{Constant, Plan};
use crate::spec::environment::Actions;
use crate::wgsl::environment;
use crate::wgsl::network::chosen::network_text;
use crate::wgsl::network::products;
use crate::wgsl::network::text::Forward;
use crate::wgsl::{history, lane};
use std::collections::HashSet;

macro_rules! shared {
    ($($name:literal),* $(,)?) => {
        const SHARED: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../shaders/shared/", $name, ".wgsl"))),)*];
    };
}

shared!(
    "adam_step",
    "add_tile",
    "agent",
    "bounds",
    "canary",
    "cards",
    "categorical",
    "choose",
    "count_step",
    "dispatch",
    "divide",
    "env_lane",
    "env_statistics",
    "fault",
    "grid",
    "head_slopes",
    "lane_fault",
    "legal",
    "merged_normalizer",
    "minibatch",
    "moments_of",
    "moments_of_advantages",
    "network_input",
    "normalizer",
    "observation",
    "observation_place",
    "opaque",
    "outcome",
    "part",
    "permute",
    "rays",
    "policy_continuous",
    "policy_discrete",
    "policy_multi_discrete",
    "reduce",
    "reduce_moments",
    "reduce_subgroups",
    "rng",
    "running_sum",
    "sample",
    "seen_component",
    "squared_norm",
    "squared_norm_of_many",
    "squared_norm_subgroups",
    "store_observation",
    "transition",
    "trigonometry",
    "whole",
);

/// Most parts of the gradient's norm that every lane of `adam` adds by itself.
const MOST_PARTS_OF_A_LANE: usize = 128;

/// The text of `shaders/shared/NAME.wgsl`.
fn shared(name: &str) -> Option<String> {
    SHARED.iter().find(|(known, _)| *known == name).map(|(_, text)| text.to_string())
}

/// Whether `name` is that of a file in `shaders/shared/`.
pub fn is_shared(name: &str) -> bool {
    SHARED.iter().any(|(known, _)| *known == name)
}

/// A kernel's WGSL.
#[derive(Debug, Clone)]
pub struct Composed {
    /// The full text, exactly as compiled.
    pub text: String,
    /// Its direct and indirect imports, in the order of the text.
    pub imports: Vec<String>,
}

impl Composed {
    /// Whether it imports `name`.
    pub fn has(&self, name: &str) -> bool {
        self.imports.iter().any(|import| import == name)
    }

    /// Whether it contains a user's environment. Such code may index anywhere and never end, so it is compiled with bounds checks and bounded loops.
    pub fn is_foreign(&self, plan: &Plan) -> bool {
        !plan.environment.built_in && self.has("environment")
    }
}

/// The WGSL of `kernel`.
pub fn compose(kernel: Kernel, plan: &Plan) -> Composed {
    compose_with(kernel, plan, &[])
}

/// The WGSL of `kernel` in a program with additional constants.
pub fn compose_with(kernel: Kernel, plan: &Plan, constants: &[(&'static str, Constant)]) -> Composed {
    let mut composed = compose_source(kernel.source, kernel.grid, plan);
    composed.text += &declarations(constants);
    composed
}

/// `source` with its imports and the constants that either uses, for a kernel with this grid. Tests also compose their own kernels with it.
pub fn compose_source(source: &str, grid: Grid, plan: &Plan) -> Composed {
    let networks = network_text(plan);
    let lookup = |name: &str| match name {
        "environment" => {
            let (text, glue) = (history::text(&plan.environment), environment::glue(&plan.environment, &plan.config));
            Some(format!("{text}\n// ---- parameters and legal actions\n\n{glue}"))
        }
        "lane_words" => Some(lane::text(&plan.environment)),
        "store_vectors" => Some(lane::store(plan)),
        "policy" => shared(match plan.environment.actions {
            Actions::Discrete(_) => "policy_discrete",
            Actions::MultiDiscrete(_) => "policy_multi_discrete",
            Actions::Continuous { .. } => "policy_continuous",
        }),
        "network" => Some(networks.forward(Forward::Evaluate)),
        "acting_network" => Some(networks.forward(Forward::Rollout)),
        "rollout_network" => Some(networks.forward(Forward::Rollout) + "\n" + networks.take()),
        "tile" => Some(networks.tile()),
        "products" => Some(products::text(plan)),
        "rows" => Some(products::rows(plan)),
        "learner" => Some(networks.learner()),
        "reduce" if plan.profile.subgroup > 0 => shared("reduce_subgroups"),
        "squared_norm" if plan.profile.subgroup > 0 => shared("squared_norm_subgroups"),
        "squared_norm" if plan.norm_parts > MOST_PARTS_OF_A_LANE => shared("squared_norm_of_many"),
        _ => None,
    };
    let mut composed = expand(source, lookup);
    let mut constants = plan.constants();
    let of_grid = [("LANES", grid.lanes), ("SAMPLES", grid.samples), ("GROUPS", grid.groups), ("GRID_NETWORKS", grid.networks), ("GRAIN", grid.grain())];
    constants.extend(of_grid.map(|(name, value)| (name, Constant::U32(value as u32))));
    if !composed.has("environment") {
        constants.push(("OBSERVATION", Constant::U32(plan.environment.observation as u32)));
    }
    let named = words(&composed.text);
    constants.retain(|(name, _)| named.contains(name));
    let mut text = declarations(&constants);
    if composed.has("policy") {
        text += &of_actions(&plan.environment.actions);
    }
    composed.text += &format!("\n// ---- constants of the plan\n\n{text}");
    composed
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

/// The words of `text` without comments. Only the plan's constants among them are declared, so that plans with otherwise equal kernels have the same text,
/// which the device compiles once. A word that only looks like a constant (a field of that name) just adds a declaration.
fn words(text: &str) -> HashSet<&str> {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')).collect()
}

/// Additional constants of the policy, besides its numbers of dimensions and outputs.
fn of_actions(actions: &Actions) -> String {
    let array = |name: &str, element: &str, values: Vec<String>| format!("const {name} = array<{element}, {}>({});\n", values.len(), values.join(", "));
    match actions {
        Actions::Discrete(_) => String::new(),
        Actions::MultiDiscrete(_) => {
            let (firsts, sizes) = actions.choices().iter().map(|logits| (format!("{}u", logits.start), format!("{}u", logits.len()))).unzip();
            array("ACTION_FIRSTS", "u32", firsts) + &array("ACTION_SIZES", "u32", sizes)
        }
        Actions::Continuous { low, high } => {
            let bounds = |bounds: &[f32]| bounds.iter().map(|bound| format!("{bound:e}")).collect();
            array("ACTION_LEAST", "f32", bounds(low)) + &array("ACTION_MOST", "f32", bounds(high))
        }
    }
}

/// `source` followed by the shared files that it imports.
pub fn with_imports(source: &str) -> String {
    expand(source, |_| None).text
}

/// `source` followed by its imports, each once.
fn expand(source: &str, lookup: impl Fn(&str) -> Option<String>) -> Composed {
    let mut text = source.to_string();
    let mut pending: Vec<String> = imports(source);
    let mut done: Vec<String> = Vec::new();
    while !pending.is_empty() {
        let name = pending.remove(0);
        if done.contains(&name) {
            continue;
        }
        // An unknown name is skipped: the compiler then reports the missing declarations.
        let body = lookup(&name).or_else(|| shared(&name)).unwrap_or_default();
        pending.extend(imports(&body));
        text += &format!("\n// ---- {name}\n\n{body}");
        done.push(name);
    }
    Composed { text, imports: done }
}

/// Names on the import lines of `source`.
fn imports(source: &str) -> Vec<String> {
    source.lines().filter_map(|line| line.trim().strip_prefix("//! import ")).map(|name| name.trim().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::profile::PROFILES;
    use crate::spec::config::Config;

    fn composed(source: &str, change: impl Fn(&mut Plan)) -> Composed {
        let mut plan = Plan::new(&Config::default(), PROFILES[0]).expect("a plan");
        change(&mut plan);
        compose_source(source, Grid { lanes: 8, samples: 8, groups: 1, networks: 1, agents: 1 }, &plan)
    }

    #[test]
    fn unused_constants_do_not_change_a_kernel() {
        let source = "// EPOCHS\nfn f() -> u32 { return GRADIENT_ROWS; }\n";
        let of = |rows, epochs| composed(source, |plan| (plan.gradient_rows, plan.epochs) = (rows, epochs)).text;
        assert_eq!(of(1, 2), of(1, 3));
        assert_ne!(of(1, 2), of(2, 2));
        assert!(of(1, 2).ends_with("\n\nconst GRADIENT_ROWS: u32 = 1u;\n"), "{}", of(1, 2));
    }

    #[test]
    fn imports_of_imports_are_known() {
        let imports = |source: &str| composed(source, |_| ()).imports;
        assert_eq!(imports("// environment\n//! import observation\n"), ["observation", "network_input"]);
        assert!(composed("//! import environment\n", |_| ()).has("environment"));
        assert!(!composed("fn f() {} // import environment\n", |_| ()).has("environment"));
    }
}
