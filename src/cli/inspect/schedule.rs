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

/// `list` in order, with repetitions written once and counted: "a x3, (b, c) x2, d". Short groups first, so that groups may repeat inside others.
fn fold(list: &[&str]) -> String {
    let mut parts: Vec<String> = list.iter().map(ToString::to_string).collect();
    let mut length = 1;
    while length <= LONGEST_GROUP {
        let (mut folded, mut rest) = (Vec::new(), &parts[..]);
        while !rest.is_empty() {
            let of_group = length.min(rest.len());
            let times = rest.chunks_exact(of_group).take_while(|group| *group == &rest[..of_group]).count();
            let group = rest[..of_group].join(", ");
            let (text, used) = match (times, of_group) {
                (1, _) => (rest[0].clone(), 1),
                (_, 1) => (format!("{group} x{}", grouped(times as u64)), times),
                _ => (format!("({group}) x{}", grouped(times as u64)), of_group * times),
            };
            folded.push(text);
            rest = &rest[used..];
        }
        // Groups that have become shorter may repeat now.
        length = if folded.len() < parts.len() { 1 } else { length + 1 };
        parts = folded;
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
        let passes = [&["gradient", "weight_gradient"].repeat(9)[..], &["adam"]].concat();
        assert_eq!(fold(&[&["gae"][..], &passes.repeat(3), &["report"]].concat()), "gae, ((gradient, weight_gradient) x9, adam) x3, report");
        assert_eq!(fold(&["rollout", "evaluate"]), "rollout, evaluate");
        assert_eq!(fold(&[]), "");
    }
}
