//! Django's own runner: unittest with verbosity 2, whose results may be split by other output.

use std::sync::LazyLock;

use memchr::memmem;
use regex::Regex;

use super::ParserStops;
use crate::status::{Statuses, TestStatus};
use crate::text::{pattern, strip, words};

pub(super) fn parse(log: &str) -> Result<Statuses, ParserStops> {
    let mut statuses = Statuses::default();
    // the test of a verdict that is alone on its line
    let mut last_started = None;
    for line in log.split('\n') {
        let line = strip(line);
        // in one version, this test's statement is printed over several lines
        if line.contains("--version is equivalent to version") {
            statuses.insert("--version is equivalent to version", TestStatus::Passed);
        }
        if let Some((test, _)) = line.split_once(" ... ") {
            last_started = Some(test);
        }
        let line = passed(line, &mut statuses);
        if let Some((test, _)) = line.split_once(" ... skipped") {
            statuses.insert(test, TestStatus::Skipped);
        }
        for (verdict, heading, status) in
            [(" ... FAIL", "FAIL:", TestStatus::Failed), (" ... ERROR", "ERROR:", TestStatus::Error)]
        {
            // the test's name ends at the first verdict, even if the line contains it again at its end
            if line.ends_with(verdict)
                && let Some((test, _)) = line.split_once(verdict)
            {
                statuses.insert(test, status.clone());
            }
            if line.starts_with(heading) {
                let test = words(line).nth(1).ok_or_else(|| ParserStops { line: line.to_owned() })?;
                statuses.insert(test, status);
            }
        }
        if line.starts_with("ok")
            && let Some(test) = last_started
        {
            statuses.insert(test, TestStatus::Passed);
        }
    }
    for test in torn_passes(log) {
        statuses.insert(test, TestStatus::Passed);
    }
    Ok(statuses)
}

/// Records the line's test as passed if the line ends so. Returns the line without what a migration printed before the test's
/// name.
fn passed<'a>(line: &'a str, statuses: &mut Statuses) -> &'a str {
    const MIGRATION: &str = "Applying sites.0002_alter_domain_unique...test_no_migrations";
    for verdict in [" ... ok", " ... OK", " ...  OK"] {
        if line.ends_with(verdict) {
            let line = match line.split_once("...") {
                Some((_, rest)) if line.starts_with(MIGRATION) => strip(rest),
                _ => line,
            };
            statuses.insert(line.strip_suffix(verdict).unwrap_or(line), TestStatus::Passed);
            return line;
        }
    }
    line
}

