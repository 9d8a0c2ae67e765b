//! How long the kernels of an update should take on a device: a model, for devices that are not at hand, and to hold measurements against.
//!
//! A kernel takes the longest of three times, after the cost of a dispatch: that of its arithmetic and of the loads that feed it (*throughput*), that of
//! the memory traffic that it cannot avoid, and that of one workgroup after the other where they do not fill the device (*latency*). The factors that no
//! data sheet has were fitted to two H100s (`benches/results/2026-11-26-h100`, `2026-11-26-h100-evening`); of other devices only the data sheets are known,
//! and the costs of dispatches are guesses.

use crate::bench::peaks::Peaks;
use crate::bench::work::work;
use crate::device::gpu;
use crate::program::blocks::{self, Block, Owned, Sliced, Team};
use crate::program::lanes::{Mapping, vectors};
use crate::program::plan::Plan;
use crate::program::profile::Profile;
use crate::program::schedule;
use crate::program::tape::Rows;
use crate::spec::network::{ACTOR, CRITIC, NETWORKS, Network};

/// A device as the model sees it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Model {
    /// Its name, as `--device` takes it.
    pub name: &'static str,
    /// A part of the name by which drivers call it, in lower case.
    #[serde(skip)]
    pub adapter: &'static str,
    /// Where its figures are from.
    pub source: &'static str,
    /// Billions of f32 operations a second at most; a multiply-add is two.
    pub gflops: f64,
    /// Billions of bytes a second that its memory moves at most.
    pub gbytes: f64,
    /// Parts that have workgroup memory of their own: multiprocessors, compute units, GPU cores, subslices.
    pub cores: usize,
    /// Multiply-adds of such a part in a cycle.
    pub lanes: usize,
    /// Numbers that it loads in a cycle from workgroup memory or its first cache.
    pub loads: usize,
    /// Lanes of kernels that run networks which it holds at once: their registers and workgroup memory allow no more.
    pub resident: usize,
    /// Bytes of workgroup memory that a workgroup may have.
    pub workgroup_bytes: u32,
    /// Microseconds from one dispatch to the next that waits for it.
    pub dispatch: f64,
}

/// Each line is a device: name, part of the driver's name, source, GFLOP/s, GB/s, cores, lanes, resident lanes, bytes of workgroup memory, microseconds.
macro_rules! devices {
    ($($name:literal $adapter:literal $source:ident $gflops:literal $gbytes:literal $cores:literal $lanes:literal $resident:literal $bytes:literal $dispatch:literal;)*) => {
        /// The devices that `--device` knows. All load 128 bytes in a cycle.
        pub const DEVICES: &[Model] = &[$(Model {
            name: $name,
            adapter: $adapter,
            source: $source,
            gflops: $gflops,
            gbytes: $gbytes,
            cores: $cores,
            lanes: $lanes,
            loads: 32,
            resident: $resident,
            workgroup_bytes: $bytes,
            dispatch: $dispatch,
        },)*];
    };
}

const MEASURED: &str = "peaks that were measured";
const DATA_SHEET: &str = "data sheet";

devices! {
    "h100" "h100" MEASURED 63_700.0 2_940.0 132 128 256 49_152 2.9;
    "h200" "h200" MEASURED 63_700.0 4_110.0 132 128 256 49_152 2.9;
    "rtx-4060-laptop" "4060 laptop" DATA_SHEET 11_600.0 256.0 24 128 256 49_152 4.0;
    "rtx-4090" "4090" DATA_SHEET 82_600.0 1_008.0 128 128 256 49_152 3.0;
    "rx-7600" "7600" DATA_SHEET 10_900.0 288.0 32 64 256 65_536 5.0;
    "m3" "apple m3" DATA_SHEET 3_600.0 100.0 10 128 384 32_768 8.0;
    "iris-xe" "iris(r) xe" DATA_SHEET 2_000.0 68.0 6 128 448 65_536 8.0;
}

