// The observation of an environment whose components are 0 or 1 each: computed one by one, so that no long array is indexed dynamically.
alias Observation = EnvState;

fn observation_of(state: ptr<function, EnvState>) -> Observation {
    return *state;
}

fn component_of(observation: ptr<function, Observation>, k: u32) -> f32 {
    return select(0.0, 1.0, env_component(observation, k));
}
