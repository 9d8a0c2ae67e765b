//! `ppo-gpu watch`: an agent at play, in the terminal.

use crate::cli::progress::is_dumb;
use crate::play::picture::{Painter, Picture};
use crate::play::player::Player;
use crate::support::error::{Error, Result};
use crate::support::text::quantity;
use crate::train::checkpoint::Checkpoint;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::style::Stylize;
use ratatui::crossterm::{cursor, execute, queue, style, terminal};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How to show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchOptions {
    /// The first agent to show.
    pub agent: usize,
    /// Initial speed, in steps per second.
    pub fps: u32,
    /// Steps after which it ends; for scripts.
    pub most_steps: Option<u64>,
}

/// The source of newer checkpoints: given a number of updates, the last checkpoint after more than that, if there is one.
pub type Newer<'a> = &'a mut dyn FnMut(u32) -> Result<Option<Checkpoint>>;

/// How often to look for newer checkpoints.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// Available speeds, in steps per second.
const SPEEDS: [u32; 9] = [1, 2, 5, 10, 20, 30, 60, 120, 240];
/// Most pictures per second: terminals are slow.
const MOST_PICTURES: u32 = 30;
/// Brightness in a terminal without colours.
const SHADES: &[u8] = b" .:-=+*#%@";

/// The colours that a terminal supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// 24 bits.
    True,
    /// The 256 of xterm.
    Indexed,
    /// None.
    None,
}

impl Colours {
    /// The terminal's colours according to the environment variables `NO_COLOR`, `COLORTERM` and `TERM`.
    pub fn of_terminal() -> Colours {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let term = variable("TERM");
        if !variable("NO_COLOR").is_empty() || is_dumb() {
            Colours::None
        } else if variable("COLORTERM").contains("truecolor") || variable("COLORTERM").contains("24bit") || term.contains("direct") || cfg!(windows) {
            Colours::True
        } else {
            Colours::Indexed
        }
    }

    fn style(self, [r, g, b]: [u8; 3]) -> style::Color {
        match self {
            Colours::True => style::Color::Rgb { r, g, b },
            _ => {
                // The cube of 6 x 6 x 6 colours, whose levels are 0, 95, 135, 175, 215, 255.
                let level = |value: u8| if value < 48 { 0 } else { ((u16::from(value) + 5) / 40 - 1).min(5) as u8 };
                style::Color::AnsiValue(16 + 36 * level(r) + 6 * level(g) + level(b))
            }
        }
    }
}

/// A picture as lines of text: half a character cell for each pixel, or without colours one character for two pixels.
pub fn lines(picture: &Picture, colours: Colours) -> Vec<String> {
    let size = picture.size as usize;
    let pixel = |x: usize, y: usize| {
        let at = 4 * (y.min(size - 1) * size + x);
        [picture.rgba[at], picture.rgba[at + 1], picture.rgba[at + 2]]
    };
    (0..size.div_ceil(2))
        .map(|row| {
            let mut line = String::new();
            for x in 0..size {
                let (above, below) = (pixel(x, 2 * row), pixel(x, 2 * row + 1));
                if colours == Colours::None {
                    // Rec. 709.
                    let bright = |[r, g, b]: [u8; 3]| 0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b);
                    let shade = (bright(above) + bright(below)) / 510.0 * (SHADES.len() - 1) as f64;
                    line.push(char::from(SHADES[shade.round() as usize]));
                } else {
                    let _ = write!(line, "{}", "\u{2580}".with(colours.style(above)).on(colours.style(below)));
                }
            }
            line
        })
        .collect()
}

/// The largest picture that fits into a terminal, in pixels along its sides; two lines are left for words.
fn fitting([columns, rows]: [u16; 2]) -> u32 {
    u32::from(columns.min(2 * rows.saturating_sub(2))).max(2)
}

/// The state of the display.
struct Show<'a> {
    player: Player,
    painter: Painter,
    size: u32,
    checkpoint: Option<Checkpoint>,
    newer: Newer<'a>,
    agent: usize,
    agents: usize,
    speed: usize,
    paused: bool,
    steps: u64,
    episodes: u64,
    last_return: Option<f32>,
    running: (u32, f32),
}

