//! The four parsers of voe's own suite `mini`, whose tests are run by unittest, node, cargo or the shell. The lines that they
//! read as results are specified in `suites/mini/README.md`.

use crate::status::{Statuses, TestStatus};

/// `NAME (MODULE.CLASS) ... ok`. Python 3.11 and later repeat the name as the last part in the parentheses.
pub(super) fn unittest(log: &str) -> Statuses {
    let line = |line: &str| {
        let (test, verdict) = line.rsplit_once(" ... ")?;
        let status = match verdict.trim_end() {
            "ok" => TestStatus::Passed,
            "FAIL" => TestStatus::Failed,
            "ERROR" => TestStatus::Error,
            "expected failure" => TestStatus::Xfail,
            "unexpected success" => TestStatus::Failed,
            other if other.starts_with("skipped") => TestStatus::Skipped,
            _ => return None,
        };
        let (name, class) = test.strip_suffix(')')?.split_once(" (")?;
        let class = class.strip_suffix(name).and_then(|class| class.strip_suffix('.')).unwrap_or(class);
        Some((format!("{name} ({class})"), status))
    };
    collect(log, line)
}

/// TAP at any indentation: `ok N - NAME`, `not ok N - NAME`.
pub(super) fn node(log: &str) -> Statuses {
    let line = |line: &str| {
        let line = line.trim_start();
        let (passed, rest) = match line.strip_prefix("not ok ") {
            Some(rest) => (false, rest),
            None => (true, line.strip_prefix("ok ")?),
        };
        let (number, name) = rest.split_once(" - ")?;
        number.parse::<u32>().ok()?;
        let (name, skipped) = match name.split_once(" # ") {
            Some((name, directive)) => (name, directive.starts_with("SKIP") || directive.starts_with("TODO")),
            None => (name, false),
        };
        let status = match (passed, skipped) {
            (_, true) => TestStatus::Skipped,
            (true, _) => TestStatus::Passed,
            (false, _) => TestStatus::Failed,
        };
        Some((name.trim_end().to_owned(), status))
    };
    collect(log, line)
}

/// `test NAME ... ok`, `test NAME ... FAILED`.
pub(super) fn cargo(log: &str) -> Statuses {
    let line = |line: &str| {
        let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
        let status = match verdict.trim_end() {
            "ok" => TestStatus::Passed,
            "FAILED" => TestStatus::Failed,
            other if other.starts_with("ignored") => TestStatus::Skipped,
            _ => return None,
        };
        Some((name.to_owned(), status))
    };
    collect(log, line)
}

/// `PASSED NAME`, `FAILED NAME`.
pub(super) fn shell(log: &str) -> Statuses {
    let line = |line: &str| {
        let (word, name) = line.split_once(' ')?;
        let status = match word {
            "PASSED" => TestStatus::Passed,
            "FAILED" => TestStatus::Failed,
            _ => return None,
        };
        Some((name.trim_end().to_owned(), status))
    };
    collect(log, line)
}

fn collect(log: &str, line: impl Fn(&str) -> Option<(String, TestStatus)>) -> Statuses {
    let mut statuses = Statuses::default();
    for (name, status) in log.lines().filter_map(line) {
        statuses.insert(name, status);
    }
    statuses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::pairs;

    #[test]
    fn unittest_names_are_the_same_in_every_python() {
        let log =
            "test_a (tests.t.A) ... ok\ntest_a (tests.t.B.test_a) ... FAIL\nx (m.C) ... skipped 'no'\nRan 3 tests\n";
        assert_eq!(
            pairs(&unittest(log)),
            [("test_a (tests.t.A)", "PASSED"), ("test_a (tests.t.B)", "FAILED"), ("x (m.C)", "SKIPPED")]
        );
    }

    #[test]
    fn tap_is_read_at_any_depth() {
        let log = "TAP version 13\n# Subtest: a\nok 1 - a - b\n    not ok 2 - c\n  ok 3 - d # SKIP\nokay 4 - e\n";
        assert_eq!(pairs(&node(log)), [("a - b", "PASSED"), ("c", "FAILED"), ("d", "SKIPPED")]);
    }

    #[test]
    fn cargo_and_shell_lines_are_read() {
        let log = "test a::b ... ok\ntest c ... FAILED\ntest result: FAILED. 1 passed\n";
        assert_eq!(pairs(&cargo(log)), [("a::b", "PASSED"), ("c", "FAILED")]);
        assert_eq!(pairs(&shell("PASSED a b\nFAILED c\n+ echo PASSED d\n")), [("a b", "PASSED"), ("c", "FAILED")]);
    }
}
