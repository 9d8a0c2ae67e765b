//! Environments that read arrays from files: the values that they get, what a run keeps of them, and what is said of mistakes.

mod common;
mod desk;

use common::gpu;
use desk::{DIVERGED, DONE, Desk, FAILED, Outcome, REFUSED};
use ppo_gpu::spec::config::Config;
use ppo_gpu::{Environment, Player, PlayerOptions};
use safetensors::tensor::{Dtype, TensorView};

const TINY: &str = "--envs 8 --steps 16 --minibatches 2 --hidden 4 --total-steps 256 --quiet";

/// Each step shows the next elements. `ROW` and `COLUMN` are how it reads `grid`.
const READER: &str = "// Reads arrays.
//! data arrays.safetensors
const OBSERVATION: u32 = 3u;
const ACTIONS: u32 = 2u;
const TIME_LIMIT: u32 = grid_shape[0] * grid_shape[1];
struct EnvState { step: u32 }
fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    return EnvState(0u);
}
fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    (*state).step += 1u;
    return Outcome(count((*state).step % count_shape[0]), false);
}
fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    let i = state.step % 12u;
    return array<f32, OBSERVATION>(grid(i / 3u, i % 3u), count(i), f32(signed(0u, i, 0u, 0u)));
}
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    return vec3(grid(u32(uv.y * 3.99), u32(uv.x * 2.99)));
}
";

fn file(tensors: &[(&str, Dtype, &[usize], Vec<u32>)]) -> Vec<u8> {
    let views =
        tensors.iter().map(|(name, dtype, shape, words)| (name.to_string(), TensorView::new(*dtype, shape.to_vec(), bytemuck::cast_slice(words)).unwrap()));
    safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap()
}

fn grid() -> Vec<f32> {
    (0..12).map(|i| 0.1 * i as f32 - 0.5).collect()
}

/// Twelve elements of each type.
fn arrays() -> Vec<u8> {
    file(&[
        ("grid", Dtype::F32, &[4, 3], grid().iter().map(|x| x.to_bits()).collect()),
        ("counts", Dtype::U32, &[12], (100..112).collect()),
        ("signed", Dtype::I32, &[1, 12, 1, 1], (-6..6).map(|x: i32| x as u32).collect()),
    ])
}

/// The text with `count`, which reads `counts` as floats.
fn reader() -> String {
    READER.replace("struct EnvState", "const count_shape = counts_shape;\nfn count(i: u32) -> f32 {\n    return f32(counts(i)) * 0.01;\n}\nstruct EnvState")
}

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("mine.wgsl", reader());
    desk.write("arrays.safetensors", arrays());
    desk
}

fn sha(outcome: &Outcome) -> String {
    outcome.json()["params_sha256"].as_str().unwrap().to_string()
}

#[test]
fn elements_are_those_of_the_file() {
    let desk = desk();
    let environment = Environment::named(desk.path("mine.wgsl").to_str().unwrap()).unwrap();
    assert_eq!(environment.time_limit, 12);
    let config = Config { hidden: vec![4], ..Config::default() };
    let options = PlayerOptions { agents: vec![0], envs: 2, steps: 12, seed: 1, deterministic: false };
    let mut player = Player::new(gpu(), &config, &environment, None, &options).unwrap();
    let rewards: Vec<f32> = player.advance().unwrap().iter().step_by(2).map(|transition| transition.reward).collect();
    let count = |i: usize| (100 + i % 12) as f32 * 0.01;
    assert_eq!(rewards, (1..=12).map(count).collect::<Vec<_>>());
    let words = player.engine().read("observations").unwrap();
    let shown: Vec<f32> = (0..12).flat_map(|t| words[t * 6..t * 6 + 3].to_vec()).map(f32::from_bits).collect();
    let expected: Vec<f32> = (0..12).flat_map(|i| [grid()[i], count(i), i as f32 - 6.0]).collect();
    assert_eq!(shown, expected);
}

