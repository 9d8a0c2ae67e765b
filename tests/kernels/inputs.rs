//! Seeded contents for every buffer: plausible, ragged, with episodes that end in every way.

use crate::harness::{Words, words_of};
use ppo_gpu::program::plan::Plan;
use ppo_gpu::reference::environments::twin::twin;
use ppo_gpu::spec::environment::Actions;
use ppo_gpu::spec::network::NETWORKS;
use ppo_gpu::spec::random::Stream;
use ppo_gpu::spec::records::{EnvStatistics, Episode, Losses, Normalizer, RunningSum, Sample, Stored, Transition, word};
use ppo_gpu::train::agents::{agent_rows, bounds};

/// A source of test numbers.
pub struct Source(Stream);

impl Source {
    pub fn new(seed: u64) -> Self {
        // A domain that no kernel uses.
        Source(Stream::new(seed, 1000, 0, 0))
    }

    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.0.uniform()
    }

    pub fn below(&mut self, end: u32) -> u32 {
        self.0.bits() % end
    }

    fn floats(&mut self, count: usize, low: f32, high: f32) -> Vec<u32> {
        (0..count).map(|_| self.between(low, high).to_bits()).collect()
    }
}

fn words_in<T: Stored>(records: &[T]) -> Vec<u32> {
    bytemuck::cast_slice(records).to_vec()
}

/// A step's words in `actions`: any action, and other legal ones beside it.
fn action(plan: &Plan, source: &mut Source) -> Vec<u32> {
    let mut words: Vec<u32> = match &plan.environment.actions {
        Actions::Continuous { low, .. } => source.floats(low.len(), -1.5, 1.5),
        discrete => discrete.choices().iter().map(|logits| source.below(logits.len() as u32)).collect(),
    };
    if plan.environment.masked {
        let chosen = words[0] as usize;
        let mut mask = vec![0; plan.mask_words()];
        for k in 0..plan.environment.actions.outputs() {
            if k == chosen || source.below(2) == 0 {
                mask[k / 32] |= 1 << (k % 32);
            }
        }
        words.extend(mask);
    }
    words
}

