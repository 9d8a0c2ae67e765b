//! The command line: arguments as written become a [`Config`] and an [`Action`]; errors become messages and exit codes.
//!
//! Flags of configuration keys are made from [`KEYS`]: a key that is added there has a flag.

use crate::bench::report as bench;
use crate::bench::sweep::Sweep;
use crate::cli::inspect::devices::devices;
use crate::cli::inspect::topics::{self, Topic};
use crate::cli::plot::{self, By, Curve};
use crate::cli::png;
use crate::cli::progress::Progress;
use crate::cli::record;
use crate::cli::watch;
use crate::cli::{doctor, export};
use crate::device::gpu::Gpu;
use crate::environments::built_in;
use crate::play::eval;
use crate::play::export::policy::Policy;
use crate::play::picture::Picture;
use crate::play::player::{self, Player};
use crate::run::checkpoints::Which;
use crate::run::directory::Directory;
use crate::run::display::Observers;
use crate::run::rows;
use crate::run::session::{self, Run, Saved};
use crate::spec::config::{Config, KEYS};
use crate::spec::environment::Environment;
use crate::support::error::{Error, Result, exit};
use crate::support::text::quantity;
use crate::train::checkpoint::Checkpoint;
use clap::ArgMatches;
use clap::parser::ValueSource;
use clap_complete::Shell;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::command::{command, manual, takes};
use crate::cli::layers::{config, innermost, written};

/// How a training run is kept and shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrainOptions {
    /// Directory of the run; a new one below `runs` when absent.
    pub out: Option<PathBuf>,
    /// No progress, no notes.
    pub quiet: bool,
    /// A dashboard in place of the progress bar, where stderr is a terminal.
    pub tui: bool,
}

impl TrainOptions {
    fn observers(&self) -> Observers {
        Observers { display: Box::new(Progress::new(self.quiet, self.tui)), ..Observers::default() }
    }
}

/// What to do with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Train.
    Train(TrainOptions),
    /// List adapters, as JSON or as text.
    Devices {
        /// As JSON.
        json: bool,
    },
    /// Show what a run would be made of.
    Inspect(Topic),
    /// Time a run.
    Bench(bench::BenchOptions),
    /// Something about environments.
    Environment(EnvironmentAction),
    /// Go on with a run.
    Resume {
        /// Its directory.
        run: PathBuf,
        /// From which checkpoint.
        from: Which,
        /// How it is shown.
        options: TrainOptions,
    },
    /// Say how good a saved policy is.
    Eval {
        /// The run's directory.
        run: PathBuf,
        /// Which checkpoint.
        from: Which,
        /// How.
        options: eval::EvalOptions,
        /// As JSON.
        json: bool,
    },
    /// Show agents at play in the terminal.
    Watch {
        /// Who plays.
        playing: Playing,
        /// How it is shown.
        options: watch::WatchOptions,
    },
    /// Write an animation, or pictures, of an agent at play.
    Record {
        /// Who plays.
        playing: Playing,
        /// What is written.
        options: record::RecordOptions,
    },
    /// Draw learning curves.
    Plot {
        /// Directories of runs.
        runs: Vec<PathBuf>,
        /// What is drawn.
        options: plot::PlotOptions,
        /// The file.
        out: PathBuf,
    },
    /// Say whether this machine is good to go.
    Doctor {
        /// How thoroughly.
        options: doctor::DoctorOptions,
        /// As JSON.
        json: bool,
    },
    /// Write what an agent has learned for other programs.
    Export {
        /// The run's directory.
        run: PathBuf,
        /// From which checkpoint.
        from: Which,
        /// What is written.
        options: export::ExportOptions,
    },
    /// Print completions for a shell.
    Completions(Shell),
    /// Print the manual page.
    Manual,
    /// Start a new run from what another has learned.
    Fork {
        /// The other's directory.
        run: PathBuf,
        /// From which checkpoint.
        from: Which,
        /// All agents begin as this one.
        agent: Option<usize>,
        /// Of the new run.
        options: TrainOptions,
    },
}

/// Who plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playing {
    /// The directory of its run; without one, agents of the configuration that have learned nothing.
    pub run: Option<PathBuf>,
    /// From which checkpoint.
    pub from: Which,
    /// The agent that plays.
    pub agent: usize,
    /// Whether it takes the most probable action instead of drawing one.
    pub deterministic: bool,
    /// Whether it has forgotten what it learned.
    pub untrained: bool,
}

