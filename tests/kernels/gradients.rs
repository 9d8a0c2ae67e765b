//! The reference's gradient against finite differences of the reference's loss, both in f64. That the kernels agree with the reference is tested in
//! [`crate::kernels`].

use crate::harness::{plan, profile};
use crate::inputs::inputs;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::schedule::Dispatch;
use ppo_gpu::reference::memory::Memory;
use ppo_gpu::reference::{self, loss::loss};
use ppo_gpu::spec::network::NETWORKS;

fn differs_from_finite_differences(plan: &Plan, seed: u64) -> Vec<String> {
    let start = Memory::<f64>::from_words(inputs(plan, seed));
    let step = plan.gradient_steps() - 1;
    let mut memory = start.clone();
    for pass in 0..plan.passes {
        reference::run(plan, Dispatch { kernel: "gradient", index: (step * plan.passes + pass) as u32 }, &mut memory).unwrap();
    }
    reference::run(plan, Dispatch { kernel: "sum_gradient", index: step as u32 }, &mut memory).unwrap();
    let mut wrong = Vec::new();
    for s in 0..plan.agents {
        for slot in (0..NETWORKS).flat_map(|network| plan.network.slots(network)) {
            let p = s * plan.network.padded_parameters() + slot;
            let at = |offset: f64| {
                let mut moved = start.clone();
                let value = moved.buffer("params").f(p);
                moved.buffer_mut("params").write(p, value + offset);
                loss(plan, &moved, step, s)
            };
            // Central differences: the truncation error is h^2/6 f''' and the rounding error 2^-53 |f| / h; with h = 1e-5, |f| of order 1 and third derivatives of order
            // 100 both are near 1e-8 / 6 and 1e-11. A kink of relu, min or max inside +-h would show as an error of the order of the slope.
            let h = 1e-5;
            let numeric = (at(h) - at(-h)) / (2.0 * h);
            let analytic = memory.buffer("gradients").f(s * plan.gradient_columns() + slot);
            if (numeric - analytic).abs() > 1e-7 * (1.0 + analytic.abs()) {
                wrong.push(format!("agent {s}, parameter {slot}: {analytic} instead of {numeric}"));
            }
        }
    }
    wrong
}

#[test]
fn gradient_agrees_with_finite_differences() {
    let mut all = Vec::new();
    for (assignments, seed) in [
        ("envs=13 steps=3 minibatches=3 epochs=2 hidden=5,4 agents=2 entropy_coef=0.05", 1),
        ("envs=9 steps=4 minibatches=2 hidden=7 activation=relu value_clip=false", 2),
        ("env=Probe/Choice envs=9 steps=4 minibatches=2 hidden=4 entropy_coef=0.1", 4),
        ("env=Probe/Masked envs=9 steps=4 minibatches=2 hidden=4 entropy_coef=0.1", 5),
        ("env=Probe/Target envs=9 steps=4 minibatches=2 hidden=4 entropy_coef=0.1", 6),
        ("env=Probe/Memory observation_history=2 envs=9 steps=4 minibatches=2 hidden=4", 8),
        ("env=Probe/Privileged envs=9 steps=4 minibatches=2 hidden=4,3 entropy_coef=0.1", 7),
        ("envs=16 steps=5 minibatches=1 hidden=3,6,2 activation=relu value_coef=0.7 clip=0.1", 3),
    ] {
        let plan = Plan { learn_steps: 0, ..plan(assignments, profile("software")) };
        all.extend(differs_from_finite_differences(&plan, seed).into_iter().map(|wrong| format!("{assignments}: {wrong}")));
    }
    assert!(all.is_empty(), "{} derivatives are wrong:\n{}", all.len(), all.join("\n"));
}
