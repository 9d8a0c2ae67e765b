//! Files of rows of metrics.

use crate::spec::metrics::Row;
use crate::support::error::{Error, Result};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A destination of rows.
pub trait Sink {
    /// Takes a row.
    ///
    /// # Errors
    /// [`Error::File`] when rows cannot be written.
    fn push(&mut self, row: &Row) -> Result<()>;

    /// Hands all rows to the system, so that they outlive this process.
    ///
    /// # Errors
    /// [`Error::File`] when rows cannot be written.
    fn flush(&mut self) -> Result<()>;
}

/// A file that records are appended to. They are buffered for up to a second and written together, so that a reader never sees half a record.
pub(crate) struct Appender {
    path: PathBuf,
    file: File,
    pending: Vec<u8>,
    written: Instant,
}

impl Appender {
    /// How long records are buffered.
    const PERIOD: Duration = Duration::from_secs(1);
    /// Size of the buffer, in bytes.
    const MOST: usize = 1 << 16;

    /// A new file at `path`.
    pub(crate) fn create(path: &Path) -> Result<Appender> {
        Self::open(path, File::options().create_new(true), "create")
    }

    /// The file at `path`, which exists.
    pub(crate) fn append(path: &Path) -> Result<Appender> {
        Self::open(path, &mut File::options(), "open")
    }

    fn open(path: &Path, options: &mut std::fs::OpenOptions, action: &'static str) -> Result<Appender> {
        let file = options.append(true).open(path).map_err(|error| Error::file(action, path, error))?;
        Ok(Appender { path: path.into(), file, pending: Vec::new(), written: Instant::now() })
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, record: &[u8]) -> Result<()> {
        self.pending.extend_from_slice(record);
        if self.pending.len() >= Self::MOST || self.written.elapsed() >= Self::PERIOD { self.flush() } else { Ok(()) }
    }

    /// Writes the buffered records.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let written = self.file.write_all(&self.pending);
        self.pending.clear();
        self.written = Instant::now();
        written.map_err(|error| Error::file("write", &self.path, error))
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        // An error that ended the run early is more useful than one from here.
        let _ = self.flush();
    }
}

/// Rows as lines of JSON in a file.
pub struct JsonLines(Appender);

impl JsonLines {
    /// A new file at `path`.
    ///
    /// # Errors
    /// [`Error::File`] when there is one already, or it cannot be made.
    pub fn create(path: &Path) -> Result<JsonLines> {
        Appender::create(path).map(JsonLines)
    }

    /// Opens the file at `path`, with contents `recorded`, for appending, and returns it with its rows. Rows after update `last` are cut off, as is half a
    /// line at the end, which a crash of the system may leave.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn go_on(path: &Path, recorded: Recorded, last: u32) -> Result<(JsonLines, Vec<Row>)> {
        if !path.exists() {
            return Ok((JsonLines::create(path)?, Vec::new()));
        }
        let (rows, ends): (Vec<Row>, Vec<u64>) = recorded.0.into_iter().take_while(|(row, _)| row.update <= last).unzip();
        let end = ends.last().copied().unwrap_or(0);
        let file = File::options().write(true).open(path).map_err(|error| Error::file("open", path, error))?;
        file.set_len(end).map_err(|error| Error::file("write", path, error))?;
        Ok((JsonLines(Appender::append(path)?), rows))
    }
}

impl JsonLines {
    /// Another handle of the file, for syncing it to the disk.
    ///
    /// # Errors
    /// [`Error::File`] when the system has no more handles.
    pub fn file(&self) -> Result<File> {
        self.0.file.try_clone().map_err(|error| Error::file("open", &self.0.path, error))
    }
}

impl Sink for JsonLines {
    fn push(&mut self, row: &Row) -> Result<()> {
        let mut line = serde_json::to_vec(row).map_err(|error| Error::file("write", &self.0.path, error.into()))?;
        line.push(b'\n');
        self.0.push(&line)
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}

/// The rows in a file that [`JsonLines`] wrote, and the offset at which each ends.
#[derive(Default)]
pub struct Recorded(Vec<(Row, u64)>);

impl Recorded {
    /// The rows in the file at `path`; none if there is no file.
    ///
    /// # Errors
    /// Those of [`read`].
    pub fn read(path: &Path) -> Result<Recorded> {
        if path.exists() { read_lines(path).map(Recorded) } else { Ok(Recorded::default()) }
    }

    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.0.iter().map(|(row, _)| row)
    }
}

/// The rows in a file that [`JsonLines`] wrote, without half a line at its end.
///
/// # Errors
/// [`Error::Unreadable`] when it cannot be read; [`Error::Config`] naming a line that is not a row.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    Ok(read_lines(path)?.into_iter().map(|(row, _)| row).collect())
}

/// Rows, and the offset at which each ends.
fn read_lines(path: &Path) -> Result<Vec<(Row, u64)>> {
    let bytes = std::fs::read(path).map_err(|error| Error::unreadable(path, error))?;
    let (mut rows, mut end) = (Vec::new(), 0);
    for line in bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        end += line.len() as u64;
        let row = serde_json::from_slice(line).map_err(|error| {
            let problem = format!("line {} is not a row of metrics ({error})", rows.len() + 1);
            Error::config(path.display().to_string(), problem, "the file is damaged: remove that line")
        })?;
        rows.push((row, end));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::plan::Plan;
    use crate::program::profile::Profile;
    use crate::spec::config::Config;
    use crate::spec::records::MetricsRow;
    use bytemuck::Zeroable;

    fn plan() -> Plan {
        Plan::new(&Config::default(), Profile::named("gpu").expect("a profile")).expect("the defaults fit together")
    }

    #[test]
    fn lines_are_whole_and_an_existing_file_is_refused() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("metrics.jsonl");
        let row = plan().row(&MetricsRow { window: 1, fault: u32::MAX, ..MetricsRow::zeroed() }, 0, 0.0, 0.0);
        let mut lines = JsonLines::create(&path).expect("a new file");
        for _ in 0..1000 {
            lines.push(&row).expect("a line");
            let text = std::fs::read_to_string(&path).expect("the file");
            assert!(text.is_empty() || text.ends_with("}\n"));
        }
        drop(lines);
        let text = std::fs::read_to_string(&path).expect("the file");
        assert_eq!(text.lines().count(), 1000);
        assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok_and(|row| row["mean_return"] == 0.0)));
        assert!(matches!(JsonLines::create(&path), Err(Error::File { action: "create", .. })));
    }
}
