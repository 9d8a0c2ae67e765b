//! The live dashboard of a training run (`--tui`): learning curve, speed, kernels, losses, memory, time left.

use crate::cli::time_left::TimeLeft;
use crate::program::plan::Plan;
use crate::run::display::State;
use crate::spec::metrics::Row;
use crate::support::error::{Error, Result};
use crate::support::text::duration;
use crate::support::text::mebibytes;
use crate::support::text::{grouped, quantity};
use crate::train::trainer::Shares;
use ratatui::Frame;
use ratatui::backend::Backend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph};
use std::time::Duration;

/// Most points of the curve; when it is full, every other point is dropped.
const MOST_POINTS: usize = 512;
/// Lines of notes that are kept.
const MOST_NOTES: usize = 2;

/// The contents of the dashboard.
pub struct Dashboard {
    title: String,
    updates: u32,
    memory: u64,
    solved_return: Option<f32>,
    shares: Shares,
    /// Environment steps and mean return.
    curve: Vec<(f64, f64)>,
    /// Updates between two points of the curve.
    stride: u32,
    notes: Vec<String>,
    left: TimeLeft,
}

impl Dashboard {
    /// The dashboard of a run of `plan` on a device.
    pub fn new(plan: &Plan, device: &str, shares: Shares) -> Dashboard {
        let agents = if plan.agents == 1 { String::new() } else { format!(" x {} agents", plan.agents) };
        Dashboard {
            title: format!("{}{agents} · {} environments x {} steps · {device}", plan.environment.name, plan.envs, plan.steps),
            updates: plan.updates,
            memory: plan.device_bytes(),
            solved_return: plan.environment.solved_return,
            shares,
            curve: Vec::new(),
            stride: 1,
            notes: Vec::new(),
            left: TimeLeft::default(),
        }
    }

    /// Adds the present state of the run.
    pub fn take(&mut self, state: &State) {
        self.left.take(state);
        let Some(value) = state.mean_return else { return };
        if state.updates.is_multiple_of(self.stride) {
            self.curve.push((state.env_steps as f64, f64::from(value)));
        }
        if self.curve.len() > MOST_POINTS {
            self.stride *= 2;
            self.curve = self.curve.iter().copied().skip(1).step_by(2).collect();
        }
    }

    /// Adds a note.
    pub fn note(&mut self, text: &str) {
        self.notes.push(text.into());
        let surplus = self.notes.len().saturating_sub(MOST_NOTES);
        self.notes.drain(..surplus);
    }

    /// Draws everything.
    pub fn draw(&self, frame: &mut Frame<'_>, state: Option<&State>) {
        let notes = self.notes.len() as u16;
        let [title, body, progress, footer] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(8), Constraint::Length(1), Constraint::Length(1 + notes)]).areas(frame.area());
        let [left, right] = Layout::horizontal([Constraint::Min(20), Constraint::Length(34)]).areas(body);
        let [numbers, kernels] = Layout::vertical([Constraint::Length(14), Constraint::Min(0)]).areas(right);
        frame.render_widget(Line::from(self.title.as_str()).bold(), title);
        self.draw_curve(frame, left);
        frame.render_widget(Paragraph::new(self.numbers(state)).block(Block::bordered().title(" now ")), numbers);
        frame.render_widget(Paragraph::new(self.kernels()).block(Block::bordered().title(" kernels ")), kernels);
        let done = state.map_or(0.0, |state| f64::from(state.updates) / f64::from(self.updates.max(1)));
        let label = state.map_or("preparing the device".into(), |state| {
            let left = self.left.seconds(state, self.updates).map_or(String::new(), |seconds| format!(" · {} left", duration(seconds)));
            format!("{} of {} updates{left}", grouped(state.updates.into()), grouped(self.updates.into()))
        });
        frame.render_widget(Gauge::default().ratio(done.clamp(0.0, 1.0)).label(label).gauge_style(Style::new().fg(Color::Blue)), progress);
        let mut lines: Vec<Line<'_>> = self.notes.iter().map(|note| Line::from(note.as_str())).collect();
        lines.push(Line::from("q stops and saves everything").dim());
        frame.render_widget(Paragraph::new(lines), footer);
    }

    fn draw_curve(&self, frame: &mut Frame<'_>, area: Rect) {
        let block = Block::bordered().title(" mean return ");
        let Some(&(last, _)) = self.curve.last() else {
            frame.render_widget(Paragraph::new("no episode finished yet").block(block), area);
            return;
        };
        let solved = self.solved_return.map(f64::from);
        let values = || self.curve.iter().map(|(_, value)| *value).chain(solved);
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        // If all values are equal, a range around the value, of the same size.
        let margin = if high > low {
            0.0
        } else if low == 0.0 {
            1.0
        } else {
            low.abs() / 2.0
        };
        let (low, high) = (low - margin, high + margin);
        let threshold: Vec<(f64, f64)> = solved.iter().flat_map(|&solved| [(0.0, solved), (last, solved)]).collect();
        let line = |data, colour| Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).style(Style::new().fg(colour)).data(data);
        let chart = Chart::new(vec![line(&threshold, Color::DarkGray), line(&self.curve, Color::Green)])
            .block(block)
            .x_axis(Axis::default().bounds([0.0, last]).labels(["0".to_string(), format!("{} steps", grouped(last as u64))]))
            .y_axis(Axis::default().bounds([low, high]).labels([quantity(low), quantity(high)]));
        frame.render_widget(chart, area);
    }

    fn numbers(&self, state: Option<&State>) -> Vec<Line<'_>> {
        let Some(state) = state else { return Vec::new() };
        let number = |of: fn(&Row) -> f32| state.row.as_ref().map_or(String::new(), |row| quantity(of(row)));
        let rows = [
            ("mean return", state.mean_return.map_or("-".into(), quantity)),
            ("steps", grouped(state.env_steps).to_string()),
            ("steps/s", grouped(state.sps as u64).to_string()),
            ("policy loss", number(|row| row.policy_loss)),
            ("value loss", number(|row| row.value_loss)),
            ("entropy", number(|row| row.entropy)),
            ("KL", number(|row| row.approx_kl)),
            ("clipped", number(|row| row.clip_fraction)),
            ("explained", number(|row| row.explained_variance)),
            ("learning rate", state.row.as_ref().map_or(String::new(), |row| quantity(row.learning_rate))),
            ("memory", mebibytes(self.memory)),
            ("training", duration(state.seconds)),
        ];
        rows.into_iter().map(|(name, value)| Line::from(format!("{name:<14}{value:>17}"))).collect()
    }

    fn kernels(&self) -> Vec<Line<'static>> {
        let mut shares = self.shares.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        let bar = |share: f64| "#".repeat((share * 10.0).round() as usize);
        shares.into_iter().map(|(kernel, share)| Line::from(format!("{kernel:<17}{:>4.0}% {}", 100.0 * share, bar(share)))).collect()
    }
}

