//! The kernels: for each its WGSL file, a summary, and its grid. The file stem also names the entry point, the label, the reference and the test.

use crate::program::blocks::Team;
use crate::program::plan::{Plan, REDUCE_LANES};
use crate::program::tape;
use crate::spec::network::NETWORKS;

/// A compute kernel, with its grid in a given plan.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// File stem and entry point. No two kernels of a program have the same.
    pub name: &'static str,
    /// Summary of its computation, in one line.
    pub summary: &'static str,
    /// The WGSL file.
    pub source: &'static str,
    /// Its workgroups.
    pub grid: Grid,
}

/// The workgroups of a kernel. An agent's part never depends on the number of agents, so that its sums are added in the same
/// order for any number of agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Lanes of a workgroup.
    pub lanes: usize,
    /// Samples or environments that a workgroup processes at once: its first lanes have one each. Its lanes where these have none.
    pub samples: usize,
    /// Workgroups for each agent (and network); 0 where the plan has no use for the kernel.
    pub groups: usize,
    /// Networks that have workgroups of their own: 1 or 2.
    pub networks: usize,
    /// Agents that have workgroups of their own.
    pub agents: usize,
}

/// Most parts of a dispatch.
const MOST_PARTS: usize = 2048;

impl Grid {
    /// Workgroups in all.
    pub fn workgroups(self) -> usize {
        self.groups * self.networks * self.agents
    }

    /// Workgroups of a part, the smallest unit that can be dispatched.
    pub fn grain(self) -> usize {
        self.workgroups().div_ceil(MOST_PARTS).max(1)
    }

    /// Parts of a dispatch.
    pub fn parts(self) -> u32 {
        self.workgroups().div_ceil(self.grain()) as u32
    }
}

/// The workgroups of reductions.
const REDUCE: Team = Team { lanes: REDUCE_LANES as usize, samples: REDUCE_LANES as usize };

/// Each line is a kernel: name, summary, and its grid for one agent: lanes and samples of a workgroup, workgroups, networks.
macro_rules! kernels {
    ($($name:ident $summary:literal $grid:expr;)*) => {
        $(#[doc = concat!("`", stringify!($name), "`: ", $summary, ".")]
        pub fn $name(plan: &Plan) -> Kernel {
            let grid: fn(&Plan) -> (Team, usize, usize) = $grid;
            let (Team { lanes, samples }, groups, networks) = grid(plan);
            Kernel {
                name: stringify!($name),
                summary: $summary,
                source: include_str!(concat!("../../shaders/", stringify!($name), ".wgsl")),
                grid: Grid { lanes, samples, groups, networks, agents: plan.agents },
            }
        })*

        /// Every kernel that training may use, in the order in which an update first uses them.
        pub const NAMES: &[&str] = &[$(stringify!($name),)*];

        /// The kernels of [`NAMES`] that can be generated for `plan`, in that order: all, except those that the plan does not use.
        pub fn all(plan: &Plan) -> Vec<Kernel> {
            [$($name,)*].iter().map(|kernel| kernel(plan)).filter(|kernel| kernel.grid.groups > 0).collect()
        }
    };
}

kernels! {
    reset "starts an episode in every environment" of_environments;
    rollout "acts: policy forward, sampling, environment step, automatic reset"
        |plan| (plan.rollout_team, if plan.splits_rollout { 0 } else { plan.envs.div_ceil(plan.rollout_team.samples) }, 1);
    observe "stores observations, where environments have much code" of_parts_of_rollout;
    act "policy forward and sampling, for such environments"
        |plan| (plan.rollout_team, if plan.splits_rollout { plan.envs.div_ceil(plan.rollout_team.samples) } else { 0 }, 1);
    advance "the step of such environments" of_parts_of_rollout;
    restart "begins a new episode where that step ended one" of_parts_of_rollout;
    evaluate "value of every observation of the rollout"
        |plan| (plan.evaluate_team(), (plan.value_rows() * plan.envs).div_ceil(plan.evaluate_team().samples * plan.evaluate_rounds), 1);
    gae "advantages and targets, backwards through time" of_environments;
    minibatch_parts "moments of parts of each minibatch's advantages, where minibatches are large"
        |plan| (REDUCE, if plan.moment_parts > 1 { plan.gradient_steps() * plan.moment_parts } else { 0 }, 1);
    minibatch_moments "mean and deviation of each minibatch's advantages" |plan| (REDUCE, plan.gradient_steps(), 1);
    gradient "losses and their gradient, one row of partial sums for each row of tiles" |plan| (plan.team(), plan.gradient_rows, NETWORKS);
    weight_gradient "gradients of the weights of wide layers, from what `gradient` left on the tape"
        |plan| (Team { lanes: tape::LANES, samples: tape::LANES }, plan.tape.rows * plan.tape.blocks, NETWORKS);
    sum_gradient "adds the rows in fixed order; squared norm of the parts" |plan| (REDUCE, plan.norm_parts, 1);
    adapt_rate "adapts the learning rate to the KL divergence" |_| (REDUCE, 1, 1);
    adam "clips by global norm and makes one Adam step" |plan| (REDUCE, (plan.network.padded_parameters() / 4).div_ceil(REDUCE.lanes), 1);
    bound_deviations "keeps the logarithms of standard deviations within their bounds" |_| (REDUCE, 1, 1);
    learn "the work of the last three for several minibatches, where these are small" |plan| (Team { lanes: NETWORKS * plan.lanes, samples: plan.tile }, plan.learn_steps.min(1), 1);
    observation_moments "mean and deviation of the rollout's observations, in parts" |plan| (REDUCE, plan.observation_parts, 1);
    update_normalizers "merges them, and discounted returns, into running moments" |_| (REDUCE, 1, 1);
    rescale_values "merges targets into running moments, and rescales the critic's last layer" |_| (REDUCE, 1, 1);
    report "one row of metrics for each agent; advances the counters" |_| (REDUCE, 1, 1);
}

/// A lane for each environment.
fn of_environments(plan: &Plan) -> (Team, usize, usize) {
    (Team { lanes: plan.env_lanes, samples: plan.env_lanes }, plan.envs.div_ceil(plan.env_lanes), 1)
}

/// The same, if the rollout is split.
fn of_parts_of_rollout(plan: &Plan) -> (Team, usize, usize) {
    let (team, groups, networks) = of_environments(plan);
    (team, if plan.splits_rollout { groups } else { 0 }, networks)
}

/// `draw`: a picture of `size` x `size` pixels of the first environment of the first agent, a lane a pixel.
pub fn draw(size: u32) -> Kernel {
    Kernel {
        name: "draw",
        summary: "draws an environment",
        source: include_str!("../../shaders/draw.wgsl"),
        grid: Grid { lanes: 256, samples: 256, groups: (size as usize).pow(2).div_ceil(256), networks: 1, agents: 1 },
    }
}
