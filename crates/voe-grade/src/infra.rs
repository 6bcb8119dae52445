//! Signs in a log that the environment is broken, not the patch.
//!
//! They are only hints: a task with such a sign stays unresolved, or an error, as it was.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::text::{pattern, universal_newlines};

/// How reliable a sign is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// A patch to the sources can't have caused it.
    Environment,
    /// Either the environment or the patch may have caused it.
    Ambiguous,
}

/// A sign that the environment is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InfraFailure {
    /// The official name of the sign, such as `out_of_memory`.
    pub reason: &'static str,
    /// How reliable it is.
    pub tier: Tier,
}

/// The official signs; the first one that any of the logs shows counts.
const SIGNS: [(&str, Tier, &str); 8] = [
    ("browser_launch_failed", Tier::Environment, "Failed to launch|Failed to connect to the bus"),
    ("display_unavailable", Tier::Environment, "cannot open display|Missing X server|unable to open X display"),
    ("out_of_memory", Tier::Environment, "(?m)Cannot allocate memory|OutOfMemoryError|^Killed$"),
    ("container_unavailable", Tier::Environment, "Error response from daemon|Cannot connect to the Docker daemon"),
    ("network_unreachable", Tier::Environment, "Could not resolve host|Temporary failure in name resolution"),
    ("missing_module", Tier::Ambiguous, "Cannot find module|MODULE_NOT_FOUND|ModuleNotFoundError"),
    ("no_tests_collected", Tier::Ambiguous, "no tests ran|collected 0 items"),
    ("tests_timed_out", Tier::Ambiguous, r"Timeout error: \d+ seconds exceeded"),
];

/// The first sign in a task's logs. For an instance's report only the tests' output is searched; for a run's report also the
/// log of the harness (`run_instance.log`).
pub fn classify(logs: &[&str]) -> Option<InfraFailure> {
    static COMPILED: LazyLock<[Regex; SIGNS.len()]> = LazyLock::new(|| SIGNS.map(|(_, _, sign)| pattern(sign)));
    let logs: Vec<_> = logs.iter().map(|log| universal_newlines(log)).collect();
    let shown = COMPILED.iter().position(|sign| logs.iter().any(|log| sign.is_match(log)))?;
    let (reason, tier, _) = SIGNS[shown];
    Some(InfraFailure { reason, tier })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(log: &str) -> Option<&'static str> {
        classify(&[log]).map(|sign| sign.reason)
    }

    #[test]
    fn the_first_sign_of_the_list_counts_not_the_first_in_the_log() {
        let log = "ModuleNotFoundError: x\nOutOfMemoryError";
        assert_eq!(classify(&[log]), Some(InfraFailure { reason: "out_of_memory", tier: Tier::Environment }));
        assert_eq!(classify(&["collected 0 items", "Could not resolve host"]).unwrap().reason, "network_unreachable");
    }

    #[test]
    fn killed_must_be_alone_on_its_line() {
        assert_eq!(reason("x\r\nKilled\ry"), Some("out_of_memory"));
        assert_eq!(reason("Killed by x"), None);
    }

    #[test]
    fn a_timeout_is_recognized_by_the_line_that_the_runner_adds() {
        assert_eq!(reason("\n\nTimeout error: 1800 seconds exceeded."), Some("tests_timed_out"));
        assert_eq!(reason("Timeout error: many seconds exceeded"), None);
    }

    #[test]
    fn no_log_shows_nothing() {
        assert_eq!(classify(&[]), None);
        assert_eq!(reason(""), None);
    }
}
