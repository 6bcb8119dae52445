//! sympy's own runner, `bin/test -C --verbose`.

use std::sync::LazyLock;

use memchr::memmem;
use regex::Regex;

use crate::status::{Status, Statuses};
use crate::text::{pattern, strip, words};

pub(super) fn parse(log: &str) -> Statuses {
    let mut statuses = Statuses::default();
    for (file, test) in headings(log) {
        statuses.insert(format!("{file}.py:{test}"), Status::Failed);
    }
    for line in log.split('\n') {
        let line = strip(line);
        if !line.starts_with("test_") {
            continue;
        }
        let status = if line.ends_with(" E") {
            Status::Error
        } else if line.ends_with(" F") {
            Status::Failed
        } else if line.ends_with(" ok") {
            Status::Passed
        } else {
            continue;
        };
        if let Some(test) = words(line).next() {
            statuses.insert(test, status);
        }
    }
    statuses
}

/// The headings of tracebacks, `____ sympy/core/tests/test_basic.py:test_equality ____`, as file without ending and test.
/// Anything with blanks around and `.py:` in it is taken for one, in the whole log and before any single result.
fn headings(log: &str) -> impl Iterator<Item = (&str, &str)> {
    static HEADING: LazyLock<Regex> = LazyLock::new(|| pattern(r"_* (.*)\.py:(.*) _*"));
    // no heading crosses a line, and few lines hold what all of them must
    let lines = log.split('\n').filter(|line| memmem::find(line.as_bytes(), b".py:").is_some());
    lines.flat_map(|line| HEADING.captures_iter(line)).map(|found| {
        let (_, [file, test]) = found.extract();
        (file, test)
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
    fn a_heading_is_anything_between_blanks_around_the_last_possible_file_ending() {
        assert_eq!(pairs(&parse("_ a b.py:1 c.py:2 d x")), [("a b.py:1 c.py:2 d", "FAILED")]);
        assert_eq!(pairs(&parse("x y.py:z")), [], "no blank behind it");
        assert_eq!(pairs(&parse("y.py:z w")), [], "no blank before it");
        assert_eq!(pairs(&parse(" .py: ")), [(".py:", "FAILED")]);
    }
}
