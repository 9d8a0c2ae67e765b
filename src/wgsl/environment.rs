//! WGSL glue between the functions of an environment's file and the kernels that call them.

use crate::spec::config::{Config, Setting};
use crate::spec::environment::{Environment, Parameter, StateReader};
use crate::wgsl::writer::{Writer, line};

/// The observation's components, the environment's `parameters`, and its legal actions.
pub fn glue(environment: &Environment, config: &Config) -> String {
    let mut w = Writer::default();
    ["agent", "rng", "outcome", "legal", "divide"].iter().for_each(|name| line!(w, "//! import {name}"));
    // Software drivers turn a dynamic index into an array into one branch for each element.
    w.file(if environment.binary {
        include_str!("../../shaders/shared/observed_bits.wgsl")
    } else {
        include_str!("../../shaders/shared/observed_floats.wgsl")
    });
    parameters(&mut w, environment, config);
    // Up to the state, which is passed as the function declares it.
    let call = |reader: StateReader| format!("{}({}state", reader.name(), if environment.by_pointer.contains(&reader) { "" } else { "*" });
    if !environment.binary {
        w.function("", "observation_of(state: ptr<function, EnvState>) -> Observation", |w| {
            line!(w, "return Observation({}));", call(StateReader::Observe));
        });
    }
    if environment.pictured {
        w.function("", "pixel_of(state: ptr<function, EnvState>, uv: vec2<f32>) -> vec3<f32>", |w| {
            line!(w, "return {}, uv);", call(StateReader::Pixel));
        });
    }
    w.function(
        "The actions that are legal in `state`, as bits; no bit is set, and none is read, where all of them always are.",
        "legal_actions(state: ptr<function, EnvState>) -> Legal",
        |w| {
            w.line("var legal: Legal;");
            if environment.masked {
                line!(w, "var mask = {});", call(StateReader::ActionMask));
                w.repeat("k", "LOGITS", |w| w.line("legal.bits[k / 32u] |= select(0u, 1u, mask[k]) << (k % 32u);"));
            }
            w.line("return legal;");
        },
    );
    w.finish()
}

/// `parameters` with fixed values, or with values that `vary_parameters` samples for an episode.
fn parameters(w: &mut Writer, environment: &Environment, config: &Config) {
    let settings = || environment.parameters.iter().map(|parameter| (parameter, config.env_parameters.get(&parameter.name)));
    let value = |(parameter, setting): (&Parameter, Option<&Setting>)| literal(parameter, setting.map_or(parameter.default, |setting| setting.range()[0]));
    let values = format!("EnvParameters({})", settings().map(value).collect::<Vec<_>>().join(", "));
    let varied = settings().any(|(_, setting)| setting.is_some_and(Setting::varies));
    if varied {
        w.line("\nvar<private> parameters: EnvParameters;");
    } else if !environment.parameters.is_empty() {
        line!(w, "\nconst parameters = {values};");
    }
    let comment = "Parameters of the episode that began at `time` in environment `n`.";
    w.function(comment, "vary_parameters(agent: Agent, time: u32, n: u32)", |w| {
        if !varied {
            return;
        }
        line!(w, "parameters = {values};");
        w.line("var rng: Rng;");
        for (draw, (parameter, setting)) in settings().enumerate() {
            let Some(setting) = setting.filter(|setting| setting.varies()) else { continue };
            let (seed, time, lane) = setting.varies_with();
            line!(w, "rng = rng_stream({seed}, PARAMETER_DOMAIN, {time}, {lane});");
            line!(w, "rng.draw = {draw}u;");
            line!(w, "parameters.{} = {};", parameter.name, drawn(parameter, setting.range()));
        }
    });
}

/// A parameter's value in WGSL.
fn literal(parameter: &Parameter, value: f64) -> String {
    if parameter.whole { format!("{value}u") } else { format!("f32({:e})", value as f32) }
}

/// A random number from `low` to `high` (both inclusive for integers), from `rng`.
fn drawn(parameter: &Parameter, [low, high]: [f64; 2]) -> String {
    if parameter.whole {
        format!("{low}u + rng_below(&rng, {}u)", high - low + 1.0)
    } else {
        format!("rng_between(&rng, {}, {})", literal(parameter, low), literal(parameter, high))
    }
}
