//! The laws of CartPole, on the device.

use crate::harness::{Words, gpu, plan, profile, split};
use crate::inputs::Source;
use crate::probe::probe;
use ppo_gpu::device::engine::{Engine, EngineOptions};
use ppo_gpu::program::kernel;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::schedule::{self, Program};
use ppo_gpu::spec::records::{Transition, word};
use ppo_gpu::support::fault;
use ppo_gpu::train::agents::agent_rows;

/// What a step makes of a state: the next state, what is observed of it, the reward, whether the episode terminated.
pub struct Stepped {
    pub state: Vec<f32>,
    pub observation: Vec<f32>,
    pub reward: f32,
    pub terminated: bool,
}

/// Steps each state of `env` by its action (the word of each choice, or the bits of each number, which is clipped to its bounds) on the device.
pub fn step(env: &str, states: &[Vec<f32>], actions: &[u32]) -> Vec<Stepped> {
    step_with(&plan(&format!("env={env} envs={} steps=1 minibatches=1 hidden=1", states.len()), profile("software")), states, actions)
}

/// A device for `program`, whose one agent has begun a run.
pub fn with_agents(plan: &Plan, program: Program) -> Engine {
    let engine = Engine::new(gpu(), plan, program, &EngineOptions::default()).unwrap_or_else(|error| panic!("{error}\n{}", error.help()));
    engine.write("agents", bytemuck::cast_slice(&agent_rows(plan)));
    engine.write("faults", &[fault::NONE]);
    engine
}

/// [`step`] by the environment of a plan of one step, in the kernels of a split rollout.
pub fn step_with(plan: &Plan, states: &[Vec<f32>], actions: &[u32]) -> Vec<Stepped> {
    let plan = &split(plan.clone());
    let (state, lane, size, row) = (plan.environment.state_words(), plan.environment.lane_words(), plan.environment.observation, plan.observation_words());
    let mut program = Program::new(schedule::playing(plan).buffers);
    program.then(kernel::advance(plan), 0);
    // The state as it is, whether the step ended the episode or not.
    program.then(kernel::observe(plan), 1);
    let engine = with_agents(plan, program);
    let padded = |values: &Vec<f32>| values.iter().map(|x| x.to_bits()).chain(vec![0; lane - state]).collect::<Vec<u32>>();
    engine.write("env_lanes", &states.iter().flat_map(padded).collect::<Vec<u32>>());
    engine.write("actions", actions);
    engine.run(&engine.program().update).unwrap();
    let [states_after, observations, outcomes] = ["env_lanes", "observations", "transitions"].map(|name| engine.read(name).unwrap());
    let float = |word: &u32| f32::from_bits(*word);
    (0..states.len())
        .map(|i| Stepped {
            state: states_after[i * lane..][..state].iter().map(float).collect(),
            observation: observations[i * row..][..size].iter().map(float).collect(),
            reward: f32::from_bits(outcomes[word!(Transition[i].reward)]),
            terminated: outcomes[word!(Transition[i].ending)] & Transition::TERMINATED != 0,
        })
        .collect()
}

fn cartpole(states: &[Vec<f32>], actions: &[u32]) -> Vec<Stepped> {
    step("CartPole-v1", states, actions)
}

fn states(count: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut source = Source::new(seed);
    (0..count).map(|_| vec![source.between(-2.3, 2.3), source.between(-2.0, 2.0), source.between(-0.2, 0.2), source.between(-2.0, 2.0)]).collect()
}

#[test]
fn mirror_images_stay_mirror_images() {
    let (left, right) = (states(500, 1), states(500, 1).iter().map(|state| state.iter().map(|x| -x).collect()).collect::<Vec<Vec<f32>>>());
    let actions: Vec<u32> = (0..500).map(|i| i % 2).collect();
    let opposite: Vec<u32> = actions.iter().map(|action| 1 - action).collect();
    for (a, b) in cartpole(&left, &actions).iter().zip(cartpole(&right, &opposite)) {
        // Exactly: sine is odd, cosine even, and rounding symmetric.
        assert_eq!(a.state.iter().map(|x| -x + 0.0).collect::<Vec<f32>>(), b.state.iter().map(|x| x + 0.0).collect::<Vec<f32>>());
        assert_eq!(a.terminated, b.terminated);
    }
}

