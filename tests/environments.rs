//! Environments as their authors meet them: `ppo-gpu env list`, `show`, `new` and `check`, and what is said of mistakes in an environment's file.
//!
//! Every test runs the binary. A mistake is an edit of one of the templates that `env new` writes; a `§` in the edit marks the line that the message must name.
//! `PPO_GPU_TEST_BACKEND` picks the backend.

mod desk;

use desk::{DIVERGED, DONE, Desk, FAILED, Outcome, REFUSED};
use ppo_gpu::environments::built_in::template;
use ppo_gpu::program::kernel;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::program::profile::PROFILES;
use ppo_gpu::spec::config::Config;
use ppo_gpu::spec::environment::Environment;
use ppo_gpu::wgsl::compose::compose;
use serde_json::Value;

/// Two updates of 128 samples.
const TWO_UPDATES: &str = "--envs 8 --steps 16 --minibatches 2 --hidden 4 --total-steps 256 --out run --quiet";
/// The file that mistakes are made in.
const FILE: &str = "mistake.wgsl";

// ---- mistakes

impl Desk {
    /// Makes a mistake, and returns its line.
    fn plant(&self, original: &str, edits: &[(&str, &str)]) -> Option<usize> {
        let (text, line) = planted(original, edits);
        self.write(FILE, text);
        line
    }
}

impl Outcome {
    /// Stderr is about `line` of the file, or about all of it, and calls it by its name; and there is help.
    fn is_about(&self, line: Option<usize>) -> &Outcome {
        let place = line.map_or(String::new(), |line| format!(":{line}"));
        assert!(self.stderr.starts_with(&format!("error: {FILE}{place}: ")), "not about {FILE}{place}\n{self}");
        let help = self.stderr.split_once("\n  help: ").unwrap_or_else(|| panic!("no help\n{self}")).1;
        assert!(help.trim().len() > 10 && !self.stderr.contains(".wgsl.wgsl"), "{self}");
        self
    }

    /// The only line of stdout that begins with this verdict.
    fn verdict(&self, verdict: &str) -> &str {
        let mut lines = self.stdout.lines().filter_map(|line| line.strip_prefix(verdict));
        let (line, next) = (lines.next(), lines.next());
        assert!(line.is_some() && next.is_none(), "not one `{verdict}`\n{self}");
        line.unwrap_or_default().trim_start()
    }
}

/// `original` with each of `edits`, whose first text it contains once, and the line of the `§`, which is taken out.
fn planted(original: &str, edits: &[(&str, &str)]) -> (String, Option<usize>) {
    let mut text = original.to_string();
    for (from, to) in edits {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, to);
    }
    assert!(text.matches('§').count() <= 1);
    let line = text.split_once('§').map(|(before, _)| before.matches('\n').count() + 1);
    (text.replace('§', ""), line)
}

#[test]
fn mistakes_are_reported_at_the_marked_line() {
    assert_eq!(planted("a\nb\nc\n", &[("c", "d§")]), ("a\nb\nd\n".into(), Some(3)));
    assert_eq!(planted("a\nb\nc\n", &[("c", "§d"), ("a", "a\na")]), ("a\na\nb\nd\n".into(), Some(4)));
    assert_eq!(planted("a\nb\nc\n", &[("b\n", "")]), ("a\nc\n".into(), None));
}

// ---- what there is

