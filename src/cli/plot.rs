//! `ppo-gpu plot`: learning curves of runs, the mean over agents and the middle half of them.

use crate::cli::call;
use crate::cli::png::encode;
use crate::spec::metrics::{METRICS, Row};
use crate::support::error::{Error, Result};
use crate::support::statistics::quantile;
use crate::support::text::quantity;
use ::png::ColorType;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::register_font;
use std::path::{Path, PathBuf};

/// Most points of a curve: more than there are pixels.
const MOST_POINTS: usize = 1000;
/// The font of all text.
const FONT: &str = "sans-serif";

/// The quantity on the horizontal axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Environment steps of each agent.
    Steps,
    /// Seconds of training.
    Seconds,
}

/// What to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlotOptions {
    /// Name of a number of `metrics.jsonl`.
    pub metric: String,
    /// The horizontal axis.
    pub by: By,
    /// Width and height in pixels.
    pub size: [u32; 2],
}

/// A learning curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its label.
    pub name: String,
    /// Number of agents.
    pub agents: usize,
    /// Position, lower quartile, mean, upper quartile.
    pub points: Vec<[f64; 4]>,
}

impl Curve {
    /// The curve of a metric in rows of a run. An agent that has stopped keeps its last value.
    ///
    /// # Errors
    /// [`Error::Config`] when there is no such metric, it is not a number, or no row has a value of it.
    pub fn of(name: &str, rows: &[Row], metric: &str, by: By) -> Result<Curve> {
        let known = METRICS.iter().any(|known| known.name == metric);
        let agents = rows.iter().map(|row| row.agent as usize + 1).max().unwrap_or(0);
        let mut latest: Vec<Option<f64>> = vec![None; agents];
        let mut points = Vec::new();
        for update in rows.chunk_by(|a, b| a.update == b.update) {
            for row in update {
                let value = serde_json::to_value(row).unwrap_or_default()[metric].as_f64();
                latest[row.agent as usize] = value.or(latest[row.agent as usize]);
            }
            let mut values: Vec<f64> = latest.iter().copied().flatten().collect();
            if values.is_empty() {
                continue;
            }
            values.sort_by(f64::total_cmp);
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let place = match by {
                By::Steps => update[0].env_steps as f64,
                By::Seconds => update[0].seconds,
            };
            points.push([place, quantile(&values, 0.25), mean, quantile(&values, 0.75)]);
        }
        if points.is_empty() {
            let numbers: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
            if known && rows.is_empty() {
                return Err(Error::config("plot", format!("{name} has no rows yet"), "wait until the run has made its first update"));
            }
            let problem = if known { format!("{name} has no values of {metric}") } else { format!("there is no metric '{metric}'") };
            let help = format!("one of {}{}", numbers.join(", "), crate::support::text::did_you_mean(metric, numbers.iter().copied()));
            return Err(Error::config("--metric", problem, help));
        }
        let stride = points.len().div_ceil(MOST_POINTS);
        let last = points.len() - 1;
        let points = points.into_iter().enumerate().filter(|(i, _)| i % stride == 0 || *i == last).map(|(_, point)| point).collect();
        Ok(Curve { name: name.into(), agents, points })
    }
}

/// Draws curves to `path`, an SVG or a PNG file according to its extension.
///
/// # Errors
/// [`Error::Config`] when it is neither; [`Error::File`] when it cannot be written.
pub fn draw(curves: &[Curve], options: &PlotOptions, path: &Path) -> Result<()> {
    // The picture must not depend on the fonts that a system has.
    let font = epaint_default_fonts::UBUNTU_LIGHT;
    register_font(FONT, FontStyle::Normal, font).map_err(|_| failed(path, "the font cannot be read"))?;
    let [width, height] = options.size;
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
    match ending.as_str() {
        "svg" => {
            let mut text = String::new();
            let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
            chart(&area, curves, options).map_err(|error| failed(path, error))?;
            drop(area);
            call::write(path, text.as_bytes())
        }
        "png" => {
            let mut rgb = vec![0; (width * height * 3) as usize];
            let area = BitMapBackend::with_buffer(&mut rgb, (width, height)).into_drawing_area();
            chart(&area, curves, options).map_err(|error| failed(path, error))?;
            drop(area);
            call::write(path, &encode(&rgb, options.size, ColorType::Rgb))
        }
        _ => Err(Error::config("--out", format!("{} is neither an .svg nor a .png file", path.display()), "for instance --out curves.svg")),
    }
}

fn failed(path: &Path, error: impl ToString) -> Error {
    Error::file("draw", PathBuf::from(path), std::io::Error::other(error.to_string()))
}

