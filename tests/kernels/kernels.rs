//! Each kernel alone against its reference: ragged sizes, several shapes, activations, profiles, agents.

use crate::harness::{check, config, describe, gpu, plan, profile, skip, split};
use ppo_gpu::program::lanes::Mapping;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::profile::Profile;
use ppo_gpu::program::schedule::{self, Dispatch, Step};
use ppo_gpu::spec::environment::Environment;
use std::collections::BTreeSet;

/// Plans that no kernel can be lucky with: sizes that divide nothing, more than one tile, workgroup and pass, every activation and profile, time limits of
/// both kinds. `total_steps` leaves several updates, so that the annealed learning rate is inside its range.
pub fn plans() -> Vec<(&'static str, Plan)> {
    let few_rows = Profile { gradient_rows: 2, tiles_per_pass: 3, ..profile("software") };
    let samples_on_lanes = Profile { subgroup: 0, ..profile("software") };
    let loops = Profile { blocks: false, ..profile("gpu") };
    let small_tile = Profile { lanes: 32, scratch_bytes: 4096, gradient_rows: 1, ..loops };
    let three_rows = Profile { gradient_rows: 3, tiles_per_pass: 2, ..profile("gpu") };
    let two_rows = Profile { gradient_rows: 2, tiles_per_pass: 1, ..three_rows };
    let in_loops = Profile { keeps_loops: true, ..profile("gpu") };
    [
        ("odd", "envs=5 steps=7 minibatches=5 hidden=3 activation=relu total_steps=1000", profile("software")),
        (
            "three agents",
            "envs=70 steps=3 minibatches=2 epochs=2 hidden=8,8 agents=3 lr=1e-3,2e-3,3e-4 total_steps=5000 time_limit=terminal",
            profile("software"),
        ),
        ("default network", "envs=33 steps=4 minibatches=1 hidden=64,64 agents=2 total_steps=5000 seed=3", profile("software")),
        ("three layers", "envs=9 steps=6 minibatches=2 epochs=3 hidden=5,9,3 activation=relu value_clip=false total_steps=3000", profile("gpu")),
        ("several passes", "envs=37 steps=10 minibatches=1 hidden=6 anneal_lr=false total_steps=9000", few_rows),
        ("samples on the lanes", "envs=10 steps=9 minibatches=3 hidden=7,12 total_steps=3000 seed=4", samples_on_lanes),
        ("wide loops", "envs=11 steps=8 minibatches=4 hidden=130,20 activation=relu total_steps=9000 seed=5", loops),
        ("blocks of 128 units", "envs=19 steps=6 minibatches=2 hidden=128,36 activation=relu agents=2 total_steps=9000 seed=6", profile("small")),
        ("blocks with loops that are not unrolled", "envs=35 steps=4 minibatches=1 hidden=18,5 total_steps=9000 seed=9", in_loops),
        (
            "blocks of chosen sizes",
            "envs=39 steps=5 minibatches=1 hidden=18,5 tuning=lanes=128,tile=8,rows=4,rollout_lanes=64,rollout_tile=16 total_steps=9000 seed=10",
            profile("gpu"),
        ),
        ("blocks in several passes", "envs=103 steps=5 minibatches=1 hidden=64,20 total_steps=9000 seed=8", three_rows),
        ("tight scratch", "envs=13 steps=8 minibatches=2 hidden=36,36,12 total_steps=9000 seed=7", small_tile),
        ("two blocks of units", "envs=19 steps=7 minibatches=1 hidden=70,3 total_steps=9000 seed=11", profile("software")),
        ("many tiles", "envs=410 steps=4 minibatches=1 epochs=1 hidden=18,5 total_steps=90000 seed=13", few_rows),
        ("several choices", "env=Probe/Choice envs=21 steps=5 minibatches=3 hidden=9 agents=2 total_steps=9000 seed=15", profile("software")),
        ("several choices on a GPU", "env=Probe/Choice envs=70 steps=3 minibatches=2 hidden=5,6 entropy_coef=0.1 total_steps=9000 seed=16", profile("gpu")),
        ("masks", "env=Probe/Masked envs=22 steps=5 minibatches=2 hidden=7,3 entropy_coef=0.1 total_steps=9000 seed=17", profile("software")),
        ("masks on a GPU", "env=Probe/Masked envs=34 steps=6 minibatches=3 hidden=11 agents=2 total_steps=9000 seed=18", profile("gpu")),
        ("continuous", "env=Probe/Target envs=29 steps=5 minibatches=5 hidden=17,6 entropy_coef=0.1 agents=2 total_steps=9000 seed=19", profile("software")),
        ("continuous on a GPU", "env=Probe/Target envs=31 steps=4 minibatches=2 hidden=8 activation=relu total_steps=9000 seed=20", profile("gpu")),
        ("scaled actions", "env=Pendulum-v1 actions=scale envs=27 steps=5 minibatches=3 hidden=6,5 total_steps=9000 seed=27", profile("software")),
        ("scaled actions on a GPU", "env=Pendulum-v1 actions=scale envs=33 steps=4 minibatches=2 hidden=7 agents=2 total_steps=9000 seed=28", profile("gpu")),
        ("privileged", "env=Probe/Privileged envs=23 steps=5 minibatches=5 hidden=9,6 agents=2 total_steps=9000 seed=29", profile("software")),
        ("privileged on a GPU", "env=Probe/Privileged envs=31 steps=6 minibatches=2 hidden=7 normalize_observations=true total_steps=9000 seed=30", profile("gpu")),
        ("a history", "observation_history=3 envs=11 steps=7 minibatches=7 hidden=6,5 agents=2 total_steps=9000 seed=31", profile("software")),
        (
            "a history with privileged components on a GPU",
            "env=Probe/Privileged observation_history=3 normalize_observations=true envs=33 steps=4 minibatches=2 hidden=7 total_steps=9000 seed=32",
            profile("gpu"),
        ),
        (
            "everything normalised",
            "envs=131 steps=9 minibatches=3 hidden=6 normalize_observations=true normalize_rewards=true target_kl=0.01 anneal_clip=true anneal_entropy=true \
             agents=2 total_steps=9000 seed=21",
            profile("software"),
        ),
        (
            "three layers and few environments",
            "envs=13 steps=9 minibatches=3 hidden=20,6,5 normalize_observations=true target_kl=0.01,1.0 anneal_clip=true agents=2 lr=0.01 total_steps=9000 seed=23",
            profile("software"),
        ),
        (
            "everything normalised on a GPU",
            "env=Probe/Target envs=30 steps=40 minibatches=2 hidden=6 normalize_observations=true normalize_rewards=true normalize_advantages=false \
             target_kl=0.02,0.03 agents=2 total_steps=9000 seed=22",
            profile("gpu"),
        ),
        (
            "kept within bounds",
            "env=Probe/Target envs=29 steps=5 minibatches=5 epochs=2 hidden=9 agents=3 lr=1e-3,9e-3,1.2e-5 desired_kl=0.05,0.2,0.1 log_std_min=-0.1,-0.05,-3.0 \
             log_std_max=0.05,0.1,-0.02 normalize_values=true normalize_rewards=true total_steps=9000 seed=27",
            profile("software"),
        ),
        (
            "kept within bounds on a GPU",
            "envs=31 steps=70 minibatches=2 hidden=8 desired_kl=0.02 target_kl=0.05 normalize_values=true total_steps=9000 agents=4 seed=28",
            profile("gpu"),
        ),
        ("a wide layer", "envs=49 steps=2 minibatches=1 epochs=1 hidden=190,140 total_steps=9000 agents=2 seed=26", two_rows),
        ("many rows of blocks", "envs=841 steps=5 minibatches=1 epochs=1 hidden=5 total_steps=90000 agents=2 seed=24", profile("gpu")),
        ("many environments", "envs=301 steps=2 minibatches=7 hidden=4 total_steps=90000 agents=2", profile("gpu")),
    ]
    .map(|(name, assignments, profile)| (name, plan(assignments, profile)))
    .into()
}

