//! Everything derived from the configuration: every size, count and constant, computed once.

use crate::program::blocks::{self, Team};
use crate::program::lanes::{self, Mapping};
use crate::program::profile::Profile;
use crate::program::tape::{self, Rows, Tape, Taped};
use crate::spec::config::{Config, Onto, TimeLimit};
use crate::spec::environment::{Actions, Environment};
use crate::spec::metrics::Row;
use crate::spec::network::{NETWORKS, Network};
use crate::spec::random;
use crate::spec::records::{Losses, MetricsRow};
use crate::spec::tuning::Tuning;
use crate::support::error::{Error, Result};

/// Lanes of the workgroups that reduce over many values (moments, sum_gradient, adam, metrics).
pub const REDUCE_LANES: u32 = 256;
/// Finished episodes in the mean return and mean length.
pub const WINDOW: u32 = 100;
/// Loss sums that each network contributes to a row of `partials` (a vec4).
pub const LOSS_SUMS: usize = 4;

/// Everything derived from a [`Config`]. Letters are those of the specification.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The configuration that it was derived from.
    pub config: Config,
    /// The environment.
    pub environment: Environment,
    /// Steps after which an episode is truncated.
    pub episode_limit: u32,
    /// Shape of the networks.
    pub network: Network,
    /// How kernels are compiled.
    pub profile: Profile,
    /// The sizes of kernels that were chosen and fit (key `tuning`).
    pub tuning: Tuning,
    /// Agents S.
    pub agents: usize,
    /// Environments per agent N.
    pub envs: usize,
    /// Rollout length T.
    pub steps: usize,
    /// Samples per agent and update, B = N·T.
    pub batch: usize,
    /// Minibatches per epoch K.
    pub minibatches: usize,
    /// Samples in a minibatch, M = B/K.
    pub minibatch: usize,
    /// Epochs E.
    pub epochs: usize,
    /// Updates U of the whole run.
    pub updates: u32,
    /// Rows of `observations` and `values` that hold the last observations of truncated episodes: an environment truncates at most once in any
    /// `time_limit` consecutive steps, so step t uses row t / time_limit. None when time limits count as termination.
    pub final_rows: usize,
    /// Whether `observe`, `act`, `advance` and `restart` do the work of `rollout`: compilers take longer for a long environment and a network together than for each.
    pub splits_rollout: bool,
    /// Environment steps in one rollout dispatch; divides T.
    pub steps_per_dispatch: usize,
    /// Lanes of a workgroup in which each has an environment.
    pub env_lanes: usize,
    /// The workgroups of `rollout`.
    pub rollout_team: Team,
    /// What lanes map to.
    pub mapping: Mapping,
    /// Whether lanes map to units and the first layer is a loop that reads its weights from memory (see [`lanes::first_is_loop`]).
    pub first_layer_is_loop: bool,
    /// Lanes of a workgroup of `gradient` and `evaluate`.
    pub lanes: usize,
    /// Samples of a tile: those that a workgroup of `gradient` processes at once, one for each of its first lanes.
    pub tile: usize,
    /// Tiles of a minibatch.
    pub tiles: usize,
    /// Rows of partial gradients R; row r sums tiles r, r + R, r + 2R ...
    pub gradient_rows: usize,
    /// Tiles of a row that one dispatch adds.
    pub tiles_per_pass: usize,
    /// Gradient dispatches for each minibatch: ceil(tiles / R / tiles_per_pass).
    pub passes: usize,
    /// What `gradient` leaves for `weight_gradient`.
    pub tape: Tape,
    /// Gradient steps in one dispatch of `learn`; divides E·K. 0 if the kernels `gradient`, `sum_gradient` and `adam` make them instead.
    pub learn_steps: usize,
    /// Observations that a lane of `evaluate` processes, one after the other.
    pub evaluate_rounds: usize,
    /// Parts in which the moments of a minibatch's advantages are computed; 1 if one workgroup computes them.
    pub moment_parts: usize,
    /// Slices of the rows of partial gradients that lanes of a workgroup add separately.
    pub sum_slices: usize,
    /// Partial squared norms for each agent.
    pub norm_parts: usize,
    /// Parts in which the moments of an agent's observations are computed.
    pub observation_parts: usize,
    /// Whether agents take the most probable action instead of a random one. Never while they learn.
    pub deterministic: bool,
}

