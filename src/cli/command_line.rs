//! The command line: its description, and the path from arguments to an exit code.

use crate::cli::call::{Call, describe};
use crate::cli::command::Command;
use crate::cli::commands::train::train;
use crate::cli::shared::{NO_KEYS, Shared, every_key, long};
use crate::support::error::{Error, Result, exit};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// The parsed arguments.
#[derive(Debug, clap::Parser)]
#[command(
    name = "ppo-gpu",
    version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("PPO_GPU_REVISION"), ")"),
    about = "Trains a PPO agent entirely on the GPU. Without a subcommand it trains, with the flags below.",
    after_help = EXAMPLES,
)]
struct CommandLine {
    // First, since help lists flags in the order of their declaration: a command's own flags before the shared ones.
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    shared: Shared,
}

const EXAMPLES: &str = "\
Examples:
  ppo-gpu --envs 4096                                trains CartPole
  ppo-gpu --config configs/acrobot.toml --agents 8   another environment, eight seeds at once
  ppo-gpu --env mine.wgsl --total-steps 2e6          one of your own (env new mine writes an example)
  ppo-gpu watch runs/a                               what a run has learned

Flags override --set, which overrides --config FILE. Without --config, a built-in environment is trained with its preset (`env show NAME`).
Exit codes: 0 done, 1 failed while running, 2 refused, 3 diverged, 130 interrupted after saving.";

/// Runs the command that the arguments name (the program's name comes first), and prints errors.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = command().try_get_matches_from(&arguments).and_then(|matches| Ok((CommandLine::from_arg_matches(&matches)?, matches)));
    let (line, matches) = match parsed {
        Ok(parsed) => parsed,
        // This includes requests for help, which are printed to stdout and are not failures.
        Err(error) => {
            return match error.print() {
                Err(failure) if !error.use_stderr() && failure.kind() != ErrorKind::BrokenPipe => ExitCode::from(exit::FAILED),
                _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(exit::REFUSED)),
            };
        }
    };
    let flags = refuse_flags_on_both_sides(&arguments, &matches).and_then(|()| refuse_foreign_flags(&matches));
    match flags.and_then(|()| perform(line)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Nothing more can be reported if stderr is closed.
            let _ = std::io::stderr().write_all(describe(&error).as_bytes());
            ExitCode::from(error.exit_code())
        }
    }
}

fn perform(CommandLine { shared, command: asked }: CommandLine) -> Result<u8> {
    let call = Call { shared, command_line: command };
    asked.map_or_else(|| train(&call), |asked| asked.perform(&call))
}

/// The description of the command line.
fn command() -> clap::Command {
    let mut command = CommandLine::command();
    // Copies the global flags to the subcommands, so that they can be hidden there.
    command.build();
    without_foreign_flags(command, &[])
}

/// Whether the command at the path `names` uses `flag`, one of the flags of [`Shared`].
fn takes(names: &[&str], flag: &str) -> bool {
    names.is_empty() || Command::takes(names).contains(&flag)
}

/// Hides the flags that a command does not take from the help of `command`, which is at the path `names`, and of its subcommands.
fn without_foreign_flags(command: clap::Command, names: &[&str]) -> clap::Command {
    let below: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_string()).collect();
    let group = !below.is_empty() && !names.is_empty();
    let own = command.mut_args(|argument| {
        let foreign = argument.is_global_set() && (group || !takes(names, argument.get_id().as_str()));
        if foreign { argument.hide(true) } else { argument }
    });
    below.iter().fold(own, |command, name| command.mut_subcommand(name, |inner| without_foreign_flags(inner, &[names, &[name]].concat())))
}

/// The matches of the innermost subcommand, which include the global flags, and the path of names to it.
fn innermost(matches: &ArgMatches) -> (Vec<&str>, &ArgMatches) {
    let (mut names, mut inner) = (Vec::new(), matches);
    while let Some((name, next)) = inner.subcommand() {
        names.push(name);
        inner = next;
    }
    (names, inner)
}

/// Refuses flags that the subcommand would ignore.
fn refuse_foreign_flags(matches: &ArgMatches) -> Result<()> {
    let (names, inner) = innermost(matches);
    let written = |flag: &&&str| inner.value_source(flag) == Some(ValueSource::CommandLine);
    // Keys that a saved run cannot change are refused by the run, whose error says what to do instead.
    let by_the_run = takes(&names, "set") && inner.try_contains_id("run").unwrap_or(false);
    let keys = if by_the_run { vec![] } else { every_key() };
    match keys.iter().chain(NO_KEYS).find(|flag| written(flag) && !takes(&names, flag)) {
        Some(flag) => {
            let command = format!("ppo-gpu {}", names.join(" "));
            Err(Error::config(long(flag), format!("{command} takes no such flag"), format!("{command} --help lists those it takes")))
        }
        None => Ok(()),
    }
}