#[test]
fn descriptions_list_the_arrays() {
    let desk = desk();
    let report = desk.expect(DONE, "env check mine.wgsl");
    assert!(report.stdout.contains("1 words of state, 3 arrays of data with 36 elements\n") && report.stdout.contains("it can be drawn"), "{report}");
    let shown = desk.expect(DONE, "env show mine.wgsl").stdout;
    let lines =
        ["data           counts [12] of u32   arrays.safetensors\n", "               grid [4, 3] of f32   ", "               signed [1, 12, 1, 1] of i32   "];
    assert!(lines.iter().all(|line| shown.contains(line)), "{shown}");
    let json = desk.expect(DONE, "env show mine.wgsl --json").json();
    assert_eq!(json["data"][1], serde_json::json!({ "name": "grid", "type": "f32", "shape": [4, 3], "file": "arrays.safetensors" }));
    let buffers = desk.expect(DONE, "inspect buffers --env mine.wgsl").stdout;
    let row = buffers.lines().find(|line| line.starts_with("env_data")).unwrap();
    assert!(row.contains("[D]: u32") && row.contains("144"), "{row}");
}

/// The file may be named by an imported file, from its own directory, and by several lines.
#[test]
fn imported_files_may_name_data() {
    let desk = desk();
    let whole = sha(&desk.expect(DONE, &format!("--env mine.wgsl {TINY} --json --out whole")));
    std::fs::create_dir(desk.path("lib")).unwrap();
    std::fs::rename(desk.path("arrays.safetensors"), desk.path("lib/a.safetensors")).unwrap();
    desk.write("lib/arrays.wgsl", "//! data a.safetensors\n");
    let text = reader().replace("//! data arrays.safetensors", "//! import lib/arrays.wgsl\n  //!data lib/../lib/a.safetensors");
    desk.write("mine.wgsl", text);
    assert_eq!(sha(&desk.expect(DONE, &format!("--env mine.wgsl {TINY} --json --out run"))), whole);
    // Arrays may be in several files.
    desk.write("lib/more.safetensors", file(&[("more", Dtype::F32, &[1], vec![0])]));
    desk.write("lib/arrays.wgsl", "//! data a.safetensors\n//! data more.safetensors\n");
    let shown = desk.expect(DONE, "env show mine.wgsl").stdout;
    assert!(shown.contains("more [1] of f32   lib/more.safetensors\n"), "{shown}");
}

/// Whatever continues a run, or plays its agents, needs the run's directory alone, and refuses data that were changed.
#[test]
fn a_run_keeps_the_data() {
    let desk = desk();
    let run = format!("--env mine.wgsl {TINY} --checkpoint-every 1");
    let whole = sha(&desk.expect(DONE, &format!("{run} --json --out whole")));
    desk.expect(DONE, &format!("{run} --out run"));
    std::fs::remove_file(desk.path("arrays.safetensors")).unwrap();
    assert_eq!(sha(&desk.expect(DONE, "resume run --from 1 --quiet --json")), whole);
    desk.expect(DONE, "eval run --episodes 4 --quiet");
    desk.expect(DONE, "export run --wgsl policy.wgsl");
    desk.expect(DONE, "record run --png-dir frames --size 8 --most-frames 4");
    desk.expect(DONE, "fork run --total-steps 128 --quiet --out fork");
    for name in ["environment.wgsl", "environment.safetensors"] {
        assert_eq!(desk.bytes(&format!("fork/{name}")), desk.bytes(&format!("run/{name}")));
    }
    // The copies are files like any other.
    assert_eq!(sha(&desk.expect(DONE, &format!("--env run/environment.wgsl {TINY} --json --out copy"))), whole);
    let digest = |run: &str| serde_json::from_str::<serde_json::Value>(&desk.read(&format!("{run}/run.json"))).unwrap()["environment"]["sha256"].clone();
    assert_eq!(digest("copy"), digest("run"));

    let (kept, mut damaged) = (desk.bytes("run/environment.safetensors"), desk.bytes("run/environment.safetensors"));
    *damaged.last_mut().unwrap() ^= 1;
    desk.write("run/environment.safetensors", &damaged);
    desk.expect(REFUSED, "eval run --episodes 4").says(&["this file, or environment.safetensors beside it, is not the one that this run was trained on"]);
    desk.write("run/environment.safetensors", &kept[..20]);
    desk.expect(REFUSED, "eval run --episodes 4").says(&["run/environment.safetensors is not a safetensors file, or is damaged"]);
    std::fs::remove_file(desk.path("run/environment.safetensors")).unwrap();
    desk.expect(REFUSED, "eval run --episodes 4").says(&["environment.safetensors", "help: "]);
}

