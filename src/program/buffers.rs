//! The memory map of the device: one line for each buffer.

use crate::program::plan::{Plan, WINDOW};
use crate::spec::network::NETWORKS;
use crate::spec::records::{Agent, Bounds, EnvStatistics, Losses, MetricsRow, Normalizer, Sample, Stored, Transition, Type};

/// One buffer. Its name is the same in WGSL, here, in the reference and in the documents.
pub struct Buffer {
    /// Name of the variable in WGSL.
    pub name: &'static str,
    /// Its dimensions, the outermost first.
    pub shape: &'static [Dimension],
    /// Type of an element.
    pub element: Element,
    /// Meaning of an element.
    pub meaning: &'static str,
    /// Whether the kernels of a plan need it.
    used: fn(&Plan) -> bool,
}

/// The element type of a buffer.
pub enum Element {
    /// A number, a vector or a record.
    Type(Type),
    /// `LaneWords`: the state of an environment, whose size depends on the environment, and its running episode.
    Lane,
}

impl Element {
    /// Name of the type in WGSL.
    pub fn name(&self) -> &'static str {
        match self {
            Element::Type(kind) => kind.name,
            Element::Lane => "LaneWords",
        }
    }

    /// Whether every word is a float.
    pub fn is_real(&self) -> bool {
        matches!(self, Element::Type(kind) if kind.is_real)
    }

    /// 32-bit words.
    fn words(&self, plan: &Plan) -> usize {
        match self {
            Element::Type(kind) => kind.words,
            Element::Lane => plan.environment.lane_words(),
        }
    }
}