/// Plans whose rollout is split, as [`plans`] are: with each kind of action and layout, with and without rows of truncated episodes.
fn split_plans() -> Vec<(&'static str, Plan)> {
    [
        ("a split rollout", "envs=9 steps=7 minibatches=7 hidden=6,5 agents=2 normalize_observations=true total_steps=9000 seed=33", profile("software")),
        ("a split rollout on a GPU", "env=Probe/Target envs=140 steps=5 minibatches=2 hidden=7 time_limit=terminal total_steps=9000 seed=34", profile("gpu")),
        (
            "a split rollout with long episodes",
            "env=Pendulum-v1 envs=11 steps=6 minibatches=2 hidden=9 observation_history=2 total_steps=9000 seed=35",
            profile("small"),
        ),
        ("a split rollout of choices", "env=Probe/Choice envs=21 steps=9 minibatches=3 hidden=5 total_steps=9000 seed=36", profile("software")),
    ]
    .map(|(name, assignments, profile)| (name, split(plan(assignments, profile))))
    .into()
}

/// Those of [`plans`] for `kernel`: where gradient steps can be made at once, two at a time, or each by kernels of its own; wide layers, which take long to
/// compile, only for kernels that are others because of them.
pub fn plans_of(kernel: &str) -> Vec<(&'static str, Plan)> {
    let at_once = kernel == "learn";
    let steps = |plan: &Plan| if at_once { 2 - plan.gradient_steps() % 2 } else { 0 };
    let taped = ["gradient", "weight_gradient", "sum_gradient"].contains(&kernel);
    let all = if ["observe", "act", "advance", "restart"].contains(&kernel) { split_plans() } else { plans() };
    let plans = all.into_iter().filter(|(_, plan)| (taped || plan.tape.units == 0) && (!at_once || plan.learn_steps > 0));
    plans.map(|(name, plan)| (name, Plan { learn_steps: steps(&plan), ..plan })).collect()
}