impl Plan {
    /// Derives the plan of `config` on `environment` for a device of the given profile.
    ///
    /// # Errors
    /// [`Error::Config`] when sizes do not fit together, with the nearest value that does.
    pub fn with_environment(config: &Config, environment: Environment, profile: Profile) -> Result<Plan> {
        environment.check_parameters(config)?;
        let environment = environment.with_history(config.observation_history as usize)?;
        if config.actions == Onto::Scale && !matches!(environment.actions, Actions::Continuous { .. }) {
            let problem = format!("the actions of {} are choices, which have no bounds to be scaled to", environment.name);
            return Err(Error::config("actions", problem, "leave it out, or write actions = \"clip\""));
        }
        let episode_limit = environment.episode_limit(config);
        let network = Network::of(config, &environment);
        let (envs, steps, minibatches) = (config.envs as usize, config.steps as usize, config.minibatches as usize);
        let batch = envs * steps;
        if !batch.is_multiple_of(minibatches) {
            let nearest = nearest_divisor(batch, minibatches);
            return Err(Error::config(
                "minibatches",
                format!("{minibatches} does not divide the {batch} samples of an update (envs {envs} * steps {steps})"),
                format!("nearest that works: {nearest}"),
            ));
        }
        if batch > 1 << 30 {
            let problem = format!("{envs} environments * {steps} steps = {batch} samples an update are too many (at most 2^30)");
            return Err(Error::config("envs", problem, format!("nearest that works: {}", (1 << 30) / steps)));
        }
        let minibatch = batch / minibatches;
        let packed = environment.binary && !config.normalize_observations;
        let taped_team = blocks::taped_team(&profile, &network, packed, minibatch);
        let team = taped_team.or(blocks::team(&profile, &network, packed));
        let mapping = match team {
            _ if lanes::fits(&profile, &network) => Mapping::Units,
            Some(_) if !lanes::is_all_straight(&profile, &network) => Mapping::Blocks,
            _ => Mapping::Samples,
        };
        let tuning: Tuning = config.tuning.parse().map_err(|(problem, help): (String, String)| Error::config("tuning", problem, help))?;
        // A run may go on, or play, on another device: sizes that do not fit there are left out.
        let own_rollout = team.map(|team| blocks::rollout_team(team, &profile, &network, packed, envs));
        let chosen = if mapping == Mapping::Blocks { team } else { None };
        let tuned = chosen.and_then(|own| blocks::tuned(own, taped_team.is_some(), &tuning, &profile, &network, packed));
        let tuned_rollout = chosen.and(own_rollout).and_then(|own| blocks::tuned_rollout(own, &tuning, &profile, &network, packed));
        let tuning = tuning.only(tuned.is_some(), tuned_rollout.is_some());
        let team = tuned.or(team);
        let profile = Profile { gradient_rows: tuning.rows.unwrap_or(profile.gradient_rows), ..profile };
        let lanes_are_units = mapping == Mapping::Units;
        let lanes = match (mapping, team) {
            (Mapping::Units, _) => profile.subgroup as usize,
            (Mapping::Blocks, Some(team)) => team.lanes,
            _ => profile.lanes as usize,
        };
        // Leaving half the lanes without a sample costs little in `gradient`, and its code, unrolled for each sample, takes half as long to compile.
        // If the first layer's weights come from memory, each fetch should serve more samples.
        let first_layer_is_loop = lanes_are_units && lanes::first_is_loop(&profile, &network);
        let tile = match (mapping, team) {
            (Mapping::Units, _) if !first_layer_is_loop => (lanes / 2).max(4),
            (Mapping::Blocks, Some(team)) => team.samples,
            _ => lanes,
        };
        let tiles = minibatch.div_ceil(tile);
        let rounds = lanes::tile_rounds(environment.observation);
        let activations_taped = mapping == Mapping::Blocks && taped_team.is_some();
        let rounds = match (mapping, team) {
            (Mapping::Blocks, Some(team)) if activations_taped => rounds + blocks::taped_tile_rounds(team, &network),
            (Mapping::Blocks, Some(team)) => rounds + blocks::tile_rounds(team, &network),
            _ => rounds,
        };
        let loops = MOST_TILE_ROUNDS / rounds;
        let most_tiles = if mapping == Mapping::Samples { 1 } else { loops.clamp(1, profile.tiles_per_pass as usize) };
        let enough_rows = tiles.div_ceil(most_tiles * MOST_PASSES);
        let worth_a_row = if lanes_are_units { TILES_WORTH_A_ROW } else { 1 };
        let columns = network.padded_parameters() + NETWORKS * LOSS_SUMS;
        let taped = mapping == Mapping::Blocks && blocks::tapes(&network, packed);
        // Sums of taped layers are few rows elsewhere.
        let own_columns = columns - if taped { NETWORKS * tape::weights(&network, packed) } else { 0 };
        let rows = (profile.gradient_rows as usize).min((MOST_PARTIALS / own_columns).max(FEWEST_ROWS));
        let rows = if activations_taped { rows.min(tape::most_rows(&network, packed, tile)) } else { rows };
        let most_rows = tiles.div_ceil(most_tiles.min(worth_a_row)).min(rows.max(enough_rows));
        // As many as make rows equally long.
        let gradient_rows = if mapping == Mapping::Blocks { equal_parts(tiles, most_rows) } else { most_rows };
        let tape = if taped { Tape::new(&network, packed, activations_taped, gradient_rows, &profile) } else { Tape::default() };
        let tiles_of_row = tiles.div_ceil(gradient_rows);
        let tiles_per_pass = match tape.most_tiles(gradient_rows, tile) {
            Some(most) => equal_parts(tiles_of_row, most_tiles.min(most)),
            None => tiles_of_row.min(most_tiles),
        };
        let passes = tiles.div_ceil(gradient_rows * tiles_per_pass);
        let gradient_steps = config.epochs as usize * minibatches;
        let most_learned = (profile.tiles_learned as usize).min(loops) / tiles;
        // What happens to an agent between gradient steps is a kernel of its own.
        let apart = config.desired_kl.is_some() || bounds_deviations(config, &environment);
        let learns = lanes_are_units && gradient_rows == 1 && passes == 1 && lanes::learns(&network, lanes) && !apart;
        // Masks and bits are computed from the state, beside the network.
        let splits_rollout = environment.source.len() > LONG_ENVIRONMENT && !environment.masked && !environment.binary;
        // Weights are fetched once per dispatch, too, but a dispatch cannot be cut. A user's loops get a dispatch for each step: software drivers limit
        // the rounds of all loops of a dispatch together.
        let most_steps = if splits_rollout || lanes_are_units && environment.loops && !environment.built_in {
            1
        } else if lanes_are_units {
            (MOST_ROLLOUT / (envs * config.agents as usize)).min(loops / 4).clamp(1, 32)
        } else {
            profile.steps_per_dispatch as usize
        };
        let gradient_dispatches = config.epochs as usize * minibatches * passes;
        if gradient_dispatches > MOST_GRADIENT_DISPATCHES {
            let most = MOST_GRADIENT_DISPATCHES / (config.epochs as usize * passes);
            let nearest = largest_divisor_up_to(batch, most);
            let problem = format!("{minibatches} minibatches in {} epochs are {gradient_dispatches} dispatches in an update", config.epochs);
            return Err(Error::config("minibatches", problem, format!("nearest that works: {nearest}")));
        }
        let updates = config.total_steps.div_ceil(batch as u64);
        let steps_of_run = updates.saturating_mul(steps as u64).max(updates.saturating_mul(u64::from(config.epochs) * minibatches as u64));
        if steps_of_run > u64::from(u32::MAX) {
            // Random streams and Adam's step are counted in u32.
            let most = u64::from(u32::MAX) / (steps as u64).max(u64::from(config.epochs) * minibatches as u64) * batch as u64;
            return Err(Error::config("total_steps", format!("{} are too many", config.total_steps), format!("nearest that works: {most}")));
        }
        let final_rows = match config.time_limit {
            TimeLimit::Bootstrap => steps.div_ceil(episode_limit as usize),
            TimeLimit::Terminal => 0,
        };
        // A few environments do not fill a workgroup, and idle lanes would cost as much as busy ones.
        let env_lanes = if lanes_are_units { lanes } else { envs.next_power_of_two().clamp(8, profile.lanes as usize) };
        let sum_slices = if lanes_are_units { 1 } else { (gradient_rows / ROWS_OF_A_SLICE).next_power_of_two().clamp(1, 8) };
        Ok(Plan {
            tuning,
            agents: config.agents as usize,
            envs,
            steps,
            batch,
            minibatches,
            minibatch,
            epochs: config.epochs as usize,
            updates: updates as u32,
            final_rows,
            splits_rollout,
            steps_per_dispatch: largest_divisor_up_to(steps, most_steps),
            env_lanes,
            rollout_team: match (mapping, team) {
                (Mapping::Blocks, _) => tuned_rollout.or(own_rollout).expect("lanes that share tiles have a team"),
                // With few environments, most lanes would have none.
                (Mapping::Units, _) => Team { lanes, samples: lanes.min(envs.next_multiple_of(4)) },
                _ => Team { lanes: env_lanes, samples: env_lanes },
            },
            lanes,
            mapping,
            first_layer_is_loop,
            tile,
            tiles,
            gradient_rows,
            tiles_per_pass,
            passes,
            tape,
            learn_steps: if learns && most_learned > 0 { largest_divisor_up_to(gradient_steps, most_learned) } else { 0 },
            evaluate_rounds: match mapping {
                Mapping::Units => loops.clamp(1, 32),
                // Each workgroup has a place on the tape.
                Mapping::Blocks if tape.activations => {
                    let tiles = ((steps + 1 + final_rows) * envs).div_ceil(tile);
                    tiles.div_ceil(NETWORKS * gradient_rows * tiles_per_pass)
                }
                Mapping::Blocks => loops.clamp(1, 4),
                Mapping::Samples => 1,
            },
            observation_parts: batch.div_ceil(OBSERVATION_PART).min(MOST_OBSERVATION_PARTS),
            moment_parts: if lanes_are_units { 1 } else { equal_parts(minibatch, minibatch.div_ceil(MOMENT_PART).min(MOST_MOMENT_PARTS)) },
            sum_slices,
            norm_parts: columns.div_ceil(4).div_ceil(REDUCE_LANES as usize / sum_slices),
            config: config.clone(),
            deterministic: false,
            environment,
            episode_limit,
            network,
            profile,
        })
    }

