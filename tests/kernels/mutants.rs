//! Mutants: kernels broken on purpose, one line each, which the harness must catch, by the check meant to catch them; and the harness itself, broken.

use crate::harness::{Check, Finding, GUARD, GUARD_WORDS, POISON, Words, check, compare, describe, named, plan, profile, skip, split};
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::profile::Profile;
use ppo_gpu::program::schedule::Dispatch;
use ppo_gpu::reference::memory::Memory;
use ppo_gpu::reference::tracked::Tracked;
use ppo_gpu::wgsl::compose::compose;
use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex};

/// Which text a mutant changes. Where it is one that no file of shaders/ holds, since it is written out for a plan's layers, the mutant's anchor is
/// generated text; all others are anchored in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Text {
    /// What all plans have.
    Common,
    /// Where a lane is a sample of the networks.
    Samples,
    /// Where lanes are units of the networks.
    Units,
    /// Where lanes share tiles.
    Blocks,
    /// The same, with observations stored as bits.
    BlocksOfBits,
    /// Where lanes share tiles, and sums of gradients are too many for registers: the tape has the activations.
    Wide,
    /// The same, with activations in workgroup memory.
    WideTiles,
    /// The same, where lanes broadcast what they load.
    WideSubgroups,
    /// Where moments are merged from parts, and rows of gradients are added in slices.
    Parts,
    /// With several choices.
    Choices,
    /// With masks.
    Masks,
    /// With continuous actions.
    Continuous,
    /// With everything normalised, and target_kl.
    Normalized,
    /// With agents that are kept within bounds, and values normalised.
    Bounded,
    /// With observations stored as bits.
    Bits,
    /// With privileged components of the observation.
    Privileged,
    /// The same, where gradient steps are made at once, in text that is written out for the plan's layers.
    PrivilegedLearner,
    /// With the last observations in each, in text that is written out for their number.
    History,
    /// With actions scaled to their bounds.
    Scaled,
    /// With the rollout split.
    Split,
    /// Where gradient steps are made at once: two at a time, so that what is carried from one to the next counts.
    Learns,
    /// The same, in text that is written out for the plan's layers.
    Learner,
}

/// Small, ragged, two agents, more than one tile and pass. None where the device's lanes cannot be units: there is no such text.
fn mutant_plan(text: Text) -> Option<Plan> {
    let software = profile("software");
    let subgroup = if let Text::Samples = text { 0 } else { software.subgroup };
    let learns = matches!(text, Text::Learns | Text::Learner | Text::PrivilegedLearner);
    // `learn` takes all tiles of a minibatch as one row.
    let few_rows = if learns {
        software
    } else if text == Text::WideTiles {
        Profile { gradient_rows: 2, tiles_per_pass: 3, tapes_activations: false, ..profile("gpu") }
    } else if matches!(text, Text::Blocks | Text::BlocksOfBits | Text::Wide) {
        Profile { gradient_rows: 2, tiles_per_pass: 3, ..profile("gpu") }
    } else if text == Text::Parts {
        profile("gpu")
    } else {
        Profile { gradient_rows: 2, tiles_per_pass: 3, subgroup, ..software }
    };
    let more = match text {
        Text::Common | Text::Samples | Text::Units => "",
        Text::Learns | Text::Learner => "envs=13 steps=9 minibatches=3 target_kl=0.2,0.02",
        Text::Choices => "env=Probe/Choice",
        Text::Masks => "env=Probe/Masked",
        Text::Continuous => "env=Probe/Target",
        Text::Privileged | Text::PrivilegedLearner => "env=Probe/Privileged envs=13 steps=9 minibatches=3",
        Text::Scaled => "env=Pendulum-v1 actions=scale",
        Text::History => "observation_history=3",
        Text::Split => "env=Probe/Memory normalize_observations=true envs=31 steps=17",
        Text::Bits => "env=2048",
        Text::Blocks => "hidden=11,18",
        Text::BlocksOfBits => "env=2048 hidden=9,5",
        Text::Wide | Text::WideTiles | Text::WideSubgroups => "hidden=165,157",
        Text::Parts => "envs=1802 minibatches=2",
        Text::Bounded => {
            "env=Probe/Target agents=8 log_std_min=-0.1,-0.05,-0.1,-0.1,-0.1,-0.1,-0.1,-0.1 log_std_max=0.05,0.1,0.05,0.05,0.05,0.05,0.05,0.05 \
             lr=3e-4 lr_min=2.5e-4 lr_max=4e-4 desired_kl=0.2 target_kl=0.1 normalize_values=true"
        }
        Text::Normalized => "normalize_observations=true normalize_rewards=true target_kl=0.01 steps=25",
    };
    let plan = plan(&format!("envs=71 steps=5 minibatches=1 epochs=2 hidden=11,5 agents=2 total_steps=2000 entropy_coef=0.05 seed=9 {more}"), few_rows);
    let plan = Plan { learn_steps: if learns { plan.learn_steps.min(2) } else { 0 }, ..plan };
    let plan = if text == Text::Split { split(plan) } else { plan };
    let is_there = match text {
        Text::Units | Text::Bits => plan.lanes_are_units(),
        Text::Learns | Text::Learner | Text::PrivilegedLearner => plan.learn_steps > 0,
        Text::WideSubgroups => subgroup > 0,
        _ => true,
    };
    is_there.then_some(plan)
}

/// Stands for the last pass of the first gradient step, where samples run out.
const LAST_PASS: u32 = u32::MAX;

