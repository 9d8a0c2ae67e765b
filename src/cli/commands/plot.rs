//! `ppo-gpu plot`.

use crate::cli::arguments::whole;
use crate::cli::call::{Call, Flags, Perform, print};
use crate::cli::plot::{By, Curve, PlotOptions, draw};
use crate::run::directory::Directory;
use crate::run::rows;
use crate::support::error::{Result, exit};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::path::{Path, PathBuf};

/// Draw learning curves of runs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Plot {
    /// Directories of runs.
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// A number of metrics.jsonl.
    #[arg(long, value_name = "NAME", default_value = "mean_return")]
    metric: String,
    /// Quantity on the horizontal axis.
    #[arg(long, value_name = "AXIS", default_value = "steps", value_parser = PossibleValuesParser::new(["steps", "seconds"]).map(|name| axis(&name)))]
    by: By,
    /// File to write, .svg or .png.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Width in pixels.
    #[arg(long, value_name = "N", default_value = "900", value_parser = whole(200, 10_000), allow_negative_numbers = true)]
    width: u32,
    /// Height in pixels.
    #[arg(long, value_name = "N", default_value = "540", value_parser = whole(150, 10_000), allow_negative_numbers = true)]
    height: u32,
}

const EXAMPLES: &str = "\
Examples:
  ppo-gpu plot runs/a runs/b --out returns.svg
  ppo-gpu plot runs/a --metric entropy --by seconds --out entropy.png";

fn axis(name: &str) -> By {
    if name == "seconds" { By::Seconds } else { By::Steps }
}

impl Perform for Plot {
    fn takes(_: Option<&str>) -> Flags {
        vec!["out"] // its own flag, of this name
    }

    fn perform(self, _: &Call) -> Result<u8> {
        let options = PlotOptions { metric: self.metric, by: self.by, size: [self.width, self.height] };
        let curve = |run: &Path| {
            let rows = rows::read(&Directory::open(run)?.metrics())?;
            let name = run.file_name().unwrap_or(run.as_os_str()).to_string_lossy();
            Curve::of(&name, &rows, &options.metric, options.by)
        };
        draw(&self.runs.iter().map(|run| curve(run)).collect::<Result<Vec<_>>>()?, &options, &self.out)?;
        print(&format!("wrote {}\n", self.out.display())).map(|()| exit::DONE)
    }
}
