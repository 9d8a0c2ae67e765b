//! The initial state of a run: the rows of `agents`, initial parameters, empty normalisers.

use crate::device::engine::{Engine, EngineOptions};
use crate::device::gpu::Gpu;
use crate::environments::contract;
use crate::program::plan::{NORMALIZER_COUNT, Plan};
use crate::program::schedule::Program;
use crate::spec::config::PerAgent;
use crate::spec::network::ACTOR;
use crate::spec::random::seed_words;
use crate::spec::records::{Agent, Bounds, Normalizer, RunningSum};
use crate::support::error::Result;
use crate::support::fault;
use bytemuck::Zeroable;

/// Rounds of the loop by which a kernel checks that its driver still runs loops to their end (shaders/shared/canary.wgsl).
pub const CANARY_ROUNDS: u32 = 2;

/// The initial rows of `agents`.
pub fn agent_rows(plan: &Plan) -> Vec<Agent> {
    let config = &plan.config;
    (0..plan.agents)
        .map(|s| Agent {
            seed: seed_words(plan.seed(s)),
            world: seed_words(plan.seed(s)),
            lr: config.lr.of(s) as f32,
            gamma: config.gamma.of(s) as f32,
            gae_lambda: config.gae_lambda.of(s) as f32,
            clip: config.clip.of(s) as f32,
            entropy_coef: config.entropy_coef.of(s) as f32,
            value_coef: config.value_coef.of(s) as f32,
            max_grad_norm: config.max_grad_norm.of(s) as f32,
            target_return: config.target_return.map_or(f32::MAX, |target| target as f32),
            target_kl: config.target_kl.as_ref().map_or(f32::MAX, |target| target.of(s) as f32),
            canary_rounds: CANARY_ROUNDS,
            ..Agent::zeroed()
        })
        .map(Agent::without_counters)
        .collect()
}

/// The rows of `bounds`.
pub fn bounds(plan: &Plan) -> Vec<Bounds> {
    let config = &plan.config;
    let or = |bound: &Option<PerAgent>, s: usize, none: f32| bound.as_ref().map_or(none, |bound| bound.of(s) as f32);
    (0..plan.agents)
        .map(|s| Bounds {
            log_std_min: or(&config.log_std_min, s, f32::MIN),
            log_std_max: or(&config.log_std_max, s, f32::MAX),
            desired_kl: or(&config.desired_kl, s, f32::MAX),
            lr_min: config.lr_min.of(s) as f32,
            lr_max: config.lr_max.of(s) as f32,
        })
        .collect()
}

/// Brings parameters of all agents, `[s][P]`, within their bounds, as the kernel `bound_deviations` does after each gradient step.
fn bound_deviations(plan: &Plan, params: &mut [f32]) {
    if !plan.bounds_deviations() {
        return;
    }
    let (network, head) = (&plan.network, plan.network.layers[plan.network.layers.len() - 1]);
    for (params, bounds) in params.chunks_exact_mut(network.padded_parameters()).zip(bounds(plan)) {
        (network.weighted..network.heads[ACTOR]).for_each(|k| {
            let log_std = &mut params[ACTOR * network.block() + head.bias(k)];
            *log_std = log_std.clamp(bounds.log_std_min, bounds.log_std_max);
        });
    }
}

/// Writes parameters of all agents, `[s][P]`, within their bounds.
pub(crate) fn write_params(engine: &Engine, plan: &Plan, mut params: Vec<f32>) {
    bound_deviations(plan, &mut params);
    engine.write("params", bytemuck::cast_slice(&params));
}

/// [`Engine::new`], with errors in terms of the environment's file where they concern it.
///
/// # Errors
/// Those of [`Engine::new`]; [`crate::Error::Environment`] when the file does not compile with the parameters of the configuration.
pub(crate) fn engine(gpu: &Gpu, plan: &Plan, program: Program, options: &EngineOptions) -> Result<Engine> {
    Engine::new(gpu, plan, program, options).map_err(|error| contract::with_parameters(plan, error))
}

/// Writes the initial state of a run: the given agents, their bounds, no faults, initial parameters.
pub(crate) fn upload(engine: &Engine, plan: &Plan, agents: &[Agent]) {
    engine.write("agents", bytemuck::cast_slice(agents));
    engine.write("faults", &vec![fault::NONE; plan.agents]);
    if plan.acts_between_steps() {
        engine.write("bounds", bytemuck::cast_slice(&bounds(plan)));
    }
    write_params(engine, plan, (0..plan.agents).flat_map(|s| plan.network.initial_parameters(plan.seed(s))).collect());
    engine.write("normalizers", bytemuck::cast_slice(&vec![INITIAL_NORMALIZER; plan.agents * plan.normalizers()]));
    if plan.config.normalize_values {
        engine.write("value_normalizers", bytemuck::cast_slice(&vec![INITIAL_NORMALIZER; plan.agents]));
    }
}

/// A normaliser before the first rollout: it changes nothing.
pub(crate) const INITIAL_NORMALIZER: Normalizer = Normalizer {
    count: RunningSum { value: NORMALIZER_COUNT, error: 0.0 },
    mean: RunningSum { value: 0.0, error: 0.0 },
    variance: RunningSum { value: 1.0, error: 0.0 },
    scale: 1.0,
};