/// Other numbers in the arrays make another environment.
#[test]
fn checkpoints_belong_to_the_data() {
    let desk = desk();
    desk.expect(DONE, &format!("--env mine.wgsl {TINY} --out run"));
    let mut changed = arrays();
    *changed.last_mut().unwrap() ^= 1;
    desk.write("arrays.safetensors", changed);
    desk.expect(DONE, &format!("--env mine.wgsl {TINY} --out other"));
    let checkpoint = std::fs::read_dir(desk.path("other/checkpoints")).unwrap().next().unwrap().unwrap().path();
    for entry in std::fs::read_dir(desk.path("run/checkpoints")).unwrap() {
        std::fs::copy(&checkpoint, entry.unwrap().path()).unwrap();
    }
    desk.expect(REFUSED, "eval run --episodes 4").says(&["it belongs to another environment than mine.wgsl, or to another version of it"]);
}

/// An index out of range reads the last element, and is a fault of the agent that names the array.
#[test]
fn an_index_out_of_range_is_a_fault() {
    let desk = desk();
    desk.write("mine.wgsl", reader().replace("grid(i / 3u, i % 3u)", "grid(i / 2u, i % 3u)"));
    let report = desk.expect(REFUSED, "env check mine.wgsl");
    assert!(
        report.stdout.contains("\nWRONG  an index of `grid` is out of range: its shape is [4, 3]; compare indices with NAME_shape before they are used"),
        "{report}"
    );
    let outcome = desk.expect(DIVERGED, &format!("--env mine.wgsl {TINY} --out run"));
    let what = "an index of `grid` is out of range: its shape is [4, 3]";
    outcome.says(&[&format!("agent 0 (seed 0) stopped in update 1: {what}\n  help: compare indices with NAME_shape"), "env show FILE"]);
    let rows = desk.read("run/metrics.jsonl");
    assert!(rows.contains("data: an index is out of range in array 1"), "{rows}");
    let summary = desk.read("run/summary.json");
    assert!(summary.contains(&format!("\"quantity\":\"data: an index is out of range in array 1\",\"what\":\"{what}\"")), "{summary}");
    let played = desk.expect(FAILED, "eval run --episodes 4");
    played.says(&[&format!("agent 0 stopped playing: {what}\n")]);
    assert!(played.stdout.contains(&format!("stopped playing: {what}  (stopped in update 1)")), "{played}");
    // Negative ones, too.
    desk.write("mine.wgsl", reader().replace("signed(0u, i, 0u, 0u)", "signed(u32(i32(i) - 1), i, 0u, 0u)"));
    let report = desk.expect(REFUSED, "env check mine.wgsl");
    assert!(report.stdout.contains("\nWRONG  an index of `signed` is out of range"), "{report}");
    // In a picture.
    let line = 1 + reader().lines().position(|line| line.starts_with("fn env_pixel")).unwrap();
    desk.write("mine.wgsl", reader().replace("u32(uv.y * 3.99)", "u32(uv.y * 5.0)"));
    let report = desk.expect(REFUSED, "env check mine.wgsl");
    assert!(report.stdout.contains(&format!("\nWRONG  mine.wgsl:{line}: an index of `grid` is out of range: its shape is [4, 3]; ")), "{report}");
}

