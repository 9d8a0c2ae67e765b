//! The kernels by name. A kernel's file stem is its entry point, its label, its reference and its test.

use crate::program::plan::{Plan, REDUCE_LANES};
use crate::spec::network::NETWORKS;

macro_rules! kernels {
    ($($kernel:ident $name:literal $summary:literal;)*) => {
        /// A compute kernel.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kernel {
            $(#[doc = $summary] $kernel,)*
        }

        impl Kernel {
            /// Every kernel, in the order in which an update first uses them.
            pub const ALL: &[Kernel] = &[$(Kernel::$kernel,)*];

            /// File stem and entry point.
            pub fn name(self) -> &'static str {
                match self { $(Kernel::$kernel => $name,)* }
            }

            /// What it computes, in one line.
            pub fn summary(self) -> &'static str {
                match self { $(Kernel::$kernel => $summary,)* }
            }

            /// The WGSL file.
            pub fn source(self) -> &'static str {
                match self { $(Kernel::$kernel => include_str!(concat!("../../shaders/", $name, ".wgsl")),)* }
            }
        }
    };
}

kernels! {
    Reset "reset" "starts an episode in every environment";
    Rollout "rollout" "acts: policy forward, sampling, environment step, automatic reset";
    Evaluate "evaluate" "value of every observation of the rollout";
    Gae "gae" "advantages and targets, backwards through time";
    MinibatchMoments "minibatch_moments" "mean and deviation of each minibatch's advantages";
    Gradient "gradient" "losses and their gradient, one row of partial sums for each row of tiles";
    SumGradient "sum_gradient" "adds the rows in fixed order; squared norm of the parts";
    Adam "adam" "clips by global norm and makes one Adam step";
    Learn "learn" "the work of the last three for several minibatches, where these are small";
    ObservationMoments "observation_moments" "mean and deviation of the rollout's observations, in parts";
    UpdateNormalizers "update_normalizers" "merges them, and discounted returns, into running moments";
    Report "report" "one row of metrics for each agent; advances the counters";
}

/// How much of a grid a kernel needs for one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Lanes of a workgroup.
    pub lanes: usize,
    /// Workgroups for each agent (and network).
    pub groups: usize,
    /// Networks that have workgroups of their own: 1 or 2.
    pub networks: usize,
}

/// Parts into which a dispatch can be cut at most.
const MOST_PARTS: usize = 2048;

impl Grid {
    /// Workgroups for all agents.
    pub fn workgroups(self, plan: &Plan) -> usize {
        self.groups * self.networks * plan.agents
    }

    /// Workgroups of a part, the least that can be dispatched.
    pub fn grain(self, plan: &Plan) -> usize {
        self.workgroups(plan).div_ceil(MOST_PARTS)
    }

    /// Parts that a dispatch consists of.
    pub fn parts(self, plan: &Plan) -> u32 {
        self.workgroups(plan).div_ceil(self.grain(plan)) as u32
    }
}

impl Kernel {
    /// The kernel called `name`.
    pub fn named(name: &str) -> Option<Kernel> {
        Kernel::ALL.iter().copied().find(|kernel| kernel.name() == name)
    }

    /// Whether it can be written for `plan`. All can but [`Kernel::Learn`], which then has no place in an update either.
    pub fn is_for(self, plan: &Plan) -> bool {
        self != Kernel::Learn || plan.learn_steps > 0
    }

    /// The grid of one agent. It never depends on the number of agents, so that an agent's sums are added in the same order however many train beside it.
    pub fn grid(self, plan: &Plan) -> Grid {
        let reduce = REDUCE_LANES as usize;
        let (lanes, groups, networks) = match self {
            Kernel::Reset | Kernel::Rollout | Kernel::Gae => (plan.rollout_lanes, plan.envs.div_ceil(plan.rollout_lanes), 1),
            Kernel::Evaluate => (plan.lanes, (plan.value_rows() * plan.envs).div_ceil(plan.lanes * plan.evaluate_rounds), 1),
            Kernel::MinibatchMoments => (reduce, plan.gradient_steps(), 1),
            Kernel::Gradient => (plan.lanes, plan.gradient_rows, NETWORKS),
            Kernel::SumGradient => (reduce, plan.norm_parts, 1),
            Kernel::Adam => (reduce, (plan.network.padded_parameters() / 4).div_ceil(reduce), 1),
            Kernel::Learn => (NETWORKS * plan.lanes, 1, 1),
            Kernel::ObservationMoments => (reduce, plan.observation_parts, 1),
            Kernel::UpdateNormalizers | Kernel::Report => (reduce, 1, 1),
        };
        Grid { lanes, groups, networks }
    }
}