/// What to do about environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvironmentAction {
    /// List those that are built in.
    List {
        /// As JSON.
        json: bool,
    },
    /// Describe one, by name or file.
    Show {
        /// Name, or path of a file.
        name: String,
        /// Print its WGSL instead.
        wgsl: bool,
        /// Write a picture of it to this file instead.
        png: Option<PathBuf>,
        /// Pixels along each side of the picture.
        size: u32,
        /// Steps to make before it is drawn.
        steps: u32,
    },
    /// Write an example to `NAME.wgsl`.
    New {
        /// What it is called.
        name: String,
        /// With continuous actions.
        continuous: bool,
    },
    /// Try a file.
    Check {
        /// Its path (or the name of a built-in environment).
        file: String,
    },
}

/// Does what the arguments (the program's name first) ask for, with errors printed.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let matches = match command().try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        // Also where help was asked for, which is printed to stdout and is no failure.
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(exit::REFUSED));
        }
    };
    match refuse_flags_on_both_sides(&arguments, &matches).and_then(|()| act(&matches)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // When stderr is closed there is nobody to tell.
            let _ = std::io::stderr().write_all(describe(&error).as_bytes());
            ExitCode::from(error.exit_code())
        }
    }
}

fn act(matches: &ArgMatches) -> Result<u8> {
    refuse_foreign_flags(matches)?;
    let json = innermost(matches).1.get_flag("json");
    match action(matches) {
        Action::Train(options) => conclude(session::train(&config(matches)?, options.out.as_deref(), options.observers())?, json),
        Action::Resume { run, from, options } => conclude(session::resume(&run, from, &written(matches)?, options.observers())?, json),
        Action::Fork { run, from, agent, options } => {
            conclude(session::fork(&run, from, agent, &written(matches)?, options.out.as_deref(), options.observers())?, json)
        }
        Action::Eval { run, from, options, json } => {
            let saved = Saved::open(&run)?;
            let config = saved.changed_for_playing(&written(matches)?)?;
            let gpu = Gpu::open(&config.backend, &config.adapter)?;
            let evaluation = eval::evaluate(&gpu, &config, &saved.environment, &saved.checkpoint(from)?, &options)?;
            print(&if json { evaluation.to_json() + "\n" } else { evaluation.to_text() }).map(|()| exit::DONE)
        }
        Action::Plot { runs, options, out } => {
            let curve = |run: &PathBuf| {
                let rows = rows::read(&Directory::open(run)?.metrics())?;
                let name = run.file_name().unwrap_or(run.as_os_str()).to_string_lossy();
                Curve::of(&name, &rows, &options.metric, options.by)
            };
            plot::draw(&runs.iter().map(curve).collect::<Result<Vec<_>>>()?, &options, &out)?;
            print(&format!("wrote {}\n", out.display())).map(|()| exit::DONE)
        }
        Action::Doctor { options, json } => {
            let report = doctor::examine(&config(matches)?, &options)?;
            print(&if json { report.to_json() + "\n" } else { report.to_text() })?;
            Ok(if report.good { exit::DONE } else { exit::FAILED })
        }
        Action::Export { run, from, options } => {
            let saved = Saved::open(&run)?;
            let policy = Policy::of(&saved.config, &saved.environment, &saved.checkpoint(from)?, options.agent)?;
            let written: Vec<String> = export::export(&policy, &options)?.iter().map(|path| path.display().to_string()).collect();
            print(&format!("wrote {}\n", written.join(", "))).map(|()| exit::DONE)
        }
        Action::Completions(shell) => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut command(), "ppo-gpu", &mut text);
            print(&String::from_utf8_lossy(&text)).map(|()| exit::DONE)
        }
        Action::Manual => print(&manual()).map(|()| exit::DONE),
        Action::Record { playing, options } => {
            let (mut player, ..) = player(matches, &playing)?;
            let recording = record::record(&mut player, &options)?;
            let returns: Vec<String> = recording.returns.iter().map(|value| quantity(*value)).collect();
            let ended = if returns.is_empty() { "no episode ended".into() } else { format!("return {}", returns.join(", ")) };
            let paths = options.gif.iter().chain(&options.png_dir).map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
            print(&format!("wrote {paths}: {} frames, {ended}\n", recording.frames)).map(|()| exit::DONE)
        }
        Action::Watch { playing, options } => {
            let (player, saved, checkpoint, agents) = player(matches, &playing)?;
            // Only who watches the last one wants to see newer ones.
            let mut newer = |updates: u32| match &saved {
                Some(saved) if playing.from == Which::Latest => saved.newer(updates),
                _ => Ok(None),
            };
            watch::watch(player, checkpoint, agents, &mut newer, &options).map(|()| exit::DONE)
        }
        Action::Bench(options) => {
            let report = bench::run(&config(matches)?, &options)?;
            print(&if json { report.to_json() + "\n" } else { report.to_text() }).map(|()| exit::DONE)
        }
        Action::Environment(action) => environment(&config(matches)?, action),
        Action::Devices { json } => print(&devices(&config(matches)?, json)?).map(|()| exit::DONE),
        Action::Inspect(topic) => print(&topics::show(&config(matches)?, &topic, innermost(matches).1.get_flag("quiet"))?).map(|()| exit::DONE),
    }
}

