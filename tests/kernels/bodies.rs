//! Gymnasium's robots on the device, against what MuJoCo and Gymnasium recorded (`tests/conformance/bodies.py`).

use serde::Deserialize;

#[derive(Deserialize)]
struct Recorded {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    q: Vec<f64>,
    v: Vec<f64>,
    control: Vec<f64>,
    next_q: Vec<f64>,
    next_v: Vec<f64>,
    observation: Vec<f64>,
    reward: f64,
    terminated: bool,
}

/// Compares an environment step from each recorded state.
fn follows_mujoco(env: &str, name: &str) {
    let folder = std::env::var("PPO_GPU_BODIES").unwrap_or_else(|_| format!("{}/tests/conformance/bodies", env!("CARGO_MANIFEST_DIR")));
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).expect("a recording");
    let recorded: Recorded = serde_json::from_str(&text).expect("a recording");
    let plan = crate::harness::plan(&format!("env={env}"), crate::harness::profile("software"));
    let words = |step: &Step| {
        let mut words: Vec<f32> = step.q.iter().chain(&step.v).map(|&x| x as f32).collect();
        words.resize(plan.environment.state_words, 0.0);
        words
    };
    let states: Vec<Vec<f32>> = recorded.steps.iter().map(words).collect();
    let actions: Vec<u32> = recorded.steps.iter().flat_map(|step| &step.control).map(|&x| (x as f32).to_bits()).collect();
    let mut errors: [Vec<f64>; 4] = Default::default();
    for (step, found) in recorded.steps.iter().zip(crate::environment::step(env, &states, &actions)) {
        let far = |found: &[f32], expected: &[f64], scale: f64| found.iter().zip(expected).map(|(&a, &b)| (f64::from(a) - b).abs() / scale).fold(0.0, f64::max);
        let speed = step.next_v.iter().fold(1.0f64, |most, v| most.max(v.abs()));
        let q = step.q.len();
        errors[0].push(far(&found.state[..q], &step.next_q, 1.0));
        errors[1].push(far(&found.state[q..q + step.v.len()], &step.next_v, speed));
        errors[2].push(far(&found.observation, &step.observation, 1.0));
        errors[3].push((f64::from(found.reward) - step.reward).abs());
        assert_eq!(found.terminated, step.terminated);
    }
    for (what, errors) in ["q", "v", "obs", "reward"].iter().zip(&mut errors) {
        errors.sort_by(f64::total_cmp);
        let at = |share: f64| errors[((errors.len() - 1) as f64 * share) as usize];
        println!("{env} {what}: median {:.1e}, 99 % {:.1e}, most {:.1e}", at(0.5), at(0.99), at(1.0));
    }
}

#[test]
fn robots_follow_mujoco() {
    for (env, name) in [("InvertedPendulum-v5", "inverted_pendulum"), ("InvertedDoublePendulum-v5", "inverted_double_pendulum"), ("Reacher-v5", "reacher"), ("Swimmer-v5", "swimmer"), ("HalfCheetah-v5", "half_cheetah"), ("Hopper-v5", "hopper"), ("Walker2d-v5", "walker2d"), ("Ant-v5", "ant")] {
        follows_mujoco(env, name);
    }
}
