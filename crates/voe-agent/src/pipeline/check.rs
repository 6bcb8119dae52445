//! The check of a pipeline: a script that needs no file, and whether it fails for the reason in the statement.

use voe_trace::Outcome;

/// In what a check is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Node,
    Shell,
}

impl Language {
    /// The one in which code of this file is called most easily.
    pub(super) fn of(path: &str) -> Self {
        match path.rsplit('.').next().unwrap_or_default() {
            "py" => Self::Python,
            "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "tsx" => Self::Node,
            _ => Self::Shell,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Node => "JavaScript for Node",
            Self::Shell => "bash",
        }
    }

    /// A command that holds the whole script, so that it can be run anywhere.
    pub(super) fn command(self, code: &str) -> String {
        let module = code.lines().any(|line| line.starts_with("import ") || line.starts_with("await "));
        let program = match self {
            Self::Python => "PYTHONPATH=.:src python3 -",
            Self::Node if module => "node --input-type=module -",
            Self::Node => "node -",
            Self::Shell => "bash -eu -s",
        };
        let mut end = "END_OF_CHECK".to_owned();
        while code.lines().any(|line| line.trim() == end) {
            end.push('_');
        }
        format!("{program} <<'{end}'\n{}\n{end}", code.trim_end())
    }
}

/// Why a check that ended so at the base is not taken; `None`: it fails for a reason of the code's.
pub(super) fn rejected(statement: &str, ended: &Outcome) -> Option<String> {
    let last = ended.tail.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let names = |words: &[&str]| words.iter().any(|word| statement.to_lowercase().contains(&word.to_lowercase()));
    match ended.exit {
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
    // A mistake in the script itself, not in what it calls.
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
        Outcome { exit, ended_by: None, seconds: 0.1, tail: tail.into() }
    }

    #[test]
    fn red_for_the_reason_in_the_statement_is_taken() {
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
    fn green_and_red_for_a_reason_of_its_own_are_not() {
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

    #[test]
    fn a_script_that_holds_the_end_mark_gets_another() {
        let command = Language::Shell.command("echo\nEND_OF_CHECK\n");
        assert!(command.ends_with("\nEND_OF_CHECK_"), "{command}");
    }
}
