//! Records of other versions, and records where a run is needed: what is wrong is said as the reader of records says it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

use voe_report::commands::report::{ReportOptions, ReportOutput, report};
use voe_report::viewer::index::ViewerIndex;

const FIRST: &str = include_str!("../../voe-trace/tests/formats/1.0.jsonl");
const NOW: &str = include_str!("../../voe-trace/tests/formats/2.0.jsonl");

/// A record as a file, in an attempt's directory, and in a run.
fn write(dir: &Path, record: &str) {
    fs::create_dir_all(dir.join("run/tasks/a-1/x-1")).unwrap();
    fs::create_dir_all(dir.join("attempt")).unwrap();
    for file in ["record.jsonl", "attempt/trajectory.jsonl", "run/tasks/a-1/x-1/trajectory.jsonl"] {
        fs::write(dir.join(file), record).unwrap();
    }
}

fn reported(dir: &Path, what: &str) -> String {
    let options =
        ReportOptions { inputs: vec![dir.join(what).to_str().unwrap().to_owned()], ..ReportOptions::default() };
    let said = match report(&options) {
        Ok(ReportOutput::Text(text)) => text.lines().filter(|line| line.contains("format")).collect(),
        Ok(ReportOutput::Files(files)) => panic!("{files:?}"),
        Err(error) => error.to_string(),
    };
    said.replace(dir.to_str().unwrap(), "DIR")
}

fn viewed(dir: &Path, what: &str) -> String {
    let index = ViewerIndex::build(&[dir.join(what).to_str().unwrap().to_owned()]);
    let said = match index {
        Ok(index) => index.entries[0].damage.clone().unwrap_or_default(),
        Err(error) => error.to_string(),
    };
    said.replace(dir.to_str().unwrap(), "DIR")
}

#[test]
fn a_record_of_another_version_is_refused_with_what_to_do_about_it() {
    let later = NOW.replacen("\"format\":\"2.0\"", "\"format\":\"3.0\"", 1);
    for (record, version, advice) in
        [(FIRST, "has format 1.0", "run the attempt again"), (&later, "has format 3.0", "use a newer voe")]
    {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), record);
        let attempt = ["record.jsonl", "attempt", "run"].map(|what| reported(dir.path(), what));
        let view = ["record.jsonl", "run"].map(|what| viewed(dir.path(), what));
        for said in attempt.iter().chain(&view) {
            assert!(said.contains(version) && said.contains(advice) && !said.contains("neither"), "{said}");
        }
    }
}

#[test]
fn a_report_on_one_record_points_to_the_viewer() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), NOW);
    insta::assert_snapshot!(reported(dir.path(), "record.jsonl"), @"DIR/record.jsonl is the record of one attempt, but a report needs a run directory; to see the attempt: voe view DIR/record.jsonl");
    assert!(reported(dir.path(), "attempt").contains("voe view DIR/attempt/trajectory.jsonl"));
}
