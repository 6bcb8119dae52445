//! Where a record can be gone on with.
//!
//! Beside each trajectory lies `checkpoint`: the length in bytes that the record had when the model was asked last. All that
//! follows from the steps before is in those bytes. A kill leaves a step in pieces behind them, which are dropped: the step is
//! done again, whole.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use voe_trace::event::Finish;
use voe_trace::{Event, Record, Trajectory};

fn beside(trajectory: &Path) -> PathBuf {
    trajectory.with_file_name("checkpoint")
}

/// Notes that the record is whole up to here. A note that can't be written costs a step when the attempt is gone on with,
/// no more.
pub(super) fn checkpoint(trajectory: &Path) {
    if let Ok(meta) = trajectory.metadata() {
        let to = beside(trajectory);
        let new = to.with_extension("new");
        let _ = std::fs::write(&new, meta.len().to_string()).and_then(|()| std::fs::rename(&new, &to));
    }
}

/// Cuts the record after its last complete step and reads it. `None`: there is no complete beginning to go on from.
pub(super) fn cut(trajectory: &Path) -> std::io::Result<Option<Trajectory>> {
    let noted = std::fs::read_to_string(beside(trajectory)).ok().and_then(|text| text.trim().parse::<u64>().ok());
    let length = trajectory.metadata()?.len();
    let Some(end) = noted.filter(|end| *end <= length) else { return Ok(None) };
    let file = OpenOptions::new().write(true).open(trajectory)?;
    file.set_len(end)?;
    file.sync_data()?;
    let Ok(read) = Trajectory::read(trajectory) else { return Ok(None) };
    let begun = read.records.iter().any(|record| matches!(record.event, Event::Message { .. }));
    Ok((begun && read.skipped == 0).then_some(read))
}

/// The finish event of a record that has one: its last line.
pub fn finish(trajectory: &Path) -> Option<Finish> {
    let mut file = File::open(trajectory).ok()?;
    let length = file.seek(SeekFrom::End(0)).ok()?;
    let mut size = 64 << 10;
    loop {
        let begin = length.saturating_sub(size);
        file.seek(SeekFrom::Start(begin)).ok()?;
        let mut tail = Vec::new();
        (&mut file).take(size).read_to_end(&mut tail).ok()?;
        let body = tail.strip_suffix(b"\n")?;
        match body.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => return parse(&body[at + 1..]),
            None if begin == 0 => return parse(body),
            None => size *= 8,
        }
    }
}

fn parse(line: &[u8]) -> Option<Finish> {
    match serde_json::from_slice::<Record>(line).ok()?.event {
        Event::Finish(finish) => Some(*finish),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use voe_trace::Writer;
    use voe_trace::event::{Origin, Start, Task};

    use super::*;

    fn begin(path: &Path) -> Writer {
        let mut writer = Writer::create(path).unwrap();
        let start = Start {
            format: voe_trace::FORMAT.into(),
            voe: String::new(),
            time: String::new(),
            task: Task::default(),
            strategy: String::new(),
            strategy_text: String::new(),
            model: Default::default(),
            sandbox: Default::default(),
            tools: Vec::new(),
            settings: Default::default(),
        };
        writer.write(Event::Start(Box::new(start))).unwrap();
        let message = voe_trace::Message::user("x");
        writer.write(Event::Message { step: 0, origin: Origin::Task, message }).unwrap();
        writer
    }

    #[test]
    fn what_was_written_since_the_last_checkpoint_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trajectory.jsonl");
        let mut writer = begin(&path);
        checkpoint(&path);
        writer.write(Event::Note { text: "half a step".into() }).unwrap();
        let read = cut(&path).unwrap().unwrap();
        assert_eq!(read.records.len(), 2);
        assert!(finish(&path).is_none());
    }

    #[test]
    fn a_record_without_a_checkpoint_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trajectory.jsonl");
        begin(&path);
        assert!(cut(&path).unwrap().is_none());
        std::fs::write(dir.path().join("checkpoint"), "99999999").unwrap();
        assert!(cut(&path).unwrap().is_none(), "a checkpoint behind the end is none");
    }
}