    /// Whether lanes map to units of the networks.
    pub fn lanes_are_units(&self) -> bool {
        self.mapping == Mapping::Units
    }

    /// The workgroups of `gradient`.
    pub fn team(&self) -> Team {
        Team { lanes: self.lanes, samples: self.tile }
    }

    /// The workgroups of `evaluate`.
    pub fn evaluate_team(&self) -> Team {
        Team { lanes: self.lanes, samples: if self.mapping == Mapping::Blocks { self.tile } else { self.lanes } }
    }

    /// Gradient steps in one update, E·K.
    pub fn gradient_steps(&self) -> usize {
        self.epochs * self.minibatches
    }

    /// Rows of `observations` and `values`: one a step, the one after the last, and those of truncated episodes.
    pub fn value_rows(&self) -> usize {
        self.steps + 1 + self.final_rows
    }

    /// Whether advantages are normalised within each minibatch. Minibatches of one sample are left as they are: normalised, every advantage would be 0.
    pub fn normalizes_advantages(&self) -> bool {
        self.config.normalize_advantages && self.minibatch > 1
    }

    /// Whether `observations` stores one bit for each component: if each is 0 or 1 and is not normalised.
    pub fn packs_observations(&self) -> bool {
        self.environment.binary && !self.config.normalize_observations
    }

