//! Judges a run without the edits: whether it failed for the check's own reason.

use std::collections::BTreeSet;
use std::time::Duration;

use voe_trace::{EndedBy, Level, Outcome, Why};

/// The level of a check from its two runs, and the reason: for `proven`, the line in which they differ.
///
/// `absent`: paths that the edits added and that were therefore missing in the run without them. `limit`: the time limit of
/// the run without the edits.
pub fn judge(
    command: &str,
    with: &Outcome,
    without: &Outcome,
    absent: &BTreeSet<String>,
    limit: Duration,
) -> (Level, Option<Why>) {
    if with.exit != Some(0) {
        return (Level::Refuted, None);
    }
    let inconclusive = |why: Why| (Level::Inconclusive, Some(why));
    match without.exit {
        Some(0) => return (Level::Vacuous, None),
        // A change may fix an endless loop, but a check that is itself slow must not count as one.
        None if with.seconds * 4.0 < limit.as_secs_f64() && without.ended_by.is_some_and(EndedBy::is_time_limit) => {
            return (Level::Proven, Some(Why::DidNotEnd { seconds: limit.as_secs() }));
        }
        None => return inconclusive(Why::Ended { by: without.ended_by }),
        Some(126 | 127) => return inconclusive(Why::NotStarted),
        Some(_) => {}
    }
    if let Some(why) = nothing_tested(command, without) {
        return inconclusive(why);
    }
    if let Some(path) = absent.iter().find(|path| misses(&without.tail, path)) {
        return inconclusive(Why::MissingPath { path: path.clone() });
    }
    (Level::Proven, telling_line(&with.tail, &without.tail).map(|line| Why::FailsWith { line }))
}

/// The reason, if the runner reports that it found nothing to test.
pub(crate) fn nothing_tested(command: &str, without: &Outcome) -> Option<Why> {
    // pytest: 4 is a usage error (a path that is not there), 5 is "no tests were collected".
    // https://docs.pytest.org/en/stable/reference/exit-codes.html
    if let Some(exit @ (4 | 5)) = without.exit
        && command.contains("pytest")
    {
        return Some(Why::NothingCollected { exit });
    }
    let nothing = [
        "no tests ran",
        "collected 0 items",
        "Ran 0 tests",
        "NO TESTS RAN",
        "No tests found",
        "no tests to run",
        "No rule to make target",
        "make: *** No targets",
    ];
    let said = nothing.iter().find(|said| without.tail.contains(**said))?;
    Some(Why::NothingTested { words: (*said).to_owned() })
}

/// Whether `tail` reports that `path`, or the module at that path, is missing.
fn misses(tail: &str, path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.split('.').next().unwrap_or(file);
    // No error names a directory that exists without the patch, so its name is harmless here.
    let directories = path.split('/').rev().skip(1);
    let names: Vec<&str> = [path, file, stem].into_iter().chain(directories).filter(|n| !n.is_empty()).collect();
    tail.lines().any(|line| {
        let complains = [
            "No module named",
            "ModuleNotFoundError",
            "No such file or directory",
            "can't open file",
            "Cannot find module",
            "ERR_MODULE_NOT_FOUND",
            "file not found for module",
            "unresolved import",
            "could not find",
            "cannot find",
            "cannot load such file",
            "Can't locate",
            "no required module provides",
            "not found",
            "does not exist",
            "No rule to make target",
        ]
        .iter()
        .any(|said| line.contains(said));
        complains && names.iter().any(|name| has_word(line, name))
    })
}

/// Whether `word` is in `line` with no letter or digit next to it.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !part(before) && !part(after)
    })
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
    let line = own().rfind(error).or_else(|| own().next_back())?;
    Some(line.chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(exit: Option<i32>, tail: &str) -> Outcome {
        let ended_by = exit.is_none().then_some(EndedBy::TimeLimit { seconds: 120.0 });
        Outcome { exit, ended_by, seconds: 0.1, tail: tail.into(), ..Outcome::default() }
    }

    fn level(command: &str, without: &Outcome, absent: &[&str]) -> Level {
        let absent = absent.iter().map(|p| (*p).to_owned()).collect();
        judge(command, &ended(Some(0), "OK"), without, &absent, Duration::from_secs(120)).0
    }

    #[test]
    fn a_failure_for_its_own_reason_is_a_proof_and_names_the_line() {
        let without = ended(Some(1), "Traceback\nIndexError: list index out of range");
        let (level, line) =
            judge("python t.py", &ended(Some(0), "OK"), &without, &BTreeSet::new(), Duration::from_secs(9));
        let line = line.map(|why| why.to_string());
        assert_eq!((level, line.as_deref()), (Level::Proven, Some("IndexError: list index out of range")));
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
    fn a_pass_without_the_edits_is_vacuous() {
        assert_eq!(level("python t.py", &ended(Some(0), "OK"), &[]), Level::Vacuous);
    }

    #[test]
    fn a_fixed_endless_loop_is_a_proof_and_a_slow_check_is_not() {
        assert_eq!(level("python t.py", &ended(None, ""), &[]), Level::Proven);
        let slow = Outcome { seconds: 100.0, ..ended(Some(0), "OK") };
        let judged = judge("python t.py", &slow, &ended(None, ""), &BTreeSet::new(), Duration::from_secs(120));
        assert_eq!(judged.0, Level::Inconclusive);
    }
}