/// First, middle and last dispatch of `kernel` in an update.
pub fn dispatches(plan: &Plan, kernel: &str) -> Vec<Dispatch> {
    let program = schedule::training(plan);
    let steps = program.once.iter().chain(&program.update).map(|&Step::Dispatch(dispatch)| dispatch);
    let all: Vec<Dispatch> = steps.filter(|dispatch| dispatch.kernel == kernel).collect();
    if all.is_empty() {
        return all;
    }
    let mut chosen = vec![all[0], all[all.len() / 2], all[all.len() - 1]];
    chosen.dedup();
    chosen
}

fn agrees(kernel: &'static str) {
    let mut failures = Vec::new();
    let plans = plans_of(kernel);
    if kernel == "learn" && profile("software").subgroup == 0 {
        return skip("lanes are units of the networks under no profile of this device that is tested");
    }
    assert!(plans.iter().any(|(_, plan)| !dispatches(plan, kernel).is_empty()), "no plan runs {}", kernel);
    for (name, plan) in plans {
        for dispatch in dispatches(&plan, kernel) {
            let findings = check(&plan, dispatch, 17 + u64::from(dispatch.index), None);
            if !findings.is_empty() {
                failures.push(format!("plan '{name}', index {}: {}", dispatch.index, describe(&findings)));
            }
        }
    }
    assert!(failures.is_empty(), "{} differs from its reference:\n{}", kernel, failures.join("\n"));
}

