//! What a runner reports, while it is being read.

use std::collections::BTreeSet;

use voe_trace::{MOST_FAILING, MOST_PASSING, TestRun};

/// Counts and names. A runner prints the counts of all tests, but often only the names of those that fail.
#[derive(Debug, Default)]
pub(super) struct RunnerReport {
    /// The numbers of passed and of failed tests; `None`: those of the names.
    counts: Option<(u32, u32)>,
    passing: BTreeSet<String>,
    failing: BTreeSet<String>,
}

impl RunnerReport {
    /// Adds the counts of a summary.
    pub(super) fn count(&mut self, passed: u32, failed: u32) {
        let before = self.counts.unwrap_or_default();
        self.counts = Some((before.0.saturating_add(passed), before.1.saturating_add(failed)));
    }

    /// Adds a test that passed.
    pub(super) fn pass(&mut self, name: impl Into<String>) {
        self.passing.insert(name.into());
    }

    /// Adds a test that failed.
    pub(super) fn fail(&mut self, name: impl Into<String>) {
        self.failing.insert(name.into());
    }

    /// Adds a test by its result; `None`: it was skipped.
    pub(super) fn add(&mut self, name: impl Into<String>, passed: Option<bool>) {
        match passed {
            Some(true) => self.pass(name),
            Some(false) => self.fail(name),
            None => {}
        }
    }

    /// Adds another report.
    pub(super) fn merge(&mut self, other: Self) {
        let (passed, failed) = other.numbers();
        self.count(passed, failed);
        self.passing.extend(other.passing);
        self.failing.extend(other.failing);
    }

    fn numbers(&self) -> (u32, u32) {
        let number = |names: usize| u32::try_from(names).unwrap_or(u32::MAX);
        self.counts
            .unwrap_or_else(|| (number(self.passing.difference(&self.failing).count()), number(self.failing.len())))
    }

    /// The report for the record, unless it has no test. What failed once does not count as passed.
    pub(super) fn into_run(mut self) -> Option<TestRun> {
        let (passed, failed) = self.numbers();
        self.passing.retain(|name| !self.failing.contains(name));
        (passed > 0 || failed > 0).then(|| TestRun {
            passed,
            failed,
            failing: self.failing.into_iter().take(MOST_FAILING).collect(),
            passing: self.passing.into_iter().take(MOST_PASSING).collect(),
        })
    }
}

/// `N word` as the number.
pub(super) fn counted(part: &str, word: &str) -> Option<u32> {
    part.trim().strip_suffix(word)?.strip_suffix(' ')?.trim().parse().ok()
}

/// A text without a duration at its end: `adds (2 ms)`, `adds (1.5s)`.
pub(super) fn without_time(text: &str) -> &str {
    let text = text.trim_end();
    let before = text.rsplit_once(" (").and_then(|(before, time)| {
        let number = time.strip_suffix(')')?.trim_end_matches(|c: char| c.is_alphabetic() || c == ' ');
        number.parse::<f64>().is_ok().then_some(before)
    });
    before.unwrap_or(text).trim_end()
}

/// The spaces before a line's text.
pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The groups that contain a test, in a report that shows them by indentation.
#[derive(Debug, Default)]
pub(super) struct TestGroups(Vec<(usize, String)>);

impl TestGroups {
    /// Enters a group; groups that are not above it have ended.
    pub(super) fn enter(&mut self, indent: usize, name: &str) {
        self.leave(indent);
        self.0.push((indent, name.to_owned()));
    }

    /// The names from the outermost group to the test `name`.
    pub(super) fn path(&mut self, indent: usize, name: &str, between: &str) -> String {
        self.leave(indent);
        let mut path: String = self.0.iter().flat_map(|(_, group)| [group.as_str(), between]).collect();
        path.push_str(name);
        path
    }

    /// Whether the group `name` at this indentation is open; it ends with this line.
    pub(super) fn ends(&mut self, indent: usize, name: &str) -> bool {
        self.0.iter().any(|(at, group)| *at == indent && group == name)
    }

    fn leave(&mut self, indent: usize) {
        self.0.retain(|(at, _)| *at < indent);
    }
}

/// The number after `label`.
pub(super) fn labelled(part: &str, label: &str) -> Option<u32> {
    part.trim().strip_prefix(label)?.trim().parse().ok()
}
