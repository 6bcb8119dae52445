//! Ctrl-C, a killed toolbox, a lost workspace, a full disk: what is left is a patch and a readable record.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
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
        .process_group(0)
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

/// Ctrl-C on a terminal: all of voe's process group gets the signal.
fn ctrl_c(child: &Child) {
    let group = format!("-{}", child.id());
    // It may have come to its end by itself meanwhile.
    let _ = Command::new("kill").args(["-INT", "--", &group]).stderr(Stdio::null()).status();
}

#[test]
fn the_first_ctrl_c_ends_a_running_command_and_takes_the_patch() {
    let bench = Bench::python();
    let (mut child, lines) = start(&bench, &[cure(), bash("sleep 300"), done()], "\"step\":2");
    ctrl_c(&child);
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
    ctrl_c(&child);
    let last = lines.lines().map_while(Result::ok).last().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(last.contains("\"reason\":\"interrupted\"") && last.contains("if xs else 0"), "{last}");
}

#[test]
fn ctrl_c_does_not_wait_for_a_run_without_the_edits() {
    let bench = Bench::python();
    // Without the cure it does not end before its limit.
    let begun = bench.dir.path().join("begun");
    let check = format!(
        "python3 -c 'import time, stats\nwhile True:\n  try: stats.mean([]); break\n  except ZeroDivisionError: open(\"{}\", \"w\"); time.sleep(1)'",
        begun.display()
    );
    let (mut child, mut lines) = start(&bench, &[cure(), bash(&check), bash("true"), done()], "\"event\":\"check\"");
    while !begun.exists() {
        assert!(child.try_wait().unwrap().is_none(), "voe ended before the check ran without the edits");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    ctrl_c(&child);
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut lines, &mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let last: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!(last["reason"], "interrupted");
    assert!(last["patch"].as_str().unwrap().contains("if xs else 0"));
    assert_eq!(
        last["evidence"]["checks"][0]["why"],
        serde_json::json!({"reason": "not_run", "error": "interrupted"}),
        "{rest}"
    );
}

#[test]
fn ctrl_c_during_the_last_look_ends_it_and_takes_the_patch() {
    let bench = Bench::python();
    let slow = "echo begun > ../begun; sleep 300";
    let model = bench.script(&[cure(), done()]);
    let mut child = bench
        .command(support::VOE)
        .args(["fix", "p", "--sandbox", "none", "--strategy", "baseline", "--json", "--check", slow, "--model", &model])
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    while !bench.path("../begun").exists() {
        assert!(child.try_wait().unwrap().is_none(), "voe ended before it ran the check");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    ctrl_c(&child);
    let last = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok).last().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(last.contains("\"reason\":\"interrupted\"") && last.contains("if xs else 0"), "{last}");
}

#[test]
fn ctrl_c_after_any_event_ends_in_order_and_can_be_undone() {
    let bench = Bench::python();
    let before = bench.files();
    let replies = [cure(), bash(support::CHECK), done()];
    let whole = bench.voe(&["fix", "p", "--sandbox", "none", "--json", "--model", &bench.script(&replies)]);
    assert_eq!(bench.voe(&["undo"]).code, 0);
    for events in 1..whole.events().len() {
        let model = bench.script(&replies);
        let mut child = bench
            .command(support::VOE)
            .args(["fix", "p", "--sandbox", "none", "--json", "--model", &model])
            .stdout(Stdio::piped())
            .process_group(0)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let seen = lines.by_ref().take(events).count();
        ctrl_c(&child);
        let last: serde_json::Value = serde_json::from_str(&lines.last().unwrap_or_default()).unwrap_or_default();
        let code = child.wait().unwrap().code();
        assert_eq!(seen, events);
        assert!(matches!(code, Some(0 | 130)), "after {events} events: {code:?}");
        assert_eq!(last["event"], "finish", "after {events} events: {last}");
        assert_eq!(last["reason"] == "interrupted", code == Some(130), "after {events} events: {last}");
        let undone = bench.voe(&["undo"]);
        assert!(undone.code == 0, "after {events} events: {}", undone.err);
        assert_eq!(bench.files(), before, "after {events} events");
    }
}

#[test]
fn ctrl_c_over_and_over_ends_at_once_and_leaves_a_readable_record() {
    let bench = Bench::python();
    let (mut child, _lines) = start(&bench, &[cure(), bash("sleep 300"), done()], "\"step\":2");
    while child.try_wait().unwrap().is_none() {
        ctrl_c(&child);
        std::thread::yield_now();
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let record = Trajectory::read(&bench.path("../record/trajectory.jsonl")).unwrap();
    assert!(record.records.len() >= 4);
    assert_eq!(bench.voe(&["undo", "--force"]).code, 0);
}

#[test]
fn a_workspace_that_is_lost_ends_the_attempt_with_the_last_known_patch() {
    let bench = Bench::python();
    // A voe of its own, which the model removes and so keeps from starting the tools again.
    let program = bench.dir.path().join("voe");
    std::fs::hard_link(support::VOE, &program).or_else(|_| std::fs::copy(support::VOE, &program).map(drop)).unwrap();
    let lose = bash(&format!("rm {}; kill -9 $PPID", program.display()));
    let model = bench.script(&[cure(), lose, done()]);
    let mut command = bench.command(program.to_str().unwrap());
    command.args(["fix", "p", "--sandbox", "none", "--strategy", "baseline", "--json", "--model", &model]);
    let said = support::Said::of(&command.output().unwrap());
    let finish = said.finish();
    assert_eq!((said.code, finish["reason"].as_str()), (1, Some("internal")), "{finish}");
    assert!(finish["patch"].as_str().unwrap().contains("if xs else 0"), "{finish}");
    assert_eq!(finish["changes"][0]["path"], "stats.py");
    assert!(finish["error"].as_str().unwrap().contains("the patch is the last known one"), "{finish}");
}

#[test]
fn a_full_disk_is_said_in_one_line_and_what_was_written_is_readable() {
    let bench = Bench::python();
    let before = bench.files();
    let out = bench.dir.path().join("small");
    std::fs::create_dir(&out).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k,mode=700", "none"]).arg(&out).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        println!("skipped: no right to mount a small file system");
        return;
    }
    let mut replies = vec![cure()];
    replies.extend((0..20).map(|i| bash(&format!("seq {i} 4000"))));
    replies.push(done());
    let model = bench.script(&replies);
    let args = ["fix", "p", "--sandbox", "none", "--strategy", "baseline", "--quiet", "--model", &model, "--out"];
    let said = support::Said::of(&bench.command(support::VOE).args(args).arg(&out).output().unwrap());
    let record = Trajectory::read(&out.join("trajectory.jsonl"));
    assert!(Command::new("umount").arg(&out).status().unwrap().success());
    assert_eq!((said.code, said.err.lines().count()), (1, 1), "{}", said.err);
    assert!(said.err.contains("cannot write") && said.err.contains("No space left"), "{}", said.err);
    assert!(said.out.contains("cannot write the record") && said.out.contains("stats.py  +1 -1"), "{}", said.out);
    assert!(record.unwrap().records.len() >= 4);
    assert_eq!(bench.voe(&["undo"]).code, 0);
    assert_eq!(bench.files(), before);
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
    let refused = bench.voe(&["undo"]);
    assert_eq!((refused.code, refused.err.lines().count()), (2, 1), "{}", refused.err);
    assert!(refused.err.contains("stats.py") && refused.err.contains("--force"), "{}", refused.err);
    let undone = bench.voe(&["undo", "--force"]);
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
