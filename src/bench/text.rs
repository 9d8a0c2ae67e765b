//! The report as a person reads it.

use crate::bench::peaks::Peaks;
use crate::bench::report::Report;
use crate::bench::speeds::Speeds;
use crate::bench::startup::{DeviceMemory, Startup};
use crate::bench::sweep::Swept;
use crate::support::text::columns;
use crate::support::text::mebibytes;
use crate::support::text::{grouped, quantity};

impl Report {
    /// Aligned tables, the device first.
    pub fn to_text(&self) -> String {
        let (device, config, checked) = (&self.device, &self.config, &self.checked);
        let widths: Vec<String> = config.hidden.iter().map(u32::to_string).collect();
        let mut text = format!("{} ({}, {}), profile {}\n", device.device, device.backend, device.driver, self.profile);
        text += &format!(
            "{}: {} x {} environments x {} steps, {} epochs of {} minibatches, hidden {}\n",
            config.env,
            counted(u64::from(config.agents), "agent"),
            config.envs,
            config.steps,
            config.epochs,
            config.minibatches,
            widths.join(",")
        );
        text += &format!(
            "{} agree with the reference word by word ({}, {} environments, {} steps)\n",
            counted(checked.dispatches as u64, "dispatch"),
            counted(checked.agents as u64, "agent"),
            checked.envs,
            checked.steps
        );
        text += &peaks(&self.peaks);
        text += &format!("\nKernels of an update, by {}\n", self.clock);
        text += &self.kernels();
        text += &speeds(&self.speeds);
        text += &startup(&self.startup);
        text += &memory(&self.memory);
        self.sweeps.iter().for_each(|table| text += &sweep(table));
        text
    }

    fn kernels(&self) -> String {
        let rate = |value: Option<f64>| value.map_or("-".into(), quantity);
        let cells: Vec<[String; 9]> = self
            .kernels
            .iter()
            .map(|row| {
                [
                    row.kernel.into(),
                    row.dispatches.to_string(),
                    duration(row.seconds),
                    duration(row.seconds * row.dispatches as f64),
                    percent(row.share),
                    rate(row.gflops),
                    rate(row.gbytes),
                    row.of_peak.map_or("-".into(), percent),
                    duration(row.predicted),
                ]
            })
            .collect();
        let total: f64 = self.kernels.iter().map(|row| row.seconds * row.dispatches as f64).sum();
        let mut rows = vec![["kernel", "dispatches", "each", "all", "share", "GFLOP/s", "GB/s", "of peak", "model"]];
        rows.extend(cells.iter().map(|row| row.each_ref().map(String::as_str)));
        let mut text = columns(&rows, "lrrrrrrrr");
        text += &format!("all kernels: {}; a whole update takes {}\n", duration(total), duration(self.speeds.update_seconds));
        text += "model: what a dispatch should take by these peaks (`ppo-gpu inspect plan --device` predicts devices that are not at hand)\n";
        if self.kernels.iter().any(|row| row.of_peak.is_some_and(|fraction| fraction > 1.0)) {
            text += "More than 100 %: data that fit a cache, or a kernel that mostly reads, where the copy writes half of what it moves.\n";
        }
        text
    }
}

fn peaks(peaks: &Peaks) -> String {
    let copy = format!("a copy of {}, read and written", mebibytes(peaks.copy_bytes));
    let rows = [
        ["arithmetic", &format!("{} GFLOP/s", quantity(peaks.gflops)), "f32 multiply-adds, two operations each"],
        ["memory", &format!("{} GB/s", quantity(peaks.gbytes)), &copy],
    ];
    format!("\nPeaks of the device, measured\n{}", columns(&rows, "lr"))
}

fn speeds(speeds: &Speeds) -> String {
    let submissions = counted(speeds.submissions as u64, "submission");
    let whole = format!("whole updates, as in a run; {submissions} each, the longest {}", duration(speeds.longest_submission));
    let rows = [
        ["environment", &count(speeds.environment), "random actions, no network"],
        ["rollout", &count(speeds.inference), "actions of the policy"],
        ["training", &count(speeds.training), &whole],
    ];
    format!("\nEnvironment steps a second\n{}", columns(&rows, "lr"))
}