/// One environment in which an agent plays; its run, what it has learned, and how many agents there are.
fn player(matches: &ArgMatches, playing: &Playing) -> Result<(Player, Option<Saved>, Option<Checkpoint>, usize)> {
    let saved = playing.run.as_deref().map(Saved::open).transpose()?;
    let (config, environment) = match &saved {
        Some(saved) => (saved.changed_for_playing(&written(matches)?)?, saved.environment.clone()),
        None => {
            let config = config(matches)?;
            let environment = Environment::named(&config.env)?;
            (config, environment)
        }
    };
    let agents = config.agents as usize;
    if playing.agent >= agents {
        return Err(Error::no_agent(playing.agent, agents));
    }
    let checkpoint = saved.as_ref().filter(|_| !playing.untrained).map(|saved| saved.checkpoint(playing.from)).transpose()?;
    let gpu = Gpu::open(&config.backend, &config.adapter)?;
    let options = player::PlayerOptions { agents: vec![playing.agent], envs: 1, steps: 1, seed: config.seed, deterministic: playing.deterministic };
    Ok((Player::new(&gpu, &config, &environment, checkpoint.as_ref(), &options)?, saved, checkpoint, agents))
}

/// Prints what came of a run.
fn conclude(run: Run, json: bool) -> Result<u8> {
    print(&if json { run.summary.to_json() + "\n" } else { run.summary.to_text(&run.directory) })?;
    // The summary of a run that diverged is printed like any other.
    run.failure.map_or(Ok(if run.summary.interrupted { exit::INTERRUPTED } else { exit::DONE }), Err)
}

/// Does something about environments.
fn environment(config: &Config, action: EnvironmentAction) -> Result<u8> {
    match action {
        EnvironmentAction::List { json: true } => {
            let all: Vec<_> = Environment::list()?.iter().map(Environment::to_json).collect();
            print(&(serde_json::Value::Array(all).to_string() + "\n"))?;
        }
        EnvironmentAction::List { json: false } => {
            for environment in Environment::list()? {
                print(&format!("{:<28} {}\n", environment.name, environment.summary()))?;
            }
        }
        EnvironmentAction::Show { name, png: Some(path), size, steps, .. } => {
            png::write(&Picture::of_environment(&Config { env: name, ..config.clone() }, steps, size)?, &path)?;
            print(&format!("wrote {} ({size} x {size} pixels)\n", path.display()))?;
        }
        EnvironmentAction::Show { name, wgsl, .. } => {
            let environment = Environment::named(&name)?;
            print(&if wgsl { environment.source } else { environment.to_text() })?;
        }
        EnvironmentAction::New { name, continuous } => {
            let path = PathBuf::from(if name.ends_with(".wgsl") { name } else { name + ".wgsl" });
            let mut file = std::fs::File::create_new(&path).map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    Error::config("env new", format!("{} exists already", path.display()), "give another name, or remove the file first")
                }
                _ => Error::file("create", &path, error),
            })?;
            file.write_all(built_in::template(continuous).as_bytes()).map_err(|error| Error::file("write", &path, error))?;
            let shown = path.display();
            print(&format!("wrote {shown}\n\n  ppo-gpu env check {shown}    tries it\n  ppo-gpu --env {shown}        trains on it\n"))?;
        }
        EnvironmentAction::Check { file } => {
            let environment = Environment::named(&file)?;
            let report = crate::check::environment::check(&Gpu::open(&config.backend, &config.adapter)?, &environment, config)?;
            print(&report.to_text())?;
            return Ok(if report.passed() { exit::DONE } else { exit::REFUSED });
        }
    }
    Ok(exit::DONE)
}

