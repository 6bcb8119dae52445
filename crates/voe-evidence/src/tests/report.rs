//! What a runner reports, while it is being read.

use std::collections::BTreeSet;

use voe_trace::{MOST_FAILING, MOST_PASSING, TestRun};

/// Counts and names. A runner prints the counts of all tests, but often only the names of those that fail.
#[derive(Debug, Default)]
pub(super) struct RunnerReport {
    passed: u32,
    failed: u32,
    passing: BTreeSet<String>,
    failing: BTreeSet<String>,
}

impl RunnerReport {
    /// Adds the counts of a summary.
    pub(super) fn count(&mut self, passed: u32, failed: u32) {
        self.passed = self.passed.saturating_add(passed);
        self.failed = self.failed.saturating_add(failed);
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
        let other = other.settled();
        self.count(other.passed, other.failed);
        self.passing.extend(other.passing);
        self.failing.extend(other.failing);
    }

    /// Names and counts agree: what failed once does not count as passed, and there are at least as many tests as names.
    fn settled(mut self) -> Self {
        self.passing.retain(|name| !self.failing.contains(name));
        let number = |names: &BTreeSet<String>| u32::try_from(names.len()).unwrap_or(u32::MAX);
        self.passed = self.passed.max(number(&self.passing));
        self.failed = self.failed.max(number(&self.failing));
        self
    }

    /// The report for the record, unless it has no test.
    pub(super) fn into_run(self) -> Option<TestRun> {
        let report = self.settled();
        (report.passed > 0 || report.failed > 0).then(|| TestRun {
            passed: report.passed,
            failed: report.failed,
            failing: report.failing.into_iter().take(MOST_FAILING).collect(),
            passing: report.passing.into_iter().take(MOST_PASSING).collect(),
        })
    }
}

/// `N word` as the number.
pub(super) fn counted(part: &str, word: &str) -> Option<u32> {
    part.trim().strip_suffix(word)?.strip_suffix(' ')?.trim().parse().ok()
}
