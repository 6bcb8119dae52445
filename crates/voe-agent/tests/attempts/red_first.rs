//! `red-first`: no edit before a failing check, and that check after every edit.

use serde_json::{Value, json};
use voe_testkit::replies::{CHECK, bash, call, cure, done};
use voe_testkit::{Lab, Played};

const ORIGINAL: &str = "def mean(xs):\n    return sum(xs) / len(xs)\n";

fn text(result: &Value) -> String {
    result["text"].as_str().unwrap().to_owned()
}

fn refusals(played: &Played) -> usize {
    played.events_of("nudge").iter().filter(|nudge| nudge["kind"] == "red_first").count()
}

pub(crate) fn edits_by_any_tool_are_refused_or_put_back_until_a_check_has_failed() {
    let lab = Lab::python();
    let played = lab.play(
        "red-first",
        &[
            cure(),
            bash("sed -i 's/sum/min/' stats.py && cat stats.py && echo new > left.py"),
            call("bash", json!({"command": "cat stats.py; ls"})),
        ],
    );
    let results = played.events_of("result");
    assert!(text(&results[0]).contains("The file was not changed"), "{played}");
    assert!(text(&results[1]).contains("min(xs)") && text(&results[1]).contains("was put back"), "{played}");
    assert!(text(&results[2]).contains("sum(xs)") && !text(&results[2]).contains("left.py"), "{played}");
    assert_eq!((refusals(&played), lab.read("stats.py").as_str()), (2, ORIGINAL));
}

pub(crate) fn a_failing_check_opens_the_source_and_is_run_again_after_each_edit_with_and_without_it() {
    let lab = Lab::python();
    let harmless = bash("sed -i '1i # the mean' stats.py");
    let played = lab.play("red-first", &[bash(CHECK), harmless, cure(), bash("git diff"), done()]);
    let results = played.events_of("result");
    assert!(text(&results[0]).contains("Noted: this fails on the unchanged code"), "{played}");
    assert!(text(&results[1]).contains("with this change it still does: exit code 1"), "{played}");
    assert!(text(&results[2]).contains("failed before; with this change: exit code 0"), "{played}");
    assert!(
        text(&results[3]).contains("was also run on a copy without your changes: exit code 1; with them: exit code 0")
    );
    let finish = played.finish();
    assert_eq!((finish["evidence"]["level"].as_str(), finish["reason"].as_str()), (Some("proven"), Some("completed")));
    assert_eq!(refusals(&played), 0);
}

pub(crate) fn tests_may_be_written_before_the_failing_check() {
    let lab = Lab::python();
    let test = "from stats import mean\nassert mean([]) == 0\n";
    let played = lab.play(
        "red-first",
        &[
            call("file_write", json!({"path": "tests/test_empty.py", "content": test})),
            bash("PYTHONPATH=. python3 tests/test_empty.py"),
            cure(),
            done(),
        ],
    );
    assert_eq!((refusals(&played), played.finish()["evidence"]["level"].as_str()), (0, Some("proven")), "{played}");
}

pub(crate) fn a_check_that_is_broken_itself_does_not_open_the_source() {
    let lab = Lab::python();
    let played = lab.play(
        "red-first",
        &[bash("python3 /tmp/no-such-script.py"), bash("python3 -c 'def'"), bash("grep -q xyz stats.py"), cure()],
    );
    let results = played.events_of("result");
    assert!(text(&results[0]).contains("does not count"), "{played}");
    assert!(text(&results[1]).contains("SyntaxError"), "{played}");
    assert!(text(&results[3]).contains("The file was not changed"), "{played}");
}

pub(crate) fn edits_are_allowed_after_the_strategys_number_of_steps_with_refusals() {
    let lab = Lab::python();
    let both = json!({"tool_calls": [
        {"name": "bash", "arguments": {"command": "sed -i s/sum/min/ stats.py"}},
        {"name": "bash", "arguments": {"command": "sed -i s/sum/max/ stats.py"}},
    ]});
    let played = lab.play("red-first", &[both, cure(), cure(), done(), done(), done()]);
    assert_eq!(refusals(&played), 2, "all edits of a step share one refusal: {played}");
    assert!(lab.read("stats.py").contains("if xs else 0"));
    assert!(played.events_of("note").iter().any(|note| text(note).contains("let through")));
    assert_eq!(played.finish()["reason"], "completed");
}

pub(crate) fn two_failing_checks_can_be_asked_for() {
    let lab = Lab::python();
    let two = "extends = \"red-first\"\n[red_first]\nchecks = 2\n";
    let other = "python3 -c 'from stats import mean; mean([])'";
    let played = lab.play(two, &[bash(CHECK), cure(), bash(other), cure(), done()]);
    assert_eq!((refusals(&played), played.finish()["evidence"]["level"].as_str()), (1, Some("proven")), "{played}");
}
