//! Environments whose files import others: what they compute, what a run keeps of them, and what is said of mistakes.

mod desk;

use desk::{DONE, Desk, Outcome, REFUSED};
use ppo_gpu::environments::built_in::template;
use ppo_gpu::spec::environment::Environment;

const TINY: &str = "--envs 8 --steps 16 --minibatches 2 --hidden 4 --total-steps 256 --quiet";
/// A line of the template, in whose place it imports.
const COLUMNS: &str = "const COLUMNS: i32 = 10;\n";
const BOARD: &str = "// The board.\n  //! import sizes.wgsl\n\nfn centre() -> i32 {\n    return COLUMNS / 2;\n}\n";
const SIZES: &str = "// Columns.\nconst COLUMNS: i32 = 10;\n";

/// The template, which imports `lib/board.wgsl`, which imports `lib/sizes.wgsl`.
fn importing(import: &str) -> String {
    let text = template(false);
    assert!(text.contains(COLUMNS) && text.contains("0, COLUMNS / 2);"));
    text.replace(COLUMNS, &format!("{import}\n")).replace("0, COLUMNS / 2);", "0, centre());")
}

/// A desk with `mine.wgsl` and the files that it imports.
fn desk() -> Desk {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("lib")).unwrap();
    desk.write("mine.wgsl", importing("//! import lib/board.wgsl"));
    desk.write("lib/board.wgsl", BOARD);
    desk.write("lib/sizes.wgsl", SIZES);
    desk
}

/// The number of the line of `text` that begins with `start`.
fn line_of(text: &str, start: &str) -> usize {
    1 + text.lines().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}"))
}

impl Outcome {
    /// It is refused at `place`, with each of `parts`, and there is help.
    fn refused_at(&self, place: &str, parts: &[&str]) -> &Outcome {
        assert!(self.stderr.starts_with(&format!("error: {place}: ")) && self.stderr.contains("\n  help: "), "not at {place}\n{self}");
        self.says(parts)
    }
}

fn sha(outcome: &Outcome) -> String {
    outcome.json()["params_sha256"].as_str().unwrap().to_string()
}

#[test]
fn an_environment_may_be_put_together_from_files() {
    let desk = desk();
    desk.write("whole.wgsl", template(false));
    let whole = sha(&desk.expect(DONE, &format!("--env whole.wgsl {TINY} --json --out whole")));
    assert_eq!(sha(&desk.expect(DONE, &format!("--env mine.wgsl {TINY} --json --out run"))), whole);

    let report = desk.expect(DONE, "env check mine.wgsl");
    assert!(report.stdout.contains("3 words of state, 2 imported files\n"), "{report}");
    let shown = desk.expect(DONE, "env show mine.wgsl").stdout;
    assert!(shown.contains("imports        lib/board.wgsl\n               lib/sizes.wgsl\n"), "{shown}");
    // The file's own lines keep their numbers, and imported ones follow.
    let text = desk.expect(DONE, "env show mine.wgsl --wgsl").stdout;
    let own = importing("//! imported lib/board.wgsl");
    let board = BOARD.replace("import ", "imported ");
    assert_eq!(text, format!("{own}//! text of lib/board.wgsl\n{board}//! text of lib/sizes.wgsl\n{SIZES}"));

    // From another directory it is the same environment.
    let desk_path = desk.path("mine.wgsl");
    let [near, far] = ["mine.wgsl", desk_path.to_str().unwrap()].map(|path| {
        let run = if path == "mine.wgsl" { "near" } else { "far" };
        desk.expect(DONE, &format!("--env {path} {TINY} --out {run}"));
        serde_json::from_str::<serde_json::Value>(&desk.read(&format!("{run}/run.json"))).unwrap()["environment"]["sha256"].clone()
    });
    assert_eq!(near, far);
}

/// A file is included once, whichever paths lead to it, and however its lines end.
#[test]
fn a_file_is_included_once() {
    let desk = desk();
    desk.write("mine.wgsl", importing("//! import lib/sizes.wgsl\n//!import ./lib/../lib/board.wgsl\n//! import lib/sizes.wgsl"));
    desk.write("lib/board.wgsl", format!("\u{feff}{}", BOARD.replace('\n', "\r\n")));
    // Its last line does not end.
    desk.write("lib/sizes.wgsl", SIZES.trim_end());
    let text = desk.expect(DONE, "env show mine.wgsl --wgsl").stdout;
    assert_eq!(text.matches("const COLUMNS").count(), 1, "{text}");
    assert!(text.find("text of lib/sizes.wgsl") < text.find("text of ./lib/../lib/board.wgsl"), "{text}");
}

