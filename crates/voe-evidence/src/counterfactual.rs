//! Judges a run without the edits: whether it failed for the check's own reason.
//!
//! - `comparison`: single tests, where the runner tells them apart
//! - `fault`: a file or a runner of the check's own that is missing, and checks that are broken themselves
//! - `change`: what the change adds, and what a check runs of it; `asserts`: whether that asserts on behavior

mod asserts;
mod change;
mod comparison;
mod fault;
mod text;

use std::collections::BTreeSet;
use std::time::Duration;

use voe_trace::{Check, CheckOrigin, EndedBy, Level, Outcome, TestComparison, Why};

pub use asserts::asserts;
pub use change::{ChangeFacts, CheckText, FileVersions};
pub use comparison::compare;
pub(crate) use fault::{cannot_run, nothing_tested};

/// Both runs of a check, and what else its level depends on.
#[derive(Debug, Clone, Copy)]
pub struct CheckRuns<'a> {
    /// The command.
    pub command: &'a str,
    /// Its outcome with the change.
    pub with: &'a Outcome,
    /// Its outcome without the change.
    pub without: &'a Outcome,
    /// The change, for this check.
    pub change: &'a ChangeFacts,
    /// Whether the check was there before the change.
    pub origin: CheckOrigin,
    /// Whether it passed on an earlier state of the change.
    pub was_green: bool,
    /// The time limit of the run without the change.
    pub limit: Duration,
}

/// What two runs of a check show.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JudgedRuns {
    /// The level.
    pub level: Level,
    /// The reason; for `proven`, the line in which the runs differ.
    pub why: Option<Why>,
    /// How the single tests differ, where the runner tells them apart in both runs.
    pub tests: Option<TestComparison>,
}

impl JudgedRuns {
    fn of(level: Level, why: Option<Why>) -> Self {
        Self { level, why, tests: None }
    }

    /// `check` with this level.
    pub fn onto(self, check: Check) -> Check {
        Check { level: self.level, why: self.why, tests: self.tests, ..check }
    }
}

/// The level of a check from its two runs, and the reason.
pub fn judge(runs: &CheckRuns<'_>) -> JudgedRuns {
    let tests = runs.with.tests.as_ref().zip(runs.without.tests.as_ref()).map(|(with, without)| compare(with, without));
    let judged = match &tests {
        Some(tests) if tests_decide(runs) => by_tests(runs, tests),
        _ => by_exit(runs),
    };
    JudgedRuns { tests, ..judged }
}

/// Whether single tests decide: both runs ended, and each ran at least one. A runner that found none, or stopped before the first,
/// is judged by its exit code.
fn tests_decide(runs: &CheckRuns<'_>) -> bool {
    let ran = |outcome: &Outcome| {
        outcome.exit.is_some() && outcome.tests.as_ref().is_some_and(|tests| tests.passed + tests.failed > 0)
    };
    ran(runs.with) && ran(runs.without)
}

/// By single tests: red to green proves, green to red is a regression, all else counts for nothing.
fn by_tests(runs: &CheckRuns<'_>, tests: &TestComparison) -> JudgedRuns {
    let (with, without) = (runs.with, runs.without);
    if !tests.regressed.is_empty() {
        return JudgedRuns::of(Level::Refuted, None);
    }
    if !tests.proven.is_empty() {
        // The output also has the reasons of tests that fail in both runs, which don't speak against the others.
        let why = if tests.failing == 0 { no_own_reason(runs) } else { missing_path(runs) };
        return why.map_or_else(|| proven(runs), |why| JudgedRuns::of(Level::Inconclusive, Some(why)));
    }
    match (with.passed(), without.passed()) {
        (true, true) => passes_either_way(runs),
        // Passes without and fails with the change, for a reason outside its tests.
        (false, true) => JudgedRuns::of(Level::Refuted, None),
        _ if tests.failing > 0 => {
            JudgedRuns::of(Level::Inconclusive, Some(Why::SameTestsFail { tests: tests.failing }))
        }
        (true, false) => {
            let why = no_own_reason(runs).unwrap_or(Why::TestsNotRun);
            JudgedRuns::of(Level::Inconclusive, Some(why))
        }
        (false, false) => by_exit(runs),
    }
}