/// A dispatch of a kernel in the plan of a text.
type Tried = (Text, &'static str, u32);

/// Kernels that were seen to pass unbroken.
static HEALTHY: LazyLock<Mutex<BTreeSet<Tried>>> = LazyLock::new(Mutex::default);

/// Whether a file of shaders/ contains `text`.
fn is_in_a_file(text: &str) -> bool {
    ["shaders", "shaders/shared", "shaders/envs"].iter().any(|directory| {
        let files = std::fs::read_dir(format!("{}/{directory}", env!("CARGO_MANIFEST_DIR"))).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.is_file()).any(|path| std::fs::read_to_string(path).unwrap().contains(text))
    })
}

/// Replaces `from` by `to` in the kernel and asserts that `by` is among the checks that find it.
fn caught(text: Text, kernel: &'static str, index: u32, from: &'static str, to: &'static str, by: Check) {
    assert!(
        matches!(
            text,
            Text::Samples
                | Text::Bits
                | Text::Units
                | Text::Blocks
                | Text::BlocksOfBits
                | Text::Wide
                | Text::WideTiles
                | Text::WideSubgroups
                | Text::Learner
                | Text::PrivilegedLearner
                | Text::History
        ) || is_in_a_file(from),
        "no file of shaders/ contains `{from}`"
    );
    let Some(plan) = mutant_plan(text) else { return skip("under this profile there is no such text") };
    assert!(compose(named(&plan, kernel), &plan).text.contains(from), "{kernel} no longer contains `{from}`");
    let dispatch = Dispatch { kernel, index: if index == LAST_PASS { plan.passes as u32 - 1 } else { index } };
    if !HEALTHY.lock().unwrap().contains(&(text, kernel, dispatch.index)) {
        let healthy = check(&plan, dispatch, 5, None);
        assert!(healthy.is_empty(), "{kernel} fails before it is mutated: {}", describe(&healthy));
        HEALTHY.lock().unwrap().insert((text, kernel, dispatch.index));
    }
    let findings = check(&plan, dispatch, 5, Some(Box::new(move |_, source| source.replacen(from, to, 1))));
    // Arithmetic on poison is poison again on processors, and some other NaN on GPUs.
    let poisoned = |finding: &Finding| by == Check::Unwritten && finding.check == Check::Value && finding.detail.starts_with("NaN");
    assert!(findings.iter().any(|finding| finding.check == by || poisoned(finding)), "{by:?} did not catch `{to}`: {}", describe(&findings));
}