/// Tests whose `ok` is on a line of its own because one of three long messages came between. These override all single lines.
fn torn_passes(log: &str) -> impl Iterator<Item = &str> {
    /// A text that the log must contain for the pattern to match, and the pattern.
    static TORN: LazyLock<[(&str, Regex); 3]> = LazyLock::new(|| {
        [
            (
                "Testing against Django installed in ",
                pattern(
                    r"(?m)^(.*?)[\s\x1c-\x1f]\.\.\.[\s\x1c-\x1f]Testing against Django installed in (?s:.*?) silenced\)\.\nok$",
                ),
            ),
            (
                "Internal Server Error: /",
                pattern(r"(?m)^(.*?)[\s\x1c-\x1f]\.\.\.[\s\x1c-\x1f]Internal Server Error: /.*/\nok$"),
            ),
            (
                "System check identified no issues (0 silenced)\nok",
                pattern(
                    r"(?m)^(.*?)[\s\x1c-\x1f]\.\.\.[\s\x1c-\x1f]System check identified no issues \(0 silenced\)\nok$",
                ),
            ),
        ]
    });
    TORN.iter()
        .filter(|(needle, _)| memmem::find(log.as_bytes(), needle.as_bytes()).is_some())
        .flat_map(|(_, torn)| torn.captures_iter(log))
        .filter_map(|found| found.get(1))
        .map(|test| test.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::pairs;

    fn read(log: &str) -> Statuses {
        parse(log).unwrap()
    }

    #[test]
    fn verdicts_are_at_the_end_of_the_line() {
        let log = "test_a (m.T) ... ok\n  test_b (m.T) ... OK \ntest_c ...  OK\ntest_d ... skipped 'why'\ntest_e ... FAIL\n\
                   test_f ... ERROR\ntest_g ... expected failure\ntest_h ... okay";
        assert_eq!(
            pairs(&read(log)),
            [
                ("test_a (m.T)", "PASSED"),
                ("test_b (m.T)", "PASSED"),
                ("test_c", "PASSED"),
                ("test_d", "SKIPPED"),
                ("test_e", "FAILED"),
                ("test_f", "ERROR"),
            ]
        );
    }

    #[test]
    fn a_test_with_dots_in_its_name_ends_at_the_last_passing_verdict_and_the_first_failing_one() {
        assert_eq!(pairs(&read("a ... ok ... ok")), [("a ... ok", "PASSED")]);
        assert_eq!(pairs(&read("a ... FAIL ... FAIL")), [("a", "FAILED")]);
    }

    #[test]
    fn headings_of_failures_name_the_test_by_their_second_word() {
        assert_eq!(
            pairs(&read("FAIL: test_a (m.T)\nERROR: setUpClass (m.T)")),
            [("test_a", "FAILED"), ("setUpClass", "ERROR")]
        );
    }

    #[test]
    fn a_heading_without_a_test_has_no_official_verdict() {
        for log in ["FAIL:", "  ERROR:x  ", "a ... ok\nFAIL:\u{3000}"] {
            assert!(parse(log).is_err(), "{log:?}");
        }
        insta::assert_snapshot!(parse("FAIL:").unwrap_err(), @r#"the official parser fails at the line "FAIL:", which names no test; the log is damaged, run the tests again"#);
    }

    #[test]
    fn a_verdict_on_a_later_line_belongs_to_the_test_that_started_last() {
        assert_eq!(pairs(&read("ok\ntest_a (m.T) ... Some output\nmore\n  ok\n")), [("test_a (m.T)", "PASSED")]);
        assert_eq!(pairs(&read("test_a ... x\nokular is no verdict, but counts as one")), [("test_a", "PASSED")]);
        assert_eq!(pairs(&read("test_a\nDoc line ... x\nok")), [("Doc line", "PASSED")]);
    }

    #[test]
    fn what_a_migration_printed_before_the_test_is_cut_off() {
        let log = "Applying sites.0002_alter_domain_unique...test_no_migrations (m.T) ... ok";
        assert_eq!(pairs(&read(log)), [("test_no_migrations (m.T)", "PASSED")]);
        assert_eq!(
            pairs(&read("Applying sites.0002_alter_domain_unique...test_no_migrations ... skipped ... ok")),
            [("test_no_migrations ... skipped", "PASSED"), ("test_no_migrations", "SKIPPED")],
            "later rules don't see it either"
        );
        assert_eq!(pairs(&read("Applying x... test_a ... ok")), [("Applying x... test_a", "PASSED")]);
    }

    #[test]
    fn the_version_test_is_found_by_its_statement() {
        assert_eq!(
            pairs(&read("x --version is equivalent to version y")),
            [("--version is equivalent to version", "PASSED")]
        );
    }

    #[test]
    fn a_pass_split_by_a_long_message_overrides_single_lines() {
        let against =
            "test_a (m.T) ... Testing against Django installed in '/x'\nand more (0 silenced).\nok\nFAIL: test_a (m.T)";
        assert_eq!(pairs(&read(against)), [("test_a (m.T)", "PASSED"), ("test_a", "FAILED")]);
        assert_eq!(pairs(&read(&format!("{against}\ntest_a (m.T) ... FAIL")))[0], ("test_a (m.T)", "PASSED"));

        let server = "test_b ... Internal Server Error: /a/b/\nok";
        assert_eq!(torn_passes(server).collect::<Vec<_>>(), ["test_b"]);
        let check = "test_c ... System check identified no issues (0 silenced)\nok\n";
        assert_eq!(torn_passes(check).collect::<Vec<_>>(), ["test_c"]);
        assert_eq!(torn_passes("test_c ... System check identified no issues (0 silenced)\nok then").count(), 0);
        assert_eq!(torn_passes("test_b ... Internal Server Error: /a/b\nok").count(), 0);
    }

    #[test]
    fn the_spaces_around_the_dots_of_a_split_pass_may_be_any_white_space() {
        assert_eq!(torn_passes("test_b\x1c...\u{2003}Internal Server Error: /a/\nok").collect::<Vec<_>>(), ["test_b"]);
        assert_eq!(torn_passes("test_b\n...\nInternal Server Error: /a/\nok").collect::<Vec<_>>(), ["test_b"]);
    }
}
