//! What the kernels of an update have to do at least: arithmetic, and memory traffic.

use crate::program::buffers::Buffer;
use crate::program::plan::Plan;
use crate::spec::network::{ACTOR, CRITIC, NETWORKS, Network};

/// What a dispatch has to do at least, for all agents.
pub(super) struct Work {
    /// f32 operations of dense layers: two for each weight and sample forwards, four backwards.
    pub(super) operations: f64,
    /// Bytes to read and write once.
    pub(super) bytes: f64,
}

/// Weights of one network, biases left out.
fn weights(network: &Network, which: usize) -> usize {
    network.layers.iter().enumerate().map(|(l, layer)| layer.inputs * network.outputs(which, l)).sum()
}

/// The work of a dispatch of `kernel`.
pub(super) fn work(kernel: &str, plan: &Plan) -> Work {
    let [actor, critic] = [ACTOR, CRITIC].map(|which| weights(&plan.network, which));
    let observation = 4 * plan.observation_words();
    // Words of `transitions` and `samples` for each step.
    let [transition, sample, action] = ["transitions", "samples", "actions"].map(|name| Buffer::named(name).words(plan) * 4 / (plan.agents * plan.batch));
    let (rows, columns) = (plan.gradient_rows, plan.partial_columns());
    // Of one pass; the weights of both networks that `weight_gradient` sums, and its input.
    let of_pass = plan.minibatch.div_ceil(plan.passes);
    let taped = plan.tape_columns();
    let tape = 4 * NETWORKS * plan.tape.units * of_pass;
    let (operations, bytes) = match kernel {
        "rollout" => {
            let lane = 4 * plan.environment.lane_words();
            let steps = plan.envs * plan.steps_per_dispatch;
            (2 * actor * steps, steps * (observation + action + transition) + plan.envs * 2 * lane)
        }
        // Episodes seldom end.
        "restart" => (0, plan.envs * 4),
        "observe" => (0, plan.envs * (4 * plan.environment.lane_words() + observation)),
        "act" => (2 * actor * plan.envs, plan.envs * (observation + action + 4)),
        "advance" => (0, plan.envs * (2 * 4 * plan.environment.lane_words() + action + transition - 4)),
        "evaluate" => {
            let values = plan.value_rows() * plan.envs;
            (2 * critic * values, values * (observation + 4))
        }
        "gae" => (0, plan.batch * (transition + 4 + sample)),
        // Whole samples: memory is not read in smaller pieces.
        "minibatch_moments" if plan.moment_parts > 1 => (0, 8 * plan.gradient_steps() * (plan.moment_parts + 1)),
        "minibatch_parts" | "minibatch_moments" => (0, plan.epochs * plan.batch * sample),
        "gradient" => {
            let operations = (6 * (actor + critic) - 2 * taped) * of_pass;
            (operations, of_pass * NETWORKS * (observation + action + sample) + tape + 4 * rows * columns)
        }
        "weight_gradient" => (2 * taped * of_pass, tape + 4 * plan.tape.rows * taped),
        "sum_gradient" => (0, 4 * (rows * columns + plan.tape.rows * taped + plan.gradient_columns())),
        // Reads the gradient; reads and writes parameters and both moments.
        "adam" => (0, 4 * plan.network.padded_parameters() * 7),
        // A few words each.
        "adapt_rate" => (0, 64),
        "bound_deviations" => (0, 8 * (plan.environment.actions.outputs() - plan.network.weighted)),
        "learn" => {
            let samples = plan.learn_steps * plan.minibatch;
            (6 * (actor + critic) * samples, samples * NETWORKS * (observation + action + sample) + 4 * plan.network.padded_parameters() * 6)
        }
        "observation_moments" => (0, plan.batch * observation),
        "update_normalizers" => (0, plan.envs * 32 + plan.observation_parts * 2 * observation),
        "rescale_values" => (0, plan.envs * 32),
        // How far `report` reads depends on how many episodes ended, and of other kernels nothing is known.
        _ => (0, 0),
    };
    Work { operations: (plan.agents * operations) as f64, bytes: (plan.agents * bytes) as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::profile::Profile;
    use crate::spec::config::Config;

    #[test]
    fn gradient_work_is_three_forwards_of_both_networks_for_each_sample() {
        let plan = Plan::new(&Config { agents: 2, ..Config::default() }, Profile::named("gpu").expect("a profile")).expect("the defaults fit together");
        // 4-64-64-2 and 4-64-64-1.
        let (actor, critic) = (4 * 64 + 64 * 64 + 64 * 2, 4 * 64 + 64 * 64 + 64);
        assert_eq!([weights(&plan.network, ACTOR), weights(&plan.network, CRITIC)], [actor, critic]);
        assert_eq!(work("gradient", &plan).operations, (2 * 128 * 6 * (actor + critic)) as f64);
        // An observation of 4 floats, an action, a transition of 5 words; every lane's 8 words twice.
        assert_eq!(work("rollout", &plan).bytes, (2 * (4 * 128 * (16 + 4 + 20) + 4 * 2 * 32)) as f64);

        // Of wide layers, `weight_gradient` has a third: here 256 x 256 weights of each network, for all samples of a minibatch.
        let wide = Config { hidden: vec![256, 256], envs: 16, ..Config::default() };
        let plan = Plan::new(&wide, Profile::named("gpu").expect("a profile")).expect("the sizes fit together");
        let [actor, critic] = [ACTOR, CRITIC].map(|which| weights(&plan.network, which));
        let operations = ["gradient", "weight_gradient"].map(|kernel| work(kernel, &plan).operations);
        assert_eq!((plan.passes, operations.iter().sum::<f64>()), (1, (plan.minibatch * 6 * (actor + critic)) as f64));
        assert_eq!(operations[1], (plan.minibatch * 2 * 2 * 256 * 256) as f64);

        // A bit for each of 400 components, which are 13 words, and a value of 4 bytes.
        let game = Config { env: "MinAtar/Breakout-v1".into(), envs: 4, steps: 8, ..Config::default() };
        let plan = Plan::new(&game, Profile::named("gpu").expect("a profile")).expect("the sizes fit together");
        assert_eq!(work("evaluate", &plan).bytes, (plan.value_rows() * 4 * (13 * 4 + 4)) as f64);
    }
}
