//! Pictures of environments, rendered on the device by `env_pixel`.

use crate::device::engine::{Engine, EngineOptions};
use crate::device::gpu::Gpu;
use crate::play::player::{self, Player};
use crate::program::schedule;
use crate::spec::config::Config;
use crate::spec::environment::Environment;
use crate::support::error::{Error, Result};
use crate::support::fault::Fault;

/// Most pixels along the sides of a picture.
pub const MOST_SIZE: u32 = 2048;

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
    /// Those of [`Player::new`] and [`Painter::new`].
    pub fn of_environment(config: &Config, steps: u32, size: u32) -> Result<Picture> {
        let gpu = Gpu::open(&config.backend, &config.adapter)?;
        let environment = Environment::named(&config.env)?;
        let config = Config { hidden: vec![8], ..config.clone() };
        let options = player::PlayerOptions { agents: vec![0], envs: 1, steps: steps.max(1), seed: config.seed, deterministic: false };
        let mut player = Player::new(&gpu, &config, &environment, None, &options)?;
        let painter = Painter::new(&player, size)?;
        if steps > 0 {
            player.advance()?;
        }
        painter.draw()
    }
}

/// Renders the first environment of a player's first agent.
pub struct Painter {
    engine: Engine,
    size: u32,
    environment: Environment,
}

impl Painter {
    /// Prepares pictures of `size` x `size` pixels of the environment that `player` plays.
    ///
    /// # Errors
    /// [`Error::Environment`] when the environment defines no picture; [`Error::Config`] when the size is out of range; [`Error::Shader`] when the kernel
    /// does not compile.
    pub fn new(player: &Player, size: u32) -> Result<Painter> {
        let plan = player.plan();
        if !plan.environment.pictured {
            return Err(Error::Environment {
                path: plan.environment.name.clone(),
                line: None,
                problem: "there is no function `env_pixel` to draw it with".into(),
                help: "write fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32>".into(),
            });
        }
        if !(1..=MOST_SIZE).contains(&size) {
            let nearest = size.clamp(1, MOST_SIZE);
            return Err(Error::config("--size", format!("{size} is out of range (1 to {MOST_SIZE})"), format!("nearest that works: {nearest}")));
        }
        let engine = player.engine().beside(schedule::drawing(size), &EngineOptions::default())?;
        Ok(Painter { engine, size, environment: plan.environment.clone() })
    }

    /// Renders the present state of the environment.
    ///
    /// # Errors
    /// [`Error::Environment`] when `env_pixel` reads data out of range, or the driver ends a loop of it early; [`Error::Device`] when the device failed.
    pub fn draw(&self) -> Result<Picture> {
        self.engine.submit(&self.engine.pieces(&self.engine.program().update), |_| ());
        let rgba = self.engine.read("pixels")?;
        if let Some(pixel) = rgba.iter().find(|&pixel| pixel >> 24 != 255) {
            return Err(self.environment.error(Fault::of_pixel(pixel >> 24)));
        }
        Ok(Picture { size: self.size, rgba: bytemuck::cast_slice(&rgba).to_vec() })
    }
}