/// Shows agents of a run at play until the user quits. They start from `checkpoint` and switch to newer checkpoints as these appear.
///
/// # Errors
/// [`Error::Config`] when stdout is not a terminal; [`Error::File`] when it fails; those of [`Painter::new`] and [`Player::advance`].
pub fn watch(player: Player, checkpoint: Option<Checkpoint>, agents: usize, newer: Newer<'_>, options: &WatchOptions) -> Result<()> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Error::config("watch", "this is not a terminal", "run it in one; `ppo-gpu record RUN --gif FILE` writes a file"));
    }
    if is_dumb() {
        let help = "run it in another terminal, or set TERM to what this one is; `ppo-gpu record RUN --gif FILE` writes a file";
        return Err(Error::config("watch", "this terminal cannot be drawn on (TERM is \"dumb\" or not set)", help));
    }
    let size = fitting(terminal::size().map_err(failed)?.into());
    let painter = Painter::new(&player, size)?;
    let speed = SPEEDS.iter().position(|&speed| speed >= options.fps).unwrap_or(SPEEDS.len() - 1);
    let (agent, running) = (options.agent, (0, 0.0));
    let mut show = Show { player, painter, size, checkpoint, newer, agent, agents, speed, paused: false, steps: 0, episodes: 0, last_return: None, running };
    terminal::enable_raw_mode().map_err(failed)?;
    let entered = execute!(std::io::stdout(), terminal::EnterAlternateScreen, cursor::Hide).map_err(failed);
    let outcome = entered.and_then(|()| show.run(options.most_steps));
    // The terminal is restored even after an error.
    let _ = execute!(std::io::stdout(), cursor::Show, terminal::LeaveAlternateScreen);
    let _ = terminal::disable_raw_mode();
    outcome
}

fn failed(error: std::io::Error) -> Error {
    Error::file("write", "the terminal", error)
}