    /// Whether every lane of `rollout` follows an environment, so that lanes share the computation of its observation, which takes many operations for
    /// each of many bits.
    pub fn lanes_follow(&self) -> bool {
        self.mapping == Mapping::Blocks && self.packs_observations()
    }

    /// Words of an observation in `observations`. A split rollout stores them in vectors of four.
    pub fn observation_words(&self) -> usize {
        let size = self.environment.observation;
        if self.splits_rollout {
            size.next_multiple_of(4)
        } else if self.packs_observations() {
            size.div_ceil(32)
        } else {
            size
        }
    }

    /// Running moments of each agent: one for each component of the observation, and one for the return; none where nothing is normalised.
    pub fn normalizers(&self) -> usize {
        if self.config.normalize_observations || self.config.normalize_rewards { self.environment.observation + 1 } else { 0 }
    }

    /// Whether the logarithms of standard deviations are kept within bounds.
    pub fn bounds_deviations(&self) -> bool {
        bounds_deviations(&self.config, &self.environment)
    }

    /// Whether the learning rate adapts to the KL divergence.
    pub fn adapts_rate(&self) -> bool {
        self.config.desired_kl.is_some()
    }

    /// Whether kernels keep agents within their bounds between gradient steps.
    pub fn acts_between_steps(&self) -> bool {
        self.adapts_rate() || self.bounds_deviations()
    }