/// Writes to stdout. A reader that has read enough (`| head`) is no failure.
fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::file("write", "standard output", error)),
        _ => Ok(()),
    }
}

/// An error as a person reads it: what and where, its causes, what to do.
pub fn describe(error: &Error) -> String {
    let mut text = format!("error: {error}\n");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!("  caused by: {error}\n");
        cause = error.source();
    }
    let mut prefix = "  help: ";
    for line in error.help().lines() {
        text += &format!("{prefix}{line}\n");
        prefix = "        ";
    }
    text
}

/// What the arguments ask to be done.
pub fn action(matches: &ArgMatches) -> Action {
    let (names, inner) = innermost(matches);
    let json = inner.get_flag("json");
    let options = || TrainOptions { out: inner.get_one::<PathBuf>("out").cloned(), quiet: inner.get_flag("quiet"), tui: inner.get_flag("tui") };
    let path = |name: &str| inner.get_one::<PathBuf>(name).cloned().unwrap_or_default();
    let from = || inner.get_one::<Which>("from").copied().unwrap_or(Which::Latest);
    let agent = || inner.get_one::<usize>("agent").copied();
    let number = |name: &str| inner.get_one::<u32>(name).copied().unwrap_or_default();
    let seconds = || inner.get_one::<Duration>("seconds").copied().unwrap_or_default();
    let playing = || Playing {
        run: inner.get_one::<PathBuf>("run").cloned(),
        from: from(),
        agent: agent().unwrap_or(0),
        deterministic: inner.get_flag("deterministic"),
        untrained: inner.get_flag("untrained"),
    };
    match names[..] {
        ["bench"] => {
            let sweep = inner.get_one::<String>("sweep").and_then(|name| Sweep::named(name));
            Action::Bench(bench::BenchOptions { sweep, budget: seconds(), quiet: inner.get_flag("quiet") })
        }
        ["devices"] => Action::Devices { json },
        ["inspect", "plan"] => Action::Inspect(Topic::Plan),
        ["inspect", "config"] => Action::Inspect(Topic::Config),
        ["inspect", "buffers"] => Action::Inspect(Topic::Buffers),
        ["inspect", "kernels"] => Action::Inspect(Topic::Kernels),
        ["inspect", "metrics"] => Action::Inspect(Topic::Metrics),
        ["inspect", "tables"] => Action::Inspect(Topic::Tables),
        ["inspect", "shader"] => Action::Inspect(Topic::Shader(inner.get_one::<String>("name").cloned().unwrap_or_default())),
        ["env", "list"] => Action::Environment(EnvironmentAction::List { json }),
        ["env", "show"] => Action::Environment(EnvironmentAction::Show {
            name: inner.get_one::<String>("name").cloned().unwrap_or_default(),
            wgsl: inner.get_flag("wgsl"),
            png: inner.get_one::<PathBuf>("png").cloned(),
            size: number("size"),
            steps: number("after"),
        }),
        ["env", "new"] => Action::Environment(EnvironmentAction::New {
            name: inner.get_one::<String>("name").cloned().unwrap_or_default(),
            continuous: inner.get_flag("continuous"),
        }),
        ["env", "check"] => Action::Environment(EnvironmentAction::Check { file: inner.get_one::<String>("name").cloned().unwrap_or_default() }),
        ["eval"] => Action::Eval {
            run: path("run"),
            from: from(),
            options: eval::EvalOptions {
                episodes: number("episodes"),
                deterministic: inner.get_flag("deterministic"),
                agent: agent(),
                most_steps: number("most-steps"),
                quiet: options().quiet,
            },
            json,
        },
        ["plot"] => {
            let by = if inner.get_one::<String>("by").is_some_and(|by| by == "seconds") { By::Seconds } else { By::Steps };
            let metric = inner.get_one::<String>("metric").cloned().unwrap_or_default();
            let options = plot::PlotOptions { metric, by, size: [number("width"), number("height")] };
            Action::Plot { runs: inner.get_many::<PathBuf>("runs").into_iter().flatten().cloned().collect(), options, out: path("out") }
        }
        ["doctor"] => Action::Doctor { options: doctor::DoctorOptions { training: seconds(), quiet: options().quiet }, json },
        ["export"] => Action::Export {
            run: path("run"),
            from: from(),
            options: export::ExportOptions {
                agent: agent().unwrap_or(0),
                onnx: inner.get_one::<PathBuf>("onnx").cloned(),
                safetensors: inner.get_one::<PathBuf>("safetensors").cloned(),
                wgsl: inner.get_one::<PathBuf>("wgsl").cloned(),
            },
        },
        ["completions"] => Action::Completions(inner.get_one::<Shell>("shell").copied().unwrap_or(Shell::Bash)),
        ["man"] => Action::Manual,
        ["watch"] => {
            let options = watch::WatchOptions { agent: playing().agent, fps: number("fps"), most_steps: inner.get_one::<u64>("most-steps").copied() };
            Action::Watch { playing: playing(), options }
        }
        ["record"] => Action::Record {
            playing: playing(),
            options: record::RecordOptions {
                gif: inner.get_one::<PathBuf>("gif").cloned(),
                png_dir: inner.get_one::<PathBuf>("png-dir").cloned(),
                size: number("size"),
                fps: number("fps"),
                episodes: number("episodes"),
                most_frames: number("most-frames"),
            },
        },
        ["resume"] => Action::Resume { run: path("run"), from: from(), options: options() },
        ["fork"] => Action::Fork { run: path("run"), from: from(), agent: agent(), options: options() },
        _ => Action::Train(options()),
    }
}

