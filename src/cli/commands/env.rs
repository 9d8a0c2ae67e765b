//! `ppo-gpu env`: a group of commands.

use crate::check::environment::check;
use crate::cli::arguments::whole;
use crate::cli::call::{Call, Flags, Perform, print};
use crate::cli::png;
use crate::device::gpu::Gpu;
use crate::environments::built_in;
use crate::environments::robot_task::{self, Task};
use crate::mjcf::compile;
use crate::physics::wgsl;
use crate::play::picture::{MOST_SIZE, Picture};
use crate::run::session::slow_environment;
use crate::spec::config::{Config, Key};
use crate::spec::environment::Environment;
use crate::support::error::{Error, Result, exit};
use crate::support::files;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Most steps before a picture: the observations of all of them are kept.
const MOST_AFTER: u32 = 100_000;

/// List, show, write and try environments.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = false)]
pub(in crate::cli) struct Env {
    #[command(subcommand)]
    topic: Topic,
}

#[derive(Debug, clap::Subcommand)]
enum Topic {
    /// List the built-in environments.
    List,
    /// Describe an environment: observations, actions and parameters; or a robot: bodies, joints, actuators and contacts.
    Show {
        /// A name of `env list`, or the path of a .wgsl file, or of a robot's .xml file.
        name: String,
        /// Print its WGSL, with the files that it imports.
        #[arg(long, conflicts_with = "png")]
        wgsl: bool,
        /// Write a picture of it.
        #[arg(long, value_name = "FILE")]
        png: Option<PathBuf>,
        /// Pixels along each side of the picture.
        #[arg(long, value_name = "N", default_value = "256", value_parser = whole(1, MOST_SIZE), allow_negative_numbers = true, requires = "png")]
        size: u32,
        /// Steps to make, with a policy that has learned nothing, before the picture.
        #[arg(long, value_name = "N", default_value = "0", value_parser = whole(0, MOST_AFTER), allow_negative_numbers = true, requires = "png")]
        after: u32,
    },
    /// Write a commented example that works, NAME.wgsl, to start from.
    New {
        /// Name of the new environment.
        name: String,
        /// With continuous actions.
        #[arg(long)]
        continuous: bool,
        /// A task for the robot in this MJCF file; NAME.toml trains on it.
        #[arg(long, value_name = "FILE", conflicts_with = "continuous")]
        mjcf: Option<PathBuf>,
        /// The robot's task: to stand and walk forwards, or to follow commanded velocities.
        #[arg(long, value_name = "TASK", default_value = "walk", value_parser = ["walk", "joystick"], requires = "mjcf")]
        task: String,
    },
    /// Try an environment: does it compile, and does it behave?
    Check {
        /// The path of a .wgsl file, which may import others and name files of data.
        name: String,
    },
}

impl Perform for Env {
    fn takes(topic: Option<&str>) -> Flags {
        match topic {
            Some("show") => [Key::names(|key| key.playable), vec!["config", "set", "json"]].concat(),
            Some("check") => [Key::names(|key| key.playable), vec!["config", "set"]].concat(),
            Some("list") => vec!["json"],
            _ => vec![],
        }
    }

    fn perform(self, call: &Call) -> Result<u8> {
        let config = call.shared.config()?;
        match self.topic {
            Topic::Show { wgsl, png, .. } if call.shared.json && (wgsl || png.is_some()) => {
                return Err(Error::config("--json", "neither WGSL nor a picture is JSON", "leave it out, or --wgsl and --png"));
            }
            Topic::List => list(call.shared.json)?,
            Topic::Show { name, png: Some(path), size, after, .. } => {
                png::write(&Picture::of_environment(&Config { env: name, ..config }, after, size)?, &path)?;
                print(&format!("wrote {} ({size} x {size} pixels)\n", path.display()))?;
            }
            Topic::Show { name, wgsl, .. } if name.to_lowercase().ends_with(".xml") => {
                let model = compile::model(Path::new(&name))?;
                print(&match (wgsl, call.shared.json) {
                    (true, _) => wgsl::text(&model, ""),
                    (false, true) => serde_json::to_string(&model).unwrap_or_default() + "\n",
                    (false, false) => model.to_text(&name),
                })?;
            }
            Topic::Show { name, wgsl, .. } => {
                let environment = Environment::named(&name)?;
                print(&match (wgsl, call.shared.json) {
                    (true, _) => environment.source,
                    (false, true) => environment.to_json().to_string() + "\n",
                    (false, false) => environment.to_text(),
                })?;
            }
            Topic::New { name, continuous, mjcf, task } => {
                let task = if task == "joystick" { Task::Joystick } else { Task::Walk };
                new(name, continuous, mjcf.map(|xml| (xml, task)))?;
            }
            Topic::Check { name } => {
                let environment = Environment::named(&name)?;
                environment.check_reads(&config)?;
                let gpu = Gpu::open(&config.backend, &config.adapter)?;
                if let Some(text) = slow_environment(&environment).filter(|_| gpu.is_software()) {
                    let _ = writeln!(std::io::stderr(), "{text}");
                }
                let report = check(&gpu, &environment, &config)?;
                print(&report.to_text())?;
                return Ok(if report.passed() { exit::DONE } else { exit::REFUSED });
            }
        }
        Ok(exit::DONE)
    }
}

