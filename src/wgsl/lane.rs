//! The words of an environment in `env_lanes`, in vectors of four. Software drivers make a loop over the lanes of each access at a lane's own address, whatever its
//! width, and their compilers take longer than in proportion to the number of such loops.

use crate::program::plan::Plan;
use crate::spec::environment::Environment;
use crate::spec::layout::Layout;
use crate::wgsl::network::parts::element;
use crate::wgsl::writer::{Writer, line};

/// `struct LaneWords`, the element of `env_lanes`, and the functions between it and `EnvLane`.
pub fn text(environment: &Environment) -> String {
    let lane = layout(environment);
    let vectors = environment.lane_words() / 4;
    let mut w = Writer::default();
    w.comment("An EnvLane as it lies in memory.");
    w.block("struct LaneWords", |w| line!(w, "words: array<vec4<u32>, {vectors}>,"));
    w.function("", "lane_of(stored: LaneWords) -> EnvLane", |w| line!(w, "return {};", value(&lane, 0)));
    let mut words = vec!["0u".to_string(); 4 * vectors];
    list(&lane, "lane", &mut words);
    w.function("", "words_of(lane: EnvLane) -> LaneWords", |w| {
        line!(w, "return LaneWords(array<vec4<u32>, {vectors}>(");
        words.chunks(4).for_each(|word| line!(w, "    vec4({}),", word.join(", ")));
        w.line("));");
    });
    w.finish()
}

/// `store_vectors`, which stores an observation. It is written out: a loop over the components would keep them in an array that is indexed dynamically, and Mesa's
/// software driver makes of each assignment to such an array one for each lane.
pub fn store(plan: &Plan) -> String {
    let mut w = Writer::default();
    let signature = "store_vectors(base: u32, observation: ptr<function, Observation>)";
    w.function("Stores `observation`, filled up with zeros, from vector `base` of `observations` on.", signature, |w| {
        let size = plan.environment.observation;
        for i in 0..plan.observation_words() / 4 {
            let component = |k: usize| if k < size { format!("component_of(observation, {k}u)") } else { "0.0".into() };
            let vector: Vec<String> = (4 * i..4 * i + 4).map(component).collect();
            line!(w, "observations[base + {i}u] = bitcast<vec4<u32>>(vec4({}));", vector.join(", "));
        }
    });
    w.finish()
}

/// `EnvLane`, as shaders/shared/env_lane.wgsl declares it.
fn layout(environment: &Environment) -> Layout {
    let float = || Layout::Scalar("f32");
    let sum = Layout::structure("RunningSum", vec![("value", float()), ("error", float())]);
    let episode = Layout::structure("Episode", vec![("sum", sum), ("steps", Layout::Scalar("u32"))]);
    Layout::structure("EnvLane", vec![("state", environment.state.clone()), ("episode", episode)])
}

/// The value whose first word is number `first` of `stored`.
fn value(layout: &Layout, first: usize) -> String {
    let parts: Vec<String> = match layout {
        Layout::Scalar(kind) => {
            let word = element("stored.words", first);
            return if *kind == "u32" { word } else { format!("bitcast<{kind}>({word})") };
        }
        Layout::Elements { element, count, stride, .. } => (0..*count).map(|i| value(element, first + i * stride)).collect(),
        Layout::Structure { members, .. } => members.iter().map(|(_, offset, member)| value(member, first + offset)).collect(),
    };
    format!("{}({})", layout.name(), parts.join(", "))
}

/// Writes to `words` the words of the value `path`.
fn list(layout: &Layout, path: &str, words: &mut [String]) {
    match layout {
        Layout::Scalar(kind) => words[0] = if *kind == "u32" { path.into() } else { format!("bitcast<u32>({path})") },
        Layout::Elements { element, count, stride, .. } => (0..*count).for_each(|i| list(element, &format!("{path}[{i}]"), &mut words[i * stride..])),
        Layout::Structure { members, .. } => members.iter().for_each(|(name, offset, member)| list(member, &format!("{path}.{name}"), &mut words[*offset..])),
    }
}
