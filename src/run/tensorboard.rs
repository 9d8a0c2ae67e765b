//! Rows of metrics for TensorBoard: an event file for each agent, with the tags of [`METRICS`].
//!
//! A file is a sequence of records (TensorFlow's TFRecord: length, its checksum, contents, their checksum; CRC-32C, masked), each an `Event` of
//! TensorFlow's event.proto, of which only the fields in use are declared here.
//!
//! Files only grow, so that a running TensorBoard can continue to read them. After a rollback, the replaced rows are revoked by an event that every
//! TensorBoard understands: a session start at a step, which discards everything from that step on.

use crate::run::rows::Appender;
use crate::run::rows::Sink;
use crate::spec::metrics::{METRICS, Row};
use crate::support::error::{Error, Result};
use prost::Message;
use std::path::Path;

/// Most agents with a file: TensorBoard draws a curve for each.
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
    /// At the start of a session: earlier events from this event's step on are discarded.
    #[prost(message, optional, tag = "7")]
    session: Option<Session>,
}

#[derive(Clone, PartialEq, Message)]
struct Session {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// The status at the start of a session.
const START: i32 = 1;

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
    /// Files in `directory` of a run of `agents` agents that began `started` seconds after 1970, which show `rows` and are appended to. Existing
    /// files are continued; only half a record at the end, which a crash of the system may leave, is cut off.
    ///
    /// # Errors
    /// [`Error::File`] when files cannot be written, [`Error::Unreadable`] when they cannot be read.
    pub fn go_on(directory: &Path, agents: usize, started: f64, rows: &[Row]) -> Result<TensorBoard> {
        let mut board = TensorBoard { files: Vec::new(), started };
        for agent in 0..agents.min(MOST_AGENTS) {
            let directory = directory.join(format!("agent-{agent}"));
            std::fs::create_dir_all(&directory).map_err(|error| Error::file("create", &directory, error))?;
            let path = directory.join(format!("events.out.tfevents.{started:010.0}.ppo-gpu"));
            let own: Vec<&Row> = rows.iter().filter(|row| row.agent as usize == agent).collect();
            let (file, shown) = open(&path, started, own.last().map_or(0, |row| row.env_steps as i64))?;
            board.files.push(file);
            own.into_iter().filter(|row| row.env_steps as i64 > shown).try_for_each(|row| board.push(row))?;
        }
        Ok(board)
    }
}

/// Opens the file at `path` for appending after step `last`, and returns it with the last step that it shows up to there.
fn open(path: &Path, started: f64, last: i64) -> Result<(Appender, i64)> {
    let header = Event { wall_time: started, file_version: Some("brain.Event:2".into()), ..Event::default() };
    if !path.exists() {
        let mut file = Appender::create(path)?;
        file.push(&record(&header))?;
        return Ok((file, 0));
    }
    let bytes = std::fs::read(path).map_err(|error| Error::unreadable(path, error))?;
    let (events, whole) = whole_events(&bytes);
    if whole < bytes.len() {
        let cut = std::fs::File::options().write(true).open(path).and_then(|file| file.set_len(whole as u64));
        cut.map_err(|error| Error::file("write", path, error))?;
    }
    let mut file = Appender::append(path)?;
    if events.is_empty() {
        file.push(&record(&header))?;
    }
    let shown = steps(&events);
    if shown.iter().any(|&step| step > last) {
        let session = Some(Session { status: START });
        file.push(&record(&Event { wall_time: started, step: last + 1, session, ..Event::default() }))?;
    }
    Ok((file, shown.into_iter().filter(|&step| step <= last).max().unwrap_or(0)))
}

/// The intact events at the beginning of a file, and their size in bytes.
fn whole_events(bytes: &[u8]) -> (Vec<Event>, usize) {
    let (mut events, mut end) = (Vec::new(), 0);
    while let Some((event, length)) = whole_event(&bytes[end..]) {
        events.push(event);
        end += length;
    }
    (events, end)
}

fn whole_event(bytes: &[u8]) -> Option<(Event, usize)> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (length_checksum, rest) = rest.split_first_chunk::<4>()?;
    if *length_checksum != masked(length) {
        return None;
    }
    let (data, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let (checksum, _) = rest.split_first_chunk::<4>()?;
    (*checksum == masked(data)).then(|| Event::decode(data).ok().map(|event| (event, data.len() + 16)))?
}

/// The steps that events show, without those that were revoked.
fn steps(events: &[Event]) -> Vec<i64> {
    let mut shown: Vec<i64> = Vec::new();
    for event in events {
        if event.session.as_ref().is_some_and(|session| session.status == START) {
            shown.retain(|&step| step < event.step);
        } else if event.summary.is_some() {
            shown.push(event.step);
        }
    }
    shown
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
        let event = Event { wall_time: self.started + row.seconds, step: row.env_steps as i64, summary: Some(Values { value }), ..Event::default() };
        file.push(&record(&event))
    }

    fn flush(&mut self) -> Result<()> {
        self.files.iter_mut().try_for_each(Appender::flush)
    }
}

fn record(event: &Event) -> Vec<u8> {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), &data, &masked(&data)].concat()
}

