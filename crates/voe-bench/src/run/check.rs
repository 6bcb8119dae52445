//! Checks that voe can have made a run directory: it may come from somebody else.

use std::ffi::{OsStr, OsString};

use voe_untrusted::{FileKind, UntrustedDir, private};

use super::dir_error::DirError;
use super::file::RunFile;

/// Depth of voe's own files: `grades/official/logs/run_evaluation/<run>/<model>/<id>/…`.
const DEPTH: usize = 8;

/// Most attempts that a run may have. Each is looked up on the disk.
const MOST_ATTEMPTS: u64 = 1_000_000;

/// Who may have changed a run directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Anybody: it is only read.
    Anybodys,
    /// It is written to, so each directory in it has to be this user's.
    Own,
}

/// Checks the kinds of files; names are checked where `run.toml` is read.
///
/// # Errors
/// A link or a special file among what voe reads and writes; for [`Whose::Own`] a directory of another user's.
pub(super) fn run(dir: &UntrustedDir, whose: Whose) -> Result<(), DirError> {
    walk(dir, whose, &mut Vec::new())
}

/// Checks that a directory called `name` contains only files and directories, at any depth.
///
/// # Errors
/// A link or a special file; too deep.
pub(crate) fn plain(dir: &UntrustedDir, name: &str) -> Result<(), DirError> {
    walk(dir, Whose::Anybodys, &mut vec![name.into()])
}

/// Checks that the directory at `at` in the run directory contains only files and directories.
fn walk(dir: &UntrustedDir, whose: Whose, at: &mut Vec<OsString>) -> Result<(), DirError> {
    if whose == Whose::Own {
        private::check_owner(dir)?;
    }
    for entry in dir.entries()? {
        at.push(entry.name.clone());
        match entry.kind {
            FileKind::File => {}
            FileKind::Dir if is_of_commands(at) => {}
            FileKind::Dir if at.len() <= DEPTH => {
                // A directory that disappears meanwhile belongs to a running attempt.
                match dir.dir(&entry.name) {
                    Err(error) if error.is_not_found() => {}
                    inner => walk(&inner?, whose, at)?,
                }
            }
            kind => return Err(DirError::Foreign { path: dir.path().join(&entry.name), kind }),
        }
        at.pop();
    }
    Ok(())
}

/// Whether commands write to a directory of a run. Such directories are not checked: their users expect anything there. The whole
/// path decides, since tasks and arms may have any name.
fn is_of_commands(at: &[OsString]) -> bool {
    let is = |part: &OsString, name: &str| part == OsStr::new(name);
    match at {
        [work] => is(work, "work"),
        [grades, official, work] => is(grades, "grades") && is(official, "official") && is(work, "work"),
        [tasks, _, _, tmp] => is(tasks, "tasks") && is(tmp, "tmp"),
        _ => false,
    }
}

/// Checks that the numbers in a `run.toml` are within the limits of a run.
pub(super) fn is_bounded(run: &RunFile) -> bool {
    let attempts = [run.trials.into(), run.tasks.len().max(1) as u64, run.arms.len().max(1) as u64];
    attempts.into_iter().try_fold(1_u64, u64::checked_mul).is_some_and(|all| all <= MOST_ATTEMPTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_directories_that_commands_write_to_are_passed_over_whatever_tasks_and_arms_are_called() {
        let at = |path: &str| path.split('/').map(OsString::from).collect::<Vec<_>>();
        for path in ["work", "grades/official/work", "tasks/x/a-1/tmp", "tasks/work/work-1/tmp"] {
            assert!(is_of_commands(&at(path)), "{path}");
        }
        for path in [
            "tasks/work",
            "tasks/work/a-1",
            "tasks/x/work",
            "tasks/tmp/a-1/work",
            "grades/work",
            "grades/a-1/work",
            "grades/official/logs/work",
            "grades/official/logs/tmp",
            "grades/official/logs/run_evaluation/voe/a-1/work",
            "predictions/work",
            "tmp",
        ] {
            assert!(!is_of_commands(&at(path)), "{path}");
        }
    }
}
