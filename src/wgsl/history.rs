//! Observations that consist of the last ones (key `observation_history`), as an environment around that of a file: its state has the file's and the observations, and
//! its functions, under the names that kernels call, call the file's, which are renamed. So kernels, and the layout of buffers, know nothing of it.

use crate::spec::environment::{Environment, StateReader};
use crate::wgsl::writer::{Writer, line};

/// What a file declares that is declared anew around it.
const RENAMED: [&str; 8] = ["OBSERVATION", "EnvState", "env_reset", "env_step", "env_observe", "env_component", "env_action_mask", "env_pixel"];

/// The WGSL of `environment`, as kernels contain it. The file's own lines come first and keep their numbers.
pub fn text(environment: &Environment) -> String {
    if environment.history == 1 {
        return environment.source.clone();
    }
    format!("{}\n// ---- the last observations\n\n{}", renamed(&environment.source), around(environment))
}

/// `source` with `_now` behind each word of [`RENAMED`].
fn renamed(source: &str) -> String {
    let mut text = String::new();
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = &rest[..end.max(next.len_utf8())];
        text += word;
        if RENAMED.contains(&word) {
            text += "_now";
        }
        rest = &rest[word.len()..];
    }
    text
}

/// The environment around that of the file.
fn around(environment: &Environment) -> String {
    let Environment { observation, history, actions, .. } = environment;
    let (newest, words) = (environment.newest(), environment.frame_words());
    let (seen, privileged) = (environment.seen() / history, environment.privileged / history);
    let padding = environment.history_words() - history * words;
    let last = history - 1;
    let own = |reader: StateReader| format!("{}_now({}", reader.name(), if environment.by_pointer.contains(&reader) { "&now" } else { "now" });
    let mut w = Writer::default();
    line!(w, "const OBSERVATION: u32 = {observation}u;  // that of the file, {history} times");
    w.gap();
    w.comment("One of the file's observations, as numbers or as bits.");
    w.block("struct EnvFrame", |w| line!(w, "words: array<{}, {words}>,", if environment.binary { "u32" } else { "f32" }));
    w.gap();
    w.block("struct EnvState", |w| {
        w.line("now: EnvState_now,");
        line!(w, "frames: array<EnvFrame, {history}>,  // the oldest first");
        if padding > 0 {
            line!(w, "filled_up: array<u32, {padding}>,");
        }
    });
    let frame = |w: &mut Writer| {
        if environment.binary {
            w.line("var frame: EnvFrame;");
            w.repeat("k", format_args!("{newest}u"), |w| {
                w.line("frame.words[k / 32u] |= select(0u, 1u, env_component_now(&now, k)) << (k % 32u);");
            });
        } else {
            line!(w, "let frame = EnvFrame({}));", own(StateReader::Observe));
        }
    };
    w.function("The first observation stands for those before it.", "env_reset(rng: ptr<function, Rng>) -> EnvState", |w| {
        w.line("var now = env_reset_now(rng);");
        frame(w);
        w.line("var state: EnvState;");
        w.line("state.now = now;");
        (0..*history).for_each(|i| line!(w, "state.frames[{i}] = frame;"));
        w.line("return state;");
    });
    let step = format!("env_step(state: ptr<function, EnvState>, action: {}, rng: ptr<function, Rng>) -> Outcome", actions.wgsl_type());
    w.function("", step, |w| {
        w.line("var now = (*state).now;");
        w.line("let outcome = env_step_now(&now, action, rng);");
        frame(w);
        w.line("(*state).now = now;");
        (0..last).for_each(|i| line!(w, "(*state).frames[{i}] = (*state).frames[{}];", i + 1));
        line!(w, "(*state).frames[{last}] = frame;");
        w.line("return outcome;");
    });
    if environment.binary {
        w.function("", "env_component(state: ptr<function, EnvState>, index: u32) -> bool", |w| {
            line!(w, "var i = index / {seen}u;");
            line!(w, "var k = index % {seen}u;");
            if privileged > 0 {
                line!(w, "let behind = index - min(index, {}u);", history * seen);
                w.when(format_args!("index >= {}u", history * seen), |w| {
                    line!(w, "i = behind / {privileged}u;");
                    line!(w, "k = {seen}u + behind % {privileged}u;");
                });
            }
            w.line("return (((*state).frames[i].words[k / 32u] >> (k % 32u)) & 1u) == 1u;");
        });
    } else {
        w.function("", "env_observe(state: ptr<function, EnvState>) -> array<f32, OBSERVATION>", |w| {
            w.line("var observation: array<f32, OBSERVATION>;");
            for i in 0..*history {
                w.repeat("k", format_args!("{seen}u"), |w| line!(w, "observation[{}u + k] = (*state).frames[{i}].words[k];", i * seen));
                if privileged > 0 {
                    let first = history * seen + i * privileged;
                    w.repeat("k", format_args!("{privileged}u"), |w| line!(w, "observation[{first}u + k] = (*state).frames[{i}].words[{seen}u + k];"));
                }
            }
            w.line("return observation;");
        });
    }
    if environment.masked {
        let mask = format!("env_action_mask(state: ptr<function, EnvState>) -> array<bool, {}>", actions.outputs());
        w.function("", mask, |w| {
            w.line("var now = (*state).now;");
            line!(w, "return {});", own(StateReader::ActionMask));
        });
    }
    if environment.pictured {
        w.function("", "env_pixel(state: ptr<function, EnvState>, uv: vec2<f32>) -> vec3<f32>", |w| {
            w.line("var now = (*state).now;");
            line!(w, "return {}, uv);", own(StateReader::Pixel));
        });
    }
    w.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_renamed() {
        let source = "const OBSERVATION: u32 = 4u; // OBSERVATION_SHAPE\nfn env_step(state: ptr<function, EnvState>) { my_env_step(); }\n";
        let expected = "const OBSERVATION_now: u32 = 4u; // OBSERVATION_SHAPE\nfn env_step_now(state: ptr<function, EnvState_now>) { my_env_step(); }\n";
        assert_eq!(renamed(source), expected);
        assert_eq!(renamed("é EnvState"), "é EnvState_now");
    }
}
