//! Why an attempt was not resolved.

use schemars::JsonSchema;
use serde::Serialize;
use voe_evidence::is_test;
use voe_grade::known::KnownFailure;
use voe_grade::{Blame, CauseSign};
use voe_trace::Reason;

use super::cell::{GradeVerdict, TrialCell};
use super::suite::TaskFacts;

/// The class of a failure: the first that applies. Their order and meaning are in `docs/statistics.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The model or its server failed permanently.
    Server,
    /// The attempt ended through a fault of voe or the user.
    Fault,
    /// The task can't run on the grading machine.
    Skipped,
    /// The task's gold patch is known not to pass where the patch was graded.
    GoldFails,
    /// The environment broke while the patch was graded.
    Environment,
    /// No test ran, and the patch or the environment may be the cause.
    Unclear,
    /// The patch does not apply.
    NotApplied,
    /// It hit a limit or was stuck.
    Limit,
    /// The patch is empty.
    NoPatch,
    /// The patch changes only tests.
    TestsOnly,
    /// The fix works but broke something else.
    Regression,
    /// The patch touches none of the gold patch's files.
    WrongFile,
    /// The patch touches at least one of the gold patch's files.
    WrongFix,
    /// None of the classes above could be determined.
    Unclassified,
    /// There is no prediction.
    NotSubmitted,
}

impl FailureClass {
    /// All classes, in the order of the tables.
    pub const ALL: [Self; 15] = [
        Self::WrongFix,
        Self::WrongFile,
        Self::Regression,
        Self::TestsOnly,
        Self::NoPatch,
        Self::NotApplied,
        Self::Limit,
        Self::GoldFails,
        Self::Unclear,
        Self::Environment,
        Self::Skipped,
        Self::Fault,
        Self::Server,
        Self::Unclassified,
        Self::NotSubmitted,
    ];

