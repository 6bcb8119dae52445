//! Why an attempt was not resolved.

use schemars::JsonSchema;
use serde::Serialize;
use voe_evidence::is_test;
use voe_grade::known::Known;
use voe_grade::{Blame, CauseSign};
use voe_trace::Reason;

use super::arm::{Cell, Verdict};
use super::suite::TaskFacts;

/// The class of a failure; the first that fits. Their order and meaning are in `docs/statistics.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The model or its server failed for good.
    Server,
    /// The attempt ended by voe's own fault or the user's.
    Fault,
    /// The task can't run on the machine that graded.
    Skipped,
    /// The task's own solution is known not to pass where the patch was graded.
    GoldFails,
    /// The environment broke while the patch was graded.
    Environment,
    /// No test ran, and the patch or the environment may be the cause.
    Unclear,
    /// The patch does not apply.
    NotApplied,
    /// A limit ended it, or it was stuck.
    Limit,
    /// There is no patch.
    NoPatch,
    /// The patch touches tests only.
    TestsOnly,
    /// The fix is there, and it broke something else.
    Regression,
    /// The patch touches none of the gold patch's files.
    WrongFile,
    /// It touches at least one of them.
    WrongFix,
    /// Nothing more is known.
    Unclassified,
    /// There is no prediction.
    NotSubmitted,
}

impl Failure {
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

    /// The words used in tables.
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