#[test]
fn data_that_cannot_be_used_is_refused_at_its_line() {
    let desk = desk();
    let x = |name: &str, dtype: Dtype, words: Vec<u32>| file(&[(name, dtype, &[1], words)]);
    desk.write("double.safetensors", x("y", Dtype::F64, vec![0, 0]));
    desk.write("keyword.safetensors", x("while", Dtype::F32, vec![0]));
    desk.write("function.safetensors", x("min", Dtype::F32, vec![0]));
    desk.write("again.safetensors", x("grid", Dtype::F32, vec![0]));
    desk.write("own.safetensors", x("count", Dtype::F32, vec![0]));
    desk.write("shape.safetensors", x("count_shape", Dtype::F32, vec![0]));
    desk.write("kernel.safetensors", x("act_and_step", Dtype::F32, vec![0]));
    desk.write("nan.safetensors", x("y", Dtype::F32, vec![f32::NAN.to_bits()]));
    desk.write("text.safetensors", "no");
    std::fs::create_dir(desk.path("folder.safetensors")).unwrap();
    let cases: &[(&str, &[&str])] = &[
        ("", &["mine.wgsl:3: the data line names no file", "write //! data PATH.safetensors"]),
        ("arrays.npy", &["mine.wgsl:3: the data line names arrays.npy, and files of data are called NAME.safetensors"]),
        ("array.safetensors", &["mine.wgsl:3: cannot read array.safetensors: ", "did you mean 'arrays.safetensors'?"]),
        ("folder.safetensors", &["mine.wgsl:3: cannot read folder.safetensors: it is not a file"]),
        ("text.safetensors", &["mine.wgsl:3: text.safetensors is not a safetensors file", "save_file"]),
        ("double.safetensors", &["mine.wgsl:3: the array `y` of double.safetensors is of type F64", "ascontiguousarray(y, \"float32\")"]),
        ("nan.safetensors", &["mine.wgsl:3: the array `y` of nan.safetensors contains NaN at [0]"]),
        ("again.safetensors", &["mine.wgsl:3: both arrays.safetensors and again.safetensors contain an array `grid`"]),
        ("keyword.safetensors", &["the array `while` of keyword.safetensors has a name with a meaning in WGSL"]),
        ("function.safetensors", &["the array `min` of function.safetensors has a name with a meaning in WGSL"]),
        ("own.safetensors", &["`count_shape`", "it is declared in mine.wgsl:7, and for the array `count` of own.safetensors: rename the array"]),
        ("shape.safetensors", &["`count_shape`", "and for the array `count_shape` of shape.safetensors"]),
        ("kernel.safetensors", &["`act_and_step`", "the kernels around an environment use this name, and for the array `act_and_step` of kernel.safetensors"]),
    ];
    for (name, says) in cases {
        desk.write("mine.wgsl", reader().replace("const OBSERVATION:", &format!("//! data {name}\nconst OBSERVATION:")));
        desk.expect(REFUSED, "env check mine.wgsl").says(says);
    }
    // Lines that name a file after a word that is none of ours, and those in comments, which are none.
    for line in ["datas arrays.safetensors", "include arrays.wgsl", "arrays.safetensors", "data: arrays.safetensors", "Import 'arrays.wgsl';"] {
        desk.write("mine.wgsl", reader().replace("const OBSERVATION:", &format!("//! {line}\nconst OBSERVATION:")));
        let problem = format!("mine.wgsl:3: `//! {line}` is no line that ppo-gpu knows\n  help: write //! import PATH.wgsl or //! data PATH.safetensors; ");
        desk.expect(REFUSED, "env show mine.wgsl").says(&[&problem]);
    }
    let comment = "/* A comment, with /* another */ in it.\n//! data none.safetensors\n//! import none.wgsl\n\
        struct EnvParameters { workgroupBarrier(); }\n//! datas none.safetensors\n*/\n//! The data is in arrays.safetensors\n";
    desk.write("mine.wgsl", format!("{comment}{}", reader()));
    desk.expect(DONE, "env check mine.wgsl");
    // Mistakes in the use of arrays.
    let how = "`grid` is a function: grid(i, j) is an element, of type f32; indices are u32, and grid_shape[0] is a length";
    for wrong in ["grid(i)", "grid[i]", "grid(i32(i), 0u)", "grid(i, 0u, 0u)", "f32(grid_shape)"] {
        desk.write("mine.wgsl", reader().replace("grid(i / 3u, i % 3u)", wrong));
        desk.expect(REFUSED, "env check mine.wgsl").says(&[how]);
    }
    desk.write("mine.wgsl", reader().replace("grid(i / 3u, i % 3u)", "f32(env_data[0])"));
    desk.expect(REFUSED, "env check mine.wgsl").says(&["the buffer of all arrays has no place in an environment", "call the functions"]);
    // A name that no array has.
    desk.write("mine.wgsl", reader().replace("grid(i / 3u, i % 3u)", "gird(i / 3u, i % 3u)"));
    desk.expect(REFUSED, "env check mine.wgsl").says(&["`gird`", "did you mean 'grid'?"]);
}