/// Of what multiply-adds and loads allow, what kernels that run networks reach: the rest are activations, indices and barriers.
const REACHED: f64 = 0.47;
/// What a number that many lanes load together costs, of one that each has to itself.
const SHARED: f64 = 0.5;
/// Cycles from an instruction to the next that needs its result, in a workgroup that has a core to itself: multiply-adds and loads, in their mixture.
const CYCLES: f64 = 3.0;
/// Instructions beside each multiply-add: loads and loops.
const BESIDE: f64 = 1.35;
/// Cycles of an environment's step with the policy's random numbers, and of a step of `gae`: chains, each of which waits for the last.
const ENVIRONMENT_CYCLES: f64 = 1000.0;
const BIT_CYCLES: f64 = 230.0;
const GAE_CYCLES: f64 = 450.0;
/// Cycles of `report`, which is one workgroup's chain of sums.
const REPORT_CYCLES: f64 = 22_000.0;
/// Of its peak, what `weight_gradient` reaches; kernels that run networks where a lane is a sample; and those on a software driver whose lanes are units, with
/// vectors of 16 numbers and of fewer.
const MATRICES: f64 = 0.5;
const SAMPLES: f64 = 0.06;
const UNITS: [f64; 2] = [0.45, 0.2];
/// Of the observations that are bits, those that are 1 in some sample of a tile.
const LISTED: f64 = 0.5;

/// What a kernel should take.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Predicted {
    /// Its name.
    pub kernel: &'static str,
    /// Dispatches in an update.
    pub dispatches: usize,
    /// Seconds of a dispatch.
    pub seconds: f64,
    /// What limits it: "arithmetic", "loads", "memory", "latency" or "dispatch".
    pub limit: &'static str,
}

/// What a lane does for a tile.
#[derive(Debug, Clone, Copy, Default)]
struct Tile {
    /// Multiply-adds, and numbers that it loads for them: the mean of all lanes.
    products: f64,
    numbers: f64,
    /// Multiply-adds, one after the other, of the lanes that others wait for.
    chain: f64,
}

impl Model {
    /// The device called `name`.
    pub fn named(name: &str) -> Option<Model> {
        DEVICES.iter().copied().find(|device| device.name == name)
    }

    /// The device that a driver calls `adapter`, with the peaks that were measured on it; one of 128 lanes a core at 1.8 GHz if it is not known.
    pub fn measured(adapter: &str, peaks: &Peaks) -> Model {
        let adapter = adapter.to_lowercase();
        let known = DEVICES.iter().copied().find(|device| adapter.contains(device.adapter));
        let cores = ((peaks.gflops / (2.0 * 128.0 * 1.8)).round() as usize).max(1);
        let any = Model { name: "unknown", adapter: "", cores, dispatch: 5.0, ..DEVICES[0] };
        Model { gflops: peaks.gflops, gbytes: peaks.gbytes, source: MEASURED, ..known.unwrap_or(any) }
    }

    /// The profile that such a device gets.
    pub fn profile(&self) -> Profile {
        let profile = Profile::named("gpu").expect("the profile for GPUs exists");
        Profile { wide_bytes: gpu::wide_bytes(self.workgroup_bytes), ..profile }
    }

    /// Cycles a second of a core.
    fn clock(&self) -> f64 {
        1e9 * self.gflops / (2 * self.cores * self.lanes) as f64
    }

    /// What each kernel of an update of `plan` should take, in the order of the update.
    pub fn predict(&self, plan: &Plan) -> Vec<Predicted> {
        let program = schedule::training(plan);
        let used = program.kernels.iter().map(|kernel| (kernel, program.update_of(kernel.name).len())).filter(|(_, dispatches)| *dispatches > 0);
        used.map(|(kernel, dispatches)| {
            let (seconds, limit) = self.dispatch(plan, kernel.name, kernel.grid.workgroups());
            Predicted { kernel: kernel.name, dispatches, seconds, limit }
        })
        .collect()
    }

