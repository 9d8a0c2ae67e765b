// The observation of an environment as numbers.
struct Observation {
    components: array<f32, OBSERVATION>,
}

fn observation_of(state: EnvState) -> Observation {
    return Observation(env_observe(state));
}

fn component_of(observation: ptr<function, Observation>, k: u32) -> f32 {
    return (*observation).components[k];
}
