//! Ctrl-C, a killed toolbox, a full disk: what is left is a patch and a readable record.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use support::{Bench, bash, cure, done};
use voe_trace::{Reason, Trajectory};

/// Starts `voe fix --json` and waits until it has printed a line that holds `until`.
fn start(bench: &Bench, replies: &[serde_json::Value], until: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let model = bench.script(replies);
    let out = bench.path("../record");
    let mut child = bench
        .command(support::VOE)
        .args(["fix", "p", "--sandbox", "none", "--json", "--model", &model, "--out"])
        .arg(&out)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(until) {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "voe ended before it printed {until:?}");
    }
    (child, lines)
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn the_first_ctrl_c_ends_a_running_command_and_takes_the_patch() {
    let bench = Bench::python();
    let (mut child, lines) = start(&bench, &[cure(), bash("sleep 300"), done()], "\"step\":2");
    signal(&child, "-INT");
    let last = lines.lines().map_while(Result::ok).last().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let finish: serde_json::Value = serde_json::from_str(&last).unwrap();
    assert_eq!(finish["reason"], "interrupted");
    assert!(finish["patch"].as_str().unwrap().contains("if xs else 0"));
}

#[test]
fn ctrl_c_while_the_model_thinks_takes_the_patch() {
    let bench = Bench::python();
    let slow = json!({"content": "TASK_COMPLETE", "delay": 300.0});
    let (mut child, lines) = start(&bench, &[cure(), slow], "\"event\":\"patch\"");
    signal(&child, "-INT");
    let last = lines.lines().map_while(Result::ok).last().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(last.contains("\"reason\":\"interrupted\"") && last.contains("if xs else 0"), "{last}");
}

#[test]
fn a_kill_leaves_a_readable_record_and_an_undo_that_restores() {
    let bench = Bench::python();
    let before = bench.files();
    let (mut child, _lines) = start(&bench, &[cure(), bash("echo x > extra.txt; sleep 300"), done()], "\"step\":2");
    signal(&child, "-KILL");
    child.wait().unwrap();
    let record = Trajectory::read(&bench.path("../record/trajectory.jsonl")).unwrap();
    assert!(record.finish().is_none() && record.records.len() >= 4);
    let undone = bench.voe(&["undo"]);
    assert_eq!(undone.code, 0, "{}", undone.err);
    assert_eq!(bench.files(), before);
}

#[test]
fn a_toolbox_that_is_killed_by_a_command_is_started_again_and_the_attempt_goes_on() {
    let bench = Bench::python();
    // The shell's parent is the toolbox.
    let said =
        bench.fix(&[cure(), bash("kill -9 $PPID; sleep 5"), bash("echo alive"), done()], &["--strategy", "baseline"]);
    assert_eq!(said.finish()["reason"], "completed", "{}", said.out);
    assert_eq!(said.events_of("toolbox_restarted").len(), 1);
    let results = said.events_of("result");
    assert!(results[1]["text"].as_str().unwrap().contains("started again"), "{}", results[1]);
    assert!(results[2]["text"].as_str().unwrap().contains("alive"));
    assert!(said.finish()["patch"].as_str().unwrap().contains("if xs else 0"));
}

#[test]
fn every_prefix_of_a_record_is_readable_and_says_no_more_than_happened() {
    let bench = Bench::python();
    let said = bench.fix(&[cure(), done()], &[]);
    let path = said.finish()["trajectory"].as_str().unwrap().to_owned();
    let whole = std::fs::read(&path).unwrap();
    let first = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    for cut in (first..whole.len()).step_by(97) {
        let file = bench.path("../cut.jsonl");
        std::fs::write(&file, &whole[..cut]).unwrap();
        let read = Trajectory::read(&file).unwrap();
        assert!(read.finish().is_none_or(|f| f.reason == Reason::Completed));
    }
}