impl Show<'_> {
    fn run(&mut self, most_steps: Option<u64>) -> Result<()> {
        let colours = Colours::of_terminal();
        let (mut next, mut drawn, mut looked) = (Instant::now(), None::<Instant>, Instant::now());
        loop {
            if drawn.is_none_or(|at| at.elapsed() * MOST_PICTURES >= Duration::from_secs(1)) {
                self.draw(colours)?;
                drawn = Some(Instant::now());
            }
            if most_steps.is_some_and(|most| self.steps >= most) {
                return self.draw(colours);
            }
            if looked.elapsed() >= LOOK_PERIOD {
                looked = Instant::now();
                self.look_for_newer()?;
            }
            let period = Duration::from_secs(1) / SPEEDS[self.speed];
            let wait = if self.paused { LOOK_PERIOD / 4 } else { next.saturating_duration_since(Instant::now()) };
            if event::poll(wait).map_err(failed)? {
                let was = (self.paused, self.agent);
                if !self.take(event::read().map_err(failed)?)? {
                    return Ok(());
                }
                // Show the effect of a key at once.
                drawn = drawn.filter(|_| was == (self.paused, self.agent) && !self.paused);
            } else if !self.paused {
                self.step()?;
                // If the device cannot keep up, missed steps are not made up for.
                next = (next + period).max(Instant::now());
            }
        }
    }

    fn step(&mut self) -> Result<()> {
        for step in self.player.advance()? {
            self.steps += 1;
            self.running = (step.episode_length, step.episode_return);
            if step.ended() {
                self.episodes += 1;
                self.last_return = Some(step.episode_return);
            }
        }
        Ok(())
    }

    fn look_for_newer(&mut self) -> Result<()> {
        let Some(updates) = self.checkpoint.as_ref().map(|checkpoint| checkpoint.updates) else { return Ok(()) };
        if let Some(checkpoint) = (self.newer)(updates)? {
            self.player.load(&checkpoint, &[self.agent])?;
            self.checkpoint = Some(checkpoint);
        }
        Ok(())
    }

    /// Handles an event; false when the user quits.
    fn take(&mut self, event: Event) -> Result<bool> {
        match event {
            Event::Resize(columns, rows) => {
                self.size = fitting([columns, rows]);
                self.painter = Painter::new(&self.player, self.size)?;
                execute!(std::io::stdout(), terminal::Clear(terminal::ClearType::All)).map_err(failed)?;
            }
            Event::Key(key) if key.kind != KeyEventKind::Release => match key.code {
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(false),
                KeyCode::Char('q') | KeyCode::Esc => return Ok(false),
                KeyCode::Char(' ') => self.paused = !self.paused,
                KeyCode::Char('s') => {
                    self.paused = true;
                    self.step()?;
                }
                KeyCode::Char('+' | '=') | KeyCode::Up => self.speed = (self.speed + 1).min(SPEEDS.len() - 1),
                KeyCode::Char('-') | KeyCode::Down => self.speed = self.speed.saturating_sub(1),
                KeyCode::Right => self.switch(1)?,
                KeyCode::Left => self.switch(self.agents - 1)?,
                _ => {}
            },
            _ => {}
        }
        Ok(true)
    }

    /// Switches to another agent, `by` places further on. The episode continues, unless the agent has a world of its own.
    fn switch(&mut self, by: usize) -> Result<()> {
        self.agent = (self.agent + by) % self.agents;
        match &self.checkpoint {
            Some(checkpoint) => self.player.load(checkpoint, &[self.agent]),
            None => Ok(()),
        }
    }

    fn draw(&self, colours: Colours) -> Result<()> {
        let picture = self.painter.draw()?;
        let mut out = std::io::stdout().lock();
        let mut rows = lines(&picture, colours);
        rows.extend(self.words());
        for (row, line) in rows.iter().enumerate() {
            queue!(out, cursor::MoveTo(0, row as u16), style::Print(line), style::ResetColor, terminal::Clear(terminal::ClearType::UntilNewLine))
                .map_err(failed)?;
        }
        out.flush().map_err(failed)
    }

    fn words(&self) -> [String; 2] {
        let learned = self.checkpoint.as_ref().map_or("untrained".into(), |checkpoint| format!("update {}", checkpoint.updates));
        let agent = if self.agents > 1 { format!(" · agent {} of {}", self.agent, self.agents) } else { String::new() };
        let last = self.last_return.map_or(String::new(), |value| format!(" · last return {}", quantity(value)));
        let paused = if self.paused { " · paused" } else { "" };
        let (length, sum) = self.running;
        let mut first = format!("{learned}{agent} · step {length} · return {}{last} · {}/s{paused}", quantity(sum), SPEEDS[self.speed]);
        let mut second = String::from("space pause · s step · + - speed · ← → agent · q quit");
        if let Ok((columns, _)) = terminal::size() {
            for line in [&mut first, &mut second] {
                *line = line.chars().take(columns.into()).collect();
            }
        }
        [first, second]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        // White above, dark grey below; red in the last column.
        let rgba = [[255, 255, 255, 255], [255, 0, 0, 255], [40, 40, 40, 255], [255, 0, 0, 255]].concat();
        Picture { size: 2, rgba }
    }

    #[test]
    fn two_pixels_are_a_character() {
        let colours = lines(&picture(), Colours::True);
        assert_eq!(colours.len(), 1);
        assert_eq!(colours[0].matches('\u{2580}').count(), 2);
        assert!(colours[0].contains("38;2;255;255;255") && colours[0].contains("48;2;40;40;40") && colours[0].contains("48;2;255;0;0"), "{:?}", colours[0]);
        let indexed = lines(&picture(), Colours::Indexed);
        assert!(indexed[0].contains("38;5;231") && indexed[0].contains("48;5;16") && indexed[0].contains("48;5;196"), "{:?}", indexed[0]);
        // Without colours: 58 % bright, and red, which is 21 %.
        assert_eq!(lines(&picture(), Colours::None), ["+:"]);
    }

    #[test]
    fn pictures_fit_into_the_terminal() {
        assert_eq!([fitting([80, 24]), fitting([30, 50]), fitting([0, 0])], [44, 30, 2]);
    }
}
