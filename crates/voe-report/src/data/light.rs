//! Reads a trajectory, perhaps while it is still being written, without its texts.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use voe_trace::skim::record;
use voe_trace::{Event, LONGEST_LINE, ReadError, Record, Trajectory, check_format};

use super::place::RunPlace;
use crate::ReportError;

/// Reads the complete lines from `from` on, passes on each record with its offset (`None` for a line that is not a record), and
/// returns where the next one begins.
/// From 0 on, the first line must be the start of a trajectory that this version reads.
pub(crate) fn stream(
    place: &RunPlace,
    from: u64,
    mut each: impl FnMut(u64, Option<Record>),
) -> Result<u64, ReportError> {
    let path = place.path();
    let mut file = place.open()?;
    file.seek(SeekFrom::Start(from)).map_err(ReportError::read(&path))?;
    let mut lines = BufReader::with_capacity(1 << 16, file);
    let (mut at, mut line) = (from, Vec::new());
    loop {
        line.clear();
        let read = (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(ReportError::read(&path))?;
        if line.last() != Some(&b'\n') {
            // Still being written, or torn: it is read once it is complete.
            return if at == 0 { Err(ReadError::NotATrajectory(path).into()) } else { Ok(at) };
        }
        let record = record(&line);
        if at == 0 {
            match record.as_ref().map(|record| &record.event) {
                Some(Event::Start(start)) => check_format(&path, &start.format)?,
                // The full reader of records reports what else it may be.
                _ => {
                    let why = Trajectory::stream_from(place.open()?, &path, |_| {}).err();
                    return Err(why.unwrap_or(ReadError::NotATrajectory(path)).into());
                }
            }
        }
        each(at, record);
        at += read as u64;
    }
}

/// Why a file that may be a record can't be used as a run; `None` if it isn't a record of any version.
pub(crate) fn refusal(place: &RunPlace) -> Option<ReportError> {
    match stream(place, 0, |_, _| {}) {
        Ok(_) => Some(ReportError::OneRecord { path: place.path() }),
        Err(error @ ReportError::Record(ReadError::TooOld { .. } | ReadError::TooNew { .. })) => Some(error),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::attempt::Fold;
    use super::*;

    #[test]
    fn facts_are_those_of_the_whole_records() {
        let lines = [
            r#"{"at":1.5,"event":"reply","step":1,"message":{"role":"assistant","content":"x","tool_calls":[]},"finish_reason":"stop","usage":{"prompt":7,"output":2},"seconds":1.5,"repairs":["a"],"malformed":"bad"}"#,
            r#"{"at":2.0,"event":"result","step":1,"call_id":"c","tool":"bash\n","arguments":{"a":1},"output":"long","ok":true,"exit":1,"seconds":0.5,"changes":[{"path":"a","kind":"added","added":1,"removed":0}],"code_tree":"t"}"#,
            r#"{"at":2.5,"event":"check","command":"pytest","step":1,"code_tree":"t","level":"ran","with":{"exit":0,"seconds":1.0}}"#,
            r#"{"at":2.6,"event":"nudge","step":1,"kind":"verify","text":"go"}"#,
            r#"{"at":3.0,"event":"conversation_rewritten","step":1,"kind":"summary","before":9,"after":1,"usage":{"prompt":3,"output":1},"seconds":2.0,"messages":[]}"#,
            r#"{"at":3.5,"event":"something_new","step":"odd"}"#,
        ];
        let (mut light, mut whole) = (Fold::default(), Fold::default());
        for line in lines {
            light.apply(&record(line.as_bytes()).unwrap());
            whole.apply(&serde_json::from_str(line).unwrap());
        }
        assert_eq!(light.facts(), whole.facts());
        assert_eq!(light.facts().checked_at_once, 1);
    }

    #[test]
    fn a_line_without_its_end_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        let start = concat!(
            r#"{"at":0.0,"event":"start","format":"2.0","voe":"0","time":"","task":{"statement":"","workspace":""},"strategy":"s","strategy_text":"","#,
            r#""model":{"name":"m","provider":"p"},"sandbox":{"backend":"none"},"tools":[]}"#,
            "\n"
        );
        std::fs::write(&path, format!("{start}{{\"at\":1.0,\"event\":\"note\"")).unwrap();
        let place = RunPlace::file(&path).unwrap();
        let mut seen = Vec::new();
        let next = stream(&place, 0, |at, _| seen.push(at)).unwrap();
        assert_eq!((next, seen.as_slice()), (start.len() as u64, [0].as_slice()));
        std::fs::write(&path, format!("{start}{{\"at\":1.0,\"event\":\"note\",\"text\":\"x\"}}\n")).unwrap();
        stream(&place, next, |at, _| seen.push(at)).unwrap();
        assert_eq!(seen, [0, start.len() as u64]);
        std::fs::write(&path, "{\"format\":2}\n").unwrap();
        assert!(matches!(stream(&place, 0, |_, _| {}), Err(ReportError::Record(ReadError::NotATrajectory(_)))));
    }
}