/// Refuses flags that the subcommand would not look at.
fn refuse_foreign_flags(matches: &ArgMatches) -> Result<()> {
    let (names, inner) = innermost(matches);
    let written = |flag: &&str| inner.value_source(flag) == Some(ValueSource::CommandLine);
    // What a saved run cannot change is refused by the run, which knows what to do instead.
    let by_the_run = matches!(names[..], ["resume" | "fork" | "eval" | "watch" | "record"]) && inner.contains_id("run");
    let keys = if by_the_run { &[] } else { KEYS };
    let mut shared = keys.iter().map(|key| key.name).chain(["config", "set", "out", "json", "quiet", "tui"]);
    match shared.find(|flag| written(flag) && !takes(&names, flag)) {
        Some(flag) => {
            let command = format!("ppo-gpu {}", names.join(" "));
            Err(Error::config(
                format!("--{}", flag.replace('_', "-")),
                format!("{command} takes no such flag"),
                format!("{command} --help lists those it takes"),
            ))
        }
        None => Ok(()),
    }
}

/// Refuses a flag that is given before a subcommand and after it: of these, clap keeps the later ones only. On one side it has refused repetitions itself.
fn refuse_flags_on_both_sides(arguments: &[OsString], matches: &ArgMatches) -> Result<()> {
    let (names, inner) = innermost(matches);
    let written: Vec<String> = arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).take_while(|argument| argument != "--").collect();
    for flag in KEYS.iter().map(|key| key.name).chain(["config", "set", "out", "json", "quiet", "tui"]) {
        let long = format!("--{}", flag.replace('_', "-"));
        // A value never begins like a flag, unless it stands behind "=".
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
    use crate::cli::layers::defaults;
    use crate::program::plan::Plan;
    use crate::program::profile::PROFILES;
    use crate::spec::config::{PerAgent, TimeLimit};
    use clap::Command;

    fn parse(arguments: &[&str]) -> Result<Config> {
        config(&command().try_get_matches_from([&["ppo-gpu"], arguments].concat()).unwrap_or_else(|error| panic!("{error}")))
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
            let matches = command().try_get_matches_from([&["ppo-gpu"], &arguments[..]].concat()).expect("arguments");
            assert_eq!(config(&matches).expect("a configuration").envs, 16, "{arguments:?}");
            assert_eq!(action(&matches), Action::Inspect(Topic::Plan));
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
        fn examples(command: &Command) -> Vec<String> {
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            // What stands behind two spaces is said about the example.
            let own = text.lines().filter_map(|line| line.strip_prefix("  ")).map(|line| line.split("  ").next().unwrap_or_default().to_string());
            own.chain(command.get_subcommands().flat_map(examples)).collect()
        }
        let examples = examples(&command());
        assert!(examples.len() > 20, "{examples:?}");
        for example in examples {
            let matches = command().try_get_matches_from(example.split(' ')).unwrap_or_else(|error| panic!("{example}: {error}"));
            refuse_foreign_flags(&matches).unwrap_or_else(|error| panic!("{example}: {error}"));
            let _ = action(&matches);
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
