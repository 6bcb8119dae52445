//! Splits a log into the install step and the tests.
//!
//! The eval script runs with `set -x`, so that bash writes each command before its output, as `+ command`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::eval_script::{CHECKOUT, DIFF, install_lines};
use crate::instance::Instance;
use crate::log::START_MARKER;

/// A part of a grading's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogPart {
    /// The row's own install commands. Without a network they are expected to fail.
    Install,
    /// From the start marker of the tests to the end of the log.
    Tests,
}

/// Lines of a log, each with its number from 1.
pub type Numbered<'a> = Vec<(usize, &'a str)>;

/// A log in parts. What comes before the install step is ignored: it quotes the base's last commit and the patch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogParts<'a> {
    /// The install step; empty if it can't be found.
    pub install: Numbered<'a>,
    /// The tests; `None` if they never began.
    pub tests: Option<Numbered<'a>>,
}

impl<'a> LogParts<'a> {
    /// Splits a log of the row's eval script, whose line endings are `\n`.
    pub fn of(row: &Instance, log: &'a str) -> Self {
        let lines: Numbered<'a> = log.split('\n').enumerate().map(|(at, line)| (at + 1, line)).collect();
        let command = |line: &str, start: &str| line.strip_prefix("+ ").is_some_and(|line| line.starts_with(start));
        let shown = format!(": '{START_MARKER}'");
        let start = lines.iter().position(|(_, line)| command(line, &shown));
        let start = start.or_else(|| lines.iter().position(|(_, line)| line.contains(START_MARKER)));
        let before = &lines[..start.unwrap_or(lines.len())];
        // The diff may quote the first command; the command itself comes later.
        let first = row.eval_script.as_deref().and_then(|script| install_lines(script).next());
        let diff = before.iter().position(|(_, line)| command(line, DIFF));
        let from = diff.zip(first).and_then(|(diff, first)| {
            let at = before[diff..].iter().rposition(|(_, line)| line.strip_prefix("+ ") == Some(first))?;
            Some(diff + at)
        });
        let install = from.map_or(&[][..], |from| {
            let rest = &before[from..];
            let until = rest.iter().position(|(_, line)| command(line, CHECKOUT)).unwrap_or(rest.len());
            &rest[..until]
        });
        Self { install: install.to_vec(), tests: start.map(|start| lines[start..].to_vec()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SCRIPT: &str = "set -uxo pipefail\ncd /testbed\ngit show\ngit -c core.fileMode=false diff abc\nsource activate\n\
                          python -m pip install -e .\ngit checkout abc t.py\n: '>>>>> Start Test Output'\npytest t.py\n";

    fn row() -> Instance {
        Instance::from_value(json!({
            "repo": "a/b", "instance_id": "a__b-1", "base_commit": "abc", "patch": "", "test_patch": "", "version": "1",
            "problem_statement": "", "FAIL_TO_PASS": [], "PASS_TO_PASS": [], "eval_script": SCRIPT,
        }))
        .unwrap()
    }

    #[test]
    fn the_install_step_is_the_output_of_its_commands() {
        let log = "+ cd /testbed\n+ git show\ncommit\n+ git -c core.fileMode=false diff abc\n+ source activate\n++ hash\n\
                   + python -m pip install -e .\nERROR: x\n+ git checkout abc t.py\nUpdated\n+ : '>>>>> Start Test Output'\nPASSED a";
        let parts = LogParts::of(&row(), log);
        let texts = |lines: &Numbered<'_>| lines.iter().map(|(_, line)| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(texts(&parts.install), ["+ source activate", "++ hash", "+ python -m pip install -e .", "ERROR: x"]);
        assert_eq!(parts.install[0].0, 5);
        assert_eq!(texts(&parts.tests.unwrap()), ["+ : '>>>>> Start Test Output'", "PASSED a"]);
    }

    #[test]
    fn a_patch_that_quotes_the_script_does_not_begin_the_install_step() {
        let log = "+ git -c core.fileMode=false diff abc\n+ source activate\n+ Killed\n+ source activate\nx\n+ git checkout abc t.py\n";
        let parts = LogParts::of(&row(), log);
        assert_eq!(parts.install, [(4, "+ source activate"), (5, "x")]);
        assert_eq!(parts.tests, None);
    }

    #[test]
    fn a_log_of_the_tests_alone_has_no_install_step() {
        let parts = LogParts::of(&row(), ">>>>> Start Test Output\nPASSED a\n");
        assert!(parts.install.is_empty());
        assert_eq!(parts.tests.unwrap().len(), 3);
    }
}
