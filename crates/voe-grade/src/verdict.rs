//! The verdict from a row and a log.

use schemars::JsonSchema;
use serde::Serialize;

use crate::infra::classify;
use crate::instance::{EvalType, Instance};
use crate::log::{self, BadCode};
use crate::parser::{ParserStops, UnsupportedParser, parse_log};
use crate::report::{InstanceReport, Outcomes, TestsStatus};
use crate::status::{Statuses, TestStatus};
use crate::text::universal_newlines;

/// The verdict on a log, assuming that a patch had been given and applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Graded {
    /// Whether the log contains a result of the tests.
    pub found: bool,
    /// The tests and their results; empty if nothing was found.
    pub statuses: Statuses,
    /// The official report.
    pub report: InstanceReport,
    /// Why nothing was found.
    #[serde(skip)]
    pub not_found: Option<NotFound>,
}

/// Why a log contains no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotFound {
    /// The harness wrote that something failed before the tests, or that they took too long.
    #[error("the log contains {:?}; see the lines above it for the reason", .0.marker())]
    BadCode(BadCode),
    /// A marker around the tests' output is missing: the log was cut, or the tests never began.
    #[error(
        "the log lacks the start or the end marker of the tests' output: it was cut, or the tests never began; run them again"
    )]
    NoMarkers,
    /// No test is named, and nothing shows that any ran.
    #[error("the log names no test and shows no sign that any ran; check whether the test command could start")]
    NoTests,
    /// The test command failed although the log shows no failure: its output can't be trusted.
    #[error(
        "the tests exited with an error but no test in the log failed, so the log can't be trusted; check what the patch prints"
    )]
    Spoofed,
}

/// A log can't be graded at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GradeError {
    /// The row's parser is not one of the seven.
    #[error(transparent)]
    UnsupportedParser(#[from] UnsupportedParser),
    /// The official parser raises an exception at a line of this log; the task counts as an error.
    #[error("{id}: {stop}")]
    ParserStops {
        /// The task.
        id: String,
        /// The line and the reason.
        stop: ParserStops,
    },
}

/// How far a patch got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// All tests of both lists gave the expected result.
    Full,
    /// Some of FAIL_TO_PASS and all of PASS_TO_PASS did.
    Partial,
    /// Anything else.
    No,
}

/// Grades a log: its tests' statuses, and the verdict on the row's two lists of tests.
///
/// # Errors
/// The row has no parser, or the official parser raises an exception on such a log.
pub fn grade(row: &Instance, log: &str) -> Result<Graded, GradeError> {
    let parser = row.parser()?;
    let log = universal_newlines(log);
    let parse = |text: &str| {
        parse_log(parser, text).map_err(|stop| GradeError::ParserStops { id: row.instance_id.clone(), stop })
    };

    if let Some(code) = BadCode::find(&log) {
        return Ok(Graded::nothing(NotFound::BadCode(code), &log));
    }
    let Some(slice) = log::slice(&log) else { return Ok(Graded::nothing(NotFound::NoMarkers, &log)) };
    let mut statuses = parse(slice)?;
    if statuses.is_empty() {
        // some runners write their results outside of the markers
        statuses = parse(&log)?;
    }
    if statuses.is_empty() && !log::suite_ran(&log) {
        return Ok(Graded::nothing(NotFound::NoTests, &log));
    }
    let failed = |(_, status): (_, &TestStatus)| matches!(status, TestStatus::Failed | TestStatus::Error);
    if !statuses.is_empty() && !statuses.iter().any(failed) && log::tests_exited_nonzero(&log) == Some(true) {
        return Ok(Graded::nothing(NotFound::Spoofed, &log));
    }

    let tests_status = TestsStatus::of(row, &statuses);
    let report = InstanceReport {
        patch_exists: true,
        patch_successfully_applied: true,
        resolved: tests_status.resolution() == Resolution::Full,
        tests_status: Some(tests_status),
        ..InstanceReport::default()
    };
    Ok(Graded { found: true, statuses, report, not_found: None })
}

impl Graded {
    fn nothing(why: NotFound, log: &str) -> Self {
        Self {
            found: false,
            statuses: Statuses::default(),
            report: InstanceReport::not_found(classify(&[log])),
            not_found: Some(why),
        }
    }

    /// How far the patch got.
    pub fn resolution(&self) -> Resolution {
        self.report.tests_status.as_ref().map_or(Resolution::No, TestsStatus::resolution)
    }
}