#[test]
fn a_file_without_imports_stays_as_it_is() {
    let desk = Desk::new();
    // In a comment; without a file; a text of the kernels' own; and what a flattened file contains.
    for line in ["// import lib/x.wgsl", "/*\n//! import lib/x.wgsl\n*/", "//! imports", "//! import rng", "//! text of lib/x.wgsl"] {
        let text = format!("{}{line}", template(false));
        desk.write("mine.wgsl", &text);
        let environment = Environment::named(desk.path("mine.wgsl").to_str().unwrap()).unwrap();
        assert_eq!((environment.source, environment.sources.imported().len()), (text, 0), "{line}");
    }
}

/// Whatever continues a run, or plays its agents, needs the run's directory alone.
#[test]
fn a_run_does_not_need_the_imported_files() {
    let desk = desk();
    let run = format!("--env mine.wgsl {TINY} --checkpoint-every 1");
    let whole = sha(&desk.expect(DONE, &format!("{run} --json --out whole")));
    desk.expect(DONE, &format!("{run} --out run"));
    // One is changed, one is gone.
    desk.write("lib/sizes.wgsl", "const COLUMNS: i32 = 20;\n");
    std::fs::remove_file(desk.path("lib/board.wgsl")).unwrap();
    assert_eq!(sha(&desk.expect(DONE, "resume run --from 1 --quiet --json")), whole);
    desk.expect(DONE, "eval run --episodes 4 --quiet");
    desk.expect(DONE, "export run --wgsl policy.wgsl");
    desk.expect(DONE, "record run --png-dir frames --size 8 --most-frames 4");
    desk.expect(DONE, "fork run --total-steps 128 --quiet --out fork");
    assert_eq!(desk.read("fork/environment.wgsl"), desk.read("run/environment.wgsl"));
    // The copy is a file like any other, with the same bits.
    desk.write("copy.wgsl", desk.bytes("run/environment.wgsl"));
    std::fs::remove_dir_all(desk.path("lib")).unwrap();
    assert_eq!(sha(&desk.expect(DONE, &format!("--env copy.wgsl {TINY} --json --out copy"))), whole);
    assert_eq!(desk.read("copy/environment.wgsl"), desk.read("run/environment.wgsl"));
    let digest = |run: &str| serde_json::from_str::<serde_json::Value>(&desk.read(&format!("{run}/run.json"))).unwrap()["environment"]["sha256"].clone();
    assert_eq!(digest("copy"), digest("run"));
}