    /// Seconds of a dispatch, and what limits it.
    fn dispatch(&self, plan: &Plan, kernel: &str, workgroups: usize) -> (f64, &'static str) {
        let work = work(kernel, plan);
        let cycles = |cycles: f64| cycles / self.clock();
        let mut times = vec![(work.bytes / self.gbytes * 1e-9, "memory")];
        let whole = |fraction: f64| work.operations / (fraction * self.gflops) * 1e-9;
        match (kernel, tile(plan, kernel)) {
            ("rollout" | "act" | "evaluate" | "gradient" | "learn", None) => {
                let units = UNITS[usize::from(plan.lanes < 16)];
                times.push((whole(if plan.lanes_are_units() { units } else { SAMPLES }), "arithmetic"));
            }
            ("weight_gradient", _) => times.push((whole(MATRICES), "arithmetic")),
            (_, Some((team, tiles, tile))) => {
                let of_cores = (workgroups * tiles * team.lanes) as f64 / self.cores as f64 / REACHED;
                times.push((cycles(of_cores * tile.products / self.lanes as f64), "arithmetic"));
                times.push((cycles(of_cores * tile.numbers / self.loads as f64), "loads"));
                let at_once = self.cores * (self.resident / team.lanes).max(1);
                let components = if plan.lanes_follow() { (plan.environment.observation * team.samples / team.lanes) as f64 } else { 0.0 };
                let environment = if kernel == "rollout" { ENVIRONMENT_CYCLES + BIT_CYCLES * components } else { 0.0 };
                let chain = tiles as f64 * (tile.chain * BESIDE * CYCLES + environment);
                times.push((cycles(chain * workgroups.div_ceil(at_once) as f64), "latency"));
            }
            ("gae", _) => times.push((cycles(GAE_CYCLES * plan.steps as f64), "latency")),
            ("report", _) => times.push((cycles(REPORT_CYCLES), "latency")),
            _ => {}
        }
        let dispatch = self.dispatch * 1e-6;
        let (longest, limit) = times.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).expect("memory is always there");
        (dispatch + longest, if longest < dispatch { "dispatch" } else { limit })
    }
}

/// The workgroups of a kernel whose lanes share tiles, the tiles of each, one after the other, and what a lane does for one.
fn tile(plan: &Plan, kernel: &str) -> Option<(Team, usize, Tile)> {
    if plan.mapping != Mapping::Blocks {
        return None;
    }
    let of = |team: Team, rows: Option<Rows>| Networks { team, network: &plan.network, packed: plan.packs_observations(), rows };
    match kernel {
        "rollout" | "act" => Some((plan.rollout_team, plan.steps_per_dispatch, of(plan.rollout_team, None).forward(ACTOR))),
        "evaluate" => Some((plan.evaluate_team(), plan.evaluate_rounds, of(plan.evaluate_team(), plan.activation_rows()).forward(CRITIC))),
        "gradient" => {
            let networks = of(plan.team(), plan.activation_rows());
            let both = [ACTOR, CRITIC].map(|which| networks.backward(which) + networks.forward(which));
            let half = |of: fn(&Tile) -> f64| both.iter().map(of).sum::<f64>() / NETWORKS as f64;
            Some((
                plan.team(),
                plan.tiles_per_pass,
                Tile { products: half(|tile| tile.products), numbers: half(|tile| tile.numbers), chain: half(|tile| tile.chain) },
            ))
        }
        _ => None,
    }
}

impl std::ops::Add for Tile {
    type Output = Tile;
    fn add(self, other: Tile) -> Tile {
        Tile { products: self.products + other.products, numbers: self.numbers + other.numbers, chain: self.chain + other.chain }
    }
}

/// The networks as a team takes samples through them; `rows` of the tape, if it holds their activations.
struct Networks<'a> {
    team: Team,
    network: &'a Network,
    packed: bool,
    rows: Option<Rows>,
}