/// A dashboard on the terminal, which is restored when this is dropped.
pub struct Screen {
    terminal: ratatui::DefaultTerminal,
    /// Its contents.
    pub dashboard: Dashboard,
}

impl Screen {
    /// Takes over the terminal.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be taken.
    pub fn new(dashboard: Dashboard) -> Result<Screen> {
        let terminal = ratatui::try_init().map_err(|error| Error::file("write", "the terminal", error))?;
        let mut screen = Screen { terminal, dashboard };
        let dashboard = &screen.dashboard;
        let _ = screen.terminal.draw(|frame| dashboard.draw(frame, None));
        Ok(screen)
    }

    /// Shows `state`.
    pub fn show(&mut self, state: &State) {
        let dashboard = &self.dashboard;
        // Training continues if the terminal fails.
        let _ = self.terminal.draw(|frame| dashboard.draw(frame, Some(state)));
    }

    /// Whether the user has asked to stop since the last call.
    pub fn is_ended(&self) -> bool {
        let mut ended = false;
        while event::poll(Duration::ZERO).unwrap_or(false) {
            if let Ok(Event::Key(key)) = event::read()
                && key.kind != KeyEventKind::Release
            {
                let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
                ended |= control_c || key.code == KeyCode::Char('q') || key.code == KeyCode::Esc;
            }
        }
        ended
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Draws a dashboard on any terminal, for tests.
///
/// # Errors
/// Those of the terminal.
pub fn draw_on<B: Backend>(terminal: &mut ratatui::Terminal<B>, dashboard: &Dashboard, state: Option<&State>) -> std::result::Result<(), B::Error> {
    terminal.draw(|frame| dashboard.draw(frame, state)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::profile::Profile;
    use crate::spec::config::Config;
    use crate::spec::records::MetricsRow;
    use bytemuck::Zeroable;
    use ratatui::backend::TestBackend;
    use std::sync::{Arc, Mutex};

    fn shown(dashboard: &Dashboard, state: Option<&State>) -> String {
        let mut terminal = ratatui::Terminal::new(TestBackend::new(80, 24)).expect("a terminal");
        draw_on(&mut terminal, dashboard, state).expect("drawn");
        let buffer = terminal.backend().buffer();
        buffer.content().chunks(80).map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>() + "\n").collect()
    }

    #[test]
    fn everything_that_matters_is_on_80_by_24() {
        let plan = Plan::new(&Config::default(), Profile::named("gpu").expect("a profile")).expect("the defaults fit together");
        let shares: Shares = Arc::new(Mutex::new(vec![("rollout", 0.25), ("gradient", 0.75)]));
        let mut dashboard = Dashboard::new(&plan, "a device", shares);
        assert!(shown(&dashboard, None).contains("preparing the device"));
        let raw = MetricsRow { approx_kl: 0.0123, value_loss: 4.5, learning_rate: 2.5e-4, fault: u32::MAX, ..MetricsRow::zeroed() };
        let row = plan.row(&raw, 0, 1.0, 1.0);
        let state = |updates: u32| State {
            updates,
            env_steps: u64::from(updates) * 512,
            sps: 123_456.0,
            mean_return: Some(updates as f32),
            seconds: f64::from(updates),
            row: Some(row.clone()),
        };
        for updates in 1..=3 * MOST_POINTS as u32 {
            dashboard.take(&state(updates));
        }
        assert!(dashboard.curve.len() <= MOST_POINTS && dashboard.stride == 4, "{}", dashboard.curve.len());
        dashboard.note("a note");
        let text = shown(&dashboard, Some(&state(400)));
        for part in [
            "CartPole-v1",
            "a device",
            "mean return",
            "123,456",
            "0.0123",
            "4.50",
            "0.000250",
            "gradient",
            "75%",
            "400 of 977 updates",
            "9:37 left",
            "a note",
            "q stops",
            "MiB",
        ] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        // The largest first.
        assert!(text.find("gradient").expect("gradient") < text.find("rollout").expect("rollout"));
    }
}
