//! Running the cross-examination: every attempt's proving checks with every attempt's patch, and on the base.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use voe_agent::workspace::{Called, Workspace};
use voe_evidence::is_test;
use voe_trace::{Level, Reason};

use crate::examination::{Candidate, Crossed, Examination};
use crate::rollout::{Files, Rolled, proofs};
use crate::search::Search;
use crate::shared::{SearchError, Shared};

/// Patches that are examined at most, the best by level first.
const CANDIDATES: usize = 8;
/// Checks of one attempt that are run, the newest first.
const CHECKS: usize = 3;
/// Seconds for one run.
const LIMIT: Duration = Duration::from_secs(120);

/// A patch with its files.
struct Patched {
    code: Files,
    tests: Files,
    attempts: Vec<u32>,
}

/// Chooses among the rollouts; the number of the chosen one, and why. `None`: none changed anything.
pub(crate) async fn choose(search: &mut Search) -> Result<Option<(u32, Examination)>, SearchError> {
    let shared = Arc::clone(&search.shared);
    let rolled: Vec<Rolled> = search.rolled.values().cloned().collect();
    let patches = patches(&shared, rolled).await?;
    let mut examination = Examination {
        candidates: patches.iter().map(|patched| candidate(search, patched)).collect(),
        ..Examination::default()
    };
    // A user who wants to stop does not wait for checks.
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

/// The different patches. Those that change the code alike are one, whatever tests they bring.
async fn patches(shared: &Shared, mut rolled: Vec<Rolled>) -> Result<Vec<Patched>, SearchError> {
    let mut patches: Vec<Patched> = Vec::new();
    rolled.retain(|rolled| !rolled.finish.patch.is_empty());
    // The best stands for those that are alike.
    rolled.sort_by_key(|rolled| {
        std::cmp::Reverse((rolled.finish.evidence.level, rolled.over, std::cmp::Reverse(rolled.id)))
    });
    for rolled in rolled {
        let files = shared.files(&rolled.finish.patch).await?;
        let (tests, code): (Files, Files) =
            files.into_iter().partition(|(path, _)| is_test(&String::from_utf8_lossy(&path.0)));
        let alike = |patched: &Patched| patched.code == code && (!code.is_empty() || patched.tests == tests);
        match patches.iter().position(alike) {
            Some(same) => patches[same].attempts.push(rolled.id),
            None if patches.len() < CANDIDATES => patches.push(Patched { code, tests, attempts: vec![rolled.id] }),
            None => {}
        }
    }
    Ok(patches)
}

fn candidate(search: &Search, patched: &Patched) -> Candidate {
    let made = || patched.attempts.iter().filter_map(|id| search.rolled.get(id));
    let lines = |rolled: &Rolled| rolled.finish.changes.iter().map(|change| change.added + change.removed).sum();
    Candidate {
        attempts: patched.attempts.clone(),
        level: made().map(|rolled| rolled.finish.evidence.level).max().unwrap_or(Level::None),
        completed: made().any(|rolled| rolled.finish.reason == Reason::Completed),
        lines: made().next().map_or(0, lines),
        empty: false,
    }
}

/// A check with what it needs beside the code.
struct Proof {
    command: String,
    authors: Vec<u32>,
    tests: Files,
    pack: String,
}

/// The proving checks of all attempts. The same command with the same files is one.
async fn proofs_of(shared: &Shared, rolled: &[Rolled]) -> Result<Vec<Proof>, SearchError> {
    let mut found: Vec<Proof> = Vec::new();
    for rolled in rolled {
        let mut commands = proofs(rolled);
        commands.truncate(CHECKS);
        if commands.is_empty() {
            continue;
        }
        let files = shared.files(&rolled.finish.patch).await?;
        let tests: Files = files.into_iter().filter(|(path, _)| is_test(&String::from_utf8_lossy(&path.0))).collect();
        for command in commands {
            // Only what it names can matter to it, as far as that can be told from outside.
            let pack = if command.contains("/tmp") || command.contains("/var/tmp") {
                rolled.pack.clone()
            } else {
                String::new()
            };
            match found.iter_mut().find(|p| p.command == command && p.tests == tests && p.pack == pack) {
                Some(same) => same.authors.push(rolled.id),
                None => found.push(Proof { command, authors: vec![rolled.id], tests: tests.clone(), pack }),
            }
        }
    }
    Ok(found)
}

async fn crossed(search: &mut Search, patches: &[Patched]) -> Result<Vec<Crossed>, SearchError> {
    let made = patches.iter().flat_map(|patched| &patched.attempts);
    let made: Vec<Rolled> = made.filter_map(|id| search.rolled.get(id).cloned()).collect();
    let proofs = proofs_of(&Arc::clone(&search.shared), &made).await?;
    let mut checks: Vec<Crossed> = proofs
        .iter()
        .map(|proof| Crossed { authors: proof.authors.clone(), command: proof.command.clone(), ..Crossed::default() })
        .collect();
    // The base first, then each patch; the checks that need the same files share a workspace.
    let targets = std::iter::once(None).chain(patches.iter().map(Some));
    for target in targets {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, proof) in proofs.iter().enumerate() {
            let same = |other: &Proof| other.tests == proof.tests && other.pack == proof.pack;
            groups.entry(proofs.iter().position(same).unwrap_or(at)).or_default().push(at);
        }
        for (like, members) in groups {
            let mut files = target.map(|patched| patched.code.clone()).unwrap_or_default();
            files.extend(proofs[like].tests.iter().cloned());
            let mut fork = search.host.workspace().fork_base(files).await?;
            fork.unpack_scratch(&proofs[like].pack).await?;
            for at in members {
                let passed = passes(&mut fork, &proofs[at].command).await?;
                match target {
                    None => checks[at].base = passed,
                    Some(_) => checks[at].with.push(passed),
                }
            }
            close(fork).await;
        }
    }
    Ok(checks)
}

