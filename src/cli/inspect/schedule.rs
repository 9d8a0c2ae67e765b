//! The dispatches of an update, folded into repetitions, and what each kernel binds.

use crate::program::kernel;
use crate::program::plan::Plan;
use crate::program::schedule::{self, Step};
use crate::support::error::Result;
use crate::support::text::columns;
use crate::support::text::grouped;
use crate::support::text::plural;
use crate::wgsl::reflect;

/// Longest group of kernels that is recognised as repeated.
const LONGEST_GROUP: usize = 4;

/// The schedule of `plan`, then a table of its kernels.
///
/// # Errors
/// [`crate::Error::Shader`] when a kernel does not compile.
pub(super) fn kernels(plan: &Plan) -> Result<String> {
    let program = schedule::training(plan);
    let names = |steps: &[Step]| -> Vec<&str> { steps.iter().map(|Step::Dispatch(dispatch)| dispatch.kernel).collect() };
    let (once, update) = (names(&program.once), names(&program.update));
    let mut text = format!("Once:         {}\nEvery update: {}\n", fold(&once), fold(&update));
    text += &format!("              {}, each for {}\n\n", plural(update.len(), "dispatch", "dispatches"), plural(plan.agents, "agent", "agents"));

    let mut rows = Vec::new();
    for kernel in kernel::all(plan) {
        let grid = kernel.grid;
        let count = update.iter().filter(|&&other| other == kernel.name).count();
        let bindings = reflect::bindings(kernel, plan)?;
        let names = |writable: bool| {
            let list = bindings.iter().filter(|binding| !binding.uniform && binding.writable == writable).map(|binding| binding.name.as_str());
            list.collect::<Vec<_>>().join(", ")
        };
        rows.push([
            kernel.name.to_string(),
            if once.contains(&kernel.name) {
                "once".into()
            } else if count == 0 {
                "not used".into()
            } else {
                grouped(count as u64).to_string()
            },
            format!("{} x {} x {}", grouped(grid.groups as u64), plan.agents, grid.networks),
            grid.lanes.to_string(),
            kernel.summary.to_string(),
            names(false),
            names(true),
        ]);
    }
    let mut table = vec![["kernel", "dispatches", "workgroups", "lanes", "what it computes"]];
    table.extend(rows.iter().map(|row| [row[0].as_str(), &row[1], &row[2], &row[3], &row[4]]));
    text += &columns(&table, "lrrr");
    text += "\nDispatches in each update; workgroups for each agent x agents x networks; lanes of a workgroup.\n\n";
    let mut table = vec![["kernel", "reads", "writes (and may read)"]];
    table.extend(rows.iter().map(|row| [row[0].as_str(), &row[5], &row[6]]));
    text += &columns(&table, "lll");
    Ok(text)
}

/// `list` in order, with repetitions written once and counted: "a x3, (b, c) x2, d".
fn fold(list: &[&str]) -> String {
    // Fold runs of one kernel first, so that groups containing runs can be recognised as repeated.
    let runs: Vec<(&str, usize)> = list.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect();
    let mut parts = Vec::new();
    let mut rest = &runs[..];
    while !rest.is_empty() {
        let repeats = |length: usize| rest.chunks_exact(length).take_while(|group| *group == &rest[..length]).count();
        let (length, times) = (1..=LONGEST_GROUP.min(rest.len()))
            .map(|length| (length, repeats(length)))
            .filter(|(_, times)| *times > 1)
            .max_by_key(|(length, times)| (length * times, std::cmp::Reverse(*length)))
            .unwrap_or((1, 1));
        let times_text = |times: usize| if times > 1 { format!(" x{}", grouped(times as u64)) } else { String::new() };
        let group: Vec<String> = rest[..length].iter().map(|(kernel, run)| format!("{kernel}{}", times_text(*run))).collect();
        let group = group.join(", ");
        parts.push(if times > 1 { format!("({group}){}", times_text(times)) } else { group });
        rest = &rest[length * times..];
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_written_once() {
        let step = ["gradient", "sum_gradient", "adam"];
        assert_eq!(
            fold(&[&["rollout"; 32][..], &["evaluate", "gae"], &step.repeat(16), &["report"]].concat()),
            "rollout x32, evaluate, gae, (gradient, sum_gradient, adam) x16, report"
        );
        let step = ["gradient", "gradient", "sum_gradient", "adam"];
        assert_eq!(fold(&[&["gae"][..], &step.repeat(2)].concat()), "gae, (gradient x2, sum_gradient, adam) x2");
        assert_eq!(fold(&["rollout", "evaluate"]), "rollout, evaluate");
        assert_eq!(fold(&[]), "");
    }
}
