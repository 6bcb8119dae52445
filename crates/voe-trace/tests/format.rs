//! The format: as documented, damaged, and of other versions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;
use voe_trace::event::MessageOrigin;
use voe_trace::{Conversation, Event, Message, ReadError, Record, Trajectory, Writer};

fn examples() -> Vec<String> {
    let book = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/trajectory.md")).unwrap();
    book.lines().filter(|line| line.starts_with("{\"at\"")).map(str::to_owned).collect()
}

/// The kinds of events, as the types have them.
fn kinds() -> BTreeSet<String> {
    let schema = serde_json::to_value(schemars::schema_for!(Event)).unwrap();
    let kind = |event: &Value| event["properties"]["event"]["const"].as_str().map(str::to_owned);
    let kinds: BTreeSet<String> = schema["oneOf"].as_array().unwrap().iter().filter_map(kind).collect();
    kinds.into_iter().filter(|kind| kind != "unknown").collect()
}

/// Whether everything in `part` is in `whole`, too.
fn within(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|other| within(value, other)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(a, b)| within(a, b))
        }
        _ => part == whole,
    }
}

#[test]
fn the_book_has_an_example_of_each_event_and_each_of_its_fields_is_one_of_the_types() {
    let mut seen = BTreeSet::new();
    for line in examples() {
        let value: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let record: Record = serde_json::from_value(value.clone()).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert_ne!(record.event, Event::Unknown, "{line}");
        let written = serde_json::to_value(&record).unwrap();
        assert!(within(&value, &written), "{line}\nis written as\n{written}");
        seen.insert(value["event"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, kinds());
}

#[test]
fn a_record_of_each_version_that_landed_is_read_or_refused_in_one_line() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let major = |version: &str| version.split('.').next().unwrap().to_owned();
    let mut versions = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let version = path.file_stem().unwrap().to_str().unwrap().to_owned();
        versions += 1;
        if major(&version) == major(voe_trace::FORMAT) {
            let read = Trajectory::read(&path).unwrap();
            assert_eq!((read.start().unwrap().format.as_str(), read.skipped), (version.as_str(), 0));
            let lines = fs::read_to_string(&path).unwrap();
            for (line, record) in lines.lines().zip(&read.records) {
                let value: Value = serde_json::from_str(line).unwrap();
                assert!(within(&value, &serde_json::to_value(record).unwrap()), "{version}: {line}");
            }
            assert!(read.finish().is_some(), "{version}");
        } else {
            let error = Trajectory::read(&path).unwrap_err();
            assert!(matches!(error, ReadError::TooOld { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains(&format!("has format {version}")) && !text.contains('\n'), "{text}");
        }
    }
    assert!(versions >= 2);
}

#[test]
fn the_part_up_to_the_last_complete_step_is_found_with_its_length() {
    let start = examples().remove(0);
    let step = |n: u32| format!("{{\"at\":1.0,\"event\":\"step_end\",\"step\":{n}}}\n");
    let note = "{\"at\":2.0,\"event\":\"note\",\"text\":\"half\"}\n";
    let whole = format!("{start}\n{note}{}", step(1));
    let (_dir, path) = file_with(&format!("{whole}{note}{}", step(2).trim_end()));
    let (read, bytes) = Trajectory::whole_steps(fs::File::open(&path).unwrap(), &path).unwrap().unwrap();
    assert_eq!((read.records.len(), read.skipped, bytes), (3, 0, whole.len() as u64));
    let (_dir, path) = file_with(&format!("{start}\n{note}"));
    assert!(Trajectory::whole_steps(fs::File::open(&path).unwrap(), &path).unwrap().is_none());
}

fn file_with(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trajectory.jsonl");
    fs::write(&path, text).unwrap();
    (dir, path)
}

#[test]
fn a_torn_last_line_is_dropped_and_appending_continues_after_the_last_whole_one() {
    let whole = examples().join("\n") + "\n";
    let (_dir, path) = file_with(&format!("{whole}{{\"at\":1.0,\"event\":\"no"));
    let read = Trajectory::read(&path).unwrap();
    assert_eq!((read.records.len(), read.skipped), (23, 1));

    let mut writer = Writer::append(&path, 17.0).unwrap();
    writer.write(Event::Note { text: "on".into() }).unwrap();
    let read = Trajectory::read(&path).unwrap();
    assert_eq!((read.records.len(), read.skipped), (24, 0));
    assert!(read.records[23].at >= 17.0);
}

#[test]
fn an_unknown_event_and_a_newer_minor_version_are_read_and_a_newer_major_is_refused() {
    let start = examples().remove(0);
    let newer = start.replace("\"format\":\"2.1\"", "\"format\":\"2.7\",\"colour\":\"blue\"");
    let (_dir, path) = file_with(&format!("{newer}\n{{\"at\":1.0,\"event\":\"dance\",\"steps\":3}}\n"));
    let read = Trajectory::read(&path).unwrap();
    assert_eq!(read.records[1].event, Event::Unknown);

    let (_dir, path) = file_with("{\"event\":\"start\",\"format\":\"3.0\"}\n");
    let error = Trajectory::read(&path).unwrap_err();
    assert!(matches!(error, ReadError::TooNew { .. }) && error.to_string().contains("use a newer voe"), "{error}");
    let (_dir, path) = file_with("hello\n");
    assert!(matches!(Trajectory::read(&path), Err(ReadError::NotATrajectory(_))));
    let (_dir, path) = file_with("");
    assert!(matches!(Trajectory::read(&path), Err(ReadError::NotATrajectory(_))));
}

#[test]
fn a_pipe_is_refused_as_a_record_without_blocking() {
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
fn the_conversation_is_replaced_when_it_is_rewritten_and_grows_otherwise() {
    let say = |text: &str| Event::Message { step: 0, origin: MessageOrigin::Task, message: Message::user(text) };
    let mut conversation = Conversation::default();
    conversation.apply(&say("one"));
    conversation.apply(&say("two"));
    for line in examples() {
        conversation.apply(&serde_json::from_str::<Record>(&line).unwrap().event);
    }
    // The rewritten one in the docs leaves one message, and the events after it add none.
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

/// The schema's errors about `value`.
fn refusals(schema: &jsonschema::Validator, value: &Value) -> Vec<String> {
    schema.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_schema_takes_each_documented_line_and_each_record_that_is_read() {
    let schema = jsonschema::validator_for(schemars::schema_for!(Record).as_value()).unwrap();
    let mut lines = examples();
    for entry in fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/formats")).unwrap() {
        let path = entry.unwrap().path();
        if Trajectory::read(&path).is_ok() {
            lines.extend(fs::read_to_string(&path).unwrap().lines().map(str::to_owned));
        }
    }
    assert!(lines.len() > kinds().len());
    for line in lines {
        let mut value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(refusals(&schema, &value), Vec::<String>::new(), "{line}");
        let written = serde_json::to_value(serde_json::from_value::<Record>(value.clone()).unwrap()).unwrap();
        assert_eq!(refusals(&schema, &written), Vec::<String>::new(), "{written}");
        // Neither a line without its time nor one of a kind that is not in this version.
        let at = value.as_object_mut().unwrap().remove("at").unwrap();
        assert!(!schema.is_valid(&value), "{value}");
        value["at"] = at;
        value["event"] = "no_such_event".into();
        assert!(!schema.is_valid(&value), "{value}");
    }
}

#[test]
fn the_schema_refuses_a_field_of_the_wrong_kind() {
    let schema = jsonschema::validator_for(schemars::schema_for!(Record).as_value()).unwrap();
    let line = |line: &str| schema.is_valid(&serde_json::from_str(line).unwrap());
    assert!(line(r#"{"at":1.0,"event":"nudge","step":1,"kind":"verify","text":"t"}"#));
    for wrong in [
        r#"{"at":1.0,"event":"nudge","step":1,"kind":"no such kind","text":"t"}"#,
        r#"{"at":1.0,"event":"nudge","step":-1,"kind":"verify","text":"t"}"#,
        r#"{"at":1.0,"event":"nudge","step":1,"kind":"verify"}"#,
        r#"{"at":"1","event":"nudge","step":1,"kind":"verify","text":"t"}"#,
    ] {
        assert!(!line(wrong), "{wrong}");
    }
}