/// The repository's own tests that touch what the undecided patches change, on the base and with each of them.
async fn own_tests(search: &mut Search, patches: &[Patched], undecided: &[usize]) -> Result<Vec<Crossed>, SearchError> {
    let changed = |at: &usize| patches.get(*at).into_iter().flat_map(|patched| &patched.code);
    let mut paths: Vec<String> =
        undecided.iter().flat_map(changed).map(|(path, _)| String::from_utf8_lossy(&path.0).into_owned()).collect();
    paths.sort();
    paths.dedup();
    let commands = search.host.workspace().own_tests(&paths).await?;
    let mut tests: Vec<Crossed> = commands
        .iter()
        .map(|command| Crossed { command: command.clone(), with: vec![None; patches.len()], ..Crossed::default() })
        .collect();
    if tests.is_empty() {
        return Ok(tests);
    }
    let mut fork = search.host.workspace().fork_base(Vec::new()).await?;
    for test in &mut tests {
        test.base = passes(&mut fork, &test.command).await?;
    }
    close(fork).await;
    for at in undecided {
        let Some(patched) = patches.get(*at) else { continue };
        // Their own versions of tests are left out: a patch must not pass by changing what it is asked.
        let mut fork = search.host.workspace().fork_base(patched.code.clone()).await?;
        for test in tests.iter_mut().filter(|test| test.base == Some(true)) {
            test.with[*at] = passes(&mut fork, &test.command).await?;
        }
        close(fork).await;
    }
    Ok(tests)
}

/// Whether a command passes; `None`: it could not be started.
async fn passes(workspace: &mut Workspace, command: &str) -> Result<Option<bool>, SearchError> {
    Ok(match workspace.check(command, LIMIT).await? {
        Called::Result(result) => match result.exit {
            Some(126 | 127) => None,
            Some(exit) => Some(exit == 0),
            None => Some(false),
        },
        Called::Died(_) => None,
    })
}

async fn close(workspace: Workspace) {
    let sandbox = workspace.close().await;
    // What could not be cleaned up is swept at the next start.
    let _ = sandbox.close().await;
}