    /// Words of an action's mask: a bit for each output of the actor; none where every action is legal.
    pub fn mask_words(&self) -> usize {
        if self.environment.masked { self.environment.actions.outputs().div_ceil(32) } else { 0 }
    }

    /// Words that `actions` stores for each step (W): the action, then its mask.
    pub fn action_words(&self) -> usize {
        self.environment.actions.dims() + self.mask_words()
    }

    /// Floats in a row of `gradients` (G): all parameters, then each network's loss sums.
    pub fn gradient_columns(&self) -> usize {
        self.network.padded_parameters() + NETWORKS * LOSS_SUMS
    }

    /// Samples of a pass, those past the end of the minibatch included: what the tape has place for.
    pub fn tape_samples(&self) -> usize {
        self.gradient_rows * self.tiles_per_pass * self.tile
    }

    /// Vectors of four samples of the tape that one of its rows sums.
    pub(crate) fn tape_part(&self) -> usize {
        (self.tape_samples() / 4).div_ceil(self.tape.rows.max(1)).next_multiple_of(tape::VECTORS)
    }

    /// The layers that are taped.
    pub(crate) fn taped(&self) -> Vec<Taped> {
        if self.tape.units > 0 { tape::layers(&self.network, self.packs_observations(), self.tape.activations) } else { Vec::new() }
    }

    /// The rows of a tile of the tape; none if nothing is taped.
    pub(crate) fn tape_rows(&self) -> Option<Rows> {
        (self.tape.units > 0).then(|| Rows::of(&self.network, self.packs_observations(), self.tape.activations))
    }

    /// The same, if the tape holds activations.
    pub(crate) fn activation_rows(&self) -> Option<Rows> {
        self.tape_rows().filter(|_| self.tape.activations)
    }

    /// Weights of one network in layers that are taped.
    pub fn taped_weights(&self) -> usize {
        self.taped().iter().map(|taped| taped.weights().len()).sum()
    }

    /// Floats of a network in a row of `partials`: its padded block without the weights of layers that are taped.
    pub fn partial_block(&self) -> usize {
        self.network.block() - self.taped_weights()
    }

    /// Floats in a row of `partials`: those of both networks, then each network's loss sums.
    pub fn partial_columns(&self) -> usize {
        NETWORKS * (self.partial_block() + LOSS_SUMS)
    }