macro_rules! mutants {
    ($text:ident: $($test:ident $kernel:ident $index:tt $from:literal => $to:literal, $by:ident;)*) => {
        $(#[test] fn $test() { caught(Text::$text, stringify!($kernel), $index, $from, $to, Check::$by); })*
    };
}

mutants! { Common:
    // Errors found in published implementations.
    clipping_elementwise_instead_of_by_global_norm adam 0 "gradients[s * GRADIENT_COLUMNS / 4u + column];" => "clamp(gradients[s * GRADIENT_COLUMNS / 4u + column], vec4(-agent.max_grad_norm), vec4(agent.max_grad_norm)) / step.scale;", Value;
    ratio_always_one gradient 0 "policy_log_prob(policy_, drawn.action) - drawn.sample.log_prob" => "0.0 * drawn.sample.log_prob", Value;
    truncation_as_termination gae 0 "FINAL_ROWS > 0u &&" => "FINAL_ROWS > 9u &&", Value;
    advantages_not_normalised gradient 0 "(drawn.sample.advantage - moment.x) / (moment.y + 1e-8)" => "drawn.sample.advantage", Value;
    sample_deviation_instead_of_population minibatch_moments 1 "all.m2 / all.count" => "all.m2 / (all.count - 1.0)", Value;
    // Each formula.
    entropy_bonus_with_the_wrong_sign gradient 0 "log_prob_slope, -entropy_weight(agent)" => "log_prob_slope, agent.entropy_coef", Value;
    clipped_samples_keep_their_slope gradient 0 "select(0.0, -unclipped, unclipped <= clipped)" => "-unclipped", Value;
    value_clip_forgotten gradient 0 "slope = select(slope, 0.0, clipped_is_larger);" => "", Value;
    value_loss_without_its_coefficient gradient 0 "agent.value_coef * slope" => "slope", Value;
    gradient_scaled_by_tile gradient 0 "counted / f32(MINIBATCH)" => "counted / f32(LANES)", Value;
    samples_past_the_end_counted gradient LAST_PASS "select(0.0, 1.0, i < MINIBATCH)" => "1.0", Value;
    gae_without_lambda gae 0 "gamma * agents[s].gae_lambda" => "gamma", Value;
    gae_across_the_end_of_an_episode gae 0 "select((*carried).advantage, 0.0, ended)" => "(*carried).advantage", Value;
    gae_without_the_first_step gae 0 "if (k < end)" => "if (k + 1u < end)", Value;
    adam_without_bias_correction adam 1 "first / step.first_correction" => "first", Value;
    adam_epsilon_inside_the_root adam 0 "(sqrt(second_corrected) + ADAM_EPSILON)" => "sqrt(second_corrected + ADAM_EPSILON)", Value;
    adam_step_counted_from_zero adam 1 "f32(index + 1u)" => "f32(index)", Value;
    annealing_forgotten adam 0 "select(1.0, remaining(agent), ANNEAL_LR)" => "1.0", Value;
    row_of_partials_left_out sum_gradient 0 "var row = lane / width" => "var row = 1u + lane / width", Value;
    losses_in_the_norm sum_gradient 0 "column < PARAMETERS / 4u && is_first)" => "column < columns && is_first)", Value;
    log_prob_of_another_action rollout 0 "return Choice(action, log_prob);" => "return Choice(action, policy_log_prob(policy_, Action((action.choice + 1u) % LOGITS)));", Value;
    observation_after_the_step rollout 0 "let ending = count_step(episode, outcome);\n    if (stored) {" => "let ending = count_step(episode, outcome);\n    if (stored) {\n var observation = observation_of(state);\n store_observation(s, t, n, lane, &observation);", Value;
    explained_variance_inverted report 0 "1.0 - advantages.m2 / targets.m2" => "1.0 - targets.m2 / max(advantages.m2, 1e-9)", Value;
    // Whole numbers.
    streams_that_do_not_tell_environments_apart reset 0 "RESET_DOMAIN, time, n)" => "RESET_DOMAIN, time, 0u)", Value;
    sampling_from_the_wrong_stream rollout 0 "ACTION_DOMAIN, time, n)" => "STEP_DOMAIN, time, n)", Word;
    length_of_an_episode_before_its_last_step rollout 0 "(*episode).sum.value, (*episode).steps);" => "(*episode).sum.value, (*episode).steps - 1u);", Word;
    canary_misread rollout 0 "return x == 31u;" => "return x != 31u;", Foreign;
    second_word_of_the_episodes_forgotten report 0 "select(0u, 1u, low < more)" => "0u", Word;
    fault_of_a_stopped_agent_kept report 0 "select(fault, agent.fault, agent.stopped != 0u)" => "7u", Word;
    time_limit_off_by_one rollout 0 "(*episode).steps >= EPISODE_LIMIT" => "(*episode).steps > EPISODE_LIMIT", Word;
    episodes_counted_twice report 0 "counted_on(agent.episodes, episodes)" => "counted_on(agent.episodes, 2u * episodes)", Word;
    window_in_the_wrong_order report 0 "s * BATCH + first + i];" => "s * BATCH + last - 1u - i];", Value;
    // Memory.
    last_environment_not_stored rollout 0 "let stored = n < ENVS &&" => "let stored = n < ENVS - 1u &&", Unwritten;
    last_values_not_written evaluate 0 "if (i < VALUE_ROWS * ENVS &&" => "if (i < (VALUE_ROWS - 1u) * ENVS &&", Unwritten;
    writes_to_a_buffer_it_does_not_own adam 0 "params[p] = whole(after.value, lane);" => "params[p] = after.value; losses[0] = 0.0;", Foreign;
    writes_behind_the_end evaluate 0 "if (i < VALUE_ROWS * ENVS &&" => "values[VALUE_ROWS * ENVS * 2u + i % 64u] = 1.0; if (i < VALUE_ROWS * ENVS &&", Guard;
    environments_past_the_last_one reset 0 "if (n < ENVS)" => "if (n < ENVS + 9u)", Guard;
}

mutants! { Samples:
    activation_slope_of_the_input gradient 0 "return 1.0 - h * h;" => "return 1.0 - h;", Value;
    writes_the_next_step_too rollout 0 "store_action(b * ACTION_WORDS, choice.action, legal);" => "store_action(b * ACTION_WORDS, choice.action, legal); actions[b + ENVS] = 7u;", Foreign;
    later_pass_overwrites gradient 1 "select(0.0, partials[index], accumulate) + value" => "value", Value;
    first_pass_adds_to_what_was_there gradient 0 "select(0.0, partials[index], accumulate)" => "partials[index]", Unwritten;
    bias_left_out gradient 0 "+ unit, bias, accumulate, lane)" => "+ unit, 0.0, accumulate, lane)", Value;
    dropped_weight evaluate 0 "sum += h1[0].z" => "sum += 0.0 * h1[0].z", Value;
}

mutants! { Choices:
    second_choice_forgotten gradient 0 "sum += p.log_probs[firsts[d] + a.choices[d]];" => "sum += f32(d == 0u) * p.log_probs[firsts[d] + a.choices[d]];", Value;
    choices_drawn_with_one_number rollout 0 "firsts[d], counts[d], rng_uniform(rng));" => "firsts[d], counts[d], 0.37);", Word;
    entropy_of_all_choices_in_each_slope gradient 0 "categorical_slope(p.log_probs[k], entropy, i == a.choices[d]" => "categorical_slope(p.log_probs[k], p.entropy, i == a.choices[d]", Value;
}

mutants! { Split:
    ended_episode_goes_on restart 3 "ending != 0u" => "ending == TERMINATED", Value;
    episode_ends_a_step_late restart 3 "t - 1u) * ENVS" => "t) * ENVS", Value;
    episode_begins_with_the_numbers_of_the_step_before restart 3 "time_of(agent, t), n" => "time_of(agent, t) - 1u, n", Value;
    every_episode_begins_anew restart 3 ".ending != 0u" => ".ending != 77u", Foreign;
    last_observation_of_other_steps observe 32 "before / EPISODE_LIMIT" => "t / EPISODE_LIMIT", Unwritten;
    last_observation_of_every_episode observe 6 "ending == TRUNCATED" => "ending != TRUNCATED", Unwritten;
    observation_of_the_next_row observe 7 "EPISODE_LIMIT, t, is_row" => "EPISODE_LIMIT, t + 1u, is_row", Unwritten;
    last_row_left_out observe 35 "is_row_of_step || was" => "(is_row_of_step && t < STEPS) || was", Unwritten;
    action_for_the_next_observation act 1 "observation_place(s, t," => "observation_place(s, t + 1u,", Value;
    action_with_the_numbers_of_the_next_step act 1 "time_of(agent, t), n, head" => "time_of(agent, t + 1u), n, head", Value;
    last_environment_does_not_act act 0 "n < ENVS && (!SPARE_LANES" => "n + 1u < ENVS && (!SPARE_LANES", Unwritten;
    return_for_the_reward advance 1 "transitions[b].reward = outcome.reward;" => "transitions[b].reward = episode.sum.value;", Value;
    length_not_stored advance 1 "transitions[b].episode_length = episode.steps;" => "", Unwritten;
    state_not_stored advance 1 "env_lanes[e] = words_of(EnvLane(state, episode));" => "", Value;
}

mutants! { Masks:
    illegal_actions_have_a_logit rollout 0 "const ILLEGAL_LOGIT: f32 = -1e30" => "const ILLEGAL_LOGIT: f32 = 0.0", Value;
    illegal_actions_in_the_softmax gradient 0 "return ((l.bits[k / 32u] >> (k % 32u)) & 1u) != 0u;" => "return true;", Value;
    no_choice_taken_for_legal rollout 0 "select(0u, EVERY_CHOICE, some_legal(legal, 0u, LOGITS))" => "0u", Foreign;
    mask_not_stored rollout 0 "= l.bits[i];" => "= 31u;", Word;
}

mutants! { Continuous:
    clipped_action_stored rollout 0 "let action = action_of(policy_, legal, &rng);" => "let action = Action(action_taken(policy_sample(policy_, legal, &rng)));", Value;
    variance_for_deviation rollout 0 "exp(p.log_std[d]) * rng_normal(rng)" => "exp(2.0 * p.log_std[d] + 0.1) * rng_normal(rng)", Value;
    density_without_its_norm gradient 0 "0.5 * z * z + p.log_std[d] + HALF_LN_TAU" => "0.5 * z * z + HALF_LN_TAU", Value;
    deviation_depends_on_the_observation sum_gradient 0 "sum = without_fixed(sum, column);" => "", Value;
    entropy_slope_forgotten gradient 0 "(z * z - 1.0) + entropy_slope" => "(z * z - 1.0)", Value;
}

mutants! { Scaled:
    actions_scaled_to_the_other_bound rollout 0 "(0.5 - half) * least[d]" => "(0.5 + half) * least[d]", Value;
    actions_scaled_to_half_the_range rollout 0 "let half = 0.5 * clamp" => "let half = 0.25 * clamp", Value;
    scaled_action_stored rollout 0 "let action = action_of(policy_, legal, &rng);" => "let action = Action(action_taken(policy_sample(policy_, legal, &rng)));", Value;
}

mutants! { History:
    history_that_does_not_move rollout 0 "(*state).frames[0] = (*state).frames[1];" => "", Value;
    history_without_the_newest rollout 0 "(*state).frames[2] = frame;" => "", Value;
    history_with_the_observation_before_the_step rollout 0 "let outcome = env_step_now(&now, action, rng);" => "let before = EnvFrame(env_observe_now(now)); let outcome = env_step_now(&now, action, rng);\n(*state).frames[2] = before; (*state).now = now; return outcome;", Value;
    history_that_begins_with_zeros reset 0 "state.frames[0] = frame;" => "", Value;
    history_of_the_episode_before rollout 0 "state.frames[1] = frame;" => "state.frames[1].words[0] = frame.words[0];", Value;
    history_in_the_other_order rollout 0 "observation[0u + k] = (*state).frames[0].words[k];" => "observation[0u + k] = (*state).frames[2].words[k];", Value;
}

mutants! { Privileged:
    privileged_weights_learned sum_gradient 0 "column >= UNSEEN_FIRST / 4u" => "column > UNSEEN_END / 4u", Value;
    weights_of_what_is_seen_fixed sum_gradient 0 "column >= UNSEEN_FIRST / 4u" => "column + 1u >= UNSEEN_FIRST / 4u", Value;
    biases_behind_privileged_weights_fixed sum_gradient 0 "column < UNSEEN_END / 4u" => "column < UNSEEN_END / 4u + 1u", Value;
}

mutants! { PrivilegedLearner:
    privileged_weights_learned_at_once learn 0 "sums_in0[1] = select(sums_in0[1], 0.0, network == 0u);" => "", Value;
}

mutants! { Normalized:
    observations_not_clipped evaluate 0 "clamp(x, -OBSERVATION_CLIP, OBSERVATION_CLIP)" => "x", Value;
    observations_not_clipped_to_learn_from gradient 0 "clamp(x, -OBSERVATION_CLIP, OBSERVATION_CLIP)" => "x", Value;
    observations_not_clipped_to_act_on rollout 0 "clamp(x, -OBSERVATION_CLIP, OBSERVATION_CLIP)" => "x", Value;
    observations_clipped_too_soon evaluate 0 "clamp(x, -OBSERVATION_CLIP, OBSERVATION_CLIP)" => "clamp(x, -9.0, 9.0)", Value;
    means_not_mapped_back update_normalizers 0 "all.mean / old.scale - old.mean.error" => "all.mean - old.mean.error", Value;
    variance_of_the_old_forgotten update_normalizers 0 "kept * old.variance.value" => "0.0 * old.variance.value", Value;
    variance_of_the_old_added_to update_normalizers 0 "share * (variance - old.variance.value)" => "share * variance", Value;
    distance_from_the_old_mean_forgotten update_normalizers 0 "share * kept * rise * rise" => "0.0", Value;
    mean_replaced update_normalizers 0 "running_sum_plus(old.mean, share * rise)" => "running_sum_plus(old.mean, rise)", Value;
    returns_not_reset gae 0 "                discounted = RunningSum(0.0, 0.0);" => "", Value;
    bootstrapped_value_scaled_too gae 0 "reward += gamma * value_of" => "reward += reward_scale * gamma * value_of", Value;
    skipped_steps_made adam 1 "&& !skipped && fault" => "&& fault", Foreign;
    squared_deviations_scaled_once update_normalizers 0 "all.m2 / all.count / (old.scale * old.scale)" => "all.m2 / all.count / old.scale", Value;
    later_parts_forgotten update_normalizers 0 "part_ < OBSERVATION_PARTS" => "part_ < 1u", Value;
    parts_of_the_first_agent update_normalizers 0 "(s * OBSERVATION_PARTS + part_)" => "part_", Value;
    the_old_count_for_one update_normalizers 0 "running_sum_plus(old.count, count)" => "running_sum_plus(RunningSum(1.0, 0.0), count)", Value;
    scale_for_deviation update_normalizers 0 "1.0 / sqrt(after.value + NORMALIZER_EPSILON)" => "sqrt(after.value + NORMALIZER_EPSILON)", Value;
    returns_of_a_lane_counted_once update_normalizers 0 "MomentsOf(f32(STEPS), statistics.return_mean" => "MomentsOf(1.0, statistics.return_mean", Value;
    returns_normalised_as_an_observation update_normalizers 0 "let old = normalizers[base + OBSERVATION];" => "let old = normalizers[base];", Value;
    distance_of_means_forgotten update_normalizers 0 "delta * delta * a.count * share" => "0.0", Value;
    samples_of_the_next_part_too observation_moments 0 "min(first + OBSERVATION_PART, BATCH)" => "first + OBSERVATION_PART + 1u", Value;
    samples_past_the_last_one observation_moments 0 "min(first + OBSERVATION_PART, BATCH)" => "first + OBSERVATION_PART", Value;
    first_sample_left_out observation_moments 0 "b = first + lane;" => "b = first + lane + u32(lane == 0u) * LANES;", Value;
    every_part_the_first observation_moments 0 "place.group * OBSERVATION_PART;" => "0u;", Value;
    observations_of_the_first_agent observation_moments 0 "(place.s * VALUE_ROWS * ENVS + b) * OBSERVATION_WORDS + k" => "b * OBSERVATION_WORDS + k", Value;
    one_component_for_all observation_moments 0 "+ b) * OBSERVATION_WORDS + k]" => "+ b) * OBSERVATION_WORDS]", Value;
    last_component_not_written observation_moments 0 "k < OBSERVATION; k++" => "k + 1u < OBSERVATION; k++", Unwritten;
    parts_written_over_each_other observation_moments 0 "OBSERVATION_PARTS + place.group) * OBSERVATION" => "OBSERVATION_PARTS) * OBSERVATION", Unwritten;
    deviations_from_the_mean_before observation_moments 0 "a.m2 + delta * (x - mean)" => "a.m2 + delta * delta", Value;
    deviations_of_lanes_means_forgotten observation_moments 0 "mine.m2 + mine.count * delta * delta" => "mine.m2", Value;
    last_part_counted_in_full update_normalizers 0 "min(OBSERVATION_PART, BATCH - part_ * OBSERVATION_PART)" => "OBSERVATION_PART", Value;
}

mutants! { Bounded:
    upper_bound_forgotten bound_deviations 0 "clamp(params[p], bound.log_std_min, bound.log_std_max)" => "max(params[p], bound.log_std_min)", Value;
    lower_bound_forgotten bound_deviations 0 "clamp(params[p], bound.log_std_min, bound.log_std_max)" => "min(params[p], bound.log_std_max)", Value;
    bounds_of_the_first_agent bound_deviations 0 "let bound = bounds[s];" => "let bound = bounds[0];", Value;
    means_bounded_too bound_deviations 0 "k = HEAD_WEIGHTED + lane" => "k = lane", Foreign;
    last_deviation_not_bounded bound_deviations 0 "k < LOGITS" => "k + 1u < LOGITS", Value;
    rate_not_lowered adapt_rate 0 "min(lr, max(lr * INVERSE, bound.lr_min))" => "lr", Word;
    rate_not_raised adapt_rate 0 "max(lr, min(lr * FACTOR, bound.lr_max))" => "lr", Word;
    rate_lowered_too_far adapt_rate 0 "max(lr * INVERSE, bound.lr_min)" => "lr * INVERSE", Word;
    rate_raised_too_far adapt_rate 0 "min(lr * FACTOR, bound.lr_max)" => "lr * FACTOR", Word;
    rate_lowered_too_soon adapt_rate 0 "2.0 * bound.desired_kl" => "bound.desired_kl", Foreign;
    no_divergence_taken_for_a_small_one adapt_rate 0 "kl > 0.0 && " => "", Foreign;
    divergence_of_the_first_step adapt_rate 1 "let kl = losses[of_step" => "let kl = losses[s * EPOCHS * MINIBATCHES * LOSSES", Word;
    rate_adapted_after_skipped_steps adapt_rate 1 "if (skipped || " => "if (", Foreign;
    bias_not_shifted rescale_values 0 "select(0.0, shift, row == 0u)" => "0.0", Value;
    weights_shifted_too rescale_values 0 "select(0.0, shift, row == 0u)" => "shift", Value;
    ratio_of_scales_inverted rescale_values 0 "after.scale / old.scale" => "old.scale / after.scale", Value;
    actor_rescaled rescale_values 0 "s * PARAMETERS + BLOCK + HEAD_FIRST" => "s * PARAMETERS + HEAD_FIRST", Foreign;
    last_unit_not_rescaled rescale_values 0 "row < HEAD_ROWS" => "row + 1u < HEAD_ROWS", Value;
    moments_of_targets_forgotten rescale_values 0 "value_normalizers[s] = after;" => "", Value;
    targets_of_a_lane_counted_once rescale_values 0 "MomentsOf(f32(STEPS), statistics.target_mean" => "MomentsOf(1.0, statistics.target_mean", Value;
    target_not_normalised gae 0 "output + advantage * value_normalizer.scale" => "advantage + value", Value;
    advantage_of_a_target_not_normalised gae 0 "output + advantage * value_normalizer.scale" => "output + advantage", Value;
    mean_of_values_forgotten gae 0 "value_normalizer.mean.value + output" => "output", Value;
    bootstrapped_value_normalised gae 0 "gamma * value_of(values[(s" => "gamma * (values[(s", Value;
    last_value_normalised gae 0 "Carried(value_of(values[" => "Carried((values[", Value;
    value_for_the_output gae 0 "value_target, output, transition.log_prob" => "value_target, value, transition.log_prob", Value;
}

mutants! { Bits:
    bits_of_another_word evaluate 0 "let m = 32u * w + bit;" => "let m = 31u * w + bit;", Value;
    bits_read_from_the_neighbour evaluate 0 "(word >> bit) & 1u" => "(some >> bit) & 1u", Value;
    bits_left_out gradient 0 "some &= some - 1u;" => "some &= (some - 1u) & 0x7fffffffu;", Value;
    bits_later_pass_begins_anew gradient 1 "if (!accumulate) {" => "if (true) {", Value;
    bits_slopes_of_other_samples gradient 0 "dot(d1[0], x0)" => "dot(d1[1], x0)", Value;
}

mutants! { Units:
    units_later_pass_overwrites gradient 1 "PASSES > 1u && accumulate" => "PASSES > 99u && accumulate", Value;
    units_first_pass_adds_to_what_was_there gradient 0 "PASSES > 1u && accumulate" => "PASSES > 1u", Unwritten;
    units_tile_left_out gradient 0 "i < TILES_PER_PASS" => "i + 1u < TILES_PER_PASS", Value;
    units_bias_left_out gradient 0 "sums_bias0[0] +=" => "sums_bias0[0] = 0.0 *", Value;
    units_dropped_weight evaluate 0 "y0 += in1[3] * x3" => "y0 += 0.0 * in1[3] * x3", Value;
    units_value_of_another_unit gradient 0 "let x2 = subgroupBroadcast(h1[0], 2u)" => "let x2 = subgroupBroadcast(h1[0], 3u)", Value;
    units_slope_of_another_sample gradient 0 "subgroupBroadcast(head_slope[0].x, 1u)" => "subgroupBroadcast(head_slope[0].x, 2u)", Value;
    units_sample_left_out_of_the_losses gradient 0 "sum += subgroupBroadcast(value, 3u);" => "", Value;
    units_padding_not_written gradient 0 "lane) < 12u) {" => "lane) < 11u) {", Unwritten;
}

mutants! { Blocks:
    blocks_later_pass_overwrites gradient 1 "PASSES > 1u) {" => "PASSES > 99u) {", Value;
    blocks_tile_left_out gradient 0 "i < TILES_PER_PASS" => "i + 1u < TILES_PER_PASS", Value;
    blocks_bias_left_out gradient 0 "b1_0 += " => "b1_0 += 0.0 * ", Value;
    blocks_samples_left_out_of_a_bias gradient 0 "let e = e0 + e1 + e2" => "let e = e0 + e2", Value;
    blocks_dropped_weight evaluate 0 "y0_0 += w2_0 * x2_0" => "y0_0 += 0.0 * w2_0 * x2_0", Value;
    blocks_weight_of_another_unit rollout 0 "let w1_0 = weights1[1u * 6u + unit / 4u][unit % 4u];" => "let w1_0 = weights1[1u * 6u + unit / 4u][(unit + 1u) % 4u];", Value;
    blocks_part_of_the_head_left_out gradient 0 " + scratch[sample * HEAD + 32u]" => "", Value;
    blocks_slopes_of_activations_forgotten gradient 0 " * activation_slope(h2[" => " * (1.0 + 0.0 * h2[", Value;
    blocks_slope_of_another_output gradient 0 "d0_0 += w0_0.y * e0_1_0" => "d0_0 += w0_0.y * e0_0_0", Value;
    blocks_slopes_where_there_is_no_unit gradient 0 ", unit1 < 11u)" => ", true)", Value;
    blocks_weight_of_another_owner gradient 0 "= whole(vec4(g1_0_0), lane).x;" => "= whole(vec4(g2_0_0), lane).x;", Value;
    blocks_padding_not_written gradient 0 "i < 4u; i +=" => "i < 3u; i +=", Unwritten;
    blocks_last_environment_left_out rollout 0 "&& (!SPARE_LANES || lane < SAMPLES)" => "&& (!SPARE_LANES || lane + 1u < SAMPLES)", Unwritten;
}

mutants! { BlocksOfBits:
    blocks_bits_of_another_word evaluate 0 "32u * w + firstTrailingBit(left)" => "31u * w + firstTrailingBit(left)", Value;
    blocks_bits_of_the_neighbour evaluate 0 "bits[m / 32u * SAMPLES + i]" => "bits[m / 32u * SAMPLES + (i ^ 1u)]", Value;
    blocks_bits_of_other_samples gradient 0 "of_mask(mask0, 1u)" => "of_mask(mask0, 2u)", Value;
    blocks_bits_left_out gradient 0 "left &= left - 1u" => "left &= (left - 1u) & 0x7fffffffu", Value;
    blocks_bits_of_one_group gradient 0 "var i = group; i < listed_number" => "var i = 0u; i < listed_number", Value;
    blocks_bits_later_pass_begins_anew gradient 1 "if (!accumulate) {" => "if (true) {", Value;
}

mutants! { Wide:
    slice_of_other_samples gradient 0 "rows[lane] = next_row0;" => "rows[lane ^ 1u] = next_row0;", Value;
    slice_multiplied_with_another_weight gradient 0 "y1_0 += w0.y * x0" => "y1_0 += w0.x * x0", Value;
    slice_past_the_last_input gradient 0 "begin + 16u + lane / 32u < 165u" => "true", Value;
    slice_of_transposed_weights gradient 0 "vec4(next_weight0.x, next_weight1.x, next_weight2.x, next_weight3.x)" => "vec4(next_weight0.x, next_weight0.y, next_weight0.z, next_weight0.w)", Value;
    slopes_of_other_activations gradient 0 "y0_0 * activation_slope(tape[tape_at() + 1344u" => "y0_0 * activation_slope(tape[tape_at() + 3968u", Value;
    slopes_where_no_unit_is gradient 0 "4u * (first / 4u + row) + 1u < 165u)" => "true)", Value;
    activations_of_another_agent evaluate 0 "tape_place = s * GROUPS + place.group;" => "tape_place = place.group;", Unwritten;
    tile_in_the_place_of_another gradient 0 "tile / GRADIENT_ROWS % TILES_PER_PASS;" => "(tile / GRADIENT_ROWS + 1u) % TILES_PER_PASS;", Value;
    row_of_tiles_in_the_place_of_another gradient 0 "GRADIENT_ROWS + tile % GRADIENT_ROWS) * TILES_PER_PASS" => "GRADIENT_ROWS + (tile + 1u) % GRADIENT_ROWS) * TILES_PER_PASS", Value;
    product_with_another_input weight_gradient 0 "g1_0 += x0.y * e0" => "g1_0 += x0.x * e0", Value;
    product_with_another_output weight_gradient 0 "slopes[i * 17u + column]" => "slopes[i * 17u + (column + 1u) % 16u]", Value;
    product_with_another_sample weight_gradient 0 "= vec4(next0.y, next1.y, next2.y, next3.y);" => "= vec4(next0.y, next1.y, next2.z, next3.y);", Value;
    products_of_a_later_pass_begin_anew weight_gradient 1 "dispatch.index % PASSES > 0u" => "false", Value;
    products_of_the_first_pass_are_added weight_gradient 0 "dispatch.index % PASSES > 0u" => "true", Unwritten;
    products_of_the_last_samples_left_out weight_gradient 0 "min(first + TAPE_PART, TAPE_VECTORS)" => "min(first + TAPE_PART, TAPE_VECTORS - 1u)", Value;
    products_of_the_other_network weight_gradient 0 "place.s * GRID_NETWORKS + place.network) * TAPE_VECTORS" => "place.s * GRID_NETWORKS) * TAPE_VECTORS", Value;
    earlier_sums_of_the_last_input_left_out weight_gradient 1 "block.input + 4u * row < block.input_count" => "block.input + 4u * row + 1u < block.input_count", Value;
    earlier_sums_of_the_last_outputs_left_out weight_gradient 1 "block.output / 4u + column < block.slope_count / 4u" => "block.output / 4u + column + 1u < block.slope_count / 4u", Value;
    last_part_of_the_norm_left_out adam 0 "i < NORM_PARTS; i++" => "i + 1u < NORM_PARTS; i++", Value;
    rows_of_the_tape_left_out sum_gradient 0 "return TAPE_ROWS;" => "return TAPE_ROWS - 1u;", Value;
    rows_beyond_the_tape_added sum_gradient 0 "return TAPE_ROWS;" => "return GRADIENT_ROWS + 1u;", Value;
    sums_of_the_other_network sum_gradient 0 "+ network * (TAPE_COLUMNS / 8u)" => "", Value;
    sums_of_the_wide_layer_in_partials sum_gradient 0 "place -= 6600u" => "place -= 6599u", Value;
}

mutants! { WideTiles:
    taped_input_of_another_unit gradient 0 "tape[tape_at() + 0u + i] = h1[i / 4u * ROW" => "tape[tape_at() + 0u + i] = h1[(i / 4u + 1u) % 165u * ROW", Value;
    taped_slopes_are_activations gradient 0 "660u + i] = h2[" => "660u + i] = h1[", Value;
}

mutants! { WideSubgroups:
    number_of_another_lane evaluate 0 "subgroupBroadcast(x0.y, 1u) * w1" => "subgroupBroadcast(x0.y, 0u) * w1", Value;
    number_of_another_sample gradient 0 "y6 += subgroupBroadcast(x1.z, 1u)" => "y6 += subgroupBroadcast(x1.y, 1u)", Value;
    inputs_beyond_the_last gradient 0 "i + own < 165u" => "true", Value;
    weights_of_another_output gradient 0 "vec4(t0_0.y, t0_1.y" => "vec4(t0_0.x, t0_1.y", Value;
    blocks_of_other_subgroups_left_out gradient 0 "for (var block = lane / " => "for (var block = 1u + lane / ", Value;
    slopes_of_units_that_are_not_there gradient 0 "4u * vector + 1u < 165u)" => "true)", Value;
    sum_with_another_input weight_gradient 0 "g1 += subgroupBroadcast(x0.y, 1u) * w1" => "g1 += subgroupBroadcast(x0.y, 0u) * w1", Value;
    sum_with_another_output weight_gradient 0 "vec4(e0.y, e1.y" => "vec4(e0.y, e0.y", Value;
    sums_of_the_last_outputs_left_out weight_gradient 0 "block.output / 4u + vector < block.slope_count / 4u" => "block.output / 4u + vector + 1u < block.slope_count / 4u", Unwritten;
    part_of_the_norm_twice adam 0 "own < NORM_PARTS)" => "true)", Value;
    sums_of_later_passes_begin_anew weight_gradient 1 "if (accumulate) {" => "if (false) {", Value;
}

mutants! { Parts:
    slice_left_out sum_gradient 0 "slice < SUM_SLICES" => "slice + 1u < SUM_SLICES", Value;
    first_slice_counted_twice sum_gradient 0 "slice * width + lane" => "(slice - 1u) * width + lane", Value;
    columns_of_all_slices_in_the_norm sum_gradient 0 "column < PARAMETERS / 4u && is_first)" => "column < PARAMETERS / 4u)", Value;
    last_part_of_a_minibatch_counted_in_full minibatch_moments 0 "min(MOMENT_PART, MINIBATCH - i * MOMENT_PART)" => "MOMENT_PART", Value;
    first_part_left_out minibatch_moments 0 "var i = lane; i < MOMENT_PARTS" => "var i = lane + 1u; i < MOMENT_PARTS", Value;
    every_minibatch_the_first minibatch_parts 0 "(gradient_step % MINIBATCHES) * MINIBATCH" => "0u", Value;
    samples_past_the_end_of_a_minibatch minibatch_parts 0 "min((part_ + 1u) * MOMENT_PART, MINIBATCH)" => "(part_ + 1u) * MOMENT_PART", Value;
}

mutants! { Learns:
    sums_of_the_step_before_kept learn 0 "sums_begin();" => "", Value;
    weights_of_the_step_before_transposed learn 0 "norm));\n        transpose_weights(lane);" => "norm));", Value;
    norm_of_one_network learn 0 "said[0].squares + said[1].squares" => "said[network].squares", Value;
    every_step_the_first learn 0 "adam_step(agent, first_step + i, norm)" => "adam_step(agent, first_step, norm)", Value;
    every_step_on_the_same_minibatch learn 1 "network, first_step + i," => "network, first_step,", Value;
    moments_of_another_minibatch learn 1 "moments[of_first + i]" => "moments[of_first]", Value;
    losses_of_a_step_not_written learn 0 "losses[(of_first + i)" => "losses[of_first", Value;
    steps_after_the_last_made learn 0 "agent.stopped == 0u && !skipped" => "agent.stopped == 0u", Value;
}

mutants! { Learner:
    head_bias_left_out_of_the_norm learn 0 "square += dot(sums_head_bias[0], sums_head_bias[0]);" => "", Value;
    second_moments_not_fetched learn 1 "second_out1[0] = select(second_out1[0], x0, i == 0u);" => "", Value;
    parameters_of_the_first_agent learn 0 "params[base / 4u" => "params[0u * base / 4u", Value;
}

/// A memory with one word of each kind, and what a device that agrees would return.
fn agreeing() -> (Memory<Tracked>, Words) {
    let mut memory = Memory::<Tracked>::from_words(Words::from([("params", vec![POISON, POISON, 3])]));
    memory.buffer_mut("params").write(0, Tracked { value: 1.0, error: 1e-6 });
    memory.buffer_mut("params").write_word(1, 5);
    let mut words = vec![1.0f32.to_bits(), 5, 3];
    words.resize(3 + GUARD_WORDS, GUARD);
    (memory, Words::from([("params", words)]))
}

#[test]
fn harness_accepts_agreeing_results() {
    let (memory, words) = agreeing();
    assert!(compare(&memory, &words).is_empty());
}

#[test]
fn harness_catches_every_kind_of_disagreement() {
    for (index, word, by) in [
        (0, 1.00001f32.to_bits(), Check::Value),
        (0, f32::NAN.to_bits(), Check::Value),
        (0, f32::INFINITY.to_bits(), Check::Value),
        (0, POISON, Check::Unwritten),
        (1, 6, Check::Word),
        (1, POISON, Check::Unwritten),
        (2, 4, Check::Foreign),
        (3, 0, Check::Guard),
        (2 + GUARD_WORDS, 1, Check::Guard),
    ] {
        let (memory, mut words) = agreeing();
        words.get_mut("params").unwrap()[index] = word;
        let findings = compare(&memory, &words);
        assert_eq!(findings.iter().map(|finding| finding.check).collect::<Vec<_>>(), [by], "word {index} = {word:#x}");
    }
}

#[test]
fn an_infinite_bound_agrees_with_nothing() {
    let (mut memory, words) = agreeing();
    memory.buffer_mut("params").write(0, Tracked { value: 1.0, error: f64::INFINITY });
    assert_eq!(compare(&memory, &words).len(), 1);
}
