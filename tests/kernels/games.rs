//! Games in whole numbers against recordings of the software that they reproduce: exactly, given the same random draws. `tests/conformance/` holds the
//! recordings and the programs that made them.

use crate::harness::{Words, config, gpu, words_of};
use ppo_gpu::device::engine::{Engine, EngineOptions};
use ppo_gpu::program::kernel;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::schedule::{self, Step};
use ppo_gpu::spec::config::{Config, Setting};
use ppo_gpu::train::trainer::Trainer;
use ppo_gpu::wgsl::compose::compose_source;
use serde_json::Value;

/// Each lane replays an episode, one step a dispatch. `samples` tells the lane of step t: its action, where its draws begin, whether there is such a step.
/// `observations` holds the draws. `transitions` takes the observation's hash, reward, end and legal actions, and the number of draws consumed.
const REPLAY: &str = "\
//! import rng
//! import environment
//! import env_lane
//! import grid

@group(0) @binding(0) var<storage, read_write> env_lanes: array<LaneWords>;
@group(0) @binding(1) var<storage, read> samples: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> observations: array<u32>;
@group(0) @binding(3) var<storage, read_write> transitions: array<vec4<u32>>;

const DRAWS: u32 = VALUE_ROWS * OBSERVATION;  // room for those of a lane

@compute @workgroup_size(LANES)
fn reset(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let n = place_of(workgroup).group * LANES + lane;
    if (n >= ENVS) {
        return;
    }
    var env_lane = lane_of(env_lanes[n]);
    var state = env_lane.state;
    let t = env_lane.episode.steps;
    if (t >= STEPS || samples[t * ENVS + n].z == 0u) {
        return;
    }
    let first = samples[t * ENVS + n].y;
    var rng = Rng(vec2(0u), n, first);
    var outcome = Outcome(0.0, false);
    var mask = 0u;
    if (t == 0u) {
        state = env_reset(&rng);
    } else {
        mask = legal_actions(&state).bits[0];
        outcome = env_step(&state, samples[t * ENVS + n].x, &rng);
    }
    // FNV-1a (Fowler, Noll and Vo) over the observation's words.
    var observation = observation_of(&state);
    var hash = 2166136261u;
    for (var k = 0u; k < OBSERVATION; k++) {
        hash = (hash ^ bitcast<u32>(component_of(&observation, k))) * 16777619u;
    }
    transitions[t * ENVS + n] = vec4(hash, bitcast<u32>(outcome.reward), select(0u, 1u, outcome.terminated) | (mask << 1u), rng.draw - first);
    env_lane.state = state;
    env_lane.episode.steps = t + 1u;
    env_lanes[n] = words_of(env_lane);
}
";

/// The random numbers of a recording: the next word, whatever is asked for.
const RECORDED: [(&str, &str); 3] = [
    (
        "rng_bits",
        "fn rng_bits(rng: ptr<function, Rng>) -> u32 {\n    let word = observations[(*rng).lane * DRAWS + (*rng).draw];\n    \
         (*rng).draw += 1u;\n    return word;\n}\n",
    ),
    ("rng_uniform", "fn rng_uniform(rng: ptr<function, Rng>) -> f32 {\n    return bitcast<f32>(rng_bits(rng));\n}\n"),
    ("rng_below", "fn rng_below(rng: ptr<function, Rng>, count: u32) -> u32 {\n    return rng_bits(rng);\n}\n"),
];

/// `source` with another body of the function `name`.
fn with_function(source: &str, name: &str, text: &str) -> String {
    let (before, rest) = source.split_once(&format!("fn {name}(")).unwrap_or_else(|| panic!("there is no {name}"));
    let (_, after) = rest.split_once("\n}\n").unwrap();
    format!("{before}{text}{after}")
}

struct Episode<'a> {
    parameters: &'a serde_json::Map<String, Value>,
    data: &'a Value,
}

impl Episode<'_> {
    fn words(&self, key: &str) -> Vec<u32> {
        self.data[key].as_array().unwrap_or_else(|| panic!("no {key}")).iter().map(|word| word.as_u64().unwrap() as u32).collect()
    }

    fn steps(&self) -> usize {
        self.data["actions"].as_array().unwrap().len()
    }
}

