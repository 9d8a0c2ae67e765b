//! Progress of training, on stderr.

use crate::cli::dashboard::{Dashboard, Screen};
use crate::cli::signals;
use crate::cli::time_left::TimeLeft;
use crate::program::plan::Plan;
use crate::run::device::DeviceSummary;
use crate::run::display::{Display, State};
use crate::support::error::Result;
use crate::support::text::{duration, grouped, quantity};
use crate::train::trainer::Shares;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often a plain line is written if stderr is not a terminal.
const LINE_PERIOD: Duration = Duration::from_secs(5);
/// How often the bar's text is updated.
const BAR_PERIOD: Duration = Duration::from_millis(50);
/// How often the dashboard is redrawn.
const DASHBOARD_PERIOD: Duration = Duration::from_millis(150);

/// The destination of progress.
enum Sink {
    Dashboard(Box<Screen>),
    Bar(ProgressBar),
    Lines,
    Nothing,
}

/// Progress of a run.
pub struct Progress {
    sink: Sink,
    /// No progress and no notes.
    quiet: bool,
    /// A dashboard instead of the bar, if there is a terminal.
    tui: bool,
    updates: u32,
    shown: Instant,
    left: TimeLeft,
}

impl Progress {
    /// Progress of a run: a bar on a terminal that can show one, plain lines elsewhere, nothing when `quiet`; or, with `tui`, a dashboard.
    pub fn new(quiet: bool, tui: bool) -> Progress {
        Progress { sink: Sink::Nothing, quiet, tui, updates: 0, shown: Instant::now(), left: TimeLeft::default() }
    }
}

impl Display for Progress {
    fn prepare(&mut self, plan: &Plan) {
        self.updates = plan.updates;
        self.sink = match (self.quiet, std::io::stderr().is_terminal() && !is_dumb()) {
            (true, _) => Sink::Nothing,
            (false, false) => Sink::Lines,
            (false, true) => {
                let bar = ProgressBar::with_draw_target(Some(u64::from(plan.updates)), ProgressDrawTarget::stderr());
                if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:8} {wide_msg}") {
                    bar.set_style(style);
                }
                bar.set_message("preparing the device");
                // The spinner keeps moving during long updates and compilation.
                bar.enable_steady_tick(Duration::from_millis(250));
                Sink::Bar(bar)
            }
        };
    }

    /// From now on, signals are requests to stop.
    fn begin(&mut self, plan: &Plan, device: &DeviceSummary, shares: Shares) -> Result<()> {
        // A bar means that stderr is a terminal that can be drawn on; the dashboard is drawn on stdout.
        if let Sink::Bar(bar) = &self.sink
            && self.tui
            && std::io::stdout().is_terminal()
        {
            bar.finish_and_clear();
            self.sink = Sink::Dashboard(Box::new(Screen::new(Dashboard::new(plan, &device.device, shares))?));
        }
        signals::watch();
        Ok(())
    }

    /// Shows `state`, unless something was shown a moment ago.
    fn show(&mut self, state: &State) {
        self.left.take(state);
        let period = match &mut self.sink {
            Sink::Dashboard(screen) => {
                screen.dashboard.take(state);
                if self.shown.elapsed() >= DASHBOARD_PERIOD || state.updates == self.updates {
                    self.shown = Instant::now();
                    screen.show(state);
                }
                return;
            }
            Sink::Bar(_) => BAR_PERIOD,
            Sink::Lines => LINE_PERIOD,
            Sink::Nothing => return,
        };
        if self.shown.elapsed() < period && state.updates < self.updates {
            return;
        }
        self.shown = Instant::now();
        let text = line(state, self.updates, self.left.seconds(state, self.updates));
        match &self.sink {
            Sink::Bar(bar) => {
                bar.set_position(u64::from(state.updates));
                bar.set_message(text);
            }
            _ => note(&format!("update {text}")),
        }
    }

    /// Writes a note, above the bar if there is one.
    fn note(&mut self, text: &str) {
        match &mut self.sink {
            Sink::Dashboard(screen) => screen.dashboard.note(text),
            Sink::Bar(bar) => bar.suspend(|| note(text)),
            Sink::Lines => note(text),
            Sink::Nothing => {}
        }
    }

    /// Whether to stop: after a signal, or a key in the dashboard, where the terminal sends no signals.
    fn is_ended(&mut self) -> bool {
        if matches!(&self.sink, Sink::Dashboard(screen) if screen.is_ended()) {
            if signals::interrupted() {
                // The second request restores the terminal and ends the process.
                self.sink = Sink::Nothing;
            }
            signals::interrupt();
        }
        signals::interrupted()
    }

    /// Leaves the last state on the screen.
    fn finish(&mut self) {
        if let Sink::Bar(bar) = &self.sink {
            bar.abandon();
        }
    }
}

impl Drop for Progress {
    /// An unfinished bar belongs to a run that failed: it is removed to make room for the error.
    fn drop(&mut self) {
        if let Sink::Bar(bar) = &self.sink
            && !bar.is_finished()
        {
            bar.finish_and_clear();
        }
    }
}

/// Whether the terminal can only append lines, without moving the cursor (`TERM=dumb`, as in Emacs and in many CI systems, or no `TERM` at all).
pub(crate) fn is_dumb() -> bool {
    match std::env::var_os("TERM") {
        Some(term) => term == "dumb" || term.is_empty(),
        None => !cfg!(windows),
    }
}

/// Writes a line to stderr. If stderr is closed, the line is lost and training continues.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// `state` of a run of `updates` updates, which will take `left` seconds more, in one line. The most important part comes first. With the bar, it fits 80 columns for runs of usual length;
/// narrower terminals cut off its end.
fn line(state: &State, updates: u32, left: Option<f64>) -> String {
    let mean_return = state.mean_return.map_or("no episode finished yet".into(), |value| format!("mean return {}", quantity(value)));
    let left = left.map_or(String::new(), |seconds| format!(" · {} left", duration(seconds)));
    format!(
        "{}/{}{left} · {mean_return} · {} steps · {}/s",
        grouped(state.updates.into()),
        grouped(updates.into()),
        grouped(state.env_steps),
        grouped(state.sps.round() as u64),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_line_has_updates_time_return_and_speed() {
        let state = State { updates: 10, env_steps: 1_310_720, sps: 65_536.4, mean_return: Some(123.45), seconds: 20.0, row: None };
        assert_eq!(line(&state, 39, Some(58.0)), "10/39 · 0:58 left · mean return 123.4 · 1,310,720 steps · 65,536/s");
        let first = State { updates: 0, env_steps: 0, sps: 0.0, mean_return: None, seconds: 0.0, row: None };
        assert_eq!(line(&first, 39, None), "0/39 · no episode finished yet · 0 steps · 0/s");
        assert_eq!([duration(3725.0), duration(0.2)], ["1:02:05", "0:01"]);
    }
}