/// The checksum of a length, or of contents.
fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::plan::Plan;
    use crate::program::profile::Profile;
    use crate::spec::config::Config;
    use crate::spec::records::MetricsRow;
    use bytemuck::Zeroable;

    /// Row `update` of a run of one agent, whose entropy encodes the attempt.
    fn row(update: u32, attempt: u32) -> Row {
        let plan = Plan::new(&Config::default(), Profile::named("gpu").expect("a profile")).expect("the defaults fit together");
        let raw = MetricsRow { update, entropy: attempt as f32, fault: u32::MAX, ..MetricsRow::zeroed() };
        plan.row(&raw, 0, f64::from(update), 1.0)
    }

    /// The entropies by step that a reader shows after all events.
    fn shown(bytes: &[u8]) -> Vec<(i64, f32)> {
        let (events, whole) = whole_events(bytes);
        assert_eq!(whole, bytes.len(), "half a record");
        assert!(events[0].file_version.is_some() && events[1..].iter().all(|event| event.file_version.is_none()), "one header, in front");
        let mut shown: Vec<(i64, f32)> = Vec::new();
        for event in events {
            if event.session.is_some() {
                shown.retain(|(step, _)| *step < event.step);
            }
            let value = event.summary.iter().flat_map(|values| &values.value).find(|value| value.tag == "train/entropy");
            shown.extend(value.and_then(|value| Some((event.step, value.simple_value?))));
        }
        shown
    }

    /// After `last` updates of attempt 1, continues with attempt 2 up to `end`; returns the file.
    fn go_on(directory: &Path, last: u32, end: u32) -> Vec<u8> {
        let kept: Vec<Row> = (1..=last).map(|update| row(update, 1)).collect();
        let mut board = TensorBoard::go_on(directory, 1, 0.0, &kept).expect("a file");
        (last + 1..=end).for_each(|update| board.push(&row(update, 2)).expect("a record"));
        drop(board);
        std::fs::read(directory.join("agent-0/events.out.tfevents.0000000000.ppo-gpu")).expect("the file")
    }

    fn expected(ones: u32, end: u32) -> Vec<(i64, f32)> {
        (1..=end).map(|update| (i64::from(update) * 512, if update <= ones { 1.0 } else { 2.0 })).collect()
    }

    #[test]
    fn event_files_only_grow_after_resume_and_rollback() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let first = go_on(home.path(), 10, 10);
        assert_eq!(shown(&first), expected(10, 10));
        // Continuing from the end keeps the contents and appends only rows.
        let longer = go_on(home.path(), 10, 12);
        assert!(longer.starts_with(&first) && whole_events(&longer).0.len() == 13);
        assert_eq!(shown(&longer), expected(10, 12));
        // Going back, to an end before the old one; then back again, further.
        let back = go_on(home.path(), 4, 6);
        assert!(back.starts_with(&longer));
        assert_eq!(shown(&back), expected(4, 6));
        let further = go_on(home.path(), 2, 9);
        assert!(further.starts_with(&back));
        assert_eq!(shown(&further), expected(2, 9));
        // To the very beginning.
        let again = go_on(home.path(), 0, 3);
        assert!(again.starts_with(&further));
        assert_eq!(shown(&again), expected(0, 3));
    }

    #[test]
    fn files_are_repaired_after_a_crash() {
        let whole = {
            let home = tempfile::tempdir().expect("a temporary directory");
            go_on(home.path(), 10, 10)
        };
        let (header, damaged) = (record(&Event { file_version: Some("brain.Event:2".into()), ..Event::default() }).len(), whole.len() / 2);
        // Cut anywhere, or with a byte changed: all rows are there afterwards, each once.
        let mut broken: Vec<Vec<u8>> = [0, 1, header - 1, header, header + 5, damaged, whole.len() - 1].map(|end| whole[..end].to_vec()).into();
        broken.push(whole.iter().enumerate().map(|(i, &byte)| if i == damaged { byte ^ 1 } else { byte }).collect());
        broken.push([&whole[..], &[0; 20]].concat());
        broken.push([&whole[..], &u64::MAX.to_le_bytes(), &masked(&u64::MAX.to_le_bytes())].concat());
        for bytes in broken {
            let home = tempfile::tempdir().expect("a temporary directory");
            go_on(home.path(), 0, 0);
            std::fs::write(home.path().join("agent-0/events.out.tfevents.0000000000.ppo-gpu"), &bytes).expect("a file");
            assert_eq!(shown(&go_on(home.path(), 10, 11)), expected(10, 11), "{} bytes", bytes.len());
        }
    }

    #[test]
    fn records_are_those_that_tensorboard_writes() {
        // What RecordWriter of tensorboard 2.21.0 made of these two events.
        let expected = "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c\
            3500000000000000d6c55de60900000000000002401080052a270a0f0a0874696d652f66707315000000000a140a0d747261696e2f656e74726f7079150000a0bff23e8c1a";
        let value = |tag: &str, value: f32| Value { tag: tag.into(), simple_value: Some(value) };
        let first = Event { wall_time: 1.5, file_version: Some("brain.Event:2".into()), ..Event::default() };
        let summary = Some(Values { value: vec![value("time/fps", 0.0), value("train/entropy", -1.25)] });
        let second = Event { wall_time: 2.25, step: 640, summary, ..Event::default() };
        assert_eq!(crate::support::files::hexadecimal(&[record(&first), record(&second)].concat()), expected);
    }
}