fn list(json: bool) -> Result<()> {
    if json {
        let all: Vec<_> = Environment::list()?.iter().map(Environment::to_json).collect();
        return print(&(serde_json::Value::Array(all).to_string() + "\n"));
    }
    Environment::list()?.iter().try_for_each(|environment| print(&format!("{:<31} {}\n", environment.name, environment.summary())))
}

/// Writes an example to `NAME.wgsl`; for a robot, to `NAME.toml`, too.
fn new(name: String, continuous: bool, robot: Option<(PathBuf, Task)>) -> Result<()> {
    if let Some(ending) = [".xml", ".toml"].into_iter().find(|ending| name.to_lowercase().ends_with(ending)) {
        let help = format!("give the name of the task: {}", &name[..name.len() - ending.len()]);
        return Err(Error::config("env new", format!("{name} would become {name}.wgsl"), help));
    }
    let path = PathBuf::from(if name.ends_with(".wgsl") { name } else { name + ".wgsl" });
    if path.file_name().is_none_or(|name| name == ".wgsl") {
        return Err(Error::config(
            "env new",
            format!("the file {} would have no name", path.display()),
            "for instance `ppo-gpu env new catch`, which writes catch.wgsl",
        ));
    }
    let shown = path.display();
    let wrote = |files: &str, train: &str| {
        let check = format!("ppo-gpu env check {shown}");
        let width = check.len().max(train.len());
        print(&format!("wrote {files}\n\n  {check:<width$}    tries it\n  {train:<width$}    trains on it\n"))
    };
    let Some((xml, task)) = robot else {
        create(&path, built_in::template(continuous))?;
        return wrote(&shown.to_string(), &format!("ppo-gpu --env {shown}"));
    };
    // The file's name is in a line of the task, and a line has neither spaces around it nor line breaks in it.
    let name_of = |path: &Path| path.display().to_string();
    if name_of(&xml).chars().any(char::is_control) || name_of(&xml).trim() != name_of(&xml) || name_of(&path).chars().any(char::is_control) {
        let help = "rename it: no spaces at the ends, and no line breaks or other control characters";
        return Err(Error::config("--mjcf", format!("the name {:?} cannot be in a line of a task", name_of(&xml)), help));
    }
    let model = compile::model(&xml)?;
    if model.actuators.is_empty() {
        return Err(Error::config("--mjcf", format!("the robot in {} has no actuators", xml.display()), "add <actuator> with motors to its joints"));
    }
    let absolute = |path: &Path| files::resolve(path).map_err(|error| Error::unreadable(path, error));
    let name = path.file_stem().unwrap_or_default().display().to_string();
    let config = path.with_extension("toml");
    if config.exists() {
        return Err(exists(&config));
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = directory.canonicalize().map_err(|error| Error::file("create", &path, error))?;
    let file = absolute(&xml)?;
    let imported = relative(&file, &directory).display().to_string().replace(std::path::MAIN_SEPARATOR, "/");
    create(&path, &robot_task::wgsl(&model, &name, &imported, task)?)?;
    create(&config, &robot_task::config(&shown.to_string(), task))?;
    let config = config.display();
    wrote(&format!("{shown} and {config}"), &format!("ppo-gpu --config {config}"))
}

/// The path of a file from a directory, both absolute.
fn relative(file: &Path, directory: &Path) -> PathBuf {
    let common = file.components().zip(directory.components()).take_while(|(a, b)| a == b).count();
    let up = directory.components().skip(common).map(|_| std::path::Component::ParentDir);
    up.chain(file.components().skip(common)).collect()
}

fn exists(path: &Path) -> Error {
    Error::config("env new", format!("{} exists already", path.display()), "give another name, or remove the file first")
}

fn create(path: &Path, text: &str) -> Result<()> {
    let mut file = std::fs::File::create_new(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(path),
        _ => Error::file("create", path, error),
    })?;
    file.write_all(text.as_bytes()).map_err(|error| Error::file("write", path, error))
}
