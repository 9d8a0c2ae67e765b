//! The tables of ARCHITECTURE.md and docs/REFERENCE.md, in Markdown, from the lists that the program itself uses. A test compares the documents with them.

use crate::program::buffers::BUFFERS;
use crate::program::kernel;
use crate::program::plan::Plan;
use crate::program::profile::Profile;
use crate::spec::config::{Config, KEYS, Key};
use crate::spec::metrics::METRICS;
use crate::support::error::Result;
use crate::wgsl::reflect;

/// All tables, each under the heading it has in the documents.
///
/// # Errors
/// [`crate::Error::Shader`] when a kernel does not compile.
pub fn tables() -> Result<String> {
    let all = [("Kernels", kernels()?), ("Buffers", buffers()), ("Keys", keys()), ("Metrics", metrics())];
    Ok(all.map(|(heading, table)| format!("## {heading}\n\n{table}")).join("\n"))
}

/// Every kernel: what it computes, reads and writes.
///
/// # Errors
/// [`crate::Error::Shader`] when one does not compile.
pub fn kernels() -> Result<String> {
    // Between them, every kernel can be generated for these plans.
    let plan = |profile: &str, hidden: &[u32]| -> Result<Plan> {
        let config = Config { envs: 4, hidden: hidden.to_vec(), ..Config::default() };
        Ok(Plan { moment_parts: 2, ..Plan::new(&config, Profile::named(profile).expect("there is such a profile"))? })
    };
    let plans = [plan("gpu", &[256, 256])?, plan("software", &[16])?];
    let split = Plan { splits_rollout: true, ..plans[1].clone() };
    let plans = [&plans[0], &plans[1], &split];
    let mut rows = Vec::new();
    for name in kernel::NAMES {
        let named = |plan: &'_ _| kernel::all(plan).into_iter().find(|kernel| kernel.name == *name);
        let (kernel, plan) = plans.iter().find_map(|&plan| Some((named(plan)?, plan))).expect("a plan has it");
        let bindings = reflect::bindings(kernel, plan)?;
        let names = |writable: bool| {
            let list = bindings.iter().filter(|binding| !binding.uniform && binding.writable == writable).map(|binding| format!("`{}`", binding.name));
            list.collect::<Vec<_>>().join(" ")
        };
        rows.push([format!("`{}`", kernel.name), kernel.summary.into(), names(false), names(true)]);
    }
    Ok(markdown(["kernel", "computes", "reads", "writes"], rows))
}

/// Every buffer: shape and meaning.
pub fn buffers() -> String {
    markdown(
        ["buffer", "shape", "meaning"],
        BUFFERS.iter().map(|buffer| [format!("`{}`", buffer.name), format!("`{}`", buffer.shape()), buffer.meaning.into()]),
    )
}

/// Every configuration key, a table for each section: default, example, meaning, whether it can differ between agents, and when it can change.
pub fn keys() -> String {
    let defaults = toml::Table::try_from(Config::default()).expect("defaults are representable in TOML");
    let row = |key: &Key| {
        let changes: Vec<&str> = [(key.resumable, "on resume"), (key.playable, "in play")].into_iter().filter_map(|(may, when)| may.then_some(when)).collect();
        let default = defaults.get(key.name).map_or("none".into(), |value| format!("`{value}`"));
        let per_agent = if key.per_agent { "yes" } else { "" };
        [format!("`{}`", key.name), default, format!("`{}`", key.example), key.help.into(), per_agent.into(), changes.join(", ")]
    };
    let table = |keys: &[Key]| markdown(["key", "default", "example", "meaning", "per agent", "may change"], keys.iter().map(row));
    KEYS.chunk_by(|a, b| a.section == b.section).map(|keys| format!("### {}\n\n{}", keys[0].section, table(keys))).collect::<Vec<_>>().join("\n")
}

/// Every metric: unit, definition, healthy values, name in TensorBoard.
pub fn metrics() -> String {
    let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
    markdown(
        ["metric", "unit", "meaning", "healthy values", "in TensorBoard"],
        METRICS.iter().map(|metric| [code(metric.name), metric.unit.into(), metric.meaning.into(), metric.healthy.into(), code(metric.tag)]),
    )
}

fn markdown<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: [String; N]| format!("| {} |\n", cells.join(" | "));
    let body: String = rows.into_iter().map(line).collect();
    format!("{}{}{body}", line(header.map(String::from)), line([(); N].map(|()| "---".into())))
}