/// Replays the episodes, all of the same parameters; returns the number of steps compared.
fn replay(env: &str, episodes: &[Episode]) -> usize {
    let rows = episodes.iter().map(Episode::steps).max().unwrap() + 1;
    let lanes = episodes.len();
    let mut config: Config = config(&format!("env={env} envs={lanes} steps={rows} minibatches=1 hidden=1 normalize_observations=true"));
    for (name, value) in episodes[0].parameters {
        config.env_parameters.insert(name.clone(), Setting::Value(value.as_f64().unwrap()));
    }
    // One profile, whatever others are tested: environments are the same under each, and networks over 1,000 inputs are refused here under some.
    let plan = Plan::new(&config, gpu().profile("software")).unwrap();
    let (mut samples, mut draws) = (vec![0u32; words_of(&plan, "samples")], vec![0u32; words_of(&plan, "observations")]);
    let stride = plan.value_rows() * plan.environment.observation;
    for (n, episode) in episodes.iter().enumerate() {
        let recorded = episode.words("draws");
        assert!(recorded.len() <= stride, "{env}: more draws than there is room for");
        draws[n * stride..][..recorded.len()].copy_from_slice(&recorded);
        let (actions, counts) = (episode.words("actions"), episode.words("draw_counts"));
        let mut first = 0;
        for t in 0..=actions.len() {
            let (action, count) = if t == 0 { (0, episode.data["reset_draws"].as_u64().unwrap() as u32) } else { (actions[t - 1], counts[t - 1]) };
            samples[(t * lanes + n) * 4..][..4].copy_from_slice(&[action, first, 1, 0]);
            first += count;
        }
        assert_eq!(first as usize, recorded.len(), "{env}: the counts of draws do not add up");
    }

    let mut source = compose_source(REPLAY, kernel::reset(&plan).grid, &plan).text;
    for (name, text) in RECORDED {
        source = with_function(&source, name, text);
    }
    let options = EngineOptions { rewrite: Some(Box::new(move |_, _| source.clone())), ..EngineOptions::default() };
    let engine =
        Engine::new(gpu(), &plan, schedule::alone(&plan, kernel::reset(&plan), 0), &options).unwrap_or_else(|error| panic!("{env}: {error}\n{}", error.help()));
    for (name, words) in Words::from([("samples", samples), ("observations", draws)]) {
        engine.write(name, &words);
    }
    let steps: Vec<Step> = engine.program().update.repeat(rows);
    steps.chunks(256).for_each(|some| engine.run(some).unwrap());
    let found = engine.read("transitions").unwrap();

    let mut steps = 0;
    for (n, episode) in episodes.iter().enumerate() {
        let (hashes, counts) = (episode.words("observations"), episode.words("draw_counts"));
        let rewards: Vec<f32> = episode.data["rewards"].as_array().unwrap().iter().map(|reward| reward.as_f64().unwrap() as f32).collect();
        let terminated = episode.words("terminated");
        let masks = episode.data.get("masks").map(|_| episode.words("masks"));
        for t in 0..=episode.steps() {
            let row = &found[(t * lanes + n) * 4..][..4];
            let place = || format!("{env}, episode {n} {:?}, step {t}", episode.parameters);
            assert_eq!(row[0], hashes[t], "{}: another observation", place());
            if t > 0 {
                assert_eq!((f32::from_bits(row[1]), row[2] & 1), (rewards[t - 1], terminated[t - 1]), "{}: another outcome", place());
                assert_eq!(row[3], counts[t - 1], "{}: another number of draws", place());
                assert!(masks.as_ref().is_none_or(|masks| masks[t - 1] == row[2] >> 1), "{}: other legal actions", place());
                steps += 1;
            } else {
                assert_eq!(u64::from(row[3]), episode.data["reset_draws"].as_u64().unwrap(), "{}: another number of draws", place());
            }
        }
    }
    steps
}