macro_rules! agrees {
    ($($kernel:ident)*) => { $(#[test] fn $kernel() { agrees(stringify!($kernel)); })* };
}

agrees! { reset rollout observe act advance restart evaluate gae minibatch_parts minibatch_moments gradient weight_gradient sum_gradient adapt_rate adam bound_deviations learn observation_moments update_normalizers rescale_values report }

/// Agents that play take the most probable action. That is a matter of the kind of action, its masks and the layout, whatever the networks and sizes: one plan
/// for each.
#[test]
fn rollout_without_chance() {
    let mut failures = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, plan) in plans() {
        if !seen.insert((plan.environment.actions.describe(), plan.environment.masked, plan.lanes_are_units(), plan.config.normalize_observations)) {
            continue;
        }
        let plan = Plan { deterministic: true, ..plan };
        for dispatch in dispatches(&plan, "rollout") {
            let findings = check(&plan, dispatch, 29 + u64::from(dispatch.index), None);
            if !findings.is_empty() {
                failures.push(format!("plan '{name}', index {}: {}", dispatch.index, describe(&findings)));
            }
        }
    }
    assert!(failures.is_empty(), "rollout differs from its reference:\n{}", failures.join("\n"));
}

/// Wide layers and long observations, in straight-line code where they fit and in loops. Only the kernels that they make a difference to; environments with
/// long observations have no reference for `rollout`.
#[test]
fn wide_layers_and_long_observations() {
    let source = include_str!("../../shaders/envs/cartpole.wgsl");
    let observation = |length: usize| {
        let source = source.replace("OBSERVATION: u32 = 4u", &format!("OBSERVATION: u32 = {length}u"));
        let source = source.replace("return array(state.position, state.velocity, state.angle, state.angular_velocity);", "return array<f32, OBSERVATION>();");
        Environment::parse("long", &source).unwrap()
    };
    let named = |name: &str| Environment::named(name).unwrap();
    // One row of partial sums: more than one pass. 36 units, of lanes that take four at once: some lanes have none.
    // (Software drivers take minutes for 400 inputs in registers, so that other profiles than their own are not asked for that.)
    let one_row = Profile { gradient_rows: 1, ..gpu().profile("software") };
    let three_rows = Profile { gradient_rows: 3, tiles_per_pass: 2, ..profile("gpu") };
    let mut failures = Vec::new();
    for (keys, environment, profile) in [
        ("hidden=16", observation(401), profile("software")),
        ("hidden=257", observation(4), profile("software")),
        ("hidden=8", observation(401), profile("gpu")),
        ("hidden=100,12", observation(19), profile("gpu")),
        ("hidden=256", observation(4), profile("small")),
        ("hidden=36,8 envs=9 steps=55", named("MinAtar/Breakout-v1"), three_rows),
        ("hidden=160", named("2048"), profile("gpu")),
        // Sums in partials: of one layer, of two, and beside those of observations that are bits. Fewer rows than tiles: sums are added to.
        ("hidden=203,127 envs=9", observation(7), three_rows),
        ("hidden=256,256", observation(4), profile("small")),
        ("hidden=512,256", observation(48), profile("gpu")),
        // Tiles of other sizes whose activations are on the tape: two vectors of samples a lane, fewer lanes; layers of more and fewer units than a block has.
        ("hidden=203,140 tuning=tile=128", observation(4), three_rows),
        ("hidden=140,203 tuning=tile=64,lanes=128", observation(9), profile("gpu")),
        ("hidden=126,223", named("2048"), profile("gpu")),
        ("hidden=130,131", observation(5), profile("software")),
        ("hidden=126,223", named("2048"), profile("software")),
        ("hidden=203,140 tuning=tile=64,lanes=128 envs=9", observation(17), Profile { gradient_rows: 1, ..profile("software") }),
        ("hidden=9,4", named("2048"), Profile { blocks: false, ..profile("gpu") }),
        ("hidden=36,8 envs=9 steps=55", named("MinAtar/Breakout-v1"), one_row),
        ("hidden=36,8", named("2048"), profile("gpu")),
        ("hidden=12 normalize_observations=true", named("2048"), profile("software")),
    ] {
        let config = config(&format!("envs=5 steps=7 minibatches=1 epochs=1 total_steps=1000 {keys}"));
        let plan = Plan { learn_steps: 0, ..Plan::with_environment(&config, environment, profile).unwrap() };
        assert!(plan.passes > 1 || profile.gradient_rows > 1 || !plan.lanes_are_units(), "{keys}: one pass");
        let kernels = if plan.tape.units > 0 { &["gradient", "weight_gradient"][..] } else { &["gradient"] };
        let passes = kernels.iter().flat_map(|&kernel| (0..plan.passes as u32).map(move |pass| (kernel, pass)));
        for (kernel, index) in [("evaluate", 0), ("sum_gradient", 0), ("adam", 0)].into_iter().chain(passes) {
            let findings = check(&plan, Dispatch { kernel, index }, 23, None);
            if !findings.is_empty() {
                failures.push(format!("{} {index} with {keys}, {} and profile {}: {}", kernel, plan.environment.name, profile.name, describe(&findings)));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Every plan has what its name promises; otherwise the tests above would check less than they say.
#[test]
fn plans_are_ragged() {
    let plans = plans();
    let any = |test: &dyn Fn(&Plan) -> bool| assert!(plans.iter().any(|(_, plan)| test(plan)));
    any(&|plan| plan.passes > 1);
    any(&|plan| plan.tiles > 1 && plan.minibatch % plan.tile != 0);
    any(&|plan| plan.passes > 1 && plan.tiles % plan.gradient_rows != 0);
    let wide = |plan: &Plan| plan.network.layers.iter().any(|layer| layer.outputs > plan.tile);
    for mapping in [Mapping::Samples, Mapping::Units, Mapping::Blocks] {
        // A profile of the test run's own leaves out the others; only some software drivers have units.
        if std::env::var_os("PPO_GPU_TEST_PROFILE").is_some() || mapping == Mapping::Units && profile("software").subgroup == 0 {
            continue;
        }
        let one = |test: &dyn Fn(&Plan) -> bool| any(&|plan| plan.mapping == mapping && test(plan));
        one(&wide);
        one(&|plan| plan.passes > 1 && (plan.tiles_per_pass > 1) == (mapping != Mapping::Samples));
        one(&|plan| plan.evaluate_rounds == 1 || (plan.value_rows() * plan.envs) % (plan.evaluate_team().samples * plan.evaluate_rounds) != 0);
        one(&|plan| mapping != Mapping::Samples || plan.profile.straight_line_limit == 0);
        one(&|plan| mapping != Mapping::Samples || plan.profile.straight_line_limit > 0);
    }
    any(&|plan| plan.moment_parts > 1 && plan.minibatch % plan.moment_parts != 0);
    any(&|plan| plan.sum_slices > 1 && plan.gradient_rows % plan.sum_slices != 0);
    // Several passes, and in each several times as many samples as a workgroup of `weight_gradient` holds.
    any(&|plan| plan.tape.units > 0 && plan.passes > 1 && plan.tape_samples() > 16 * plan.tape.rows);
    any(&|plan| plan.agents > 2);
    any(&|plan| plan.envs > plan.rollout_team.samples && plan.envs % plan.rollout_team.samples != 0);
    any(&|plan| plan.steps_per_dispatch > 1);
    any(&|plan| plan.norm_parts > 1);
    let at_once = |test: &dyn Fn(&Plan) -> bool| any(&|plan| profile("software").subgroup == 0 || plan.learn_steps > 0 && test(plan));
    at_once(&|plan| plan.tiles > 1 && plan.minibatch % plan.tile != 0);
    at_once(&|plan| plan.network.layers.len() > 3 || plan.network.layers[1].outputs > plan.lanes);
    at_once(&|plan| plan.config.target_kl.is_some());
    at_once(&|plan| plan.network.weighted < plan.network.heads[0]);
    at_once(&|plan| plan.mask_words() > 0);
    any(&|plan| plan.final_rows == 0);
    any(&|plan| plan.final_rows > 0 && plan.config.normalize_values && plan.config.value_clip);
    any(&|plan| plan.adapts_rate() && plan.config.target_kl.is_some());
    any(&|plan| plan.adapts_rate() && plan.bounds_deviations());
    any(&|plan| plan.observation_parts > 1 && plan.config.normalize_observations && plan.batch % plan.observation_parts != 0);
    any(&|plan| !plan.batch.is_power_of_two());
    any(&|plan| plan.network.layers.iter().any(|layer| layer.inputs * layer.outputs > plan.profile.straight_line_limit && layer.outputs > 128));
}
