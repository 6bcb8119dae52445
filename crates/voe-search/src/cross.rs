//! The cross-examination of attempts (every attempt's proving checks run with every attempt's patch, and on the base), and the
//! choice by it.

use std::sync::Arc;

use voe_evidence::examination::Examine;
use voe_evidence::is_test;
use voe_proof::Files;
use voe_proof::cross::{self, CheckRow, PortableCheck};
use voe_trace::event::{Candidate, CheckMatrixRow, Examination};
use voe_trace::{Level, Reason};

use crate::rollout::{RolloutResult, proofs};
use crate::search::Search;
use crate::shared::{RolloutContext, SearchError};

/// At most this many patches are examined, the best by level first.
const CANDIDATES: usize = 8;
/// At most this many checks of one attempt are run, the newest first.
const CHECKS: usize = 3;

/// A patch with its files.
struct Patched {
    code: Files,
    tests: Files,
    attempts: Vec<u32>,
}

/// Chooses among the rollouts; returns the number of the chosen one, and the reason. `None`: none changed anything.
pub(crate) async fn choose(search: &mut Search) -> Result<Option<(u32, Examination)>, SearchError> {
    let shared = Arc::clone(&search.shared);
    let rolled: Vec<RolloutResult> = search.rolled.values().cloned().collect();
    let patches = patches(&shared, rolled).await?;
    let mut examination = Examination {
        candidates: patches.iter().map(|patched| candidate(search, patched)).collect(),
        ..Examination::default()
    };
    // After an interrupt the user should not wait for checks.
    let worth = patches.len() > 1 && !search.shared.stopped();
    if worth {
        examination.checks = crossed(search, &patches).await?;
        let undecided = examination.undecided();
        if undecided.len() > 1 {
            examination.own_tests = own_tests(search, &patches, &undecided).await?;
        }
    }
    let chosen = examination.choose().and_then(|at| examination.candidates.get(at));
    Ok(chosen.and_then(|candidate| candidate.attempts.first().copied()).map(|id| (id, examination)))
}

/// The different patches. Those that change the code in the same way count as one, whatever their tests.
async fn patches(shared: &RolloutContext, mut rolled: Vec<RolloutResult>) -> Result<Vec<Patched>, SearchError> {
    let mut patches: Vec<Patched> = Vec::new();
    rolled.retain(|rolled| !rolled.finish.patch.is_empty());
    // The best one represents those that are alike.
    rolled.sort_by_key(|rolled| {
        std::cmp::Reverse((rolled.finish.evidence.level, rolled.over, std::cmp::Reverse(rolled.id)))
    });
    for rolled in rolled {
        let files = shared.files(&rolled.finish.patch).await?;
        let (tests, code): (Files, Files) =
            files.into_iter().partition(|(path, _)| is_for_checks(&rolled, &String::from_utf8_lossy(&path.0)));
        let alike = |patched: &Patched| patched.code == code && (!code.is_empty() || patched.tests == tests);
        match patches.iter().position(alike) {
            Some(same) => patches[same].attempts.push(rolled.id),
            None if patches.len() < CANDIDATES => patches.push(Patched { code, tests, attempts: vec![rolled.id] }),
            None => {}
        }
    }
    Ok(patches)
}

/// Whether a file of an attempt's patch is a test or a check file.
fn is_for_checks(rolled: &RolloutResult, path: &str) -> bool {
    is_test(path) || rolled.finish.changes.iter().any(|change| change.path == path && !change.role.is_code())
}

fn candidate(search: &Search, patched: &Patched) -> Candidate {
    let made = || patched.attempts.iter().filter_map(|id| search.rolled.get(id));
    let lines = |rolled: &RolloutResult| rolled.finish.changes.iter().map(|change| change.added + change.removed).sum();
    Candidate {
        attempts: patched.attempts.clone(),
        level: made().map(|rolled| rolled.finish.evidence.level).max().unwrap_or(Level::None),
        completed: made().any(|rolled| rolled.finish.reason == Reason::Completed),
        lines: made().next().map_or(0, lines),
        empty: false,
    }
}

/// The proving checks of all attempts, with their authors. The same command with the same files counts as one.
async fn proofs_of(
    shared: &RolloutContext,
    rolled: &[RolloutResult],
) -> Result<Vec<(PortableCheck, Vec<u32>)>, SearchError> {
    let mut found: Vec<(PortableCheck, Vec<u32>)> = Vec::new();
    for rolled in rolled {
        let mut commands = proofs(rolled);
        commands.truncate(CHECKS);
        if commands.is_empty() {
            continue;
        }
        let files = shared.files(&rolled.finish.patch).await?;
        let tests: Files =
            files.into_iter().filter(|(path, _)| is_for_checks(rolled, &String::from_utf8_lossy(&path.0))).collect();
        for command in commands {
            // As far as is visible from outside, only files that it names matter to it.
            let pack = if command.contains("/tmp") || command.contains("/var/tmp") {
                rolled.pack.clone()
            } else {
                String::new()
            };
            let check = PortableCheck { command, tests: tests.clone(), pack };
            match found.iter_mut().find(|(known, _)| *known == check) {
                Some((_, authors)) => authors.push(rolled.id),
                None => found.push((check, vec![rolled.id])),
            }
        }
    }
    Ok(found)
}

async fn crossed(search: &mut Search, patches: &[Patched]) -> Result<Vec<CheckMatrixRow>, SearchError> {
    let made = patches.iter().flat_map(|patched| &patched.attempts);
    let made: Vec<RolloutResult> = made.filter_map(|id| search.rolled.get(id).cloned()).collect();
    let (checks, authors): (Vec<PortableCheck>, Vec<Vec<u32>>) =
        proofs_of(&Arc::clone(&search.shared), &made).await?.into_iter().unzip();
    let rows = cross::run(search.host.workspace(), &checks, &code(patches)).await?;
    let named = checks.into_iter().map(|check| check.command).zip(authors);
    Ok(named.zip(rows).map(|((command, authors), row)| matrix_row(command, authors, row)).collect())
}

/// The repository's own tests that touch what the undecided patches change, on the base and with each of them.
async fn own_tests(
    search: &mut Search,
    patches: &[Patched],
    undecided: &[usize],
) -> Result<Vec<CheckMatrixRow>, SearchError> {
    let rows = cross::own_tests(search.host.workspace(), &code(patches), undecided).await?;
    Ok(rows.into_iter().map(|(command, row)| matrix_row(command, Vec::new(), row)).collect())
}

fn matrix_row(command: String, authors: Vec<u32>, CheckRow { base, with }: CheckRow) -> CheckMatrixRow {
    CheckMatrixRow { authors, command, base, with }
}

fn code(patches: &[Patched]) -> Vec<&Files> {
    patches.iter().map(|patched| &patched.code).collect()
}
