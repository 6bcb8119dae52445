//! Why an attempt was not resolved.

use serde::Serialize;
use voe_trace::Reason;

use super::arm::{Cell, Verdict};
use super::paths::is_test;
use super::suite::TaskFacts;

/// The class of a failure; the first that fits. Their order and meaning are in `docs/statistics.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The model or its server failed for good.
    Server,
    /// The machine, the grading or voe failed, or the user stopped it.
    Environment,
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
    pub const ALL: [Self; 10] = [
        Self::WrongFix,
        Self::WrongFile,
        Self::Regression,
        Self::TestsOnly,
        Self::NoPatch,
        Self::Limit,
        Self::Environment,
        Self::Server,
        Self::Unclassified,
        Self::NotSubmitted,
    ];

    /// The words used in tables.
    pub fn words(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Environment => "environment",
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

    /// The class of one task in one trial; `None` if it was resolved, is not graded yet, or still runs.
    pub fn of(cell: Option<&Cell>, task: &TaskFacts) -> Option<Self> {
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
        let failed_at_grading =
            cell.verdict == Verdict::Error || cell.grade.as_deref().is_some_and(|g| g.infra_failure);
        Some(match (reason, attempt) {
            (Some(Reason::ModelError), _) => Self::Server,
            (Some(Reason::Internal | Reason::Interrupted), _) => Self::Environment,
            _ if failed_at_grading => Self::Environment,
            (_, Some(attempt)) if attempt.hit_limit() => Self::Limit,
            _ if cell.verdict == Verdict::EmptyPatch => Self::NoPatch,
            (Some(_), Some(attempt)) if attempt.patch_bytes == 0 => Self::NoPatch,
            (_, Some(attempt)) if !attempt.files.is_empty() && attempt.files.iter().all(|f| is_test(f)) => {
                Self::TestsOnly
            }
            _ if cell.grade.as_deref().is_some_and(super::official::InstanceReport::is_regression) => Self::Regression,
            (_, Some(attempt)) if !attempt.files.is_empty() && !task.gold_files.is_empty() => {
                if attempt.files.iter().any(|f| task.gold_files.contains(f)) { Self::WrongFix } else { Self::WrongFile }
            }
            _ => Self::Unclassified,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::attempt::Attempt;
    use super::super::official::{InstanceReport, Tests};
    use super::*;

    fn class(verdict: Verdict, attempt: Attempt, grade: Option<InstanceReport>) -> Option<Failure> {
        let task = TaskFacts { gold_files: ["src/a.py".to_owned()].into(), ..TaskFacts::default() };
        Failure::of(Some(&Cell { verdict, attempt: Some(Box::new(attempt)), grade: grade.map(Box::new) }), &task)
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
        use Verdict::{EmptyPatch, Error, Resolved, Ungraded, Unresolved};
        assert_eq!(class(Resolved, patched(&["src/a.py"]), None), None);
        assert_eq!(class(Ungraded, patched(&["src/a.py"]), None), None);
        assert_eq!(class(Unresolved, patched(&["src/a.py", "b.py"]), None), Some(Failure::WrongFix));
        assert_eq!(class(Unresolved, patched(&["b.py"]), None), Some(Failure::WrongFile));
        assert_eq!(class(Unresolved, patched(&["tests/test_a.py"]), None), Some(Failure::TestsOnly));
        assert_eq!(class(EmptyPatch, Attempt::default(), None), Some(Failure::NoPatch));
        assert_eq!(class(Error, patched(&["src/a.py"]), None), Some(Failure::Environment));
        let ended = |reason| Attempt { reason: Some(reason), ..patched(&["src/a.py"]) };
        assert_eq!(class(Unresolved, ended(Reason::MaxSteps), None), Some(Failure::Limit));
        assert_eq!(class(Unresolved, ended(Reason::Stuck), None), Some(Failure::Limit));
        assert_eq!(class(Ungraded, ended(Reason::ModelError), None), Some(Failure::Server));
        assert_eq!(class(EmptyPatch, ended(Reason::ModelError), None), Some(Failure::Server));
        let tests = |success: &[&str], failure: &[&str]| Tests {
            success: success.iter().map(|&s| s.to_owned()).collect(),
            failure: failure.iter().map(|&s| s.to_owned()).collect(),
        };
        let regression = InstanceReport {
            tests_status: [
                ("FAIL_TO_PASS".to_owned(), tests(&["x"], &[])),
                ("PASS_TO_PASS".to_owned(), tests(&[], &["y"])),
            ]
            .into(),
            ..InstanceReport::default()
        };
        assert_eq!(class(Unresolved, patched(&["src/a.py"]), Some(regression)), Some(Failure::Regression));
        let report_only = Cell { verdict: Unresolved, ..Cell::default() };
        assert_eq!(Failure::of(Some(&report_only), &TaskFacts::default()), Some(Failure::Unclassified));
        assert_eq!(Failure::of(None, &TaskFacts::default()), Some(Failure::NotSubmitted));
    }
}
