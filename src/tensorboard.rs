//! Rows of metrics as TensorBoard reads them: a file of events for each agent, its numbers under the names of [`METRICS`].
//!
//! A file is a sequence of records (TensorFlow's TFRecord: length, its checksum, contents, their checksum; CRC-32C, masked), each an `Event` of
//! TensorFlow's event.proto, of which only the fields in use are declared here.

use crate::error::{Error, Result};
use crate::metrics::{Appender, METRICS, Row, Sink};
use prost::Message;
use std::path::Path;

/// Agents that have a file at most: TensorBoard draws a curve for each.
pub const MOST_AGENTS: usize = 64;

#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    /// In the first event only.
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Values>,
}

#[derive(Clone, PartialEq, Message)]
struct Values {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// Files of events below a directory: `agent-0/events.out.tfevents.<start>.ppo-gpu` and so on, for the first [`MOST_AGENTS`] agents.
pub struct TensorBoard {
    files: Vec<Appender>,
    /// Seconds since 1970 when the run began.
    started: f64,
}

impl TensorBoard {
    /// New files in `directory`, in place of those that are there, that hold `rows` of a run of `agents` agents that began `started` seconds after 1970.
    ///
    /// # Errors
    /// [`Error::File`] when files cannot be written.
    pub fn create(directory: &Path, agents: usize, started: f64, rows: &[Row]) -> Result<TensorBoard> {
        let files = (0..agents.min(MOST_AGENTS))
            .map(|agent| {
                let directory = directory.join(format!("agent-{agent}"));
                std::fs::create_dir_all(&directory).map_err(|error| Error::file("create", &directory, error))?;
                let path = directory.join(format!("events.out.tfevents.{started:010.0}.ppo-gpu"));
                if path.exists() {
                    std::fs::remove_file(&path).map_err(|error| Error::file("replace", &path, error))?;
                }
                let mut file = Appender::create(&path)?;
                file.push(&record(&Event { wall_time: started, file_version: Some("brain.Event:2".into()), ..Event::default() }))?;
                Ok(file)
            })
            .collect::<Result<_>>()?;
        let mut board = TensorBoard { files, started };
        rows.iter().try_for_each(|row| board.push(row))?;
        Ok(board)
    }
}

impl Sink for TensorBoard {
    fn push(&mut self, row: &Row) -> Result<()> {
        let Some(file) = self.files.get_mut(row.agent as usize) else { return Ok(()) };
        let numbers = serde_json::to_value(row).unwrap_or_default();
        let value = METRICS
            .iter()
            .filter(|metric| !metric.tag.is_empty())
            .filter_map(|metric| Some(Value { tag: metric.tag.into(), simple_value: Some(numbers[metric.name].as_f64()? as f32) }))
            .collect();
        let event = Event { wall_time: self.started + row.seconds, step: row.env_steps as i64, file_version: None, summary: Some(Values { value }) };
        file.push(&record(&event))
    }

    fn flush(&mut self) -> Result<()> {
        self.files.iter_mut().try_for_each(Appender::flush)
    }
}

fn record(event: &Event) -> Vec<u8> {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    let masked = |bytes: &[u8]| crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    [&length[..], &masked(&length), &data, &masked(&data)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_those_that_tensorboard_writes() {
        // What RecordWriter of tensorboard 2.21.0 made of these two events.
        let expected = "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c\
            3500000000000000d6c55de60900000000000002401080052a270a0f0a0874696d652f66707315000000000a140a0d747261696e2f656e74726f7079150000a0bff23e8c1a";
        let value = |tag: &str, value: f32| Value { tag: tag.into(), simple_value: Some(value) };
        let first = Event { wall_time: 1.5, file_version: Some("brain.Event:2".into()), ..Event::default() };
        let summary = Some(Values { value: vec![value("time/fps", 0.0), value("train/entropy", -1.25)] });
        let second = Event { wall_time: 2.25, step: 640, summary, ..Event::default() };
        assert_eq!(crate::files::hexadecimal(&[record(&first), record(&second)].concat()), expected);
    }
}