    /// Floats in a row of `tape_sums`: the weights of both networks in layers that are taped.
    pub fn tape_columns(&self) -> usize {
        NETWORKS * self.taped_weights()
    }

    /// Offset of the first row of layer `l` in a network's part of a row of `partials`.
    pub(crate) fn partial_offset(&self, l: usize) -> usize {
        let before: usize = self.taped().iter().filter(|taped| taped.l < l).map(|taped| taped.weights().len()).sum();
        self.network.layers[l].offset - before
    }

    /// Where the sums of each column of `gradients` are.
    pub fn places(&self) -> Vec<Place> {
        let (block, partial_block, taped) = (self.network.block(), self.partial_block(), self.taped());
        let of = |column: usize| {
            if column >= NETWORKS * block {
                return Place { taped: false, column: column - NETWORKS * (block - partial_block) };
            }
            let (network, own) = (column / block, column % block);
            if let Some(of) = taped.iter().find(|taped| taped.weights().contains(&own)) {
                return Place { taped: true, column: network * self.taped_weights() + of.sums + own - of.weights().start };
            }
            let before: usize = taped.iter().filter(|taped| taped.weights().end <= own).map(|taped| taped.weights().len()).sum();
            Place { taped: false, column: network * partial_block + own - before }
        };
        (0..self.gradient_columns()).map(of).collect()
    }

    /// Environment steps of all agents' environments in one update.
    pub fn env_steps_per_update(&self) -> u64 {
        self.batch as u64
    }

    /// Seed of agent `s`.
    pub fn seed(&self, s: usize) -> u64 {
        self.config.seed.wrapping_add(s as u64)
    }

    /// The row of agent `agent` as the device wrote it, received `seconds` after training began at `sps` environment steps per second.
    pub fn row(&self, raw: &MetricsRow, agent: u32, seconds: f64, sps: f64) -> Row {
        Row::from_raw(raw, agent, self.seed(agent as usize), self.batch as u64, seconds, sps)
    }

