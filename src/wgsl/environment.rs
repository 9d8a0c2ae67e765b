//! WGSL glue between the functions of an environment's file and the kernels that call them.

use crate::spec::config::{Config, Setting};
use crate::spec::data::{Array, Data, Kind};
use crate::spec::environment::{Environment, Parameter, StateReader};
use crate::wgsl::writer::{Writer, line};

/// The observation's components, the environment's `parameters` and data, its legal actions, and what went wrong in it.
pub fn glue(environment: &Environment, config: &Config) -> String {
    let mut w = Writer::default();
    ["agent", "rng", "outcome", "legal", "divide", "canary", "fault"].iter().for_each(|name| line!(w, "//! import {name}"));
    // Software drivers turn a dynamic index into an array into one branch for each element.
    w.file(if environment.binary {
        include_str!("../../shaders/shared/observed_bits.wgsl")
    } else {
        include_str!("../../shaders/shared/observed_floats.wgsl")
    });
    parameters(&mut w, environment, config);
    // Up to the state, which is passed as the function declares it.
    let call = |reader: StateReader| format!("{}({}state", reader.name(), if environment.is_given_pointer(reader) { "" } else { "*" });
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
    if !environment.data.arrays.is_empty() {
        w.file(&data(&environment.data));
    }
    let comment = "What went wrong in the functions of the environment's file that no result shows. `rounds` is CANARY_ROUNDS, read from memory.";
    w.function(comment, "environment_fault(rounds: u32) -> u32", |w| {
        let otherwise = if environment.data.arrays.is_empty() { "NO_FAULT" } else { "outside_of_data" };
        line!(w, "return select(FAULT_LOOP, {otherwise}, loops_run(rounds));");
    });
    w.finish()
}

/// The functions by which the code of an environment reads its data. Each returns an element of an array; an index that is out of range is replaced by the
/// last one in it, and noted.
pub fn data(data: &Data) -> String {
    let mut w = Writer::default();
    if !data.arrays.is_empty() {
        w.line("//! import fault");
        line!(w, "\n@group(0) @binding({DATA_BINDING}) var<storage, read> env_data: array<u32>;  // [D]");
        w.line("var<private> outside_of_data: u32 = NO_FAULT;  // FAULT_DATA plus the number of the first array that an index was out of range in");
    }
    for (number, array) in data.arrays.iter().enumerate() {
        let Array { name, kind, shape, offset, .. } = array;
        let lengths: Vec<String> = shape.iter().map(|length| format!("{length}u")).collect();
        line!(w, "\nconst {name}_shape = array<u32, {}>({});", shape.len(), lengths.join(", "));
        let axes = || array.indices().iter().zip(&lengths);
        let arguments: Vec<String> = axes().map(|(index, _)| format!("{index}: u32")).collect();
        w.function("", format_args!("{name}({}) -> {}", arguments.join(", "), kind.name()), |w| {
            let outside: Vec<String> = axes().map(|(index, length)| format!("{index} >= {length}")).collect();
            w.when(outside.join(" || "), |w| line!(w, "outside_of_data = min(outside_of_data, FAULT_DATA + {number}u);"));
            let place = axes().fold(String::new(), |place, (index, length)| {
                let index = format!("min({index}, {length} - 1u)");
                if place.is_empty() { index } else { format!("({place}) * {length} + {index}") }
            });
            let word = format!("env_data[{offset}u + {place}]");
            match kind {
                Kind::U32 => line!(w, "return {word};"),
                Kind::F32 | Kind::I32 => line!(w, "return bitcast<{}>({word});", kind.name()),
            }
        });
    }
    w.finish()
}

/// The binding of `env_data`, beyond those that kernels declare.
const DATA_BINDING: u32 = 32;

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
