//! What stands between the functions of an environment's file and the kernels that call them.

use crate::spec::config::{Config, Setting};
use crate::spec::environment::{Environment, Parameter};

/// WGSL that stands between the environment's functions and the kernels that call them: its `parameters`, what is observed, and which actions are
/// legal.
pub fn glue(environment: &Environment, config: &Config) -> String {
    let mut text = String::from("//! import agent\n//! import rng\n//! import outcome\n//! import legal\n\n");
    // Software drivers turn a dynamic index into a long array into as many branches as it has elements.
    text += if environment.binary {
        "alias Observation = EnvState;\n\nfn observation_of(state: EnvState) -> Observation {\n    return state;\n}\n\n\
         fn component_of(observation: ptr<function, Observation>, k: u32) -> f32 {\n    return select(0.0, 1.0, env_component(observation, k));\n}\n\n"
    } else {
        "struct Observation {\n    components: array<f32, OBSERVATION>,\n}\n\nfn observation_of(state: EnvState) -> Observation {\n    return Observation(env_observe(state));\n}\n\n\
         fn component_of(observation: ptr<function, Observation>, k: u32) -> f32 {\n    return (*observation).components[k];\n}\n\n"
    };
    let settings = || environment.parameters.iter().map(|parameter| (parameter, config.env_parameters.get(&parameter.name)));
    let literal = |parameter: &Parameter, value: f64| if parameter.whole { format!("{value}u") } else { format!("f32({:e})", value as f32) };
    let values: Vec<String> =
        settings().map(|(parameter, setting)| literal(parameter, setting.map_or(parameter.default, |setting| setting.range()[0]))).collect();
    let values = format!("EnvParameters({})", values.join(", "));
    let varied = settings().any(|(_, setting)| setting.is_some_and(Setting::varies));
    if varied {
        text += "var<private> parameters: EnvParameters;\n\n";
    } else if !environment.parameters.is_empty() {
        text += &format!("const parameters = {values};\n\n");
    }
    text += "// Parameters of the episode that began at `time` in environment `n`.\nfn vary_parameters(agent: Agent, time: u32, n: u32) {\n";
    if varied {
        text += &format!("    parameters = {values};\n    var rng: Rng;\n");
        for (draw, (parameter, setting)) in settings().enumerate() {
            let Some(setting) = setting.filter(|setting| setting.varies()) else { continue };
            let [low, high] = setting.range();
            let value = if parameter.whole {
                format!("{low}u + rng_below(&rng, {}u)", high - low + 1.0)
            } else {
                format!("rng_between(&rng, {}, {})", literal(parameter, low), literal(parameter, high))
            };
            let (seed, time, lane) = setting.varies_with();
            text += &format!(
                "    rng = rng_stream({seed}, PARAMETER_DOMAIN, {time}, {lane});\n    rng.draw = {draw}u;\n    parameters.{} = {value};\n",
                parameter.name
            );
        }
    }
    text += "}\n\nfn legal_actions(state: EnvState) -> Legal {\n    var legal: Legal;\n";
    if environment.masked {
        text += "    var mask = env_action_mask(state);\n    for (var k = 0u; k < LOGITS; k++) {\n        \
                 legal.bits[k / 32u] |= select(0u, 1u, mask[k]) << (k % 32u);\n    }\n";
    }
    text + "    return legal;\n}\n"
}