    /// The constants that every kernel sees, by their WGSL name.
    pub fn constants(&self) -> Vec<(&'static str, Constant)> {
        use Constant::{Bool, F32, U32};
        let bits = random::permutation_bits(self.batch as u32);
        let u = |value: usize| U32(value as u32);
        let (first, head) = (self.network.layers[0], self.network.layers[self.network.layers.len() - 1]);
        vec![
            ("EPISODE_LIMIT", U32(self.episode_limit)),
            ("OBSERVATION_WORDS", u(self.observation_words())),
            ("PACKED_OBSERVATIONS", Bool(self.packs_observations())),
            ("INPUT", u(first.inputs.div_ceil(4))),
            ("HEAD", u(head.columns() / 4)),
            ("HEAD_FIRST", u(head.offset)),
            ("HEAD_WEIGHTED", u(self.network.weighted)),
            ("UNSEEN_FIRST", u(self.network.unseen().start)),
            ("UNSEEN_END", u(self.network.unseen().end)),
            ("LOGITS", u(self.environment.actions.outputs())),
            ("ACTION_DIMS", u(self.environment.actions.dims())),
            ("ACTION_WORDS", u(self.action_words())),
            ("MASK_WORDS", u(self.mask_words())),
            ("SCALED_ACTIONS", Bool(self.config.actions == Onto::Scale)),
            ("ONE_AGENT", Bool(self.agents == 1)),
            ("ENVS", u(self.envs)),
            ("STEPS", u(self.steps)),
            ("BATCH", u(self.batch)),
            ("MINIBATCHES", u(self.minibatches)),
            ("MINIBATCH", u(self.minibatch)),
            ("EPOCHS", u(self.epochs)),
            ("UPDATES", U32(self.updates)),
            ("FINAL_ROWS", u(self.final_rows)),
            ("VALUE_ROWS", u(self.value_rows())),
            ("STEPS_PER_DISPATCH", u(self.steps_per_dispatch)),
            ("BLOCK", u(self.network.block())),
            ("PARAMETERS", u(self.network.padded_parameters())),
            ("GRADIENT_COLUMNS", u(self.gradient_columns())),
            ("GRADIENT_ROWS", u(self.gradient_rows)),
            ("PARTIAL_BLOCK", u(self.partial_block())),
            ("PARTIAL_COLUMNS", u(self.partial_columns())),
            ("TAPE_COLUMNS", u(self.tape_columns())),
            ("PASSES", u(self.passes)),
            ("TILE", u(self.tile)),
            ("TILES_PER_PASS", u(self.tiles_per_pass)),
            ("TAPE_UNITS", u(self.tape.units)),
            ("TAPE_VECTORS", u(self.tape_samples() / 4)),
            ("TAPE_BLOCKS", u(self.tape.blocks)),
            ("TAPE_ROWS", u(self.tape.rows)),
            ("TAPE_PART", u(self.tape_part())),
            ("LEARN_STEPS", u(self.learn_steps)),
            ("EVALUATE_ROUNDS", u(self.evaluate_rounds)),
            ("MOMENT_PARTS", u(self.moment_parts)),
            ("MOMENT_PART", u(self.minibatch.div_ceil(self.moment_parts))),
            ("SUM_SLICES", u(self.sum_slices)),
            ("NORM_PARTS", u(self.norm_parts)),
            ("PERMUTATION_LEFT_BITS", U32(bits / 2)),
            ("PERMUTATION_RIGHT_BITS", U32(bits - bits / 2)),
            ("SPARE_LANES", Bool(self.mapping == Mapping::Blocks)),
            ("FOLLOWERS", Bool(self.lanes_follow())),
            ("LANES_IN_STEP", Bool(self.lanes_are_units())),
            ("SUBGROUP", U32(self.profile.subgroup)),
            ("SCRATCH", U32(self.profile.scratch_bytes / 16)),
            ("WINDOW", U32(WINDOW)),
            ("LOSSES", u(Losses::WORDS)),
            ("OBSERVATION_PARTS", u(self.observation_parts)),
            ("OBSERVATION_PART", u(self.batch.div_ceil(self.observation_parts))),
            ("DETERMINISTIC", Bool(self.deterministic)),
            ("NORMALIZE_OBSERVATIONS", Bool(self.config.normalize_observations)),
            ("NORMALIZE_REWARDS", Bool(self.config.normalize_rewards)),
            ("NORMALIZE_VALUES", Bool(self.config.normalize_values)),
            ("NORMALIZE_ADVANTAGES", Bool(self.normalizes_advantages())),
            ("NORMALIZER_EPSILON", F32(NORMALIZER_EPSILON)),
            ("OBSERVATION_CLIP", F32(OBSERVATION_CLIP)),
            ("TARGET_KL", Bool(self.config.target_kl.is_some())),
            ("ANNEAL_LR", Bool(self.config.anneal_lr)),
            ("ANNEAL_CLIP", Bool(self.config.anneal_clip)),
            ("ANNEAL_ENTROPY", Bool(self.config.anneal_entropy)),
            ("VALUE_CLIP", Bool(self.config.value_clip)),
            // 1 - 0.999 in f32 would be off by 1e-5.
            ("ONE_MINUS_BETA1", F32((1.0 - ADAM_BETAS[0]) as f32)),
            ("ONE_MINUS_BETA2", F32((1.0 - ADAM_BETAS[1]) as f32)),
            ("LN_BETA1", F32(ADAM_BETAS[0].ln() as f32)),
            ("LN_BETA2", F32(ADAM_BETAS[1].ln() as f32)),
            ("ADAM_EPSILON", F32(ADAM_EPSILON)),
        ]
    }
}

/// Adam's decay rates (Kingma and Ba 2015).
pub const ADAM_BETAS: [f64; 2] = [0.9, 0.999];
/// Adam's ε, added after the square root (Huang et al. 2022, detail 3).
pub const ADAM_EPSILON: f32 = 1e-5;

