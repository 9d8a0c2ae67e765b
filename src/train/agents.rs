//! What a run starts from: the rows of `agents`, initial parameters, empty normalisers.

use crate::device::engine::Engine;
use crate::program::plan::{NORMALIZER_COUNT, Plan};
use crate::spec::random::seed_words;
use crate::spec::records::NORMALIZER_WORDS;
use crate::support::fault;

/// A row of `agents` as the kernels read it (shaders/shared/agent.wgsl).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct AgentRow {
    /// Low and high word.
    pub seed: [u32; 2],
    /// Seed of what lasts longer than an episode in its environments, low and high word. Its own, also where it plays under other seeds.
    pub world: [u32; 2],
    /// Adam's learning rate before annealing.
    pub lr: f32,
    /// Discount.
    pub gamma: f32,
    /// λ of GAE.
    pub gae_lambda: f32,
    /// ε of the clipped objective.
    pub clip: f32,
    /// c_e.
    pub entropy_coef: f32,
    /// c_v.
    pub value_coef: f32,
    /// Largest global norm of the gradient.
    pub max_grad_norm: f32,
    /// Mean return at which the agent stops learning; `f32::MAX` for none.
    pub target_return: f32,
    /// Approximate KL divergence that an update may not exceed by half; `f32::MAX` for no limit.
    pub target_kl: f32,
    /// [`CANARY_ROUNDS`].
    pub canary_rounds: u32,
    /// Updates learned from.
    pub update: u32,
    /// Updates executed, also after the agent has stopped.
    pub sequence: u32,
    /// Episodes finished since the start, low and high word.
    pub episodes: [u32; 2],
    /// Entries of `recent` that are filled.
    pub recent: u32,
    /// 1 once the target was reached or something went wrong.
    pub stopped: u32,
    /// Gradient steps made in earlier updates.
    pub gradient_steps: u32,
    /// Code of what it stopped by, [`fault::NONE`] for nothing.
    pub fault: u32,
}

/// Rounds of the loop by which a kernel finds out whether its driver still carries out loops (shaders/shared/canary.wgsl).
pub const CANARY_ROUNDS: u32 = 2;

impl AgentRow {
    /// Counts an update that it learned nothing from. Random numbers repeat after 2^32 steps.
    pub(crate) fn count_update(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// Seed of what lasts longer than an episode in its environments.
    pub fn world(&self) -> u64 {
        u64::from(self.world[0]) | u64::from(self.world[1]) << 32
    }

    /// Whether it has stopped learning.
    pub fn has_stopped(&self) -> bool {
        self.stopped != 0
    }

    /// The row of an agent that has learned nothing yet.
    pub(crate) fn without_counters(self) -> AgentRow {
        AgentRow { update: 0, sequence: 0, episodes: [0; 2], recent: 0, stopped: 0, gradient_steps: 0, fault: fault::NONE, ..self }
    }

    /// The row of an agent that begins anew, but continues to count gradient steps: Adam's moments are as old.
    pub fn with_gradient_steps_of(self, other: &AgentRow) -> AgentRow {
        AgentRow { gradient_steps: other.gradient_steps, ..self.without_counters() }
    }
}

/// The initial rows of `agents`.
pub fn agent_rows(plan: &Plan) -> Vec<AgentRow> {
    let config = &plan.config;
    (0..plan.agents)
        .map(|s| AgentRow {
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
            update: 0,
            sequence: 0,
            episodes: [0; 2],
            recent: 0,
            stopped: 0,
            gradient_steps: 0,
            fault: fault::NONE,
        })
        .collect()
}

/// Writes what a run starts from: the given agents, no faults, initial parameters.
pub(crate) fn upload(engine: &Engine, plan: &Plan, agents: &[AgentRow]) {
    engine.write("agents", bytemuck::cast_slice(agents));
    engine.write("faults", &vec![u32::MAX; plan.agents]);
    let params: Vec<f32> = (0..plan.agents).flat_map(|s| plan.network.initial_parameters(plan.seed(s))).collect();
    engine.write("params", bytemuck::cast_slice(&params));
    engine.write("normalizers", bytemuck::cast_slice(&vec![INITIAL_NORMALIZER; plan.agents * plan.normalizers()]));
}

/// Count, mean and variance, each a running sum of two floats, and scale before anything was seen.
pub const INITIAL_NORMALIZER: [f32; NORMALIZER_WORDS] = [NORMALIZER_COUNT, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0];
