//! Support for self-tests: wrong solutions, and without `--out` a directory for each, so that none reuses another's verdicts.
//! The newest ones are kept.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use voe_bench::grade::PatchToGrade;
use voe_bench::{Suite, shipped};
use voe_untrusted::{FileKind, UntrustedDir, private};

use crate::UsageError;
use crate::show::one_line;

/// Directory of all self-tests, in the state directory.
const ALL: &str = "self-tests";
/// How many are kept.
const KEPT: usize = 5;
/// Locked by the voe that is grading.
const LOCK: &str = "lock";

/// Creates a directory for a self-test called `model`, with its lock. All but the newest few older ones are removed.
///
/// # Errors
/// The directory can't be created, or others could write to it.
pub(super) fn new(state: &Path, model: &str) -> anyhow::Result<(UntrustedDir, File)> {
    // It contains sandboxes, which need paths without links.
    let all = private::named(&state.canonicalize()?.join(ALL))?;
    let now = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
    let name = format!("{now}-{}-{model}", std::process::id());
    let made = private::dir_in(&all, &name)?;
    let lock = made.create_file(LOCK)?;
    lock.lock()?;
    if let Err(error) = thin(&all) {
        errln!("voe: cannot remove older self-tests: {}", one_line(&error.to_string()));
    }
    Ok((made, lock))
}

/// The wrong solutions of tasks that ship.
///
/// # Errors
/// A task does not ship: only those have wrong patches.
pub(super) fn wrong(suite: &Suite) -> anyhow::Result<Vec<PatchToGrade>> {
    let mut entries = Vec::new();
    for task in &suite.tasks {
        let Some(known) = shipped::find(&task.instance_id)? else {
            return Err(UsageError(format!(
                "{}: it has no wrong solutions; only tasks that ship with voe do",
                task.instance_id
            ))
            .into());
        };
        for (name, patch) in &known.wrong {
            let (task, name, patch) = (Arc::new(task.clone()), Some(name.clone()), Some(patch.clone()));
            entries.push(PatchToGrade { task, name, patch });
        }
    }
    Ok(entries)
}

/// Removes all but the newest ones, except those that a voe is using.
fn thin(all: &UntrustedDir) -> anyhow::Result<()> {
    let entries = all.entries()?.into_iter().filter(|entry| entry.kind == FileKind::Dir);
    let mut names: Vec<_> = entries.map(|entry| entry.name).filter(|name| is_own(&name.to_string_lossy())).collect();
    names.sort();
    for name in names.iter().rev().skip(KEPT) {
        let lock = all.dir(name)?.open_file(LOCK)?;
        if lock.is_none_or(|lock| lock.try_lock().is_ok()) {
            all.remove(name)?;
        }
    }
    Ok(())
}

/// Whether a directory name was made here: an earlier voe kept other files in the same place.
fn is_own(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_self_tests_the_newest_five_stay_and_those_that_are_at_work() {
        let state = tempfile::tempdir().unwrap();
        let all = private::named(&state.path().join(ALL)).unwrap();
        for (n, name) in ["logs", "20200101-000000-1-gold"].into_iter().enumerate() {
            all.make_dir(name).unwrap().replace("file", n.to_string().as_bytes()).unwrap();
        }
        let held = private::dir_in(&all, "20200101-000001-1-gold").unwrap().create_file(LOCK).unwrap();
        held.lock().unwrap();
        for n in 2..6 {
            private::dir_in(&all, &format!("20200101-00000{n}-1-gold")).unwrap();
        }
        let (made, _lock) = new(state.path(), "empty").unwrap();
        assert!(made.path().to_string_lossy().ends_with("-empty"));
        let mut names: Vec<_> = all.entries().unwrap().into_iter().map(|entry| entry.name).collect();
        names.sort();
        let names: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
        assert_eq!(names.len(), 7, "{names:?}");
        assert!(names.contains(&"logs".into()) && !names.contains(&"20200101-000000-1-gold".into()), "{names:?}");
        assert!(names.contains(&"20200101-000001-1-gold".into()), "held: {names:?}");
    }
}
