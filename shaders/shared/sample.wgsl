// The data of one environment step that a gradient step reads.

struct Sample {
    advantage: f32,
    value_target: f32,  // advantage + value
    value: f32,     // under the critic of the rollout
    log_prob: f32,  // under the policy of the rollout
}