/// By the exit codes of both runs.
fn by_exit(runs: &CheckRuns<'_>) -> JudgedRuns {
    let (with, without) = (runs.with, runs.without);
    if !with.passed() {
        return red(runs);
    }
    let inconclusive = |why: Why| JudgedRuns::of(Level::Inconclusive, Some(why));
    match without.exit_code() {
        Some(0) => return passes_either_way(runs),
        // A change may fix an endless loop, but a check that is itself slow must not count as one.
        None if with.seconds * 4.0 < runs.limit.as_secs_f64()
            && without.ended_by.is_some_and(EndedBy::is_time_limit) =>
        {
            return JudgedRuns::of(Level::Proven, Some(Why::DidNotEnd { seconds: runs.limit.as_secs() }));
        }
        None => return inconclusive(Why::Ended { by: without.ended_by }),
        Some(126 | 127) => return inconclusive(Why::NotStarted),
        Some(_) => {}
    }
    match no_own_reason(runs) {
        Some(why) => inconclusive(why),
        None => proven(runs),
    }
}

/// A check that fails with the change.
fn red(runs: &CheckRuns<'_>) -> JudgedRuns {
    let with = runs.with;
    if runs.without.passed() {
        return JudgedRuns::of(Level::Refuted, None);
    }
    let why = fault::cannot_run(runs.command, with)
        .or_else(|| nothing_tested(runs.command, with))
        .or_else(|| fault::broken(runs.command, with, runs.change, true))
        .or_else(|| runs.was_green.then_some(Why::NoLongerPasses));
    let level = if why.is_some() { Level::Inconclusive } else { Level::Refuted };
    JudgedRuns::of(level, why)
}

fn passes_either_way(runs: &CheckRuns<'_>) -> JudgedRuns {
    if runs.with.tests.is_none()
        && let Some(why) = fault::found_nothing(runs.command, runs.with)
    {
        return JudgedRuns::of(Level::Inconclusive, Some(why));
    }
    let level = match runs.origin {
        CheckOrigin::Repository => Level::Kept,
        CheckOrigin::Made => Level::Vacuous,
    };
    JudgedRuns::of(level, None)
}

fn proven(runs: &CheckRuns<'_>) -> JudgedRuns {
    let line = telling_line(&runs.with.tail, &runs.without.tail);
    JudgedRuns::of(Level::Proven, line.map(|line| Why::FailsWith { line }))
}

/// Why the failure without the change shows nothing, although the check passes with it.
fn no_own_reason(runs: &CheckRuns<'_>) -> Option<Why> {
    let without = runs.without;
    nothing_tested(runs.command, without)
        .or_else(|| missing_path(runs))
        .or_else(|| fault::cannot_run(runs.command, without))
        .or_else(|| fault::broken(runs.command, without, runs.change, false))
        .or_else(|| only_imports(runs))
}

/// A name that the change adds is missing, and nothing in the check asserts on what it does. Where the text of the check is not known,
/// it counts as asserting.
fn only_imports(runs: &CheckRuns<'_>) -> Option<Why> {
    let name = runs.change.missing_name(&runs.without.tail)?;
    let own = &runs.change.own;
    let asserting =
        own.is_empty() || own.iter().any(|text| asserts(&text.text, &text.path)) || asserts(runs.command, "");
    (!asserting).then_some(Why::OnlyImports { name })
}

