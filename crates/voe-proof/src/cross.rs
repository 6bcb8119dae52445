//! Cross-examination: the checks of several changes, run with each of them and on the base.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use voe_evidence::command::hides_exit;
use voe_evidence::hidden_exit::by_second_run;

use crate::own_tests::Commands;
use crate::workspace::{CallEnd, Workspace, WorkspaceError};
use crate::{Files, outcome};

/// The limit of one run.
const LIMIT: Duration = Duration::from_secs(120);

/// A check with the files that it needs besides the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortableCheck {
    /// The command.
    pub command: String,
    /// The tests that it may need.
    pub tests: Files,
    /// The scratch files that it may need, packed; empty: none.
    pub pack: String,
}

/// A check's outcome on the base and with each change; `None`: it could not be started, or was not run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckRow {
    /// Whether it passes on the base.
    pub base: Option<bool>,
    /// Whether it passes with each change.
    pub with: Vec<Option<bool>>,
}

/// Runs `checks` on the base of `workspace` and with each of `changes`, which are code without tests.
///
/// # Errors
/// The workspace can't be reached or forked.
pub async fn run(
    workspace: &mut Workspace,
    checks: &[PortableCheck],
    changes: &[&Files],
) -> Result<Vec<CheckRow>, WorkspaceError> {
    let mut rows = vec![CheckRow::default(); checks.len()];
    // Checks that need the same files share a workspace.
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, check) in checks.iter().enumerate() {
        let same = |other: &PortableCheck| other.tests == check.tests && other.pack == check.pack;
        groups.entry(checks.iter().position(same).unwrap_or(at)).or_default().push(at);
    }
    // The base first, then each change.
    for change in std::iter::once(None).chain(changes.iter().map(Some)) {
        for (like, members) in &groups {
            let mut files = change.map(|code| (*code).clone()).unwrap_or_default();
            files.extend(checks[*like].tests.iter().cloned());
            let mut fork = workspace.fork_base(files).await?;
            fork.unpack_scratch(&checks[*like].pack).await?;
            for at in members {
                let passed = passes(&mut fork, &checks[*at].command).await?;
                match change {
                    None => rows[*at].base = passed,
                    Some(_) => rows[*at].with.push(passed),
                }
            }
            close(fork).await;
        }
    }
    Ok(rows)
}

/// The repository's own tests that touch the files changed by `among`: on the base and, where they pass there, with each of
/// these changes. The changes' own versions of tests are left out: a change must not pass by changing the test.
///
/// # Errors
/// The workspace can't be reached or forked.
pub async fn own_tests(
    workspace: &mut Workspace,
    changes: &[&Files],
    among: &[usize],
) -> Result<Vec<(String, CheckRow)>, WorkspaceError> {
    let code = among.iter().filter_map(|at| changes.get(*at)).flat_map(|code| code.iter());
    let paths: BTreeSet<String> = code.map(|(path, _)| String::from_utf8_lossy(&path.0).into_owned()).collect();
    let paths: Vec<String> = paths.into_iter().collect();
    let Commands::Found(commands) = workspace.own_tests_of(&paths, &BTreeSet::new()).await? else {
        return Ok(Vec::new());
    };
    let row = || CheckRow { base: None, with: vec![None; changes.len()] };
    let mut tests: Vec<(String, CheckRow)> = commands.into_iter().map(|command| (command, row())).collect();
    if tests.is_empty() {
        return Ok(tests);
    }
    let mut fork = workspace.fork_base(Vec::new()).await?;
    for (command, row) in &mut tests {
        row.base = passes(&mut fork, command).await?;
    }
    close(fork).await;
    for at in among {
        let Some(code) = changes.get(*at) else { continue };
        let mut fork = workspace.fork_base((*code).clone()).await?;
        for (command, row) in tests.iter_mut().filter(|(_, row)| row.base == Some(true)) {
            row.with[*at] = passes(&mut fork, command).await?;
        }
        close(fork).await;
    }
    Ok(tests)
}

/// Whether a command passes; `None`: it could not be started.
async fn passes(workspace: &mut Workspace, command: &str) -> Result<Option<bool>, WorkspaceError> {
    // The form that does not hide its exit code; one that ends at a closed pipe is not known.
    let shown = hides_exit(command);
    Ok(match workspace.check(shown.as_deref().unwrap_or(command), LIMIT).await? {
        CallEnd::Result(result) => match result.exit {
            Some(126 | 127) => None,
            Some(_) if shown.is_some() => by_second_run(&outcome(&result)).map(|hidden| hidden.exit == 0),
            Some(exit) => Some(exit == 0),
            None => Some(false),
        },
        CallEnd::Died(_) => None,
    })
}

async fn close(workspace: Workspace) {
    let sandbox = workspace.close().await;
    // The next start sweeps what could not be cleaned up.
    let _ = sandbox.close().await;
}