/// Contents for every buffer of `plan`.
pub fn inputs(plan: &Plan, seed: u64) -> Words {
    let source = &mut Source::new(seed);
    let count = |name: &str| words_of(plan, name);
    let mut words = Words::new();

    let mut rows = agent_rows(plan);
    for (s, row) in rows.iter_mut().enumerate() {
        // Updates done, updates executed, episodes, filled part of `recent`; gradient steps.
        (row.update, row.sequence, row.episodes[0], row.recent) = (1, 1, source.below(1000), 40 + source.below(60));
        // Every other agent's count of episodes is about to need its second word.
        row.episodes[0] = if s % 2 == 1 { u32::MAX - row.episodes[0] % 3 } else { row.episodes[0] };
        row.gradient_steps = plan.gradient_steps() as u32;
    }
    words.insert("agents", words_in(&rows));
    words.insert("faults", vec![u32::MAX; plan.agents]);

    // Initial parameters, moved: biases that are not 0, logits that differ. Padding stays 0.
    let block = plan.network.padded_parameters();
    let mut params = vec![0.0f32; plan.agents * block];
    for s in 0..plan.agents {
        params[s * block..][..block].copy_from_slice(&plan.network.initial_parameters(plan.seed(s)));
        for network in 0..NETWORKS {
            for slot in plan.network.slots(network) {
                params[s * block + slot] += source.between(-0.2, 0.2);
            }
        }
    }
    let padded = |value: u32, slot: usize| if params[slot] == 0.0 { 0 } else { value };
    words.insert("first_moments", source.floats(params.len(), -0.1, 0.1).into_iter().enumerate().map(|(i, word)| padded(word, i)).collect());
    words.insert("second_moments", source.floats(params.len(), 0.0, 0.01).into_iter().enumerate().map(|(i, word)| padded(word, i)).collect());
    words.insert("params", params.iter().map(|value| value.to_bits()).collect());

    // CartPoles near their limits, so that some end by angle, some by position, some by time; other environments as they begin.
    let lane = plan.environment.lane_words();
    let mut env_lanes = Vec::new();
    let twin = twin::<f64>(&plan.environment.name);
    for _ in 0..count("env_lanes") / lane {
        if plan.environment.name == "CartPole-v1" {
            let state = [source.between(-2.39, 2.39), source.between(-1.0, 1.0), source.between(-0.2, 0.2), source.between(-1.0, 1.0)];
            env_lanes.extend(state.map(f32::to_bits));
        } else if let Some(twin) = &twin {
            env_lanes.extend((twin.reset)(&mut source.0).to_words().into_iter().map(|word| (word as f32).to_bits()));
        } else {
            env_lanes.extend(vec![0; plan.environment.state_words()]);
        }
        // The observations of a history, and what they are filled up with.
        if twin.is_some() && plan.environment.history > 1 {
            let observed: Vec<u32> = source.floats(plan.environment.observation, -1.0, 1.0);
            env_lanes.extend(observed.into_iter().chain(std::iter::repeat(0)).take(plan.environment.history_words()));
        }
        let length = if source.below(3) == 0 { plan.episode_limit.saturating_sub(1 + source.below(3)) } else { source.below(400) };
        let sum = RunningSum { value: length as f32, error: source.between(-1e-6, 1e-6) };
        env_lanes.extend(words_in(&[Episode { sum, steps: length }]));
        env_lanes.resize(env_lanes.len().next_multiple_of(lane), 0);
    }
    words.insert("env_lanes", env_lanes);

    let observations = if plan.packs_observations() {
        // One component in about eight is 1; past the last one there is nothing.
        let size = plan.environment.observation;
        let bit = |source: &mut Source, k: usize| if k < size && source.below(8) == 0 { 1 << (k % 32) } else { 0 };
        (0..count("observations")).map(|i| (0..32).map(|k| bit(source, i % plan.observation_words() * 32 + k)).fold(0u32, |word, bit| word | bit)).collect()
    } else {
        let clipped = plan.config.normalize_observations;
        // Where they are normalised, one in eight may lie beyond where the networks' inputs are clipped, on either side.
        let float = |source: &mut Source| if clipped && source.below(8) == 0 { source.between(-20.0, 20.0) } else { source.between(-1.0, 1.0) };
        (0..count("observations")).map(|_| float(source).to_bits()).collect()
    };
    words.insert("observations", observations);
    words.insert("actions", (0..count("actions") / plan.action_words()).flat_map(|_| action(plan, source)).collect());
    words.insert("values", source.floats(count("values"), -5.0, 20.0));

    let mut transitions = Vec::new();
    let mut statistics = Vec::new();
    for _ in 0..count("transitions") / Transition::WORDS {
        let ending = match source.below(6) {
            0 => Transition::TERMINATED,
            1 => Transition::TRUNCATED,
            _ => 0,
        };
        transitions.push(Transition {
            episode_length: 1 + source.below(500),
            log_prob: source.between(-1.2, -0.2),
            reward: source.between(-1.0, 2.0),
            ending,
            episode_return: source.between(0.0, 500.0),
        });
    }
    for s in 0..plan.agents {
        for n in 0..plan.envs {
            let ended = |t: &usize| transitions[(s * plan.steps + t) * plan.envs + n].ended();
            statistics.push(EnvStatistics {
                episodes: (0..plan.steps).filter(ended).count() as u32,
                target_mean: source.between(-10.0, 10.0),
                target_m2: source.between(0.0, 50.0),
                advantage_mean: source.between(-1.0, 1.0),
                advantage_m2: source.between(0.0, 5.0),
                discounted: RunningSum { value: source.between(-3.0, 3.0), error: source.between(-1e-7, 1e-7) },
                return_mean: source.between(-2.0, 2.0),
                return_m2: source.between(0.0, 9.0),
            });
        }
    }
    words.insert("transitions", words_in(&transitions));
    words.insert("env_statistics", words_in(&statistics));

    let mut samples = Vec::new();
    for _ in 0..count("samples") / Sample::WORDS {
        let (advantage, value) = (source.between(-2.0, 3.0), source.between(-1.0, 1.0));
        samples.push(Sample { advantage, value_target: advantage + value, value, log_prob: source.between(-1.2, -0.3) });
    }
    words.insert("samples", words_in(&samples));
    let moments = (0..count("moments") / 2).flat_map(|_| [source.between(-0.5, 0.5).to_bits(), source.between(0.5, 2.0).to_bits()]).collect();
    words.insert("moments", moments);

    words.insert(
        "moment_parts",
        (0..count("moment_parts") / 2).flat_map(|_| [source.between(-1.0, 1.0), source.between(0.0, 20.0)].map(f32::to_bits)).collect(),
    );
    words.insert("partials", source.floats(count("partials"), -1.0, 1.0));
    words.insert("tape_sums", source.floats(count("tape_sums"), -1.0, 1.0));
    let columns = plan.gradient_columns();
    let gradients = source.floats(count("gradients"), -0.01, 0.01);
    words.insert(
        "gradients",
        gradients.iter().enumerate().map(|(i, &word)| if i % columns < block { padded(word, i / columns * block + i % columns) } else { word }).collect(),
    );
    words.insert("norms", source.floats(count("norms"), 0.01, 2.0));
    let mut losses = source.floats(count("losses"), -1.0, 1.0);
    // A step that target_kl skipped, and after it all others.
    let skipped_from = source.below(plan.gradient_steps() as u32 + 1) as usize;
    losses.iter_mut().enumerate().filter(|(i, _)| i % Losses::WORDS == word!(Losses.step_skipped)).for_each(|(i, mark)| {
        *mark = if i / Losses::WORDS % plan.gradient_steps() >= skipped_from { 1f32.to_bits() } else { 0 };
    });
    if plan.adapts_rate() {
        // In turn agents that target_kl stopped at every step, and at none. Divergences that are 0, too small, neither, and too large.
        for (i, loss) in losses.chunks_exact_mut(Losses::WORDS).enumerate() {
            let (s, step) = (i / plan.gradient_steps(), i % plan.gradient_steps());
            let desired = plan.config.desired_kl.as_ref().unwrap().of(s) as f32;
            loss[word!(Losses.approx_kl)] = ([0.0, 0.3, 1.2, 2.5][source.below(4) as usize] * desired).to_bits();
            loss[word!(Losses.step_skipped)] = if step >= s % (plan.gradient_steps() + 1) { 1f32.to_bits() } else { 0 };
        }
    }
    words.insert("losses", losses);
    words.insert("bounds", if plan.acts_between_steps() { words_in(&bounds(plan)) } else { Vec::new() });
    words.insert(
        "observation_parts",
        (0..count("observation_parts") / 2).flat_map(|_| [source.between(-1.0, 1.0), source.between(0.0, 20.0)].map(f32::to_bits)).collect(),
    );
    // The first component of each agent has so small a variance that a step's observation may lie beyond the clip, too.
    let normalizer = |source: &mut Source, i: usize| {
        let variance = if i.is_multiple_of(plan.environment.observation + 1) { source.between(0.01, 0.03) } else { source.between(0.05, 0.5) };
        let mut sum = |low, high| RunningSum { value: source.between(low, high), error: source.between(-1e-8, 1e-8) };
        let [count, mean] = [sum(10.0, 1000.0), sum(-0.3, 0.3)];
        Normalizer { count, mean, variance: RunningSum { value: variance, error: 1e-9 }, scale: 1.0 / variance.sqrt() }
    };
    let normalizers: Vec<Normalizer> = (0..count("normalizers") / Normalizer::WORDS).map(|i| normalizer(source, i)).collect();
    words.insert("normalizers", words_in(&normalizers));
    let of_values: Vec<Normalizer> = (0..count("value_normalizers") / Normalizer::WORDS).map(|_| normalizer(source, 1)).collect();
    words.insert("value_normalizers", words_in(&of_values));
    words.insert("recent", source.floats(count("recent"), 0.0, 500.0));
    words.insert("metrics", source.floats(count("metrics"), 0.0, 1.0));
    words.insert("tape", source.floats(count("tape"), -1.0, 1.0));
    words
}
