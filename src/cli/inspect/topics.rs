//! `ppo-gpu inspect`: the parts of a run, as text. Nothing here needs a device.

use crate::bench::model::{DEVICES, Model};
use crate::bench::text::duration;
use crate::cli::inspect::{schedule, tables};
use crate::device::{choose, gpu};
use crate::program::buffers::BUFFERS;
use crate::program::kernel;
use crate::program::plan::Plan;
use crate::program::profile::{PROFILES, Profile};
use crate::run::tunings;
use crate::spec::config::Config;
use crate::spec::environment::Environment;
use crate::spec::metrics::METRICS;
use crate::spec::network::{NETWORKS, Network};
use crate::spec::tuning::{AUTO, NONE};
use crate::support::error::{Error, Result};
use crate::support::text::columns;
use crate::support::text::did_you_mean;
use crate::support::text::grouped;
use crate::support::text::mebibytes;
use crate::support::text::{plural, quantity};
use crate::wgsl::compose;

/// What to show.
#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub enum Topic {
    /// Everything derived from the configuration: sizes, work, memory, limits, profile.
    Plan {
        /// Predict the times of an update on this device, which need not be at hand, in place of looking for one: h100, rtx-4060-laptop, m3 and others.
        #[arg(long, value_name = "NAME")]
        device: Option<String>,
    },
    /// The effective configuration as a TOML file, each key with its meaning.
    Config,
    /// The memory map of the device.
    Buffers,
    /// The schedule of one update, and what each kernel binds.
    Kernels,
    /// Meaning, unit and healthy range of each number in metrics.jsonl.
    Metrics,
    /// The tables of the documents, in Markdown: kernels, buffers, keys, metrics.
    Tables,
    /// The WGSL of a kernel, exactly as it is compiled.
    Shader {
        /// The kernel's name, e.g. gradient.
        name: String,
    },
}

/// An adapter's description and limits.
pub(super) type Adapter = (wgpu::AdapterInfo, wgpu::Limits);

/// The text of `topic` for a run of `config`. Assumptions are noted on stderr, unless `quiet`.
///
/// # Errors
/// [`Error::Config`] when the configuration does not fit together or the kernel does not exist; [`Error::NoAdapter`] when the requested adapter
/// does not exist; [`Error::Shader`] when a kernel does not compile.
pub fn show(config: &Config, topic: &Topic, quiet: bool) -> Result<String> {
    // Topics that need no plan are shown without enumerating adapters, which takes a while.
    match topic {
        Topic::Config => return refuse_what_fits_no_profile(config).map(|()| config.to_commented_toml()),
        Topic::Metrics => return Ok(metrics()),
        Topic::Tables => return tables::tables(),
        _ => {}
    }
    let kernel = match topic {
        Topic::Shader { name } => Some(known_kernel(name)?),
        _ => None,
    };
    let model = match topic {
        Topic::Plan { device: Some(name) } => Some(known_device(name)?),
        _ => None,
    };
    let adapter = if model.is_some() { None } else { adapter(config)? };
    let (profile, why) = match &model {
        Some(model) if config.profile == "auto" => (model.profile(), format!("that of {}", model.name)),
        _ => profile(config, adapter.as_ref()),
    };
    if adapter.is_none() && model.is_none() && config.profile == "auto" && !quiet {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "note: {why}");
    }
    let plan = Plan::new(config, profile)?;
    let recalled = adapter.as_ref().filter(|_| config.tuning == AUTO).and_then(|(info, _)| tunings::recalled(info, &plan).0);
    let remembered = recalled.is_some();
    let plan = match recalled {
        Some(sizes) => Plan::new(&Config { tuning: sizes, ..config.clone() }, profile)?,
        None => plan,
    };
    match (topic, kernel) {
        (_, Some(name)) => match kernel::all(&plan).into_iter().find(|kernel| kernel.name == name) {
            Some(kernel) => Ok(compose::compose(kernel, &plan).text),
            None => {
                let problem = format!(
                    "'{name}' has no place in this plan: its environment, the sizes of its minibatches and networks, or its profile have no use for it"
                );
                Err(Error::config("shader", problem, "`ppo-gpu inspect kernels` with the same flags lists those that have"))
            }
        },
        (Topic::Buffers, _) => Ok(buffers(&plan)),
        (Topic::Kernels, _) => schedule::kernels(&plan),
        _ => Ok(derived(&plan, adapter.as_ref(), &why, remembered) + &model.map_or(String::new(), |model| predicted(&model, &plan))),
    }
}

