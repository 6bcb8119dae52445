//! One task in one trial: its verdict, and what else grading knows of it.

use serde::Serialize;
use voe_grade::Cause;

use super::attempt::AttemptFacts;

/// One task in one trial.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrialCell {
    /// What grading said.
    pub verdict: GradeVerdict,
    /// The attempt, where its trajectory is at hand.
    pub attempt: Option<Box<AttemptFacts>>,
    /// What else grading knows of it, if it is not resolved.
    pub failed: FailedGrade,
}

/// What grading knows of a prediction that is not resolved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailedGrade {
    /// Whose matter it is; `None` where nothing says so.
    pub cause: Option<Cause>,
    /// All of FAIL_TO_PASS succeed and some of PASS_TO_PASS fail.
    pub regression: bool,
    /// The official report suspects the environment, for a log without results.
    pub suspected: bool,
}

/// What grading said of a prediction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GradeVerdict {
    /// All tests are as wanted.
    Resolved,
    /// Some are not.
    Unresolved,
    /// There was nothing to grade.
    EmptyPatch,
    /// The patch did not apply, or grading broke off.
    Error,
    /// The task can't run on the machine that graded.
    Skipped,
    /// Not graded (yet).
    #[default]
    Ungraded,
}

impl GradeVerdict {
    /// The word used in tables.
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