impl TestsStatus {
    /// Judges the row's two lists by a log's statuses.
    pub fn of(row: &Instance, statuses: &Statuses) -> Self {
        let fail_only = row.eval_type.unwrap_or_default() == EvalType::FailOnly;
        let judge = |tests: &[String], skipped_is_kept: bool| {
            let mut outcomes = Outcomes::default();
            for test in tests {
                let succeeds = if fail_only {
                    Some(statuses.get(test) != Some(&TestStatus::Failed))
                } else {
                    succeeds(statuses.find(test), skipped_is_kept)
                };
                match succeeds {
                    Some(true) => outcomes.success.push(test.clone()),
                    Some(false) => outcomes.failure.push(test.clone()),
                    None => {}
                }
            }
            outcomes
        };
        Self {
            fail_to_pass: judge(&row.fail_to_pass, false),
            pass_to_pass: judge(&row.pass_to_pass, true),
            ..Self::default()
        }
    }

    /// How far the patch got. An empty list counts as fully passed.
    pub fn resolution(&self) -> Resolution {
        match (self.fail_to_pass.failure.is_empty(), self.pass_to_pass.failure.is_empty()) {
            (true, true) => Resolution::Full,
            (false, true) if !self.fail_to_pass.success.is_empty() => Resolution::Partial,
            _ => Resolution::No,
        }
    }
}

