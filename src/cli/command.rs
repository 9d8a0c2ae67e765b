//! The command line's description: commands, flags, help, examples, and the manual page.

use crate::bench::sweep::Sweep;
use crate::cli::layers::{defaults, table};
use crate::run::checkpoints::Which;
use crate::run::session::{PLAYABLE, RESUMABLE};
use crate::spec::config::{Config, KEYS, Key};
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Arg, ArgAction, Command, value_parser};
use clap_complete::Shell;
use std::path::PathBuf;
use std::time::Duration;

/// The command line.
pub fn command() -> Command {
    let mut command = whole();
    // Passes the flags that are valid everywhere on to the subcommands, so that they can be hidden there.
    command.build();
    without_foreign_flags(command, &[])
}

/// The command line, where each subcommand's help lists every flag.
fn whole() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help).action(ArgAction::SetTrue).global(true);
    let topic = |name: &'static str, about: &'static str| Command::new(name).about(about);
    let inspect = Command::new("inspect").about("Show what a run would be made of; takes the flags of a run").subcommand_required(true).subcommands([
        topic("plan", "Everything derived from the configuration: sizes, work, memory, limits, profile"),
        topic("config", "The effective configuration as a TOML file, each key with its meaning"),
        topic("buffers", "The memory map of the device"),
        topic("kernels", "The schedule of one update, and what each kernel binds"),
        topic("metrics", "Meaning, unit and healthy range of each number in metrics.jsonl"),
        topic("tables", "The tables of the documents, in Markdown: kernels, buffers, keys, metrics"),
        topic("shader", "The WGSL of a kernel, exactly as it is compiled")
            .arg(Arg::new("name").value_name("NAME").required(true).help("The kernel's name, e.g. gradient")),
    ]);
    let bench = Command::new("bench")
        .about("Time kernels, start-up and whole updates against the device's own peaks; takes the flags of a run")
        .args([
            Arg::new("sweep").long("sweep").value_name("WHAT").value_parser(PossibleValuesParser::new(Sweep::NAMES)).help("Tables over what is named"),
            Arg::new("seconds").long("seconds").value_name("SECONDS").value_parser(seconds).default_value("1").help("Time to spend on each figure"),
        ])
        .after_help(
            "Examples:\n\
         \x20 ppo-gpu bench --envs 4096 --steps 128         each kernel against the device's own peaks\n\
         \x20 ppo-gpu bench --sweep envs --seconds 0.5      speed and memory over the number of environments",
        );
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("N").default_value(default).value_parser(value_parser!(u32)).help(help)
    };
    let named = |help: &'static str| Arg::new("name").value_name("NAME").required(true).help(help);
    let environments = Command::new("env").about("List, show, write and try environments").subcommand_required(true).subcommands([
        Command::new("list").about("The built-in environments"),
        Command::new("show").about("What an environment observes, does and can be set to").args([
            named("A name of `env list`, or the path of a .wgsl file"),
            Arg::new("wgsl").long("wgsl").action(ArgAction::SetTrue).help("Print its WGSL"),
            Arg::new("png").long("png").value_name("FILE").value_parser(value_parser!(PathBuf)).help("Write a picture of it"),
            number("size", "256", "Pixels along each side of the picture"),
            number("after", "0", "Steps to make, with a policy that has learned nothing, before the picture"),
        ]),
        Command::new("new")
            .about("Write a commented example that works, NAME.wgsl, to start from")
            .args([named("What it is called"), Arg::new("continuous").long("continuous").action(ArgAction::SetTrue).help("With continuous actions")]),
        Command::new("check").about("Try an environment: does it compile, and does it behave?").arg(named("The path of a .wgsl file")),
    ]);
    let path = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help).value_parser(value_parser!(PathBuf)).global(true)
    };
    let run = || Arg::new("run").value_name("RUN").required(true).value_parser(value_parser!(PathBuf)).help("The directory of a run");
    let from = || {
        let help = "Which checkpoint: latest, best (by mean return), or the number of an update";
        Arg::new("from").long("from").value_name("WHICH").default_value("latest").value_parser(value_parser!(Which)).help(help)
    };
    let agent = |help: &'static str| Arg::new("agent").long("agent").value_name("AGENT").value_parser(value_parser!(usize)).help(help);
    let resume = Command::new("resume")
        .about("Go on with a run that was ended, as if it never had been; --total-steps makes it longer")
        .args([run(), from()])
        .after_help(
            "Examples:\n\
             \x20 ppo-gpu resume runs/a                         to the bits of a run that never ended\n\
             \x20 ppo-gpu resume runs/a --total-steps 20e6      for longer\n\
             \x20 ppo-gpu resume runs/a --from 300              from the checkpoint after update 300; later ones are removed",
        );
    let fork = Command::new("fork")
        .about("Start a new run from what another has learned, with other keys")
        .args([run(), from(), agent("Start all agents from this one")])
        .after_help(
            "Examples:\n\
         \x20 ppo-gpu fork runs/a --lr 1e-4 --seed 7                   the same task, other settings\n\
         \x20 ppo-gpu fork runs/a --from best --agent 3 --agents 16    sixteen agents that start from agent 3",
        );
    let eval = Command::new("eval")
        .about("Play episodes with the policy of a run, and say how good it is")
        .args([
            run(),
            from(),
            agent("Evaluate this one only"),
            number("episodes", "1000", "Episodes of each agent"),
            number("most-steps", "100000", "Give up an episode after N steps"),
            Arg::new("deterministic").long("deterministic").action(ArgAction::SetTrue).help("Take the most probable action instead of drawing one"),
        ])
        .after_help(
            "Examples:\n\
         \x20 ppo-gpu eval runs/a                                      every agent, as it played in training\n\
         \x20 ppo-gpu eval runs/a --deterministic --from best --json   for a table of results\n\
         \x20 ppo-gpu eval runs/a --set env_parameters.gravity=3.7     on another planet",
        );
    let played = || {
        let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
        [
            run().required(false).help("The directory of a run; without one, agents that have learned nothing play what --env says"),
            from(),
            agent("Agent that plays [default: 0]"),
            flag("deterministic", "Take the most probable action instead of drawing one"),
            flag("untrained", "Forget what was learned"),
        ]
    };
    let file = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).value_parser(value_parser!(PathBuf)).help(help)
    };
    let watch = Command::new("watch")
        .about("Show an agent at play in the terminal; of a run that trains meanwhile, always what it has learned so far")
        .args(played())
        .args([
            number("fps", "30", "Steps a second, at first"),
            Arg::new("most-steps").long("most-steps").value_name("N").value_parser(value_parser!(u64)).help("End after N steps"),
        ])
        .after_help(
            "Examples:\n\
             \x20 ppo-gpu watch runs/a                          what agent 0 has learned, also while it trains\n\
             \x20 ppo-gpu watch runs/a --agent 3 --fps 10       another agent, slowly\n\
             \x20 ppo-gpu watch --env MinAtar/Breakout-v1       an agent that has learned nothing\n\
             Keys: space pauses, s makes one step, + and - change the speed, left and right the agent, q quits.",
        );
    let record = Command::new("record")
        .about("Write an animation, or pictures, of an agent at play")
        .args(played())
        .args([
            file("gif", "FILE", "Write an animation"),
            file("png-dir", "DIR", "Write a picture of each step"),
            number("size", "256", "Pixels along each side"),
            number("fps", "30", "Frames a second of the animation"),
            number("episodes", "1", "Stop after N episodes"),
            number("most-frames", "1000", "Stop after N frames"),
        ])
        .after_help(
            "Examples:\n\
         \x20 ppo-gpu record runs/a --gif a.gif --deterministic\n\
         \x20 ppo-gpu record runs/a --png-dir frames --size 512 --most-frames 100",
        );
    let export = Command::new("export")
        .about("Write what an agent has learned for other programs")
        .args([
            run(),
            from(),
            agent("The agent [default: 0]"),
            file("onnx", "FILE", "Write an ONNX model: observation to action, logits (or mean and log_std), value"),
            file("safetensors", "FILE", "Write the weights, named as PyTorch names those of an nn.Sequential"),
            file("wgsl", "FILE", "Write WGSL functions to paste into another program"),
        ])
        .after_help(
            "Examples:\n\
         \x20 ppo-gpu export runs/a --from best --onnx policy.onnx\n\
         \x20 ppo-gpu export runs/a --agent 3 --safetensors weights.safetensors --wgsl policy.wgsl",
        );
    let plot = Command::new("plot")
        .about("Draw learning curves of runs")
        .args([
            Arg::new("runs").value_name("RUN").required(true).num_args(1..).value_parser(value_parser!(PathBuf)).help("Directories of runs"),
            Arg::new("metric").long("metric").value_name("NAME").default_value("mean_return").help("A number of metrics.jsonl"),
            Arg::new("by").long("by").value_name("AXIS").default_value("steps").value_parser(["steps", "seconds"]).help("What the horizontal axis shows"),
            file("out", "FILE", "The drawing, .svg or .png").required(true),
            number("width", "900", "Width in pixels").value_parser(value_parser!(u32).range(200..=10_000)),
            number("height", "540", "Height in pixels").value_parser(value_parser!(u32).range(150..=10_000)),
        ])
        .after_help(
            "Examples:\n\
         \x20 ppo-gpu plot runs/a runs/b --out returns.svg\n\
         \x20 ppo-gpu plot runs/a --metric entropy --by seconds --out entropy.png",
        );
    let doctor = Command::new("doctor")
        .about("Say whether this machine is good to go: every adapter, its kernels, and a short training run")
        .arg(Arg::new("seconds").long("seconds").value_name("SECONDS").value_parser(seconds).default_value("5").help("Time to train for on each adapter"))
        .after_help(
            "Examples:\n\
             \x20 ppo-gpu doctor                      every adapter\n\
             \x20 ppo-gpu doctor --adapter llvmpipe   one of them\n\
             \x20 ppo-gpu doctor --json               for a bug report",
        );
    let completions = Command::new("completions")
        .about("Print completions for a shell: source <(ppo-gpu completions bash)")
        .arg(Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell)).help("The shell"));
    let command = Command::new("ppo-gpu")
        .version(concat!(env!("CARGO_PKG_VERSION"), " (", env!("PPO_GPU_REVISION"), ")"))
        .about("Trains a PPO agent entirely on the GPU. Without a subcommand it trains, with the flags below.")
        .after_help(
            "Examples:\n\
             \x20 ppo-gpu --envs 4096                                trains CartPole\n\
             \x20 ppo-gpu --config configs/acrobot.toml --agents 8   another environment, eight seeds at once\n\
             \x20 ppo-gpu --env mine.wgsl --total-steps 2e6          one of your own (env new mine writes an example)\n\
             \x20 ppo-gpu watch runs/a                               what a run has learned\n\n\
             Flags override --set, which overrides --config FILE. Without --config, a built-in environment is trained with its preset (`env show NAME`).\n\
             Exit codes: 0 done, 1 failed while running, 2 refused, 3 diverged, 130 interrupted after saving.",
        )
        .subcommands([
            resume,
            fork,
            eval,
            watch,
            record,
            plot,
            export,
            environments,
            doctor,
            bench,
            Command::new("devices").about("List the adapters of this machine, and what matters of each"),
            inspect,
            completions,
            Command::new("man").about("Print the manual page: ppo-gpu man | man -l -"),
        ])
        .args([
            path("config", "FILE", "Read keys from a TOML file, in place of the preset"),
            Arg::new("set")
                .long("set")
                .value_name("KEY=VALUE")
                .help("Set a key, e.g. --set lr=3e-4; may be repeated for other keys")
                .action(ArgAction::Append)
                .global(true),
            path("out", "DIR", "Directory of the run [default: runs/<date>-<time>-<env>-<seed>]"),
            flag("json", "Print the result as one JSON object on stdout"),
            flag("quiet", "Print no progress and no notes"),
            flag("tui", "Show a dashboard while training: learning curve, speed, kernels, losses"),
        ]);
    let (built_in, bare) = (table(&Config::default()), defaults().map(|config| table(&config)).unwrap_or_default());
    command.args(KEYS.iter().map(|key| key_flag(key, built_in.get(key.name), bare.get(key.name))))
}