fn missing_path(runs: &CheckRuns<'_>) -> Option<Why> {
    let path = runs.change.absent.iter().find(|path| fault::misses(&runs.without.tail, path))?;
    Some(Why::MissingPath { path: path.clone() })
}
/// The most telling line of the failing output: the last one that the passing output lacks and that looks like an error, else
/// the last one that it lacks.
fn telling_line(with: &str, without: &str) -> Option<String> {
    let known: BTreeSet<&str> = with.lines().map(str::trim).collect();
    let own = || {
        without.lines().map(str::trim).filter(|line| line.chars().any(char::is_alphanumeric) && !known.contains(line))
    };
    let error = |line: &&str| {
        ["Error", "error:", "Exception", "panicked", "assert", "FAILED", "FAIL:", "expected"]
            .iter()
            .any(|word| line.contains(word))
    };
    // A summary such as "FAILED (failures=1)" tells less than the error itself.
    let thrown = |line: &&str| {
        ["Error:", "Error [", "Exception:", "panicked at", "assertion `"].iter().any(|word| line.contains(word))
    };
    let line = own().rfind(thrown).or_else(|| own().rfind(error)).or_else(|| own().next_back())?;
    Some(line.chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use voe_trace::{FileRole, TestRun};

    use super::*;

    fn ended(exit: Option<i32>, tail: &str) -> Outcome {
        let ended_by = exit.is_none().then_some(EndedBy::TimeLimit { seconds: 120.0 });
        Outcome { exit, ended_by, seconds: 0.1, tail: tail.into(), ..Outcome::default() }
    }

    fn change(absent: &[&str]) -> ChangeFacts {
        ChangeFacts { absent: absent.iter().map(|path| (*path).to_owned()).collect(), ..ChangeFacts::default() }
    }

    fn judged(command: &str, with: &Outcome, without: &Outcome, change: &ChangeFacts) -> JudgedRuns {
        let (origin, limit) = (CheckOrigin::Made, Duration::from_secs(120));
        judge(&CheckRuns { command, with, without, change, origin, was_green: false, limit })
    }

    fn level(command: &str, without: &Outcome, absent: &[&str]) -> Level {
        judged(command, &ended(Some(0), "OK"), without, &change(absent)).level
    }

    /// The reason for the level of a check that fails in both runs.
    fn red(command: &str, exit: i32, tail: &str) -> (Level, Option<Why>) {
        let failed = ended(Some(exit), tail);
        let judged = judged(command, &failed, &failed, &change(&[]));
        (judged.level, judged.why)
    }

    #[test]
    fn a_failure_for_its_own_reason_is_a_proof_and_names_the_line() {
        let without = ended(Some(1), "Traceback\nIndexError: list index out of range");
        let judged = judged("python t.py", &ended(Some(0), "OK"), &without, &change(&[]));
        let line = judged.why.map(|why| why.to_string());
        assert_eq!((judged.level, line.as_deref()), (Level::Proven, Some("IndexError: list index out of range")));
    }

    #[test]
    fn a_failure_because_a_path_of_the_patch_is_missing_is_not_a_proof() {
        let missing = ended(Some(1), "ModuleNotFoundError: No module named 'pkg.newmod'");
        assert_eq!(level("python t.py", &missing, &["src/pkg/newmod.py"]), Level::Inconclusive);
        // A module that the patch does not add is part of the environment: the check fails as it did before.
        assert_eq!(level("python t.py", &missing, &["src/other.py"]), Level::Proven);
        let file = ended(Some(2), "python3: can't open file '/repo/tool.py': [Errno 2] No such file or directory");
        assert_eq!(level("python3 tool.py", &file, &["tool.py"]), Level::Inconclusive);
    }

    #[test]
    fn nothing_collected_and_not_started_are_not_proofs() {
        assert_eq!(level("pytest -q t.py", &ended(Some(5), "no tests ran in 0.01s"), &[]), Level::Inconclusive);
        assert_eq!(level("pytest -q t.py", &ended(Some(4), "ERROR: not found: t.py"), &[]), Level::Inconclusive);
        assert_eq!(level("python3 -m unittest", &ended(Some(5), "Ran 0 tests in 0.000s"), &[]), Level::Inconclusive);
        assert_eq!(level("foo", &ended(Some(127), "foo: command not found"), &[]), Level::Inconclusive);
    }

    #[test]
    fn a_pass_either_way_is_vacuous_or_kept() {
        assert_eq!(level("python t.py", &ended(Some(0), "OK"), &[]), Level::Vacuous);
        let (green, change) = (ended(Some(0), "OK"), change(&[]));
        let (origin, limit) = (CheckOrigin::Repository, Duration::from_secs(9));
        let runs = CheckRuns {
            command: "pytest",
            with: &green,
            without: &green,
            change: &change,
            origin,
            was_green: false,
            limit,
        };
        assert_eq!(judge(&runs).level, Level::Kept);
    }

    #[test]
    fn a_fixed_endless_loop_is_a_proof_and_a_slow_check_is_not() {
        assert_eq!(level("python t.py", &ended(None, ""), &[]), Level::Proven);
        let slow = Outcome { seconds: 100.0, ..ended(Some(0), "OK") };
        assert_eq!(judged("python t.py", &slow, &ended(None, ""), &change(&[])).level, Level::Inconclusive);
    }

    #[test]
    fn a_check_whose_file_or_runner_is_missing_refutes_nothing() {
        let file = |path: &str| Some(Why::CheckFileMissing { path: path.into() });
        let runner = |name: &str| Some(Why::NoRunner { name: name.into() });
        for (command, exit, tail, why) in [
            (
                "python3 r.py",
                2,
                "python3: can't open file '/w/r.py': [Errno 2] No such file or directory",
                file("r.py"),
            ),
            ("node lib/t.js", 1, "Error: Cannot find module '/w/lib/t.js'\n    at x", file("lib/t.js")),
            ("./run.sh", 127, "bash: line 1: ./run.sh: No such file or directory", file("run.sh")),
            ("foo -x", 127, "bash: line 1: foo: command not found", runner("foo")),
            ("python3 -m pytest t.py", 1, "/usr/bin/python3: No module named pytest", runner("pytest")),
            ("python3 t.py", 1, "ModuleNotFoundError: No module named 'pytest'", runner("pytest")),
            ("pytest t.py", 4, "ERROR: file or directory not found: t.py", file("t.py")),
            ("python3 -m unittest tests/t.py", 1, "ModuleNotFoundError: No module named 'tests.t'", file("tests.t")),
            ("npm run x", 1, "npm error Missing script: \"x\"", runner("the npm script x")),
            ("cargo nextest run", 101, "error: no such command: `nextest`", runner("cargo nextest")),
            ("cargo test --test t", 101, "error: no test target named `t` in default-run packages", file("t")),
        ] {
            assert_eq!(red(command, exit, tail), (Level::Inconclusive, why), "{command}");
        }
        // It can run.
        assert_eq!(red("python3 r.py", 1, "AssertionError: 3"), (Level::Refuted, None));
        assert_eq!(red("node t.js", 1, "Error: Cannot find module './missing'"), (Level::Refuted, None));
    }

    #[test]
    fn a_red_check_that_was_green_before_no_longer_passes_and_refutes_nothing() {
        let (failed, change) = (ended(Some(1), "AssertionError"), change(&[]));
        let (origin, limit) = (CheckOrigin::Made, Duration::from_secs(9));
        let runs = CheckRuns {
            command: "t",
            with: &failed,
            without: &failed,
            change: &change,
            origin,
            was_green: true,
            limit,
        };
        assert_eq!((judge(&runs).level, judge(&runs).why), (Level::Inconclusive, Some(Why::NoLongerPasses)));
        let regression = CheckRuns { without: &ended(Some(0), ""), ..runs };
        assert_eq!(judge(&regression).level, Level::Refuted);
    }

    #[test]
    fn a_crash_of_the_check_itself_is_no_reason_in_either_run() {
        let own = "Traceback (most recent call last):\n  File \"/w/t.py\", line 2, in <module>\n    chek()\n";
        let name = format!("{own}NameError: name 'chek' is not defined");
        let syntax = "  File \"/w/t.py\", line 1\n    def f(:\nSyntaxError: invalid syntax";
        for tail in [name.as_str(), syntax] {
            let (level, why) = red("python3 t.py", 1, tail);
            assert!(level == Level::Inconclusive && matches!(why, Some(Why::CheckFileBroken { .. })), "{tail}");
            assert_eq!(self::level("python3 t.py", &ended(Some(1), tail), &[]), Level::Inconclusive);
        }
        let node =
            "/w/t.js:2\nchek();\n^\n\nReferenceError: chek is not defined\n    at Object.<anonymous> (/w/t.js:2:1)";
        assert_eq!(red("node t.js", 1, node).0, Level::Inconclusive);
        let pytest = "E   NameError: name 'chek' is not defined\n\nt.py:3: NameError";
        assert_eq!(red("pytest t.py", 1, pytest).0, Level::Inconclusive);
        // In the product it is the product's fault: the change has to fix it.
        let product = name.replace("/w/t.py", "/w/calc.py");
        assert_eq!(red("python3 t.py", 1, &product), (Level::Refuted, None));
        assert_eq!(self::level("python3 t.py", &ended(Some(1), &product), &[]), Level::Proven);
        let code = ChangeFacts { code: BTreeSet::from(["t.py".to_owned()]), ..ChangeFacts::default() };
        let judged = judged("python3 t.py", &ended(Some(0), ""), &ended(Some(1), syntax), &code);
        assert_eq!(judged.level, Level::Proven);
    }

    #[test]
    fn a_missing_name_of_the_change_is_a_reason_for_a_check_that_asserts_and_not_for_one_that_imports() {
        let code = FileVersions {
            path: "calc.py",
            role: FileRole::Code,
            base: Some("x = 1\n"),
            now: Some("x = 1\ndef half(x):\n    return x / 2\n"),
        };
        let level = |test: &str| {
            let test = FileVersions { path: "t.py", role: FileRole::RunByCheck, base: None, now: Some(test) };
            let without = ended(Some(1), "ImportError: cannot import name 'half' from 'calc' (/w/calc.py)");
            let change = ChangeFacts::of("python3 t.py", [code, test]);
            let judged = judged("python3 t.py", &ended(Some(0), ""), &without, &change);
            (judged.level, matches!(judged.why, Some(Why::OnlyImports { name }) if name == "half"))
        };
        assert_eq!(level("from calc import half\nassert half(4) == 2\n"), (Level::Proven, false));
        assert_eq!(level("from calc import half\nprint(half(4))\n"), (Level::Inconclusive, true));
    }

    fn tests(exit: i32, passing: &[&str], failing: &[&str]) -> Outcome {
        let owned = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (passed, failed) = (passing.len() as u32, failing.len() as u32);
        let run = TestRun { passed, failed, passing: owned(passing), failing: owned(failing) };
        Outcome { tests: Some(run), ..ended(Some(exit), "") }
    }

    #[test]
    fn where_tests_are_told_apart_they_decide_and_not_the_exit_code() {
        let of = |with: &Outcome, without: &Outcome| {
            let judged = judged("pytest", with, without, &change(&["new.py"]));
            (judged.level, judged.why)
        };
        let (both, old) = (tests(1, &["a"], &["b"]), tests(1, &[], &["a", "b"]));
        assert_eq!(of(&both, &old).0, Level::Proven, "red to green beside a test that fails either way");
        assert_eq!(of(&both, &both), (Level::Inconclusive, Some(Why::SameTestsFail { tests: 1 })));
        assert_eq!(of(&old, &both).0, Level::Refuted, "a test turned red");
        let gained = tests(1, &["c"], &["b"]);
        assert_eq!(of(&gained, &tests(1, &["b"], &["c"])).0, Level::Refuted, "a regression outweighs a proof");
        assert_eq!(of(&tests(0, &["a"], &[]), &tests(1, &["a"], &["gone"])).1, Some(Why::TestsNotRun));
        assert_eq!(of(&tests(0, &["a"], &[]), &tests(0, &["a"], &[])).0, Level::Vacuous);
        let uncollected = Outcome {
            tail: "ImportError while importing test module\nE   ModuleNotFoundError: No module named 'new'".into(),
            ..tests(2, &[], &["tests/t.py"])
        };
        let collected = tests(0, &["tests/t.py::a"], &[]);
        assert_eq!(
            of(&collected, &uncollected),
            (Level::Inconclusive, Some(Why::MissingPath { path: "new.py".into() }))
        );
    }
}
