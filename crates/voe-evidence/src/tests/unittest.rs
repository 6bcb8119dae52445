//! Python's unittest, and the runners of Django and Twisted, which print the same.
//!
//! Failures have a heading (`FAIL: test_x (a.Case.test_x)`), with `-v` each test has a line, and the end is `Ran 3 tests in 0.1s` with
//! the result two lines below.

use std::collections::BTreeSet;

use super::report::{RunnerReport, counted};

/// Results at the end of a test's line.
const RESULTS: [(&str, Option<bool>); 6] = [
    ("ok", Some(true)),
    ("FAIL", Some(false)),
    ("ERROR", Some(false)),
    ("expected failure", None),
    ("unexpected success", Some(false)),
    ("skipped", None),
];

/// Words before the name of a test that failed.
const HEADINGS: [&str; 3] = ["FAIL", "ERROR", "UNEXPECTED SUCCESS"];

pub(super) fn read(output: &str) -> Option<RunnerReport> {
    let mut report = RunnerReport::default();
    let (mut ended, mut ran, mut open) = (false, None, None);
    // Headings of this run: how many, and the tests among them. A class or module that could not be set up is not a test, and
    // the subtests of a test have a heading each.
    let (mut headings, mut tests) = (0, BTreeSet::new());
    for line in output.lines() {
        if let Some(number) = line.strip_prefix("Ran ").and_then(tests_run) {
            ran = Some(number);
        } else if let Some(number) = ran
            && let Some(counts) = EndCounts::of(line)
        {
            let failed = if headings == counts.failed { tests.len() } else { counts.failed as usize };
            let others = counts.others.saturating_add(u32::try_from(failed).unwrap_or(u32::MAX));
            report.count(number.saturating_sub(others), counts.failed);
            (ended, ran, headings) = (true, None, 0);
            tests.clear();
        } else if let Some((_, heading)) = line.split_once(": ").filter(|(word, _)| HEADINGS.contains(word)) {
            let name = name(heading).unwrap_or(heading);
            headings += 1;
            if !["setUp", "tearDown"].iter().any(|what| name.starts_with(what)) {
                tests.insert(name);
            }
            report.fail(name);
        } else {
            verbose(line, &mut open, &mut report);
        }
    }
    ended.then_some(report)
}

/// A line of `-v`. A test's description, and what it prints, stand between its name and its result: `open` is the test whose
/// result is to come.
fn verbose(line: &str, open: &mut Option<String>, report: &mut RunnerReport) {
    if let Some(found) = name(line) {
        *open = Some(found.to_owned());
    }
    let end = line.rsplit_once(" ... ").map_or(line, |(_, end)| end);
    let result = RESULTS.iter().find(|(word, _)| {
        end == *word
            || *word == "skipped" && end.strip_prefix("skipped ").is_some_and(|why| why.starts_with(['\'', '"']))
    });
    if let Some((_, passed)) = result
        && let Some(test) = open.take()
    {
        report.add(test, *passed);
    }
}

/// `test_x (a.Case.test_x)` at the start of a line. What follows, such as the parameters of a subtest, is not part of the name.
fn name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let (test, rest) = line.split_once(" (")?;
    let (class, _) = rest.split_once(')')?;
    let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    (word(test) && word(class) && class.contains('.')).then(|| &line[..test.len() + class.len() + 3])
}

/// `3 tests in 0.001s`
fn tests_run(text: &str) -> Option<u32> {
    let (count, time) = text.split_once(" in ")?;
    time.strip_suffix('s')?.parse::<f64>().ok()?;
    counted(count, "tests").or_else(|| counted(count, "test"))
}

/// The last line of a run.
struct EndCounts {
    failed: u32,
    /// Skipped tests and expected failures.
    others: u32,
}

impl EndCounts {
    /// `OK`, `OK (skipped=1)`, `FAILED (failures=1, errors=2)`
    fn of(line: &str) -> Option<Self> {
        let (word, details) = match line.split_once(" (") {
            Some((word, details)) => (word, details.strip_suffix(')')?),
            None => (line.trim_end(), ""),
        };
        if !matches!(word, "OK" | "FAILED" | "PASSED") {
            return None;
        }
        let mut counts = Self { failed: 0, others: 0 };
        for (label, number) in details.split(", ").filter_map(|part| part.split_once('=')) {
            let number: u32 = number.parse().ok()?;
            match label {
                "failures" | "errors" | "unexpected successes" => counts.failed = counts.failed.saturating_add(number),
                "successes" => {}
                _ => counts.others = counts.others.saturating_add(number),
            }
        }
        Some(counts)
    }
}
