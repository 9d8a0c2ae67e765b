//! Pictures of environments, drawn on the device by `env_pixel`.

use crate::config::Config;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::gpu::compose;
use crate::gpu::engine::{self, Engine, Options};
use crate::gpu::program::{Program, Shader};
use crate::kernel::{Grid, Kernel};
use crate::plan::Plan;
use crate::ppo;
use crate::trainer::{agent_rows, upload};
use std::path::Path;

/// Pixels along the sides of a picture, at most.
pub const MOST_SIZE: u32 = 2048;
/// Lanes of a workgroup.
const LANES: usize = 256;

/// The kernel that draws, without its imports.
const DRAW: &str = include_str!("../shaders/draw.wgsl");
const GRID: Grid = Grid { lanes: LANES, groups: 1, networks: 1 };

fn constants(size: u32, [n, time]: [u32; 2]) -> String {
    format!("const PICTURE_SIZE: u32 = {size}u;\nconst PICTURED: u32 = {n}u;\nconst PICTURE_TIME: u32 = {time}u;\n")
}

/// The WGSL that draws environments of `plan`.
pub(crate) fn composed(plan: &Plan) -> String {
    compose::compose_source(DRAW, GRID, plan) + &constants(1, [0, 0])
}

/// A square picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels along each side.
    pub size: u32,
    /// Red, green, blue and 255 for each pixel, row by row from the top left.
    pub rgba: Vec<u8>,
}

impl Picture {
    /// The environment of `config` after `steps` steps of a policy that has learned nothing.
    ///
    /// # Errors
    /// [`Error::Environment`] when the environment defines no picture; [`Error::Config`] when the size is out of range; those of [`Engine::new`].
    pub fn of_environment(config: &Config, steps: u32, size: u32) -> Result<Picture> {
        let gpu = Gpu::open(&config.backend, &config.adapter)?;
        let environment = Environment::named(&config.env)?;
        // One more step than wanted would begin a new rollout.
        let config = Config { envs: 1, steps: steps.max(1), minibatches: 1, agents: 1, hidden: vec![8], ..config.clone() };
        let plan = Plan::with_environment(&config, environment, gpu.profile(&config.profile))?;
        let engine = Engine::new(&gpu, &plan, &Options { only: vec![Kernel::Reset, Kernel::Rollout], ..Options::default() })?;
        upload(&engine, &plan, &agent_rows(&plan));
        engine.run(&ppo::start())?;
        if steps > 0 {
            engine.run(&ppo::update_of(&plan, Kernel::Rollout))?;
        }
        Picture::draw(&gpu, &plan, &engine, [0, steps], size)
    }

    /// Environment `n` of the first agent as it is before step `time` of the run.
    ///
    /// # Errors
    /// [`Error::Environment`] when the environment defines no picture; [`Error::Config`] when the size is out of range; [`Error::Device`] when the device
    /// failed.
    pub fn draw(gpu: &Gpu, plan: &Plan, engine: &Engine, [n, time]: [u32; 2], size: u32) -> Result<Picture> {
        if !plan.environment.pictured {
            let help = "write fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32>";
            return Err(Error::Environment {
                path: plan.environment.name.clone(),
                line: None,
                problem: "there is no function `env_pixel` to draw it with".into(),
                help: help.into(),
            });
        }
        if !(1..=MOST_SIZE).contains(&size) {
            let nearest = size.clamp(1, MOST_SIZE);
            return Err(Error::config("--size", format!("{size} is out of range (1 to {MOST_SIZE})"), format!("nearest that works: {nearest}")));
        }
        let count = (size * size) as usize;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        let pixels = engine::create_buffer(gpu, "pixels", 4 * count as u64, usage)?;
        let shader = Shader { name: "draw", source: DRAW, constants: constants(size, [n, time]), grid: GRID, groups: [count.div_ceil(LANES) as u32, 1, 1] };
        let program = Program::new(gpu, plan, &shader, |name| Some(if name == "pixels" { &pixels } else { engine.buffer(name) }))?;
        let staging = engine::create_buffer(gpu, "picture readback", pixels.size(), wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        program.encode(&mut encoder.begin_compute_pass(&Default::default()));
        encoder.copy_buffer_to_buffer(&pixels, 0, &staging, 0, pixels.size());
        let submission = gpu.queue.submit([encoder.finish()]);
        staging.map_async(wgpu::MapMode::Read, .., |_| ());
        let activity = || "drew a picture".to_string();
        gpu.wait(Some(submission), activity)?;
        let mapped = staging.get_mapped_range(..).map_err(|error| engine::map_error(activity(), error))?;
        Ok(Picture { size, rgba: mapped.to_vec() })
    }

    /// Writes it as a PNG file.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn write_png(&self, path: &Path) -> Result<()> {
        let file = std::fs::File::create(path).map_err(|error| Error::file("create", path, error))?;
        let mut encoder = png::Encoder::new(std::io::BufWriter::new(file), self.size, self.size);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&self.rgba));
        written.map_err(|error| Error::file("write", path, std::io::Error::other(error)))
    }
}
