//! The format as documented, damaged, and from other versions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use voe_trace::event::Origin;
use voe_trace::{Conversation, Event, Message, ReadError, Record, Trajectory, Writer};

fn examples() -> Vec<String> {
    let book = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/trajectory.md")).unwrap();
    book.lines().filter(|line| line.starts_with("{\"at\"")).map(str::to_owned).collect()
}

#[test]
fn every_example_in_the_book_is_read_and_written_back_as_it_stands() {
    let examples = examples();
    assert_eq!(examples.len(), 17, "one example for each kind of event");
    for line in examples {
        let record: Record = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert_ne!(record.event, Event::Unknown, "{line}");
        let again: Record = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
        assert_eq!(record, again);
    }
}

fn file_with(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trajectory.jsonl");
    fs::write(&path, text).unwrap();
    (dir, path)
}

#[test]
fn a_torn_last_line_is_dropped_and_appending_goes_on_after_the_last_whole_one() {
    let whole = examples().join("\n") + "\n";
    let (_dir, path) = file_with(&format!("{whole}{{\"at\":1.0,\"event\":\"no"));
    let read = Trajectory::read(&path).unwrap();
    assert_eq!((read.records.len(), read.skipped), (17, 1));

    let mut writer = Writer::append(&path, 17.0).unwrap();
    writer.write(Event::Note { text: "on".into() }).unwrap();
    let read = Trajectory::read(&path).unwrap();
    assert_eq!((read.records.len(), read.skipped), (18, 0));
    assert!(read.records[17].at >= 17.0);
}

#[test]
fn an_unknown_event_and_a_newer_minor_version_are_read_and_a_newer_major_is_refused() {
    let start = examples().remove(0);
    let newer = start.replace("\"format\":\"1.0\"", "\"format\":\"1.7\",\"colour\":\"blue\"");
    let (_dir, path) = file_with(&format!("{newer}\n{{\"at\":1.0,\"event\":\"dance\",\"steps\":3}}\n"));
    let read = Trajectory::read(&path).unwrap();
    assert_eq!(read.records[1].event, Event::Unknown);

    let (_dir, path) = file_with("{\"event\":\"start\",\"format\":\"2.0\"}\n");
    let error = Trajectory::read(&path).unwrap_err();
    assert!(matches!(error, ReadError::TooNew { .. }) && error.to_string().contains("use a newer voe"), "{error}");
    let (_dir, path) = file_with("hello\n");
    assert!(matches!(Trajectory::read(&path), Err(ReadError::NotATrajectory(_))));
    let (_dir, path) = file_with("");
    assert!(matches!(Trajectory::read(&path), Err(ReadError::NotATrajectory(_))));
}

#[test]
fn a_pipe_is_no_record_and_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("trajectory.jsonl");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = Trajectory::read(&pipe).unwrap_err().to_string();
    assert!(error.contains("not a regular file"), "{error}");
}

#[test]
fn a_record_is_not_overwritten() {
    let (_dir, path) = file_with("x");
    assert!(Writer::create(&path).is_err());
}

#[test]
fn the_conversation_is_replaced_by_a_compaction_and_grows_otherwise() {
    let say = |text: &str| Event::Message { step: 0, origin: Origin::Task, message: Message::user(text) };
    let mut conversation = Conversation::default();
    conversation.apply(&say("one"));
    conversation.apply(&say("two"));
    for line in examples() {
        conversation.apply(&serde_json::from_str::<Record>(&line).unwrap().event);
    }
    // The compaction in the book leaves one message; what follows it there adds none.
    assert_eq!(conversation.messages.len(), 1);
    assert_eq!(conversation.usage.prompt, 2100 + 180_000);
}

proptest! {
    #[test]
    fn damage_anywhere_after_the_first_line_never_breaks_reading(at in 0usize..6000, byte in any::<u8>()) {
        let mut bytes = (examples().join("\n") + "\n").into_bytes();
        let first = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
        let at = first + at % (bytes.len() - first);
        bytes[at] = byte;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        fs::write(&path, &bytes).unwrap();
        let read = Trajectory::read(&path).unwrap();
        prop_assert!(read.records.len() >= 13);
    }

    #[test]
    fn a_cut_anywhere_leaves_whole_events(cut in 0usize..8000) {
        let text = examples().join("\n") + "\n";
        let first = text.find('\n').unwrap() + 1;
        let cut = (first + cut).min(text.len());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        fs::write(&path, &text.as_bytes()[..cut]).unwrap();
        let read = Trajectory::read(&path).unwrap();
        prop_assert_eq!(read.records.len(), text.as_bytes()[..cut].iter().filter(|b| **b == b'\n').count());
    }
}