/// Added to variances before their root is taken (Gymnasium's and gymnax's normalising wrappers).
pub const NORMALIZER_EPSILON: f32 = 1e-8;
/// Weight of the initial mean 0 and variance 1 of normalisers (from the same wrappers).
pub const NORMALIZER_COUNT: f32 = 1e-4;
/// Normalised observations are clipped to ± this (Huang et al. 2022).
pub const OBSERVATION_CLIP: f32 = 10.0;
/// Bytes of an environment's text, its physics included, from which its rollout is split.
const LONG_ENVIRONMENT: usize = 65_536;
/// Samples of a minibatch that justify one more part of its moments.
const MOMENT_PART: usize = 2048;
/// Most parts: a lane of a workgroup merges each.
const MOST_MOMENT_PARTS: usize = REDUCE_LANES as usize;
/// Rows of partial gradients that a lane adds before it pays to share them among several.
const ROWS_OF_A_SLICE: usize = 16;
/// Samples that justify one more part of the observations' moments.
const OBSERVATION_PART: usize = 1024;
/// Most parts: one workgroup adds them.
const MOST_OBSERVATION_PARTS: usize = 256;

/// Most passes of a gradient step; larger minibatches get more rows of partial gradients instead.
const MOST_PASSES: usize = 1 << 14;
/// Most gradient dispatches in an update: beyond this, recording them and their indices would cost more than running them.
const MOST_GRADIENT_DISPATCHES: usize = 1 << 17;

/// Floats in the rows of partial gradients of an agent that justify fewer rows: 64 MiB, half of the largest buffer that every WebGPU device can bind.
const MOST_PARTIALS: usize = 1 << 24;
/// Fewest rows that networks get for being large.
const FEWEST_ROWS: usize = 16;
/// Loop rounds over all tiles of a pass: half of the limit in [`Plan::check_software_loops`].
const MOST_TILE_ROUNDS: usize = 30_000;
/// Tiles of a row that justify fetching its weights and storing its sums, which lanes keep for all tiles of the row.
const TILES_WORTH_A_ROW: usize = 32;
/// Environment steps of a rollout dispatch on a software driver: about 30 ms.
const MOST_ROLLOUT: usize = 1 << 15;

/// Where the sums of a column of `gradients` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Whether they are in `tape_sums`, rather than in `partials`.
    pub taped: bool,
    /// The column there.
    pub column: usize,
}

/// A constant as WGSL sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Constant {
    /// `u32`.
    U32(u32),
    /// `f32`.
    F32(f32),
    /// `bool`.
    Bool(bool),
}

/// At most `most` parts of `n` things that are equally long, save the last; none is empty.
fn equal_parts(n: usize, most: usize) -> usize {
    n.div_ceil(n.div_ceil(most))
}

/// Whether the logarithms of standard deviations are kept within bounds.
fn bounds_deviations(config: &Config, environment: &Environment) -> bool {
    let actions = &environment.actions;
    (config.log_std_min.is_some() || config.log_std_max.is_some()) && actions.weighted() < actions.outputs()
}

/// The divisor of `n` nearest to `wish`; the smaller one of two.
fn nearest_divisor(n: usize, wish: usize) -> usize {
    let divides = |candidate: &usize| *candidate <= n && n.is_multiple_of(*candidate);
    let below = (1..=wish.min(n)).rev().find(divides).unwrap_or(1);
    (wish..2 * wish - below + 1).find(divides).filter(|above| above - wish < wish - below).unwrap_or(below)
}

/// The largest divisor of `n` up to `most`.
pub(crate) fn largest_divisor_up_to(n: usize, most: usize) -> usize {
    (1..=most.min(n)).rev().find(|candidate| n.is_multiple_of(*candidate)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_divisor_is_found_on_either_side() {
        assert_eq!([nearest_divisor(512, 5), nearest_divisor(512, 7), nearest_divisor(512, 600), nearest_divisor(12, 5)], [4, 8, 512, 4]);
    }
}