/// The manual page: the program, then each of its commands, in the language of man(7).
pub fn manual() -> String {
    /// Commands below `command` that do something themselves, by their whole names.
    fn leaves(command: &Command, name: &str) -> Vec<Command> {
        let below: Vec<Command> = command.get_subcommands().flat_map(|inner| leaves(inner, &format!("{name} {}", inner.get_name()))).collect();
        if below.is_empty() { vec![command.clone().name(name.to_string()).bin_name(name.to_string())] } else { below }
    }
    let mut text = Vec::new();
    let whole = whole();
    let page = clap_mangen::Man::new(whole.clone());
    page.render(&mut text).expect("memory takes what is written");
    for inner in leaves(&whole, "ppo-gpu") {
        // Flags that are valid everywhere were listed once.
        let own = inner.mut_args(|argument| if argument.is_global_set() { argument.hide(true) } else { argument });
        let name = own.get_name().to_uppercase();
        let page = clap_mangen::Man::new(own);
        text.extend_from_slice(format!(".SH {name}\n").as_bytes());
        let mut part = Vec::new();
        let rendered = page
            .render_description_section(&mut part)
            .and_then(|()| page.render_options_section(&mut part))
            .and_then(|()| page.render_extra_section(&mut part));
        rendered.expect("memory takes what is written");
        // Its sections are parts of this one.
        text.extend_from_slice(
            String::from_utf8_lossy(&part).replace(".SH DESCRIPTION\n", "").replace(".SH OPTIONS\n", "").replace(".SH EXTRA\n", "").as_bytes(),
        );
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// The flag of a key, whose default is `built_in`, and `bare` where the preset is in force.
fn key_flag(key: &Key, built_in: Option<&toml::Value>, bare: Option<&toml::Value>) -> Arg {
    let shown = |value: Option<&toml::Value>| match value {
        None => "none".into(),
        Some(toml::Value::String(text)) if text.is_empty() => "any".into(),
        Some(toml::Value::String(text)) => text.clone(),
        Some(toml::Value::Array(list)) => list.iter().map(toml::Value::to_string).collect::<Vec<_>>().join(","),
        Some(value) => value.to_string(),
    };
    let mut default = shown(bare.or(built_in));
    if bare.is_some() && bare != built_in {
        default += &format!("; with --config: {}", shown(built_in));
    }
    let flag = Arg::new(key.name)
        .long(key.name.replace('_', "-"))
        .value_name(key.value)
        .help(format!("{} [default: {default}]", key.help))
        .help_heading(key.section)
        .allow_negative_numbers(true)
        .global(true);
    match built_in {
        // Each names some entries of the table; any other flag is given once.
        Some(toml::Value::Table(_)) => flag.action(ArgAction::Append).value_parser(NonEmptyStringValueParser::new()),
        Some(toml::Value::Boolean(_)) => flag.num_args(0..=1).default_missing_value("true"),
        // Only the name of an adapter may be empty: any.
        Some(toml::Value::String(text)) if text.is_empty() => flag,
        _ => flag.value_parser(NonEmptyStringValueParser::new()),
    }
}

/// A time to spend, in seconds.
fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Whether a subcommand, given by the names that lead to it, makes use of `flag`, one of those that are written in one place for all.
pub fn takes(names: &[&str], flag: &str) -> bool {
    let key = || KEYS.iter().any(|key| key.name == flag);
    match names {
        [] => true,
        ["resume"] => RESUMABLE.contains(&flag) || ["set", "json", "quiet", "tui"].contains(&flag),
        ["fork"] => key() || ["set", "out", "json", "quiet", "tui"].contains(&flag),
        ["eval"] => PLAYABLE.contains(&flag) || ["set", "json", "quiet"].contains(&flag),
        // Without a run they play what the configuration says.
        ["watch" | "record"] => PLAYABLE.contains(&flag) || ["env", "agents", "hidden", "activation", "config", "set"].contains(&flag),
        ["env", "show" | "check"] => PLAYABLE.contains(&flag) || ["config", "set"].contains(&flag),
        ["devices" | "doctor"] => ["backend", "adapter", "profile", "config", "set", "json", "quiet"].contains(&flag),
        ["bench"] => key() || ["config", "set", "json", "quiet"].contains(&flag),
        ["inspect", ..] => key() || ["config", "set", "quiet"].contains(&flag),
        ["env", "list"] => flag == "json",
        ["plot"] => flag == "out", // a flag of its own by this name
        _ => false,
    }
}

/// `command`, to which `names` lead, and all below it, without the flags in its help that it does not take.
fn without_foreign_flags(command: Command, names: &[&str]) -> Command {
    let below: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_string()).collect();
    let group = !below.is_empty() && !names.is_empty();
    let own = command.mut_args(|argument| {
        let foreign = argument.is_global_set() && (group || !takes(names, argument.get_id().as_str()));
        if foreign { argument.hide(true) } else { argument }
    });
    below.iter().fold(own, |command, name| command.mut_subcommand(name, |inner| without_foreign_flags(inner, &[names, &[name]].concat())))
}
