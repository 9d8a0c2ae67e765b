// The result of an environment's step.

struct Outcome {
    reward: f32,
    terminated: bool,
}
