//! The repository's own tests that touch the changed files, run by voe, against the same tests on the code as it was.
//! Which tests there are is found from the workspace; nothing from outside it is ever run.

use std::collections::BTreeSet;
use std::time::Duration;

use voe_trace::event::ChangeKind;
use voe_trace::{Check, Outcome};

use super::runners::{self, Found};
use super::{Look, Verdict};
use crate::attempt::{Attempt, End};
use crate::counterfactual::short;
use crate::workspace::Called;

/// Seconds for finding them.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) async fn look(attempt: &mut Attempt) -> Result<Look, End> {
    let state = attempt.workspace.state().await?;
    let changed: Vec<String> =
        state.changes.iter().filter(|c| c.kind != ChangeKind::Deleted).map(|c| c.path.clone()).collect();
    let added: BTreeSet<&str> =
        state.changes.iter().filter(|c| c.kind == ChangeKind::Added).map(|c| c.path.as_str()).collect();
    let found = match attempt.workspace.check(&runners::script(&changed), LIMIT).await? {
        Called::Result(result) => Found::read(&result.output),
        Called::Died(why) => return Ok(Verdict::new(None, format!("The tests could not be looked for: {why}")).into()),
    };
    let commands = runners::commands(&found, &changed, &added);
    if commands.is_empty() {
        return Ok(Verdict::new(None, "No tests of the repository's own were found for the changed files.").into());
    }
    let mut checks = Vec::new();
    for command in commands {
        checks.extend(attempt.check_with_and_without(&command).await?);
    }
    Ok(judge(&checks).into())
}

/// The verdict on all runs: a test that fails now and did not fail before is a failure; one that failed before is nobody's.
fn judge(checks: &[Check]) -> Verdict {
    let (mut passed, mut broken, mut before) = (Vec::new(), Vec::new(), Vec::new());
    for check in checks {
        let line = format!("`{}`: {}", short(&check.command), check.with);
        if check.with.exit == Some(0) {
            passed.push(line);
            continue;
        }
        match &check.without {
            Some(without) if without.exit == Some(0) => {
                broken.push(format!("{line}; without the changes it passes. It ends with:\n{}", check.with.tail));
            }
            Some(without) => match newly_failing(&check.with, without) {
                new if new.is_empty() => before.push(format!("{line}; it failed before the changes too")),
                new => broken.push(format!("{line}; these did not fail before the changes: {}", new.join(", "))),
            },
            None => before.push(format!("{line}; not known how it was before the changes")),
        }
    }
    let verdict = match (broken.is_empty(), passed.is_empty()) {
        (false, _) => Some(false),
        (true, false) => Some(true),
        (true, true) => None,
    };
    broken.extend(before);
    broken.extend(passed);
    Verdict::new(verdict, broken.join("\n"))
}

/// Names of tests that fail in `with` and not in `without`, where both say which tests fail.
fn newly_failing(with: &Outcome, without: &Outcome) -> Vec<String> {
    let old = failing(&without.tail);
    if old.is_empty() {
        return Vec::new();
    }
    failing(&with.tail).into_iter().filter(|name| !old.contains(name)).collect()
}

/// Names of failing tests, as pytest, unittest, Go, cargo and Jest print them.
fn failing(output: &str) -> BTreeSet<String> {
    let name = |line: &str| {
        let line = line.trim();
        let marked = ["FAILED ", "ERROR ", "FAIL: ", "ERROR: ", "--- FAIL: ", "✕ ", "● "]
            .iter()
            .find_map(|mark| line.strip_prefix(mark))
            .map(|rest| rest.split(" - ").next().unwrap_or(rest).split(" (").next().unwrap_or(rest));
        let cargo = || line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"));
        // "FAILED (failures=1)" is unittest's sum, not a name.
        marked.or_else(cargo).map(|name| name.trim().to_owned()).filter(|name| !name.starts_with('('))
    };
    output.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use voe_trace::Level;

    use super::*;

    fn ran(exit: i32, tail: &str) -> Outcome {
        Outcome { exit: Some(exit), ended_by: None, seconds: 0.1, tail: tail.into() }
    }

    fn check(with: Outcome, without: Option<Outcome>) -> Check {
        let level = if with.exit == Some(0) { Level::Ran } else { Level::Refuted };
        Check { command: "pytest -q t.py".into(), step: 1, code_tree: "a".into(), level, with, without, why: None }
    }

    #[test]
    fn only_what_passed_before_is_held_against_the_patch() {
        let green = || check(ran(0, "ok"), Some(ran(0, "ok")));
        let broken = check(ran(1, "boom"), Some(ran(0, "ok")));
        let old = || check(ran(1, "FAILED t.py::a - x"), Some(ran(1, "FAILED t.py::a - y")));
        let more = check(ran(1, "FAILED t.py::a - x\nFAILED t.py::b"), Some(ran(1, "FAILED t.py::a - x")));
        let unknown = check(ran(1, "boom"), None);
        assert_eq!(judge(&[green(), old()]).passed, Some(true));
        assert_eq!(judge(&[green(), broken]).passed, Some(false));
        assert_eq!(judge(&[old()]).passed, None);
        assert_eq!(judge(&[unknown]).passed, None);
        let verdict = judge(&[green(), more]);
        assert!(verdict.passed == Some(false) && verdict.text.contains("t.py::b"), "{}", verdict.text);
    }

    #[test]
    fn failing_tests_are_named_by_each_runner() {
        let output = "FAILED t/a.py::test_x - assert 1\nERROR: test_y (m.T)\n--- FAIL: TestZ (0.00s)\ntest m::q ... FAILED\n  ✕ adds (3 ms)\nFAILED (failures=1)";
        let names = failing(output);
        for name in ["t/a.py::test_x", "test_y", "TestZ", "m::q", "adds"] {
            assert!(names.contains(name), "{name}: {names:?}");
        }
        assert_eq!(names.len(), 5);
    }
}