/// Refuses what training refuses before it opens a device. `auto` may mean any profile.
fn refuse_what_fits_no_profile(config: &Config) -> Result<()> {
    let environment = Environment::named(&config.env)?;
    let profiles = Profile::named(&config.profile).map_or(PROFILES.to_vec(), |profile| vec![profile]);
    let plans: Vec<Result<Plan>> = profiles.into_iter().map(|profile| Plan::with_environment(config, environment.clone(), profile)).collect();
    if plans.iter().any(Result::is_ok) { Ok(()) } else { plans.into_iter().try_for_each(|plan| plan.map(drop)) }
}

/// The adapter that a run would use, if there is one.
///
/// # Errors
/// [`Error::NoAdapter`] and [`Error::Config`] when there are adapters, but the flags match none or several of them.
fn adapter(config: &Config) -> Result<Option<Adapter>> {
    let adapters = gpu::adapters(&config.backend);
    match chosen(&adapters, config)? {
        Some(index) => Ok(Some(adapters[index].clone())),
        None if adapters.is_empty() => Ok(None),
        None => Err(gpu::no_adapter(&config.backend, &config.adapter)),
    }
}

/// Which of `adapters` a run of `config` would use.
pub(super) fn chosen(adapters: &[Adapter], config: &Config) -> Result<Option<usize>> {
    let infos: Vec<wgpu::AdapterInfo> = adapters.iter().map(|(info, _)| info.clone()).collect();
    choose::choose(&infos, &config.adapter)
}

/// The profile of a run, and the reason for it.
fn profile(config: &Config, adapter: Option<&Adapter>) -> (Profile, String) {
    match (Profile::named(&config.profile), adapter) {
        (Some(profile), _) => (profile, "asked for".into()),
        (None, Some((info, limits))) => {
            let profile = gpu::profile(&config.profile, info, limits);
            let why = match profile.name {
                "software" => format!("{} computes on the CPU", info.name),
                "small" => format!("{} has {} bytes of workgroup memory", info.name, limits.max_compute_workgroup_storage_size),
                _ => format!("{} is a GPU", info.name),
            };
            (profile, why)
        }
        (None, None) => (Profile::named("gpu").expect("the profile for GPUs exists"), "no adapter was found, so profile 'gpu' is assumed".into()),
    }
}

/// `name`, if there is a kernel with this name.
fn known_kernel(name: &str) -> Result<&str> {
    kernel::NAMES.contains(&name).then_some(name).ok_or_else(|| {
        let help = format!("one of {}{}", kernel::NAMES.join(", "), did_you_mean(name, kernel::NAMES.iter().copied()));
        Error::config("shader", format!("there is no kernel '{name}'"), help)
    })
}

/// The model called `name`.
fn known_device(name: &str) -> Result<Model> {
    let names = || DEVICES.iter().map(|device| device.name);
    Model::named(name).ok_or_else(|| {
        let help = format!("one of {}{}", names().collect::<Vec<_>>().join(", "), did_you_mean(name, names()));
        Error::config("device", format!("the model does not know '{name}'"), help)
    })
}

