//! Whole updates in lock-step: before every dispatch the reference is given the device's own buffers, so that the first kernel that differs is the one named.

use crate::harness::{GUARD, GUARD_WORDS, compare, describe, download, gpu, plan, profile, split, without_guard};
use ppo_gpu::device::engine::EngineOptions;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::schedule::{self, Step};
use ppo_gpu::reference::{self, memory::Memory, tracked::Tracked};
use ppo_gpu::train::trainer::Trainer;

/// Trains `updates` updates of `plan`, checking after each dispatch. The message names the first kernel that differs.
fn lockstep(plan: &Plan, updates: usize) -> Result<usize, String> {
    let options = EngineOptions { guard_words: GUARD_WORDS, ..EngineOptions::default() };
    let trainer = Trainer::with_options(gpu().clone(), plan.clone(), &options).unwrap();
    let engine = trainer.engine();
    for (name, mut words) in download(engine) {
        let end = words.len() - GUARD_WORDS;
        words[end..].fill(GUARD);
        engine.write(name, &words);
    }
    let mut checked = 0;
    let mut before = download(engine);
    for update in 0..updates {
        for &Step::Dispatch(dispatch) in &engine.program().update {
            let mut memory = Memory::<Tracked>::from_words(without_guard(before));
            engine.run(&[Step::Dispatch(dispatch)]).unwrap();
            reference::run(plan, dispatch, &mut memory).map_err(|ambiguous| format!("{ambiguous}: choose another seed"))?;
            let after = download(engine);
            let findings = compare(&memory, &after);
            if !findings.is_empty() {
                let name = dispatch.kernel;
                return Err(format!("update {update}: {name} (index {}) is the first to differ: {}", dispatch.index, describe(&findings)));
            }
            before = after;
            checked += 1;
        }
    }
    Ok(checked)
}

#[test]
fn updates_agree_kernel_by_kernel() {
    for (assignments, profile, updates) in [
        ("envs=19 steps=11 minibatches=11 epochs=2 hidden=16,16 total_steps=4180 lr=3e-3", profile("software"), 3),
        ("envs=6 steps=20 minibatches=4 epochs=3 hidden=9 activation=relu agents=2 total_steps=1200 lr=1e-2 seed=4", profile("gpu"), 3),
        ("env=Probe/Choice envs=20 steps=6 minibatches=4 epochs=2 hidden=16 total_steps=3000 lr=1e-2 seed=2", profile("software"), 3),
        ("env=Probe/Masked envs=20 steps=6 minibatches=4 epochs=2 hidden=16 total_steps=3000 lr=1e-2 seed=3", profile("gpu"), 3),
        ("env=Probe/Target envs=20 steps=6 minibatches=4 epochs=2 hidden=16 agents=2 total_steps=3000 lr=1e-2 seed=8", profile("software"), 3),
        (
            "envs=20 steps=30 minibatches=4 epochs=3 hidden=16 total_steps=6000 lr=3e-2 seed=6 normalize_observations=true normalize_rewards=true target_kl=0.01",
            profile("software"),
            3,
        ),
        (
            "env=Probe/Target envs=20 steps=6 minibatches=4 epochs=2 hidden=16 agents=2 total_steps=3000 lr=1e-2 seed=5 desired_kl=0.01,1.0 lr_max=0.05 \
             log_std_max=-0.005 normalize_values=true",
            profile("software"),
            3,
        ),
        ("envs=4 steps=32 minibatches=4 epochs=2 hidden=40,24 total_steps=1280 seed=1", profile("software"), 2),
    ] {
        let plan = plan(assignments, profile);
        // One at a time where gradient steps can be made at once: rounding in one is magnified by the next.
        let mut plans: Vec<Plan> = (0..=plan.learn_steps.min(1)).map(|learn_steps| Plan { learn_steps, ..plan.clone() }).collect();
        if assignments.starts_with("env=Probe/Target") {
            plans.push(split(plans[0].clone()));
        }
        for plan in plans {
            let which = format!("{assignments}, learn_steps {}, split: {}", plan.learn_steps, plan.splits_rollout);
            let checked = lockstep(&plan, updates).unwrap_or_else(|message| panic!("{which}: {message}"));
            assert_eq!(checked, updates * schedule::training(&plan).update.len());
        }
    }
}
