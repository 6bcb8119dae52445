//! What test runners report about single tests, and how two runs compare.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names of passed tests that are recorded for one run.
pub const MOST_PASSING: usize = 2000;

/// Names of failing tests that are recorded for one run.
pub const MOST_FAILING: usize = 500;

/// What a test runner reported in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestRun {
    /// Tests that passed.
    pub passed: u32,
    /// Tests that failed or ended with an error.
    pub failed: u32,
    /// Names of these, sorted; at most [`MOST_FAILING`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<String>,
    /// Names of tests that passed, sorted, where the runner names them; at most [`MOST_PASSING`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passing: Vec<String>,
}

/// How the tests of a check differ between the runs with and without the change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestComparison {
    /// Tests that fail without the change and pass with it: red to green.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proven: Vec<String>,
    /// Tests that pass without the change and fail with it: green to red.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regressed: Vec<String>,
    /// The number of tests that fail in both runs.
    pub failing: u32,
    /// The number of tests that pass in both runs, as far as known.
    pub passing: u32,
}

/// An exit code that the command itself does not end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HiddenExit {
    /// The exit code.
    pub exit: i32,
    /// How it was found.
    pub by: FoundBy,
}

/// How a hidden exit code was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// The command was run once more with `set -o pipefail`, without what hides the exit code.
    SecondRun,
    /// The runner's own summary.
    Summary,
}