macro_rules! dimensions {
    ($($(#[$meaning:meta])* $name:ident $letter:literal $size:expr;)*) => {
        /// The dimensions of buffers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Dimension {
            $($(#[$meaning])* $name,)*
            /// The same for every plan.
            Fixed(usize),
        }

        impl Dimension {
            /// The specification's letter for the index or the size, or the size itself.
            pub fn letter(self) -> String {
                match self {
                    $(Dimension::$name => $letter.into(),)*
                    Dimension::Fixed(size) => size.to_string(),
                }
            }

            /// The size.
            pub fn size(self, plan: &Plan) -> usize {
                let size: fn(&Plan) -> usize = match self {
                    $(Dimension::$name => $size,)*
                    Dimension::Fixed(size) => return size,
                };
                size(plan)
            }
        }
    };
}

dimensions! {
    /// Agents.
    Agents "s" |plan| plan.agents;
    /// Environments of an agent.
    Environments "n" |plan| plan.envs;
    /// Steps of a rollout.
    Steps "t" |plan| plan.steps;
    /// Rows of observations: before each step, after the last one, and the last ones of truncated episodes.
    ObservationRows "T+1+F" |plan| plan.value_rows();
    /// Words of an observation as it is stored: its components, or 32 of them to a word.
    ObservationWords "O" |plan| plan.observation_words();
    /// Components of an observation.
    Components "O" |plan| plan.environment.observation;
    /// The normalised quantities: the components of an observation, and the reward.
    Normalized "O+1" |plan| plan.normalizers();
    /// Parts in which the moments of a rollout's observations are computed.
    ObservationParts "part" |plan| plan.observation_parts;
    /// Words of an action with its mask.
    ActionWords "W" |plan| plan.action_words();
    /// Epochs of an update.
    Epochs "e" |plan| plan.epochs;
    /// Minibatches of an epoch.
    Minibatches "k" |plan| plan.minibatches;
    /// Parts in which the moments of a minibatch's advantages are computed.
    MomentParts "part" |plan| plan.moment_parts;
    /// Parameters of an agent, padding included.
    Parameters "P" |plan| plan.network.padded_parameters();
    /// Networks of an agent.
    Networks "net" |_| NETWORKS;
    /// Tiles of a pass.
    TapeTiles "tile" |plan| plan.gradient_rows * plan.tiles_per_pass;
    /// Inputs and slopes of the layers that are taped.
    TapeUnits "unit" |plan| plan.tape.units;
    /// Samples of a tile.
    Tile "sample" |plan| plan.tile;
    /// Rows of partial gradients.
    GradientRows "r" |plan| plan.gradient_rows;
    /// Parameters, but for the weights of layers that are taped, and loss sums.
    PartialColumns "G'" |plan| plan.partial_columns();
    /// Rows of sums over the tape.
    TapeRows "r'" |plan| plan.tape.rows;
    /// Weights of layers that are taped.
    TapeColumns "W'" |plan| plan.tape_columns();
    /// Parameters and loss sums.
    GradientColumns "G" |plan| plan.gradient_columns();
    /// Parts in which the gradient's norm is computed.
    NormParts "parts" |plan| plan.norm_parts;
    /// Elements of the environment's data.
    Data "D" |plan| plan.environment.data.words().len();
}

impl Buffer {
    /// Its dimensions in the specification's letters, and its element: `[s][t][n]: Transition`.
    pub fn shape(&self) -> String {
        let dimensions: String = self.shape.iter().map(|dimension| format!("[{}]", dimension.letter())).collect();
        format!("{dimensions}: {}", self.element.name())
    }

    /// 32-bit words; 0 if no kernel of the plan needs it.
    pub fn words(&self, plan: &Plan) -> usize {
        let elements = || self.shape.iter().map(|dimension| dimension.size(plan)).product::<usize>();
        if (self.used)(plan) { elements() * self.element.words(plan) } else { 0 }
    }

    /// Size in bytes. Unused buffers are bound too, so each must hold at least one element of the declared type: a [`Normalizer`] is the largest.
    pub fn bytes(&self, plan: &Plan) -> u64 {
        (self.words(plan).max(Normalizer::WORDS.next_multiple_of(4)) * 4) as u64
    }

    /// The buffer called `name`.
    ///
    /// # Panics
    /// When there is none. Names come from the kernels, whose bindings are checked against this table when they are compiled.
    pub fn named(name: &str) -> &'static Buffer {
        BUFFERS.iter().find(|buffer| buffer.name == name).unwrap_or_else(|| panic!("no buffer is called {name}"))
    }
}

macro_rules! buffers {
    ($($(#[$kept:ident])? $name:ident [$($dimension:expr),+]: $element:tt $(if $used:expr)?, $meaning:literal;)*) => {
        /// Every buffer on the device.
        pub const BUFFERS: &[Buffer] = {
            use Dimension::*;
            &[$(Buffer {
                name: stringify!($name),
                shape: &[$($dimension),+],
                element: buffers!(@element $element),
                meaning: $meaning,
                used: buffers!(@used $($used)?),
            },)*]
        };

        /// The buffers marked as kept: an update reads what earlier updates left in them, and a run continues from them. All others are written before they
        /// are read.
        pub const KEPT: &[&str] = &[$($(buffers!(@$kept $name),)?)*];
    };
    (@kept $name:ident) => { stringify!($name) };
    (@element LaneWords) => { Element::Lane };
    (@element $element:tt) => { Element::Type(<$element as Stored>::TYPE) };
    (@used) => { |_| true };
    (@used $used:expr) => { $used };
}

buffers! {
    #[kept] agents [Agents]: Agent, "hyper-parameters of each agent, and its counters";
    #[kept] bounds [Agents]: Bounds if |plan| plan.acts_between_steps(), "what each agent is kept within: its learning rate, the KL divergence, the logarithms of its standard deviations";
    #[kept] faults [Agents]: u32, "code of the first thing that went wrong, 0xffffffff while nothing did";
    #[kept] params [Agents, Parameters]: f32, "parameters, actor then critic, rows padded to 4 columns";
    #[kept] first_moments [Agents, Parameters]: f32, "Adam's running mean of gradients";
    #[kept] second_moments [Agents, Parameters]: f32, "Adam's running mean of squared gradients";
    #[kept] env_lanes [Agents, Environments]: LaneWords, "state of each environment, and return and length of its running episode";
    observations [Agents, ObservationRows, Environments, ObservationWords]: f32, "observation before each step; row T follows the last step; rows after it hold the last observations of truncated episodes; bits where each component is 0 or 1";
    actions [Agents, Steps, Environments, ActionWords]: u32, "sampled actions, continuous ones as f32, each followed by a bit for each legal action where some are not";
    transitions [Agents, Steps, Environments]: Transition, "log-probability of the action, reward, how the step ended, return and length so far";
    values [Agents, ObservationRows, Environments]: f32, "value of each row of observations, normalised if values are";
    samples [Agents, Steps, Environments]: Sample, "advantage, target, value and log-probability: what a gradient step reads of a step; target and value are normalised if values are";
    #[kept] env_statistics [Agents, Environments]: EnvStatistics, "episodes finished in the rollout; mean and squared deviations of targets, advantages and, where rewards are normalised, discounted returns";
    observation_parts [Agents, ObservationParts, Components]: [f32; 2] if |plan| plan.config.normalize_observations, "mean and squared deviations of parts of the rollout's observations";
    #[kept] normalizers [Agents, Normalized]: Normalizer, "running moments that each component of the observation, and the reward, is normalised by";
    #[kept] value_normalizers [Agents]: Normalizer if |plan| plan.config.normalize_values, "running moments of the targets, that values are normalised by";
    moment_parts [Agents, Epochs, Minibatches, MomentParts]: [f32; 2] if |plan| plan.moment_parts > 1, "mean and squared deviations of parts of each minibatch's advantages";
    moments [Agents, Epochs, Minibatches]: [f32; 2], "mean and standard deviation of each minibatch's advantages";
    tape [Agents, Networks, TapeTiles, TapeUnits, Tile]: f32 if |plan| plan.tape.units > 0, "inputs of wide layers, and the loss's slopes at their outputs, for each sample of a pass";
    partials [Agents, GradientRows, PartialColumns]: f32 if |plan| plan.learn_steps == 0, "gradient of each row of tiles, without the weights of wide layers, then its loss sums";
    tape_sums [Agents, TapeRows, TapeColumns]: f32 if |plan| plan.tape.units > 0, "gradient of the weights of wide layers, for each row of the tape";
    gradients [Agents, GradientColumns]: f32 if |plan| plan.learn_steps == 0, "gradient of the minibatch, then its loss sums";
    norms [Agents, NormParts]: f32 if |plan| plan.learn_steps == 0, "squared norms of the parts of the gradient";
    losses [Agents, Epochs, Minibatches, Fixed(Losses::WORDS)]: f32, "policy loss, entropy, approximate KL, clip fraction, value loss, gradient norm of each gradient step, and whether target_kl let it be skipped; one to fill up";
    #[kept] recent [Agents, Fixed(WINDOW as usize)]: [f32; 2], "return and length of the last finished episodes, newest first";
    metrics [Agents]: MetricsRow, "what leaves the device after each update";
    env_data [Data]: u32, "arrays of the environment, from the files that it names";
}

impl Plan {
    /// Bytes of all buffers on the device.
    pub fn device_bytes(&self) -> u64 {
        BUFFERS.iter().map(|buffer| buffer.bytes(self)).sum()
    }
}
