//! Decides which commands are checks.

use voe_trace::{Check, CheckOrigin, Level, Outcome, Why};

use crate::command::{could_run, is_check, made_for_change};
use crate::counterfactual::cannot_run;
use crate::hidden_exit::by_summary;

/// A run of `command` as a check of the code with the hash `code_tree`, before any run without the edits.
pub fn of_run(command: &str, step: u32, code_tree: &str, mut with: Outcome) -> Check {
    with.hidden = with.hidden.or_else(|| by_summary(command, &with));
    let why = if with.passed() { None } else { cannot_run(command, &with) };
    let level = match &why {
        Some(_) => Level::Inconclusive,
        None if with.passed() => Level::Ran,
        None => Level::Refuted,
    };
    Check { command: command.to_owned(), step, code_tree: code_tree.to_owned(), level, with, why, ..Check::default() }
}

/// Whether a check could not run at all, since a file of its own or its runner is missing.
pub fn lacks_its_own(check: &Check) -> bool {
    matches!(check.why, Some(Why::CheckFileMissing { .. } | Why::NoRunner { .. }))
}

/// The check in a command that the model ran, if it is one: the command does more than read, ran on edited code, and did not
/// change that code itself (run again elsewhere, it would bring the edit along). `before` and `after`: hashes of the code.
pub fn of_call(command: &str, step: u32, before: &str, after: &str, with: Outcome) -> Option<Check> {
    let ended = with.exit.is_some() || with.ended_by.is_some();
    let counts = !after.is_empty() && after == before && ended && is_check(command);
    counts.then(|| of_run(command, step, after, with))
}

/// Like [`of_call`], for a command that fails on the unchanged code.
pub fn of_failure_at_base(command: &str, step: u32, before: &str, after: &str, with: Outcome) -> Option<Check> {
    let failed = with.exit_code().is_some_and(|exit| exit != 0) || with.ended_by.is_some();
    let counts = after.is_empty() && before.is_empty() && failed && is_check(command);
    counts.then(|| Check { level: Level::Refuted, why: None, ..of_run(command, step, "", with) })
}

/// Whether `check` is one that failed on the unchanged code.
pub fn failed_at_base(check: &Check) -> bool {
    check.code_tree.is_empty() && check.level == Level::Refuted
}

/// Whether `check`, or one of its tests, passes without the edits and fails with them.
pub fn regressed(check: &Check) -> bool {
    let passed_without = check.without.as_ref().is_some_and(Outcome::passed);
    let tests = check.tests.as_ref().is_some_and(|tests| !tests.regressed.is_empty());
    check.level == Level::Refuted && (passed_without || tests)
}

/// Whether a check was there before the change: it runs nothing that the change added or changed. `own`: the files of the change
/// that are not code. `workspace`: its path.
pub fn origin<'a>(command: &str, own: impl IntoIterator<Item = &'a str>, workspace: &str) -> CheckOrigin {
    let made = made_for_change(command, workspace) || own.into_iter().any(|path| could_run(command, path));
    if made { CheckOrigin::Made } else { CheckOrigin::Repository }
}

/// Whether a run without the edits could still add something about `check`, which passed with them.
pub fn awaits_counterfactual(check: &Check) -> bool {
    check.level == Level::Ran && check.without.is_none() && check.why.is_none() && check.with.passed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(code: i32) -> Outcome {
        Outcome { exit: Some(code), ended_by: None, seconds: 0.1, tail: String::new(), ..Outcome::default() }
    }

    #[test]
    fn a_check_runs_something_on_edited_code_and_does_not_change_it() {
        assert_eq!(of_call("pytest", 2, "a", "a", exit(0)).unwrap().level, Level::Ran);
        assert_eq!(of_call("pytest", 2, "a", "a", exit(1)).unwrap().level, Level::Refuted);
        let lost = Outcome { tail: "python3: can't open file '/w/t.py': [Errno 2]".into(), ..exit(2) };
        assert!(lacks_its_own(&of_call("python3 t.py", 2, "a", "a", lost).unwrap()));
        for (command, before, after) in
            [("cat a.py", "a", "a"), ("pytest", "", ""), ("make", "a", "b"), ("make", "", "b")]
        {
            assert!(of_call(command, 2, before, after, exit(0)).is_none(), "{command} {before} {after}");
        }
    }

    #[test]
    fn a_test_that_turned_red_is_a_regression_whatever_the_exit_codes_are() {
        let tests = voe_trace::TestComparison { regressed: vec!["t::a".into()], ..Default::default() };
        let red = Check { level: Level::Refuted, with: exit(1), without: Some(exit(1)), ..Check::default() };
        assert!(!regressed(&red));
        assert!(regressed(&Check { tests: Some(tests), ..red.clone() }));
        assert!(regressed(&Check { without: Some(exit(0)), ..red }));
    }

    #[test]
    fn the_repositorys_own_tests_were_there_before_unless_the_change_has_its_own_among_them() {
        let new = ["tests/test_new.py"];
        assert_eq!(origin("pytest tests/test_old.py", new, "/w"), CheckOrigin::Repository);
        assert_eq!(origin("pytest", [], "/w"), CheckOrigin::Repository);
        for command in ["pytest", "pytest tests/test_new.py", "python3 -c 'import a'", "python3 /tmp/t.py"] {
            assert_eq!(origin(command, new, "/w"), CheckOrigin::Made, "{command}");
        }
    }

    #[test]
    fn only_a_failure_on_the_unchanged_code_is_a_failure_at_base() {
        assert!(failed_at_base(&of_failure_at_base("pytest", 1, "", "", exit(1)).unwrap()));
        assert!(of_failure_at_base("pytest", 1, "", "", exit(0)).is_none());
        assert!(of_failure_at_base("pytest", 1, "", "a", exit(1)).is_none());
    }
}
