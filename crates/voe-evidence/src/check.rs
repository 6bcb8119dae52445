//! Decides which commands are checks.

use voe_trace::{Check, Level, Outcome};

use crate::command::is_check;

/// A run of `command` as a check of the code with the hash `code_tree`, before any run without the edits.
pub fn of_run(command: &str, step: u32, code_tree: &str, with: Outcome) -> Check {
    let level = if with.exit == Some(0) { Level::Ran } else { Level::Refuted };
    Check { command: command.to_owned(), step, code_tree: code_tree.to_owned(), level, with, ..Check::default() }
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
    let failed = with.exit.is_some_and(|exit| exit != 0) || with.ended_by.is_some();
    let counts = after.is_empty() && before.is_empty() && failed && is_check(command);
    counts.then(|| of_run(command, step, "", with))
}

/// Whether `check` is one that failed on the unchanged code.
pub fn failed_at_base(check: &Check) -> bool {
    check.code_tree.is_empty() && check.level == Level::Refuted
}

/// Whether `check` passes without the edits and fails with them.
pub fn regressed(check: &Check) -> bool {
    check.level == Level::Refuted && check.without.as_ref().is_some_and(|without| without.exit == Some(0))
}

/// Whether a run without the edits could still add something about `check`, which passed with them.
pub fn awaits_counterfactual(check: &Check) -> bool {
    check.level == Level::Ran && check.without.is_none() && check.why.is_none() && check.with.exit == Some(0)
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
        for (command, before, after) in
            [("cat a.py", "a", "a"), ("pytest", "", ""), ("make", "a", "b"), ("make", "", "b")]
        {
            assert!(of_call(command, 2, before, after, exit(0)).is_none(), "{command} {before} {after}");
        }
    }

    #[test]
    fn only_a_failure_on_the_unchanged_code_is_a_failure_at_base() {
        assert!(failed_at_base(&of_failure_at_base("pytest", 1, "", "", exit(1)).unwrap()));
        assert!(of_failure_at_base("pytest", 1, "", "", exit(0)).is_none());
        assert!(of_failure_at_base("pytest", 1, "", "a", exit(1)).is_none());
    }
}
