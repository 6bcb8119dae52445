//! The repository's own tests that touch the changed files, compared with the same tests on the code before. They are found in the
//! workspace; nothing from outside it is ever run.

use std::collections::BTreeSet;
use std::time::Duration;

use voe_trace::event::ChangeKind;
use voe_trace::{Check, Outcome};

use crate::runners::{self, OwnCommand, RunnerFacts};
use crate::workspace::{CallEnd, Workspace, WorkspaceError};

/// The time limit for finding them.
const LIMIT: Duration = Duration::from_secs(60);

/// The verdict of the repository's own tests on a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTests {
    /// `Some(false)`: a test fails that did not fail before. `None`: no verdict.
    pub passed: Option<bool>,
    /// The runs, a line each; the end of the output of those that fail.
    pub text: String,
}

/// The commands that run the tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commands {
    /// The commands; empty if no tests touch the changed files.
    Found(Vec<String>),
    /// The toolbox died while looking for them: the reason.
    Died(String),
}

impl Workspace {
    /// The commands that run the repository's own tests which touch the files that differ from base now.
    ///
    /// # Errors
    /// The workspace can't be reached.
    pub async fn own_tests(&mut self) -> Result<Commands, WorkspaceError> {
        Ok(match self.own_tests_now().await? {
            CallEnd::Result(own) => Commands::Found(own.into_iter().map(|own| own.command).collect()),
            CallEnd::Died(why) => Commands::Died(why),
        })
    }

    /// The same, the smallest test file first.
    ///
    /// # Errors
    /// The workspace can't be reached.
    pub async fn own_tests_smallest_first(&mut self) -> Result<Commands, WorkspaceError> {
        let mut own = match self.own_tests_now().await? {
            CallEnd::Result(own) => own,
            CallEnd::Died(why) => return Ok(Commands::Died(why)),
        };
        let script = runners::size_script(&own);
        if own.len() > 1 && !script.is_empty() {
            match self.check(&script, LIMIT).await? {
                CallEnd::Result(result) => runners::smallest_first(&mut own, &result.output),
                CallEnd::Died(why) => return Ok(Commands::Died(why)),
            }
        }
        Ok(Commands::Found(own.into_iter().map(|own| own.command).collect()))
    }

    async fn own_tests_now(&mut self) -> Result<CallEnd<Vec<OwnCommand>>, WorkspaceError> {
        let state = self.state().await?;
        let changed: Vec<String> =
            state.changes.iter().filter(|c| c.kind != ChangeKind::Deleted).map(|c| c.path.clone()).collect();
        let added: BTreeSet<&str> =
            state.changes.iter().filter(|c| c.kind == ChangeKind::Added).map(|c| c.path.as_str()).collect();
        self.find_own_tests(&changed, &added).await
    }

    /// The same for the files `changed`, of which `added` are new.
    ///
    /// # Errors
    /// The workspace can't be reached.
    pub async fn own_tests_of(
        &mut self,
        changed: &[String],
        added: &BTreeSet<&str>,
    ) -> Result<Commands, WorkspaceError> {
        Ok(match self.find_own_tests(changed, added).await? {
            CallEnd::Result(own) => Commands::Found(own.into_iter().map(|own| own.command).collect()),
            CallEnd::Died(why) => Commands::Died(why),
        })
    }

    async fn find_own_tests(
        &mut self,
        changed: &[String],
        added: &BTreeSet<&str>,
    ) -> Result<CallEnd<Vec<OwnCommand>>, WorkspaceError> {
        Ok(match self.check(&runners::script(changed), LIMIT).await? {
            CallEnd::Result(result) => {
                CallEnd::Result(runners::commands(&RunnerFacts::read(&result.output), changed, added))
            }
            CallEnd::Died(why) => CallEnd::Died(why),
        })
    }
}

impl Workspace {
    /// The commands that run those of `files` that are tests.
    ///
    /// # Errors
    /// The workspace can't be reached.
    pub async fn changed_tests(&mut self, files: &[String]) -> Result<Commands, WorkspaceError> {
        Ok(match self.check(&runners::script(files), LIMIT).await? {
            CallEnd::Result(result) => {
                Commands::Found(runners::commands_for_tests(&RunnerFacts::read(&result.output), files))
            }
            CallEnd::Died(why) => Commands::Died(why),
        })
    }
}

/// The verdict on all runs: a test that fails now and did not fail before is a failure; one that failed before does not count.
pub fn judge(checks: &[Check]) -> OwnTests {
    let (mut passed, mut broken, mut before) = (Vec::new(), Vec::new(), Vec::new());
    for check in checks {
        let line = format!("`{}`: {}", short(&check.command), check.with);
        if check.with.passed() {
            passed.push(line);
            continue;
        }
        match &check.without {
            Some(without) if without.passed() => {
                broken.push(format!("{line}; without the changes it passes. It ends with:\n{}", check.with.tail));
            }
            Some(without) => match newly_failing(check, without) {
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
    OwnTests { passed: verdict, text: broken.join("\n") }
}

/// Names of tests that fail in `check` and not in `without`, where both outputs name failing tests.
fn newly_failing(check: &Check, without: &Outcome) -> Vec<String> {
    if let Some(tests) = &check.tests {
        return tests.regressed.clone();
    }
    let old = failing(&without.tail);
    if old.is_empty() {
        return Vec::new();
    }
    failing(&check.with.tail).into_iter().filter(|name| !old.contains(name)).collect()
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
        // "FAILED (failures=1)" is unittest's summary, not a name.
        marked.or_else(cargo).map(|name| name.trim().to_owned()).filter(|name| !name.starts_with('('))
    };
    output.lines().filter_map(name).collect()
}

/// A command shortened to one line.
pub fn short(command: &str) -> String {
    let line = command.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(100).collect();
    if cut.len() < command.trim_end().len() { format!("{cut} …") } else { cut }
}

#[cfg(test)]
mod tests {
    use voe_trace::Level;

    use super::*;

    fn ran(exit: i32, tail: &str) -> Outcome {
        Outcome { exit: Some(exit), ended_by: None, seconds: 0.1, tail: tail.into(), ..Outcome::default() }
    }

    fn check(with: Outcome, without: Option<Outcome>) -> Check {
        let level = if with.passed() { Level::Ran } else { Level::Refuted };
        Check {
            command: "pytest -q t.py".into(),
            step: 1,
            code_tree: "a".into(),
            level,
            with,
            without,
            ..Check::default()
        }
    }

    #[test]
    fn only_tests_that_passed_before_count_against_the_patch() {
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
