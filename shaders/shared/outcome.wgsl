// What an environment's step leads to.

struct Outcome {
    reward: f32,
    terminated: bool,
}
