//! `red-first`: no edit before a failing check, and that check after every edit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::{Bench, CHECK, Said, bash, call, cure, done};

const ORIGINAL: &str = "def mean(xs):\n    return sum(xs) / len(xs)\n";

fn fix(bench: &Bench, replies: &[Value]) -> Said {
    bench.fix(replies, &["--strategy", "red-first"])
}

fn text(result: &Value) -> String {
    result["text"].as_str().unwrap().to_owned()
}

fn refusals(said: &Said) -> usize {
    said.events_of("nudge").iter().filter(|nudge| nudge["kind"] == "red_first").count()
}

#[test]
fn edits_by_any_tool_are_refused_or_put_back_until_a_check_has_failed() {
    let bench = Bench::python();
    let said = fix(
        &bench,
        &[
            cure(),
            bash("sed -i 's/sum/min/' stats.py && cat stats.py && echo new > left.py"),
            call("bash", json!({"command": "cat stats.py; ls"})),
        ],
    );
    let results = said.events_of("result");
    assert!(text(&results[0]).contains("The file was not changed"), "{}", said.out);
    assert!(text(&results[1]).contains("min(xs)") && text(&results[1]).contains("was put back"), "{}", said.out);
    assert!(text(&results[2]).contains("sum(xs)") && !text(&results[2]).contains("left.py"), "{}", said.out);
    assert_eq!((refusals(&said), bench.read("stats.py").as_str()), (2, ORIGINAL));
}

#[test]
fn a_failing_check_opens_the_source_and_is_run_again_after_each_edit_with_and_without_it() {
    let bench = Bench::python();
    let harmless = bash("sed -i '1i # the mean' stats.py");
    let said = fix(&bench, &[bash(CHECK), harmless, cure(), bash("git diff"), done()]);
    let results = said.events_of("result");
    assert!(text(&results[0]).contains("Noted: this fails on the unchanged code"), "{}", said.out);
    assert!(text(&results[1]).contains("with this change it still does: exit code 1"), "{}", said.out);
    assert!(text(&results[2]).contains("failed before; with this change: exit code 0"), "{}", said.out);
    assert!(
        text(&results[3]).contains("was also run on a copy without your changes: exit code 1; with them: exit code 0")
    );
    let finish = said.finish();
    assert_eq!((finish["evidence"]["level"].as_str(), finish["reason"].as_str()), (Some("proven"), Some("completed")));
    assert_eq!(refusals(&said), 0);
}

#[test]
fn tests_may_be_written_before_the_failing_check() {
    let bench = Bench::python();
    let test = "from stats import mean\nassert mean([]) == 0\n";
    let said = fix(
        &bench,
        &[
            call("file_write", json!({"path": "tests/test_empty.py", "content": test})),
            bash("PYTHONPATH=. python3 tests/test_empty.py"),
            cure(),
            done(),
        ],
    );
    assert_eq!((refusals(&said), said.finish()["evidence"]["level"].as_str()), (0, Some("proven")), "{}", said.out);
}

#[test]
fn a_check_that_is_broken_itself_does_not_open_the_source() {
    let bench = Bench::python();
    let said = fix(
        &bench,
        &[bash("python3 /tmp/no-such-script.py"), bash("python3 -c 'def'"), bash("grep -q xyz stats.py"), cure()],
    );
    let results = said.events_of("result");
    assert!(text(&results[0]).contains("does not count"), "{}", said.out);
    assert!(text(&results[1]).contains("SyntaxError"), "{}", said.out);
    assert!(text(&results[3]).contains("The file was not changed"), "{}", said.out);
}

#[test]
fn after_as_many_steps_with_refusals_as_the_strategy_says_edits_are_let_through() {
    let bench = Bench::python();
    let both = json!({"tool_calls": [
        {"name": "bash", "arguments": {"command": "sed -i s/sum/min/ stats.py"}},
        {"name": "bash", "arguments": {"command": "sed -i s/sum/max/ stats.py"}},
    ]});
    let said = fix(&bench, &[both, cure(), cure(), done(), done(), done()]);
    assert_eq!(refusals(&said), 2, "all edits of a step share one refusal: {}", said.out);
    assert!(bench.read("stats.py").contains("if xs else 0"));
    assert!(said.events_of("note").iter().any(|note| text(note).contains("let through")));
    assert_eq!(said.finish()["reason"], "completed");
}

#[test]
fn two_failing_checks_can_be_asked_for() {
    let bench = Bench::python();
    bench.write("../two.toml", "extends = \"red-first\"\n[red_first]\nchecks = 2\n");
    let other = "python3 -c 'from stats import mean; mean([])'";
    let said = bench.fix(&[bash(CHECK), cure(), bash(other), cure(), done()], &["--strategy", "../two.toml"]);
    assert_eq!((refusals(&said), said.finish()["evidence"]["level"].as_str()), (1, Some("proven")), "{}", said.out);
}
