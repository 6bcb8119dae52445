//! One task in one trial: its verdict, and what else grading knows of it.

use serde::Serialize;
use voe_grade::FailureCause;

use super::attempt::AttemptFacts;

/// One task in one trial.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrialCell {
    /// Verdict of the grading.
    pub verdict: GradeVerdict,
    /// The attempt, if its trajectory is available.
    pub attempt: Option<Box<AttemptFacts>>,
    /// Details from grading, if it is not resolved.
    pub failed: FailedGrade,
}

/// Details from grading of a prediction that is not resolved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailedGrade {
    /// Cause of the failure; `None` if not recorded.
    pub cause: Option<FailureCause>,
    /// All of FAIL_TO_PASS succeed and some of PASS_TO_PASS fail.
    pub regression: bool,
    /// The official report suspects the environment, for a log without results.
    pub suspected: bool,
}

/// Verdict on a prediction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GradeVerdict {
    /// All tests have the required results.
    Resolved,
    /// Some tests don't.
    Unresolved,
    /// The patch is empty.
    EmptyPatch,
    /// The patch did not apply, or grading failed.
    Error,
    /// The task can't run on the grading machine.
    Skipped,
    /// Not graded yet.
    #[default]
    Ungraded,
}

impl GradeVerdict {
    /// Word for tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::Unresolved => "unresolved",
            Self::EmptyPatch => "empty patch",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::Ungraded => "ungraded",
        }
    }
}