/// What an update of `plan` should take.
fn predicted(model: &Model, plan: &Plan) -> String {
    let predicted = model.predict(plan);
    let all: f64 = predicted.iter().map(|row| row.seconds * row.dispatches as f64).sum();
    let cells: Vec<[String; 3]> =
        predicted.iter().map(|row| [row.dispatches.to_string(), duration(row.seconds), duration(row.seconds * row.dispatches as f64)]).collect();
    let mut rows = vec![["kernel", "dispatches", "each", "all", "limited by"]];
    rows.extend(predicted.iter().zip(&cells).map(|(row, [dispatches, each, all])| [row.kernel, dispatches, each, all, row.limit]));
    let steps = plan.agents as f64 * plan.env_steps_per_update() as f64 / all;
    format!(
        "\nPredicted for {} ({}: {} GFLOP/s, {} GB/s), which was not measured here\n{}an update: {}, {} environment steps a second\n",
        model.name,
        model.source,
        quantity(model.gflops),
        quantity(model.gbytes),
        columns(&rows, "lrrrl"),
        duration(all),
        grouped(steps as u64)
    )
}

fn derived(plan: &Plan, adapter: Option<&Adapter>, why: &str, remembered: bool) -> String {
    let count = |number: usize| grouped(number as u64).to_string();
    let environment = &plan.environment;
    let mut text = format!(
        "{}: {} observations{}, {}, {}{}\n\nSizes\n",
        environment.name,
        environment.observation,
        environment.axes(),
        environment.actions.describe(),
        if plan.episode_limit == u32::MAX { "no time limit".into() } else { format!("time limit {} steps", plan.episode_limit) },
        environment.solved_return.map(|solved| format!(", solved at a mean return of {solved}")).unwrap_or_default()
    );
    let seeds = if plan.agents == 1 { format!("seed {}", plan.seed(0)) } else { format!("seeds {} to {}", plan.seed(0), plan.seed(plan.agents - 1)) };
    let trained = u64::from(plan.updates) * plan.batch as u64;
    text += &columns(
        &[
            ["agents", "S", &count(plan.agents), &seeds],
            ["environments", "N", &count(plan.envs), "for each agent"],
            ["rollout length", "T", &count(plan.steps), "steps of every environment in an update"],
            ["samples", "B", &count(plan.batch), "for each agent in an update, N*T"],
            ["minibatches", "K", &count(plan.minibatches), "in each epoch"],
            ["minibatch", "M", &count(plan.minibatch), "samples, B/K"],
            ["epochs", "E", &count(plan.epochs), "over the samples of an update"],
            [
                "updates",
                "U",
                &count(plan.updates as usize),
                &format!("{} environment steps for each agent, from total_steps = {}", grouped(trained), grouped(plan.config.total_steps)),
            ],
            [
                "gradient steps",
                "E*K",
                &count(plan.gradient_steps()),
                &format!("in each update; {} in the whole run", grouped(plan.gradient_steps() as u64 * u64::from(plan.updates))),
            ],
        ],
        "llr",
    );

    let network = &plan.network;
    let shape = |which: usize| {
        let widths: Vec<String> = (0..network.layers.len()).map(|l| network.outputs(which, l).to_string()).collect();
        format!("{}-{}", network.inputs(which, 0), widths.join("-"))
    };
    let parameters = |which: usize| count(network.slots(which).count());
    text += "\nNetworks\n";
    text += &columns(
        &[
            ["actor", &shape(crate::spec::network::ACTOR), &parameters(crate::spec::network::ACTOR), &format!("parameters, {}", activation(network))],
            ["critic", &shape(crate::spec::network::CRITIC), &parameters(crate::spec::network::CRITIC), "parameters"],
            ["both", "P", &count(network.padded_parameters()), &format!("floats for each agent with padding, {} without", count(network.parameters()))],
        ],
        "llr",
    );

    text += "\nWork\n";
    let rollouts = plan.steps / plan.steps_per_dispatch;
    let program = crate::program::schedule::training(plan);
    let learning: usize = ["gradient", "weight_gradient", "sum_gradient", "adam", "learn"].iter().map(|kernel| program.update_of(kernel).len()).sum();
    let (taped, layers) = (plan.taped(), plan.network.layers.len());
    let tape = [
        "wide layers".into(),
        format!("{} of {layers}", taped.len()),
        format!("leave {} samples at a time on the tape, for `weight_gradient`", count(plan.tape_samples())),
    ];
    let tape: Vec<[&str; 3]> = if taped.is_empty() { Vec::new() } else { vec![tape.each_ref().map(String::as_str)] };
    text += &columns(
        &[
            &[[
                "rollout",
                &format!("{} of {}", plural(rollouts, "dispatch", "dispatches"), plural(plan.steps_per_dispatch, "step", "steps")),
                &format!(
                    "in each update, {} lanes a workgroup{}",
                    plan.rollout_team.lanes,
                    if plan.splits_rollout { ", each by the kernels `observe`, `act`, `advance` and `restart`" } else { "" }
                ),
            ]][..],
            &[[
                "minibatch",
                &plural(plan.tiles, "tile", "tiles"),
                &format!("of {} samples, summed in {} for each of {NETWORKS} networks", plan.tile, plural(plan.gradient_rows, "row", "rows")),
            ]],
            &tape,
            &[
                [
                    "learning",
                    &plural(learning, "dispatch", "dispatches"),
                    &match plan.learn_steps {
                        0 => "in each update: gradients, their sum, Adam".into(),
                        steps => format!("in each update, of {} each", plural(steps, "gradient step", "gradient steps")),
                    },
                ],
                ["update", &plural(program.update.len(), "dispatch", "dispatches"), "`ppo-gpu inspect kernels` lists them"],
            ],
        ]
        .concat(),
        "ll",
    );

    text += "\nDevice\n";
    let tuned = match plan.config.tuning.as_str() {
        _ if remembered => "what `ppo-gpu tune` remembered for this device and plan".into(),
        AUTO => "nothing is remembered for this device and plan: `ppo-gpu tune` with the same flags finds the fastest sizes".into(),
        NONE => "the program's own sizes".into(),
        _ => tunings::unfit(plan).unwrap_or("sizes that were asked for".into()),
    };
    let largest = BUFFERS.iter().max_by_key(|buffer| buffer.bytes(plan));
    let largest_bytes = largest.map_or(0, |buffer| buffer.bytes(plan));
    let largest_name = largest.map_or("", |buffer| buffer.name);
    let (mut most, mut workgroup, mut fits) = ("no adapter to compare with".to_string(), String::new(), String::new());
    if let Some((info, limits)) = adapter {
        most = format!("`{largest_name}`; {} allows {}", info.name, mebibytes(limits.max_buffer_size.min(limits.max_storage_buffer_binding_size)));
        workgroup = format!("the adapter allows {}", grouped(limits.max_compute_workgroup_storage_size.into()));
        fits = match gpu::check_plan(plan, info, limits) {
            Ok(()) => String::new(),
            Err(error) => format!("\nRefused by this device: {error}\n  help: {}\n", error.help()),
        };
    }
    text += &columns(
        &[
            ["profile", plan.profile.name, why],
            ["tuning", &plan.tuning.to_string(), &tuned],
            ["memory", &mebibytes(plan.device_bytes()), "all buffers; `ppo-gpu inspect buffers` lists them"],
            ["largest buffer", &mebibytes(largest_bytes), &most],
            ["workgroup memory", &format!("{} bytes", grouped(plan.profile.scratch_bytes.into())), &workgroup],
        ],
        "lr",
    );
    text + &fits
}

