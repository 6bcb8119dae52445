//! Whether a command that fails on the unchanged code shows the problem, or is itself at fault.

use voe_trace::{Outcome, Why};

use crate::command::reads_source_only;
use crate::counterfactual::nothing_tested;

/// Why a failure on the unchanged code does not show the problem in `statement`: the check itself is at fault.
pub fn fault(command: &str, failed: &Outcome, statement: &str) -> Option<String> {
    match failed.exit_code() {
        Some(126 | 127) => return Some("the command could not be started".into()),
        // grep and diff alone only answer questions about text.
        _ if reads_source_only(command) => return Some("it only reads source text".into()),
        _ => {}
    }
    match nothing_tested(command, failed) {
        Some(Why::NothingCollected { exit }) => return Some(format!("pytest found nothing to run (exit code {exit})")),
        Some(Why::NothingTested { words }) => return Some(format!("nothing was tested (\"{words}\")")),
        _ => {}
    }
    let own = [
        "SyntaxError",
        "IndentationError",
        "ModuleNotFoundError",
        "can't open file",
        "No such file or directory",
        "command not found",
    ];
    let said = own.iter().find(|said| failed.tail.contains(**said) && !statement.contains(**said))?;
    Some(format!("it says \"{said}\", which is a fault of the check or of the environment"))
}

/// Why a check with this outcome at the base is rejected; `None`: it fails for a reason in the code.
pub fn rejected(statement: &str, ended: &Outcome) -> Option<String> {
    let last = ended.tail.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let names = |words: &[&str]| words.iter().any(|word| statement.to_lowercase().contains(&word.to_lowercase()));
    match ended.exit_code() {
        Some(0) => return Some("It passes on the code as it is, so it does not show the problem.".into()),
        None if names(&["hang", "endless", "infinite", "forever", "never", "slow", "loop"]) => return None,
        None => return Some("It does not end.".into()),
        Some(126 | 127) => return Some(format!("It can't be started: {last}")),
        Some(_) => {}
    }
    let error = last.split([':', ' ']).next().unwrap_or_default();
    if ends_with_error(error) && error != "AssertionError" && names(&[error]) {
        return None;
    }
    let wrong = [
        ("SyntaxError", "it is not valid"),
        ("IndentationError", "it is not valid"),
        ("ModuleNotFoundError", "it imports what is not there"),
        ("ImportError", "it imports what is not there"),
        ("Cannot find module", "it imports what is not there"),
        ("ERR_MODULE_NOT_FOUND", "it imports what is not there"),
        ("command not found", "it calls what is not there"),
    ];
    if let Some((_, why)) = wrong.iter().find(|(sign, _)| ended.tail.contains(sign)) {
        return Some(format!("It fails for a reason of its own, {why}: {last}"));
    }
    // A mistake in the script itself, not in the code that it calls.
    let innermost = ended.tail.lines().rev().find(|line| line.trim_start().starts_with("File \""));
    let own = innermost.is_some_and(|line| line.contains("<stdin>")) || ended.tail.contains("[stdin]");
    if own && matches!(error, "NameError" | "TypeError" | "ReferenceError" | "AttributeError") {
        return Some(format!("It fails for a reason of its own: {last}"));
    }
    None
}

fn ends_with_error(word: &str) -> bool {
    word.ends_with("Error") || word.ends_with("Exception") || word.ends_with("Warning")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(exit: Option<i32>, tail: &str) -> Outcome {
        Outcome { exit, ended_by: None, seconds: 0.1, tail: tail.into(), ..Outcome::default() }
    }

    #[test]
    fn a_failure_for_the_reason_in_the_statement_is_accepted() {
        let own = "Traceback (most recent call last):\n  File \"<stdin>\", line 3, in <module>\n";
        for (statement, tail) in [
            ("mean([]) should be 0", format!("{own}AssertionError: 1")),
            (
                "mean([]) raises ZeroDivisionError",
                format!("{own}  File \"/r/s.py\", line 2, in mean\nZeroDivisionError: x"),
            ),
            ("f(None) raises TypeError", format!("{own}TypeError: f")),
        ] {
            assert_eq!(rejected(statement, &ended(Some(1), &tail)), None, "{tail}");
        }
        assert_eq!(rejected("next() hangs", &ended(None, "")), None);
    }

    #[test]
    fn a_pass_and_a_failure_for_a_reason_of_its_own_are_rejected() {
        let own = "Traceback (most recent call last):\n  File \"<stdin>\", line 3, in <module>\n";
        for (ended, why) in [
            (ended(Some(0), ""), "passes on the code as it is"),
            (ended(Some(1), &format!("{own}NameError: name 'meen' is not defined")), "NameError"),
            (ended(Some(1), "ModuleNotFoundError: No module named 'pytest'"), "imports what is not there"),
            (ended(Some(1), "  File \"<stdin>\", line 1\nSyntaxError: invalid syntax"), "not valid"),
            (ended(Some(127), "bash: foo: command not found"), "can't be started"),
            (ended(None, ""), "does not end"),
        ] {
            let said = rejected("mean of nothing is wrong", &ended).unwrap();
            assert!(said.contains(why), "{said}");
        }
    }
}
