//! What `voe fix` prints at the end of an attempt, in each outcome, and `voe proof` of its record.

use serde_json::{Value, json};

use crate::shown;
use crate::support::{Bench, CHECK, Said, bash, call, cure, done, text};

/// `voe fix` for a person, without colours.
fn fix(bench: &Bench, replies: &[Value], more: &[&str]) -> Said {
    let model = bench.script(replies);
    let problem = "mean() of an empty list should be 0";
    let args = ["fix", problem, "--sandbox", "none", "--apply", "no", "--no-color", "--quiet", "--model", &model];
    bench.voe(&[&args[..], more].concat())
}

/// The record that the summary names.
fn record(said: &Said) -> String {
    let line = said.out.lines().chain(said.err.lines()).find(|line| line.starts_with("record")).unwrap();
    line.split_whitespace().last().unwrap().to_owned()
}

/// Takes the snapshots of an attempt with these replies.
fn outcome(name: &str, replies: &[Value], more: &[&str]) {
    let bench = Bench::python();
    let said = fix(&bench, replies, more);
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!(format!("summary-{name}"), shown(&said, &bench));
        let proof = bench.voe(&["proof", &record(&said)]);
        insta::assert_snapshot!(format!("proof-{name}"), shown(&proof, &bench));
    });
}

#[test]
fn a_proven_change() {
    outcome("proven", &[cure(), bash(CHECK), done()], &[]);
}

#[test]
fn a_change_whose_check_passes_without_it_too() {
    outcome("vacuous", &[cure(), bash("python3 -c 'import stats'"), done(), done(), done()], &[]);
}

#[test]
fn a_change_that_breaks_what_worked() {
    let wrong = call("file_write", json!({"path": "stats.py", "content": "def mean(xs):\n    return 0\n"}));
    let replies = [wrong, bash(CHECK), bash("python3 -m unittest -q test_stats"), done(), done(), done()];
    outcome("refuted", &replies, &[]);
}

#[test]
fn a_change_that_nothing_was_run_on() {
    outcome("unchecked", &[cure(), done(), done(), done(), done()], &[]);
}

#[test]
fn no_change() {
    outcome("no-change", &[text("I can't find it."), done(), done(), done(), done()], &[]);
}

#[test]
fn the_limit_on_steps() {
    outcome("max-steps", &[cure(), bash(CHECK), bash("ls")], &["--max-steps", "3"]);
}

#[test]
fn a_model_that_repeats_itself() {
    let same = || bash("cat stats.py");
    outcome("stuck", &(0..30).map(|_| same()).collect::<Vec<_>>(), &[]);
}

#[test]
fn a_server_that_fails() {
    outcome("model-error", &[cure(), json!({"error": {"kind": "server"}})], &[]);
}

#[test]
fn the_users_own_check() {
    outcome("own-check", &[cure(), done()], &["--check", CHECK]);
}

#[test]
fn undo_after_a_patch_that_was_not_applied() {
    let bench = Bench::python();
    let before = bench.files();
    let model = bench.script(&[cure(), bash(CHECK), done()]);
    let fix = |apply| bench.voe(&["fix", "p", "--sandbox", "local", "--apply", apply, "--quiet", "--model", &model]);
    let said = fix("no");
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let undone = bench.voe(&["undo"]);
    assert_eq!(bench.files(), before);
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("undo-not-applied", shown(&undone, &bench));
    });
    // One that was applied is undone as ever.
    fix("yes");
    assert!(bench.voe(&["undo"]).out.contains("restored: stats.py"));
    assert_eq!(bench.files(), before);
}