impl Networks<'_> {
    /// `outputs` of a product for each of `inputs`, which pass through workgroup memory in slices or are all there.
    fn product(&self, in_slices: bool, inputs: f64, outputs: usize) -> Tile {
        let units = 4 * vectors(outputs);
        if in_slices {
            let sliced = Sliced::of(self.team, units);
            let [unit_vectors, sample_vectors] = [sliced.unit_vectors, sliced.sample_vectors].map(|vectors| vectors as f64);
            let rounds = units.div_ceil(sliced.units()) as f64 * inputs;
            let products = 16.0 * rounds * unit_vectors * sample_vectors;
            // Each lane fetches a part of the slices, and stores it.
            let moved = 2.0 * (sliced.units() + self.team.samples) as f64 / self.team.lanes as f64;
            return Tile { products, numbers: rounds * (4.0 * (sample_vectors + SHARED * unit_vectors) + moved), chain: products };
        }
        let block = Block::of(self.team, units);
        let (rounds, products) = (block.count(self.team, units) as f64 / self.team.lanes as f64, inputs * (block.units * block.samples) as f64);
        Tile { products: rounds * products, numbers: rounds * inputs * (block.units as f64 + SHARED * block.samples as f64), chain: rounds.ceil() * products }
    }

    /// The inputs of a layer that are multiplied.
    fn inputs(&self, l: usize) -> f64 {
        self.network.layers[l].inputs as f64 * if l == 0 && self.packed { LISTED } else { 1.0 }
    }

    /// Whether a product with the weights of layer `l` is made in slices.
    fn in_slices(&self, l: usize) -> bool {
        l + 1 < self.network.layers.len() && self.rows.as_ref().is_some_and(|rows| rows.has_inputs(l))
    }

    fn forward(&self, which: usize) -> Tile {
        let of = |l: usize| self.product(self.in_slices(l), self.inputs(l), self.network.outputs(which, l));
        (0..self.network.layers.len()).map(of).fold(Tile::default(), |sum, tile| sum + tile)
    }

    /// Slopes of all layers but the first, and sums of the gradients of all weights that are not taped.
    fn backward(&self, which: usize) -> Tile {
        let (network, team) = (self.network, self.team);
        let taped = blocks::taped(network, self.packed);
        let of = |l: usize| {
            let layer = &network.layers[l];
            let slopes = if l > 0 { self.product(self.in_slices(l), network.outputs(which, l) as f64, layer.inputs) } else { Tile::default() };
            if taped[l] {
                return slopes;
            }
            let owned = Owned::of(team.lanes, layer);
            let samples = team.samples as f64 * self.inputs(l) / layer.inputs as f64;
            let (products, used) = (samples * (owned.down * owned.across) as f64, (owned.rows * owned.columns) as f64 / team.lanes as f64);
            slopes + Tile { products: used * products, numbers: used * samples * (owned.down as f64 + SHARED * owned.across as f64), chain: products }
        };
        (0..network.layers.len()).map(of).fold(Tile::default(), |sum, tile| sum + tile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::config::Config;

    /// Microseconds of dispatches, measured: on an H100 (`benches/results/2026-11-26-h100-evening`), and on an H200 where the environment is one of MinAtar
    /// (`2026-11-26-h200`). The settings are PureJaxRL's but for what is given.
    const MEASURED_TIMES: &[(&str, &[(&str, f64)])] = &[
        ("envs=4096", &[("rollout", 411.0), ("evaluate", 253.0), ("gae", 33.2), ("gradient", 329.0), ("sum_gradient", 4.1), ("adam", 3.6), ("report", 16.2)]),
        ("envs=4", &[("rollout", 217.0), ("evaluate", 13.2), ("gae", 31.3), ("gradient", 10.3), ("sum_gradient", 2.9), ("adam", 3.1), ("report", 11.5)]),
        ("envs=4 agents=256", &[("rollout", 227.0), ("evaluate", 84.1), ("gae", 32.6), ("gradient", 120.0), ("sum_gradient", 18.5), ("adam", 20.0)]),
        ("envs=4096 hidden=[128,128]", &[("rollout", 1140.0), ("evaluate", 741.0), ("gradient", 126.0), ("weight_gradient", 36.1)]),
        ("envs=4096 hidden=[256,256]", &[("rollout", 3880.0), ("evaluate", 2260.0), ("gradient", 181.0), ("weight_gradient", 66.8)]),
        ("envs=4096 hidden=[512,256,128]", &[("rollout", 15320.0), ("evaluate", 5310.0), ("gradient", 397.0), ("weight_gradient", 167.0)]),
        ("env=MinAtar/Breakout-v1 envs=64 minibatches=8", &[("rollout", 771.0), ("evaluate", 33.5), ("gradient", 26.5)]),
        ("env=MinAtar/Seaquest-v1 envs=64 minibatches=8", &[("rollout", 1400.0), ("evaluate", 41.6), ("gradient", 31.6)]),
        ("env=MinAtar/SpaceInvaders-v1 envs=512 minibatches=8", &[("rollout", 1460.0), ("evaluate", 213.0), ("gradient", 170.0)]),
    ];

    fn plan(keys: &str, profile: Profile) -> Plan {
        let layers = keys.split(' ').map(|pair| {
            let (key, value) = pair.split_once('=').expect("key=value");
            Config::assignment(key, value)
        });
        let config = Config::from_layers(layers.collect::<crate::support::error::Result<Vec<_>>>().expect("keys")).expect("a configuration");
        Plan::new(&config, profile).expect("the sizes fit together")
    }

    /// Within a factor of three for each kernel, and of 1.25 for the sum of them where observations are not bits. Both are what the fit left (the worst are
    /// `gradient` of Space Invaders, 0.37, and `rollout` of 512,256,128, 0.61): a model that is changed must not be further off.
    #[test]
    fn what_was_measured_is_what_is_predicted() {
        for (keys, measured) in MEASURED_TIMES {
            let model = Model::named(if keys.contains("MinAtar") { "h200" } else { "h100" }).expect("a device");
            let predicted = model.predict(&plan(keys, model.profile()));
            let [mut all_predicted, mut all_measured] = [0.0, 0.0];
            for (kernel, microseconds) in *measured {
                let row = predicted.iter().find(|row| row.kernel == *kernel).unwrap_or_else(|| panic!("{keys}: no {kernel}"));
                let ratio = row.seconds * 1e6 / microseconds;
                println!("{keys}: {kernel} {microseconds} us, predicted {:.1}: {ratio:.2}, {}", row.seconds * 1e6, row.limit);
                assert!((1.0 / 3.0..3.0).contains(&ratio), "{keys}: {kernel} {microseconds} us, predicted {:.1}", row.seconds * 1e6);
                all_predicted += row.seconds * row.dispatches as f64;
                all_measured += microseconds * 1e-6 * row.dispatches as f64;
            }
            let ratio = all_predicted / all_measured;
            println!("{keys}: all {ratio:.2}");
            assert!((0.8..1.25).contains(&ratio) || keys.contains("MinAtar"), "{keys}: {ratio}");
        }
    }

    #[test]
    fn more_of_anything_is_never_faster_and_more_device_never_slower() {
        let model = Model::named("m3").expect("a device");
        let seconds = |model: Model, keys: &str| model.predict(&plan(keys, model.profile())).iter().map(|row| row.seconds * row.dispatches as f64).sum::<f64>();
        let base = seconds(model, "envs=1024");
        for more in ["envs=4096", "envs=1024 agents=4", "envs=1024 hidden=[128,128]", "envs=1024 epochs=8"] {
            assert!(seconds(model, more) > base, "{more}");
        }
        for better in [
            Model { gflops: 2.0 * model.gflops, ..model },
            Model { gbytes: 2.0 * model.gbytes, ..model },
            Model { dispatch: 0.5 * model.dispatch, ..model },
            Model { cores: 2 * model.cores, gflops: 2.0 * model.gflops, ..model },
        ] {
            assert!(seconds(better, "envs=1024") <= base, "{better:?}");
        }
    }

    #[test]
    fn a_device_is_known_by_its_drivers_name_and_measured_peaks_replace_the_table() {
        let peaks = Peaks { gflops: 9_000.0, gbytes: 200.0, copy_bytes: 1 };
        let laptop = Model::measured("NVIDIA GeForce RTX 4060 Laptop GPU", &peaks);
        assert_eq!((laptop.name, laptop.gflops, laptop.cores), ("rtx-4060-laptop", 9_000.0, 24));
        assert_eq!((Model::measured("Something new", &peaks).name, Model::measured("Something new", &peaks).cores), ("unknown", 20));
        for device in DEVICES {
            assert_eq!((Model::named(device.name), device.adapter.to_lowercase()), (Some(*device), device.adapter.to_string()));
        }
    }
}