#[test]
fn mistakes_in_imported_files_are_reported_there() {
    // The file, what is wrong with it, and what is said, at which place.
    let cases: &[(&str, &str, &str, &[&str])] = &[
        ("lib/sizes.wgsl", "// Columns.\nconst COLUMNS: i32 = 10u;\n", "lib/sizes.wgsl:2", &["┌─ lib/sizes.wgsl:2:", "\n          2 │ const COLUMNS"]),
        ("lib/board.wgsl", &BOARD.replace("return COLUMNS", "return COLUMS"), "lib/board.wgsl:5", &["`COLUMS`", "did you mean 'COLUMNS'?", "  5 │     return"]),
        // The compiler looks for the rest in what follows.
        ("lib/board.wgsl", &BOARD.replace("}\n", ""), "lib/board.wgsl:5", &["the file ends too early: expected", "help: close every bracket"]),
        ("lib/sizes.wgsl", "const COLUMNS: i32 = 10 // columns\n\n", "lib/sizes.wgsl:1", &["the file ends too early: expected `;`\n"]),
        ("lib/board.wgsl", &format!("{BOARD}/* not closed"), "lib/board.wgsl:7", &["unterminated block comment"]),
        ("lib/board.wgsl", &BOARD.replace("    return", "    return }"), "lib/board.wgsl:5", &["┌─ lib/board.wgsl:5:"]),
        // Declarations that there are already: in another imported file, in the environment's own, in the kernels.
        (
            "lib/sizes.wgsl",
            &format!("{SIZES}fn centre() -> i32 {{\n    return 1;\n}}\n"),
            "lib/board.wgsl:4",
            &["`centre`", "it is declared in lib/board.wgsl:4 and lib/sizes.wgsl:3:", "┌─ lib/sizes.wgsl:3\n"],
        ),
        ("lib/sizes.wgsl", &format!("{SIZES}const REACH: i32 = 2;\n"), "mine.wgsl:REACH", &["`REACH`", " and lib/sizes.wgsl:3: choose another name"]),
        (
            "lib/sizes.wgsl",
            &format!("{SIZES}fn rng_bits(x: u32) -> u32 {{\n    return x;\n}}\n"),
            "lib/sizes.wgsl:3",
            &["`rng_bits`", "help: the name is reserved by ppo-gpu"],
        ),
        (
            "lib/sizes.wgsl",
            &format!("{SIZES}fn advance(x: u32) -> u32 {{\n    return x;\n}}\n"),
            "lib/sizes.wgsl:3",
            &["`advance`", "the kernels around an environment already use"],
        ),
        // The contract.
        ("lib/sizes.wgsl", &format!("{SIZES}var<private> count: u32;\n"), "lib/sizes.wgsl:3", &["a variable outside functions"]),
        ("lib/sizes.wgsl", &format!("{SIZES}const SOLVED_RETURNS: f32 = 1.0;\nalias EnvParameters = f32;\n"), "lib/sizes.wgsl:4", &["is an alias"]),
    ];
    let desk = desk();
    for (file, text, place, says) in cases {
        let kept = desk.read(file);
        desk.write(file, text);
        let place = place.replace("REACH", &line_of(&desk.read("mine.wgsl"), "const REACH").to_string());
        let outcome = desk.expect(REFUSED, "env check mine.wgsl");
        outcome.refused_at(&place, says);
        // From elsewhere, paths begin there.
        let from_elsewhere = desk.command("env check").arg(desk.path("mine.wgsl")).output().unwrap();
        desk::finish("env check .../mine.wgsl", from_elsewhere).ended(REFUSED).refused_at(desk.path(&place).to_str().unwrap(), &[]);
        desk.write(file, kept);
    }
    desk.expect(DONE, "env check mine.wgsl");
}

/// Functions of the contract may be in imported files, too, and what is said of them names those.
#[test]
fn the_contract_may_be_kept_by_imported_files() {
    let desk = Desk::new();
    let (own, rest) = template(false).split_once("// The first state of an episode.\n").unwrap();
    desk.write("mine.wgsl", format!("{own}//! import rest.wgsl\n"));
    desk.write("rest.wgsl", rest);
    desk.expect(DONE, "env check mine.wgsl");

    desk.write("rest.wgsl", rest.replace("fn env_observe(", "fn env_observed("));
    let line = line_of(rest, "fn env_observe(");
    desk.expect(REFUSED, "env check mine.wgsl")
        .says(&["there is no function `env_observe`", &format!("(or is it `env_observed` in line {line} of rest.wgsl?)")]);
    desk.write("rest.wgsl", rest.replace("-> Outcome {", "-> f32 {").replace("return Outcome(reward, terminated);", "return reward;"));
    let line = line_of(rest, "fn env_step(");
    desk.expect(REFUSED, "env check mine.wgsl").refused_at(&format!("rest.wgsl:{line}"), &["`env_step` returns f32 instead of Outcome"]);
    // While it is tried.
    desk.write("rest.wgsl", rest.replace("reward = 1.0;", "reward = 1.0 / f32(s.ball_row - s.ball_row);"));
    let report = desk.expect(REFUSED, "env check mine.wgsl");
    assert!(report.stdout.contains(&format!("\nWRONG  rest.wgsl:{line}: the reward is inf")), "{report}");
}

/// A run's copy names the files that it was put together from.
#[test]
fn errors_of_a_run_name_the_files_of_its_author() {
    let desk = desk();
    let root = "fn root() -> f32 {\n    return sqrt(parameters.wind);\n}\n";
    desk.write("lib/sizes.wgsl", format!("{SIZES}{root}"));
    desk.write("mine.wgsl", importing("//! import lib/board.wgsl").replace("var reward = 0.0;", "var reward = root();"));
    desk.expect(DONE, &format!("--env mine.wgsl {TINY} --out run"));
    std::fs::remove_dir_all(desk.path("lib")).unwrap();
    let outcome = desk.expect(REFUSED, "eval run --set env_parameters.wind=-1");
    outcome.refused_at("lib/sizes.wgsl:4", &["but not with wind = -1", "┌─ lib/sizes.wgsl:"]);
}