    /// The class of one task in one trial; `None` if it was resolved, is not graded yet, or still runs. `gold_fails`: what is
    /// known of a task whose own solution doesn't pass there.
    pub fn of(cell: Option<&Cell>, task: &TaskFacts, gold_fails: Option<&Known>) -> Option<Self> {
        let Some(cell) = cell else { return Some(Self::NotSubmitted) };
        let attempt = cell.attempt.as_deref();
        let reason = attempt.and_then(|a| a.reason);
        match cell.verdict {
            Verdict::Resolved => return None,
            Verdict::Ungraded
                if !matches!(reason, Some(Reason::ModelError | Reason::Internal | Reason::Interrupted)) =>
            {
                return None;
            }
            _ => {}
        }
        let failed = &cell.failed;
        let blame = failed.cause.map(|cause| cause.blame);
        // Where nothing says whose matter it is.
        let unknown = blame.is_none() && (cell.verdict == Verdict::Error || failed.suspected);
        let no_patch = cell.verdict == Verdict::EmptyPatch
            || reason.is_some() && attempt.is_some_and(|attempt| attempt.patch_bytes == 0);
        Some(match (reason, attempt) {
            (Some(Reason::ModelError), _) => Self::Server,
            (Some(Reason::Internal | Reason::Interrupted), _) => Self::Fault,
            _ if cell.verdict == Verdict::Skipped => Self::Skipped,
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
    use super::super::arm::Failed;
    use super::super::attempt::Attempt;
    use super::*;

    fn class(verdict: Verdict, attempt: Attempt, failed: Option<Failed>) -> Option<Failure> {
        let task = TaskFacts { gold_files: ["src/a.py".to_owned()].into(), ..TaskFacts::default() };
        let cell = Cell { verdict, attempt: Some(Box::new(attempt)), failed: failed.unwrap_or_default() };
        Failure::of(Some(&cell), &task, None)
    }

    fn patched(files: &[&str]) -> Attempt {
        Attempt {
            reason: Some(Reason::Completed),
            files: files.iter().map(|&f| f.to_owned()).collect(),
            patch_bytes: 10,
            ..Attempt::default()
        }
    }

    #[test]
    fn each_failure_has_the_class_that_explains_it() {
        use Verdict::{EmptyPatch, Error, Resolved, Skipped, Ungraded, Unresolved};
        assert_eq!(class(Resolved, patched(&["src/a.py"]), None), None);
        assert_eq!(class(Ungraded, patched(&["src/a.py"]), None), None);
        assert_eq!(class(Unresolved, patched(&["src/a.py", "b.py"]), None), Some(Failure::WrongFix));
        assert_eq!(class(Unresolved, patched(&["b.py"]), None), Some(Failure::WrongFile));
        assert_eq!(class(Unresolved, patched(&["tests/test_a.py"]), None), Some(Failure::TestsOnly));
        assert_eq!(class(EmptyPatch, Attempt::default(), None), Some(Failure::NoPatch));
        assert_eq!(class(Error, patched(&["src/a.py"]), None), Some(Failure::Unclear));
        assert_eq!(class(Skipped, patched(&["src/a.py"]), None), Some(Failure::Skipped));
        let ended = |reason| Attempt { reason: Some(reason), ..patched(&["src/a.py"]) };
        assert_eq!(class(Unresolved, ended(Reason::MaxSteps), None), Some(Failure::Limit));
        assert_eq!(class(Unresolved, ended(Reason::Stuck), None), Some(Failure::Limit));
        assert_eq!(class(Ungraded, ended(Reason::ModelError), None), Some(Failure::Server));
        assert_eq!(class(EmptyPatch, ended(Reason::ModelError), None), Some(Failure::Server));
        assert_eq!(class(Ungraded, ended(Reason::Internal), None), Some(Failure::Fault));
        let regression = Failed { regression: true, ..Failed::default() };
        assert_eq!(class(Unresolved, patched(&["src/a.py"]), Some(regression)), Some(Failure::Regression));
        let report_only = Cell { verdict: Unresolved, ..Cell::default() };
        assert_eq!(Failure::of(Some(&report_only), &TaskFacts::default(), None), Some(Failure::Unclassified));
        assert_eq!(Failure::of(None, &TaskFacts::default(), None), Some(Failure::NotSubmitted));
    }

    #[test]
    fn whose_matter_it_is_comes_from_grading_alone() {
        use Verdict::{Error, Unresolved};
        let of = |verdict, sign: CauseSign| {
            let failed = Failed { cause: Some(sign.into()), suspected: true, ..Failed::default() };
            class(verdict, patched(&["src/a.py"]), Some(failed)).unwrap()
        };
        assert_eq!(of(Unresolved, CauseSign::TestsFailed), Failure::WrongFix);
        assert_eq!(of(Unresolved, CauseSign::MissingProgram), Failure::Environment);
        assert_eq!(of(Unresolved, CauseSign::OutOfMemory), Failure::Unclear);
        assert_eq!(of(Error, CauseSign::Harness), Failure::Environment);
        assert_eq!(of(Error, CauseSign::TimeLimit), Failure::Unclear);
        assert_eq!(of(Error, CauseSign::NotApplied), Failure::NotApplied);
        let suspected = Failed { suspected: true, ..Failed::default() };
        assert_eq!(class(Unresolved, patched(&["src/a.py"]), Some(suspected)), Some(Failure::Unclear));
    }

    #[test]
    fn a_patch_is_not_blamed_for_a_task_whose_solution_fails_there() {
        use Verdict::{EmptyPatch, Error, Resolved, Skipped, Unresolved};
        let known = voe_grade::known::of("psf__requests-1766");
        let of = |verdict, attempt: Attempt, sign: Option<CauseSign>| {
            let failed = Failed { cause: sign.map(Into::into), ..Failed::default() };
            let cell = Cell { verdict, attempt: Some(Box::new(attempt)), failed };
            Failure::of(Some(&cell), &TaskFacts::default(), known)
        };
        let ended = |reason| Attempt { reason: Some(reason), ..patched(&["src/a.py"]) };
        for sign in [CauseSign::TestsFailed, CauseSign::MissingModule, CauseSign::NetworkUnreachable] {
            assert_eq!(of(Unresolved, patched(&["src/a.py"]), Some(sign)), Some(Failure::GoldFails));
        }
        assert_eq!(of(Unresolved, ended(Reason::MaxSteps), None), Some(Failure::GoldFails));
        assert_eq!(of(Error, patched(&["src/a.py"]), None), Some(Failure::GoldFails));
        assert_eq!(of(Resolved, patched(&["src/a.py"]), None), None);
        assert_eq!(of(EmptyPatch, Attempt::default(), None), Some(Failure::NoPatch));
        assert_eq!(of(Skipped, patched(&["src/a.py"]), None), Some(Failure::Skipped));
        assert_eq!(of(Unresolved, ended(Reason::ModelError), None), Some(Failure::Server));
        let report_only = Cell { verdict: Unresolved, ..Cell::default() };
        assert_eq!(Failure::of(Some(&report_only), &TaskFacts::default(), known), Some(Failure::GoldFails));
    }
}