fn startup(startup: &Startup) -> String {
    let composition = format!("of these, {} for composing and validating, if it were done one kernel after the other", duration(startup.composition));
    let rows = [
        ["adapter", &duration(startup.adapter), "loading drivers, opening a device"],
        ["pipelines", &duration(startup.pipelines), &composition],
        ["parameters", &duration(startup.parameters), "drawing and uploading them"],
        ["first dispatches", &duration(startup.first_dispatches), "first episodes and update, with what drivers compile late"],
        ["first row", &duration(startup.first_row), "reading metrics back"],
        ["together", &duration(startup.total), "to the first row of metrics; drivers may have kept kernels from earlier runs"],
    ];
    format!("\nStart-up\n{}", columns(&rows, "lr"))
}

fn memory(memory: &DeviceMemory) -> String {
    let against = |bytes: Option<u64>| match bytes {
        Some(bytes) => (mebibytes(bytes), format!("{:+.1} % of the prediction", 100.0 * (bytes as f64 / memory.predicted as f64 - 1.0))),
        None => ("n/a".into(), "not reported here".into()),
    };
    let [allocated, grown] = [memory.allocated, memory.process_growth].map(against);
    let reserved = memory.reserved.map_or("n/a".into(), mebibytes);
    let predicted = mebibytes(memory.predicted);
    let mut rows = vec![
        ["predicted", &predicted, "all buffers of the plan"],
        ["allocated", &allocated.0, &allocated.1],
        ["reserved", &reserved, "blocks that the allocator has taken from the driver so far"],
    ];
    if memory.process_growth.is_some() {
        rows.push(["process", &grown.0, "growth of this process, compiled kernels included"]);
    }
    format!("\nDevice memory\n{}", columns(&rows, "lr"))
}

fn sweep(table: &Swept) -> String {
    let cells: Vec<[String; 7]> = table
        .rows
        .iter()
        .map(|row| {
            let bytes = row.device_bytes.map_or("-".into(), mebibytes);
            let skipped = row.skipped.as_ref().map_or(String::new(), |reason| format!("skipped: {reason}"));
            match &row.speeds {
                Some(speeds) => {
                    let [environment, inference, training] = [speeds.environment, speeds.inference, speeds.training].map(count);
                    [row.value.clone(), environment, inference, training, duration(speeds.longest_submission), bytes, skipped]
                }
                None => [row.value.clone(), "-".into(), "-".into(), "-".into(), "-".into(), bytes, skipped],
            }
        })
        .collect();
    let mut rows = vec![[table.key, "environment", "rollout", "training", "longest submission", "memory", ""]];
    rows.extend(cells.iter().map(|row| row.each_ref().map(String::as_str)));
    format!("\nEnvironment steps a second over {}\n{}", table.key, columns(&rows, "rrrrrrl"))
}

/// "1 agent", "2 agents".
fn counted(number: u64, what: &str) -> String {
    let ending = match (number, what.ends_with("ch")) {
        (1, _) => "",
        (_, true) => "es",
        _ => "s",
    };
    format!("{} {what}{ending}", grouped(number))
}

fn count(number: f64) -> String {
    grouped(number.round() as u64)
}

fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction)
}

/// Seconds with the unit that leaves digits before the point.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.1} us", 1e6 * s),
        s if s < 1.0 => format!("{:.2} ms", 1e3 * s),
        s => format!("{s:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::sweep::SweptRow;

    #[test]
    fn durations_have_units() {
        assert_eq!([2.5e-5, 0.0421, 3.0].map(duration), ["25.0 us", "42.10 ms", "3.00 s"]);
    }

    #[test]
    fn a_skipped_row_says_why() {
        let row = SweptRow { value: "65536".into(), speeds: None, device_bytes: Some(1 << 30), skipped: Some("too large".into()) };
        let text = sweep(&Swept { key: "envs", rows: vec![row] });
        assert!(text.lines().last().is_some_and(|line| line.ends_with("1024.0 MiB  skipped: too large")), "{text}");
    }
}
