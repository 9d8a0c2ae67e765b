//! `ppo-gpu record`.

use crate::cli::arguments::{Playing, whole};
use crate::cli::call::{self, Call, Flags, Perform, print};
use crate::cli::png;
use crate::play::picture::{MOST_SIZE, Painter, Picture};
use crate::play::player::Player;
use crate::spec::config::Key;
use crate::support::error::{Error, Result, exit};
use crate::support::text::quantity;
use std::path::{Path, PathBuf};

/// Write an animation, or pictures, of an agent at play.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Record {
    #[command(flatten)]
    playing: Playing,
    /// Write an animation.
    #[arg(long, value_name = "FILE")]
    gif: Option<PathBuf>,
    /// Write a picture of each step.
    #[arg(long, value_name = "DIR")]
    png_dir: Option<PathBuf>,
    /// Pixels along each side.
    #[arg(long, value_name = "N", default_value = "256", value_parser = whole(1, MOST_SIZE), allow_negative_numbers = true)]
    size: u32,
    /// Frames a second of the animation.
    #[arg(long, value_name = "N", default_value = "30", value_parser = whole(1, 100), allow_negative_numbers = true)]
    fps: u32,
    /// Stop after N episodes.
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole(1, u32::MAX), allow_negative_numbers = true)]
    episodes: u32,
    /// Stop after N frames.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = whole(1, u32::MAX), allow_negative_numbers = true)]
    most_frames: u32,
}

const EXAMPLES: &str = "\
Examples:
  ppo-gpu record runs/a --gif a.gif --deterministic
  ppo-gpu record runs/a --png-dir frames --size 512 --most-frames 100";

impl Perform for Record {
    fn takes(_: Option<&str>) -> Flags {
        // Without a run it plays the configured environment.
        [Key::names(|key| key.playable), vec!["env", "agents", "hidden", "activation", "config", "set"]].concat()
    }

    fn perform(self, call: &Call) -> Result<u8> {
        let (mut player, ..) = self.playing.player(&call.shared)?;
        let recording = record(&mut player, &self)?;
        let returns: Vec<String> = recording.returns.iter().map(|value| quantity(*value)).collect();
        let ended = if returns.is_empty() { "no episode ended".into() } else { format!("return {}", returns.join(", ")) };
        let paths = self.gif.iter().chain(&self.png_dir).map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        print(&format!("wrote {paths}: {} frames, {ended}\n", recording.frames)).map(|()| exit::DONE)
    }
}

/// Summary of a recording.
#[derive(Debug, Clone, PartialEq)]
struct Recording {
    /// Frames.
    frames: u32,
    /// Returns of the episodes that ended.
    returns: Vec<f32>,
}

/// Records an agent at play, one frame for each state, from the first state of an episode to the one before the end of the last episode.
///
/// # Errors
/// [`Error::Config`] when no output is given; [`Error::File`] when it cannot be written; those of [`Painter::new`].
fn record(player: &mut Player, options: &Record) -> Result<Recording> {
    if options.gif.is_none() && options.png_dir.is_none() {
        return Err(Error::config("record", "neither --gif nor --png-dir is given", "for instance --gif run.gif"));
    }
    let painter = Painter::new(player, options.size)?;
    if let Some(directory) = &options.png_dir {
        std::fs::create_dir_all(directory).map_err(|error| Error::file("create", directory, error))?;
    }
    let mut animation = Animation::new(options.size, options.fps);
    let mut recording = Recording { frames: 0, returns: Vec::new() };
    while recording.frames < options.most_frames && recording.returns.len() < options.episodes as usize {
        let picture = painter.draw()?;
        if let Some(directory) = &options.png_dir {
            png::write(&picture, &directory.join(format!("{:06}.png", recording.frames)))?;
        }
        if options.gif.is_some() {
            animation.push(picture);
        }
        recording.frames += 1;
        recording.returns.extend(player.advance()?.iter().filter(|step| step.ended()).map(|step| step.episode_return));
    }
    if let Some(path) = &options.gif {
        animation.write(path)?;
    }
    Ok(recording)
}

/// A GIF under construction.
struct Animation {
    bytes: Vec<u8>,
    size: u16,
    delay: u16,
    frames: Vec<Picture>,
}

impl Animation {
    fn new(size: u32, fps: u32) -> Animation {
        // Delays are in hundredths of a second. Viewers play delays below two slowly.
        Animation { bytes: Vec::new(), size: size as u16, delay: (100.0 / f64::from(fps)).round().max(2.0) as u16, frames: Vec::new() }
    }

    fn push(&mut self, picture: Picture) {
        self.frames.push(picture);
    }

    /// Encodes the frames, each with colours of its own, and writes them.
    fn write(mut self, path: &Path) -> Result<()> {
        let failed = |error: gif::EncodingError| Error::file("write", path, std::io::Error::other(error));
        let mut encoder = gif::Encoder::new(&mut self.bytes, self.size, self.size, &[]).map_err(failed)?;
        encoder.set_repeat(gif::Repeat::Infinite).map_err(failed)?;
        for mut picture in self.frames {
            // The encoder's speed, from 1 (best quality) to 30 (fastest).
            let mut frame = gif::Frame::from_rgba_speed(self.size, self.size, &mut picture.rgba, 10);
            frame.delay = self.delay;
            encoder.write_frame(&frame).map_err(failed)?;
        }
        drop(encoder);
        call::write(path, &self.bytes)
    }
}