fn activation(network: &Network) -> &'static str {
    match network.activation {
        crate::spec::config::Activation::Tanh => "tanh",
        crate::spec::config::Activation::Relu => "relu",
    }
}

fn buffers(plan: &Plan) -> String {
    let texts: Vec<[String; 2]> = BUFFERS.iter().map(|buffer| [buffer.shape(), grouped(buffer.bytes(plan)).to_string()]).collect();
    let total = format!("{} bytes ({})", grouped(plan.device_bytes()), mebibytes(plan.device_bytes()));
    let mut rows = vec![["buffer", "shape", "bytes", "meaning"]];
    rows.extend(BUFFERS.iter().zip(&texts).map(|(buffer, [shape, bytes])| [buffer.name, shape, bytes, buffer.meaning]));
    columns(&rows, "llr")
        + &format!("\n{total} in all. s agent, n environment, t step, e epoch, k minibatch; T, P, G, F, O as in `inspect plan`:\n")
        + &format!(
            "T = {}, P = {}, G = {} (P and the loss sums), F = {} (rows for truncated episodes), O = {}, r up to {}, parts = {}\nG' = {} (G without the W' = {} weights of wide layers), r' up to {}\n",
            plan.steps,
            plan.network.padded_parameters(),
            plan.gradient_columns(),
            plan.final_rows,
            plan.environment.observation,
            plan.gradient_rows,
            plan.norm_parts,
            plan.partial_columns(),
            plan.tape_columns(),
            plan.tape.rows
        )
}