    /// Words for tables.
    pub fn words(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Fault => "fault",
            Self::Skipped => "skipped",
            Self::GoldFails => "gold fails here",
            Self::Environment => "environment",
            Self::Unclear => "unclear",
            Self::NotApplied => "does not apply",
            Self::Limit => "limit",
            Self::NoPatch => "no patch",
            Self::TestsOnly => "tests only",
            Self::Regression => "regression",
            Self::WrongFile => "wrong file",
            Self::WrongFix => "right file, wrong fix",
            Self::Unclassified => "unclassified",
            Self::NotSubmitted => "not submitted",
        }
    }

    /// The class of one task in one trial; `None` if it was resolved, is not graded yet, or still runs. `gold_fails`: why
    /// the task's gold patch is known not to pass there, if so.
    pub fn of(cell: Option<&TrialCell>, task: &TaskFacts, gold_fails: Option<&KnownFailure>) -> Option<Self> {
        let Some(cell) = cell else { return Some(Self::NotSubmitted) };
        let attempt = cell.attempt.as_deref();
        let reason = attempt.and_then(|a| a.reason);
        match cell.verdict {
            GradeVerdict::Resolved => return None,
            GradeVerdict::Ungraded
                if !matches!(reason, Some(Reason::ModelError | Reason::Internal | Reason::Interrupted)) =>
            {
                return None;
            }
            _ => {}
        }
        let failed = &cell.failed;
        let blame = failed.cause.map(|cause| cause.blame);
        // If no cause is recorded.
        let unknown = blame.is_none() && (cell.verdict == GradeVerdict::Error || failed.suspected);
        let no_patch = cell.verdict == GradeVerdict::EmptyPatch
            || reason.is_some() && attempt.is_some_and(|attempt| attempt.patch_bytes == 0);
        Some(match (reason, attempt) {
            (Some(Reason::ModelError), _) => Self::Server,
            (Some(Reason::Internal | Reason::Interrupted), _) => Self::Fault,
            _ if cell.verdict == GradeVerdict::Skipped => Self::Skipped,
            _ if gold_fails.is_some() && !no_patch => Self::GoldFails,
            _ if blame == Some(Blame::Environment) => Self::Environment,
            _ if unknown || blame == Some(Blame::Unclear) => Self::Unclear,
            _ if failed.cause.is_some_and(|cause| cause.sign == CauseSign::NotApplied) => Self::NotApplied,
            (_, Some(attempt)) if attempt.hit_limit() => Self::Limit,
            _ if no_patch => Self::NoPatch,
            (_, Some(attempt)) if !attempt.files.is_empty() && attempt.files.iter().all(|f| is_test(f)) => {
                Self::TestsOnly
            }
            _ if failed.regression => Self::Regression,
            (_, Some(attempt)) if !attempt.files.is_empty() && !task.gold_files.is_empty() => {
                if attempt.files.iter().any(|f| task.gold_files.contains(f)) { Self::WrongFix } else { Self::WrongFile }
            }
            _ => Self::Unclassified,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::attempt::AttemptFacts;
    use super::super::cell::FailedGrade;
    use super::*;

    fn class(verdict: GradeVerdict, attempt: AttemptFacts, failed: Option<FailedGrade>) -> Option<FailureClass> {
        let task = TaskFacts { gold_files: ["src/a.py".to_owned()].into(), ..TaskFacts::default() };
        let cell = TrialCell { verdict, attempt: Some(Box::new(attempt)), failed: failed.unwrap_or_default() };
        FailureClass::of(Some(&cell), &task, None)
    }

    fn patched(files: &[&str]) -> AttemptFacts {
        AttemptFacts {
            reason: Some(Reason::Completed),
            files: files.iter().map(|&f| f.to_owned()).collect(),
            patch_bytes: 10,
            ..AttemptFacts::default()
        }
    }

    #[test]
    fn each_failure_has_the_class_that_explains_it() {
        use GradeVerdict::{EmptyPatch, Error, Resolved, Skipped, Ungraded, Unresolved};
        assert_eq!(class(Resolved, patched(&["src/a.py"]), None), None);
        assert_eq!(class(Ungraded, patched(&["src/a.py"]), None), None);
        assert_eq!(class(Unresolved, patched(&["src/a.py", "b.py"]), None), Some(FailureClass::WrongFix));
        assert_eq!(class(Unresolved, patched(&["b.py"]), None), Some(FailureClass::WrongFile));
        assert_eq!(class(Unresolved, patched(&["tests/test_a.py"]), None), Some(FailureClass::TestsOnly));
        assert_eq!(class(EmptyPatch, AttemptFacts::default(), None), Some(FailureClass::NoPatch));
        assert_eq!(class(Error, patched(&["src/a.py"]), None), Some(FailureClass::Unclear));
        assert_eq!(class(Skipped, patched(&["src/a.py"]), None), Some(FailureClass::Skipped));
        let ended = |reason| AttemptFacts { reason: Some(reason), ..patched(&["src/a.py"]) };
        assert_eq!(class(Unresolved, ended(Reason::MaxSteps), None), Some(FailureClass::Limit));
        assert_eq!(class(Unresolved, ended(Reason::Stuck), None), Some(FailureClass::Limit));
        assert_eq!(class(Ungraded, ended(Reason::ModelError), None), Some(FailureClass::Server));
        assert_eq!(class(EmptyPatch, ended(Reason::ModelError), None), Some(FailureClass::Server));
        assert_eq!(class(Ungraded, ended(Reason::Internal), None), Some(FailureClass::Fault));
        let regression = FailedGrade { regression: true, ..FailedGrade::default() };
        assert_eq!(class(Unresolved, patched(&["src/a.py"]), Some(regression)), Some(FailureClass::Regression));
        let report_only = TrialCell { verdict: Unresolved, ..TrialCell::default() };
        assert_eq!(FailureClass::of(Some(&report_only), &TaskFacts::default(), None), Some(FailureClass::Unclassified));
        assert_eq!(FailureClass::of(None, &TaskFacts::default(), None), Some(FailureClass::NotSubmitted));
    }

    #[test]
    fn whose_matter_it_is_comes_from_grading_alone() {
        use GradeVerdict::{Error, Unresolved};
        let of = |verdict, sign: CauseSign| {
            let failed = FailedGrade { cause: Some(sign.into()), suspected: true, ..FailedGrade::default() };
            class(verdict, patched(&["src/a.py"]), Some(failed)).unwrap()
        };
        assert_eq!(of(Unresolved, CauseSign::TestsFailed), FailureClass::WrongFix);
        assert_eq!(of(Unresolved, CauseSign::MissingProgram), FailureClass::Environment);
        assert_eq!(of(Unresolved, CauseSign::OutOfMemory), FailureClass::Unclear);
        assert_eq!(of(Error, CauseSign::Harness), FailureClass::Environment);
        assert_eq!(of(Error, CauseSign::TimeLimit), FailureClass::Unclear);
        assert_eq!(of(Error, CauseSign::NotApplied), FailureClass::NotApplied);
        let suspected = FailedGrade { suspected: true, ..FailedGrade::default() };
        assert_eq!(class(Unresolved, patched(&["src/a.py"]), Some(suspected)), Some(FailureClass::Unclear));
    }

    #[test]
    fn a_patch_is_not_blamed_for_a_task_whose_solution_fails_there() {
        use GradeVerdict::{EmptyPatch, Error, Resolved, Skipped, Unresolved};
        let known = voe_grade::known::of("psf__requests-1766");
        let of = |verdict, attempt: AttemptFacts, sign: Option<CauseSign>| {
            let failed = FailedGrade { cause: sign.map(Into::into), ..FailedGrade::default() };
            let cell = TrialCell { verdict, attempt: Some(Box::new(attempt)), failed };
            FailureClass::of(Some(&cell), &TaskFacts::default(), known)
        };
        let ended = |reason| AttemptFacts { reason: Some(reason), ..patched(&["src/a.py"]) };
        for sign in [CauseSign::TestsFailed, CauseSign::MissingModule, CauseSign::NetworkUnreachable] {
            assert_eq!(of(Unresolved, patched(&["src/a.py"]), Some(sign)), Some(FailureClass::GoldFails));
        }
        assert_eq!(of(Unresolved, ended(Reason::MaxSteps), None), Some(FailureClass::GoldFails));
        assert_eq!(of(Error, patched(&["src/a.py"]), None), Some(FailureClass::GoldFails));
        assert_eq!(of(Resolved, patched(&["src/a.py"]), None), None);
        assert_eq!(of(EmptyPatch, AttemptFacts::default(), None), Some(FailureClass::NoPatch));
        assert_eq!(of(Skipped, patched(&["src/a.py"]), None), Some(FailureClass::Skipped));
        assert_eq!(of(Unresolved, ended(Reason::ModelError), None), Some(FailureClass::Server));
        let report_only = TrialCell { verdict: Unresolved, ..TrialCell::default() };
        assert_eq!(FailureClass::of(Some(&report_only), &TaskFacts::default(), known), Some(FailureClass::GoldFails));
    }
}