#[test]
fn positions_follow_velocities_and_forces_accelerate() {
    let states = states(300, 2);
    let (pushed_left, pushed_right) = (cartpole(&states, &[0; 300]), cartpole(&states, &[1; 300]));
    for ((before, left), right) in states.iter().zip(&pushed_left).zip(&pushed_right) {
        for after in [left, right] {
            assert_eq!(after.reward, 1.0);
            for k in [0, 2] {
                // Explicit Euler. One product and one sum, each rounded to half an ULP of at most 2.4: 2 * 2^-24 * 2.4 < 3e-7.
                assert!((after.state[k] - (before[k] + 0.02 * before[k + 1])).abs() < 3e-7);
            }
        }
        assert!(right.state[1] > left.state[1], "a push to the right moves the cart to the right");
        assert!(right.state[3] < left.state[3], "and the pole to the left");
    }
}

#[test]
fn episodes_end_at_the_limits_and_only_there() {
    // Velocities are 0, so that a step does not change position or angle.
    let angle = 12.0f32.to_radians();
    let cases = [
        ([2.39, 0.0, 0.0, 0.0], false),
        ([2.41, 0.0, 0.0, 0.0], true),
        ([-2.41, 0.0, 0.0, 0.0], true),
        ([-2.39, 0.0, 0.0, 0.0], false),
        ([0.0, 0.0, angle - 1e-4, 0.0], false),
        ([0.0, 0.0, angle + 1e-4, 0.0], true),
        ([0.0, 0.0, -angle - 1e-4, 0.0], true),
        ([0.0, 0.0, 1e-4 - angle, 0.0], false),
        // A step into the limit ends the episode that very step.
        ([2.39, 1.0, 0.0, 0.0], true),
        ([0.0, 0.0, 0.2, 1.0], true),
    ];
    let states: Vec<Vec<f32>> = cases.iter().map(|(state, _)| state.to_vec()).collect();
    let ends: Vec<bool> = cartpole(&states, &vec![1; states.len()]).iter().map(|stepped| stepped.terminated).collect();
    assert_eq!(ends, cases.map(|(_, ends)| ends));
}

#[test]
fn resets_vary_within_their_range() {
    let plan = plan("envs=4000 steps=1 minibatches=1 hidden=1", profile("software"));
    let head = "//! import rng\n//! import environment\n//! import env_lane\n@group(0) @binding(0) var<storage, read_write> env_lanes: array<LaneWords>;\n";
    let words = probe(
        &plan,
        head,
        "        var agent: Agent;\n        agent.seed.x = 5u;\n        env_lanes[n] = words_of(EnvLane(begin_episode(agent, 8u, n), NEW_EPISODE));",
        &Words::new(),
        "env_lanes",
    );
    for k in 0..4 {
        let values: Vec<f64> = words.chunks(plan.environment.lane_words()).map(|lane| f64::from(f32::from_bits(lane[k]))).collect();
        assert!(values.iter().all(|value| (-0.05..=0.05).contains(value)));
        let mean = values.iter().sum::<f64>() / 4000.0;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 4000.0;
        // Uniform in +-0.05: deviation 0.05/sqrt 3 = 0.0289; the mean of 4000 deviates by 0.000456, the variance (mean 8.33e-4) by 8.33e-4 sqrt(0.8/4000) = 1.18e-5.
        // Five standard deviations each; the stream is fixed.
        assert!(mean.abs() < 5.0 * 0.000456, "variable {k}: mean {mean}");
        assert!((variance - 0.01 / 12.0).abs() < 5.0 * 1.18e-5, "variable {k}: variance {variance}");
    }
}