fn metrics() -> String {
    let mut text =
        String::from("Each line of metrics.jsonl is one agent's row of one update, a JSON object. Numbers that are absent or not finite are null.\n\n");
    let mut rows = vec![["name", "unit", "meaning"]];
    let meanings: Vec<String> = METRICS
        .iter()
        .map(|metric| if metric.healthy.is_empty() { metric.meaning.into() } else { format!("{}. Healthy: {}", metric.meaning, metric.healthy) })
        .collect();
    rows.extend(METRICS.iter().zip(&meanings).map(|(metric, meaning)| [metric.name, metric.unit, meaning]));
    text += &columns(&rows, "ll");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_text_without_a_device_of_the_profile() {
        for profile in crate::program::profile::PROFILES {
            let config = Config { profile: profile.name.into(), agents: 3, ..Config::default() };
            for (topic, expected) in [
                (Topic::Plan { device: None }, &["actor", "4-64-64-2", "4,610", "asked for"][..]),
                (Topic::Plan { device: Some("m3".into()) }, &["\nPredicted for m3 (data sheet", "gradient", "limited by", "environment steps a second"]),
                (Topic::Config, &["agents = 3", "# ---- PPO"]),
                (Topic::Buffers, &["observations", "[s][t][n]: Transition"]),
                (Topic::Kernels, &["rollout", "sum_gradient", "params"]),
                (Topic::Metrics, &["approx_kl", "Healthy"]),
                (Topic::Shader { name: "gradient".into() }, &["fn gradient(", "const BATCH: u32 = 512u;"]),
            ] {
                let text = show(&config, &topic, true).unwrap_or_else(|error| panic!("{topic:?}: {}", crate::cli::call::describe(&error)));
                assert!(expected.iter().all(|part| text.contains(part)), "{topic:?}: {text}");
                assert!(text.ends_with('\n') && text.lines().all(|line| line.trim_end() == line || matches!(topic, Topic::Shader { .. })), "{topic:?}");
            }
        }
    }

    #[test]
    fn an_unknown_kernel_is_refused_with_the_nearest() {
        let error = show(&Config::default(), &Topic::Shader { name: "gradients".into() }, true).expect_err("a refusal");
        assert!(error.help().contains("did you mean 'gradient'?"), "{}", error.help());
    }

    #[test]
    fn an_unknown_device_is_refused_with_the_nearest() {
        let error = show(&Config::default(), &Topic::Plan { device: Some("rtx-4060".into()) }, true).expect_err("a refusal");
        assert!(error.help().contains("did you mean 'rtx-4060-laptop'?") || error.help().contains("rtx-4060-laptop"), "{}", error.help());
    }

    #[test]
    fn columns_are_aligned() {
        assert_eq!(columns(&[["a", "10", "x"], ["bcd", "5", "longer"]], "lr"), "a    10  x\nbcd   5  longer\n");
    }
}
