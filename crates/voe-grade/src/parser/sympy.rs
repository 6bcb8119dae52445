//! sympy's own runner, `bin/test -C --verbose`.

use memchr::memmem;

use crate::status::{Statuses, TestStatus};
use crate::text::{strip, words};

pub(super) fn parse(log: &str) -> Statuses {
    let mut statuses = Statuses::default();
    for test in headings(log) {
        statuses.insert(test, TestStatus::Failed);
    }
    for line in log.split('\n') {
        let line = strip(line);
        if !line.starts_with("test_") {
            continue;
        }
        let status = if line.ends_with(" E") {
            TestStatus::Error
        } else if line.ends_with(" F") {
            TestStatus::Failed
        } else if line.ends_with(" ok") {
            TestStatus::Passed
        } else {
            continue;
        };
        if let Some(test) = words(line).next() {
            statuses.insert(test, status);
        }
    }
    statuses
}

/// The headings of tracebacks, `____ sympy/core/tests/test_basic.py:test_equality ____`. Anything between the first and the
/// last space of a line counts as one if it contains `.py:`, in the whole log and before any single result.
fn headings(log: &str) -> impl Iterator<Item = &str> {
    let lines = log.split('\n').filter(|line| memmem::find(line.as_bytes(), b".py:").is_some());
    lines.filter_map(|line| {
        let (_, rest) = line.split_once(' ')?;
        let (heading, _) = rest.rsplit_once(' ')?;
        heading.contains(".py:").then_some(heading)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::pairs;

    #[test]
    fn results_are_the_last_word_of_lines_that_begin_with_test() {
        let log = "  test_a ok  \ntest_b F\ntest_c E\ntest_d f\ntest_e [FAIL] ok\nother_f ok\ntest_g\u{a0}x ok";
        assert_eq!(
            pairs(&parse(log)),
            [
                ("test_a", "PASSED"),
                ("test_b", "FAILED"),
                ("test_c", "ERROR"),
                ("test_e", "PASSED"),
                ("test_g", "PASSED")
            ]
        );
    }

    #[test]
    fn the_heading_of_a_traceback_is_a_failure() {
        let log = "test_x F\n____ sympy/core/tests/test_basic.py:test_equality ____\n";
        assert_eq!(
            pairs(&parse(log)),
            [("sympy/core/tests/test_basic.py:test_equality", "FAILED"), ("test_x", "FAILED")]
        );
    }

    #[test]
    fn a_heading_is_anything_between_the_first_and_the_last_space_with_a_file_ending_in_it() {
        assert_eq!(pairs(&parse("_ a b.py:1 c.py:2 d x")), [("a b.py:1 c.py:2 d", "FAILED")]);
        assert_eq!(pairs(&parse("x y.py:z")), [], "no space after it");
        assert_eq!(pairs(&parse("y.py:z w")), [], "no space before it");
        assert_eq!(pairs(&parse(" .py: ")), [(".py:", "FAILED")]);
    }
}