#[test]
fn imports_that_cannot_be_followed_are_refused_at_their_line() {
    let desk = desk();
    let line = line_of(template(false), "const COLUMNS");
    std::fs::create_dir(desk.path("lib/folder.wgsl")).unwrap();
    desk.write("lib/latin1.wgsl", b"// gr\xf6\xdfe\n");
    desk.write("lib/circle.wgsl", "// A circle.\n//! import ../lib/board.wgsl\n");
    desk.write("lib/own.wgsl", "//! import ../mine.wgsl\n");
    desk.write("lib/large.wgsl", vec![b'\n'; (1 << 20) + 1]);
    desk.write("lib/broken.wgsl", "\n\n//! import nowhere/sizes.wgsl\n");
    let place = format!("mine.wgsl:{line}");
    let cases: &[(&str, &str, &[&str])] = &[
        ("lib/bord.wgsl", &place, &["cannot import lib/bord.wgsl: ", "help: check that the file exists", "did you mean 'board.wgsl'?"]),
        ("mine2.wgsl", &place, &["cannot import mine2.wgsl: ", "help: check that the file exists and may be read\n"]),
        ("lib/folder.wgsl", &place, &["cannot import lib/folder.wgsl: it is not a file"]),
        ("lib/latin1.wgsl", &place, &["cannot import lib/latin1.wgsl: ", "help: the file must be text in UTF-8"]),
        ("mine.wgsl", &place, &["imports form a circle: mine.wgsl -> mine.wgsl\n", "help: remove this line"]),
        ("lib/own.wgsl", "lib/own.wgsl:1", &["imports form a circle: mine.wgsl -> lib/own.wgsl -> mine.wgsl\n"]),
        ("lib/large.wgsl", &place, &["imported files have more than 1048576 bytes together"]),
        ("lib/broken.wgsl", "lib/broken.wgsl:3", &["cannot import lib/nowhere/sizes.wgsl: "]),
        ("", &place, &["the import line names no file", "help: write //! import PATH.wgsl"]),
        ("lib/board", &place, &["names lib/board, and imported files are called NAME.wgsl"]),
        ("lib/.wgsl", &place, &["names lib/.wgsl, and imported files are called NAME.wgsl"]),
        ("\"lib/board.wgsl\"", &place, &["which has quotes"]),
        ("lib\\board.wgsl", &place, &["with a backslash"]),
        ("/lib/board.wgsl", &place, &["not a path from the directory of this file"]),
        ("lib/board.wgsl, lib/sizes.wgsl", &place, &["one line names one file"]),
        ("lib/board.wgsl // the board", &place, &["imported files are called NAME.wgsl", "nothing else on the line"]),
    ];
    for (import, place, says) in cases {
        desk.write("mine.wgsl", importing(&format!("//! import {import}")));
        for command in ["env check mine.wgsl".to_string(), "env show mine.wgsl".into(), format!("--env mine.wgsl {TINY}")] {
            let outcome = desk.expect(REFUSED, &command);
            outcome.refused_at(place, says);
            assert!(outcome.stdout.is_empty(), "{outcome}");
        }
    }
    desk.write("mine.wgsl", importing("//! import lib/board.wgsl"));
    desk.write("lib/board.wgsl", format!("{BOARD}//! import circle.wgsl\n"));
    desk.expect(REFUSED, "env check mine.wgsl")
        .refused_at("lib/circle.wgsl:2", &["imports form a circle: lib/board.wgsl -> lib/circle.wgsl -> lib/board.wgsl\n"]);
    // A chain without an end, and its longest part that is allowed.
    for n in 0..70 {
        desk.write(&format!("lib/chain{n}.wgsl"), format!("//! import chain{}.wgsl\n", n + 1));
    }
    desk.write("mine.wgsl", importing("//! import lib/chain0.wgsl"));
    desk.expect(REFUSED, "env check mine.wgsl").refused_at("lib/chain63.wgsl:1", &["more than 64 files are imported"]);
    desk.write("lib/chain62.wgsl", BOARD);
    desk.expect(DONE, "env show mine.wgsl");
    assert!(!desk.names().contains(&"runs".into()), "no run was begun");
}