/// Whether a test with this status gave the expected result; `None` if the verdict does not know the status.
fn succeeds(status: Option<&TestStatus>, skipped_is_kept: bool) -> Option<bool> {
    match status {
        Some(TestStatus::Passed | TestStatus::Xfail) => Some(true),
        Some(TestStatus::Skipped) => Some(skipped_is_kept),
        Some(TestStatus::Failed | TestStatus::Error) | None => Some(false),
        Some(TestStatus::Other(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(fail_to_pass: &[&str], pass_to_pass: &[&str]) -> Instance {
        Instance::from_value(json!({
            "repo": "pydata/xarray", "instance_id": "pydata__xarray-1", "base_commit": "c", "patch": "",
            "test_patch": "", "problem_statement": "", "version": "1",
            "FAIL_TO_PASS": fail_to_pass, "PASS_TO_PASS": pass_to_pass,
        }))
        .unwrap()
    }

    fn log(output: &str) -> String {
        format!("+ : '>>>>> Start Test Output'\n{output}\n+ : '>>>>> End Test Output'\n")
    }

    fn graded(row: &Instance, log: &str) -> Graded {
        grade(row, log).unwrap()
    }

    fn tests(graded: &Graded) -> &TestsStatus {
        graded.report.tests_status.as_ref().unwrap()
    }

    #[test]
    fn a_patch_resolves_its_task_if_all_tests_of_both_lists_succeed() {
        let row = row(&["a", "b"], &["c"]);
        let all = graded(&row, &log("PASSED a\nXFAIL b\nSKIPPED c"));
        assert_eq!((all.report.resolved, all.resolution()), (true, Resolution::Full));
        let some = graded(&row, &log("PASSED a\nFAILED b\nPASSED c"));
        assert_eq!((some.report.resolved, some.resolution()), (false, Resolution::Partial));
        assert_eq!(graded(&row, &log("PASSED a\nPASSED b\nFAILED c")).resolution(), Resolution::No);
        assert_eq!(graded(&row, &log("FAILED a\nFAILED b\nPASSED c")).resolution(), Resolution::No);
    }

    #[test]
    fn skipped_counts_as_kept_but_not_as_fixed() {
        let skipped = graded(&row(&["a"], &["b"]), &log("SKIPPED a\nSKIPPED b"));
        assert_eq!(tests(&skipped).fail_to_pass.failure, ["a"]);
        assert_eq!(tests(&skipped).pass_to_pass.success, ["b"]);
    }

    #[test]
    fn absent_tests_and_errors_fail() {
        let row = row(&["a", "b"], &["c", "d"]);
        let failed = graded(&row, &log("ERROR b\nERROR c"));
        assert_eq!(tests(&failed).fail_to_pass.failure, ["a", "b"]);
        assert_eq!(tests(&failed).pass_to_pass.failure, ["c", "d"]);
    }

    #[test]
    fn a_status_that_only_begins_like_one_puts_the_test_in_neither_list() {
        let neither = graded(&row(&["a"], &["b"]), &log("ERROR: a\nPASSED b"));
        assert_eq!(tests(&neither).fail_to_pass, Outcomes::default());
        assert!(neither.report.resolved, "an empty list counts as passed");
    }

    #[test]
    fn with_fail_only_a_test_fails_only_if_the_log_shows_it() {
        let mut row = row(&["absent", "skipped", "cut[a"], &["failed", "error"]);
        row.eval_type = Some(EvalType::FailOnly);
        let seen = graded(&row, &log("SKIPPED skipped\nFAILED failed\nERROR error\nFAILED cut[ab]"));
        assert_eq!(tests(&seen).fail_to_pass.success, ["absent", "skipped", "cut[a"]);
        assert_eq!(tests(&seen).pass_to_pass.failure, ["failed"]);
        assert_eq!(tests(&seen).pass_to_pass.success, ["error"]);
    }

    #[test]
    fn an_id_cut_in_the_data_is_found_by_its_prefix() {
        let row = row(&["t.py::a[log(photon"], &["t.py::b[x"]);
        let cut = graded(&row, &log("PASSED t.py::a[log(photon)]\nPASSED t.py::b[xy]\nFAILED t.py::b[xz]"));
        assert_eq!(tests(&cut).fail_to_pass.success, ["t.py::a[log(photon"]);
        assert_eq!(tests(&cut).pass_to_pass.failure, ["t.py::b[x"], "the candidates disagree");
    }

    #[test]
    fn a_bad_code_anywhere_means_no_verdict() {
        for code in ["Patch Apply Failed", "Reset Failed", "Tests Errored", "Tests Timed Out"] {
            let bad = graded(&row(&["a"], &[]), &(log("PASSED a") + ">>>>> " + code));
            assert!(!bad.found && !bad.report.resolved && bad.statuses.is_empty());
            assert_eq!(
                bad.not_found.unwrap().to_string(),
                format!("the log contains \">>>>> {code}\"; see the lines above it for the reason")
            );
        }
    }

    #[test]
    fn a_log_cut_before_the_end_marker_has_no_result() {
        let cut = graded(&row(&["a"], &[]), "+ : '>>>>> Start Test Output'\nPASSED a\nno tests ran");
        assert_eq!(cut.not_found, Some(NotFound::NoMarkers));
        assert_eq!(cut.report.infra_failure_reason.as_deref(), Some("no_tests_collected"));
        assert!(!cut.report.infra_failure, "an ambiguous sign is a reason, not a finding");
    }

    #[test]
    fn results_outside_of_the_markers_count_if_there_are_none_inside() {
        let row = row(&["a"], &[]);
        assert!(graded(&row, &("PASSED a\n".to_owned() + &log(""))).report.resolved);
        assert!(!graded(&row, &("PASSED a\n".to_owned() + &log("PASSED b"))).report.resolved);
    }

    #[test]
    fn a_log_without_tests_is_a_result_only_if_a_suite_ran() {
        let mut row = row(&["a"], &[]);
        assert_eq!(graded(&row, &log("nothing")).not_found, Some(NotFound::NoTests));
        row.eval_type = Some(EvalType::FailOnly);
        let silent = graded(&row, &log("  12 passing"));
        assert!(silent.found && silent.report.resolved);
        assert!(!graded(&row, &log("  0 passing")).found);
    }

    #[test]
    fn passes_with_a_failing_exit_code_are_not_trusted() {
        let row = row(&["a"], &[]);
        let spoofed = graded(&row, &(log("PASSED a") + ">>>>> Test Exit Code: 1\n"));
        assert_eq!((spoofed.found, spoofed.not_found), (false, Some(NotFound::Spoofed)));
        assert!(graded(&row, &(log("PASSED a\nFAILED b") + ">>>>> Test Exit Code: 1\n")).report.resolved);
        assert!(graded(&row, &(log("PASSED a\nERROR b") + ">>>>> Test Exit Code: 1\n")).report.resolved);
        assert!(!graded(&row, &(log("PASSED a\nFAILED: b") + ">>>>> Test Exit Code: 1\n")).found);
        assert!(graded(&row, &(log("PASSED a") + ">>>>> Test Exit Code: 0\n")).report.resolved);
    }

    #[test]
    fn a_broken_environment_is_flagged_when_nothing_was_found() {
        let killed = graded(&row(&["a"], &[]), &log("Killed"));
        assert!(killed.report.infra_failure);
        assert_eq!(killed.report.infra_failure_reason.as_deref(), Some("out_of_memory"));
        let found = graded(&row(&["a"], &[]), &log("Killed\nFAILED a"));
        assert_eq!((found.report.infra_failure, found.report.infra_failure_reason), (false, None));
    }

    #[test]
    fn a_graded_log_is_written_with_three_fields() {
        let text = serde_json::to_string(&graded(&row(&["a"], &[]), "")).unwrap();
        insta::assert_snapshot!(text, @r#"{"found":false,"statuses":{},"report":{"patch_is_None":false,"patch_exists":true,"patch_successfully_applied":false,"resolved":false,"infra_failure":false}}"#);
    }
}