fn chart<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    curves: &[Curve],
    options: &PlotOptions,
) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    area.fill(&WHITE)?;
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let most = all().map(|point| point[0]).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let (low, high) = all().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), point| (low.min(point[1].min(point[2])), high.max(point[3].max(point[2]))));
    // A margin, and a non-empty range if all values are equal.
    let margin = if high > low {
        0.05 * (high - low)
    } else if high == 0.0 {
        0.05
    } else {
        high.abs() * 0.05
    };
    let mut chart = ChartBuilder::on(area).margin(16).x_label_area_size(44).y_label_area_size(64).build_cartesian_2d(0.0..most, low - margin..high + margin)?;
    let unit = METRICS.iter().find(|metric| metric.name == options.metric).map_or("", |metric| metric.unit);
    let vertical = if unit.is_empty() || unit == "return" { options.metric.clone() } else { format!("{} ({unit})", options.metric) };
    let horizontal = match options.by {
        By::Steps => "environment steps of each agent",
        By::Seconds => "seconds of training",
    };
    chart
        .configure_mesh()
        .x_desc(horizontal)
        .y_desc(vertical)
        .axis_desc_style((FONT, 16))
        .label_style((FONT, 14))
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .light_line_style(WHITE)
        .draw()?;
    for (i, curve) in curves.iter().enumerate() {
        let colour = Palette99::pick(i).to_rgba();
        band(&mut chart, curve, colour)?;
        let line = LineSeries::new(curve.points.iter().map(|point| (point[0], point[2])), colour.stroke_width(2));
        let agents = if curve.agents == 1 { String::new() } else { format!(" ({} agents)", curve.agents) };
        chart.draw_series(line)?.label(format!("{}{agents}", curve.name)).legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .label_font((FONT, 14))
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    area.present()
}

/// The middle half of the agents.
fn band<B: DrawingBackend>(
    chart: &mut ChartContext<'_, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
    curve: &Curve,
    colour: RGBAColor,
) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    if curve.agents > 1 {
        let upper = curve.points.iter().map(|point| (point[0], point[3]));
        let lower = curve.points.iter().rev().map(|point| (point[0], point[1]));
        chart.draw_series([Polygon::new(upper.chain(lower).collect::<Vec<_>>(), colour.mix(0.2))])?;
    }
    Ok(())
}

/// "1.5M", "20k", "0.003".
fn short(value: f64) -> String {
    let (scaled, suffix) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        size if size != 0.0 && size < 1e-4 => return quantity(value),
        _ => (value, ""),
    };
    // At most four digits, and no trailing zeros.
    let first_digit = if scaled == 0.0 { 0 } else { scaled.abs().log10().floor() as i32 };
    let digits = (3 - first_digit).max(0) as usize;
    let text = format!("{scaled:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{}{suffix}", if text == "-0" { "0" } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::plan::Plan;
    use crate::program::profile::Profile;
    use crate::spec::config::Config;
    use crate::spec::records::MetricsRow;
    use bytemuck::Zeroable;

    fn row(plan: &Plan, agent: u32, update: u32, mean_return: f32) -> Row {
        let window = if mean_return.is_nan() { 0 } else { 100 };
        plan.row(&MetricsRow { update, mean_return, window, fault: u32::MAX, ..MetricsRow::zeroed() }, agent, f64::from(update), 1.0)
    }

    #[test]
    fn a_curve_is_mean_and_quartiles_over_agents() {
        let config = Config { agents: 3, ..Config::default() };
        let plan = Plan::new(&config, Profile::named("gpu").expect("a profile")).expect("the defaults fit together");
        // Agent 2 finishes no episode in the first update; agent 0 stops after the second.
        let rows = [
            row(&plan, 0, 1, 1.0),
            row(&plan, 1, 1, 3.0),
            row(&plan, 2, 1, f32::NAN),
            row(&plan, 0, 2, 10.0),
            row(&plan, 1, 2, 20.0),
            row(&plan, 2, 2, 30.0),
            row(&plan, 1, 3, 40.0),
            row(&plan, 2, 3, 70.0),
        ];
        let curve = Curve::of("run", &rows, "mean_return", By::Steps).expect("a curve");
        let batch = plan.batch as f64;
        assert_eq!(curve.agents, 3);
        assert_eq!(curve.points, [[batch, 1.5, 2.0, 2.5], [2.0 * batch, 15.0, 20.0, 25.0], [3.0 * batch, 25.0, 40.0, 55.0]]);
        assert_eq!(Curve::of("run", &rows, "mean_return", By::Seconds).expect("a curve").points[2][0], 3.0);
        let error = Curve::of("run", &rows, "mean_retrun", By::Steps).expect_err("no such metric");
        assert!(error.to_string().contains("mean_retrun") && error.help().contains("'mean_return'"), "{}", error.help());
        assert!(Curve::of("run", &rows, "fault", By::Steps).is_err());
        assert!(Curve::of("run", &[], "mean_return", By::Steps).is_err());
    }

    #[test]
    fn long_curves_keep_their_end() {
        let plan = Plan::new(&Config::default(), Profile::named("gpu").expect("a profile")).expect("the defaults fit together");
        let rows: Vec<Row> = (1..=2345).map(|update| row(&plan, 0, update, update as f32)).collect();
        let curve = Curve::of("run", &rows, "mean_return", By::Steps).expect("a curve");
        assert!(curve.points.len() <= MOST_POINTS + 1);
        assert_eq!(curve.points.last().map(|point| point[2]), Some(2345.0));
    }

    #[test]
    fn numbers_are_short() {
        let expected = ["0", "1", "500", "1500", "20k", "1.5M", "-150", "0.003", "0.25", "0.0002345", "2.30e-5"];
        assert_eq!([0.0, 1.0, 500.0, 1500.0, 2e4, 1.5e6, -150.0, 0.003, 0.25, 0.00023449, 2.3e-5].map(short), expected);
    }
}
