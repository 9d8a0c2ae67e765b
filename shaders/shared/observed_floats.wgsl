// The observation of an environment as numbers.
struct Observation {
    components: array<f32, OBSERVATION>,
}

fn component_of(observation: ptr<function, Observation>, k: u32) -> f32 {
    return (*observation).components[k];
}