/// Replays a recording, the episodes of equal parameters at once. Recordings of several environments name that of each episode.
fn conforms(env: &str, file: &str) {
    let path = format!("{}/tests/conformance/{file}", env!("CARGO_MANIFEST_DIR"));
    let data: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap();
    let mut groups: std::collections::BTreeMap<(&str, String), Vec<Episode>> = Default::default();
    for episode in data["episodes"].as_array().unwrap() {
        let parameters = episode["parameters"].as_object().unwrap();
        let env = episode["environment"].as_str().unwrap_or(env);
        groups.entry((env, Value::Object(parameters.clone()).to_string())).or_default().push(Episode { parameters, data: episode });
    }
    let count: usize = groups.values().map(Vec::len).sum();
    let steps: usize = groups.iter().map(|((env, _), episodes)| replay(env, episodes)).sum();
    assert!(steps >= 2000, "{env}: {steps} steps");
    println!("{env}: {steps} steps of {count} episodes compared, {} sets of parameters", groups.len());
}

macro_rules! games {
    ($($test:ident $env:literal $file:literal;)*) => { $(#[test] fn $test() { conforms($env, $file); })* };
}

games! {
    asterix "MinAtar/Asterix-v1" "minatar_asterix.json";
    breakout "MinAtar/Breakout-v1" "minatar_breakout.json";
    freeway "MinAtar/Freeway-v1" "minatar_freeway.json";
    seaquest "MinAtar/Seaquest-v1" "minatar_seaquest.json";
    space_invaders "MinAtar/SpaceInvaders-v1" "minatar_space_invaders.json";
    game_2048 "2048" "game_2048.json";
    memory_chain "bsuite-MemoryChain-v0" "memory_chain.json";
    autoencode "popgym-Autoencode" "popgym_autoencode.json";
    count_recall "popgym-CountRecall" "popgym_count_recall.json";
    higher_lower "popgym-HigherLower" "popgym_higher_lower.json";
    repeat_first "popgym-RepeatFirst" "popgym_repeat_first.json";
    repeat_previous "popgym-RepeatPrevious" "popgym_repeat_previous.json";
}

/// Under profiles whose lanes share tiles, every lane of `rollout` follows an environment whose observations are bits, and computes a part of it. There is no
/// reference for these games: they must play as under the software profile, which is held against recordings, with the same chances. Ragged: one workgroup
/// is not full, episodes are truncated, and the last step's observation is stored, too.
#[test]
fn lanes_that_follow_a_game_play_it_as_its_own_lane_does() {
    for (env, tile) in [("MinAtar/Breakout-v1", 4), ("MinAtar/Freeway-v1", 8), ("MinAtar/SpaceInvaders-v1", 4), ("2048", 4)] {
        let keys = format!("env={env} envs=9 steps=40 minibatches=1 epochs=1 hidden=12 total_steps=1000 tuning=rollout_tile={tile}");
        let mut config: Config = config(&keys);
        config.env_parameters.insert("time_limit".into(), Setting::Value(15.0));
        let played = |profile: &str| {
            let plan = Plan::new(&config, gpu().profile(profile)).unwrap();
            let trainer = Trainer::new(gpu().clone(), plan.clone()).unwrap();
            let engine = trainer.engine();
            let rollouts: Vec<Step> = engine.program().update.iter().copied().filter(|Step::Dispatch(dispatch)| dispatch.kernel == "rollout").collect();
            engine.run(&engine.program().once).unwrap();
            engine.run(&rollouts).unwrap();
            let mut transitions = engine.read("transitions").unwrap();
            let words = transitions.len() / (plan.envs * plan.steps);
            // The logarithm of the action's probability is rounded otherwise.
            transitions.chunks_mut(words).for_each(|transition| transition[0] = 0);
            let played = ["observations", "actions", "env_lanes", "faults"].map(|name| engine.read(name).unwrap());
            (plan, transitions, played)
        };
        let (plan, transitions, [observations, actions, lanes, faults]) = played("gpu");
        assert!(plan.lanes_follow() && plan.rollout_team.samples == tile && plan.final_rows == 3, "{env}: nothing follows");
        let (own_plan, own_transitions, own) = played("software");
        assert!(!own_plan.lanes_follow(), "{env}");
        assert!(transitions == own_transitions, "{env}: other transitions");
        assert!(observations.iter().any(|&word| word != 0) && [observations, actions, lanes, faults] == own, "{env}: played otherwise");
    }
}