/// Refuses a flag given both before and after a subcommand, of which clap keeps only the later one. Repetitions on one side are refused by clap.
fn refuse_flags_on_both_sides(arguments: &[OsString], matches: &ArgMatches) -> Result<()> {
    let (names, inner) = innermost(matches);
    let written: Vec<String> = arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).take_while(|argument| argument != "--").collect();
    for flag in every_key().iter().chain(NO_KEYS) {
        let long = long(flag);
        // A value never begins like a flag, unless it follows "=".
        let given = written.iter().filter(|argument| argument.split('=').next() == Some(&long)).count();
        let kept = inner.try_get_raw_occurrences(flag).ok().flatten().map_or(0, |occurrences| occurrences.count());
        if given > kept && kept > 0 {
            let problem = format!("it is given before `{}` and after it, and only the later one would count", names.join(" "));
            return Err(Error::config(long, problem, "give it on one side"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::inspect::topics::Topic;
    use crate::cli::shared::defaults;
    use crate::program::plan::Plan;
    use crate::program::profile::PROFILES;
    use crate::spec::config::{Config, KEYS, PerAgent, TimeLimit};

    fn parse(arguments: &[&str]) -> Result<Config> {
        line(arguments).unwrap_or_else(|error| panic!("{error}")).shared.config()
    }

    fn line(arguments: &[&str]) -> std::result::Result<CommandLine, clap::Error> {
        CommandLine::from_arg_matches(&command().try_get_matches_from([&["ppo-gpu"], arguments].concat())?)
    }

    fn file(text: &str) -> (tempfile::TempDir, String) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("test.toml");
        std::fs::write(&path, text).expect("a file");
        (directory, path.display().to_string())
    }

    #[test]
    fn the_command_line_is_consistent_and_has_a_flag_for_each_key() {
        let command = command();
        command.clone().debug_assert();
        for key in KEYS {
            let flag = command.get_arguments().find(|flag| flag.get_long() == Some(&key.name.replace('_', "-"))).expect("a flag for each key");
            let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with(key.help) && help.contains("[default: "), "{help}");
        }
    }

    #[test]
    fn later_layers_override_earlier_ones() {
        let bare = parse(&[]).expect("the preset");
        assert_eq!(bare, defaults().expect("the preset"));
        assert_ne!(bare, Config::default());
        assert_eq!(parse(&["--env", "cartpole-V1"]).expect("the preset").envs, bare.envs);
        let (_directory, path) = file("envs = 8\nlr = 1\nminibatches = 2\n");
        let read = parse(&["--config", &path]).expect("a file");
        assert_eq!(read, Config { envs: 8, lr: PerAgent::Same(1.0), minibatches: 2, ..Config::default() }, "the preset is not applied beside a file");
        let flags = parse(&["--config", &path, "--minibatches", "8", "--set", "minibatches=16", "--set", "gamma=0.5", "--set=lr=3"]).expect("flags");
        assert_eq!((flags.envs, flags.minibatches, flags.lr, flags.gamma), (8, 8, PerAgent::Same(3.0), PerAgent::Same(0.5)));
    }

    #[test]
    fn flags_are_valid_before_and_after_subcommands() {
        for arguments in [["--envs", "16", "inspect", "plan"], ["inspect", "--envs", "16", "plan"], ["inspect", "plan", "--envs", "16"]] {
            let line = line(&arguments).expect("arguments");
            assert_eq!(line.shared.config().expect("a configuration").envs, 16, "{arguments:?}");
            assert!(matches!(line.command, Some(Command::Inspect(inspect)) if inspect.topic == Topic::Plan { device: None }));
        }
    }

    #[test]
    fn flags_that_a_subcommand_does_not_take_are_refused_and_not_listed() {
        let help = |names: &[&str]| {
            names.iter().fold(command(), |mut command, name| command.find_subcommand_mut(name).expect("a subcommand").clone()).render_long_help().to_string()
        };
        for (arguments, flag) in [
            ("plot run --out x.svg --lr 1e-3", "--lr"),
            ("--seed 1 export run --onnx x", "--seed"),
            ("eval run --config x.toml", "--config"),
            ("watch --gamma 0.9", "--gamma"),
            ("resume run --out x", "--out"),
            ("env new mine --json", "--json"),
            ("inspect plan --tui", "--tui"),
        ] {
            let matches = command().try_get_matches_from(["ppo-gpu"].into_iter().chain(arguments.split(' '))).expect("known flags");
            let error = refuse_foreign_flags(&matches).expect_err(arguments);
            assert_eq!(error.exit_code(), exit::REFUSED);
            assert!(describe(&error).starts_with(&format!("error: {flag}: ppo-gpu ")), "{}", describe(&error));
            let (names, _) = innermost(&matches);
            assert!(!help(&names).contains(&format!("{flag} <")) && !help(&names).contains(&format!("{flag}\n")), "{}", help(&names));
        }
        assert!(help(&["eval"]).contains("--seed <SEED>") && help(&["fork"]).contains("--out <DIR>"));
    }

    #[test]
    fn examples_of_the_help_are_valid() {
        fn examples(command: &clap::Command) -> Vec<String> {
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            // Text after two spaces is a comment on the example.
            let own = text.lines().filter_map(|line| line.strip_prefix("  ")).map(|line| line.split("  ").next().unwrap_or_default().to_string());
            own.chain(command.get_subcommands().flat_map(examples)).collect()
        }
        let examples = examples(&command());
        assert!(examples.len() > 20, "{examples:?}");
        for example in examples {
            let matches = command().try_get_matches_from(example.split(' ')).unwrap_or_else(|error| panic!("{example}: {error}"));
            refuse_foreign_flags(&matches).unwrap_or_else(|error| panic!("{example}: {error}"));
            CommandLine::from_arg_matches(&matches).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }

    #[test]
    fn values_are_written_as_people_write_them() {
        let config = parse(&[
            "--hidden=32,48,8",
            "--total-steps",
            "5e6",
            "--lr",
            "1e-3,2e-3",
            "--agents",
            "2",
            "--anneal-lr",
            "false",
            "--value-clip",
            "--target-return",
            "-200.5",
            "--time-limit",
            "terminal",
            "--adapter",
            "",
            "--seed",
            "1_000",
        ])
        .expect("values");
        assert_eq!((config.hidden, config.total_steps, config.seed), (vec![32, 48, 8], 5_000_000, 1000));
        assert_eq!((config.lr, config.time_limit), (PerAgent::Each(vec![1e-3, 2e-3]), TimeLimit::Terminal));
        assert_eq!((config.anneal_lr, config.value_clip, config.target_return), (false, true, Some(-200.5)));
        assert_eq!(parse(&["--hidden", "7"]).expect("one width").hidden, [7]);
    }

    #[test]
    fn refusals_name_the_key_and_what_works() {
        let (_directory, path) = file("envz = 4\n");
        let (_directory_2, wrong_type) = file("envs = \"many\"\n");
        for (arguments, expected) in [
            (&["--set", "minibatch=4"][..], &["minibatch: ", "'minibatches'"][..]),
            (&["--set", "lr"], &["--set: ", "KEY=VALUE"]),
            (&["--envs", "0"], &["envs: ", "nearest that works: 1"]),
            (&["--envs", "-4"], &["envs: ", "-4"]),
            (&["--envs", "many"], &["envs: ", "many", "envs = 4"]),
            (&["--hidden", "64,x"], &["hidden: "]),
            (&["--lr", "fast"], &["lr: ", "a number"]),
            (&["--gamma", "1.5"], &["gamma: ", "nearest that works: 1"]),
            (&["--gamma", "0.9,0.99"], &["gamma: ", "2 values for 1 agents"]),
            (&["--activation", "gelu"], &["activation: ", "tanh"]),
            (&["--backend", "vulcan"], &["backend: ", "'vulkan'"]),
            (&["--config", &path], &["envz (in ", "test.toml", "did you mean 'env"]),
            (&["--config", &wrong_type], &["envs (in ", "test.toml"]),
            (&["--config", "/nonexistent/x.toml"], &["cannot read /nonexistent/x.toml", "caused by: "]),
        ] {
            let error = parse(arguments).expect_err("a refusal");
            let text = describe(&error);
            assert!(text.starts_with("error: ") && text.contains("\n  help: "), "{arguments:?}: {text}");
            assert!(expected.iter().all(|part| text.contains(part)), "{arguments:?}: {text}");
        }
        assert_eq!(parse(&["--envs", "0"]).expect_err("a refusal").exit_code(), exit::REFUSED);
    }

    #[test]
    fn presets_say_what_to_expect_and_fit_every_profile() {
        let presets = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/configs")).expect("the presets");
        for path in presets.map(|file| file.expect("a file").path()) {
            assert!(std::fs::read_to_string(&path).expect("a preset").starts_with("# Expect"), "{path:?}");
            let path = path.to_str().expect("a path in UTF-8");
            let config = parse(&["--config", path]).expect("a preset");
            for profile in PROFILES {
                Plan::new(&config, *profile).expect("a preset fits together");
            }
        }
    }
}
