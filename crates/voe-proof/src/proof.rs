//! The proof of a change: what its checks, and the repository's own tests, show with and without it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voe_evidence::check::regressed;
use voe_trace::{Change, Check, FileRole, Level};

/// What came of proving a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProofVerdict {
    /// A check fails without the change, for its own reason, and passes with it; and nothing regressed.
    Proven,
    /// No check shows that.
    NotProven,
    /// Something passes without the change and fails with it.
    Regressed,
    /// The change has no code: documentation or tests only.
    NothingToProve,
}

/// A change, what was run for it, and what that showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    /// What came of it.
    pub verdict: ProofVerdict,
    /// The level of the change: that of its best check, or `refuted` if something regressed.
    pub level: Level,
    /// The commit before the change; null: there is none yet.
    pub base: Option<String>,
    /// The commit after it; null: a work tree or a patch.
    pub now: Option<String>,
    /// The files that it changes, each with its role.
    pub files: Vec<Change>,
    /// The checks that could prove it: those that were named, else the tests that the change adds or changes.
    pub checks: Vec<Check>,
    /// The repository's own tests that touch the changed code. They can't prove a change, but they can refute it.
    pub own_tests: Vec<Check>,
    /// What could not be taken into account, one line each.
    pub notes: Vec<String>,
}

impl Proof {
    /// The verdict on a change of `files` by what was run.
    pub fn new(files: Vec<Change>, checks: Vec<Check>, own_tests: Vec<Check>) -> Self {
        let level = if own_tests.iter().any(regressed) {
            Level::Refuted
        } else {
            voe_evidence::ledger::level_of(checks.iter().chain(&own_tests))
        };
        let regression = checks.iter().chain(&own_tests).any(regressed);
        let verdict = match level {
            _ if regression => ProofVerdict::Regressed,
            _ if !files.iter().any(is_code) => ProofVerdict::NothingToProve,
            Level::Proven => ProofVerdict::Proven,
            _ => ProofVerdict::NotProven,
        };
        Self { verdict, level, base: None, now: None, files, checks, own_tests, notes: Vec::new() }
    }

    /// The files with a role, by path.
    pub fn files_with(&self, wanted: impl Fn(FileRole) -> bool) -> impl Iterator<Item = &Change> {
        self.files.iter().filter(move |file| wanted(file.role))
    }

    /// Everything that was run, checks first.
    pub fn all_checks(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().chain(&self.own_tests)
    }
}

/// Whether a changed file is code that could be proven: documentation is not.
pub fn is_code(file: &Change) -> bool {
    file.role.is_code() && !voe_evidence::is_documentation(&file.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use voe_trace::{ChangeKind, Outcome};

    fn file(path: &str) -> Change {
        let role = voe_evidence::role_by_path(path.as_bytes());
        Change { path: path.into(), kind: ChangeKind::Modified, added: 1, removed: 0, binary: false, role }
    }

    fn check(level: Level, without: i32) -> Check {
        let with = i32::from(level == Level::Refuted);
        let ran = |exit| Outcome { exit: Some(exit), ..Outcome::default() };
        Check { level, with: ran(with), without: Some(ran(without)), ..Check::default() }
    }

    fn verdict(files: &[&str], checks: Vec<Check>, own: Vec<Check>) -> (ProofVerdict, Level) {
        let proof = Proof::new(files.iter().map(|path| file(path)).collect(), checks, own);
        (proof.verdict, proof.level)
    }

    #[test]
    fn a_regression_outweighs_a_proof() {
        let (proven, broken) = (check(Level::Proven, 1), check(Level::Refuted, 0));
        assert_eq!(verdict(&["a.py"], vec![proven.clone()], vec![]), (ProofVerdict::Proven, Level::Proven));
        assert_eq!(
            verdict(&["a.py"], vec![proven.clone()], vec![broken.clone()]),
            (ProofVerdict::Regressed, Level::Refuted)
        );
        assert_eq!(verdict(&["a.py"], vec![proven, broken], vec![]), (ProofVerdict::Regressed, Level::Refuted));
    }

    #[test]
    fn the_repositorys_own_tests_prove_nothing_and_a_change_without_code_has_nothing_to_prove() {
        assert_eq!(verdict(&["a.py"], vec![], vec![check(Level::Kept, 0)]), (ProofVerdict::NotProven, Level::Kept));
        assert_eq!(verdict(&["a.py"], vec![], vec![]), (ProofVerdict::NotProven, Level::None));
        for files in [&["README.md"][..], &["tests/test_a.py", "docs/x.rst"], &[]] {
            assert_eq!(verdict(files, vec![], vec![]).0, ProofVerdict::NothingToProve, "{files:?}");
        }
        assert_eq!(verdict(&["tests/test_a.py"], vec![check(Level::Refuted, 0)], vec![]).0, ProofVerdict::Regressed);
    }
}
