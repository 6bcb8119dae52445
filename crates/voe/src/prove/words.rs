//! What the formats share: the verdict and each check in words.

use voe_evidence::check::regressed;
use voe_proof::{Proof, ProofVerdict, is_code};
use voe_trace::{Check, Level, Outcome};

use crate::show::one_line;

/// The verdict in one sentence.
pub(super) fn verdict(proof: &Proof) -> String {
    match proof.verdict {
        ProofVerdict::Proven => {
            let proving = proof.checks.iter().filter(|check| check.level == Level::Proven).count();
            format!(
                "proven: {} without the change and {} with it",
                counted(proving, "check fails", "checks fail"),
                if proving == 1 { "passes" } else { "pass" }
            )
        }
        ProofVerdict::Regressed => {
            let broken = proof.all_checks().filter(|check| regressed(check)).count();
            format!(
                "regression: {} without the change and {} with it",
                counted(broken, "check passes", "checks pass"),
                if broken == 1 { "fails" } else { "fail" }
            )
        }
        ProofVerdict::NothingToProve if proof.files.is_empty() => {
            "nothing to prove: nothing differs; name what to compare, as in voe prove main..topic or --base REV"
                .to_owned()
        }
        ProofVerdict::NothingToProve => "nothing to prove: the change has no code".to_owned(),
        ProofVerdict::NotProven if proof.checks.is_empty() => {
            "not proven: the change adds or changes no test, and no --check was given".to_owned()
        }
        ProofVerdict::NotProven => "not proven: no check fails without the change and passes with it".to_owned(),
    }
}

/// What the change consists of.
pub(super) fn files(proof: &Proof) -> String {
    let code = proof.files.iter().filter(|file| is_code(file)).count();
    let tests = proof.files_with(|role| !role.is_code()).count();
    let other = proof.files.len() - code - tests;
    let mut parts = vec![counted(code, "file of code", "files of code"), counted(tests, "test", "tests")];
    if other > 0 {
        parts.push(counted(other, "other file", "other files"));
    }
    parts.join(", ")
}

/// From what to what.
pub(super) fn sides(proof: &Proof) -> String {
    let short = |commit: &Option<String>| commit.as_ref().map(|id| id.chars().take(12).collect::<String>());
    match (short(&proof.base), short(&proof.now)) {
        (Some(base), Some(now)) => format!("{base}..{now}"),
        (Some(base), None) => format!("against {base}"),
        (None, _) => "against no commit".to_owned(),
    }
}

/// What a check showed, in one line.
pub(super) fn showed(check: &Check) -> String {
    let ended = |outcome: &Outcome| outcome.to_string();
    let without = check.without.as_ref().map_or_else(|| "not run".to_owned(), ended);
    let why = check.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    one_line(&format!("without the change: {without}; with it: {}{why}", ended(&check.with)))
}

/// A command in one line.
pub(super) fn command(check: &Check) -> String {
    one_line(&voe_proof::own_tests::short(&check.command))
}

pub(super) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