#[test]
fn every_built_in_environment_is_listed() {
    let desk = Desk::new();
    let listed = desk.expect(DONE, "env list").stdout;
    // Names have no spaces.
    let names: Vec<&str> = listed.lines().map(|line| line.split_whitespace().next().unwrap_or_default()).collect();
    assert_eq!(names, Environment::names().collect::<Vec<_>>());
    assert!(listed.lines().all(|line| line.split_whitespace().count() > 3), "each has a summary\n{listed}");

    let all = desk.expect(DONE, "env list --json").json();
    let all = all.as_array().expect("an array");
    assert_eq!(all.len(), names.len());
    for (value, name) in all.iter().zip(names) {
        assert_eq!(value["name"], name);
        assert!(value["observations"].as_u64().is_some_and(|count| count > 0), "{value}");
        assert!(value["actions"].as_str().is_some_and(|actions| actions.contains("action")), "{value}");
        assert!(value["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{value}");
        let parameters = value["parameters"].as_object().unwrap_or_else(|| panic!("{value}"));
        assert!(parameters.values().all(Value::is_number), "{value}");
    }
    let cartpole = &all[0];
    assert_eq!((cartpole["observations"].as_u64(), cartpole["actions"].as_str()), (Some(4), Some("2 actions")));
    assert_eq!((cartpole["time_limit"].as_u64(), cartpole["solved_return"].as_f64()), (Some(500), Some(475.0)));
    assert_eq!(cartpole["parameters"]["gravity"].as_f64(), Some(f64::from(9.8_f32)));
}

/// A user's file is compiled into kernels when it is read; ours are here.
#[test]
fn built_in_environments_fit_into_kernels() {
    for name in Environment::names() {
        Environment::parse(name, &Environment::named(name).unwrap().source).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn every_environment_shows_its_parameters() {
    let desk = Desk::new();
    for name in Environment::names() {
        let environment = Environment::named(name).unwrap();
        let shown = desk.expect(DONE, &format!("env show {name}")).stdout;
        assert!(shown.starts_with(&format!("{name}\n")), "{shown}");
        assert!(shown.contains(&format!("\nobservations   {}{}\n", environment.observation, environment.axes())), "{shown}");
        let shown_json = desk.expect(DONE, &format!("env show {name} --json")).json();
        assert_eq!((&shown_json["name"], &shown_json["shape"]), (&name.into(), &environment.shape.clone().into()));
        let (_, table) = shown.split_once("\nParameters (env_parameters)\n").unwrap_or_else(|| panic!("{shown}"));
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows.len(), environment.parameters.len() + 1, "{shown}");
        for (row, parameter) in rows.iter().zip(&environment.parameters) {
            assert_eq!((row[0], row[1].parse().ok()), (parameter.name.as_str(), Some(parameter.default as f32)), "{name}");
        }
        let limit = if environment.time_limit == u32::MAX { "none".into() } else { environment.time_limit.to_string() };
        assert_eq!(rows[rows.len() - 1][..2], ["time_limit", &limit], "{name}");
        assert_eq!(desk.expect(DONE, &format!("env show {name} --wgsl")).stdout, environment.source);
    }
    let cartpole = desk.expect(DONE, "env show cartpole-V1").stdout;
    for row in ["gravity 9.8 m/s^2", "force 10 N", "time_limit 500 steps", "actions 2 actions", "solved from 475"] {
        assert!(cartpole.lines().any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ").starts_with(row)), "{row}\n{cartpole}");
    }
}

/// An observation's axes: those of the games on boards, and of a file.
#[test]
fn an_observation_may_have_a_shape() {
    let desk = Desk::new();
    for (name, axes) in [
        ("MinAtar/Asterix-v1", &[10, 10, 4][..]),
        ("MinAtar/Breakout-v1", &[10, 10, 4]),
        ("MinAtar/Freeway-v1", &[10, 10, 7]),
        ("MinAtar/Seaquest-v1", &[10, 10, 10]),
        ("MinAtar/SpaceInvaders-v1", &[10, 10, 6]),
        ("2048", &[4, 4, 16]),
        ("CartPole-v1", &[4]),
    ] {
        let environment = Environment::named(name).unwrap();
        assert_eq!(environment.shape, axes, "{name}");
        assert_eq!(axes.iter().product::<usize>(), environment.observation, "{name}");
    }
    assert!(desk.expect(DONE, "inspect plan --env 2048").stdout.starts_with("2048: 256 observations (4 x 4 x 16), 4 actions"));
    assert!(desk.expect(DONE, "inspect plan --env CartPole-v1").stdout.starts_with("CartPole-v1: 4 observations, 2 actions"));
    for flags in ["--wgsl", "--png none.png"] {
        desk.expect(REFUSED, &format!("env show 2048 --json {flags}")).says(&["--json: neither WGSL nor a picture is JSON", "\n  help: "]);
    }

    // Whatever the axes are, the agents are the same.
    let parameters = |run: &str, declaration: &str| {
        desk.write(&format!("{run}.wgsl"), template(false).replace(OBSERVATION, &format!("{OBSERVATION}{declaration}")));
        desk.expect(DONE, &format!("--env {run}.wgsl {TWO_UPDATES} --json --out {run}")).json()["params_sha256"].clone()
    };
    let flat = parameters("flat", "");
    assert_eq!(parameters("shaped", "const ROWS_SEEN: u32 = 2u;\nconst OBSERVATION_SHAPE = array(1u, ROWS_SEEN, OBSERVATION / ROWS_SEEN);\n"), flat);
    assert!(desk.expect(DONE, "env check shaped.wgsl").stdout.contains("compiles; 4 observations (1 x 2 x 2), 3 actions"));
    let [of_flat, of_shaped] = ["flat", "shaped"].map(|run| desk.expect(DONE, &format!("env show {run}.wgsl --json")).json()["shape"].clone());
    assert_eq!((of_flat, of_shaped), (serde_json::json!([4]), serde_json::json!([1, 2, 2])));
}

/// What else is in a declaration's line does not matter.
#[test]
fn a_shape_is_read_wherever_it_is_declared() {
    for (declaration, shape) in
        [("/* a grid */ const OBSERVATION_SHAPE = array(2u, 2u);", Some(vec![2, 2])), ("const W = 2u; const OBSERVATION_SHAPE = array(2u, W + 1u);", None)]
    {
        let source = template(false).replace(OBSERVATION, &format!("{OBSERVATION}{declaration}\n"));
        assert_eq!(Environment::parse("grid.wgsl", &source).ok().map(|environment| environment.shape), shape, "{declaration}");
    }
}

/// The kernels of an environment with a shape are those without it, but for the line that declares it.
#[test]
fn a_shape_changes_no_kernel() {
    let declaration = "const OBSERVATION_SHAPE = array(2u, 2u);\n";
    let [flat, shaped] = ["", declaration].map(|declaration| {
        let source = template(false).replace(OBSERVATION, &format!("{OBSERVATION}{declaration}"));
        Environment::parse("grid.wgsl", &source).unwrap()
    });
    assert_eq!((&flat.shape[..], &shaped.shape[..]), (&[4][..], &[2, 2][..]));
    let mut declared = 0;
    for profile in PROFILES {
        let [flat, shaped] = [&flat, &shaped].map(|environment| Plan::with_environment(&Config::default(), environment.clone(), *profile).unwrap());
        for (flat_kernel, shaped_kernel) in kernel::all(&flat).into_iter().zip(kernel::all(&shaped)) {
            let text = compose(shaped_kernel, &shaped).text;
            declared += text.matches(declaration).count();
            assert_eq!(compose(flat_kernel, &flat).text, text.replacen(declaration, "", 1), "{}", flat_kernel.name);
        }
    }
    assert!(declared > 0, "the environment is part of some kernels");
}

#[test]
fn every_picture_is_a_valid_image() {
    const SIZE: u32 = 40;
    let desk = Desk::new();
    let mut pictured = 0;
    for environment in Environment::list().unwrap() {
        let arguments = format!("env show {} --png picture.png --size {SIZE}", environment.name);
        if !environment.pictured {
            desk.expect(REFUSED, &arguments).says(&["env_pixel", "\n  help: "]);
            continue;
        }
        let outcome = desk.expect(DONE, &arguments);
        assert!(outcome.stdout.starts_with("wrote picture.png"), "{outcome}");
        let (size, rgba) = decode(&desk.bytes("picture.png"));
        assert_eq!(size, [SIZE, SIZE], "{}", environment.name);
        let mut colours: Vec<&[u8]> = rgba.chunks_exact(4).collect();
        assert!(colours.iter().all(|colour| colour[3] == 255), "{} is opaque", environment.name);
        colours.sort();
        colours.dedup();
        assert!(colours.len() > 1, "{} is all {:?}", environment.name, colours[0]);
        pictured += 1;
    }
    assert!(pictured > 0);
}

#[test]
fn a_picture_has_the_size_and_the_step_asked_for() {
    let desk = Desk::new();
    let draw = |flags: &str| {
        desk.expect(DONE, &format!("env show CartPole-v1 --png picture.png {flags}"));
        decode(&desk.bytes("picture.png"))
    };
    assert_eq!(draw("").0, [256, 256]);
    let (start, later, same) = (draw("--size 101"), draw("--size 101 --after 20"), draw("--size 101 --after 20"));
    assert_eq!(start.0, [101, 101]);
    assert_ne!(start.1, later.1, "20 steps move the cart");
    assert_eq!(later, same);
    assert_ne!(draw("--size 101 --after 20 --seed 7").1, later.1, "another seed");
    for size in ["0", "2049"] {
        desk.expect(REFUSED, &format!("env show CartPole-v1 --png none.png --size {size}")).says(&["--size", "1 to 2048", "nearest that works: "]);
    }
    desk.expect(FAILED, "env show CartPole-v1 --png missing/none.png").says(&["cannot write missing/none.png", "caused by: ", "\n  help: "]);
    assert_eq!(desk.names(), ["picture.png"]);
}

/// Size, and red, green, blue and opacity of each pixel.
fn decode(bytes: &[u8]) -> ([u32; 2], Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size that fits into memory")];
    let frame = reader.next_frame(&mut pixels).expect("a frame");
    assert_eq!((frame.color_type, frame.bit_depth), (png::ColorType::Rgba, png::BitDepth::Eight));
    assert_eq!(pixels.len(), 4 * (frame.width * frame.height) as usize);
    ([frame.width, frame.height], pixels)
}

#[test]
fn unknown_environments_are_refused_with_the_nearest() {
    let desk = Desk::new();
    for (arguments, nearest) in [
        ("env show CartPol-v1", "CartPole-v1"),
        ("env show Pendulum-v0", "Pendulum-v1"),
        ("env show MinAtar/Freway-v1 --png none.png", "MinAtar/Freeway-v1"),
        ("env show Probe/Bandid --wgsl", "Probe/Bandit"),
        ("env check acrobot-v2", "Acrobot-v1"),
    ] {
        let outcome = desk.expect(REFUSED, arguments);
        outcome.says(&["there is no environment '", "\n  help: one of ", &format!("did you mean '{nearest}'?"), ".wgsl file"]);
        assert!(outcome.stdout.is_empty(), "{outcome}");
    }
    assert!(!desk.expect(REFUSED, "env show Pong").stderr.contains("did you mean"));
    assert!(desk.names().is_empty());
}

// ---- an environment of one's own

#[test]
fn a_new_environment_passes_its_check_and_trains() {
    for (flag, continuous, actions) in [("", false, "3 actions"), ("--continuous", true, "2 continuous actions")] {
        let desk = Desk::new();
        let outcome = desk.expect(DONE, &format!("env new mine {flag}"));
        assert!(outcome.stdout.contains("ppo-gpu env check mine.wgsl") && outcome.stdout.contains("ppo-gpu --env mine.wgsl"), "{outcome}");
        assert_eq!(desk.names(), ["mine.wgsl"]);
        assert_eq!(desk.read("mine.wgsl"), template(continuous));

        let report = desk.expect(DONE, "env check mine.wgsl");
        assert!(report.stderr.is_empty() && report.stdout.lines().all(|line| line.starts_with("ok ")), "{report}");
        for part in ["compiles; ", actions, "resets vary", "the same seed gives the same trajectories"] {
            assert!(report.stdout.contains(part), "`{part}` is missing\n{report}");
        }
        let summary = desk.expect(DONE, &format!("--env mine.wgsl {TWO_UPDATES} --json")).json();
        assert_eq!((&summary["env_steps"], &summary["config"]["env"]), (&256.into(), &"mine.wgsl".into()));
        assert_eq!(desk.names(), ["mine.wgsl", "run"]);
    }
}

#[test]
fn a_task_for_a_robot_passes_its_check() {
    let desk = Desk::new();
    desk.write("dog.xml", std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/robots/dog.xml")).unwrap());
    let outcome = desk.expect(DONE, "env new mine --mjcf dog.xml --task joystick");
    assert!(outcome.stdout.contains("wrote mine.wgsl and mine.toml") && outcome.stdout.contains("ppo-gpu --config mine.toml"), "{outcome}");
    let report = desk.expect(DONE, "env check mine.wgsl");
    for part in ["compiles; 30 observations, 6 continuous actions, time limit 1000 steps", "resets vary", "it can be drawn"] {
        assert!(report.stdout.contains(part), "`{part}` is missing\n{report}");
    }
    let summary = desk.expect(DONE, &format!("--config mine.toml {TWO_UPDATES} --json --env-parameters push_speed=[0,1],action_delay=[0,2]")).json();
    assert_eq!(summary["config"]["env"], "mine.wgsl");
    // Factors of the physics have the ranges that they have in built-in environments; a misspelt one has no effect.
    desk.expect(REFUSED, "env check mine.wgsl --env-parameters mass_scale=-1").says(&["env_parameters.mass_scale", "0.01"]);
    let text = desk.read("mine.wgsl");
    desk.write("mine.wgsl", text.replace("friction_scale: f32", "frictoin_scale: f32"));
    let report = desk.expect(DONE, "env check mine.wgsl");
    assert!(report.stdout.contains("nothing reads the parameter `frictoin_scale`: no value of it has an effect; did you mean 'friction_scale'?"), "{report}");
    desk.write("mine.wgsl", text.replace("    friction_scale: f32,", "    friction_scale: f32,\n    more: f32,"));
    desk.expect(REFUSED, "env check mine.wgsl").says(&["values, and `EnvParameters` has", "one value, in their order"]);
    desk.write("mine.wgsl", text);
    for (arguments, message) in [("--task joystick", "--mjcf"), ("--task fly --mjcf dog.xml", "possible values: walk, joystick")] {
        desk.expect(REFUSED, &format!("env new other {arguments}")).says(&[message]);
    }
    let spaced = desk.command("env new other").args(["--mjcf", " dog.xml"]).output().unwrap();
    desk::finish("env new other --mjcf ' dog.xml'", spaced).ended(REFUSED).says(&["cannot be in a line of a task", "rename it"]);
    desk.expect(REFUSED, "env new other.xml --mjcf dog.xml").says(&["other.xml would become other.xml.wgsl", "the name of the task: other"]);
    assert_eq!(desk.names(), ["dog.xml", "mine.toml", "mine.wgsl", "run"]);
}

#[test]
fn a_file_that_exists_is_not_overwritten() {
    let desk = Desk::new();
    desk.write("mine.wgsl", "// a day's work\n");
    // With the ending or without.
    for arguments in ["env new mine", "env new mine.wgsl --continuous"] {
        let outcome = desk.expect(REFUSED, arguments);
        outcome.says(&["mine.wgsl exists already", "\n  help: give another name"]);
        assert!(outcome.stdout.is_empty(), "{outcome}");
    }
    for name in [".wgsl", "folder/"] {
        desk.expect(REFUSED, &format!("env new {name}")).says(&["would have no name", "help: for instance"]);
    }
    let nothing = desk.command("env new").arg("").output().unwrap();
    desk::finish("env new ''", nothing).ended(REFUSED).says(&["would have no name"]);
    desk.expect(FAILED, "env new missing/mine").says(&["cannot create missing/mine.wgsl", "caused by: "]);
    assert_eq!((desk.names(), desk.read("mine.wgsl")), (vec!["mine.wgsl".into()], "// a day's work\n".into()));
}

/// What reads the state by pointer computes what it does by value: parameters and pictures are the same.
#[test]
fn the_state_may_be_read_by_pointer() {
    let desk = Desk::new();
    desk.write("value.wgsl", template(false));
    let readers =
        ["env_observe", "env_action_mask", "env_pixel"].map(|name| (format!("fn {name}(state: EnvState"), format!("fn {name}(state: ptr<function, EnvState>")));
    let pairs: Vec<(&str, &str)> = readers.iter().map(|(from, to)| (&from[..], &to[..])).collect();
    let (text, _) = planted(template(false), &pairs);
    desk.write("pointer.wgsl", text);
    let [value, pointer] = ["value", "pointer"].map(|name| {
        desk.expect(DONE, &format!("env show {name}.wgsl --png {name}.png"));
        let summary = desk.expect(DONE, &format!("--env {name}.wgsl {TWO_UPDATES} --json --out {name}")).json();
        (summary["params_sha256"].clone(), std::fs::read(desk.path(&format!("{name}.png"))).unwrap())
    });
    assert_eq!(value, pointer);
}

/// All digits of whole numbers; and a parameter that no function reads is not configured in vain.
#[test]
fn parameters_are_shown_exactly_and_must_be_read() {
    let desk = Desk::new();
    let edits = [
        ("    wind: f32,  //", "    most: u32,\n    wind: f32,  //"),
        ("EnvParameters(0.2)", "EnvParameters(4294967295u, 0.2)"),
        ("< parameters.wind)", "< parameters.wind + f32(min(parameters.most, 0u)))"),
    ];
    desk.write("mine.wgsl", planted(template(false), &edits).0);
    let shown = desk.expect(DONE, "env show mine.wgsl").stdout;
    assert!(shown.contains("  most                         4294967295\n"), "{shown}");
    let drawn = "--env-parameters most={low=16777217,high=16777217,per=\"agent\"}";
    desk.expect(DONE, &format!("--env mine.wgsl {TWO_UPDATES} {drawn} --quiet --out run"));
    desk.expect(DONE, "export run --wgsl policy.wgsl");
    assert!(desk.read("policy.wgsl").contains("mine.wgsl, most = 16777217 after"), "{}", desk.read("policy.wgsl"));
    desk.write("mine.wgsl", planted(template(false), &[("< parameters.wind)", "< DEFAULT_PARAMETERS.wind)")]).0);
    desk.expect(DONE, "env check mine.wgsl");
    for command in [format!("--env mine.wgsl {TWO_UPDATES} --env-parameters wind=0.5 --out other"), "env check mine.wgsl --env-parameters wind=0.5".into()] {
        desk.expect(REFUSED, &command).says(&["env_parameters.wind: mine.wgsl never reads it", "help: read parameters.wind in the file"]);
    }
    for flags in ["--wgsl --png a.png", "--after 3", "--size 5"] {
        desk.expect(REFUSED, &format!("env show mine.wgsl {flags}")).says(&["--png"]);
    }
}

#[test]
fn an_edited_copy_works() {
    let desk = Desk::new();
    let (text, _) = planted(
        template(false),
        &[
            ("OBSERVATION: u32 = 4u", "OBSERVATION: u32 = 5u"),
            (
                "        f32(state.ball_column - state.paddle_column) * scale,\n",
                "        f32(state.ball_column - state.paddle_column) * scale,\n        parameters.pay,\n",
            ),
            ("struct EnvParameters {\n", "struct EnvParameters {\n    pay: f32,   // for a ball\n"),
            ("EnvParameters(0.2)", "EnvParameters(0.5, 0.0)"),
            ("reward = 1.0;", "reward = parameters.pay;"),
        ],
    );
    // Editors of other systems end lines in their own way, and begin files with a mark.
    desk.write("mine.wgsl", format!("\u{feff}{}", text.replace('\n', "\r\n")));
    let shown = desk.expect(DONE, "env show mine.wgsl").stdout;
    assert!(shown.contains("observations   5\n") && shown.contains("for a ball"), "{shown}");
    let rewards = |flags: &str| {
        let report = desk.expect(DONE, &format!("env check mine.wgsl {flags}"));
        let line = report.stdout.lines().find_map(|line| line.split_once("rewards are finite, ")).unwrap_or_else(|| panic!("{report}"));
        line.1.to_string()
    };
    // Without wind two trajectories of a seed differ from those with wind, and the pay is what a ball pays.
    let plain = rewards("");
    assert!(plain.starts_with("from 0 to 0.5, "));
    assert!(rewards("--env-parameters pay=3").starts_with("from 0 to 3, "));
    assert_ne!(rewards("--env-parameters wind=0.9"), plain);

    let summary = desk.expect(DONE, &format!("--env mine.wgsl {TWO_UPDATES} --json --env-parameters pay=2,wind=[0,0.5]")).json();
    assert_eq!(summary["config"]["env_parameters"], serde_json::json!({"pay": 2.0, "wind": [0.0, 0.5]}));
    desk.expect(REFUSED, "env check mine.wgsl --env-parameters pai=2").says(&["env_parameters.pai: mine.wgsl", "did you mean 'pay'?"]);
}

// ---- mistakes

/// A file that is refused, and parts of the message.
struct Mistake {
    /// Of the template with continuous actions.
    continuous: bool,
    edits: &'static [(&'static str, &'static str)],
    says: &'static [&'static str],
}

const fn discrete(edits: &'static [(&'static str, &'static str)], says: &'static [&'static str]) -> Mistake {
    Mistake { continuous: false, edits, says }
}

const fn continuous(edits: &'static [(&'static str, &'static str)], says: &'static [&'static str]) -> Mistake {
    Mistake { continuous: true, edits, says }
}

/// Where a shape is declared.
const OBSERVATION: &str = "const OBSERVATION: u32 = 4u;\n";
/// Where declarations are added.
const BEFORE_RESET: &str = "// The first state of an episode.\n";

const MISSING_FUNCTION: Mistake =
    discrete(&[("fn env_step(", "fn env_stap(")], &["there is no function `env_step`", "help: write fn env_step(", "(or is it `env_stap` in line 66?)"]);
const SYNTAX: Mistake = discrete(
    // The compiler misses the semicolon where the next statement begins.
    &[("    s.ball_row += 1;\n    if", "    s.ball_row += 1\n    if§")],
    &["expected `;`, found \"if\"", "help: what is missing may be at the end of the line before", "│     if (rng_uniform"],
);
const COLLISION: Mistake = discrete(
    &[(BEFORE_RESET, "fn advance(x: u32) -> u32 {§\n    return x + 1u;\n}\n// The first state of an episode.\n")],
    &["redefinition of `advance`", "help: the kernels around an environment already use this name", "choose another"],
);

const MISTAKES: &[Mistake] = &[
    MISSING_FUNCTION,
    SYNTAX,
    COLLISION,
    // Of the kernel that draws.
    discrete(&[(BEFORE_RESET, "const PICTURE_SIZE: u32 = 3u;§\n// The first state of an episode.\n")], &["redefinition of `PICTURE_SIZE`", "choose another"]),
    // Names of WGSL, which kernels use.
    discrete(
        &[(BEFORE_RESET, "fn log(x: f32) -> f32 {§\n    return x;\n}\n// The first state of an episode.\n")],
        &["`fn log` has a name with a meaning in WGSL", "help: choose another name"],
    ),
    discrete(
        &[(BEFORE_RESET, "const side: vec2<f32> = vec2<f32>(1.0, 2.0); fn sqrt(x: f32) -> f32 {§\n    return x;\n}\n// The first state of an episode.\n")],
        &["`fn sqrt` has a name with a meaning in WGSL"],
    ),
    discrete(&[("fn env_step(", "fn step(§")], &["`fn step` has a name with a meaning in WGSL", "did you mean 'env_step'?"]),
    // Declarations that nothing would use.
    discrete(&[("fn env_action_mask(", "fn env_actions_mask(§")], &["`fn env_actions_mask` is not used", "did you mean 'env_action_mask'?"]),
    discrete(&[("fn env_action_mask(", "fn env_mask(§")], &["`fn env_mask` is not used", "help: remove it, use it"]),
    discrete(
        &[(BEFORE_RESET, "const SOLVED_RETURNS: f32 = 1.0;§\n// The first state of an episode.\n")],
        &["`const SOLVED_RETURNS` is not used", "did you mean 'SOLVED_RETURN'?"],
    ),
    discrete(&[("fn env_pixel(", "const env_pixel = 1.0;§\nfn pixel_of_env(")], &["`const env_pixel` is not used", "help: declare it as `fn`"]),
    discrete(
        &[
            ("struct EnvParameters {", "struct EnvParameter {"),
            ("const DEFAULT_PARAMETERS = EnvParameters(", "const DEFAULT_PARAMETERS = EnvParameter(§"),
            ("< parameters.wind)", "< DEFAULT_PARAMETERS.wind)"),
        ],
        &["`DEFAULT_PARAMETERS` has no `struct EnvParameters`", "help: declare the parameters"],
    ),
    discrete(
        &[("const ACTIONS: u32 = 3u;", "const ACTIONS: u32 = 3u;\nconst ACTION_COUNTS = array(3, 2);§")],
        &["`ACTION_COUNTS` has no type", "help: write the types"],
    ),
    // Functions.
    discrete(&[("fn env_reset(", "fn reset(")], &["there is no function `env_reset`", "-> EnvState"]),
    discrete(&[("fn env_observe(", "fn observe(")], &["there is no function `env_observe`", "help: write fn env_observe(EnvState) -> array<f32, 4>"]),
    discrete(
        &[("-> array<f32, OBSERVATION> {", "-> vec4<f32> {§"), ("return array<f32, OBSERVATION>(", "return vec4<f32>(")],
        &["`env_observe` returns vec4<f32> instead of array<f32, 4>", "help: it is called as fn env_observe("],
    ),
    discrete(
        &[("action: u32, rng", "action: i32,§ rng")],
        &["`env_step` takes (ptr<function, EnvState>, i32, ", "EnvState>, u32, ptr<function, Rng>) -> Outcome"],
    ),
    continuous(
        &[("action: array<f32, 2>", "action: f32§"), ("vec2(action[0], action[1])", "vec2(action, action)")],
        &["`env_step` takes (ptr<function, EnvState>, f32, ", "array<f32, 2>"],
    ),
    discrete(
        &[
            ("-> array<bool, ACTIONS> {", "-> array<bool, 2> {§"),
            ("array<bool, ACTIONS>(state.paddle_column > 0, true, ", "array<bool, 2>(state.paddle_column > 0, "),
        ],
        &["`env_action_mask` returns array<bool, 2> instead of array<bool, 3>"],
    ),
    discrete(
        &[("fn env_observe(", "fn env_component(state: ptr<function, EnvState>, index: u32) -> bool {§\n    return index == 0u;\n}\nfn env_observe(")],
        &["both `env_observe` and `env_component`", "help: remove one of them"],
    ),
    discrete(
        &[(
            "fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {",
            "fn env_component(state: EnvState, index: u32) -> bool {§\n    return index == 0u;\n}\nfn observe(state: EnvState) -> array<f32, OBSERVATION> {",
        )],
        &["`env_component` takes (EnvState, u32)", "ptr<function, EnvState>, u32) -> bool"],
    ),
    // Readers of the state that get a pointer to it, and change it themselves or by a function that they call.
    discrete(
        &[(
            "fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {",
            "fn env_observe(state: ptr<function, EnvState>) -> array<f32, OBSERVATION> {§\n    (*state).paddle_column = 0;",
        )],
        &["`env_observe` changes the state", "help: only env_step changes the state"],
    ),
    discrete(
        &[(
            "fn env_action_mask(state: EnvState) -> array<bool, ACTIONS> {",
            "fn centre(column: ptr<function, i32>) {\n    for (var i = 0; i < 2; i++) {\n        *column = i;\n    }\n}\n\
             fn env_action_mask(state: ptr<function, EnvState>) -> array<bool, ACTIONS> {§\n    centre(&(*state).paddle_column);",
        )],
        &["`env_action_mask` changes the state"],
    ),
    continuous(
        &[("// Optional: the picture.", "fn env_action_mask(state: EnvState) -> array<bool, 4> {§\n    return array<bool, 4>();\n}\n// The picture.")],
        &["continuous actions cannot be masked", "help: remove env_action_mask"],
    ),
    // A pointer to a part of a variable, which translators of WGSL cannot pass on.
    continuous(
        &[
            ("    var s = *state;", "    clear(&(*state).velocity);§\n    var s = *state;"),
            ("// A random point of the table", "fn clear(velocity: ptr<function, vec2<f32>>) {\n    *velocity = vec2(0.0);\n}\n// A random point of the table"),
        ],
        &["an argument points to a part of a variable", "help: copy the part to a variable"],
    ),
    // Of sizes and constants.
    discrete(
        &[("OBSERVATION: u32 = 4u", "OBSERVATION: u32 = 5u"), ("return array<f32, OBSERVATION>(", "return array<f32, OBSERVATION>(§")],
        &["expects 5 components but 4 were given", "help: give as many values"],
    ),
    discrete(
        &[("const OBSERVATION: u32 = 4u;\n", ""), ("-> array<f32, OBSERVATION>", "-> array<f32, OBSERVATION>§")],
        &["no definition in scope for identifier: `OBSERVATION`", "help: declare it, with its type: const OBSERVATION: u32 = 4u;"],
    ),
    discrete(&[("TIME_LIMIT: u32 = 200u", "TIME_LIMIT: u32 = 0u§")], &["`TIME_LIMIT` is 0", "help: a whole number from 1"]),
    discrete(&[("const TIME_LIMIT: u32 = 200u;", "")], &["there is no number `TIME_LIMIT`", "help: declare it, with its type: const TIME_LIMIT: u32"]),
    continuous(
        &[("ACTION_LOW = array(-1.0f, -1.0f)", "ACTION_LOW = array(-1.0f, 1.0f)§")],
        &["dimension 1 of the action lies between 1 and 1", "less than the upper one"],
    ),
    continuous(&[("ACTION_HIGH = array(1.0f, 1.0f)", "ACTION_HIGH = array(1.0f)§")], &["2 lower and 1 upper bounds", "as many of one as of the other"]),
    discrete(
        &[("const ACTIONS: u32 = 3u;", "const ACTIONS: u32 = 3u;§\nconst ACTION_COUNTS = array(3u, 3u);")],
        &["declarations of actions contradict each other", "one of: const ACTIONS"],
    ),
    discrete(
        &[
            ("const ACTIONS: u32 = 3u;", "const ACTION_NUMBER: u32 = 3u;"),
            ("-> array<bool, ACTIONS> {", "-> array<bool, 3> {"),
            ("return array<bool, ACTIONS>(", "return array<bool, 3>("),
        ],
        &["nothing says what an action is", "one of: const ACTIONS"],
    ),
    // A shape.
    discrete(
        &[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst OBSERVATION_SHAPE = array(2u, 3u);§\n")],
        &["`OBSERVATION_SHAPE` has 2 x 3 = 6 components, and `OBSERVATION` is 4", "help: their product must be OBSERVATION"],
    ),
    discrete(
        &[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst OBSERVATION_SHAPE = array(4294967295u, 4294967295u, 4294967295u, 4294967295u);§\n")],
        &["= 340282366604025813516997721482669850625 components"],
    ),
    discrete(
        &[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst OBSERVATION_SHAPE = array(4u);§\n")],
        &["`OBSERVATION_SHAPE` has 1 axis", "help: 2 to 4; without the constant, an observation has one axis"],
    ),
    discrete(&[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst OBSERVATION_SHAPE = array(1u, 1u, 2u, 2u, 1u);§\n")], &["has 5 axes", "help: 2 to 4"]),
    discrete(
        &[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst PRIVILEGED_OBSERVATION: u32 = 4u;§\n")],
        &["`PRIVILEGED_OBSERVATION` is 4, and `OBSERVATION` is 4: the policy would see nothing", "help: `OBSERVATION` counts all components"],
    ),
    discrete(
        &[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst PRIVILEGED_OBSERVATION: u32 = 0u;§\n")],
        &["`PRIVILEGED_OBSERVATION` is 0", "help: remove it if the policy sees the whole observation"],
    ),
    discrete(
        &[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst PRIVILEGED_OBSERVATION = 1;§\n")],
        &["`PRIVILEGED_OBSERVATION` has no type", "const PRIVILEGED_OBSERVATION: u32 = 3u;"],
    ),
    discrete(
        &[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst PRIVILEGED_OBSERVATION: f32 = 1.0;§\n")],
        &["`PRIVILEGED_OBSERVATION` is of type f32", "const PRIVILEGED_OBSERVATION: u32 = 3u;"],
    ),
    discrete(
        &[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst OBSERVATION_SHAPE = array(2u, 2u);\nconst PRIVILEGED_OBSERVATION: u32 = 1u;§\n")],
        &["an observation with axes has no privileged components", "help: remove OBSERVATION_SHAPE"],
    ),
    discrete(
        &[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst PRIVILEGED_OBSERVATIONS: u32 = 1u;§\n")],
        &["`const PRIVILEGED_OBSERVATIONS` is not used", "did you mean 'PRIVILEGED_OBSERVATION'?"],
    ),
    discrete(
        &[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst OBSERVATION_SHAPE = array(2u, 0u);§\n")],
        &["axis 1 of `OBSERVATION_SHAPE` is 0", "help: an axis has a length of at least 1"],
    ),
    discrete(
        &[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst OBSERVATION_SHAPE = array(2, 2);§\n")],
        &["`OBSERVATION_SHAPE` has no type", "help: write the types of numbers: const OBSERVATION_SHAPE = array(10u, 10u, 4u);"],
    ),
    discrete(
        &[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst OBSERVATION_SHAPE = array(2i, 2i);§\n")],
        &["`OBSERVATION_SHAPE` is of type array<i32, 2>", "help: it is an array of u32"],
    ),
    discrete(&[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst OBSERVATION_SHAPE: u32 = 4u;§\n")], &["`OBSERVATION_SHAPE` is of type u32"]),
    discrete(
        &[(OBSERVATION, "const OBSERVATION: u32 = 4u;\nconst OBSERVATION_SHAPE = array<u32, 2>();§\n")],
        &["the axes of `OBSERVATION_SHAPE` are not plain numbers", "help: write them in the array"],
    ),
    // Parameters and state.
    discrete(
        &[("struct EnvParameters {", "struct EnvParameters {§"), ("const DEFAULT_PARAMETERS = EnvParameters(0.2);\n", "")],
        &["`EnvParameters` has no standard values", "const DEFAULT_PARAMETERS = "],
    ),
    discrete(
        &[("wind: f32,", "wind: i32,§"), ("EnvParameters(0.2)", "EnvParameters(2)"), ("< parameters.wind", "< f32(parameters.wind)")],
        &["the parameter `wind` is a i32", "f32 or u32"],
    ),
    discrete(
        &[("    wind: f32,", "    time_limit: u32,§\n    wind: f32,"), ("EnvParameters(0.2)", "EnvParameters(9u, 0.2)")],
        &["has a parameter `time_limit` already", "TIME_LIMIT is its default"],
    ),
    discrete(
        &[("struct EnvState {", "struct EnvState {§\n    board: array<u32, 2000>,"), ("EnvState(ball_column,", "EnvState(array<u32, 2000>(), ball_column,")],
        &["`EnvState` has 2003 words", "at most 1024", "help: pack flags into bits"],
    ),
    // What belongs to kernels.
    discrete(&[("    var reward = 0.0;", "    workgroupBarrier();§\n    var reward = 0.0;")], &["a barrier has no place in an environment", "help: remove it"]),
    discrete(&[(BEFORE_RESET, "@group(0) @binding(0) var<storage> seen: array<u32>;§\n")], &["a binding has no place in an environment", "help: "]),
    discrete(&[(BEFORE_RESET, "// var<private> is\nvar<private> count: u32;§\n")], &["a variable outside functions has no place", "help: keep in EnvState"]),
    discrete(&[(BEFORE_RESET, "@compute @workgroup_size(1)§\nfn main() {}\n")], &["an entry point has no place", "help: an environment consists of"]),
    discrete(&[(BEFORE_RESET, "override speed: f32 = 1.0;§\n")], &["an override has no place", "EnvParameters"]),
    discrete(&[("// How many numbers an agent observes.", "// How many numbers an agent observes.\nenable f16;§")], &["a directive has no place", "help: "]),
    discrete(
        &[(BEFORE_RESET, "fn rng_bits(x: u32) -> u32 {§\n    return x;\n}\n")],
        &["redefinition of `rng_bits`", "help: the name is reserved by ppo-gpu, or declared twice"],
    ),
    discrete(
        &[(BEFORE_RESET, "struct Outcome {§\n    reward: f32,\n    terminated: bool,\n}\n")],
        &["redefinition of `Outcome`", "help: the name is reserved by ppo-gpu"],
    ),
    discrete(&[(BEFORE_RESET, "const parameters: f32 = 1.0;§\n")], &["redefinition of `parameters`", "help: the name is reserved by ppo-gpu"]),
    // The language.
    discrete(
        &[("parameters.wind)", "parametres.wind)§")],
        &["no definition in scope for identifier: `parametres`", "help: declare it, or check its spelling", "did you mean 'parameters'?"],
    ),
    discrete(&[("parameters.wind)", "parameters.wnd)§")], &["invalid field accessor `wnd`", "did you mean 'wind'?"]),
    discrete(&[("let ball_column = i32(rng_below(", "let ball_column = i32(rng_belo(§")], &["`rng_belo`", "did you mean 'rng_below'?"]),
    discrete(&[("let row = i32(place.y);", "let row = i32(flor(place.y));§")], &["`flor`", "did you mean 'floor'?"]),
    discrete(&[("parameters.wind)", "parameters.winds)§")], &["invalid field accessor `winds`", "│     if (rng_uniform"]),
    discrete(
        &[("reward = 1.0;", "reward = 1u;§")],
        &["cannot convert elements of `u32` to `f32`", "help: types are never converted silently", "│             reward = 1u;"],
    ),
    discrete(
        &[(BEFORE_RESET, "fn fall(x: u32) -> u32 {§\n    if (x == 0u) {\n        return 0u;\n    }\n    return fall(x - 1u);\n}\n")],
        &["declaration of `fall` is recursive", "help: WGSL has no recursion: write a loop"],
    ),
    discrete(&[("var s = *state;", "var s = *state;\n    parameters.wind = 0.1;§")], &["invalid left-hand side of assignment", "│     parameters.wind = 0.1;"]),
    continuous(&[("vec2(action[0], action[1])", "vec2(action[0], action[2])§")], &["index 2 is out of", "help: indices begin with 0", "action[2]"]),
    discrete(&[("    return Outcome(reward, terminated);\n", ""), ("fn env_step(", "fn env_step(§")], &["`return`", "help: each path through a function"]),
    discrete(
        &[("rng_uniform(rng) < parameters.wind)", "rng_uniform(rng) * 2u < parameters.wind)§")],
        &["Multiply can't work with", "help: types are never converted"],
    ),
    discrete(
        &[("-> Outcome {", "-> f32 {"), ("return Outcome(reward, terminated);", "return Outcome(reward, terminated);§")],
        &["does not match the declared return type", "help: each path"],
    ),
    discrete(&[(BEFORE_RESET, "var count: u32;§\n")], &["address space", "help: keep in EnvState"]),
    discrete(&[("EnvParameters(0.2)", "EnvParameters(0.2, 3.0)§")], &["help: give each field one value"]),
    discrete(
        &[("    paddle_column: i32,\n}", "    paddle_column: i32,\n    falling: bool,§\n}"), ("COLUMNS / 2);", "COLUMNS / 2, true);")],
        &["`falling` of `EnvState` is a bool", "help: make it a u32"],
    ),
    discrete(&[("ACTIONS: u32 = 3u", "ACTIONS = 3§")], &["`ACTIONS` has no type", "const ACTIONS: u32"]),
    discrete(&[("OBSERVATION: u32 = 4u", "OBSERVATION = 4§")], &["no number `OBSERVATION`", "with its type: const OBSERVATION: u32"]),
    discrete(&[("OBSERVATION: u32 = 4u", "OBSERVATION = 0u§")], &["`OBSERVATION` is 0", "help: a whole number from 1 on"]),
    discrete(&[("ACTIONS: u32 = 3u", "ACTIONS: u32 = 0u§")], &["`ACTIONS` is 0", "help: a whole number from 1 on"]),
    discrete(&[("const TIME_LIMIT", "const TIMELIMIT")], &["no number `TIME_LIMIT`", "(or is it `TIMELIMIT` in line 35?)"]),
    discrete(
        &[("const ACTIONS: ", "const ACTION: "), ("array<bool, ACTIONS> {", "array<bool, ACTIONS> {§")],
        &["`ACTIONS`", "(or is it `ACTION` in line 31?)"],
    ),
    discrete(
        &[("const ACTIONS: u32 = 3u;", ""), ("array<bool, ACTIONS> {", "array<bool, ACTIONS> {§")],
        &["no definition in scope for identifier: `ACTIONS`", "help: one of: const ACTIONS: u32 = 2u;"],
    ),
    discrete(&[("    var reward = 0.0;", "    loop {§}\n    var reward = 0.0;")], &["this loop never ends", "help: write a condition"]),
    discrete(
        &[("    var reward = 0.0;", "    while s.ball_row < 3 {§}\n    var reward = 0.0;")],
        &["nothing changes in this loop: it ends in its first round, or never", "help: change in it"],
    ),
    discrete(
        &[("const ACTIONS: ", "const ACTION: "), ("array<bool, ACTIONS> {", "array<bool, 3> {"), ("array<bool, ACTIONS>(", "array<bool, 3>(")],
        &["nothing says what an action is", "(or is it `ACTION` in line 31?)"],
    ),
    discrete(&[("fn env_reset(", "fn env_rest(")], &["there is no function `env_reset`", "(or is it `env_rest` in line 60?)"]),
    discrete(
        &[("struct EnvState {", "struct Catch {"), (BEFORE_RESET, "alias EnvState = Catch;§\n")],
        &["`EnvState` is an alias", "help: give the structure itself this name: struct EnvState { ... }"],
    ),
    discrete(
        &[("struct EnvParameters {", "struct Wind {"), (BEFORE_RESET, "alias EnvParameters = Wind;§\n")],
        &["`EnvParameters` is an alias", "help: give the structure itself this name"],
    ),
    discrete(&[("OBSERVATION: u32 = 4u", "OBSERVATION: i32 = 4§")], &["`OBSERVATION` is of type i32", "help: declare it as u32"]),
    discrete(&[("SOLVED_RETURN: f32 = ", "SOLVED_RETURN =§ ")], &["`SOLVED_RETURN` is not a number with a type", "help: write const SOLVED_RETURN: f32"]),
    discrete(&[(BEFORE_RESET, "@fragment§\nfn main() {}\n")], &["an entry point has no place", "help: "]),
    discrete(&[("f32(state.ball_row) * ", "subgroupAdd§(f32(state.ball_row)) * ")], &["an operation across invocations", "help: remove it"]),
    discrete(&[("f32(state.ball_row) * ", "dpdx(f32(state.ball_row)) * ")], &["operations forbidden at this stage", "not as part of the kernel"]),
];

#[test]
fn mistakes_are_refused_with_their_line_and_a_remedy() {
    let desk = Desk::new();
    for mistake in MISTAKES {
        let line = desk.plant(template(mistake.continuous), mistake.edits);
        let outcome = desk.expect(REFUSED, &format!("env check {FILE}"));
        outcome.says(mistake.says).is_about(line);
        assert!(outcome.stdout.is_empty(), "{outcome}");
    }
    assert_eq!(desk.names(), [FILE]);
}

#[test]
fn training_refuses_mistakes_in_the_same_words() {
    let desk = Desk::new();
    for mistake in [&MISSING_FUNCTION, &SYNTAX, &COLLISION] {
        let line = desk.plant(template(mistake.continuous), mistake.edits);
        let checked = desk.expect(REFUSED, &format!("env check {FILE}"));
        let trained = desk.expect(REFUSED, &format!("--env {FILE} {TWO_UPDATES}"));
        trained.says(mistake.says).is_about(line);
        assert!(trained.stdout.is_empty(), "{trained}");
        assert_eq!(trained.stderr, checked.stderr);
        assert_eq!(desk.expect(REFUSED, &format!("env show {FILE}")).stderr, checked.stderr);
    }
    assert_eq!(desk.names(), [FILE], "no run was begun");
}

#[test]
fn env_check_finds_misbehaviour() {
    let desk = Desk::new();
    // Edits, verdict, parts of what is said.
    type Case = (&'static [(&'static str, &'static str)], &'static str, &'static [&'static str]);
    let cases: &[Case] = &[
        // Computed at run time: a constant of this kind would not compile.
        (
            &[("f32(state.ball_row) * (2.0 / f32(ROWS)) - 1.0", "sqrt(-1.0 + 0.0 * f32(state.ball_row))"), ("fn env_observe(", "fn env_observe(§")],
            "WRONG",
            &["observation[1] is NaN", "at step 0", "root"],
        ),
        (
            &[("reward = 1.0;", "reward = 1.0 / f32(s.ball_row - s.ball_row);"), ("fn env_step(", "fn env_step(§")],
            "WRONG",
            &["the reward is inf", "division by zero"],
        ),
        (
            &[("TIME_LIMIT: u32 = 200u;", "TIME_LIMIT: u32 = 0xffffffffu;§"), ("terminated = true;", "s.ball_row = 0;")],
            "WRONG",
            &["no episode ended", "there is no time limit", "set TIME_LIMIT"],
        ),
        (
            &[
                ("fn env_action_mask(", "fn env_action_mask(§"),
                ("(state.paddle_column > 0, true, state.paddle_column < COLUMNS - 1)", "(state.ball_row < 3, state.ball_row < 3, state.ball_row < 3)"),
            ],
            "WRONG",
            &["no action is legal", "end the episode before that, or allow one"],
        ),
        (
            &[("let ball_column = i32(rng_below(rng, u32(COLUMNS)));", "let ball_column = 3;"), ("fn env_reset(", "fn env_reset(§")],
            "note",
            &["began in the same state", "use random numbers from `rng`"],
        ),
        (&[("f32(state.ball_row) * (2.0 / f32(ROWS)) - 1.0", "0.5"), ("fn env_observe(", "fn env_observe(§")], "note", &["observation [1] never changed"]),
        (
            &[("f32(state.ball_row) * (2.0 / f32(ROWS)) - 1.0", "100.0 * f32(state.ball_row)"), ("fn env_observe(", "fn env_observe(§")],
            "note",
            &["some observations are large", "normalize_observations = true"],
        ),
        (&[("terminated = true;", "s.ball_row = 0;"), ("TIME_LIMIT: u32 = 200u;", "TIME_LIMIT: u32 = 100000u;§")], "note", &["no episode ended", "100000"]),
        (&[("fn env_pixel(", "fn catch_pixel(")], "note", &["there is no env_pixel"]),
    ];
    for (edits, verdict, says) in cases {
        let line = desk.plant(template(false), edits);
        let outcome = desk.expect(if *verdict == "WRONG" { REFUSED } else { DONE }, &format!("env check {FILE}"));
        let found = outcome.verdict(verdict);
        let place = line.map_or(String::new(), |line| format!("{FILE}:{line}: "));
        assert!(found.starts_with(&place) && says.iter().all(|part| found.contains(part)), "{place}{says:?}\n{outcome}");
        // It is tried to the end all the same.
        assert!(outcome.stdout.contains("steps per second") && outcome.stderr.is_empty(), "{outcome}");
    }
}

#[test]
fn numbers_that_are_not_finite_end_training() {
    let desk = Desk::new();
    desk.plant(template(false), &[("reward = 1.0;", "reward = 1.0 / f32(s.ball_row - s.ball_row);")]);
    let outcome = desk.expect(DIVERGED, &format!("--env {FILE} {TWO_UPDATES}"));
    outcome.says(&["diverged in update 1", "the reward", "\n  help: "]);
}

/// Indices are kept within arrays, so that nothing else is read or written.
#[test]
fn an_index_out_of_range_does_no_harm() {
    let desk = Desk::new();
    desk.plant(
        template(false),
        &[(
            "    var reward = 0.0;",
            "    var board: array<f32, 4>;\n    board[s.ball_column] = 1.0;\n    board[-100000 * s.ball_row] = 1.0;\n    \
             var reward = board[s.ball_column + 1000000];",
        )],
    );
    let outcome = desk.expect(DONE, &format!("env check {FILE}"));
    assert!(outcome.stdout.contains("the same seed gives the same trajectories"), "{outcome}");
    // Which element is taken instead is the driver's choice; its number is one of the array's.
    let range =
        outcome.stdout.lines().find_map(|line| line.split_once("rewards are finite, from ")?.1.split(',').next()).unwrap_or_else(|| panic!("{outcome}"));
    let range: Vec<f32> = range.split(" to ").map(|end| end.parse().unwrap()).collect();
    assert!(range.len() == 2 && range.iter().all(|end| *end == 0.0 || *end == 1.0), "{outcome}");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("folder.wgsl")).unwrap();
    desk.write("binary.wgsl", [0xff, 0xfe, 0x00, 0xd8]);
    desk.write("empty.wgsl", "");
    for file in ["missing.wgsl", "folder.wgsl", "binary.wgsl"] {
        for arguments in [format!("env check {file}"), format!("env show {file}"), format!("--env {file} {TWO_UPDATES}")] {
            let outcome = desk.expect(REFUSED, &arguments);
            outcome.says(&[&format!("error: cannot read {file}\n"), "caused by: ", "\n  help: "]);
            assert!(outcome.stdout.is_empty(), "{outcome}");
        }
    }
    desk.expect(REFUSED, "env check empty.wgsl").says(&["empty.wgsl: there is no number `OBSERVATION`", "help: declare it, with its type: const OBSERVATION"]);
    // Without its ending a file is taken for a name.
    desk.expect(REFUSED, "env check empty").says(&["there is no environment 'empty'", "the path of a .wgsl file; did you mean 'empty.wgsl'?"]);
    desk.write("empty.txt", "");
    desk.expect(REFUSED, "env check empty.txt").says(&["the name of the file empty.txt does not end in .wgsl", "help: rename it"]);
    desk.expect(REFUSED, "env show ..").says(&[".. is a directory", "help: give the path of a .wgsl file"]);
    assert_eq!(desk.names(), ["binary.wgsl", "empty.txt", "empty.wgsl", "folder.wgsl"]);
}
