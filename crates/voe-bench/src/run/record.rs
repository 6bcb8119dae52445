//! Where a record can be resumed.
//!
//! The record marks where each step ends. A kill leaves an incomplete step after the last of these marks; it is dropped, and the
//! step is done again as a whole.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use voe_trace::event::Finish;
use voe_trace::layout::TRAJECTORY;
use voe_trace::{Event, LONGEST_LINE, ReadError, Record, Trajectory};
use voe_untrusted::{Error, UntrustedDir};

/// Refuses a record of another version, which can't be resumed and must not be removed as if it were damaged.
///
/// # Errors
/// The attempt has a record of a format that this build does not read.
pub(super) fn check_version(attempt: &UntrustedDir) -> Result<(), ReadError> {
    let Ok(Some(file)) = attempt.open_file(TRAJECTORY) else { return Ok(()) };
    match Trajectory::stream_from(file, &attempt.path().join(TRAJECTORY), |_| {}) {
        Err(error @ (ReadError::TooOld { .. } | ReadError::TooNew { .. })) => Err(error),
        // A damaged record has no step to resume from.
        _ => Ok(()),
    }
}

/// Cuts the record after its last complete step and reads it. `None`: it has no complete step to resume from.
pub(super) fn cut(attempt: &UntrustedDir) -> Result<Option<Trajectory>, Error> {
    let path = attempt.path().join(TRAJECTORY);
    let io = |source| Error::Io { action: "cut", path: path.clone(), source };
    let Some(file) = attempt.open_file(TRAJECTORY)? else { return Ok(None) };
    let Ok(Some((read, end))) = Trajectory::whole_steps(file, &path) else { return Ok(None) };
    let file = attempt.append(TRAJECTORY)?;
    file.set_len(end).and_then(|()| file.sync_data()).map_err(io)?;
    Ok((read.skipped == 0).then_some(read))
}

/// The finish event of a record that has one: its last line.
pub fn finish(attempt: &UntrustedDir) -> Option<Finish> {
    let mut file: File = attempt.open_file(TRAJECTORY).ok()??;
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
            None if size >= LONGEST_LINE => return None,
            None => size *= 8,
        }
    }
}

/// Whether a record contains a reply.
pub(super) fn has_reply(attempt: &UntrustedDir) -> bool {
    let mut found = false;
    if let Ok(Some(file)) = attempt.open_file(TRAJECTORY) {
        let _ = Trajectory::stream_from(file, &attempt.path().join(TRAJECTORY), |record| {
            found |= matches!(record.event, Event::Reply(_));
        });
    }
    found
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
    use voe_trace::event::{MessageOrigin, Start, Task};

    use super::*;

    fn begin(dir: &tempfile::TempDir) -> (Writer, UntrustedDir) {
        let attempt = UntrustedDir::open(dir.path()).unwrap();
        let mut writer = Writer::create(&dir.path().join(TRAJECTORY)).unwrap();
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
        };
        writer.write(Event::Start(Box::new(start))).unwrap();
        let message = voe_trace::Message::user("x");
        writer.write(Event::Message { step: 0, origin: MessageOrigin::Task, message }).unwrap();
        (writer, attempt)
    }

    #[test]
    fn what_was_written_since_the_last_whole_step_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let (mut writer, attempt) = begin(&dir);
        writer.write(Event::StepEnd { step: 0, scratch: None }).unwrap();
        writer.write(Event::Note { text: "half a step".into() }).unwrap();
        let read = cut(&attempt).unwrap().unwrap();
        assert_eq!(read.records.len(), 3);
        assert_eq!(Trajectory::read(&dir.path().join(TRAJECTORY)).unwrap().records.len(), 3, "the file was cut, too");
        assert!(finish(&attempt).is_none());
    }

    #[test]
    fn a_record_of_another_version_is_refused_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let attempt = UntrustedDir::open(dir.path()).unwrap();
        let record = dir.path().join(TRAJECTORY);
        for format in ["1.0", "3.0"] {
            std::fs::write(&record, format!("{{\"at\":0.0,\"event\":\"start\",\"format\":\"{format}\"}}\n")).unwrap();
            let error = check_version(&attempt).unwrap_err().to_string();
            assert!(error.contains(&format!("has format {format}")), "{error}");
        }
        std::fs::write(&record, "damaged\n").unwrap();
        assert!(check_version(&attempt).is_ok() && record.exists());
    }

    #[test]
    fn a_record_without_a_whole_step_begins_again() {
        let dir = tempfile::tempdir().unwrap();
        let (_, attempt) = begin(&dir);
        assert!(cut(&attempt).unwrap().is_none());
    }

    #[test]
    fn of_a_record_that_is_one_large_hole_no_more_than_a_line_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let attempt = UntrustedDir::open(dir.path()).unwrap();
        let file = std::fs::File::create(dir.path().join(TRAJECTORY)).unwrap();
        // Reading all of it would not end.
        file.set_len(1 << 43).unwrap();
        std::os::unix::fs::FileExt::write_at(&file, b"\n", 1 << 43).unwrap();
        assert!(finish(&attempt).is_none() && !has_reply(&attempt));
    }
}
