//! The tests' output in a log, and the harness's own messages.

use std::sync::LazyLock;

use memchr::memmem;
use regex::Regex;

use crate::text::pattern;

/// Start of the tests' output.
pub const START_MARKER: &str = ">>>>> Start Test Output";
/// End of the tests' output.
pub const END_MARKER: &str = ">>>>> End Test Output";
/// Precedes the test command's exit code.
pub const EXIT_CODE_MARKER: &str = ">>>>> Test Exit Code";

/// A marker by which the harness reports that there is no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadCode {
    /// `>>>>> Patch Apply Failed`
    PatchApplyFailed,
    /// `>>>>> Reset Failed`
    ResetFailed,
    /// `>>>>> Tests Errored`
    TestsErrored,
    /// `>>>>> Tests Timed Out`
    TestsTimedOut,
}

impl BadCode {
    const ALL: [Self; 4] = [Self::PatchApplyFailed, Self::ResetFailed, Self::TestsErrored, Self::TestsTimedOut];

    /// The text of the marker in a log.
    pub fn marker(self) -> &'static str {
        match self {
            Self::PatchApplyFailed => ">>>>> Patch Apply Failed",
            Self::ResetFailed => ">>>>> Reset Failed",
            Self::TestsErrored => ">>>>> Tests Errored",
            Self::TestsTimedOut => ">>>>> Tests Timed Out",
        }
    }

    /// The first of the four that is anywhere in the log.
    pub fn find(log: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| memmem::find(log.as_bytes(), code.marker().as_bytes()).is_some())
    }
}

/// The tests' output: from the first start marker to the next marker of either kind. `None` if one of the two markers is
/// missing from the log; an end marker that is only before the start counts too.
pub fn slice(log: &str) -> Option<&str> {
    let bytes = log.as_bytes();
    let start = memmem::find(bytes, START_MARKER.as_bytes())? + START_MARKER.len();
    let rest = &bytes[start..];
    let end = memmem::find(rest, END_MARKER.as_bytes());
    if end.is_none() {
        memmem::find(&bytes[..start], END_MARKER.as_bytes())?;
    }
    let until = &rest[..end.unwrap_or(rest.len())];
    let length = memmem::find(until, START_MARKER.as_bytes()).unwrap_or(until.len());
    Some(&log[start..start + length])
}

/// Whether the log records an exit code of the test command other than 0. `None` if it records none, as with runners before
/// 5.x.
pub fn tests_exited_nonzero(log: &str) -> Option<bool> {
    static CODE: LazyLock<Regex> = LazyLock::new(|| pattern(r">>>>> Test Exit Code:[\s\x1c-\x1f]*-?(\d+)"));
    let digits = CODE.captures(log)?.get(1)?;
    Some(digits.as_str().chars().any(|digit| digit != '0'))
}

/// Whether a test runner's summary shows that tests ran although no parser found any: counts above zero in the words of the
/// JavaScript runners, whose parsers record only failures.
pub fn suite_ran(log: &str) -> bool {
    static RAN: LazyLock<Regex> = LazyLock::new(|| {
        pattern(concat!(
            r"(?m)Executed [1-9]\d* of \d+",
            r"|TOTAL: [1-9]\d* (?:SUCCESS|FAILED)",
            r"|[1-9]\d* passing",
            r"|Tests:[\s\x1c-\x1f]+[1-9]",
            r"|Test Suites:[\s\x1c-\x1f]+(?:\d+ \w+, )*[1-9]\d* total",
            r"|^# tests [1-9]",
            r"|[1-9]\d* specs?, \d+ failures?",
            r"|': ok$",
        ))
    });
    RAN.is_match(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slice_runs_from_the_first_start_to_the_next_marker() {
        let log = "a\n+ : '>>>>> Start Test Output'\nb\n+ : '>>>>> End Test Output'\nc\n>>>>> End Test Output";
        assert_eq!(slice(log), Some("'\nb\n+ : '"));
        assert_eq!(slice(">>>>> Start Test Outputa>>>>> Start Test Outputb>>>>> End Test Output"), Some("a"));
    }

    #[test]
    fn both_markers_must_be_there_in_any_order() {
        assert_eq!(slice("a >>>>> Start Test Output b"), None);
        assert_eq!(slice("a >>>>> End Test Output b"), None);
        assert_eq!(slice(">>>>> End Test Output a >>>>> Start Test Output b"), Some(" b"));
        assert_eq!(slice(""), None);
    }

    #[test]
    fn the_first_exit_code_counts() {
        assert_eq!(tests_exited_nonzero("x"), None);
        assert_eq!(tests_exited_nonzero(">>>>> Test Exit Code: $CODE\n>>>>> Test Exit Code: 00"), Some(false));
        assert_eq!(tests_exited_nonzero(">>>>> Test Exit Code:\n-1 >>>>> Test Exit Code: 0"), Some(true));
        assert_eq!(tests_exited_nonzero(">>>>> Test Exit Code:10"), Some(true));
    }

    #[test]
    fn only_counts_above_zero_show_that_a_suite_ran() {
        for log in [
            "Executed 3 of 4",
            "TOTAL: 12 SUCCESS",
            "  7 passing",
            "Tests:\x1c 1",
            "Test Suites: 1 failed, 2 total",
            "x\n# tests 5",
            "1 spec, 0 failures",
            "case': ok\nx",
        ] {
            assert!(suite_ran(log), "{log:?}");
        }
        for log in ["Executed 0 of 4", "TOTAL: 0 SUCCESS", "0 passing", "Tests: 0", "x # tests 5", "': ok then", ""] {
            assert!(!suite_ran(log), "{log:?}");
        }
    }

    #[test]
    fn a_bad_code_counts_anywhere_in_the_log() {
        assert_eq!(BadCode::find("x>>>>> Reset Failed"), Some(BadCode::ResetFailed));
        assert_eq!(BadCode::find(">>>>> Reset"), None);
    }
}
