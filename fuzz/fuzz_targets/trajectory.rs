//! Whatever is in the file of a record: no line is lost or counted twice, a cut at a whole step is a beginning of it, and its folds
//! do not panic.
#![no_main]

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use voe_evidence::{Ledger, examination};
use voe_trace::{Conversation, Event, Trajectory, last_patch};

/// A record to add to: most inputs of their own end at the first line.
const RECORD: &[u8] = include_bytes!("../../crates/voe-trace/tests/formats/2.0.jsonl");

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).and_then(|()| file.rewind()).expect("it can be written");
    file
}

fuzz_target!(|input: (bool, &[u8])| {
    let (added, rest) = input;
    let bytes = if added { [RECORD, rest].concat() } else { rest.to_vec() };
    let path = Path::new("trajectory.jsonl");
    let Ok(read) = Trajectory::read_from(file(&bytes), path) else { return };
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').count();
    assert_eq!(read.records.len() + read.skipped, lines);

    if let Some((whole, length)) = Trajectory::whole_steps(file(&bytes), path).expect("it was read before") {
        let cut = &bytes[..usize::try_from(length).expect("no longer than the file")];
        let again = Trajectory::read_from(file(cut), path).expect("it begins as before");
        assert_eq!((&again.records, again.skipped), (&whole.records, whole.skipped));
        assert!(read.records.starts_with(&whole.records));
        assert!(matches!(whole.records.last().map(|record| &record.event), Some(Event::StepEnd { .. })));
    }

    let (mut conversation, mut ledger) = (Conversation::default(), Ledger::default());
    for record in &read.records {
        conversation.apply(&record.event);
        ledger.apply(&record.event);
        if let Event::Result(result) = &record.event {
            assert!(result.text().starts_with(&result.own_text()) || !result.notes.is_empty());
        }
    }
    ledger.evidence(&[]);
    examination::of(&read.records);
    last_patch(&read.records);
    read.finish();
});
